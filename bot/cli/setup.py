"""``kws manifest`` and ``kws doctor``: setting KWS up, and finding out what is wrong with it."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bot.text.i18n import Locale, Texts
    from kws_core.findings import Finding

SIGNS = {"ok": ("✓", "green", "ok  "), "note": ("!", "yellow", "note"), "fail": ("✗", "red", "FAIL")}


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(manifest)
    app.command()(doctor)


def manifest(
    http: Annotated[
        str | None,
        typer.Option(
            "--http", metavar="URL", help="Use Request URLs at https://HOST instead of Socket Mode."
        ),
    ] = None,
) -> None:
    """Print the Slack app manifest. Paste it at api.slack.com/apps."""
    from bot.slack.manifest import manifest_text

    if http is not None and not http.startswith("https://"):
        raise typer.BadParameter("Enter an address that starts with https://", param_hint="--http")
    typer.echo(manifest_text(http), nl=False)


What = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[WHAT]...", help="configuration, slack, database, web, or a node. Default: everything."
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help="Path of nodes.toml. Default: $KWS_CONFIG, then ./nodes.toml."
    ),
]
Limit = Annotated[float, typer.Option(min=1, help="Time limit for all checks, in seconds.")]
Lang = Annotated[str | None, typer.Option("--lang", metavar="en|ko", help="Default: $LANG.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def doctor(
    what: What = None, config: Config = None, limit: Limit = 30.0, lang: Lang = None, as_json: Json = False
) -> None:
    """Check tokens, the database, and every node, and show what to fix. Changes nothing.

    Exit code 0: no problems; 1: problems to fix; 2: nodes.toml or the environment is invalid.
    """
    import logging

    from bot.doctor import examination as ward
    from bot.ops import logs
    from bot.text.i18n import Texts

    logs.set_up(os.environ.get("KWS_LOG_FORMAT") or "auto", logging.ERROR)
    logging.getLogger("slack_sdk").setLevel(logging.CRITICAL)  # what it would log is a finding here
    texts = Texts(_language(lang))
    seen: list[Finding] = []
    sections: list[dict[str, Any]] = []
    for name, findings in ward.examine(config, os.environ, only=what or (), limit=limit):
        seen += findings
        if as_json:
            sections.append({"name": name, "findings": [_row(finding, texts) for finding in findings]})
        else:
            _print(name, findings, texts)
    code = ward.exit_code(seen)
    if as_json:
        typer.echo(json.dumps({"exit": code, "sections": sections}, ensure_ascii=False, indent=2))
    else:
        _sum_up(seen, texts)
    sys.stdout.flush()
    raise typer.Exit(code)


def _language(wanted: str | None) -> Locale:
    from bot.text.i18n import ENGLISH, LOCALES, locale_of

    if wanted not in (None, *LOCALES):
        raise typer.BadParameter(" or ".join(sorted(LOCALES)), param_hint="--lang")
    env = os.environ
    chosen = wanted or env.get("LC_ALL") or env.get("LC_MESSAGES") or env.get("LANG") or ""
    return locale_of(chosen[:2], ENGLISH)


def _row(finding: Finding, texts: Texts) -> dict[str, Any]:
    from bot.doctor.messages import advises, says

    return {
        "code": finding.code,
        "result": finding.result.value,
        "text": says(finding, texts),
        "advice": advises(finding, texts),
        "data": dict(finding.data),
    }


def _print(name: str, findings: list[Finding], texts: Texts) -> None:
    from bot.doctor.messages import advises, says

    pretty = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    typer.echo(typer.style(name, bold=True) if pretty else name)
    for finding in findings:
        tick, colour, word = SIGNS[finding.result.value]
        sign = typer.style(tick, fg=colour) if pretty else word
        typer.echo(f"  {sign} {says(finding, texts)}")
        advice = advises(finding, texts)
        if advice:
            margin = " " * (4 if pretty else 7)
            typer.echo(f"{margin}→ " + advice.replace("\n", f"\n{margin}    "))


def _sum_up(seen: list[Finding], texts: Texts) -> None:
    from bot.text.i18n import N_

    failed = sum(finding.result == "fail" for finding in seen)
    notes = sum(finding.result == "note" for finding in seen)
    if failed:
        typer.echo(texts.plain(N_("Problems to fix: {failed}. Notes: {notes}."), failed=failed, notes=notes))
    else:
        typer.echo(texts.plain(N_("No problems. Notes: {notes}."), notes=notes))
