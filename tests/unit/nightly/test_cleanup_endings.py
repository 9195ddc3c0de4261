"""What the night takes and leaves alone: quiet days, containers, dead nodes; and what admins read of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from harness.ends_kit import at
from harness.night_kit import GRACE, NGINX, QUIET, lent, night, node_of, ready, status
from harness.world import JOON, MINA, World

from bot.text.i18n import Texts
from bot.views import event_lines

MakeWorld = Callable[..., World]


def test_on_quiet_days_nothing_is_deleted(make_world: MakeWorld) -> None:
    world = make_world(policy=QUIET)
    early, moved = lent(world), lent(world, "web02", 1, warned=False)
    late = lent(world, "late", warned=False)  # is warned too late for tonight
    world.clock.advance(hours=3)
    world.nightly.tick()
    world.deliver_all()
    seen = {}
    for _ in range(7):
        night(world)
        seen[world.day(0).day] = status(world, early, moved, late)
    kept, gone = ["ended", "ready", "ready"], ["ended", "ended", "ended"]
    assert seen == {2: kept, 3: kept, 4: kept, 5: kept, 6: ["ended", "ready", "ended"], 7: gone, 8: gone}
    keys = {str(key).rpartition(":")[0] for key in world.warned(moved)}
    assert keys == {"warned:2026-12-06"}


def test_a_pass_that_is_caught_up_on_a_quiet_day_deletes_nothing(make_world: MakeWorld) -> None:
    world = make_world(policy=QUIET)
    rental = lent(world)
    world.clock.at = at("2026-12-04T15:00")
    world.nightly.tick()
    assert status(world, rental) == ["ready"]
    world.clock.at = at("2026-12-06T11:00")
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


def test_a_grace_time_that_ran_out_unseen_is_not_ended_on_a_quiet_day(make_world: MakeWorld) -> None:
    world = make_world(policy=f"grace_hours = 12\n{QUIET}")
    rental = lent(world)
    night(world)
    assert status(world, rental) == ["stopped"]
    world.clock.at = at("2026-12-03T09:00")  # it was over at noon of the day before, when nobody looked
    world.nightly.tick()
    assert status(world, rental) == ["stopped"]
    world.clock.at = at("2026-12-06T00:00")
    world.nightly.tick()
    assert status(world, rental) == ["ending"]


@pytest.mark.parametrize("form", [{}, NGINX], ids=["server", "container"])
def test_nothing_is_left_of_what_has_ended(world: World, form: dict[str, Any]) -> None:
    rental = ready(world, **form)
    night(world)
    assert status(world, rental) == ["ended"]
    assert world.left() == {}
    assert world.kinds(rental)[-2:] == ["expired", "ended"]
    world.nightly.tick()
    (summary,) = world.notices("night")
    brief = {"id": rental.id, "name": "web01", "owner": MINA.id}
    assert summary == {
        "day": "2026-12-02", "ended": [brief], "stopped": [], "stuck": [], "failed": [],
    }  # fmt: skip


def test_a_dead_node_keeps_its_own_and_nobody_elses(world: World) -> None:
    first, second = ready(world, "web01"), ready(world, "web02")
    assert node_of(world, first) is not node_of(world, second)
    dead = node_of(world, first)
    dead.go_down()
    night(world)
    assert status(world, first, second) == ["ending", "ended"]
    world.nightly.tick()
    assert world.notices("night") == []
    world.clock.advance(minutes=30)
    world.settle(2)
    world.nightly.tick()
    (summary,) = world.notices("night")
    assert [one["name"] for one in summary["ended"]] == ["web02"]
    assert [(one["name"], one["node"], one["why"]) for one in summary["stuck"]] == [
        ("web01", dead.name, "silent")
    ]
    night(world)
    assert status(world, first) == ["ending"]
    dead.come_back()
    world.clock.advance(minutes=2)
    world.settle(14)
    assert status(world, first) == ["ended"]
    assert world.left() == {}
    world.nightly.tick()
    assert len(world.notices("night")) == 1


def test_what_a_node_still_shows_is_told(make_world: MakeWorld) -> None:
    world = make_world(fakes={"delete_seconds": 10**7})
    rental = ready(world)
    night(world)
    world.clock.advance(minutes=30)
    world.settle(2)
    world.nightly.tick()
    (summary,) = world.notices("night")
    (stuck,) = summary["stuck"]
    assert (stuck["id"], stuck["node"]) == (rental.id, node_of(world, rental).name)
    assert "server" in stuck["why"]


def test_what_is_stopped_is_told_as_such(make_world: MakeWorld) -> None:
    world = make_world(policy=GRACE)
    lent(world)
    night(world)
    world.nightly.tick()
    (summary,) = world.notices("night")
    assert ([one["name"] for one in summary["stopped"]], summary["ended"]) == (["web01"], [])


def test_a_night_without_news_is_not_told(world: World) -> None:
    lent(world, days=9)
    lent(world, "kept", warned=False)
    for _ in range(3):
        night(world)
        world.nightly.tick()
    assert world.notices("night")[1:] == []
    assert [one["name"] for summary in world.notices("night") for one in summary["ended"]] == ["kept"]


def test_a_node_that_was_away_is_asked_to_delete_as_soon_as_it_is_back(world: World) -> None:
    rental = ready(world)
    node = world.nodes["node1"]
    world.rental_service.return_rental(MINA, rental.id)
    node.go_down()
    for _ in range(8):
        world.clock.advance(minutes=1)
        world.tick()
    node.come_back()
    node.calls.clear()
    world.clock.advance(minutes=1)
    world.tick()
    assert "release" in node.calls


@pytest.mark.parametrize("stage", ["Queued", "is built"])
def test_what_nobody_has_had_yet_does_not_end_unwarned(make_world: MakeWorld, stage: str) -> None:
    world = make_world(nodes=1, max_builds=1, fakes={"build_seconds": 600})
    if stage != "is built":
        world.rent("first", JOON, ends_on=world.day(5))
        world.settle(3)
    world.clock.at = at("2026-12-01T23:55")
    rental = world.rent(ends_on=world.day(0))
    world.settle(3)
    for _ in range(2):
        world.clock.at = at("2026-12-02T00:00")
        world.nightly.tick()
    assert status(world, rental) == ["building"]
    assert world.look(rental).ends_on == world.day(0)
    assert world.kinds(rental).count("extended") == 1, "one night is one day"
    line = event_lines.line(world.last_event(rental), world.look(rental), Texts("en"))
    assert "was still creating it" in str(line)
    for hours in (0.15, 0.2, 0.2, 11):
        world.clock.advance(hours=hours)
        world.settle(8)
        world.nightly.tick()
        world.deliver_all()
    assert status(world, rental) == ["ready"]
    assert len(world.warned(rental)) == 1
    world.midnight(1, minutes=30)
    world.nightly.tick()
    assert status(world, rental) == ["ending"]
