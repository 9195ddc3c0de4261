"""Logs: for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from typing import Any

import structlog

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


class Formatter(structlog.stdlib.ProcessorFormatter):
    """The line as it is written, without what looks like a secret; ``known`` are those of this process."""

    def __init__(self, known: Iterable[str], **options: Any) -> None:
        super().__init__(**options)
        self._redact = Redactor(known)

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def set_up(log_format: str = "auto", level: int = logging.INFO, secrets: Iterable[str] = ()) -> None:
    """Send every log record to stderr as ``auto``, ``pretty`` or ``json``; ``secrets`` are never in it.

    Tracebacks are plain: structlog's own would print local variables, and with them keys and passwords.
    """
    pretty = log_format == "pretty" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    renderer: list[structlog.typing.Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if pretty
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(ensure_ascii=False)]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        Formatter(
            secrets,
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    for busy in BUSY:
        logging.getLogger(busy).setLevel(logging.ERROR)
