"""What must hold when all has settled, whatever was killed before: on the nodes, in the rows, in Slack."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from harness import moving
from harness.cloud_server import CloudServer

from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.image_store import ACTIVE, UPLOAD
from kws_core.nodes.offered_images import copy_mark
from kws_core.tables.copy import Copy
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Status
from kws_core.values import Kind
from slack_workspace import Workspace

UNIQUE = ("card-", "notice-", "admin-notice-", "image-sync-")  # first blocks of what is shown once
SETTLED = (Status.READY, Status.STOPPED, Status.ENDED)
SETTLED_COPIES = (CopyState.KEPT, CopyState.GONE)


def on_nodes(
    rentals: Sequence[Rental], nodes: Mapping[str, FakeNode], copies: Sequence[Copy] = ()
) -> list[str]:
    """Orphans, doubles, lost machines, and rentals that got stuck; of ``copies``, all there ever were, the same."""
    images = {name: copy_images(node) for name, node in nodes.items()}
    known = {mark for found in images.values() for mark in found}
    wanted = {r.mark for r in rentals if r.status in (Status.READY, Status.STOPPED)}
    held = [mark for node in nodes.values() for mark in node.resources() if mark not in known]
    found = [f"{mark} on two nodes" for mark, count in Counter(held).items() if count > 1]
    found += [f"orphan {mark}" for mark in set(held) - wanted]
    found += [f"lost machine {mark}" for mark in wanted - set(held)]
    found += [f"double {double}" for node in nodes.values() for double in node.duplicates()]
    found += wrong_copies(copies, images) + moving.unfinished(rentals)
    return found + [f"{r.name} is {r.status.value}" for r in rentals if r.status not in SETTLED]


def copy_images(node: FakeNode | CloudServer) -> dict[str, list[str]]:
    """By mark, what each image of a copy on the node is: its status, or "upload" of what broke off."""
    if not isinstance(node, FakeNode):
        return node.copy_images()
    found: dict[str, list[str]] = {}
    for kept in node.shelf.everything().values():
        if mark := copy_mark(kept.stored, uploads=True):
            whole = UPLOAD not in kept.stored.properties
            found.setdefault(mark, []).append(kept.stored.status if whole else "upload")
    return found


def wrong_copies(copies: Iterable[Copy], images: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
    """Copies that got stuck, were lost or are there twice, and images that no copy explains."""
    copies, found = list(copies), []
    home = {copy.mark: copy.node for copy in copies if copy.state is CopyState.KEPT}
    for node, shown in images.items():
        for mark, there in shown.items():
            if home.get(mark) != node:
                found.append(f"orphan image {mark} on {node}: {there}")
            elif there != [ACTIVE]:
                found.append(f"image {mark} on {node}: {there}")
    found += [f"lost copy {mark}" for mark, node in home.items() if mark not in images[node]]
    found += [f"copy {c.id} of a move is kept" for c in copies if c.for_move and c.state is CopyState.KEPT]
    return found + [f"copy {c.id} is {c.state.value}" for c in copies if c.state not in SETTLED_COPIES]


def messages(workspace: Workspace) -> list[dict[str, Any]]:
    """Everything that stands in any channel."""
    state = workspace.state
    with state.changed:
        return [m for channel in state.channels.values() for m in channel.messages]


def shown_twice(shown: Iterable[Mapping[str, Any]]) -> list[str]:
    """Cards, bells, warnings and notices to the admins that stand somewhere more than once."""
    blocks = Counter(first_block(message) for message in shown)
    return [
        f"{block} is shown {times} times"
        for block, times in blocks.items()
        if times > 1 and block.startswith(UNIQUE)
    ]


def first_block(message: Mapping[str, Any]) -> str:
    """The id of a message's first block; it says what the message is of."""
    return str((message.get("blocks") or [{}])[0].get("block_id", ""))


def wrong_keys(
    rentals: Sequence[Rental], workspace: Workspace, nodes: Mapping[str, FakeNode], old_keys: int = 0
) -> list[str]:
    """Servers whose owner has not exactly one private key that opens them, apart from so many earlier ones."""
    found = []
    for rental in rentals:
        if rental.kind is Kind.SERVER and rental.status is Status.READY and rental.key_file:
            person = workspace.person(rental.owner)
            pems = [f for f in person.files() if not str(f["name"]).endswith(".ppk")]
            pems = [f for f in pems if str(f["name"]).startswith(f"kws-{rental.name}")]
            fits = [f for f in pems if _fits(rental, person.download(f), nodes)]
            if len(fits) != 1 or len(pems) - len(fits) > old_keys:
                found.append(f"{rental.name}: {len(pems)} keys, of which {len(fits)} fit")
    return found


def _fits(rental: Rental, private: bytes, nodes: Mapping[str, FakeNode]) -> bool:
    public = load_ssh_private_key(private, None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    kept = rental.public_key or ""
    return kept.startswith(line) and any(node.opens(rental.mark, kept) for node in nodes.values())
