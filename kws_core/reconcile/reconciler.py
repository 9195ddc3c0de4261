"""The loop that closes the gap between what the database wants and what the nodes show.

A *placement* (one try of a rental on one node) is the unit of work: load it, act on the node with no
transaction open, apply what was seen in one guarded transaction (``reconcile/steps.py`` has the acts). Each node has
its own executors, so a dead or slow one delays nobody else's.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from kws_core.cluster import heartbeat
from kws_core.context import Context, Executors
from kws_core.copies.queries import next_checks
from kws_core.database import queries
from kws_core.errors import NodeDown, NodeError, Refusal
from kws_core.nodes import Node
from kws_core.nodes.values import Machine
from kws_core.reconcile.cleanup import RETRY_MOST
from kws_core.reconcile.copy_keeper import CopyKeeper
from kws_core.reconcile.guarded_update import Job
from kws_core.reconcile.idle_watch import IdleWatch
from kws_core.reconcile.orphan_sweep import EVERY, FIRST, SILENT_AGAIN, Sweep
from kws_core.reconcile.resumption import OUTAGE
from kws_core.reconcile.steps import Steps, is_new_server, waits_for_list
from kws_core.rentals.waiting import Waiting
from kws_core.scheduling import build_slots, node_alerts, outages, work_queue
from kws_core.scheduling import capacity as catalogue
from kws_core.tables.states import PlacementState
from kws_core.values import Kind

log = logging.getLogger(__name__)

LEASE = timedelta(minutes=10)
GIVE_BACK_TRIES = 3  # the database itself waits ten seconds each time
REFRESH = timedelta(seconds=60)
PING = timedelta(seconds=10)
SILENT = timedelta(seconds=4)  # without an answer for that long, what isn't created yet goes elsewhere
REFRESH_DOWN = timedelta(seconds=5)
IDLE = timedelta(seconds=1)
REST = timedelta(milliseconds=100)  # between two ticks that nothing woke; what is due by then goes together


class Reconciler:
    """``tick()`` starts what is due and returns; the work runs on the nodes' executors."""

    def __init__(
        self, context: Context, nodes: Mapping[str, Node], executors: Executors, who: str | None = None
    ) -> None:
        self.context = context
        self.nodes = nodes
        self.executors = executors
        self.who = who or context.who
        self.steps = Steps(context, nodes, self.who)
        self.copies = CopyKeeper(context, nodes)
        self.sweep = Sweep(context, nodes)
        self.waiting = Waiting(context)
        self.idle = IdleWatch(context, nodes)
        self.sweeps = True  # False: leave orphaned resources alone; another installation may use the nodes
        self._guard = threading.Lock()
        self._busy: dict[tuple[str, str], bool] = {}  # (node, sort) under way: whether it is due again by now
        self._jobs: set[int] = set()  # placements whose step is under way here
        self._listed: dict[str, list[Job]] = {}  # of them, by node, those that wait for its list
        self._refresh_at: dict[str, datetime] = {}
        self._ping_at: dict[str, datetime] = {}
        self._sweep_at: dict[str, datetime] = {}
        self._idle_at: dict[str, datetime] = {}
        self._stopping = False

    def start(self) -> None:
        """To be called once before the first tick: a process that is alone takes its old leases back."""
        if self.context.store.single_process:
            with self.context.store.write() as session:
                heartbeat.release_everything(session)
        with self.context.store.write() as session:
            node_alerts.tell_missed(session, self.context.config, self.context.now())

    def stop(self) -> None:
        """No new work is begun; what is under way finishes on its executors."""
        self._stopping = True

    def tick(self) -> timedelta:
        """Start a round on each node with something due; returns how long to wait for the next."""
        now = self.context.now()
        if self._stopping:
            return IDLE
        with self.context.store.look() as connection:
            checks = work_queue.next_checks(connection, now, now + IDLE)
            copies = next_checks(connection)
        for name in self.nodes:
            if name in copies and copies[name] <= now:
                self._start(name, "copies", self.copies.run, on="refresh")
            if name in checks and checks[name] <= now:
                self._start(name, "round", self._reconcile_pass)
            if self._refresh_at.get(name, now) <= now:
                self._refresh_at[name] = now + REFRESH
                self._start(name, "refresh", self._refresh)
            elif self._ping_at.get(name, now) <= now:
                self._ping_at[name] = now + PING
                self._start(name, "ping", self._ping)
            if self.sweeps and self._sweep_at.setdefault(name, now + FIRST) <= now:
                self._sweep_at[name] = now + EVERY
                self._start(name, "sweep", self._sweep, on="refresh")
            if self._idle_at.setdefault(name, now + FIRST) <= now:
                self._idle_at[name] = now + EVERY
                self._start(name, "idle", self.idle.look, on="refresh")
        if any(at <= now for at in checks.values()):
            return REST  # what falls due right behind them wakes nobody
        later = [at - now for at in (*checks.values(), *copies.values(), self.next_refresh()) if at > now]
        return max(REST, min([IDLE, *later]))

    def next_refresh(self) -> datetime:
        """When the first node is to be asked what it has, or to be swept."""
        now, due = self.context.now(), [self._refresh_at]
        if self.sweeps:
            due.append(self._sweep_at)
        return min((at.get(name, now) for at in due for name in self.nodes), default=now + IDLE)

    def _start(self, name: str, sort: str, act: Callable[[str], None], on: str | None = None) -> None:
        with self._guard:
            if (name, sort) in self._busy:
                self._busy[name, sort] = True
                return
            self._busy[name, sort] = False
        self.executors(name, on or sort).submit(self._run, name, sort, act)

    def _run(self, name: str, sort: str, act: Callable[[str], None]) -> None:
        try:
            act(name)
        except Exception as error:
            if self._stopping:
                log.info(
                    "node %s: skipped %s, KWS is stopping: %s", name, sort, error
                )  # the executors have stopped
            else:
                log.exception("node %s: %s failed", name, sort)
        finally:
            with self._guard:
                again = self._busy.pop((name, sort), False)
            if again:
                self.context.work.set()

    def _reconcile_pass(self, name: str) -> None:
        """Advance each placement that is due. Who is to be built doesn't wait for the node's list."""
        with self.context.store.write() as session:
            claimed = work_queue.claim_due(session, name, self.context.now(), self.who, LEASE)
        listed = []
        for job in [Job(p, p.rental) for p in claimed if self._begin(p.id)]:
            if waits_for_list(job):
                listed.append(job)
            else:
                self.executors(name, "work").submit(self._advance, job, {})
        if listed:
            with self._guard:
                self._listed.setdefault(name, []).extend(listed)
            self.executors(name, "list").submit(self._run, name, "list", self._advance_listed)

    def _advance_listed(self, name: str) -> None:
        """Read the node once for all that wait for it by now."""
        with self._guard:
            jobs = self._listed.pop(name, [])
        machines = self._look(name, jobs) if jobs else {}
        for job in jobs:
            self.executors(name, "work").submit(self._advance, job, machines)

    def _look(self, name: str, jobs: Sequence[Job]) -> dict[str, Machine] | NodeError:
        try:
            if all(map(is_new_server, jobs)):
                return self._new_servers(name, jobs)
            return self.nodes[name].machines({job.rental.kind for job in jobs})
        except NodeError as error:
            return error
        except Exception as error:
            log.exception("node %s: can't list its machines", name)
            return NodeDown(name, Refusal.DOWN, repr(error))

    def _new_servers(self, name: str, jobs: Sequence[Job]) -> dict[str, Machine]:
        """These by mark; what else the node is creating is there by its id, as it counts, too."""
        marks = {str(job.placement.server_id): job.rental.mark for job in jobs}
        found = self.nodes[name].new_servers(marks.keys())
        return {marks.get(server_id, server_id): machine for server_id, machine in found.items()}

    def _begin(self, placement_id: int) -> bool:
        """False when a step that outlived its lease is still under way here."""
        with self._guard:
            if placement_id in self._jobs:
                return False
            self._jobs.add(placement_id)
            return True

    def _advance(self, job: Job, machines: dict[str, Machine] | NodeError) -> None:
        """One step of one placement; whatever happens its lease is returned."""
        wait, had_slot = RETRY_MOST, job.placement.active_at is None
        try:
            wait = self._step(job, machines)
        except Exception:
            log.exception("rental %s on %s: step failed", job.rental.id, job.placement.node)
        finally:
            with self._guard:
                self._jobs.discard(job.placement.id)
            if job.placement.state is PlacementState.DELETED:
                self.refresh_soon(job.placement.node)  # there is room again
            self._release_lease(job.placement.id, wait)
            if had_slot and (job.placement.active_at or not job.building):  # its slot is free again
                self._call_next(job.placement.node)

    def _step(self, job: Job, machines: dict[str, Machine] | NodeError) -> timedelta:
        try:
            return self.steps.step(job, machines)
        except NodeError as error:
            log.warning("rental %s: %s", job.rental.id, error)
            if isinstance(error, NodeDown):
                self._note_down(error.node, error)
            return self.steps.failed(job, error)

    def _release_lease(self, placement_id: int, wait: timedelta) -> None:
        """Wake the loop only if the placement is due before the next tick."""
        for _ in range(GIVE_BACK_TRIES):
            now = self.context.now()
            try:
                due = work_queue.release_lease(self.context.store, placement_id, self.who, now + wait)
            except Exception:
                log.exception("placement %s: can't release its lease", placement_id)
            else:
                if due is not None and due < now + IDLE:
                    self.context.work.set()
                return

    def _call_next(self, node: str) -> None:
        """Wake those whose turn it is to be built."""
        called = False
        try:
            with self.context.store.read() as session:
                wanted = build_slots.wanted(session, self.context.config, node)
            if not wanted:
                return
            with self.context.store.write() as session:
                queries.lock_build_slots(session, node)
                called = build_slots.call_next(session, self.context.config, node, self.context.now())
        except Exception:
            log.exception("node %s: can't start the next builds", node)  # they look by themselves soon
            return
        if called:
            self.context.work.set()

    # -- news of nodes

    def refresh_soon(self, name: str) -> None:
        """Ask a node again at the next tick instead of when it is due."""
        self._refresh_at.pop(name, None)
        self.context.work.set()

    def _refresh(self, name: str) -> None:
        """Ask a node what it has and what runs there; its answer, or that there is none, is remembered."""
        node, now = self.nodes[name], self.context.now()
        try:
            capacity, images, cidrs = node.capacity(), node.images(), node.cidrs()
            machines = node.machines((Kind.SERVER,))
        except NodeError as error:
            self._note_down(name, error)
            self.waiting.serve()  # elsewhere: what was promised there may have to go
            return
        except Exception as error:  # a node that nobody can ask can't rent anything out
            self._note_down(name, NodeDown(name, Refusal.DOWN, repr(error)))
            raise
        with self.context.store.write() as session:
            work_queue.requeue_turned(session, name, machines, now)
            if silent := catalogue.note_answer(session, name, images, capacity, cidrs, now):
                log.info("node %s is responding", name)
                node_alerts.tell_up(session, name, silent, now)
                if now - silent >= OUTAGE:
                    work_queue.resume_all(session, name, now)
                work_queue.requeue_node(session, name, now)
            told = outages.tell_back(session, name, now)
        self.context.work.set()
        if told:
            self.context.mail.set()
        self.waiting.serve()

    def _ping(self, name: str) -> None:
        """Notice early that a node doesn't respond, before anybody waits for it."""
        begun = time.perf_counter()  # a length, not a moment: the service's clock may stand still
        try:
            self.nodes[name].ping()
        except NodeDown as error:
            self._note_down(name, error)
        except NodeError as error:
            log.warning("node %s: %s", name, error)
        else:
            latency = round((time.perf_counter() - begun) * 1000)
            with self.context.store.write() as session:
                catalogue.note_ping(session, name, latency, self.context.now())

    def _sweep(self, name: str) -> None:
        """Delete what nobody explains; the sweep says when it wants to look again."""
        with self.context.leases.acquire(f"sweep:{name}") as ours:
            again = self.sweep.sweep(name).again if ours else SILENT_AGAIN
        self._sweep_at[name] = self.context.now() + again

    def _note_down(self, name: str, error: NodeError) -> None:
        now = self.context.now()
        self._refresh_at[name] = now + REFRESH_DOWN
        with self.context.store.write() as session:
            since = catalogue.note_failure(session, name, str(error), now)
            node_alerts.tell_down(session, name, error, since, now)
            told = outages.tell_silent(session, name, since, now)
        if told:
            self.context.mail.set()
        if since == now:
            log.warning("node %s isn't responding: %s", name, error.detail or error.reason)
        if now - since >= SILENT:
            self.steps.fail_over(name, error)
