"""The longer texts, from Jinja2 templates."""

from __future__ import annotations

import functools
import html
from datetime import UTC, datetime, timedelta

from babel.dates import format_timedelta
from jinja2 import Environment, PackageLoader, StrictUndefined

from bot.text.i18n import Mrkdwn, Texts, code, escape, slack_time
from bot.text.units import DAYS, HOURS, duration
from kws_core.config import WebSection
from kws_core.expiry import ExpiryInfo
from kws_core.forms import boot_script
from kws_core.forms.ports import format_ports
from kws_core.tables.rental import Rental
from kws_core.values import Kind, PortRange


@functools.cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader("bot.text"),
        undefined=StrictUndefined,
        autoescape=False,  # HTML's; values are escaped for Slack by finalize
        finalize=escape,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = code
    environment.filters["mrkdwn"] = Mrkdwn
    return environment


def ready(rental: Rental, ends_at: datetime, texts: Texts, web: WebSection | None = None) -> Mrkdwn:
    """All that is needed to get in; with ``web`` its web address, as soon as the proxy serves it."""
    template = "ready_container.j2" if rental.kind is Kind.CONTAINER else "ready.j2"
    ports = format_ports([PortRange(**entry) for entry in rental.open_ports])
    ends = slack_time(last_minute(ends_at), texts)
    link = served_link(rental, web)
    return _render(template, texts, rental=rental, ends=ends, key=key_name(rental), ports=ports, link=link)


def served_link(rental: Rental, web: WebSection | None) -> str:
    """Where the proxy serves it, to be clicked; "" where it doesn't."""
    site = rental.site
    if web is None or site is None or site.served_at is None:
        return ""
    return f"<{web.address(site.second or site.label)}>"


def warning(rental: Rental, outlook: ExpiryInfo, texts: Texts) -> Mrkdwn:
    """That a rental ends soon, and what can be done."""
    return _render(
        "warning.j2",
        texts,
        rental=rental,
        outlook=outlook,
        late=outlook.ends_at <= outlook.now,
        ends=slack_time(last_minute(outlook.ends_at), texts),
        deleted=slack_time(outlook.deleted_at, texts),
        remaining=_remaining(outlook, texts),
        day=texts.date(rental.ends_on),
        latest=texts.date(outlook.latest),
        hours=lambda number: duration(number, HOURS, texts),
    )


def _remaining(outlook: ExpiryInfo, texts: Texts) -> str:
    """How far away the last minute is: days as a calendar counts them, hours on the last day."""
    days = (last_minute(outlook.ends_at).date() - outlook.today).days
    left, threshold = (timedelta(days), days - 0.5) if days > 0 else (outlook.ends_at - outlook.now, 1.5)
    return format_timedelta(left, add_direction=True, threshold=threshold, locale=texts.locale)


def key_message(rental: Rental, days: int, texts: Texts) -> Mrkdwn:
    """What is said with the private key, which stays in Slack for ``days`` days."""
    return _render("key.j2", texts, rental=rental, key=key_name(rental), time=duration(days, DAYS, texts))


def help_text(command: str, texts: Texts) -> Mrkdwn:
    """What ``/kws help`` says."""
    return _render("help.j2", texts, command=command)


def admin_help(command: str, texts: Texts) -> Mrkdwn:
    """What ``/kws admin help`` says; each line is a command."""
    return _render("admin_help.j2", texts, command=command)


def web_page(title: str, text: str, texts: Texts) -> str:
    """A page of the proxy as HTML; what it says has no markup."""
    template = _templates().get_template("web_page.j2")
    return template.render(
        title=Mrkdwn(html.escape(title)), text=Mrkdwn(html.escape(text)), locale=texts.locale
    )


def last_minute(ends_at: datetime) -> datetime:
    """What people read as the end: 23:59 of the last day, not 00:00 of the day after."""
    return (ends_at.astimezone(UTC) - timedelta(minutes=1)).astimezone(ends_at.tzinfo)


def entrance(rental: Rental) -> str:
    """What to type, or where to connect."""
    if rental.kind is Kind.CONTAINER:
        return (rental.placement.floating_ip if rental.placement else None) or ""
    return ssh_command(rental)


def ssh_command(rental: Rental) -> str:
    """What to type to get in."""
    address = rental.placement.floating_ip if rental.placement else None
    key = "" if rental.key_file is None else f"-i ~/.ssh/{key_name(rental)} "
    return f"ssh {key}{rental.login}@{address}"


def key_name(rental: Rental) -> str:
    """The private key's file name; safe as one, since the name is an RFC 1123 label.

    A later key's has its number, behind a sign that no rental's name can have.
    """
    number = rental.key_number or 1
    return boot_script.comment(rental.name) + (f"_{number}" if number > 1 else "")


def _render(template: str, texts: Texts, **data: object) -> Mrkdwn:
    return Mrkdwn(_templates().get_template(template).render(_=texts, **data).strip())
