"""``kws nodes``, ``kws rentals`` and ``kws audit``: what there is, what was used of it, who did what."""

from __future__ import annotations

import json
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.common import Config, Json, context_of, outside, print_rows, who_types

if TYPE_CHECKING:
    from kws_core.context import Context
    from kws_core.scheduling.capacity import NodeStatus

nodes = typer.Typer(
    help="The nodes as they were seen last; out of service and back.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
Name = Annotated[str, typer.Argument(metavar="NAME", help="As in nodes.toml.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.add_typer(nodes, name="nodes")
    app.command()(rentals)
    app.command()(audit)


@nodes.callback()
def list_nodes(context: typer.Context, config: Config = None, as_json: Json = False) -> None:
    """Lists the nodes as they were seen last: answering or not, lent, free, measured."""
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
        typer.Option("--tell", metavar="DATE", help="Tell the people on it that it may be off then."),
    ] = None,
    reason: Annotated[str, typer.Option(help="What they are told beside the date.")] = "",
    config: Config = None,
) -> None:
    """Takes a node out of service: no new rentals; those on it stay as they are."""
    from kws_core.scheduling.node_maintenance import NodeMaintenance

    lab = context_of(config or context.obj)
    until = _day("--tell", tell) if tell is not None else None
    told = _refusals(
        lambda: NodeMaintenance(lab).drain(
            who_types(), name, tell=until is not None, until=until, reason=reason, where="cli"
        )
    )
    typer.echo(f"{name} gets no new rentals." + (f" Told now: {told}." if until else ""))
    if told:
        typer.echo("The running bot delivers it.")


@nodes.command()
def undrain(context: typer.Context, name: Name, config: Config = None) -> None:
    """Puts a node back into service."""
    from kws_core.scheduling.node_maintenance import NodeMaintenance

    lab = context_of(config or context.obj)
    changed = _refusals(lambda: NodeMaintenance(lab).undrain(who_types(), name, where="cli"))
    typer.echo(f"{name} gets rentals again." if changed else f"{name} was not out of service.")


def rentals(
    config: Config = None,
    month: Annotated[
        str | None, typer.Option("--month", metavar="YYYY-MM", help="What each person used in that month.")
    ] = None,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write that as CSV; - for stdout.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Lists everybody's rentals that are not over; with --month what each person used."""
    if month is not None:
        _month(context_of(config), month, csv, as_json)
        return
    from kws_core.rentals.queries import RentalQueries
    from kws_core.tables.states import Status

    if csv is not None:
        raise typer.BadParameter("--csv goes with --month")
    rows = [
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
            "ends_on": r.ends_on.isoformat(),
        }
        for r in RentalQueries(context_of(config)).all_rentals()
    ]
    print_rows(rows, as_json, "No rentals.")


def audit(
    config: Config = None,
    rental: Annotated[str | None, typer.Option(metavar="NAME", help="Of one rental, by name or id.")] = None,
    person: Annotated[
        str | None, typer.Option(metavar="ID", help="What this Slack user did, and what happened to theirs.")
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DATE", help="From that day or moment on.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 200,
    as_json: Json = False,
) -> None:
    """Lists who did what, when and from where; the newest is last."""
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
    print_rows(rows, as_json, "Nothing happened.")


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
    """What fits a terminal: ``lent/free/of all`` in one cell, and what is measured behind."""
    shown = {key: row[key] for key in ("name", "state", "since", "latency_ms")}
    shown |= {"kinds": ",".join(row["kinds"] or ()), "rentals": row["rentals"]}
    shown["builds"] = None if row["builds"] is None else f"{row['builds']}/{row['max_builds']}"
    for what in ("vcpus", "ram_mb", "disk_gb"):
        lent, free, whole = (row[key] for key in (f"lent_{what}", f"free_{what}", what))
        known = whole is not None
        shown[f"{what} lent/free/all"] = f"{lent}/{free}/{whole}" if known else f"{lent}/-/-"
        used, all_ = row[f"measured_used_{what}"], row[f"measured_{what}"]
        if all_ is not None:
            shown[f"{what} lent/free/all"] += f" ({used:g} of {all_:g})"
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
        raise ConfigError([f"{option}: {text!r} is no date; e.g. 2026-12-24"]) from error


def _moment(context: Context, moment: datetime | None) -> str | None:
    return moment.astimezone(context.config.kws.zone).isoformat(" ", "seconds") if moment else None


def _told(data: Any) -> str:
    return " ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in data.items())
