"""PuTTY's file holds the same key, and PuTTY itself takes it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from kws_core.forms import ssh_keys
from kws_core.forms.putty_key import to_ppk

needs_puttygen = pytest.mark.skipif(not shutil.which("puttygen"), reason="apt install putty-tools")


def read(ppk: bytes) -> tuple[dict[str, str], bytes, bytes]:
    """Headers, public blob, private blob."""
    headers, blobs = {}, {}
    lines = iter(ppk.decode().splitlines())
    for line in lines:
        name, _, value = line.partition(": ")
        headers[name] = value
        if name.endswith("-Lines"):
            blobs[name] = base64.b64decode("".join(next(lines) for _ in range(int(value))))
    return headers, blobs["Public-Lines"], blobs["Private-Lines"]


@pytest.mark.parametrize("comment", ["kws-web01", "two words", "열쇠", "line\nbreak: no"])
def test_the_halves_and_the_mac(comment: str) -> None:
    pair = ssh_keys.generate("x")
    file = to_ppk(pair.private, comment)
    assert file.endswith(b"\n") and b"\r" not in file
    headers, public, private = read(file)
    assert headers["PuTTY-User-Key-File-3"] == "ssh-ed25519"
    assert headers["Encryption"] == "none"
    assert headers["Comment"] == comment.replace("\n", " ")
    assert base64.b64encode(public).decode() == pair.public.split()[1]
    key = Ed25519PrivateKey.from_private_bytes(private[4:])
    assert key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw) == public[-32:]
    parts = (b"ssh-ed25519", b"none", headers["Comment"].encode(), public, private)
    signed = b"".join(struct.pack(">I", len(part)) + part for part in parts)
    assert headers["Private-MAC"] == hmac.new(b"", signed, hashlib.sha256).hexdigest()


@needs_puttygen
def test_puttygen_gives_the_same_key_back(tmp_path: Path) -> None:
    for number in range(5):
        pair = ssh_keys.generate(f"kws-web{number}")
        (tmp_path / "key.ppk").write_bytes(to_ppk(pair.private, f"kws-web{number}"))
        command = ["puttygen", "key.ppk", "-O", "private-openssh-new", "-o", "key"]
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        back = load_ssh_private_key((tmp_path / "key").read_bytes(), None)
        public = back.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
        assert public == " ".join(pair.public.split()[:2])
        shown = subprocess.run(["puttygen", "key.ppk", "-L"], cwd=tmp_path, check=True, capture_output=True)
        assert shown.stdout.decode().strip() == pair.public


@needs_puttygen
def test_puttygen_checks_the_mac(tmp_path: Path) -> None:
    file = to_ppk(ssh_keys.generate("x").private, "kws-web01").replace(b"kws-web01", b"kws-web02")
    (tmp_path / "key.ppk").write_bytes(file)
    command = ["puttygen", "key.ppk", "-O", "private-openssh-new", "-o", "key"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_other_keys_are_refused() -> None:
    key = rsa.generate_private_key(65537, 2048)
    with pytest.raises(TypeError, match="ed25519"):
        to_ppk(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()), "x")
