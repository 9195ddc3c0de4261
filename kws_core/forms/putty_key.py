"""PuTTY's own key file: the same private key, for people whose terminal takes no OpenSSH file."""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct

ALGORITHM = "ssh-ed25519"
LINE = 64  # characters of base64 in a line


def to_ppk(private_openssh: bytes, comment: str) -> bytes:
    """Return the unencrypted ed25519 key as a PPK file of version 3, which PuTTY reads since 0.75.

    The layout is appendix C of PuTTY's manual; without a passphrase the MAC's key is empty.

    Raises:
        TypeError: If it is a key of another kind.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
        load_ssh_private_key,
    )

    key = load_ssh_private_key(private_openssh, None)
    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError("only ed25519 keys are made here")
    name = " ".join(comment.split())
    line = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    public = base64.b64decode(line.split()[1])
    private = _string(key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption()))
    signed = b"".join(_string(part) for part in (ALGORITHM.encode(), b"none", name.encode(), public, private))
    lines = [
        f"PuTTY-User-Key-File-3: {ALGORITHM}",
        "Encryption: none",
        f"Comment: {name}",
        *_lines("Public-Lines", public),
        *_lines("Private-Lines", private),
        f"Private-MAC: {hmac.new(b'', signed, hashlib.sha256).hexdigest()}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _string(data: bytes) -> bytes:
    """SSH's ``string``: the length in four bytes, then the bytes."""
    return struct.pack(">I", len(data)) + data


def _lines(title: str, blob: bytes) -> list[str]:
    text = base64.b64encode(blob).decode()
    rows = [text[start : start + LINE] for start in range(0, len(text), LINE)]
    return [f"{title}: {len(rows)}", *rows]
