"""Who may act on a rental: its owner, and admins."""

from __future__ import annotations

from kws_core.errors import ErrorCode, UserError
from kws_core.people import Actor
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status


def allowed(rental: Rental | None, who: Actor) -> Rental:
    """Return the rental, if this person may act on it.

    Raises:
        UserError: If there is none or it is another person's; the same error for both.
    """
    if rental is None or (rental.owner != who.id and not who.admin):
        raise UserError(ErrorCode.RENTAL_GONE)
    return rental


def check_settled(rental: Rental) -> None:
    """Check that KWS itself is at nothing for which its machine must be left alone.

    Raises:
        UserError: If it is being moved or reset, or gets another size.
    """
    check_in_place(rental)
    if rental.moving:
        raise UserError(ErrorCode.MOVING, name=rental.name)
    if rental.reset_at is not None:
        raise UserError(ErrorCode.RESET_UNDER_WAY, name=rental.name)
    if rental.resizing:
        raise UserError(ErrorCode.RESIZING, name=rental.name)


def check_in_place(rental: Rental) -> None:
    """Check that it is the one that people act on: of two, the one whose place the other is to take.

    Raises:
        UserError: If it is the other one.
    """
    if rental.live and rental.replaces is not None:
        raise UserError(ErrorCode.MOVING, name=rental.name)


def check_decided(rental: Rental) -> None:
    """Check that the admins have allowed it, where they were asked.

    Raises:
        UserError: If they have not answered yet.
    """
    if rental.status is Status.ASKED:
        raise UserError(ErrorCode.ASK_UNDECIDED, name=rental.name)
