"""The demo in the browser: serves the page, opens it, and waits until somebody ends it."""

from __future__ import annotations

import os
import socket
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from bot.ops import logs
from demo.play import simulated
from demo.real_nodes import on_real_nodes
from slack_workspace import Workspace

PORT = 8710  # the usual one, so that an open page finds the demo again after a restart


def show(
    stop: threading.Event,
    *,
    port: int | None = None,
    browser: bool = True,
    openstack: bool = False,
    config: Path | None = None,
) -> int:
    """Run the demo until ``stop`` is set; its exit code."""
    logs.set_up("pretty", level=30)
    if port and not _is_free(port):
        typer.echo(f"kws: port {port} is in use. Without --port, the demo uses any free port.", err=True)
        return 1
    port = PORT if port is None and _is_free(PORT) else port or 0
    with _workspace(port, openstack=openstack, config=config) as workspace:
        _announce(workspace, openstack=openstack)
        if browser and not _open(workspace.page_url):
            typer.echo("  No browser opened. Open the address yourself. From another machine, run:")
            typer.echo(f"    ssh -L {workspace.port}:127.0.0.1:{workspace.port} THIS-MACHINE")
        stop.wait()
        typer.echo("\nStopping the demo…")
    return 0


@contextmanager
def _workspace(port: int, *, openstack: bool, config: Path | None) -> Iterator[Workspace]:
    if openstack:
        with on_real_nodes(port=port, config=config) as workspace:
            yield workspace
    else:
        with simulated(port=port) as demo:
            yield demo.workspace


def _announce(workspace: Workspace, *, openstack: bool) -> None:
    nodes = "the nodes in nodes.toml" if openstack else "two simulated nodes"
    typer.echo(f"KWS is running on a local Slack-like page with {nodes}.")
    typer.echo(f"  Page: {workspace.page_url}   (stop with Ctrl-C)")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _open(url: str) -> bool:
    """False where there is no display: a text browser would take the terminal away."""
    display = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    return display and webbrowser.open(url)
