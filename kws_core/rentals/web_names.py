"""Who has which name under the lab's domain: changes of rows, used when a rental is made and when its site changes."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import update
from sqlalchemy.orm import Session

from kws_core.config import WebSection
from kws_core.errors import ErrorCode, UserError
from kws_core.forms.web_name import check_web_name
from kws_core.tables.network import Site, WebName
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Upstream
from kws_core.values import Kind, PortRange

KEPT = timedelta(days=7)  # cookies and links of the person who had a name are about as old
HTTP = 80


def check_free(
    session: Session, web: WebSection, label: str, owner: str, now: datetime, rental_id: str | None = None
) -> str:
    """Return the name as it is stored, if this person may have it for that rental, or for a new one.

    Raises:
        UserError: If it isn't a name, looks like the lab's own, or is or was somebody else's.
    """
    label = check_web_name(label, web.reserved)
    row = session.get(WebName, label, with_for_update=True, populate_existing=True)
    if row is None:
        return label
    holder = session.get_one(Rental, row.rental_id)
    if row.released_at is None and holder.id == rental_id:
        return label
    freed = row.released_at or holder.ended_at
    if freed is None:
        raise UserError(ErrorCode.WEB_NAME_TAKEN, address=web.address(label))
    before = row.owner if row.released_at else holder.owner
    if before != owner and now < freed + KEPT:
        again = (freed + KEPT).date() + timedelta(days=1)
        raise UserError(ErrorCode.WEB_NAME_KEPT, address=web.address(label), day=again)
    return label


def claim(session: Session, rental: Rental, label: str) -> None:
    """Give the rental a name that was found free in this transaction."""
    row = session.get(WebName, label)
    if row is None:
        session.add(WebName(label=label, rental_id=rental.id, owner=rental.owner))
    else:
        row.rental_id, row.owner, row.released_at = rental.id, rental.owner, None


def release(session: Session, rental: Rental, label: str, now: datetime) -> None:
    """Take a name from a rental that goes on without it."""
    row = session.get_one(WebName, label, with_for_update=True)
    row.owner, row.released_at = rental.owner, now


def hand_over(session: Session, rental: Rental, successor: Rental, now: datetime) -> None:
    """Give the successor of a move all names of the rental, and its site, which the proxy serves from there at once."""
    session.execute(update(WebName).where(WebName.rental_id == rental.id).values(rental_id=successor.id))
    if (site := rental.site) is None:
        return
    rental.site, site.served_at = None, None
    successor.site = site
    if successor.placement:
        successor.placement.next_check_at = now  # its node is to let the proxy in


def new_site(rental: Rental, web: WebSection) -> Site:
    """What the proxy is to do for a rental whose owner chose nothing else."""
    return Site(
        rental_id=rental.id,
        label=rental.name,
        port=_first_port(rental),
        upstream=Upstream.HTTP,
        audience=Audience.LAB if web.open_to else Audience.EVERYBODY,
    )


def _first_port(rental: Rental) -> int:
    """A server's is the one of HTTP; a container's the first that it opens."""
    ports = [PortRange(**entry) for entry in rental.open_ports]
    tcp = [ports.first for ports in ports if ports.protocol == "tcp"]
    return tcp[0] if rental.kind is Kind.CONTAINER and tcp else HTTP
