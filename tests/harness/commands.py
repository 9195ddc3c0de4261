"""Commands as people type them: in this process, which is warm, or in one of their own."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

import pytest

from bot.cli import main
from bot.ops import logs

GOOD = """
[sizes]
small = { vcpus = 1, ram_mb = 512, disk_gb = 5 }
[[nodes]]
name = "node1"
cloud = "lab-a"
vcpus = 6
ram_mb = 6144
disk_gb = 80
"""
OURS = ("SLACK_", "KWS_", "OS_", "LC_", "LANG")  # variables of this machine that a command would read
TOKENS = {"SLACK_BOT_TOKEN": "xoxb-planted-secret", "SLACK_APP_TOKEN": "xapp-planted-secret"}


@contextmanager
def logging_as_it_was() -> Iterator[None]:
    """A command sets up the logging of its whole process."""
    root = logging.getLogger()
    levels = {name: logging.getLogger(name).level for name in (*logs.NOISY, *logs.BUSY, "slack_sdk")}
    handlers, root.handlers, level = root.handlers, [], root.level
    try:
        yield
    finally:
        root.handlers = handlers
        root.setLevel(level)
        for name, before in levels.items():
            logging.getLogger(name).setLevel(before)


def kws(
    folder: Path, *arguments: str, toml: str | None = None, clouds: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs ``kws`` in a folder of its own, without this machine's settings; in this process, which is warm."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.dict(os.environ, surroundings(folder, toml, clouds, environment), clear=True),
        mock.patch.object(sys, "argv", ["kws", *arguments]),
        logging_as_it_was(), chdir(folder), redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended,
    ):  # fmt: skip
        main.main()
    code = int(ended.value.code or 0)
    return subprocess.CompletedProcess(sys.argv, code, out.getvalue(), err.getvalue())


def kws_process(
    folder: Path, *arguments: str, toml: str | None = None, clouds: str | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """The same in a process of its own, as people start it."""
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        check=False, cwd=folder, env=surroundings(folder, toml, clouds, environment),
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip


def surroundings(
    folder: Path, toml: str | None, clouds: str | None, environment: dict[str, str]
) -> dict[str, str]:
    """Writes the files; returns all variables, without this machine's settings."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    if toml is not None:
        (folder / "nodes.toml").write_text(toml)
    if clouds is not None:
        (folder / "clouds.yaml").write_text(clouds)
        clean["OS_CLIENT_CONFIG_FILE"] = str(folder / "clouds.yaml")
    return {**clean, "HOME": str(folder), **environment}
