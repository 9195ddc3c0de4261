"""``kws``: the commands. Imports of OpenStack, Slack and the database wait until a command needs them."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bot.cli import db, images, nodes, setup
from bot.cli.common import (
    FAILED,
    OUTSIDE,
    USAGE,
    Config,
    Json,
    Outside,
    context_of,
    note_act,
    outside,
    print_rows,
    tell_unusable,
)

if TYPE_CHECKING:
    from kws_core.config import Config as Settings
    from kws_core.context import Context

A = TypeVar("A")

app = typer.Typer(
    name="kws",
    help="Rent lab servers from Slack on independent OpenStack nodes.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(db.db, name="db")
setup.register(app)
app.add_typer(images.app, name="images")
nodes.register(app)


Http = Annotated[
    int | None, typer.Option("--http", metavar="PORT", help="Serve Request URLs instead of Socket Mode.")
]
Metrics = Annotated[
    str | None,
    typer.Option(
        "--metrics",
        metavar="[HOST:]PORT",
        envvar="KWS_METRICS",
        help="Serve /healthz, /livez, and /metrics. Default host: 127.0.0.1.",
    ),
]

Sweep = Annotated[
    bool,
    typer.Option("--sweep/--no-sweep", help="Delete orphaned resources, or keep them (after a restore)."),
]


@app.command()
def run(
    config: Config = None,
    http: Http = None,
    host: Annotated[str, typer.Option(help="Address for --http.")] = "127.0.0.1",
    metrics: Metrics = None,
    sweep: Sweep = True,
) -> None:
    """Run the bot until SIGTERM or Ctrl-C."""
    with no_collections():
        from bot import runner
        from bot.ops import logs
        from kws_core.config import DEFAULT_DATABASE_URL, load_config, load_environment
        from kws_core.database.engine import make_engine

        problems = ConfigProblems()
        environment = problems.of(lambda: load_environment(http=http is not None))
        settings = problems.of(lambda: load_config(config))
        pool = outside().pool(settings) if settings else None
        unusable = problems.of(pool.check) if pool else None
        problems.of(lambda: make_engine(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL))
        watch = problems.of(lambda: runner.Listen.of("--metrics", metrics)) if metrics else None
        problems.tell()
        tell_unusable(unusable)
        assert environment
        assert settings
        assert pool
        for variable in ("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"):
            os.environ.pop(variable, None)  # so that no library and no child process finds them there
        logs.set_up(environment.log_format, secrets=environment.secrets())
    try:
        runner.run(
            settings,
            environment,
            pool.nodes(),
            runner.Listen(host, http) if http is not None else None,
            watch,
            sweeps=sweep,
            build=outside().service(),
        )
    finally:
        pool.close()


@app.command()
def demo(
    port: Annotated[
        int | None, typer.Option(help="Port of the page; 0 for any free port.", show_default="8710 if free")
    ] = None,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or just print its address.")
    ] = True,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="Run in the terminal: play one rental, then show a prompt.")
    ] = False,
    script: Annotated[
        bool, typer.Option("--script/--no-script", help="Run in the terminal: play one rental and exit.")
    ] = False,
    openstack: Annotated[
        bool, typer.Option("--openstack", help="Use the real nodes in nodes.toml. This creates real servers.")
    ] = False,
    config: Config = None,
) -> None:
    """Try KWS on a local Slack-like page with simulated nodes and a temporary database."""
    if terminal or script:
        if openstack:
            raise typer.BadParameter("--openstack doesn't work in the terminal")
        from demo.play import play

        raise typer.Exit(play(port=port or 0, script=script))
    from bot.runner import stop_on_signals
    from demo.page import show

    raise typer.Exit(show(stop_on_signals(), port=port, browser=browser, openstack=openstack, config=config))


@app.command()
def reconcile(
    config: Config = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only report. Change nothing on nodes or in the database.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare the database and the nodes. Delete orphaned resources that were already seen before."""
    from concurrent.futures import ThreadPoolExecutor

    from bot.cli import listings
    from kws_core.config import load_config
    from kws_core.reconcile.orphan_sweep import Sweep

    settings = load_config(config)
    pool = outside().pool(settings)
    tell_unusable(pool.check())
    names = [node.name for node in settings.nodes]
    try:
        with _context_to_read(settings) if dry_run else nullcontext(context_of(config)) as context:
            sweep = Sweep(context, pool.nodes())
            with ThreadPoolExecutor(len(names)) as threads:  # an unresponsive node delays no other
                if dry_run:
                    found = [listings.would(report) for report in threads.map(sweep.survey, names)]
                else:
                    swept = list(threads.map(sweep.sweep, names))
                    found = [listings.did(one) for one in swept]
                    note_act(
                        context, "reconcile", deleted=sorted(mark for one in swept for mark in one.deleted)
                    )
    finally:
        pool.close()
    rows = listings.reconciliation(found, settings.kws.zone)
    print_rows(rows, as_json, "The database and the nodes agree.")
    if any(report.error for report, _ in found):
        raise typer.Exit(FAILED)


@app.command()
def nightly(
    config: Config = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MOMENT",
            help="Run as of this time in the lab's time zone, such as 2026-12-01T00:00.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask, even if --at is in the future.")] = False,
    as_json: Json = False,
) -> None:
    """Run the nightly cleanup now: send reminders and end expired rentals. The running bot deletes them."""
    from bot.cli import listings
    from kws_core.errors import ConfigError
    from kws_core.nightly.cleanup import Nightly

    context = context_of(config)
    moment = listings.moment(at, context.config.kws.zone) if at is not None else context.now()
    night = Nightly(context)
    early = night.would_end(moment) if moment > context.now() and not yes else []
    if early:
        names = ", ".join(f"{rental.name} ({rental.owner})" for rental in early)
        if not outside().asks():
            raise ConfigError([f"{at} is in the future and would end {names}. To do that, add --yes."])
        outside().confirm(f"{at} is in the future. End these rentals early: {names}?")
    warned = night.remind(moment)
    done = night.run(moment)
    note_act(context, "nightly", until=moment.isoformat(), ended=len(done.marked), failed=len(done.failed))
    print_rows(listings.night(night, warned, done), as_json, "No reminders to send and no rentals to end.")
    if done.marked and not as_json:
        typer.echo("The running bot deletes the ended rentals. If it isn't running, start it: kws run")
    if done.failed:
        raise typer.Exit(FAILED)


@contextmanager
def no_collections() -> Iterator[None]:
    """For imports, which make a quarter of a million objects that stay: passes over them would free nothing."""
    gc.disable()
    try:
        yield
        gc.freeze()
    finally:
        gc.enable()


class ConfigProblems:
    """Collects the mistakes of several parts of the configuration, to be told all at once."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def of(self, load: Callable[[], A]) -> A | None:
        """What ``load`` gives; None when it was wrong."""
        from kws_core.errors import ConfigError

        try:
            return load()
        except ConfigError as error:
            self._found += error.problems
            return None

    def tell(self) -> None:
        """Report everything that was found.

        Raises:
            ConfigError: If anything was found.
        """
        from kws_core.errors import ConfigError

        if self._found:
            raise ConfigError(self._found)


@contextmanager
def _context_to_read(settings: Settings) -> Iterator[Context]:
    """A core that can change nothing."""
    from kws_core.config import DEFAULT_DATABASE_URL
    from kws_core.context import Context
    from kws_core.database.read_only import open_to_read

    with open_to_read(os.environ.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL) as (store, found):
        if not found:
            typer.echo("kws: there's no database yet, so there are no rentals", err=True)
        yield Context(settings, store, outside().now)


def main(world: Outside | None = None) -> None:
    """Entry point: exit 0 done, 1 failed, 2 wrong usage or configuration."""
    OUTSIDE.set(world or Outside())
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # they would be looked for in every package
    try:
        app()
    except Exception as error:
        from kws_core.errors import ConfigError, ListenError, StoreDown

        if isinstance(error, ListenError):
            typer.echo(f"kws: {error}", err=True)
            sys.exit(FAILED)
        if isinstance(error, StoreDown):
            typer.echo(f"kws: can't use the database: {error}", err=True)
            sys.exit(FAILED)
        if not isinstance(error, ConfigError):
            raise
        for problem in error.problems:
            typer.echo(f"kws: {problem}", err=True)
        sys.exit(USAGE)
