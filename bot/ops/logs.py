"""Logs: for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from bot.ops.redact import Redactor

NOISY = (
    "asyncssh",
    "keystoneauth",
    "openstack",
    "slack_bolt",
    "slack_sdk",
    "alembic",
    "apscheduler",
    "waitress",
)
BUSY = ("urllib3.connectionpool", "waitress.queue")  # they warn when one has to wait for a free one
BOLD, PLAIN = "1", "0"
COLORS = {"info": "32", "warning": "33", "error": "31", "critical": "31"}  # green, yellow, red
Line = dict[str, str]


class Formatter(logging.Formatter):
    """The line as it is written, without what looks like a secret; ``known`` are those of this process."""

    def __init__(self, known: Iterable[str], write: Callable[[Line], str]) -> None:
        super().__init__()
        self._redact = Redactor(known)
        self._write = write

    def format(self, record: logging.LogRecord) -> str:
        """Tracebacks are plain: those with local variables would print keys and passwords."""
        line = {
            "event": record.getMessage(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack_info"] = record.stack_info
        return self._redact(self._write(line))


def set_up(log_format: str = "auto", level: int = logging.INFO, secrets: Iterable[str] = ()) -> None:
    """Send every log record to stderr as ``auto``, ``pretty`` or ``json``; ``secrets`` are never in it."""
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Formatter(secrets, _pretty(sys.stderr.isatty()) if pretty else _json))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for busy in BUSY:
        logging.getLogger(busy).setLevel(logging.ERROR)


def _json(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False)


def _pretty(colors: bool) -> Callable[[Line], str]:
    def paint(text: str, color: str) -> str:
        return f"\x1b[{color}m{text}\x1b[0m" if colors else text

    def write(line: Line) -> str:
        level = paint(f"{line['level']:9}", COLORS.get(line["level"], PLAIN))
        event = paint(f"{line['event']:30}", BOLD)
        head = f"{line['timestamp']} [{level}] {event} [{line['logger']}]"
        return "\n".join([head, *(line[part] for part in ("exception", "stack_info") if part in line)])

    return write
