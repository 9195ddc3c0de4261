"""Any life of any rentals, drawn by Hypothesis: nodes refuse, die and lie, and so does this process.

``Life`` drives a World over a real SQLite file and checks after every step what must always hold. The
process dies at a chosen commit or node call, before or after its effect, and is started again; a return
may come in the middle of any node call. ``KWS_LIFE=thorough`` draws far more lives.
"""

from __future__ import annotations

import itertools
import logging
import os
import re
import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import select, text
from world import ADMIN, JOON, MINA, Clock, Inline, World, make_config

from kws_core import new_key, releasing, ssh_keys, steps, store, work_queue
from kws_core.admission import RentForm, Who
from kws_core.core import Core
from kws_core.errors import NodeDown, NodeError, NodeRefused, UserError
from kws_core.jobs import Rows
from kws_core.model import TRANSITIONS, Access, Event, Placement, PlacementState, Rental, Status
from kws_core.nodes import Refusal, Remains, ServerSpec
from kws_core.nodes.fake import FakeNode
from kws_core.nodes.fake_machines import FakeMachine
from kws_core.outbox import Mail, Outbox
from kws_core.placement import Wish
from kws_core.reconciler import Reconciler
from kws_core.specs import spec_of
from kws_core.steps import Steps
from kws_core.store import Store

THOROUGH = os.environ.get("KWS_LIFE") == "thorough"
QUICK = settings(
    max_examples=150 if THOROUGH else 8,
    stateful_step_count=80 if THOROUGH else 40,
    deadline=None,
    derandomize=not THOROUGH,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
NODE_CALLS = (
    "ping", "images", "capacity", "ensure_address", "ensure_server", "machines", "release", "answers", "host_keys",
    "put_key", "act",
)  # fmt: skip
BREAKABLE = ("ensure_address", "ensure_server", "machines", "release", "put_key", "act")
NAMES = [f"web0{number}" for number in range(6)]
HISTORY = re.compile(  # what TRANSITIONS allow, told in events (but for keys, which may come at any time)
    r"requested (placed ((moved|waiting|queued|building) )*(ready )?)?((returned|failed|vanished) (ended )?)?"
)
TOLD_STATUS = {
    "requested": Status.REQUESTED,
    "placed": Status.BUILDING,
    "ready": Status.READY,
    "returned": Status.ENDING,
    "failed": Status.ENDING,
    "vanished": Status.ENDING,
    "ended": Status.ENDED,
}


class Killed(BaseException):
    """The process is dead: nothing of it runs any more, no except and no finally."""


class Fate:
    """Counts commits and node calls; at the chosen one the process dies, or something else comes in."""

    def __init__(self) -> None:
        self.dead = False
        self.die_in: int | None = None
        self.die_at: str | None = None
        self.intrude_in: int | None = None
        self.intruder: Callable[[], object] = lambda: None

    def point(self, what: str) -> None:
        """Something is about to happen, or has just happened."""
        if self.dead:
            raise Killed
        if what == self.die_at:
            self.dead = True
            raise Killed(what)
        if self.die_in is not None:
            self.die_in -= 1
            if self.die_in <= 0:
                self.dead = True
                raise Killed(what)

    def node_point(self) -> None:
        """In the middle of a node call, when no transaction is open: people may click now."""
        if self.intrude_in is None:
            return
        self.intrude_in -= 1
        if self.intrude_in <= 0:
            self.intrude_in = None
            self.intruder()

    def reset(self) -> None:
        """A new process."""
        self.dead, self.die_in, self.die_at, self.intrude_in = False, None, None, None


class MortalStore(Store):
    """A Store whose process may die just before or just after a commit."""

    fate = Fate()

    @contextmanager
    def write(self) -> Iterator[Any]:
        """As Store's."""
        if self.fate.dead:
            raise Killed
        with super().write() as session:
            yield session
            self.fate.point("commit?")
        self.fate.point("committed")


class MortalNode(FakeNode):
    """A FakeNode whose caller may die just before or just after the call took effect."""

    fate = Fate()


def _mortal(method: str) -> Callable[..., Any]:
    def call(self: MortalNode, *args: Any, **more: Any) -> Any:
        self.fate.point(f"{method}?")
        result = getattr(FakeNode, method)(self, *args, **more)
        self.fate.node_point()
        self.fate.point(f"{method} done")
        return result

    return call


for _method in NODE_CALLS:
    setattr(MortalNode, _method, _mortal(_method))


@cache
def _empty_database() -> bytes:
    """The schema, migrated once."""
    with tempfile.TemporaryDirectory() as folder:
        fresh = Store(f"sqlite:///{folder}/kws.db")
        fresh.upgrade()
        fresh.close()
        return (Path(folder) / "kws.db").read_bytes()


@cache
def _own_keys() -> list[str]:
    return [ssh_keys.generate(f"laptop{number}").public for number in range(3)]


class Complaints(logging.Handler):
    """Every traceback that product code swallowed."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps it."""
        self.found.append(record.getMessage() + (f": {record.exc_info[1]!r}" if record.exc_info else ""))


class Lab(World):
    """A World that can die, with a Slack that shows the key files which really arrived."""

    def __init__(
        self,
        folder: Path,
        nodes: int = 2,
        *,
        build: float = 0,
        boot: float = 0,
        delete: float = 0,
        max_builds: int = 2,
        vcpus: int = 8,
        max_rentals: int = 4,
    ) -> None:
        config = make_config(nodes, vcpus=vcpus, max_builds=max_builds, max_rentals=max_rentals)
        (folder / "kws.db").write_bytes(_empty_database())
        database = MortalStore(f"sqlite:///{folder / 'kws.db'}")
        clock = Clock()
        self.fate = database.fate = Fate()
        fakes: dict[str, FakeNode] = {}
        for section in config.nodes:
            node = MortalNode(
                section.name, clock, vcpus=64, ram_mb=65536,
                build_seconds=build, boot_seconds=boot, delete_seconds=delete,
            )  # fmt: skip
            node.fate = self.fate
            fakes[section.name] = node
        core = Core(config, database, clock)
        reconciler = Reconciler(core, fakes, lambda node, sort: Inline())
        super().__init__(config, database, clock, fakes, core, Outbox(core), reconciler)
        self.files: defaultdict[str, dict[str, str]] = defaultdict(
            dict
        )  # rental id -> file id -> public half
        self.file_numbers = itertools.count(1)
        self.vanished: set[str] = set()
        self.complaints = Complaints()
        logging.getLogger("kws_core").addHandler(self.complaints)
        self.reconciler.start()
        self.reconciler.tick()

    def close(self) -> None:
        """Frees the file and the log."""
        logging.getLogger("kws_core").removeHandler(self.complaints)
        self.store.close()

    def restart(self) -> None:
        """A new process on the same database."""
        self.fate.reset()
        self.store.engine.dispose()
        super().restart()

    def mortal(self, act: Callable[[], object], die_in: int | None) -> bool:
        """Does ``act``; True when the process died of it (and was started again)."""
        self.fate.die_in = die_in
        try:
            act()
        except Killed:
            self.restart()
            return True
        finally:
            self.fate.die_in = None
        return False

    def tick(self) -> None:
        """One tick of the reconciler; keys are delivered by ``deliver_keys`` alone."""
        self.reconciler.tick()

    def settle(self, ticks: int = 12) -> None:
        """Ticks and keys, a second apart."""
        for _ in range(ticks):
            self.tick()
            self.deliver_keys()
            self.clock.advance(seconds=1)

    def deliver_keys(self) -> None:
        """What bot.key_delivery does, on a Slack that takes everything."""
        for rental_id in self.outbox.due():
            self.deliver_key(rental_id)

    def deliver_key(self, rental_id: str) -> None:
        """One rental's."""
        mail = self.outbox.mail(rental_id)
        assert mail is not None
        if not mail.wants_key:
            return
        files, old = self.files[rental_id], mail.rental.key_file
        if old and old in files:
            self.outbox.key_sent(rental_id, old)
            return
        pair = ssh_keys.generate("test")
        file_id = f"F{next(self.file_numbers)}"
        if self.outbox.offer_key(rental_id, pair.public, pair.fingerprint, file_id):
            self.fate.point("upload?")
            files[file_id] = pair.public
            self.fate.point("uploaded")
            self.outbox.key_sent(rental_id, file_id)

    def every_rental(self) -> list[Rental]:
        """Also those that are over."""
        with self.store.read() as session:
            return list(session.scalars(select(Rental).order_by(text("rentals.rowid"))))

    def histories(self) -> dict[str, list[str]]:
        """Every rental's events, a word each."""
        found: defaultdict[str, list[str]] = defaultdict(list)
        with self.store.read() as session:
            for rental_id, kind in session.execute(select(Event.rental_id, Event.kind).order_by(Event.id)):
                found[rental_id].append(kind.value)
        return found

    # -- what must hold

    def check(self) -> None:
        """Everything that must hold at any time."""
        rentals = self.every_rental()
        assert self.complaints.found == []
        self.check_placements(rentals)
        self.check_capacity(rentals)
        self.check_machines(rentals)
        self.check_histories(rentals)

    def check_placements(self, rentals: list[Rental]) -> None:
        """A live rental has one node, a dead one none; live names are unique."""
        for rental in rentals:
            held = [p for p in rental.placements if p.state is PlacementState.HELD]
            assert len(held) == (1 if rental.live else 0), f"{rental.name} {rental.status}: {len(held)} held"
            for p in rental.placements:
                if p.state is PlacementState.LEAVING and p.leased_until is None:
                    assert p.next_look_at - self.clock() <= steps.RETRY_MOST, (
                        f"{rental.name} lies about on {p.node}"
                    )
            if rental.status is Status.ENDED:
                assert {p.state for p in rental.placements} == {PlacementState.GONE}
        names = Counter(rental.name for rental in rentals if rental.live)
        assert [name for name, number in names.items() if number > 1] == []

    def check_capacity(self, rentals: list[Rental]) -> None:
        """No node lends more than nodes.toml says, nor builds more at a time."""
        lent: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for rental in rentals:
            for p in rental.placements:
                if p.state is not PlacementState.GONE:
                    size = {"vcpus": rental.vcpus, "ram_mb": rental.ram_mb, "disk_gb": rental.disk_gb}
                    lent[p.node].update(size)
                if p.state is PlacementState.HELD and p.server_at and rental.status is Status.BUILDING:
                    lent[p.node]["max_builds"] += 1
        for section in self.config.nodes:
            for what, much in lent[section.name].items():
                assert much <= getattr(section, what), f"{section.name} lends {much} {what}"

    def check_machines(self, rentals: list[Rental]) -> None:
        """Whatever a node shows is known; a machine has the one key that its owner holds."""
        marks = {rental.mark: rental for rental in rentals}
        for name, node in self.nodes.items():
            for mark in node.resources():
                assert mark in marks, f"{name} shows {mark}, which nobody knows"
                here = [p for p in marks[mark].placements if p.node == name]
                assert [p.state for p in here if p.state is not PlacementState.GONE], (
                    f"{name} still shows something of {marks[mark].name}, which is gone there"
                )
            alive = Counter(s.spec.mark for s in node._servers.values() if s.deleted_at is None)
            assert [mark for mark, number in alive.items() if number > 1] == []
            assert [mark for mark in node.doubles() if mark not in self.vanished] == []
            for server in node._servers.values():
                if server.deleted_at is None:
                    self.check_key(marks[server.spec.mark], server)

    def check_key(self, rental: Rental, server: FakeMachine) -> None:
        """The key in the machine is one that the owner has; the last one, unless a newer one is on its way."""
        assert isinstance(server.spec, ServerSpec)
        born = yaml.load(server.spec.user_data, yaml.CSafeLoader)["users"][1]["ssh_authorized_keys"]
        handed_over = list(self.files[rental.id].values())
        wanted = self.histories()[rental.id].count("key_wanted")
        assert rental.key_settled
        assert len(handed_over) <= wanted + (born != [_own_keys()[0]]), f"{rental.name}: too many keys"
        assert server.taken in ["", *handed_over], f"{rental.name}: not a key handed over"
        if not wanted:
            assert born == [rental.public_key]
            assert born == handed_over or rental.access is Access.OWN_KEY
        elif rental.rekey is None and rental.live:
            next_one = server.key or born[0]
            assert rental.public_key == next_one, f"{rental.name}: not the key that the next boot takes"

    def check_histories(self, rentals: list[Rental]) -> None:
        """Only moves that TRANSITIONS have, each told once."""
        histories = self.histories()
        for rental in rentals:
            history = histories[rental.id]
            words = "".join(f"{kind} " for kind in history if not kind.startswith("key_"))
            assert HISTORY.fullmatch(words), f"{rental.name}: {history}"
            assert history.count("key_sent") <= 1 + history.count("key_wanted")
            over = history.count("key_renewed") + history.count("key_dropped")
            assert history.count("key_wanted") - over == (rental.rekey is not None)
            told = [TOLD_STATUS[kind] for kind in history if kind in TOLD_STATUS]
            assert told[-1] is rental.status
            untouched = "placed" not in history
            for before, after in itertools.pairwise(told):
                step = TRANSITIONS[before] | ({Status.ENDING} if untouched else frozenset())
                assert after in step, f"{rental.name}: {before} -> {after}"

    def end_well(self) -> None:
        """Nodes come back, everything is returned, time passes: nothing is left anywhere."""
        self.fate.reset()
        for node in self.nodes.values():
            node.come_back()
            node._faults.clear()
            node._breaks.clear()
        for rental in self.every_rental():
            self.core.give_back(Who(rental.owner), rental.id)
        for number in range(80):
            self.tick()
            if not self.left() and all(rental.status is Status.ENDED for rental in self.every_rental()):
                break
            self.clock.advance(seconds=1 if number % 3 else 61)
        self.check()
        assert self.left() == {}
        assert {rental.status for rental in self.every_rental()} <= {Status.ENDED}


class Life(RuleBasedStateMachine):
    """One life of one lab."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="kws-life-"))
        self.lab: Lab | None = None

    @initialize(
        nodes=st.integers(2, 3), build=st.sampled_from([0, 3]), boot=st.sampled_from([0, 2]),
        delete=st.sampled_from([0, 2]), max_builds=st.integers(1, 2),
    )  # fmt: skip
    def begins(self, nodes: int, build: int, boot: int, delete: int, max_builds: int) -> None:
        self.lab = Lab(self.folder, nodes, build=build, boot=boot, delete=delete, max_builds=max_builds)

    def node(self, number: int) -> FakeNode:
        assert self.lab
        nodes = list(self.lab.nodes.values())
        return nodes[number % len(nodes)]

    @rule(
        name=st.sampled_from(NAMES), who=st.sampled_from([MINA, JOON]), own=st.booleans(),
        size=st.sampled_from(["small", "large", "huge"]), die_in=st.none() | st.integers(1, 2),
    )  # fmt: skip
    def rent(self, name: str, who: Who, own: bool, size: str, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        key = _own_keys()[0] if own else None
        form = RentForm(name=name, image="debian-12", size=size, ends_on=lab.day(14), public_key=key)
        request_key = f"view:{len(lab.every_rental())}:{lab.clock.at}"

        def ask() -> None:
            with suppress(UserError):
                lab.core.request(who, form, request_key)

        if lab.mortal(ask, die_in):
            ask()  # the person sends the same form again
        assert len([r for r in lab.every_rental() if r.request_key == request_key]) <= 1

    @rule(own=st.booleans())
    def many_rent_at_once(self, own: bool) -> None:
        for number, name in enumerate(NAMES):
            self.rent(name, [MINA, JOON][number % 2], own, "small", None)

    @rule(number=st.integers(0, 9), admin=st.booleans())
    def give_back(self, number: int, admin: bool) -> None:
        self._return(number, admin)

    def _return(self, number: int, admin: bool = False) -> None:
        assert self.lab
        rentals = [rental for rental in self.lab.every_rental() if rental.live]
        if rentals:
            rental = rentals[number % len(rentals)]
            self.lab.core.give_back(ADMIN if admin else Who(rental.owner), rental.id)

    @rule(number=st.integers(0, 9), die_in=st.none() | st.integers(1, 2))
    def asks_for_a_new_key(self, number: int, die_in: int | None) -> None:
        assert self.lab
        lab = self.lab
        ready = [rental for rental in lab.every_rental() if rental.status is Status.READY]
        if ready:
            rental = ready[number % len(ready)]
            lab.mortal(lambda: new_key.ask(lab.core, Who(rental.owner), rental.id), die_in)

    @rule(number=st.integers(0, 9))
    def cannot_be_reached_for_a_moment(self, number: int) -> None:
        assert self.lab
        wanted = [rental for rental in self.lab.every_rental() if rental.rekey is not None]
        if wanted:
            self.lab.outbox.unreachable(wanted[number % len(wanted)].id, "user_disabled")

    @rule(times=st.integers(1, 3))
    def tick(self, times: int) -> None:
        assert self.lab
        for _ in range(times):
            self.lab.tick()

    @rule()
    def deliver_keys(self) -> None:
        assert self.lab
        self.lab.deliver_keys()

    @rule(ticks=st.integers(2, 8))
    def settle(self, ticks: int) -> None:
        assert self.lab
        self.lab.settle(ticks)

    @rule(seconds=st.sampled_from([0.1, 0.7, 1, 5, 31, 60, 300, 600]))
    def time_passes(self, seconds: float) -> None:
        assert self.lab
        self.lab.clock.advance(seconds=seconds)

    @rule(
        number=st.integers(0, 2), method=st.sampled_from(BREAKABLE), after=st.booleans(),
        refusal=st.sampled_from([Refusal.DOWN, Refusal.QUOTA, Refusal.NO_HOST]), times=st.integers(1, 2),
    )  # fmt: skip
    def node_fails(self, number: int, method: str, after: bool, refusal: Refusal, times: int) -> None:
        node = self.node(number)
        error = NodeDown if refusal is Refusal.DOWN else NodeRefused
        node.fail_next(
            method, error(node.name, refusal, "so it is"), after=after and error is NodeDown, times=times
        )

    @rule(number=st.integers(0, 2), down=st.booleans())
    def node_dies_or_comes_back(self, number: int, down: bool) -> None:
        node = self.node(number)
        (node.go_down if down else node.come_back)()

    @rule(number=st.integers(0, 2))
    def machine_breaks(self, number: int) -> None:
        self.node(number).break_next()

    @rule(number=st.integers(0, 2), which=st.integers(0, 5), kind=st.sampled_from(["server", "floating_ip"]))
    def machine_vanishes(self, number: int, which: int, kind: str) -> None:
        assert self.lab
        node = self.node(number)
        marks = list(node.resources())  # in the order in which they were made
        if marks:
            mark = marks[which % len(marks)]
            node.vanish(mark, kind)
            self.lab.vanished.add(mark)

    @rule()
    def restart(self) -> None:
        assert self.lab
        self.lab.restart()

    @rule(die_in=st.integers(1, 14), keys_first=st.booleans())
    def dies(self, die_in: int, keys_first: bool) -> None:
        assert self.lab
        lab = self.lab

        def work() -> None:
            for _ in range(3):
                if keys_first:
                    lab.deliver_keys()
                lab.tick()
                lab.deliver_keys()
                lab.clock.advance(seconds=1)

        lab.mortal(work, die_in)

    @rule(
        name=st.sampled_from(NAMES), own=st.booleans(),
        point=st.sampled_from(["committed", "uploaded", "ensure_server done", "ensure_address done", "release done"]),
    )  # fmt: skip
    def dies_at(self, name: str, own: bool, point: str) -> None:
        assert self.lab
        lab = self.lab
        self.rent(name, MINA, own, "small", None)
        lab.fate.die_at = point
        lab.mortal(lambda: lab.settle(3), None)
        lab.fate.die_at = None

    @rule(number=st.integers(0, 2), which=st.integers(0, 5))
    def machine_is_not_listed_for_a_moment(self, number: int, which: int) -> None:
        assert self.lab
        node = self.node(number)
        ready = {rental.mark for rental in self.lab.every_rental() if rental.status is Status.READY}
        shown = [s for s in node._servers.values() if s.deleted_at is None and s.spec.mark in ready]
        if shown:
            hidden = shown[which % len(shown)]
            missed = (
                next(r for r in self.lab.every_rental() if r.mark == hidden.spec.mark).placements[-1].missing
            )
            del node._servers[hidden.id]
            self.lab.clock.advance(minutes=6)
            self.lab.tick()
            node._servers[hidden.id] = hidden
            after = {rental.mark: rental.status for rental in self.lab.every_rental()}
            if not missed:  # else it is the second look
                assert after[hidden.spec.mark] is Status.READY, "given up after one look"

    @rule(call=st.integers(1, 6), which=st.integers(0, 9))
    def is_returned_in_the_middle_of_a_call(self, call: int, which: int) -> None:
        assert self.lab
        self.lab.fate.intruder = lambda: self._return(which)
        self.lab.fate.intrude_in = call
        self.lab.settle(2)
        self.lab.fate.intrude_in = None

    @invariant()
    def all_is_well(self) -> None:
        if self.lab:
            self.lab.check()

    def teardown(self) -> None:
        try:
            if self.lab:
                self.lab.end_well()
        finally:
            if self.lab:
                self.lab.close()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.drawn
def test_no_life_breaks_a_rule() -> None:
    run_state_machine_as_test(Life, settings=QUICK)


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    labs = []

    def make(nodes: int = 2, **settings: Any) -> Lab:
        labs.append(Lab(tmp_path, nodes, **settings))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()


MakeLab = Callable[..., Lab]


# -- bugs that are known


def test_two_short_silences_far_apart_do_not_end_a_long_build(make_lab: MakeLab) -> None:
    lab = make_lab(2, build=200)
    rental = lab.rent()
    lab.settle(4)
    first = lab.look(rental).held
    assert first and first.server_id
    for _ in range(2):
        lab.nodes[first.node].fail_next("machines", NodeDown(first.node, Refusal.DOWN, "a blip"))
        lab.settle(60)
    now = lab.look(rental).held
    assert now and now.node == first.node


def test_one_miss_after_a_silence_does_not_end_a_rental(make_lab: MakeLab) -> None:
    lab = make_lab(1)
    rental = lab.rent()
    lab.settle(8)
    node = lab.nodes["node1"]
    lab.clock.advance(minutes=6)
    node.fail_next("machines", NodeDown("node1", Refusal.DOWN, "rebooting"))
    lab.tick()
    hidden = dict(node._servers)  # Nova answers again, but not for this machine yet
    node._servers.clear()
    lab.clock.advance(seconds=10)
    lab.tick()
    node._servers.update(hidden)
    assert lab.look(rental).status is Status.READY


@pytest.mark.parametrize("nodes", [1, 2])
def test_a_server_that_a_timed_out_create_still_makes_is_not_left(make_lab: MakeLab, nodes: int) -> None:
    """The read timeout passed, Nova works on, and its listing shows the server three seconds later."""
    lab = make_lab(nodes)
    rental = lab.rent()
    node = lab.nodes[lab.look(rental).placements[0].node]
    late: list[ServerSpec] = []

    def times_out(spec: Any, address: Any) -> str:
        late.append(spec)
        raise NodeDown(node.name, Refusal.DOWN, "read timeout")

    node._ensure_server = times_out  # type: ignore[method-assign, assignment]
    while not late:
        lab.settle(1)
    del node._ensure_server
    if nodes == 1:
        lab.core.give_back(MINA, rental.id)  # else it moves on by itself
    lab.tick()
    lab.clock.advance(seconds=3)
    node.ensure_server(late[0], node.ensure_address(late[0]))
    lab.settle(60)
    lab.check()


# -- does it bite? Each mutant breaks one rule of the product; its scenario must notice.


Mutant = Callable[[pytest.MonkeyPatch], None]
Scenario = Callable[[MakeLab], None]
PAIRS: dict[str, tuple[Mutant, Scenario]] = {}


def mutant(scenario: Scenario) -> Callable[[Mutant], Mutant]:
    """Pairs a mutant with the scenario that must kill it."""

    def keep(change: Mutant) -> Mutant:
        PAIRS[change.__name__] = change, scenario
        return change

    return keep


def _dies_at(lab: Lab, point: str) -> None:
    """Settles until the process dies at that point."""
    lab.fate.die_at = point
    with pytest.raises(Killed):
        lab.settle(30)
    lab.restart()


def killed_after_the_server_was_made(make: MakeLab) -> None:
    lab = make(1)
    lab.rent()
    _dies_at(lab, "ensure_server done")
    lab.settle()
    lab.check()
    lab.end_well()


def killed_after_the_address_was_made_and_returned(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    _dies_at(lab, "ensure_address done")
    lab.core.give_back(MINA, rental.id)
    lab.check()
    lab.end_well()


def returned_from_a_slow_node(make: MakeLab) -> None:
    lab = make(1, delete=20)
    rental = lab.rent()
    lab.settle()
    lab.core.give_back(MINA, rental.id)
    for _ in range(30):
        lab.settle(1)
        lab.check()
    lab.end_well()


def more_asked_than_there_is(make: MakeLab) -> None:
    lab = make(1)
    for number in range(3):
        with suppress(UserError):
            lab.rent(f"web{number}", size="large", who=[MINA, JOON, ADMIN][number])
        lab.check()
    with suppress(UserError):
        lab.rent("huge", size="huge", who=Who("U0ELSE0001"))
    lab.check()


def killed_between_key_and_server(make: MakeLab) -> None:
    lab = make(1, build=5)
    lab.rent()
    _dies_at(lab, "ensure_server done")
    lab.settle(4)
    lab.check()


def moved_from_a_dead_node_and_returned(make: MakeLab) -> None:
    lab = make(2, build=2)
    rental = lab.rent()
    lab.settle(2)
    first = lab.look(rental).placements[0].node
    lab.nodes[first].go_down()
    lab.settle(60)
    moved = lab.look(rental)
    assert moved.held and moved.held.node != first
    lab.check()
    lab.core.give_back(MINA, rental.id)
    lab.settle(5)
    lab.check()
    lab.end_well()


def refused_everywhere(make: MakeLab) -> None:
    lab = make(2)
    for node in lab.nodes.values():
        node.fail_next("ensure_server", NodeRefused(node.name, Refusal.QUOTA, "no"), times=9)
    rental = lab.rent()
    lab.settle(30)
    assert lab.look(rental).status is Status.ENDED
    lab.check()


def returned_in_the_middle_of_every_call(make: MakeLab) -> None:
    for call in range(1, 8):
        lab = make(1)
        rental = lab.rent()
        lab.fate.intruder = lambda lab=lab, rental=rental: lab.core.give_back(MINA, rental.id)
        lab.fate.intrude_in = call
        lab.settle(3)
        lab.check()
        lab.end_well()
        lab.close()


def returned_while_it_is_looked_at(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    lab.settle(8)
    lab.clock.advance(minutes=6)
    lab.fate.intruder = lambda: lab.core.give_back(MINA, rental.id)
    lab.nodes["node1"].calls.clear()
    while "machines" not in lab.nodes["node1"].calls:
        lab.fate.intrude_in = 1
        lab.tick()
        lab.clock.advance(seconds=1)
    lab.settle(10)
    assert lab.look(rental).status is Status.ENDED


def many_at_once(make: MakeLab) -> None:
    lab = make(1, build=10, max_builds=2)
    for number in range(4):
        lab.rent(f"web{number}")
        lab.clock.advance(seconds=1)  # else chance says whose turn is first
    for _ in range(20):
        lab.settle(1)
        lab.check()


def missing_once(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    lab.settle(8)
    node = lab.nodes["node1"]
    hidden = dict(node._servers)
    node._servers.clear()
    lab.clock.advance(minutes=6)
    lab.tick()
    node._servers.update(hidden)
    lab.clock.advance(seconds=11)
    lab.settle(3)
    assert lab.look(rental).status is Status.READY


def killed_before_the_key_was_confirmed(make: MakeLab) -> None:
    lab = make(1)
    rental = lab.rent()
    _dies_at(lab, "uploaded")
    lab.settle()
    assert lab.look(rental).status is Status.READY
    lab.check()


@mutant(killed_after_the_server_was_made)
def a_server_is_made_without_a_look(patch: pytest.MonkeyPatch) -> None:
    ensure = FakeNode._ensure_server

    def blindly(self: FakeNode, spec: Any, address: Any) -> str:
        there, self._servers = self._servers, {}
        try:
            return ensure(self, spec, address)
        finally:
            self._servers = {**there, **self._servers}

    patch.setattr(FakeNode, "_ensure_server", blindly)


@mutant(killed_after_the_address_was_made_and_returned)
def the_intent_is_committed_after_the_call(patch: pytest.MonkeyPatch) -> None:
    step = Steps.step

    def late(self: Steps, job: Any, machines: Any) -> timedelta:
        if job.rental.status is Status.REQUESTED:
            self._node(job).ensure_address(spec_of(job.rental))
        return step(self, job, machines)

    patch.setattr(Steps, "step", late)


@mutant(returned_from_a_slow_node)
def release_is_believed_without_looking(patch: pytest.MonkeyPatch) -> None:
    def release(self: FakeNode, mark: str) -> Remains:
        FakeNode._call(self, "release", lambda: self._release(mark))
        return Remains()

    patch.setattr(MortalNode, "release", release)


@mutant(more_asked_than_there_is)
def capacity_is_not_reserved(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(store, "held_capacity", lambda session: [])


@mutant(killed_between_key_and_server)
def a_new_key_is_made_after_the_server(patch: pytest.MonkeyPatch) -> None:
    def wants_key(self: Mail) -> bool:
        self.rental.key_file = None
        return self.rental.access is Access.GENERATED and self.rental.status is Status.BUILDING

    patch.setattr(Mail, "wants_key", property(wants_key))


@mutant(moved_from_a_dead_node_and_returned)
def it_is_over_before_every_node_is_clean(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(releasing, "all", any, raising=False)


@mutant(moved_from_a_dead_node_and_returned)
def what_is_left_behind_is_not_cleaned(patch: pytest.MonkeyPatch) -> None:
    move_on = Steps._move_on

    def careless(self: Steps, session: Any, rental: Rental, held: Any, error: NodeError) -> bool:
        moved = move_on(self, session, rental, held, error)
        if moved:
            held.state = PlacementState.GONE
        return moved

    patch.setattr(Steps, "_move_on", careless)


@mutant(refused_everywhere)
def it_moves_on_to_a_node_that_was_tried(patch: pytest.MonkeyPatch) -> None:
    choose = steps.choose
    patch.setattr(steps, "choose", lambda rooms, wish: choose(rooms, Wish(wish.kind, wish.image, wish.size)))


@mutant(returned_in_the_middle_of_every_call)
def what_changed_meanwhile_is_overwritten(patch: pytest.MonkeyPatch) -> None:
    def apply(self: Rows, job: Any, change: Any) -> bool:
        with self.core.store.write() as session:
            rental = store.rental(session, job.rental.id, lock=True)
            fresh = next(p for p in rental.placements if p.id == job.placement.id)
            result = change(session, rental, fresh)
        job.rental, job.placement = rental, fresh
        return result is not False

    patch.setattr(Rows, "apply", apply)


@mutant(returned_while_it_is_looked_at)
def a_wake_up_during_a_step_is_lost(patch: pytest.MonkeyPatch) -> None:
    def give_back(session: Any, placement_id: int, who: str, next_look_at: Any) -> None:
        row = session.get(Placement, placement_id)
        row.next_look_at, row.leased_until, row.leased_by = next_look_at, None, None

    patch.setattr(work_queue, "give_back", give_back)


@mutant(many_at_once)
def a_node_builds_without_limit(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(work_queue, "building_on", lambda session, node: 0)


@mutant(missing_once)
def a_machine_is_given_up_after_one_look(patch: pytest.MonkeyPatch) -> None:
    watch = Steps._watch_missing

    def hasty(self: Steps, job: Any) -> timedelta:
        job.placement.missing = 1
        return watch(self, job)

    patch.setattr(Steps, "_watch_missing", hasty)


@mutant(killed_before_the_key_was_confirmed)
def the_key_of_an_earlier_try_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    mail = Outbox.mail

    def forgetful(self: Outbox, rental_id: str) -> Mail | None:
        found = mail(self, rental_id)
        if found is not None and found.wants_key:
            found.rental.key_file = None
        return found

    patch.setattr(Outbox, "mail", forgetful)


@pytest.mark.parametrize("name", PAIRS)
def test_a_broken_rule_is_noticed(name: str, make_lab: MakeLab, monkeypatch: pytest.MonkeyPatch) -> None:
    change, scenario = PAIRS[name]
    change(monkeypatch)
    with pytest.raises(AssertionError):
        scenario(make_lab)


@pytest.mark.parametrize("scenario", {scenario.__name__: scenario for _, scenario in PAIRS.values()}.values())
def test_the_scenario_holds_as_the_rules_are(scenario: Scenario, make_lab: MakeLab) -> None:
    scenario(make_lab)


@pytest.mark.thorough
@pytest.mark.parametrize("name", PAIRS)
def test_drawn_lives_find_the_broken_rule_too(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PAIRS[name][0](monkeypatch)
    drawn = settings(
        QUICK, phases=[Phase.generate], derandomize=True, max_examples=400, stateful_step_count=40
    )
    with pytest.raises(BaseException):  # noqa: B017 - the first failure, or the group of two
        run_state_machine_as_test(Life, settings=drawn)
