"""Whether a machine answers, and which host keys it showed."""

from __future__ import annotations

import re
import socket
import time

SSH_PORT = 22
SECONDS = 1.0
_ENOUGH = 1024  # bytes: a server may say a few lines before its banner (RFC 4253, 4.2)
_BLOCK = re.compile(
    r"-----BEGIN SSH HOST KEY FINGERPRINTS-----(.*?)-----END SSH HOST KEY FINGERPRINTS-----", re.S
)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")


def ssh_answers(host: str, port: int = SSH_PORT, seconds: float = SECONDS) -> bool:
    """Whether an SSH server sends its banner within ``seconds``; an open port alone is not enough."""
    deadline = time.monotonic() + seconds
    heard = b""
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            while len(heard) < _ENOUGH and (left := deadline - time.monotonic()) > 0:
                connection.settimeout(left)
                more = connection.recv(256)
                heard += more
                if heard.startswith(b"SSH-") or b"\nSSH-" in heard:
                    return True
                if not more:
                    return False
    except OSError:
        pass
    return False


def fingerprints(console: str) -> list[str]:
    """The SHA256 fingerprints that cloud-init wrote to the console at the last boot, each once."""
    blocks = _BLOCK.findall(console)
    return list(dict.fromkeys(_FINGERPRINT.findall(blocks[-1]))) if blocks else []
