"""The nightly cleanup on real nodes: sixty overdue rentals, and one of the two nodes is dead."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bot_process import BotProcess, node2_hanging, wait_until

from slack_workspace import Workspace

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(900)]

RENTALS = 60


@pytest.fixture
def unlimited(clouds: dict[str, Any]) -> Iterator[None]:
    """Thirty rentals on a node need more than Neutron's ten security groups and Nova's ten servers."""
    for cloud in clouds.values():
        project = cloud.current_project_id
        cloud.set_network_quotas(project, security_group=-1, security_group_rule=-1, floatingip=-1, port=-1)
        cloud.set_compute_quotas(project, instances=-1, cores=-1, ram=-1)
    yield
    for cloud in clouds.values():
        cloud.delete_network_quotas(cloud.current_project_id)
        cloud.delete_compute_quotas(cloud.current_project_id)


def everything(cloud: Any) -> Counter[str]:
    """How many things of each kind that a rental may have are on a node."""
    network = cloud.network
    return Counter(
        {
            "servers": len(list(cloud.compute.servers())),
            "ports": len([p for p in network.ports() if p.name.startswith("kws-")]),
            "addresses": len(list(network.ips())),
            "groups": len([g for g in network.security_groups() if g.name.startswith("kws-")]),
            "networks": len(list(network.networks())),
            "volumes": 0,
        }
    )


def states(bot: BotProcess) -> Counter[tuple[str, str]]:
    """How many rentals are in which state on which node."""
    rows = json.loads(bot.kws("rentals", "--json"))
    return Counter((row["status"], row["node"] or "-") for row in rows)


def left(bot: BotProcess) -> int:
    """How many rentals are not over."""
    return len(json.loads(bot.kws("rentals", "--json")))


def warnings_delivered(bot: BotProcess) -> int:
    """How many the bot knows to have arrived: a message is in Slack a moment before, and only this one counts."""
    query = "SELECT count(*) FROM events WHERE kind = 'warned' AND delivered_at IS NOT NULL"
    with closing(sqlite3.connect(f"file:{bot.folder / 'kws.db'}?mode=ro", uri=True)) as database:
        return int(database.execute(query).fetchone()[0])


def rent_all(bot: BotProcess, workspace: Workspace) -> None:
    """Sixty in a row, by people who type, for one day."""
    mina = workspace.person("mina")
    wait_until(lambda: all(node["seen_at"] for node in json.loads(bot.kws("nodes", "--json"))), 60)
    for number in range(RENTALS):
        mina.command(f"/kws rent night{number} debian-12 small 1d")
    wait_until(lambda: left(bot) == RENTALS, 60)
    wait_until(lambda: states(bot) == {("ready", "node1"): 30, ("ready", "node2"): 30}, 600)


def warned(bot: BotProcess, workspace: Workspace) -> datetime:
    """Everybody is warned as the eve of the last day has come; returns the midnight after that day."""
    seoul = datetime.now(UTC).astimezone(ZoneInfo("Asia/Seoul"))
    last_day = seoul.date() + timedelta(days=1)
    bot.kws("nightly", "--yes", "--at", f"{last_day.isoformat()}T12:00")
    wait_until(lambda: warnings_delivered(bot) == RENTALS, 400)
    assert len([m for m in workspace.person("mina").dm() if ":alarm_clock:" in str(m)]) == RENTALS
    return datetime.combine(last_day + timedelta(days=1), datetime.min.time())


def test_sixty_overdue_with_one_node_dead(
    make_bot: Callable[..., BotProcess], workspace: Workspace, clouds: dict[str, Any], unlimited: None
) -> None:
    before = {name: everything(cloud) for name, cloud in clouds.items()}
    bot = make_bot(vcpus=30, max_builds=4)
    bot.start()
    rent_all(bot, workspace)
    midnight = warned(bot, workspace)
    with node2_hanging():
        bot.kws("nightly", "--yes", "--at", midnight.isoformat())
        took = wait_until(lambda: left(bot) == RENTALS // 2, 600)
        print(f"node1's thirty are gone after {took:.0f} s while node2 is dead")
        assert everything(clouds["node1"]) == before["node1"]
        assert left(bot) == RENTALS // 2, "node2's are still due"
    took = wait_until(lambda: left(bot) == 0, 600)
    print(f"node2's thirty are gone {took:.0f} s after it came back")
    assert {name: everything(cloud) for name, cloud in clouds.items()} == before
    bells = [m for m in workspace.person("mina").dm() if m.get("subtype") == "thread_broadcast"]
    assert len([m for m in bells if "checkered_flag" in str(m)]) == RENTALS, "everybody is told once of each"
