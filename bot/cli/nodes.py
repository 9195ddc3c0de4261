"""``kws nodes``, ``kws rentals``, ``kws copies``, ``kws asks`` and ``kws audit``: what there is, what was used of it, who did what."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.common import Config, Json, context_of, outside, print_rows, who_types

if TYPE_CHECKING:
    from kws_core.context import Context
    from kws_core.scheduling.capacity import NodeStatus

nodes = typer.Typer(
    help="List nodes; start and end maintenance.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="Its name in nodes.toml.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(nodes, name="nodes")
    app.command()(rentals)
    app.command()(copies)
    app.command()(asks)
    app.command()(audit)


@nodes.callback()
def list_nodes(context: typer.Context, config: Config = None, as_json: Json = False) -> None:
    """List nodes as last seen: state, resources in use and available, and measured values."""
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    from kws_core.rentals.queries import RentalQueries

    lab = context_of(config)
    pool = outside().pool(lab.config)
    unusable = pool.unusable()
    pool.close()
    rows = [_node(lab, status) for status in RentalQueries(lab).nodes()]
    for known in rows:
        if not known["up"] and not known["error"]:  # the bot has not tried it yet, and may have another file
            known["error"] = unusable.get(known["name"])
    for name, lent in RentalQueries(lab).missed().items():
        row: dict[str, Any] = dict.fromkeys(rows[0]) if rows else {}
        row |= {"name": name, "state": "not in nodes.toml", "rentals": lent.rentals}
        rows.append(row | {f"lent_{what}": getattr(lent, what) for what in ("vcpus", "ram_mb", "disk_gb")})
    if as_json:
        print_rows(rows, True, "")
    else:
        print_rows([_short(row) for row in rows], False, "No nodes.")


@nodes.command()
def drain(
    context: typer.Context,
    name: Name,
    tell: Annotated[
        str | None,
        typer.Option("--tell", metavar="DATE", help="Tell owners that it may shut down from this date."),
    ] = None,
    move: Annotated[
        bool, typer.Option("--move", help="Also move their servers to other nodes at 03:00 on that date.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Reason to tell owners.")] = "",
    config: Config = None,
) -> None:
    """Start maintenance: the node gets no new rentals. Existing rentals aren't affected."""
    from kws_core.scheduling.node_maintenance import NodeMaintenance

    lab = context_of(config or context.obj)
    until = _day("--tell", tell) if tell is not None else None
    told = _refusals(
        lambda: NodeMaintenance(lab).drain(
            who_types(), name, tell=until is not None, move=move, until=until, reason=reason, where="cli"
        )
    )
    typer.echo(f"{name} is in maintenance and won't get new rentals.")
    if until:
        typer.echo(f"Rentals whose owners will be notified by the running bot: {told}.")


@nodes.command()
def undrain(context: typer.Context, name: Name, config: Config = None) -> None:
    """End maintenance: the node gets new rentals again."""
    from kws_core.scheduling.node_maintenance import NodeMaintenance

    lab = context_of(config or context.obj)
    changed = _refusals(lambda: NodeMaintenance(lab).undrain(who_types(), name, where="cli"))
    typer.echo(
        f"Maintenance ended. {name} gets new rentals again." if changed else f"{name} wasn't in maintenance."
    )


def rentals(
    config: Config = None,
    month: Annotated[
        str | None,
        typer.Option("--month", metavar="YYYY-MM", help="Show what each person used in this month."),
    ] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write the usage as CSV; - for stdout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List all active rentals, or with --month, each person's usage."""
    if month is not None:
        _month(context_of(config), month, csv, as_json)
        return
    if csv is not None:
        raise typer.BadParameter("--csv needs --month")
    print_rows(_active(context_of(config)), as_json, "No rentals.")


def _active(lab: Context) -> list[dict[str, Any]]:
    """All active rentals; of those that wait for room, their position."""
    from kws_core.rentals.queries import RentalQueries
    from kws_core.tables.states import Status

    found = RentalQueries(lab).all_rentals()
    turns = RentalQueries(lab).turns(r for r in found if r.status is Status.WAITING)
    return [
        {
            "id": r.id,
            "name": r.name,
            "owner": r.owner,
            "kind": r.kind.value,
            "status": r.status.value,
            "power": r.power.value if r.status is Status.READY else None,
            "node": r.placement.node if r.placement else None,
            "address": r.placement.floating_ip if r.placement else None,
            "image": r.image,
            "size": r.size,
            "starts_on": r.starts_on.isoformat() if r.starts_on else None,
            "ends_on": r.ends_on.isoformat(),
            "wait_until": r.wait_until.isoformat() if r.wait_until else None,
            "position": turns[r.id].position if r.id in turns else None,
        }
        for r in found
    ]


@nodes.command()
def recover(context: typer.Context, name: Name, config: Config = None) -> None:
    """Create a node's servers again from their copies on other nodes, while the node isn't responding."""
    from bot.text.error_messages import plain_sentence
    from bot.text.i18n import Texts
    from kws_core.moves.service import Moves

    lab = context_of(config or context.obj)
    done = _refusals(lambda: Moves(lab).recover_node(who_types(), name, via="cli"))
    for started in done.started:
        typer.echo(f"{started}: the running bot is creating it again from its copy.")
    for failed, error in done.failed:
        typer.echo(f"{failed}: {plain_sentence(error, Texts('en'))}")
    if not done.started and not done.failed:
        typer.echo("No servers.")


def copies(config: Config = None, as_json: Json = False) -> None:
    """List all copies of servers, by node."""
    from kws_core.copies.lifecycle import takes_gb
    from kws_core.copies.service import Copies

    lab = context_of(config)
    rows = [
        {
            "id": copy.id,
            "name": copy.name,
            "owner": copy.owner,
            "state": copy.state.value,
            "node": copy.node,
            "image": copy.rental.image,
            "disk_gb": takes_gb(copy),
            "kept_at": _moment(lab, copy.kept_at),
            "keep_until": copy.keep_until.isoformat(),
        }
        for copy in Copies(lab).everybodys()
    ]
    print_rows(rows, as_json, "There are no copies.")


def asks(config: Config = None, as_json: Json = False) -> None:
    """List requests beyond the policy that wait for an admin, the oldest first."""
    from kws_core.asks.service import Asks

    lab = context_of(config)
    rows = [
        {
            "id": ask.id,
            "name": ask.rental.name,
            "person": ask.asked_by,
            "what": ask.what.value,
            "size": ask.asked.wanted.size,
            "until": ask.asked.wanted.until.isoformat() if ask.asked.wanted.until else None,
            "beyond": ", ".join(one.code for one in ask.asked.beyond),
            "reason": ask.reason,
            "asked_at": _moment(lab, ask.asked_at),
        }
        for ask in Asks(lab).open()
    ]
    print_rows(rows, as_json, "There are no requests.")


def audit(
    config: Config = None,
    rental: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only this rental, by name or ID.")
    ] = None,
    person: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Only what this Slack user did and what happened to their rentals."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="Only from this date or time on.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show up to this many of the newest entries.")] = 200,
    as_json: Json = False,
) -> None:
    """List who did what, when, and where. The newest entry is last."""
    from bot.cli import listings
    from kws_core.reports.audit import Audit

    context = context_of(config)
    zone = context.config.kws.zone
    begin = listings.moment(since, zone, "--since") if since is not None else None
    rows = [
        {
            "at": line.at.astimezone(zone).isoformat(" ", "seconds"),
            "who": line.actor,
            "what": line.what,
            "from": line.where,
            "rental": line.name,
            "id": line.rental,
            "more": dict(line.data or {}) if as_json else _told(line.data or {}),
        }
        for line in Audit(context).trail(rental, person, begin, limit)
    ]
    print_rows(rows, as_json, "No entries.")


def _node(context: Context, status: NodeStatus) -> dict[str, Any]:
    room, measured = status.room, status.measured
    row: dict[str, Any] = {
        "name": room.node,
        "state": ("drained" if room.drained else "up") if room.up else "down",
        "up": room.up,
        "since": _moment(context, status.since),
        "latency_ms": status.latency_ms,
        "kinds": sorted(room.kinds),
        "rentals": status.lent.rentals,
        "builds": room.builds,
        "max_builds": room.max_builds,
    }
    for what in ("vcpus", "ram_mb", "disk_gb"):
        row |= {
            what: getattr(room, what),
            f"lent_{what}": getattr(status.lent, what),
            f"free_{what}": getattr(room, f"free_{what}"),
            f"measured_{what}": getattr(measured, what) if measured else None,
            f"measured_used_{what}": getattr(measured, f"used_{what}") if measured else None,
        }
    return row | {
        "drained": room.drained,
        "drained_at": _moment(context, status.drained_at),
        "reached_at": _moment(context, status.reached_at),
        "seen_at": _moment(context, status.seen_at),
        "error": status.error,
        "last_error": status.last_error,
        "last_error_at": _moment(context, status.last_error_at),
    }


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """What fits a terminal: in use, available and all in one cell, and what is measured behind."""
    from bot.text.i18n import Texts
    from bot.text.units import disk, memory

    english = Texts("en")
    used_of = "used/available/total"
    units: dict[str, tuple[str, Callable[[float], str]]] = {
        "vcpus": (f"vCPUs {used_of}", lambda number: f"{number:g}"),
        "ram_mb": (f"memory {used_of}", lambda number: memory(number, english).replace(" ", "")),
        "disk_gb": (f"disk {used_of}", lambda number: disk(number, english).replace(" ", "")),
    }
    shown = {key: row[key] for key in ("name", "state", "since", "latency_ms")}
    shown |= {"kinds": ",".join(row["kinds"] or ()), "rentals": row["rentals"]}
    shown["builds"] = None if row["builds"] is None else f"{row['builds']}/{row['max_builds']}"
    for what in ("vcpus", "ram_mb", "disk_gb"):
        lent, free, whole = (row[key] for key in (f"lent_{what}", f"free_{what}", what))
        known = whole is not None
        heading, amount = units[what]
        shown[heading] = (
            "/".join(amount(one) for one in (lent, free, whole)) if known else f"{amount(lent)}/-/-"
        )
        used, all_ = row[f"measured_used_{what}"], row[f"measured_{what}"]
        if all_ is not None:
            shown[heading] += f" ({amount(used)} of {amount(all_)})"
    return shown | {"error": row["error"] or row["last_error"]}


def _month(context: Context, text: str, csv: str | None, as_json: bool) -> None:
    from kws_core.reports import usage

    month = usage.month_typed(text)
    rows = usage.rows(month, usage.UsageReport(context).month(month))
    if csv is None:
        print_rows(rows, as_json, "No rentals in that month.")
    elif csv == "-":
        sys.stdout.buffer.write(usage.to_csv(rows).encode())
        sys.stdout.flush()
    else:
        Path(csv).write_bytes(usage.to_csv(rows).encode())


def _refusals(act: Any) -> Any:
    """The act's result; what KWS refuses is one line and exit code 2."""
    from bot.text.error_messages import plain_sentence
    from bot.text.i18n import Texts
    from kws_core.errors import ConfigError, FormError, UserError

    try:
        return act()
    except FormError as error:
        raise ConfigError([plain_sentence(one, Texts("en")) for one in error.fields.values()]) from error
    except UserError as error:
        raise ConfigError([plain_sentence(error, Texts("en"))]) from error


def _day(option: str, text: str) -> date:
    from kws_core.errors import ConfigError

    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ConfigError([f"{option}: {text!r} isn't a date. Try 2026-12-24."]) from error


def _moment(context: Context, moment: datetime | None) -> str | None:
    return moment.astimezone(context.config.kws.zone).isoformat(" ", "seconds") if moment else None


def _told(data: Any) -> str:
    return " ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in data.items())
