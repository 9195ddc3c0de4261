"""The parts of asyncssh that a login check needs: a key pair without its private half, and who watches."""

from __future__ import annotations

import logging

import asyncssh

log = logging.getLogger(__name__)


class PublicHalf(asyncssh.SSHKeyPair):
    """Offers a public key; when it is to sign with the private half, the server has said that it takes the key."""

    _key_type = "public half"

    def __init__(self, line: str) -> None:
        key = asyncssh.import_public_key(line)
        super().__init__(
            key.algorithm, key.algorithm, key.sig_algorithms, key.sig_algorithms, key.public_data, None
        )
        self.offered = self.wanted = False

    def sign(self, data: bytes) -> bytes:
        """Note that the server waits for a signature, and give none.

        Raises:
            ValueError: Always: there is no private half.
        """
        self.wanted = True
        raise ValueError("no private half")


def public_half(line: str) -> PublicHalf | None:
    """The key of a line of authorized_keys, None for a kind that the library can't offer."""
    try:
        return PublicHalf(line)
    except asyncssh.KeyImportError as error:
        log.info("this key can't be offered: %s", error)
        return None


class Witness(asyncssh.SSHClient):
    """Sees the server's host key also when the login fails."""

    def __init__(self) -> None:
        self.half: PublicHalf | None = None
        self._connection: asyncssh.SSHClientConnection | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        """See SSHClient."""
        self._connection = conn

    def public_key_auth_requested(self) -> list[asyncssh.SSHKeyPair] | None:
        """See SSHClient; each key is offered once."""
        if self.half is None or self.half.offered:
            return None
        self.half.offered = True
        return [self.half]

    @property
    def fingerprint(self) -> str | None:
        """``SHA256:…`` of the host key, None before the key exchange is done."""
        key = self._connection.get_server_host_key() if self._connection else None
        return key.get_fingerprint() if key else None
