"""``kws doctor``: everything that KWS needs, looked at side by side, each within a time limit."""

from __future__ import annotations

import stat
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from bot.doctor import slack
from bot.text.error_messages import new_reference
from kws_core.config import DEFAULT_DATABASE_URL, Config, load_config
from kws_core.context import utcnow
from kws_core.database.checks import store_findings
from kws_core.errors import ConfigError
from kws_core.findings import Finding, Result, Wanted, fail, note, ok
from kws_core.nodes.pool import Pool
from kws_core.values import Kind
from kws_core.web.checks import findings as web_findings

READ_TIMEOUT = 10.0  # seconds that a node's service may take here, at most; nodes.toml may allow it more
CONFIGURATION, SLACK, DATABASE, WEB = "configuration", "slack", "database", "web"
MISTAKES = frozenset(  # exit code 2
    {"bot_token_missing", "cloud_unknown", "config_wrong", "database_url", "environment_wrong", "no_way_in"}
)


@dataclass
class Section:
    """One part of the whole. ``findings`` grows while it is looked at; ``done`` is set at its end."""

    name: str
    look: Callable[[], Iterator[Finding]]
    lends_servers: bool = False
    findings: list[Finding] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Looks, on a thread of its own that nobody has to wait for."""
        threading.Thread(target=self._run, name=f"doctor-{self.name}", daemon=True).start()

    def wait(self, deadline: float, limit: float) -> list[Finding]:
        """What was found until ``deadline`` (time.monotonic); ``limit`` is what is said of it, in seconds."""
        if self.done.wait(max(0.0, deadline - time.monotonic())):
            return self.findings
        return [*self.findings, fail("out_of_time", seconds=round(limit))]

    def _run(self) -> None:
        try:
            for finding in self.look():
                self.findings.append(finding)
        except Exception as error:
            self.findings.append(fail("check_broken", ref=new_reference(error, f"doctor: {self.name}")))
        finally:
            self.done.set()


def examine(
    path: Path | None,
    env: Mapping[str, str],
    *,
    only: Sequence[str] = (),
    limit: float = 30.0,
    now: Callable[[], datetime] = utcnow,
) -> Iterator[tuple[str, list[Finding]]]:
    """Yield (section, findings), none later than ``limit`` seconds from the start.

    ``only`` names sections: configuration, slack, database, web, or a node. ConfigError when there is no such one.

    Raises:
        ConfigError: If a section is named that doesn't exist.
    """
    sections = plan(path, env, now)  # imports the OpenStack libraries, before the clock starts
    unknown = sorted(set(only) - {section.name for section in sections})
    if unknown:
        known = ", ".join(section.name for section in sections)
        raise ConfigError([f"doctor: unknown section {unknown[0]!r}. Available: {known}"])
    chosen = [section for section in sections if not only or section.name in only]
    deadline = time.monotonic() + limit
    for section in chosen:
        section.start()
    logins: dict[str, list[str]] = {}
    lending = [section.name for section in sections if section.lends_servers]
    too_large: list[set[str]] = []
    for section in chosen:
        findings = section.wait(deadline, limit)
        for finding in [one for one in findings if one.code == "login"]:
            sharing = logins.setdefault(str(finding.data["project_id"]), [])
            sharing.append(section.name)
            if len(sharing) > 1:
                findings = [*findings, fail("same_project", nodes=", ".join(sharing))]
        large = [
            str(finding.data["sizes"]).split(", ")
            for finding in findings
            if finding.code == "sizes_too_large"
        ]
        too_large += [set(names) for names in large]
        if len(too_large) == len(lending) and large and (nowhere := sorted(set.intersection(*too_large))):
            findings = [*findings, fail("sizes_nowhere", sizes=", ".join(nowhere))]
        yield section.name, findings


def exit_code(findings: Sequence[Finding]) -> int:
    """0: nothing has to be put right; 2: the configuration is wrong; 1: something else is."""
    failed = [finding for finding in findings if finding.result is Result.FAIL]
    if any(finding.code in MISTAKES for finding in failed):
        return 2
    return 1 if failed else 0


def plan(path: Path | None, env: Mapping[str, str], now: Callable[[], datetime]) -> list[Section]:
    """Every section, not begun yet."""
    wrong: list[Finding] = []
    config: Config | None = None
    pool: Pool | None = None
    credentials: Sequence[str] = ()
    try:
        config = load_config(path)
        pool = Pool(_hasty(config), now=now)
        credentials = _credentials(pool)
    except ConfigError as error:
        wrong = [fail("config_wrong", problem=problem) for problem in error.problems]
    url = env.get("KWS_DATABASE_URL") or DEFAULT_DATABASE_URL
    sections = [
        Section(CONFIGURATION, lambda: _configuration(wrong, config, credentials, now)),
        Section(SLACK, lambda: slack.findings(env, config, now)),
        Section(DATABASE, lambda: store_findings(url)),
    ]
    if config and config.web:
        web = config.web
        sections.append(Section(WEB, lambda: web_findings(web, now)))
    if config and pool:
        for name, node in pool.nodes().items():
            wanted = Wanted.of(config, name)
            section = Section(name, lambda node=node, wanted=wanted: node.diagnose(wanted))  # type: ignore[misc]
            section.lends_servers = Kind.SERVER in wanted.kinds
            sections.append(section)
    return sections


def _hasty(config: Config) -> Config:
    openstack = config.openstack
    hasty = openstack.model_copy(update={"read_timeout": min(openstack.read_timeout, READ_TIMEOUT)})
    return config.model_copy(update={"openstack": hasty})


def _configuration(
    wrong: Sequence[Finding], config: Config | None, credentials: Sequence[str], now: Callable[[], datetime]
) -> Iterator[Finding]:
    yield from wrong
    if config is None:
        return
    yield ok("config", nodes=len(config.nodes), sizes=len(config.sizes))
    local = now().astimezone(config.kws.zone)
    yield ok("zone", zone=config.kws.timezone, time=f"{local:%Y-%m-%d %H:%M}")
    for file in credentials:
        if _open_to_others(file):
            yield note("clouds_open", file=file)


def _credentials(pool: Pool) -> Sequence[str]:
    try:
        return pool.credentials_files()
    except ConfigError:
        return ()  # each node says so


def _open_to_others(file: str) -> bool:
    try:
        return bool(Path(file).stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))
    except OSError:
        return False
