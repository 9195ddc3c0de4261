"""A process that dies at a chosen call to the outside: database, node or Slack, before or after it takes effect.

Calls are numbered in the order in which one run makes them. A process that is dead calls nothing any
more, whatever its ``except`` and ``finally`` try.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from harness.caddy_kit import FakeCaddy
from sqlalchemy import Connection
from sqlalchemy.orm import Session

from bot.slack.client import CountingClient
from kws_core.database.store import Store
from kws_core.nodes.fake.node import FakeNode
from kws_core.nodes.image_store import Body
from kws_core.web.caddy import Json

NODE_CALLS = frozenset(
    {
        "ping", "images", "cidrs", "capacity", "ensure_address", "ensure_server", "ensure_container", "machines",
        "new_servers", "release", "marked", "tidy", "act", "console", "put_key", "rebuild", "check_login", "host_keys",
        "cpu_seconds",
    }
)  # fmt: skip
SHELF_CALLS = frozenset({"list", "look", "create", "fetches", "fetch", "change", "delete", "ensure_copy"})


class Killed(BaseException):
    """The process is dead: no ``except Exception`` holds it up."""


class Fate:
    """Numbers the calls, and kills at one of them."""

    def __init__(self) -> None:
        self.dead = False
        self.calls: list[str] = []
        self.counting = False
        self.kill_at: tuple[int, str] | None = None
        self.died_at: str | None = None

    @contextmanager
    def call(self, name: str) -> Iterator[None]:
        """Round one call to the outside."""
        if self.dead:
            raise Killed(name)
        if not self.counting:
            yield
            return
        number = len(self.calls)
        self.calls.append(name)
        self._pass(number, "before", name)
        try:
            yield
        finally:  # what says no has answered as well
            self._pass(number, "after", name)

    def _pass(self, number: int, side: str, name: str) -> None:
        if self.kill_at == (number, side):
            self.dead, self.kill_at, self.died_at = True, None, f"{side} {name}"
            raise Killed(self.died_at)

    def born_again(self) -> None:
        """A new process."""
        self.dead = False


class MortalStore(Store):
    """Its commits are calls."""

    def __init__(self, url: str, fate: Fate) -> None:
        super().__init__(url)
        self.fate = fate

    @contextmanager
    def write(self, **how: Any) -> Iterator[Session]:
        """As Store's: the call is the commit, and what went before it in the transaction."""
        with self.fate.call("commit"), super().write(**how) as session:
            yield session

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """As Store's: a commit, too."""
        with self.fate.call("commit"), super().note() as connection:
            yield connection


class MortalClient(CountingClient):
    """Its requests are calls."""

    fate = Fate()

    def api_call(self, api_method: str, **arguments: Any) -> Any:
        """As WebClient's."""
        with self.fate.call(api_method):
            return super().api_call(api_method, **arguments)


class MortalNode:
    """A FakeNode whose methods are calls; everything else is the fake's own."""

    def __init__(self, node: FakeNode, fate: Fate) -> None:
        self._node, self._fate = node, fate

    @property
    def shelf(self) -> MortalShelf:
        """Its images."""
        return MortalShelf(self._node, self._fate)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._node, name)
        if name not in NODE_CALLS:
            return found

        def call(*args: Any, **more: Any) -> Any:
            with self._fate.call(f"{self._node.name} {name}"):
                return found(*args, **more)

        return call


class MortalCaddy:
    """A FakeCaddy whose requests are calls."""

    def __init__(self, caddy: FakeCaddy, fate: Fate) -> None:
        self._caddy, self._fate = caddy, fate

    def config(self) -> Json:
        """As Caddy's."""
        with self._fate.call("caddy config"):
            return self._caddy.config()

    def load(self, config: Json) -> None:
        """As Caddy's."""
        with self._fate.call("caddy load"):
            self._caddy.load(config)


class MortalShelf:
    """A FakeShelf whose methods are calls, and so is each chunk that comes or goes."""

    def __init__(self, node: FakeNode, fate: Fate) -> None:
        self._shelf, self._fate, self._name = node.shelf, fate, node.name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._shelf, name)
        if name not in SHELF_CALLS:
            return found

        def call(*args: Any, **more: Any) -> Any:
            with self._fate.call(f"{self._name} image {name}"):
                return found(*args, **more)

        return call

    def fill(self, image_id: str, body: Body) -> None:
        """Half of the bytes may have gone out."""
        with self._fate.call(f"{self._name} image fill"):
            self._shelf.fill(image_id, _Chunks(body, self._fate, f"{self._name} chunk in"))

    @contextmanager
    def read(self, image_id: str) -> Iterator[Iterator[bytes]]:
        """Half of the bytes may have come."""
        with self._fate.call(f"{self._name} image read"), self._shelf.read(image_id) as chunks:
            yield iter(_Chunks(chunks, self._fate, f"{self._name} chunk out"))


class _Chunks:
    def __init__(self, body: Any, fate: Fate, name: str) -> None:
        self._body, self._fate, self._name = body, fate, name

    def __len__(self) -> int:
        return len(self._body)

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._body:
            with self._fate.call(self._name):
                yield chunk
