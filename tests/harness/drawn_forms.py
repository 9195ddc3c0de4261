"""Any form that is accepted comes back from Slack as it went in, and its server gets what the person asked for.

Forms are drawn as people can fill them in: fields that a choice hides are empty, and a line has no blanks
round it (the form takes them off). Ten are drawn for each way to log in; ``KWS_LIFE=thorough`` draws a thousand.
"""

from __future__ import annotations

import shlex
import string
import textwrap
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from harness.sampling import THOROUGH
from harness.world import ADMIN, MINA, World
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from bot.views.form_fields import SentView
from kws_core.forms import ssh_keys
from kws_core.forms.cidr import PRIVATE
from kws_core.forms.passwords import Secret
from kws_core.people import Actor
from kws_core.rentals.admission import CUSTOM, NEW_NETWORK, RentForm
from kws_core.rentals.form_options import FormOptions
from kws_core.rentals.saved_keys import KeyRing
from kws_core.tables.states import Access
from kws_core.values import Kind

DRAWN = settings(
    max_examples=1000 if THOROUGH else 10,
    deadline=None,
    derandomize=not THOROUGH,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
LONGEST = 3000  # characters in a field of Slack's
REGISTRY = ["nginx", "nginx:latest", "localhost:5000/a/b_c", "ghcr.io/a/b@sha256:" + "0a" * 32]
EC = ec.generate_private_key(ec.SECP256R1()).public_key()
KEYS = [
    ssh_keys.generate("mina@laptop").public,
    ssh_keys.generate("").public,
    EC.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode(),
]
EVIL = [
    "", " ", "~", "null", "yes", "1", "0x1f", "2026-12-01", "12:30:45", ".inf", "=", "<<", "- a", "a: b", "{a: b}",
    "&a", "*a", "!!set", "|", ">", "'", '"', "a #b", "%TAG", "---", "\n---\n", "a\nruncmd:\n  - id", "a\n\n",
    "\t", " a ", "a ", "  a\nb\n", "{{ 7*7 }}", "## template: jinja", "${x}", "\\n", "\\", "키\n서버\n", "\U0001f600",
    "<!channel>", "&amp;", "#cloud-config", "it's", "\u2028", "\u200b",
]  # fmt: skip


def sent_view(view: Any = None, /, *, metadata: str = "", values: Any = None) -> SentView:
    """A form as Slack sends it: one that was drawn, or one that has nothing but this."""
    bare = {
        "id": "V1", "type": "modal", "callback_id": "x", "hash": "1.a", "blocks": [],
        "private_metadata": metadata, "state": {"values": values or {}},
    }  # fmt: skip
    return SentView.model_validate({**bare, **(view or {})})


# -- what people write

letters = st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\t'\":#\\")
words = st.sampled_from(EVIL) | st.text(letters, max_size=20)
printable = st.text(string.ascii_letters + string.digits + " .:'\"#-@", min_size=1, max_size=20)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
logins = st.from_regex(r"[a-z_][a-z0-9_-]{0,8}", fullmatch=True).filter(
    lambda n: n not in ("default", "root")
)
hosts = st.sampled_from(["0.kr.pool.ntp.org", "time.example.com"])
key_lists = st.lists(st.sampled_from(KEYS) | printable, min_size=1, max_size=3, unique=True)
files = st.fixed_dictionaries(
    {"path": st.sampled_from(["/etc/motd", "/opt/a b", "/srv/서버: 1"]), "content": words},
    optional={"permissions": st.just("0644"), "append": st.booleans(), "defer": st.booleans()},
)


def people(login: str) -> st.SearchStrategy[list[Any]]:
    """Entries of ``users``, the login of the rental often among them, with all that one might say of it."""
    some = {
        "ssh_authorized_keys": key_lists,
        "ssh_import_id": st.just(["gh:mina"]),
        "groups": st.lists(logins, min_size=1, max_size=2, unique=True),
        "gecos": st.sampled_from(["Mina", "Kim, 'M' #1", "미나"]),
        "shell": st.sampled_from(["/bin/sh", "/usr/sbin/nologin"]),
        "sudo": st.sampled_from(["ALL=(ALL) ALL", None]),
        "lock_passwd": st.booleans(),
        "hashed_passwd": st.sampled_from(["$6$saltsalt$0123456789abcdef", "!"]),
    }
    theirs = ("ssh_import_id", "groups", "gecos", "sudo", "lock_passwd")  # what may be said of the login
    owner = {key: some[key] for key in theirs} | {
        "name": st.just(login),
        "ssh_authorized_keys": st.permutations([*KEYS, "ssh-rsa AAAA"]),
    }
    user = st.fixed_dictionaries({"name": logins.filter(lambda name: name != login)}, optional=some)
    return st.lists(
        st.fixed_dictionaries(owner) | user | logins | st.just("default"),
        min_size=1,
        max_size=3,
        unique_by=lambda entry: entry if isinstance(entry, str) else entry["name"],
    )


def configs(login: str) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the keys that a person may use."""
    keys: dict[str, st.SearchStrategy[Any]] = {
        "packages": st.lists(printable, min_size=1, max_size=3, unique=True),
        "package_update": st.booleans(),
        "runcmd": st.lists(words | st.lists(words, max_size=3), min_size=1, max_size=3),
        "bootcmd": st.lists(words, min_size=1, max_size=2),
        "write_files": st.lists(files, min_size=1, max_size=2),
        "final_message": words,
        "timezone": st.sampled_from(["Asia/Seoul", "UTC"]),
        "locale": words,
        "ntp": st.none() | st.fixed_dictionaries({"servers": st.lists(hosts, max_size=2, unique=True)}),
        "apt": st.fixed_dictionaries({"conf": words, "preserve_sources_list": st.booleans()}),
        "swap": st.fixed_dictionaries({"filename": words, "size": st.integers(0, 10**12)}),
        "power_state": st.fixed_dictionaries({"mode": st.just("reboot"), "message": words}),
        "ssh_authorized_keys": key_lists,
        "users": people(login),
    }
    return st.fixed_dictionaries({}, optional=keys)


class Dumper(yaml.SafeDumper):
    """People write no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(config: dict[str, Any], style: str | None, head: str, margin: str, wide: bool) -> str:
    """The mapping in YAML, with its texts in one of YAML's five styles."""

    class Styled(Dumper):
        pass

    Styled.add_representer(
        str, lambda d, text: d.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    )
    width = 4096 if wide else 40
    text = yaml.dump(config, Dumper=Styled, allow_unicode=True, sort_keys=False, width=width)
    return head + textwrap.indent(text, margin, lambda line: True)


@st.composite
def ports(draw: st.DrawFn) -> str:
    """A few ranges, in the order and with the signs that came to mind."""
    pieces = []
    for _ in range(draw(st.integers(0, 4))):
        first = draw(st.integers(26, 65535))
        last = draw(st.integers(first, 65535)) if draw(st.booleans()) else first
        text = str(first) if first == last else f"{first}{draw(st.sampled_from(['-', '~', ' - ']))}{last}"
        pieces.append(text + draw(st.sampled_from(["", "/udp", "/tcp", "/UDP"])))
    return draw(st.sampled_from([", ", " ", ","])).join(pieces)


@st.composite
def cidrs(draw: st.DrawFn) -> str:
    """A private range from /16 to /29."""
    block, prefix = draw(st.sampled_from(PRIVATE)), draw(st.integers(16, 29))
    inside = draw(st.integers(0, 2 ** (prefix - block.prefixlen) - 1))
    return str(IPv4Network((int(block.network_address) + (inside << (32 - prefix)), prefix)))


environments = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,9}", fullmatch=True),
        words.map(lambda word: word.replace("\n", " ").strip("\"' ")),
    ).map("=".join)
    | st.sampled_from(["", "# a remark", "   "]),
    max_size=5,
    unique_by=lambda line: line.partition("=")[0],
).map("\n".join)
commands = st.lists(words.map(lambda word: word.replace("\n", " ")), max_size=4).map(shlex.join) | st.just(
    "echo a\\ "
)
passwords = st.tuples(st.text(string.printable[:94], max_size=12), st.integers(0, 10**6)).map(
    lambda drawn: f"Qz7{drawn[0]}vex plume-{drawn[1]}"
)

# -- whole forms

CONTAINER = "container"
WAYS = ["generated", "saved", "pasted", "password"]  # to log in to servers


@dataclass(frozen=True)
class Case:
    """A form, who fills it in, whether under More options too, and what the cloud-init text means."""

    who: Actor
    more: bool
    form: RentForm
    config: dict[str, Any]


@st.composite
def accesses(draw: st.DrawFn, offer: FormOptions, way: str) -> dict[str, Any]:
    """What is filled in for that way to log in."""
    if way == "password":
        return {"access": Access.PASSWORD, "password": Secret(draw(passwords))}
    if way == "saved":
        return {"access": Access.OWN_KEY, "saved_key": draw(st.sampled_from([key.id for key in offer.keys]))}
    if way == "pasted":
        line = f"{draw(st.sampled_from(KEYS))} {draw(words)}".replace("\n", " ").strip()
        return {"access": Access.OWN_KEY, "public_key": line}
    return {}


@st.composite
def options(draw: st.DrawFn, offer: FormOptions, who: Actor) -> dict[str, Any]:
    """What stands under More options for servers and containers."""
    found: dict[str, Any] = {"ports": draw(ports())}
    network = draw(st.sampled_from([None, NEW_NETWORK, *(network.id for network in offer.networks)]))
    if network == NEW_NETWORK:
        found |= {"network_name": draw(labels), "cidr": draw(cidrs())}
    if draw(st.booleans()):
        figures = {"vcpus": (1, 7), "ram_mb": (64, 7000), "disk_gb": (1, 90)}
        found |= {"size": CUSTOM} | {name: draw(st.integers(*limits)) for name, limits in figures.items()}
    if who.admin:
        found["node"] = draw(st.sampled_from([None, *(room.node for room in offer.rooms)]))
    return found | {"network": network}


@st.composite
def texts(draw: st.DrawFn, config: dict[str, Any]) -> str | None:
    """The mapping as somebody might have written it; None for an empty one."""
    style, margin = st.sampled_from([None, "'", '"', "|", ">"]), st.sampled_from(["", "  "])
    head = st.sampled_from(["", "#cloud-config\n", "\n"])
    text = written(config, draw(style), draw(head), draw(margin), draw(st.booleans()))
    assume(len(text) <= LONGEST)
    return text if config else None


@st.composite
def containers(draw: st.DrawFn) -> dict[str, Any]:
    """What only containers have."""
    environment, command = draw(environments), draw(commands)
    found = {"image": draw(st.sampled_from(REGISTRY)), "ports": draw(ports()), "command": command or None}
    return found | {"environment": environment if environment.strip() else None}


@st.composite
def cases(draw: st.DrawFn, world: World, way: str, more: st.SearchStrategy[bool]) -> Case:
    """A form as somebody fills it in; the largest part first, while Hypothesis has most to choose from."""
    who, wide = draw(st.sampled_from([MINA, ADMIN])), draw(more)
    offer = world.rental_service.offer(who)
    config: dict[str, Any] = {}
    if way == CONTAINER:
        values = {"kind": Kind.CONTAINER} | draw(containers())
    else:
        image = draw(st.sampled_from(offer.images))
        config = draw(configs(image.login)) if wide else {}
        values = {"image": image.name, "cloud_init": draw(texts(config))} | draw(accesses(offer, way))
    values |= {
        "name": draw(labels),
        "size": draw(st.sampled_from(["small", "medium", "large"])),
        "ends_on": draw(st.dates(offer.today, offer.last_end)),
        "web": draw(st.booleans()) if offer.web else None,
        "ask": draw(st.none() | words.map(lambda word: word.strip()[:300].strip())),
    }
    values |= draw(options(offer, who)) if wide else {}
    return Case(who, wide, RentForm(**values), config)


def furnish(world: World) -> World:
    """Two people with saved keys and a network of their own."""
    for number, who in enumerate((MINA, ADMIN)):
        for name, key in zip(("laptop", '키 <!here> "x": {y}'), KEYS, strict=False):
            KeyRing(world.context).add(who, name, key)
        cidr = f"192.168.{50 + number}.0/24"
        world.rent(f"first{number}", who, network=NEW_NETWORK, network_name="n" * 63, cidr=cidr)
    return world
