"""Key pairs: made in memory, never written anywhere; and people's own public keys, checked.

``cryptography`` is imported where it is used: 7 MiB that a bot needs when the first key is made or pasted.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field

from kws_core.errors import ErrorCode, UserError

ACCEPTED = frozenset(
    {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"}
)
MIN_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 pair in OpenSSH's own formats; the private half stays out of ``repr`` and logs."""

    private: bytes = field(repr=False)
    public: str
    fingerprint: str


def generate(comment: str) -> KeyPair:
    """A new pair. ``comment`` goes behind the public half (it may hold no line break)."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    return KeyPair(private, f"{public} {' '.join(comment.split())}".strip(), fingerprint(public))


def fingerprint(public: str) -> str:
    """``SHA256:…`` as ``ssh-keygen -l`` prints it."""
    digest = hashlib.sha256(base64.b64decode(public.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def check_public_key(text: str) -> str:
    """Return a person's own public key as one clean line.

    Options in front (``command="…"``), several lines and security-key types are refused: the line goes
    into authorized_keys as it is.

    Raises:
        UserError: If it is a private key, a PuTTY file, of an unsupported kind, or too short.
    """
    line = text.strip()
    if "PRIVATE KEY" in line or "PuTTY-User-Key-File" in line or "Private-Lines:" in line:
        raise UserError(ErrorCode.KEY_IS_PRIVATE)
    if line.startswith(("---- BEGIN SSH2 PUBLIC KEY", "Public-Lines:", "Comment:")):
        raise UserError(ErrorCode.KEY_PUTTY)
    parts = line.split(None, 2)
    if "\n" in line or "\r" in line or len(parts) < 2 or parts[0] not in ACCEPTED:
        raise UserError(ErrorCode.KEY_INVALID, accepted=", ".join(sorted(ACCEPTED)))
    printable = "".join(c for c in (parts[2] if len(parts) > 2 else "") if c.isprintable())
    comment = " ".join(printable[:100].split())
    _check_body(parts[0], parts[1])
    return f"{parts[0]} {parts[1]} {comment}".strip()


def _check_body(kind: str, body: str) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_ssh_public_key

    try:
        base64.b64decode(body, validate=True)  # cryptography skips what ssh-keygen refuses
        key = load_ssh_public_key(f"{kind} {body}".encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UserError(ErrorCode.KEY_INVALID, accepted=", ".join(sorted(ACCEPTED))) from error
    if isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS:
        raise UserError(ErrorCode.KEY_TOO_SHORT, bits=key.key_size, minimum=MIN_RSA_BITS)
