"""Alive or not, well or not, and how systemd hears of it."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.ops.health import HANGS_AFTER, TICK_WITHIN, Health
from bot.ops.supervisor import Supervisor
from bot.runner import Listen
from kws_core.errors import ConfigError
from kws_core.loop import Loop


class Watch:
    """A monotonic clock that is moved."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        return self.at


def loop(watch: Watch, tick: Callable[[], timedelta] = lambda: timedelta(0)) -> Loop:
    return Loop("reconciler", tick, threading.Event(), watch)


def health(loops: list[Loop], up: int = 2, wanted: int = 2, ask: Callable[[], None] = lambda: None) -> Health:
    return Health(loops, lambda: (up, wanted), ask, patience=0.05)


def test_all_is_well() -> None:
    report = health([loop(Watch())]).ready()
    assert report.ok
    assert report.as_json() == {
        "ok": True,
        "wrong": [],
        "slack_connections": 2,
        "slack_connections_wanted": 2,
    }


def test_one_connection_is_enough_and_none_is_not() -> None:
    assert health([], up=1).ready().ok
    assert health([], up=0).ready().wrong == ["not connected to Slack"]
    assert health([], up=0, wanted=0).ready().ok  # Request URLs: Slack comes to us


def test_slack_away_is_no_reason_for_a_restart() -> None:
    assert health([loop(Watch())], up=0).live().ok


def test_a_database_that_refuses_or_hangs() -> None:
    def refuse() -> None:
        raise OSError("connection refused: password=hunter2")

    report = health([], ask=refuse).ready()
    assert report.wrong == ["the database isn't responding"]  # and not what the driver said
    hang = threading.Event()
    hung = health([], ask=lambda: hang.wait(20) and None)
    assert hung.ready().wrong == ["the database isn't responding"]
    assert hung.ready().wrong == ["the database isn't responding"]
    hang.set()
    assert [hung.ready().ok for _ in range(20)][-1]
    hung.close()


def test_a_loop_that_hangs_and_one_whose_ticks_fail() -> None:
    watch = Watch()
    stuck = loop(watch)
    watch.at += TICK_WITHIN + 1
    probe = health([stuck])
    assert probe.ready().wrong == ["the reconciler has done nothing for 31 s"]
    assert probe.live().ok
    watch.at += HANGS_AFTER
    assert probe.live().wrong == ["the reconciler has been stuck for 121 s"]


def test_a_tick_that_fails_is_a_turn_but_no_work() -> None:
    watch = Watch()
    stop = threading.Event()

    def fail() -> timedelta:
        watch.at += 200
        stop.set()
        raise RuntimeError("the database is away")

    failing = Loop("reconciler", fail, threading.Event(), watch)
    failing.start()
    assert stop.wait(5)
    failing.stop()
    assert failing.since_turn() == 0
    assert failing.since_tick() >= 200


# -- systemd


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    """A NOTIFY_SOCKET, and what came there since the last look."""
    path = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(path)
        heard.setblocking(False)

        def news() -> list[str]:
            found = []
            while True:
                try:
                    found.append(heard.recv(4096).decode())
                except BlockingIOError:
                    return found

        yield path, news


def test_ready_watchdog_stopping(systemd: tuple[str, Callable[[], list[str]]]) -> None:
    path, news = systemd
    told = Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "24000000", "WATCHDOG_PID": str(os.getpid())})
    assert told.interval == 8
    told.ready("started")
    told.beat(True, "working")
    told.beat(True, "working")
    told.beat(False, "the reconciler has been stuck for 100 s")
    told.stopping()
    assert news() == [
        "READY=1\nSTATUS=started",
        "WATCHDOG=1\nSTATUS=working",
        "WATCHDOG=1",
        "STATUS=the reconciler has been stuck for 100 s",
        "STOPPING=1\nSTATUS=stopping",
    ]


def test_it_beats_until_it_is_stopped(systemd: tuple[str, Callable[[], list[str]]]) -> None:
    path, news = systemd
    told, stop, looks = Supervisor({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000"}), threading.Event(), []

    def alive() -> bool:
        looks.append(1)
        if len(looks) == 3:
            stop.set()
        return True

    told.attend(stop, alive, lambda: "working")
    assert news() == ["WATCHDOG=1\nSTATUS=working", "WATCHDOG=1", "WATCHDOG=1"]


def test_without_systemd_nothing_is_sent_and_nothing_fails(tmp_path: Path) -> None:
    Supervisor({}).ready("started")
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).stopping()
    other = Supervisor({"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"})
    assert other.watchdog == 0


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("9100", Listen("127.0.0.1", 9100)),
        ("0.0.0.0:9100", Listen("0.0.0.0", 9100)),
        (":0", Listen("127.0.0.1", 0)),
    ],
)
def test_where_to_listen(text: str, address: Listen) -> None:
    assert Listen.of("--metrics", text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "1:70000", "9100x"])
def test_no_address(text: str) -> None:
    with pytest.raises(ConfigError, match="--metrics"):
        Listen.of("--metrics", text)
