"""Whether the owner of a server gets in, seen from outside, and which host keys it has."""

from __future__ import annotations

import asyncio
import logging
import re
import socket

from kws_core.nodes.values import Login, LoginCheck

log = logging.getLogger(__name__)

SSH_PORT = 22
CONNECT = 3.0  # seconds; a booting guest's kernel refuses or accepts at once
LOGIN = 30.0  # seconds from there; the SSH server of a busy guest was seen to take 19 up to the end of the key exchange
_NEAR = 400  # characters between what ssh-keygen says of a key file and the fingerprint

_BLOCK = re.compile(
    r"-----BEGIN SSH HOST KEY FINGERPRINTS-----(.*?)-----END SSH HOST KEY FINGERPRINTS-----", re.S
)
_MADE = re.compile(
    rf"saved in /etc/ssh/ssh_host_\w+_key\.pub.{{1,{_NEAR}}}?(SHA256:[A-Za-z0-9+/]{{43}})", re.S
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def check_login(host: str, login: Login, port: int = SSH_PORT, seconds: float = LOGIN) -> LoginCheck:
    """Ask an SSH server whether it would let the owner in; that takes neither private key nor password.

    A server says of a public key whether it would take it before anything is signed (RFC 4252, 7), and which
    methods it offers (5.2): passwords only once cloud-init's set-passwords has run.
    """
    try:
        with socket.create_connection((host, port), timeout=CONNECT) as connection:
            connection.setblocking(False)
            return asyncio.run(asyncio.wait_for(_ask(connection, login), seconds))
    except (OSError, TimeoutError):
        return LoginCheck()


async def _ask(connection: socket.socket, login: Login) -> LoginCheck:
    import asyncssh  # 0.4 s and 15 MiB that only a process with servers needs

    from kws_core.nodes.public_half import Witness, public_half

    witness = Witness()
    options = asyncssh.SSHClientConnectionOptions(
        username=login.user, client_factory=lambda: witness, known_hosts=None, config=None, agent_path=None,
        client_keys=[], preferred_auth="publickey", login_timeout=0,
    )  # fmt: skip
    accepted = False
    try:
        if login.public_key is None:
            methods = await asyncssh.get_server_auth_methods(sock=connection, options=options)
            accepted = bool({"password", "none"} & set(methods))
        else:
            witness.half = public_half(login.public_key)
            async with asyncssh.connect(sock=connection, options=options):
                accepted = True  # it asks for nothing at all
    except asyncssh.KeyExchangeFailed as error:
        log.info("can't try the login, so checking only that SSH responds: %s", error)
        return LoginCheck(True, True)
    except asyncssh.PermissionDenied:
        accepted = witness.half is None or witness.half.wanted
    except (OSError, asyncssh.Error) as error:
        log.debug("SSH isn't responding yet: %s", error)
    return LoginCheck(witness.fingerprint is not None, accepted, tuple(filter(None, [witness.fingerprint])))


def fingerprints(console: str) -> list[str]:
    """The SHA256 fingerprints that a server printed at its last boot, each once.

    cloud-init prints them twice: as it makes the keys, before the SSH server starts, and in a block at the very
    end, some of whose words it says even where keys were made before (cc_ssh, cc_keys_to_console).
    """
    if blocks := _BLOCK.findall(console):
        return list(dict.fromkeys(_FINGERPRINT.findall(blocks[-1])))
    return list(dict.fromkeys(_MADE.findall(console)))
