"""What Prometheus reads, and the dashboard that draws it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from harness.night_kit import lent
from harness.world import JOON, World
from prometheus_client.parser import text_string_to_metric_families

from bot.ops.metrics import MOST_CODES, Metrics
from kws_core.database.alerts import alert_admins
from kws_core.errors import NodeDown, Refusal
from kws_core.people import Actor
from kws_core.reports.metrics import figures
from kws_core.tables.details.alerts import DepartedAlert

ROOT = Path(__file__).parents[4]
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def metrics_of(world: World) -> Metrics:
    return Metrics(lambda: figures(world.context), [], lambda: (2, 2))


def scrape(metrics: Metrics) -> Samples:
    """By name and labels, as a Prometheus would read them."""
    families = text_string_to_metric_families(metrics.page().decode())
    return {(s.name, frozenset(s.labels.items())): s.value for f in families for s in f.samples}


def value(samples: Samples, name: str, **labels: str) -> float:
    return samples[name, frozenset(labels.items())]


def test_an_empty_lab_says_zero_not_nothing(world: World) -> None:
    samples = scrape(metrics_of(world))
    assert value(samples, "kws_rentals", kind="server", state="ready") == 0
    assert value(samples, "kws_build_seconds_count", node="node1") == 0
    assert value(samples, "kws_outbox_age_seconds", to="owners") == 0
    assert value(samples, "kws_database_up") == 1
    assert value(samples, "kws_node_up", node="node2") == 1
    assert value(samples, "kws_node_lendable_resources", node="node1", resource="vcpus") == 8


def test_a_build_is_counted_on_its_node_with_its_time(make_world: Callable[..., World]) -> None:
    world = make_world(fakes={"build_seconds": 7.0})
    rental = world.rent("web01")
    world.settle(20)
    rental = world.look(rental)
    assert rental.placement and rental.placement.server_at and rental.ready_at
    took = (rental.ready_at - rental.placement.server_at).total_seconds()
    assert 7 <= took <= 9
    samples, node = scrape(metrics_of(world)), rental.placement.node
    assert value(samples, "kws_build_seconds_sum", node=node) == took
    assert value(samples, "kws_build_seconds_count", node=node) == 1
    assert value(samples, "kws_build_seconds_bucket", node=node, le="5.0") == 0
    assert value(samples, "kws_build_seconds_bucket", node=node, le="10.0") == 1
    other = "node2" if node == "node1" else "node1"
    assert value(samples, "kws_build_seconds_count", node=other) == 0
    assert value(samples, "kws_rentals", kind="server", state="ready") == 1


def test_builds_stay_counted_when_rentals_are_over_and_after_a_restart(world: World) -> None:
    rental = world.ready()
    world.rental_service.return_rental(Actor(rental.owner), rental.id)
    world.settle()
    world.restart()
    samples = scrape(metrics_of(world))
    assert sum(value(samples, "kws_build_seconds_count", node=n) for n in ("node1", "node2")) == 1
    assert value(samples, "kws_rentals", kind="server", state="ended") == 1


def test_how_long_somebody_has_waited_for_room(make_world: Callable[..., World]) -> None:
    world = make_world(1, vcpus=1)
    world.ready("a1")
    assert value(scrape(metrics_of(world)), "kws_waiting_seconds") == 0
    world.rent("exam", starts_on=world.day(20), ends_on=world.day(21))
    assert value(scrape(metrics_of(world)), "kws_waiting_seconds") == 0, "its day has not come"
    world.rent("web01", JOON, wait=True)
    world.clock.advance(seconds=90)
    world.rent("web02", JOON, wait=True)
    samples = scrape(metrics_of(world))
    assert value(samples, "kws_waiting_seconds") == 90
    assert value(samples, "kws_rentals", kind="server", state="waiting") == 3


def test_a_refused_try_is_no_build(world: World) -> None:
    world.nodes["node1"].break_next()
    world.nodes["node2"].break_next()
    world.rent()
    world.settle(30)
    samples = scrape(metrics_of(world))
    assert sum(value(samples, "kws_build_seconds_count", node=n) for n in ("node1", "node2")) == 0


def test_a_dead_node_and_a_stuck_deletion(world: World) -> None:
    rental = world.ready()
    assert rental.placement
    node = rental.placement.node
    world.nodes[node].go_down()
    world.rental_service.return_rental(Actor(rental.owner), rental.id)
    world.settle(15)
    samples = scrape(metrics_of(world))
    assert value(samples, "kws_node_up", node=node) == 0
    assert value(samples, "kws_deletions", node=node) == 1
    assert value(samples, "kws_deletions_stuck", node=node) == 0
    world.clock.advance(hours=2)
    assert value(scrape(metrics_of(world)), "kws_deletions_stuck", node=node) == 1


def test_the_outbox_grows_old_while_slack_is_away(world: World) -> None:
    world.rent()
    world.clock.advance(minutes=10)
    with world.store.write() as session:
        alert_admins(session, DepartedAlert("U1"), "k", world.clock())
    world.clock.advance(minutes=5)
    samples = scrape(metrics_of(world))
    assert value(samples, "kws_outbox_age_seconds", to="owners") == 900
    assert value(samples, "kws_outbox_age_seconds", to="admins") == 300
    assert value(samples, "kws_outbox_messages", to="admins") == 1
    world.deliver_all()
    assert value(scrape(metrics_of(world)), "kws_outbox_age_seconds", to="owners") == 0


def test_the_night_pass_is_due_until_it_was_run(world: World) -> None:
    lent(world, "old", days=0)
    world.midnight(1, minutes=20)
    before = scrape(metrics_of(world))
    assert value(before, "kws_night_pass_due_seconds") == 20 * 60
    assert ("kws_night_pass_success_timestamp_seconds", frozenset()) not in before
    world.nightly.tick()
    after = scrape(metrics_of(world))
    assert value(after, "kws_night_pass_due_seconds") == 0
    assert value(after, "kws_night_pass_ended") == 1
    assert value(after, "kws_night_pass_success_timestamp_seconds") == world.clock().timestamp()


def test_leaks_are_counted_by_node(world: World) -> None:
    world.nodes["node2"].plant("kws-abcdefghjk")
    world.reconciler.sweep.sweep("node2")
    samples = scrape(metrics_of(world))
    assert (value(samples, "kws_leaks", node="node1"), value(samples, "kws_leaks", node="node2")) == (0, 1)


def test_a_database_that_is_away_costs_only_its_own_figures(caplog: pytest.LogCaptureFixture) -> None:
    def away() -> None:
        raise OSError("no route")

    samples = scrape(Metrics(away, [], lambda: (1, 2)))  # type: ignore[arg-type]
    assert value(samples, "kws_database_up") == 0
    assert value(samples, "kws_slack_connections") == 1
    assert "no route" in caplog.text


def test_labels_are_bounded_and_say_nothing_secret(world: World) -> None:
    metrics = metrics_of(world)
    world.ready("secret-project")
    for number in range(MOST_CODES + 20):
        metrics.slack_failed("chat.postMessage", f"code_{number}")
    metrics.slack_failed("chat.postMessage", "xoxb-1234 token")
    text = metrics.page().decode()
    assert value(scrape(metrics), "kws_slack_errors_total", method="chat.postMessage", error="other") == 21
    assert text.count("kws_slack_errors_total{") == MOST_CODES + 1
    for private in ("secret-project", "U0MINA00001", "xoxb", "203.0.113"):
        assert private not in text


def test_every_metric_of_the_dashboard_exists(world: World) -> None:
    lent(world, "old")
    world.midnight()
    world.nightly.tick()
    metrics = metrics_of(world)
    metrics.slack_failed("chat.update", "ratelimited")
    known = {name for name, _ in scrape(metrics)}
    known |= {"kws_loop_idle_seconds"}  # this test has no loops
    dashboard = json.loads((ROOT / "deploy/grafana.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel.get("targets", ())]
    named = {name for query in queries for name in re.findall(r"\b(?:kws|process)_[a-z0-9_]+", query)}
    assert len(queries) >= 12
    assert named - known == set()
    ours = {
        name
        for name in known
        if name.startswith("kws_") and not name.endswith(("_created", "_sum", "_count"))
    }
    alerts = (ROOT / "deploy/alerts.yaml").read_text()
    mentioned = (
        named
        | set(re.findall(r"kws_[a-z_]+", alerts))
        | set(re.findall(r"kws_[a-z_]+", (ROOT / "docs/reference/metrics.md").read_text()))
    )
    assert ours - mentioned == set(), "not drawn, not alerted on, not documented"


def test_every_metric_of_the_alerts_exists(world: World) -> None:
    known = {name for name, _ in scrape(metrics_of(world))}
    known |= {"kws_loop_idle_seconds", "kws_slack_errors_total", "kws_night_pass_success_timestamp_seconds"}
    known |= {"kws_web_proxy_up"}  # where there is one
    named = set(re.findall(r"\bkws_[a-z_]+", re.sub(r"#.*", "", (ROOT / "deploy/alerts.yaml").read_text())))
    assert named and named - known == set()


def test_a_node_that_never_answered_is_down(world: World) -> None:
    world.nodes["node1"].fail_next("capacity", NodeDown("node1", Refusal.DOWN, "x"))
    world.clock.advance(minutes=2)
    world.tick()
    assert value(scrape(metrics_of(world)), "kws_node_up", node="node1") == 0
