"""Logs: for people on a terminal, JSON lines otherwise."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(log_format: str = "auto", level: int = logging.INFO) -> None:
    """Sends every log record to stderr as ``auto``, ``pretty`` or ``json``.

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
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in (
        "urllib3.connectionpool",
        "keystoneauth",
        "openstack",
        "slack_bolt",
        "slack_sdk",
        "alembic",
        "apscheduler",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)  # "pool is full" costs nothing
