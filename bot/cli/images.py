"""``kws images``: the images of all nodes as one. Imports of OpenStack and the database wait until they are needed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

from bot.cli.common import FAILED, USAGE, Config, Json, context_of, outside, tell_unusable, who_types

if TYPE_CHECKING:
    from kws_core.images.image_audit import By
    from kws_core.images.reports import ImageReport
    from kws_core.images.service import Images, Source

app = typer.Typer(
    help="Manage the images of all nodes.",
    epilog="Exit code 0: done; 1: failed on a node; 2: rejected, and nothing was changed.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
MB = 1024 * 1024
Name = Annotated[str, typer.Argument(metavar="NAME")]
Title = Annotated[str | None, typer.Option("--title", help="Title to show in the form.")]
Login = Annotated[
    str | None,
    typer.Option("--login", help="User to log in as. KWS asks if it can't tell from the name."),
]
MinDisk = Annotated[int | None, typer.Option("--min-disk", metavar="GB", help="Minimum disk of a server.")]
MinRam = Annotated[int | None, typer.Option("--min-ram", metavar="MB", help="Minimum memory of a server.")]


@app.command("list")
def list_(config: Config = None, as_json: Json = False) -> None:
    """List images with the nodes, status, size, checksum, and differences."""
    from bot.text.image_lines import lines, rows

    with _images(config) as images:
        table = images.table()
    if as_json:
        typer.echo(
            json.dumps({"images": rows(table), "silent": dict(table.silent)}, ensure_ascii=False, indent=2)
        )
    else:
        for line in lines(table):
            typer.echo(line)
    if table.silent:
        typer.echo(f"kws: not responding: {', '.join(table.silent)}", err=True)
        raise typer.Exit(FAILED)


@app.command()
def add(
    source: Annotated[str, typer.Argument(metavar="FILE|URL")],
    name: Annotated[
        str | None, typer.Option("--name", help="Default: the file name without its extension.")
    ] = None,
    title: Title = None,
    login: Login = None,
    min_disk: MinDisk = None,
    min_ram: MinRam = None,
    config: Config = None,
) -> None:
    """Upload an image to all nodes and compare checksums. To continue after a failure, repeat the command."""
    from kws_core.errors import ErrorCode, UserError
    from kws_core.images.upload import About

    about = About(title or "", login or "", min_disk or 0, min_ram or 0)
    with _images(config) as images, _Bars() as watch:
        called, bytes_from = name or _stem(source), _source(source, images)
        watch.incoming = _size_of(source)
        try:
            report = images.add(_by(), called, bytes_from, about, watch)
        except UserError as error:
            if error.code is not ErrorCode.IMAGE_LOGIN_UNKNOWN or not outside().asks():
                raise
            answer = outside().ask(f"Which user does cloud-init create in {called} (such as ubuntu)?").strip()
            report = images.add(_by(), called, bytes_from, replace(about, login=answer), watch)
    _tell([report])


@app.command()
def sync(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Default: all images.")] = None,
    source: Annotated[
        str | None, typer.Option("--from", metavar="NODE", help="Node with the correct copy. Needs NAME.")
    ] = None,
    config: Config = None,
) -> None:
    """Copy images to nodes that don't have them, and make their boot settings the same."""
    if source is not None and name is None:
        raise typer.BadParameter("needs the name of an image", param_hint="--from")
    with _images(config) as images, _Bars() as watch:
        reports = images.sync(_by(), name, watch, source=source)
    _tell(reports)


@app.command()
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD")],
    new: Annotated[str, typer.Argument(metavar="NEW")],
    config: Config = None,
) -> None:
    """Rename an image on all nodes."""
    with _images(config) as images:
        report = images.rename(_by(), old, new)
    _tell([report])


@app.command()
def describe(
    name: Name,
    title: Title = None,
    login: Login = None,
    min_disk: MinDisk = None,
    min_ram: MinRam = None,
    config: Config = None,
) -> None:
    """Change an image's description. To remove a text, pass ''."""
    from kws_core.images.reports import Description

    with _images(config) as images:
        report = images.describe(_by(), name, Description(title, login, min_disk, min_ram))
    _tell([report])


@app.command()
def hide(name: Name, config: Config = None) -> None:
    """Hide an image from the form."""
    with _images(config) as images:
        report = images.hide(_by(), name)
    _tell([report])


@app.command()
def show(name: Name, config: Config = None) -> None:
    """Show a hidden image in the form again."""
    with _images(config) as images:
        report = images.hide(_by(), name, hidden=False)
    _tell([report])


@app.command()
def protect(name: Name, config: Config = None) -> None:
    """Protect an image from deletion."""
    with _images(config) as images:
        report = images.protect(_by(), name)
    _tell([report])


@app.command()
def unprotect(name: Name, config: Config = None) -> None:
    """Remove the protection from an image."""
    with _images(config) as images:
        report = images.protect(_by(), name, protected=False)
    _tell([report])


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask.")] = False,
    config: Config = None,
) -> None:
    """Delete an image on all nodes, unless a rental uses it."""
    with _images(config) as images:
        if not yes and outside().asks():
            nodes = ", ".join(images.row(name)[1].active) or "no node"
            outside().confirm(f"Delete {name} (on {nodes})?")
        report = images.delete(_by(), name)
    _tell([report])


@contextmanager
def _images(config: Path | None) -> Iterator[Images]:
    """The use cases on the nodes; a refusal ends the command with one line."""
    from bot.text.error_messages import plain_sentence
    from bot.text.i18n import Texts
    from kws_core.errors import UserError
    from kws_core.images.service import Images

    context = context_of(config)
    pool = outside().pool(context.config)
    tell_unusable(pool.check())
    try:
        yield Images(context, pool.nodes())
    except UserError as error:
        typer.echo(f"kws: {plain_sentence(error, Texts('en'))}", err=True)
        raise typer.Exit(USAGE) from None
    finally:
        pool.close()


def _source(source: str, images: Images) -> Source:
    from kws_core.images.files import from_file
    from kws_core.images.urls import Rules, from_url

    if "://" in source and not Path(source).exists():
        by_nodes = images.context.config.openstack.image_import
        return from_url(source, lambda: Rules(images.hosts()), by_nodes)
    return from_file(Path(source))


def _size_of(source: str) -> int:
    path = Path(source)
    return path.stat().st_size if path.is_file() else 0


def _stem(source: str) -> str:
    path = unquote(urlsplit(source).path) if "://" in source else source
    return PurePosixPath(path).stem


def _by() -> By:
    from kws_core.images.image_audit import By

    return By(who_types().id, "cli")


class _Bars:
    """A line with a bar per node on a terminal; where nobody watches a line for each node and each tenth."""

    def __init__(self) -> None:
        self.incoming = 0
        self._live = outside().is_watched()
        self._lock = threading.Lock()
        self._name = ""
        self._step: dict[tuple[str, str], int] = {}
        self._bars: dict[str, str] = {}

    def __enter__(self) -> _Bars:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bars:
            typer.echo("", err=True)

    def __call__(self, name: str, node: str, done: int, total: int) -> None:
        """See Watch."""
        from bot.text.i18n import Texts
        from bot.text.units import file_size

        total, live = total or self.incoming, self._live
        parts = 100 if live else 10
        step = done * parts // total if total else done // (100 * MB // parts)
        with self._lock:
            if self._step.get((name, node)) == step:
                return
            self._step[name, node] = step
            read = file_size(done, Texts("en"))
            text = f"{read} of {file_size(total, Texts('en'))}" if total else read
            text = f"{name} {node or 'reading'}: {text}"
            if not live:
                typer.echo(text, err=True)
                return
            full = done * 20 // total if total else 0
            if name != self._name:
                self._name, self._bars = name, {}
            self._bars[node] = f"{text} [{'#' * full}{'.' * (20 - full)}]"
            typer.echo("\r" + "  ".join(self._bars[n] for n in sorted(self._bars)), err=True, nl=False)


def _tell(reports: Iterable[ImageReport]) -> None:
    """What each node has now, or why not."""
    from bot.text.i18n import Texts
    from bot.text.image_messages import outcome_text

    reports = list(reports)
    for report in reports:
        for node, outcome in sorted(report.outcomes.items()):
            typer.echo(f"{report.name}  {node}  {outcome_text(outcome, Texts('en'))}")
    if not reports:
        typer.echo("No images.")
    if not all(report.ok for report in reports):
        typer.echo("kws: failed on some nodes; repeat the command to continue", err=True)
        raise typer.Exit(FAILED)
