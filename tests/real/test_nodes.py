"""Nodes out of service and silent, on real OpenStack: a drained node gets nothing, a silence is told once."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from bot_process import BotProcess, ask_to_return, node2_hanging, wait_until

from slack_workspace import Workspace, visible_text

pytestmark = [pytest.mark.openstack, pytest.mark.timeout(600)]


def rentals(bot: BotProcess) -> dict[str, tuple[str, str | None]]:
    """By name: state and node."""
    return {row["name"]: (row["status"], row["node"]) for row in json.loads(bot.kws("rentals", "--json"))}


def servers(clouds: dict[str, Any], node: str) -> dict[str, str]:
    """KWS's servers as Nova has them: names by rental."""
    found = {server.metadata.get("kws_rental"): server.name for server in clouds[node].compute.servers()}
    return {rental: name for rental, name in found.items() if rental}


def new(clouds: dict[str, Any], node: str, before: dict[str, dict[str, str]]) -> set[str]:
    """The names of those that came since."""
    return {name for rental, name in servers(clouds, node).items() if rental not in before[node]}


def dm(person: Any, *parts: str) -> list[str]:
    """The messages of a person's DM that have all these parts in them, in whatever language and order."""
    texts = [visible_text(message) for message in person.dm()]
    return [text for text in texts if all(part in text for part in parts)]


def ask(workspace: Workspace, person: Any, command: str, answer: str) -> str:
    """Types a command; what it answers, when that has ``answer`` in it."""
    seen = len(person.ephemeral())
    person.command(command)

    def said() -> list[str]:
        return [t for m in person.ephemeral()[seen:] if answer in (t := visible_text(m))]

    return str(workspace.wait_for(said, timeout=10)[-1])


def rent(person: Any, bot: BotProcess, *names: str) -> None:
    for name in names:
        person.command(f"/kws rent {name} debian-12 small 1d")
    wait_until(lambda: all(rentals(bot).get(name, ("", ""))[0] == "ready" for name in names), 120)


def return_rental(workspace: Workspace, person: Any, bot: BotProcess) -> None:
    """Everything, by buttons."""
    for name in rentals(bot):
        ask_to_return(workspace, person, name)
    wait_until(lambda: not rentals(bot), 200)


def drain(workspace: Workspace, admin: Any, node: str) -> None:
    """In Slack, with a word to the people on it."""
    admin.command(f"/kws admin nodes drain {node}")
    workspace.wait_for(lambda: admin.open_view, timeout=10)
    admin.fill_form({"tell": ["tell"], "reason": "new disk"})
    outcome = admin.submit()
    assert outcome.errors == {}, outcome
    workspace.wait_for(lambda: "node_undrain" in str(admin.ephemeral()), timeout=10)


def test_a_drained_node_gets_nothing(
    make_bot: Callable[..., BotProcess], workspace: Workspace, clouds: dict[str, Any]
) -> None:
    mina, admin = workspace.person("mina"), workspace.person("admin")
    bot = make_bot(vcpus=5, containers=False)
    bot.start()
    before = {node: servers(clouds, node) for node in clouds}
    wait_until(lambda: all(row["up"] for row in json.loads(bot.kws("nodes", "--json"))), 30)
    rent(mina, bot, "first")
    node = rentals(bot)["first"][1]
    assert node
    other = "node2" if node == "node1" else "node1"
    drain(workspace, admin, node)
    workspace.wait_for(lambda: dm(mina, ":construction:"), timeout=10)
    names = [f"later{number}" for number in range(5)]
    rent(mina, bot, *names)
    assert new(clouds, other, before) == set(names)
    assert new(clouds, node, before) == {"first"}, "what was there stays, nothing new comes"
    mina.command("/kws rent toomuch debian-12 small 1d")
    workspace.wait_for(lambda: len([m for m in mina.ephemeral() if "vCPU" in visible_text(m)]), timeout=10)
    assert "toomuch" not in rentals(bot), "the other node is full, and this one gets nothing"
    mina.command("/kws status")
    workspace.wait_for(lambda: [f for f in mina.files() if f["name"] == "kws-status.png"], timeout=30)
    (picture,) = [f for f in mina.files() if f["name"] == "kws-status.png"]
    assert f"{node} (drained) 1/5" in picture["alt_txt"]
    assert f"{other} 5/5" in picture["alt_txt"]
    (bot.folder / "kws-status.png").write_bytes(mina.download(picture))
    for row in json.loads(bot.kws("nodes", "--json")):
        assert row["state"] == ("drained" if row["name"] == node else "up")
        assert row["latency_ms"] > 0
        assert row["measured_vcpus"] >= row["lent_vcpus"] == (1 if row["name"] == node else 5)
    bot.kws("nodes", "undrain", node)
    rent(mina, bot, "again")
    assert new(clouds, node, before) == {"first", "again"}
    acts = [(row["what"], row["from"]) for row in json.loads(bot.kws("audit", "--json"))]
    assert ("drain", "form") in acts
    assert ("undrain", "cli") in acts
    return_rental(workspace, mina, bot)
    assert {node: servers(clouds, node) for node in clouds} == before


def test_a_silent_node_is_told_once_and_so_is_its_return(
    make_bot: Callable[..., BotProcess], workspace: Workspace
) -> None:
    admin = workspace.person("admin")
    bot = make_bot(containers=False)
    bot.start()
    wait_until(lambda: all(row["up"] for row in json.loads(bot.kws("nodes", "--json"))), 30)
    with node2_hanging():
        took = wait_until(lambda: dm(admin, ":red_circle:", "node2"), 120)
        print(f"told {took:.0f} s after it fell silent")
        (row,) = [row for row in json.loads(bot.kws("nodes", "--json")) if row["name"] == "node2"]
        assert (row["state"], bool(row["error"])) == ("down", True)
        ask(workspace, admin, "/kws admin nodes", "node2")
    took = wait_until(lambda: dm(admin, ":large_green_circle:", "node2"), 90)
    print(f"told {took:.0f} s after it came back")
    (row,) = [row for row in json.loads(bot.kws("nodes", "--json")) if row["name"] == "node2"]
    assert (row["state"], row["error"], bool(row["last_error"])) == ("up", None, True)
    time.sleep(15)  # more than the loop of the admins' notices takes
    assert len(dm(admin, "node2")) == 2, "each once"
