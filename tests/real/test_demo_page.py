"""`kws demo --openstack`: the page over two real nodes; at its end nothing of it is left on them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from bot_process import NODE, settings

pytestmark = pytest.mark.openstack
Json = dict[str, Any]
PATIENCE = 120  # seconds without a word on the stream


@contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo in a process of its own, and the address of its page."""
    more = {"kinds": '["server"]', "vcpus": 6, "max_builds": 3}
    nodes = "".join(NODE.format(name=name, cloud=name, **more) for name in ("node1", "node2"))
    (folder / "nodes.toml").write_text(settings(nodes))
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo", "--openstack", "--no-browser", "--port", "0"],
        cwd=folder, env={**os.environ, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stderr
    try:
        address = next(
            (found[0] for line in process.stdout if (found := re.search(r"http://\S+/", line))), None
        )
        if address is None:
            told = process.stderr.read()
            if "of another KWS" in told:
                pytest.skip(f"the demo rightly refuses nodes on which something was left: {told}")
            pytest.fail(told)
        yield process, address
    finally:
        process.kill()
        process.communicate()


def do(page: str, verb: str, **body: Any) -> Json:
    request = urllib.request.Request(
        f"{page}_control/{verb}",
        json.dumps({"user": "joon", **body}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        found: Json = json.load(answer)
        return found


def watch(page: str, event: str, seen: Callable[[Json], Any]) -> Any:
    """Reads the stream until that event has what is looked for."""
    with urllib.request.urlopen(f"{page}_page/stream?user=joon", timeout=PATIENCE) as stream:
        name = ""
        for line in stream:
            if line.startswith(b"event: "):
                name = line[7:].decode().strip()
            elif line.startswith(b"data: ") and name == event and (found := seen(json.loads(line[6:]))):
                return found
    raise AssertionError(f"the stream ended without it: {event}")


def test_a_real_server_from_the_page_and_nothing_left_at_the_end(
    tmp_path: Path, clouds: dict[str, Any], marked: Callable[[str], list[str]]
) -> None:
    with running(tmp_path) as (process, page):
        panel = watch(page, "panel", lambda shown: all(node["up"] for node in shown["nodes"]) and shown)
        assert (panel["clock"], panel["simulated"]) == (False, False)
        do(page, "command", text="/kws rent")
        form = watch(page, "screen", lambda shown: shown["views"] and shown["views"][-1])
        image = next(b["element"]["options"][0]["value"] for b in form["blocks"] if b["block_id"] == "image")
        do(page, "fill_form", values={"name": "demo01", "image": image})
        assert do(page, "submit")["outcome"]["errors"] == {}
        card = watch(page, "screen", lambda shown: _card(shown, ":large_green_circle:"))
        rental = re.search(r'"card-(\w+)"', card)
        assert rental
        assert {one.split(":")[1] for one in marked(rental[1])} == {"server", "port", "ip", "group"}

        process.send_signal(signal.SIGTERM)
        assert process.wait(150) == 0
        assert marked(rental[1]) == []
        assert list(tmp_path.glob("kws-demo.db*")) == []


def _card(screen: Json, text: str) -> str | None:
    dm = next(one for one in screen["channels"] if one["id"] == screen["dm"])
    return next(
        (shown for one in dm["messages"] if "card-" in (shown := json.dumps(one)) and text in shown), None
    )
