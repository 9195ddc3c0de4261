"""A rental is reset to the image that it was made from: its disk is new, and all else stays.

``ask`` commits the wish, ``Rental.reset_at``; ``reconcile/rebuilder.py`` has the node do it. A new key is first
brought to its owner, as in ``key_rotation``: nothing is lost before they have it.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from kws_core.context import Context
from kws_core.database import queries
from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.rentals import key_rotation
from kws_core.rentals.access import allowed, check_settled
from kws_core.scheduling.capacity import load_images
from kws_core.tables.details.events import ResetFailed, ResetWanted
from kws_core.tables.node import NodeRecord
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access, Status
from kws_core.values import Kind


@dataclass(frozen=True, slots=True)
class ResetTerms:
    """What a reset would do now."""

    rental: Rental
    may_change_key: bool  # otherwise its owner gets in as before
    may_copy: bool  # of its disk a copy can be kept first


def terms(context: Context, who: Actor, rental_id: str) -> ResetTerms:
    """Return what a reset of that rental would do.

    Raises:
        UserError: If it can't be reset now, with why.
    """
    with context.store.read() as session:
        rental = allowed(queries.rental(session, rental_id), who)
        placement = _check(session, rental)
    node, policy = context.config.node(placement.node), context.config.policy
    copies = rental.kind is Kind.SERVER and policy.max_copies_per_user and node and node.copy_disk_gb
    return ResetTerms(rental, rental.access is Access.GENERATED, bool(copies))


def ask(
    context: Context,
    who: Actor,
    rental_id: str,
    number: int,
    typed: str,
    *,
    new_key: bool = False,
    via: str | None = None,
) -> Rental:
    """Request a reset. Asked for twice, it is done once.

    Args:
        context: What every use case works with.
        who: Its owner, or an admin.
        rental_id: What is to be reset.
        number: Its ``reset_number`` when the person was asked, so that a form from before a reset asks for none.
        typed: Its name as the person typed it.
        new_key: Whether its owner gets a new key; others than those of KWS are kept in any case.
        via: Where it was asked for.

    Raises:
        UserError: If the name is another one, or it can't be reset now.
    """
    with context.store.write() as session:
        rental = allowed(queries.rental(session, rental_id, lock=True), who)
        if unicodedata.normalize("NFKC", typed).strip().lower() != rental.name:
            raise UserError(ErrorCode.RESET_NAME, name=rental.name)
        if rental.reset_at is not None and rental.reset_number != number:
            return rental
        placement = _check(session, rental)
        if rental.reset_number != number:
            raise UserError(ErrorCode.RESET_STALE, name=rental.name)
        generated = rental.access is Access.GENERATED
        now, with_key = context.now(), new_key and generated and rental.rekey is None
        rental.reset_number += 1
        rental.reset_at, rental.reset_tries = now, 0
        placement.rebuild_at, placement.next_check_at = None, now
        if with_key:
            key_rotation.want(rental)
        rental.record(ResetWanted(new_key=with_key or None, via=via), now, actor=who.id)
    context.work.set()
    context.mail.set()
    return rental


def drop(rental: Rental, failed: ResetFailed, now: datetime) -> None:
    """End a reset that did not come about."""
    rental.reset_at, rental.reset_tries = None, 0
    if rental.placement:
        rental.placement.rebuild_at = None
    rental.record(failed, now)


def _check(session: Session, rental: Rental) -> Placement:
    """The placement of one that can be reset now. What a node had last is known without asking it."""
    placement = rental.placement
    if rental.status is not Status.READY or placement is None or placement.server_id is None:
        raise UserError(ErrorCode.NOT_READY, name=rental.name)
    check_settled(rental)
    record = session.get(NodeRecord, placement.node)
    images = {image.name for image in load_images(record)} if record else set()
    if rental.kind is Kind.SERVER and rental.image not in images:
        raise UserError(ErrorCode.RESET_NO_IMAGE, image=rental.image, node=placement.node)
    return placement
