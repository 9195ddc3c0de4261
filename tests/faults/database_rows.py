"""Faults of the database: locked by another process, gone, full."""

from __future__ import annotations

import subprocess
import sys

from faults.bench import Bench
from faults.node_rows import ready
from faults.rows import ALL, Row
from kws_core.tables.states import Status

LOCK = """
import sqlite3, sys, time
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
connection.rollback()
"""
AWAY = 60 if ALL else 5  # seconds without PostgreSQL


def locked(bench: Bench, seconds: float) -> None:
    """Another process holds the write lock from before the form is submitted."""
    bench.joon.command("/kws rent")
    bench.workspace.wait_for(lambda: bench.joon.open_view)
    command = [sys.executable, "-c", LOCK, str(bench.database), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout and holder.stdout.readline() == b"locked\n"
        bench.strike()
        persist(bench)
        holder.wait(seconds + 10)
    bench.over()
    ready(bench, 60)


def persist(bench: Bench) -> None:
    """Joon submits the form until it closes."""
    bench.until(lambda: bench.submit().acked and bench.joon.open_view is None, 120)


def gone(bench: Bench, when: str) -> None:
    """PostgreSQL stops at that moment and is started again."""
    server = bench.prop
    if when == "building":
        bench.rent()
    else:
        bench.joon.command("/kws rent")
        bench.workspace.wait_for(lambda: bench.joon.open_view)
    server.halt()
    bench.strike()
    if when == "submitted":
        bench.submit()
    else:
        bench.sights.form(bench.joon.command("/kws list"))
    bench.pass_time(AWAY)
    server.go()
    bench.over()
    if when == "submitted":
        persist(bench)
    ready(bench, 90)


def full(bench: Bench, when: str) -> None:
    """The disk is filled to the last byte, and after half a minute there is room again."""
    disk = bench.prop
    if when == "building":
        bench.rent()
        bench.beat()
    elif when == "returned":
        bench.rent()
        bench.until(lambda: bench.told(Status.READY), 60)
    else:
        bench.joon.command("/kws rent")
        bench.workspace.wait_for(lambda: bench.joon.open_view)
    disk.fill()
    bench.strike()
    if when == "submitted":
        bench.submit()
    elif when == "returned":
        bench.sights.form(bench.joon.click("rental_return", where="message", confirm=True))
    bench.pass_time(30)
    disk.empty()
    bench.over()
    if when == "submitted":
        persist(bench)
    if when == "returned":
        bench.joon.click("rental_return", where="message", confirm=True)
        bench.recovers(lambda: bench.told(Status.ENDED), 120)
    else:
        ready(bench, 120)


ROWS = (
    Row("database is locked (SQLite)", "for 2 s, when the form is submitted", locked, (2.0,), real=True),
    Row("database is locked (SQLite)", "for 15 s, when the form is submitted", locked, (15.0,), real=True, noisy=True),
    Row("database is gone for a minute (PostgreSQL)", "when the form is submitted, or while creating", gone,
        ("submitted", "building"), real=True, noisy=True, database="postgres"),
    Row("disk is full for 30 s (SQLite)", "when the form is submitted, while creating, at the return", full,
        ("submitted", "building", "returned"), noisy=True, database="disk"),
)  # fmt: skip
