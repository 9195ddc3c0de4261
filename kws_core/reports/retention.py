"""What the database need not remember any longer is taken out of it, to the last byte of its file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import String, and_, cast, or_, update

from kws_core.cluster.deliveries import Deliveries
from kws_core.context import Context
from kws_core.tables.rental import Rental
from kws_core.tables.states import Status

BUILT_FOR = timedelta(hours=1)  # after that nobody builds it again
OVER = (Status.ENDING, Status.ENDED)


def forget(context: Context) -> int:
    """What only the making of a machine needs, and may have secrets in it; how many rentals had some.

    A cloud-config, an environment or a command is needed until the machine is made; the hash of a password too.
    """
    Deliveries(context).forget_old_deliveries()
    built = and_(
        Rental.ready_at.is_not(None),
        Rental.ready_at < context.now() - BUILT_FOR,
        Rental.reset_at.is_(None),  # a container is made from them again
    )
    some = [cast(column, String) != "{}" for column in (Rental.cloud_init, Rental.environment)]
    some += [cast(Rental.command, String) != "[]", Rental.password_hash.is_not(None)]
    placeholder: dict[str, Any] = {"cloud_init": {}, "environment": {}, "command": [], "password_hash": None}
    with context.store.write() as session:
        over = or_(built, Rental.status.in_(OVER))
        done = session.execute(update(Rental).where(over, or_(*some)).values(placeholder))
        count: int = done.rowcount  # type: ignore[attr-defined]
    context.store.fold_log()
    return count
