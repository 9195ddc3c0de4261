"""Secrets that can be recognised, and where they may have got to."""

from __future__ import annotations

import base64
import html
import io
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from typing import Any

from bot.ops import logs

PASSWORD = "Zebra9-canal-Trombone-quiet"
CLOUD_SECRET = "cloudinit-Secret-5f1e77"
ENV_SECRET = "container-Secret-9ab31c"
COMMAND_SECRET = "command-Secret-77d0e1"
SIGNING_SECRET = "signing-Secret-0c93d2aa"
NODE_PASSWORD = "node-Secret-Password-31c4"
APPLICATION_SECRET = "application-Secret-e7720b"
NODE_TOKEN = "gAAAAABplantedToken0123456789abcdefgh"
PRIVATE = (
    "-----BEGIN OPENSSH PRIVATE KEY-----\nplantedPrivateKeyBytes0123456789\n-----END OPENSSH PRIVATE KEY-----"
)
PRIVATE_BYTES = "plantedPrivateKeyBytes0123456789"
CLOUD_INIT = f"write_files:\n- path: /etc/app.conf\n  content: token={CLOUD_SECRET}\n"

TYPED = (PASSWORD, CLOUD_SECRET, ENV_SECRET, COMMAND_SECRET, PRIVATE_BYTES)


def spellings(secret: str) -> set[bytes]:
    """How it may be written without being hidden."""
    plain = secret.encode()
    return {
        plain,
        secret[:12].encode(),  # the beginning is too much as well
        base64.b64encode(plain).rstrip(b"=")[:-1],
        repr(secret)[1:-1].encode(),
        html.escape(secret).encode(),
        plain.hex().encode(),
    }


def found(secrets: Iterable[str], where: str | bytes) -> list[str]:
    """Those that are in it."""
    hay = where.encode(errors="replace") if isinstance(where, str) else where
    return [secret for secret in secrets if any(spelling in hay for spelling in spellings(secret))]


@contextmanager
def logged(log_format: str, everything: bool = False, secrets: Iterable[str] = ()) -> Iterator[list[str]]:
    """What ``kws run`` would log at DEBUG: the lines, and the raw messages as they came to the log.

    ``everything``: the libraries' loggers too, which the product keeps quiet whatever the level.
    """
    root, seen, stream = logging.getLogger(), [], io.StringIO()
    handlers, level = list(root.handlers), root.level
    levels = {name: logging.getLogger(name).level for name in list(logging.root.manager.loggerDict)}
    with redirect_stderr(stream):
        logs.set_up(log_format, logging.DEBUG, secrets)
        if everything:
            for name in list(logging.root.manager.loggerDict):
                logging.getLogger(name).setLevel(logging.DEBUG)
        raw = _Raw(seen)
        if not everything:
            root.addHandler(raw)
        try:
            yield seen
        finally:
            root.handlers[:], root.level = handlers, level
            for name in list(logging.root.manager.loggerDict):
                logging.getLogger(name).setLevel(levels.get(name, logging.NOTSET))
    seen.append(stream.getvalue())


class _Raw(logging.Handler):
    """Messages and tracebacks before anything is taken out of them."""

    def __init__(self, seen: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._seen = seen

    def emit(self, record: logging.LogRecord) -> None:
        self._seen.append(logging.Formatter().format(record))


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of everything in the folder: database, write-ahead log, backups, CSVs."""
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def others_see(bench: Any, owner: str) -> str:
    """Everything in the workspace that is not in the owner's own direct message or on their own screen."""
    people = [bench.person(name) for name in ("mina", "joon", "admin", "guest", "stranger") if name != owner]
    channels = [bench.workspace.channel_messages(c) for c in ("C0GENERAL1", "C0LABADMIN")]
    return str([[bench.shown(p), p.dm(), p.ephemeral(), p.files()] for p in people] + channels)
