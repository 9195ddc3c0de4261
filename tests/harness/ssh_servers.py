"""An SSH server on a socket of this machine: what a guest shows to whoever looks from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import asyncssh


@dataclass
class Guest:
    """Whom it lets in; may be changed while it runs."""

    host_key: asyncssh.SSHKey = field(default_factory=lambda: asyncssh.generate_private_key("ssh-ed25519"))
    keys: list[str] = field(default_factory=list)  # lines of authorized_keys
    passwords: bool = False
    open: bool = False  # asks for nothing
    port: int = 0
    offers: int = 0  # keys that were offered

    def takes(self, key: asyncssh.SSHKey) -> bool:
        """Whether authorized_keys has it."""
        self.offers += 1
        return any(asyncssh.import_public_key(line) == key for line in self.keys)


class Door(asyncssh.SSHServer):
    """One connection to a guest."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest

    def begin_auth(self, username: str) -> bool:
        return not self.guest.open

    def password_auth_supported(self) -> bool:
        return self.guest.passwords

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return self.guest.takes(key)


@contextmanager
def listening(guest: Guest) -> Iterator[Guest]:
    """The guest's SSH server listens on ``guest.port``."""
    ready = threading.Event()
    stop: list[Callable[[], object]] = []

    async def serve() -> None:
        loop, over = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncssh.listen(
            "127.0.0.1", guest.port, server_factory=lambda: Door(guest), server_host_keys=[guest.host_key]
        )
        guest.port = server.get_port()
        stop.append(lambda: loop.call_soon_threadsafe(over.set))
        ready.set()
        await over.wait()
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield guest
    finally:
        stop[0]()
        thread.join(10)
