"""What a visitor waits for the proxy, beside a static answer of the same Caddy; and how long 1,000 names take to load.

    python -m benchmarks.web --names 1000 --requests 400

Needs Debian's caddy. One Caddy has the routes that KWS makes. A visitor with one open connection takes turns: a page
that Caddy answers directly, and one that it fetches from a site. The same Caddy plays the site, with a static answer.
"""

from __future__ import annotations

import argparse
import http.client
import importlib
import shutil
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.report import SKIPPED, Report, spread
from kws_core.web.caddy import Caddy, apps
from kws_core.web.routes import Page, Route, Target

ROOT = Path(__file__).parent.parent
LATENCY, LOADED = 2.0, 1.0  # milliseconds, seconds: the goals


def main() -> None:
    """See above."""
    if shutil.which("caddy") is None:
        print("caddy isn't installed (apt-get install caddy)")
        sys.exit(SKIPPED)
    sys.path.insert(0, str(ROOT / "tests"))
    options = arguments()
    report = Report("web")
    with tempfile.TemporaryDirectory() as folder:
        measure(report, Path(folder), options.names, options.requests)
    report.close()


def arguments() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=400)
    return parser.parse_args()


def measure(report: Report, folder: Path, names: int, requests: int) -> None:
    """Both figures. The site is the last of the routes, where the way to it is longest."""
    kit = importlib.import_module("harness.caddy_kit")
    with kit.real_caddy(folder) as caddy:
        (port,) = kit.free_ports(1)
        site = Target(kit.own_address(), port)
        routes = [Route(f"r{n}", (f"web{n}",), site, lab_only=True) for n in range(names - 2)]
        routes += [Route("static", ("static",), Page.STARTING), Route("site", ("site",), site)]
        body = kit.PAGES[Page.STARTING, "ko"]
        answers = {"handle": [{"handler": "static_response", "body": body}]}
        api = Caddy(caddy.url)
        loads = []
        for number in range(7):
            routes[0] = Route("moving", (f"moving{number}",), site)
            wanted = apps(caddy.section(), routes, kit.PAGES)
            wanted["http"]["servers"]["site"] = {"listen": [f"{site.address}:{port}"], "routes": [answers]}
            loads.append(timed(partial(api.load, {**api.config(), "apps": wanted})))
        time.sleep(1)  # until the certificate is made
        asked = {label: visitor(label, caddy.https_port) for label in ("static", "site")}
        times: dict[str, list[float]] = {label: [] for label in asked}
        for _ in range(requests):
            for label, ask in asked.items():
                times[label].append(timed(ask) * 1000)
    middle = {label: spread(taken[20:]).median for label, taken in times.items()}
    report.table(
        "a page over HTTPS", ["from", "ms, p50"], [[label, round(one, 3)] for label, one in middle.items()]
    )
    report.table("load", ["names", "seconds"], [[names, spread(loads)]])
    added = spread([middle["site"] - middle["static"]])
    report.ratio(f"added latency over a static answer with {names} names, p50 in ms", added, at_most=LATENCY)
    report.ratio(f"loading {names} names, seconds", spread(loads), at_most=LOADED)


def timed(act: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begun = time.perf_counter()
    act()
    return time.perf_counter() - begun


def visitor(label: str, port: int) -> Callable[[], object]:
    """Asks for the page again and again over one connection."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host = f"{label}.lab.example"
    connection = http.client.HTTPSConnection(host, port)
    plain = socket.create_connection(("127.0.0.1", port))
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.sock = context.wrap_socket(plain, server_hostname=host)

    def ask() -> bytes:
        connection.request("GET", "/", headers={"Host": host})
        return connection.getresponse().read()

    return ask


if __name__ == "__main__":
    main()
