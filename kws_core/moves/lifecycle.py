"""How a move begins, ends well, and ends otherwise: changes of its rows.

A move is two rentals: the one that its owner has, and its successor, which is made like any other, from a copy, on
its own node with its own mark. Until it answers no list shows it and no quota counts it (``Rental.replaces``); only
its capacity is held. Whichever of the two fails, the first one stays what it was.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from kws_core.copies import lifecycle as copy_lifecycle
from kws_core.copies import queries as copies
from kws_core.database import queries
from kws_core.rentals.lifecycle import end, place
from kws_core.rentals.web_names import hand_over
from kws_core.tables.base import new_id
from kws_core.tables.copy import Copy
from kws_core.tables.details.events import MoveCanceled, MoveDone, MoveFailed, MoveStarted, Requested
from kws_core.tables.rental import Rental
from kws_core.tables.states import CopyState, Power, Status
from kws_core.values import Size

SLOW = "slow"  # it took too long
NO_ROOM = "no_room"  # no node has room for it any longer
ENDED = "expired"  # its last day came first


def begin(
    session: Session,
    rental: Rental,
    node: str,
    size: Size,
    now: datetime,
    actor: str,
    via: str | None,
    copy: Copy | None = None,
) -> Rental:
    """Hold room for the successor, have the copy made unless there is one, and return the successor."""
    assert rental.placement
    source = rental.placement.node
    if copy is None:
        copy = copy_lifecycle.begin(rental, now, rental.ends_on, for_move=True)
        session.add(copy)
    successor = _successor(rental, copy, size, now)
    session.add(successor)
    place(successor, node, now)
    successor.record(Requested(node, via=via, moved_from=source), now, actor=actor)
    rental.replaced_by, rental.move_at = successor.id, None
    rental.switched_off = (
        rental.power is Power.OFF
    )  # also one that was shut down from inside: so it stays, if this fails
    rental.placement.powered_off = False  # until it is seen: only then the disk is copied
    rental.placement.next_check_at = now
    rental.record(MoveStarted(node, size.name, via=via), now, actor=actor)
    return successor


def finish(session: Session, rental: Rental, now: datetime) -> bool:
    """The successor takes its place, and this one is deleted; False if it isn't ready after all."""
    successor = _locked(session, rental)
    if successor is None or successor.status is not Status.READY:
        return False
    held = successor.placement
    end(rental, MoveDone(held.node if held else "", held.floating_ip if held else None), now)
    session.flush()  # its name is free from here on
    successor.replaces = None
    successor.ends_on, successor.end_set_at = rental.ends_on, rental.end_set_at
    successor.copy_at_end = rental.copy_at_end
    hand_over(session, rental, successor, now)
    _drop_copy(session, successor, now)
    return True


def give_up(session: Session, rental: Rental, why: str, now: datetime) -> None:
    """The rental stays: what was stopped for the move is started again, and the rest of the move goes."""
    successor = _locked(session, rental)
    if successor is not None:
        _drop_copy(session, successor, now)
        cancel(successor, now)
    rental.replaced_by = None
    rental.to_start = rental.status is Status.READY and not rental.switched_off
    if rental.placement:
        rental.placement.powered_off = True  # the card says that it runs when it does
        rental.placement.act_at = now if rental.to_start else None
        rental.placement.next_check_at = now
    rental.record(MoveFailed(why, started=rental.to_start), now)


def cancel(successor: Rental, now: datetime) -> None:
    """There is nothing whose place it could take."""
    if successor.live:
        end(successor, MoveCanceled(), now)


def _locked(session: Session, rental: Rental) -> Rental | None:
    """Always after the rental itself, so that two who lock both don't wait for each other."""
    return queries.rental(session, rental.replaced_by, lock=True) if rental.replaced_by else None


def _drop_copy(session: Session, successor: Rental, now: datetime) -> None:
    copy = copies.copy(session, successor.copy_id, lock=True) if successor.copy_id else None
    if copy is not None and copy.for_move and copy.on_disk and copy.state is not CopyState.DELETING:
        copy.failure = copy_lifecycle.DELETED
        copy.move_to(CopyState.DELETING, now)


def _successor(rental: Rental, copy: Copy, size: Size, now: datetime) -> Rental:
    """The same server elsewhere: the same login, ports, network and last day.

    The person's own cloud-init has done its work on the disk and would do it once more.
    """
    return Rental(
        id=(successor := new_id()),
        request_key=f"move:{successor}",
        kind=rental.kind,
        name=rental.name,
        owner=rental.owner,
        image=rental.image,
        login=rental.login,
        size=size.name,
        vcpus=size.vcpus,
        ram_mb=size.ram_mb,
        disk_gb=size.disk_gb,
        open_ports=list(rental.open_ports),
        ends_on=rental.ends_on,
        end_set_at=rental.end_set_at,
        status=Status.REQUESTED,
        access=rental.access,
        public_key=rental.public_key,
        key_fingerprint=rental.key_fingerprint,
        key_file=rental.key_file,
        key_sent_at=rental.key_sent_at,
        key_number=rental.key_number,
        password_hash=rental.password_hash,
        cloud_init={},
        command=[],
        environment={},
        network_id=rental.network_id,
        copy_id=copy.id,
        old_keys=list(copy.keys),
        copy_at_end=rental.copy_at_end,
        replaces=rental.id,
        host_keys=[],
        created_at=now,
    )
