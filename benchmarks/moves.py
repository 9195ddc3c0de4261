"""How long a copy, a server brought back elsewhere, a reset, and a move take, beside the bare calls that they need.

    python -m benchmarks.moves --nodes node9,node8 --mib 500

Needs two nodes whose servers boot (`OS_CLIENT_CONFIG_FILE`): copies of Nova's fake driver never become active. Both take
turns in each repetition and do the same in the same order: a server is created on the first node, `--mib` of random bytes are written into it, a copy is kept,
a second server is made from it on the other node, the second one is reset to its first image, and the first one moves.

* KWS: `kws run`; each act is requested at the core and has ended when the database says so. A server is ready when its
  owner's login works, which is KWS's own check.
* `floor`: openstacksdk's calls and nothing else, with a poll each second. Bytes go from node to node as they come,
  never to a disk. A server is ready when a login works, tried each second.

The bot's memory is read ten times a second while it works.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from openstack import exceptions

from benchmarks import lab
from benchmarks.processes import DATABASE, SIZE_NAME, Bot
from benchmarks.report import Report, spread
from benchmarks.submit_to_ready import people
from kws_core.copies.service import Copies
from kws_core.forms import ssh_keys
from kws_core.moves.service import Moves
from kws_core.people import Actor
from kws_core.rentals import reset
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import RentalService
from kws_core.tables.states import Access, CopyState, Status
from slack_workspace import Workspace

KWS, FLOOR = "KWS", "floor"
CREATE, COPY, BRING_BACK, RESET, MOVE = "create", "copy", "bring back elsewhere", "reset", "move"
LIMIT = 2400  # seconds for one act
POLL = 1.0
LOGIN = 20  # seconds that one try to log in may take
SIZE = {"vcpus": 1, "ram_mb": 256, "disk_gb": 2}  # the guests of the lab are small


@dataclass
class Desk:
    """A key pair, and an ssh that knows no hosts."""

    folder: Path
    public: str = ""

    def __post_init__(self) -> None:
        pair = ssh_keys.generate("bench")
        self.public = pair.public
        self._key = self.folder / "key"
        self._key.write_bytes(pair.private)
        self._key.chmod(0o600)

    def ssh(self, address: str, command: str, seconds: float = LOGIN) -> bool:
        """Whether that command ran there and ended well."""
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "ConnectTimeout": str(LOGIN),
            "IdentitiesOnly": "yes",
        }
        words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        line = ["ssh", "-F", "/dev/null", *words, "-i", str(self._key), f"debian@{address}", command]
        try:
            return subprocess.run(line, capture_output=True, timeout=seconds, check=False).returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def fill(self, address: str, mib: int) -> None:
        """Write a file that can't be compressed.

        Raises:
            RuntimeError: If it can't be written.
        """
        command = f"head -c {mib}M /dev/urandom > big && sync"
        if not self.ssh(address, command, 900):
            raise RuntimeError(f"{mib} MiB can't be written on {address}")


@dataclass
class Turn:
    """What one contestant needed: seconds by act, and the most memory beyond what it had at rest, MiB."""

    seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def act(self, name: str, memory_of: Callable[[], float] | None = None) -> Iterator[None]:
        """Take the time of it, and the memory at its worst; ``memory_of`` returns MiB."""
        begun, over = time.monotonic(), threading.Event()
        seen = [memory_of()] if memory_of else [0.0]

        def watch() -> None:
            while memory_of and not over.wait(0.1):
                seen.append(memory_of())

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
        self.seconds[name] = time.monotonic() - begun
        self.memory[name] = max(seen) - seen[0]
        print(f"    {name:22} {self.seconds[name]:7.1f} s  {self.memory[name]:+6.1f} MiB", flush=True)


class Floor:
    """The least that each act can cost."""

    def __init__(self, clouds: dict[str, Any], image: str, size: dict[str, int], desk: Desk) -> None:
        self.clouds, self.image, self.size, self.desk = clouds, image, size, desk
        self.turn = 0

    def run(self, mib: int, until: str) -> Turn:
        """The acts up to that one, one after the other; the nodes are empty at its end."""
        turn, (first, second) = Turn(), self.clouds
        self.turn += 1
        with turn.act(CREATE):
            server, address = self.make(first, "a", self.clouds[first].image.find_image(self.image).id)
        if mib:
            self.desk.fill(address, mib)
        with turn.act(COPY):
            copy = self.copy(first, server, "copy")
        if until == COPY:
            self.clear()
            return turn
        with turn.act(BRING_BACK):
            there = self.carry(first, second, copy)
            other, address = self.make(second, "b", there)
        with turn.act(RESET):
            self.rebuild(second, other, address, self.clouds[second].image.find_image(self.image).id)
        with turn.act(MOVE):
            self.move(first, second, server)
        self.clear()
        return turn

    def make(self, node: str, name: str, image: str) -> tuple[Any, str]:
        """A server with an address, ready."""
        cloud, name = self.clouds[node], f"{lab.PREFIX}{name}-{self.turn}"
        network = cloud.network.find_network(lab.NETWORK).id
        port = cloud.network.create_port(name=name, network_id=network, security_groups=[self.group(node)])
        external = cloud.network.find_network(lab.EXTERNAL).id
        address = cloud.network.create_ip(
            floating_network_id=external, port_id=port.id, description=name
        ).floating_ip_address
        server = cloud.create_server(
            name, image=image, flavor=self.flavor(node), nics=[{"port-id": port.id}], auto_ip=False, wait=False,
            userdata=f"#cloud-config\nssh_authorized_keys: ['{self.desk.public}']\n", config_drive=True,
        )  # fmt: skip
        self.until(node, server, "ACTIVE")
        self.answers(address)
        return server, address

    def group(self, node: str) -> str:
        """That of the benchmark, which lets everything in."""
        network = self.clouds[node].network
        found = network.find_security_group(f"{lab.PREFIX}open")
        if found is None:
            found = network.create_security_group(name=f"{lab.PREFIX}open")
            network.create_security_group_rule(
                security_group_id=found.id, direction="ingress", protocol="tcp", ethertype="IPv4"
            )
        return str(found.id)

    def flavor(self, node: str) -> str:
        """One that has the size's figures."""
        compute, (vcpus, ram, disk) = self.clouds[node].compute, self.size.values()
        for one in compute.flavors():
            if (one.vcpus, one.ram, one.disk) == (vcpus, ram, disk):
                return str(one.id)
        name = f"{lab.PREFIX}{vcpus}-{ram}-{disk}"
        return str(compute.create_flavor(name=name, vcpus=vcpus, ram=ram, disk=disk).id)

    def copy(self, node: str, server: Any, name: str) -> str:
        """The id of an image of its disk, once that is active."""
        cloud = self.clouds[node]
        image = cloud.compute.create_server_image(server.id, f"{lab.PREFIX}{name}-{self.turn}")
        lab.wait_until(lambda: cloud.image.get_image(image.id).status == "active", LIMIT, POLL)
        return str(image.id)

    def carry(self, source: str, target: str, image: str) -> str:
        """The same image on the other node."""
        there, stored = self.clouds[target].image, self.clouds[source].image.get_image(image)
        about = {
            "name": stored.name, "disk_format": stored.disk_format, "container_format": stored.container_format,
            "min_disk": stored.min_disk, "visibility": "private",
        }  # fmt: skip
        new = there.post("/images", json=about).json()["id"]
        stream = self.clouds[source].image.download_image(stored, stream=True)
        sent = there.put(
            f"/images/{new}/file",
            data=stream.iter_content(1024**2),
            headers={"Content-Type": "application/octet-stream"},
        )
        exceptions.raise_from_response(sent)
        return str(new)

    def rebuild(self, node: str, server: Any, address: str, image: str) -> None:
        """A new disk from that image."""
        self.clouds[node].compute.rebuild_server(server.id, image=image)
        self.until(node, server, "ACTIVE")
        self.answers(address)

    def move(self, source: str, target: str, server: Any) -> None:
        """Stopped, copied, made elsewhere, and deleted once the new one is ready."""
        self.clouds[source].compute.stop_server(server.id)
        self.until(source, server, "SHUTOFF")
        there = self.carry(source, target, self.copy(source, server, "moved"))
        self.make(target, "c", there)
        self.clouds[source].compute.delete_server(server.id)
        lab.wait_until(lambda: self.clouds[source].get_server_by_id(server.id) is None, LIMIT, POLL)

    def until(self, node: str, server: Any, status: str) -> None:
        """Wait for it; a poll each second."""
        lab.wait_until(lambda: self.clouds[node].compute.get_server(server.id).status == status, LIMIT, POLL)

    def answers(self, address: str) -> None:
        """Wait until a login works."""
        lab.wait_until(lambda: self.desk.ssh(address, "true"), LIMIT, POLL)

    def clear(self) -> None:
        """Nothing of it is left."""
        for cloud in self.clouds.values():
            lab.clear(cloud)
            for image in cloud.image.images():
                if (image.name or "").startswith(lab.PREFIX):
                    cloud.image.delete_image(image.id)
            for flavor in cloud.compute.flavors():
                if flavor.name.startswith(lab.PREFIX):
                    cloud.compute.delete_flavor(flavor.id)


class Kws:
    """The same through KWS."""

    def __init__(self, bot: Bot, clouds: dict[str, Any], image: str, desk: Desk) -> None:
        self.bot, self.clouds, self.image, self.desk = bot, clouds, image, desk
        self.context, self.turn = bot.context, 0
        self.who = Actor(people(1)[0].id, admin=True)

    def run(self, mib: int, until: str) -> Turn:
        """The acts up to that one, one after the other; the nodes are empty at its end."""
        turn, (first, second), memory = Turn(), self.clouds, self.memory
        self.turn += 1
        with turn.act(CREATE, memory):
            server = self.rent(f"a{self.turn}", first, image=self.image)
        if mib:
            self.desk.fill(self.address(server), mib)
        with turn.act(COPY, memory):
            copy = Copies(self.context).request(self.who, server)
            self.until(lambda: Copies(self.context).get(self.who, copy.id).state is CopyState.KEPT)
        if until == COPY:
            self.clear()
            return turn
        with turn.act(BRING_BACK, memory):
            other = self.rent(f"b{self.turn}", second, copy=copy.id)
        with turn.act(RESET, memory):
            number = self.rental(other).reset_number
            reset.ask(self.context, self.who, other, number, self.rental(other).name)
            self.until(lambda: self.rental(other).reset_at is None)
        with turn.act(MOVE, memory):
            Moves(self.context).start(self.who, server)
            self.until(lambda: self.rental(server).status is Status.ENDED)
        self.clear()
        return turn

    def memory(self) -> float:
        """What the bot holds now, in MiB."""
        assert self.bot.process
        words = Path(f"/proc/{self.bot.process.pid}/statm").read_text().split()
        return int(words[1]) * 4096 / 2**20

    def rent(self, name: str, node: str, **of: str) -> str:
        """The id of a server that is ready on that node."""
        form = RentForm(
            name=name, size=SIZE_NAME, node=node, ends_on=self.context.today() + timedelta(days=1),
            access=Access.OWN_KEY, public_key=self.desk.public, **of,  # type: ignore[arg-type]
        )  # fmt: skip
        rental = RentalService(self.context).request(self.who, form, f"moves:{name}")
        self.until(lambda: self.rental(rental.id).status is Status.READY)
        return rental.id

    def rental(self, rental_id: str) -> Any:
        """It as it is now."""
        return self.bot.rental_queries.rental(self.who, rental_id)

    def address(self, rental_id: str) -> str:
        """Where it is reached."""
        return str(self.rental(rental_id).placement.floating_ip)

    def until(self, what: Callable[[], object]) -> None:
        """Wait for it."""
        self.bot.until(what, LIMIT)

    def clear(self) -> None:
        """Everything is returned and deleted."""
        for copy in Copies(self.context).of(self.who):
            Copies(self.context).delete(self.who, copy.id)
        for rental in self.bot.rental_queries.all_rentals():
            RentalService(self.context).return_rental(self.who, rental.id)
        self.until(lambda: not self.bot.statuses() and not Copies(self.context).of(self.who))


def main() -> None:
    """See above."""
    options = arguments()
    report = Report("moves")
    clouds = lab.connect(options.nodes)
    with (
        tempfile.TemporaryDirectory(prefix="kws-bench-") as folder,
        lab.borrowed(clouds, report, Path(folder) / DATABASE),
        Workspace(users=people(1)) as workspace,
        ExitStack() as stack,
    ):
        desk = Desk(Path(folder))
        bot = stack.enter_context(
            Bot(Path(folder), workspace, options.nodes, 2, size=SIZE, ready_check="ssh")
        )
        contestants: dict[str, Floor | Kws] = {
            KWS: Kws(bot, clouds, options.image, desk),
            FLOOR: Floor(clouds, options.image, SIZE, desk),
        }
        turns: dict[str, list[Turn]] = defaultdict(list)
        for repetition in range(options.repeat):
            names = list(contestants)
            for name in names if repetition % 2 == 0 else reversed(names):
                print(f"{name}, turn {repetition + 1}", flush=True)
                turns[name].append(contestants[name].run(options.mib, options.until))
    tell(report, turns, options)
    report.close()


def arguments() -> argparse.Namespace:
    """What was typed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moves")
    parser.add_argument("--nodes", type=lambda text: text.split(","), default=["node9", "node8"])
    parser.add_argument("--image", default="debian-12-quick")
    parser.add_argument("--repeat", type=int, default=1)
    parser.add_argument("--mib", type=int, default=0, help="random bytes written into the first server")
    parser.add_argument("--until", choices=(COPY, MOVE), default=MOVE, help="the last act of each turn")
    return parser.parse_args()


def tell(report: Report, turns: dict[str, list[Turn]], options: argparse.Namespace) -> None:
    """The table and the ratios."""
    ratios = {
        act: spread(a.seconds[act] / b.seconds[act] for a, b in zip(turns[KWS], turns[FLOOR], strict=True))
        for act in turns[KWS][0].seconds
    }
    rows = [
        [
            act,
            *(spread(turn.seconds[act] for turn in turns[name]) for name in (KWS, FLOOR)),
            ratios[act],
            statistics.median(turn.memory[act] for turn in turns[KWS]),
        ]
        for act in ratios
    ]
    title = f"from {' to '.join(options.nodes)}, {options.mib} MiB written"
    report.table(title, ["", "KWS, s", "floor, s", "KWS ÷ floor", "the bot's memory, MiB more"], rows)
    for act in list(ratios)[1:]:
        report.ratio(f"{act}: KWS to the floor", ratios[act], at_most=1.15)
    worst = max(max(turn.memory.values()) for turn in turns[KWS])
    report.ratio(
        "the most memory that the bot took beyond rest, MiB", worst, at_most=50, rounds=options.repeat
    )


if __name__ == "__main__":
    main()
