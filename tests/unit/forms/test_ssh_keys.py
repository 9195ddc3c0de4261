"""Key pairs, and people's own public keys."""

from __future__ import annotations

import base64
import contextlib
import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from hypothesis import given
from hypothesis import strategies as st

from kws_core.errors import UserError
from kws_core.forms import ssh_keys
from kws_core.forms.ssh_keys import check_public_key

PAIR = ssh_keys.generate("me@laptop")
KIND, BLOB, COMMENT = PAIR.public.split()
needs_ssh_keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen here")


def openssh(key: object) -> str:
    """The public half as OpenSSH writes it."""
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined]


def refusal(text: str) -> str:
    """The code with which a text is refused."""
    with pytest.raises(UserError) as caught:
        check_public_key(text)
    return caught.value.code


def test_the_halves_of_a_pair_belong_together() -> None:
    private = load_ssh_private_key(PAIR.private, None)
    assert openssh(type("", (), {"public_key": private.public_key})) == f"{KIND} {BLOB}"
    assert COMMENT == "me@laptop"


def test_every_pair_is_new() -> None:
    assert len({ssh_keys.generate("x").private for _ in range(20)}) == 20


def test_the_private_half_stays_out_of_repr() -> None:
    assert "PRIVATE" not in repr(PAIR) + str(PAIR)
    assert repr(PAIR.private)[2:40] not in repr(PAIR)


@given(st.text())
def test_a_comment_never_makes_a_second_line(comment: str) -> None:
    public = ssh_keys.generate(comment).public
    assert len(public.splitlines()) == 1
    assert public.split()[0] == "ssh-ed25519"


@needs_ssh_keygen
def test_ssh_keygen_reads_both_halves_and_agrees_about_the_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(PAIR.private)
    path.chmod(0o600)
    derived = subprocess.run(
        ["ssh-keygen", "-y", "-f", path], check=True, capture_output=True, text=True
    ).stdout
    assert derived.split()[:2] == [KIND, BLOB]
    (tmp_path / "key.pub").write_text(PAIR.public)
    told = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "key.pub"], check=True, capture_output=True, text=True
    )
    assert told.stdout.split()[1] == PAIR.fingerprint


@pytest.mark.parametrize(
    "key",
    [
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP521R1()),
    ],
    ids=["rsa-2048", "p256", "p384", "p521"],
)
def test_good_keys_of_every_kind_are_taken_as_they_are(key: object) -> None:
    assert check_public_key(f"  {openssh(key)} me  \n") == f"{openssh(key)} me"


def test_a_key_without_a_comment_is_good() -> None:
    assert check_public_key(f"{KIND} {BLOB}") == f"{KIND} {BLOB}"


def test_a_short_rsa_key_is_refused_with_its_bits() -> None:
    with pytest.raises(UserError) as caught:
        check_public_key(openssh(rsa.generate_private_key(65537, 1024)))
    assert (caught.value.code, caught.value.data["bits"]) == ("key_too_short", 1024)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "hello",
        KIND,
        f"{KIND} AAAA",
        f"{KIND} {BLOB[:-4]}",
        f"{KIND} {BLOB}AAAA",
        f"ssh-rsa {BLOB} not its kind",
        f"SSH-ED25519 {BLOB}",
        f'command="rm -rf /" {KIND} {BLOB}',
        f"no-pty {KIND} {BLOB}",
        f"{KIND} {BLOB}\n{KIND} {BLOB}",
        f"{KIND} {BLOB}\r{KIND} {BLOB}",
        f"# {KIND} {BLOB}",
        f"ssh-ed25519-cert-v01@openssh.com {BLOB}",
        f"sk-ssh-ed25519@openssh.com {BLOB}",
        f"ssh-dss {BLOB}",
        f"{KIND} \ud800{BLOB}",
        "ssh-ed25519 " + "A" * 100_000,
    ],
    ids=lambda _: "text",
)
def test_whatever_is_not_one_clean_key_is_refused(text: str) -> None:
    assert refusal(text) == "key_invalid"


@pytest.mark.parametrize("text", [PAIR.private.decode(), "-----BEGIN RSA PRIVATE KEY-----\nAAAA"])
def test_a_private_key_is_told_to_be_one_and_not_repeated(text: str) -> None:
    with pytest.raises(UserError) as caught:
        check_public_key(text)
    assert caught.value.code == "key_is_private"
    assert text.splitlines()[-2][:20] not in str(caught.value)


@pytest.mark.parametrize("junk", ["!", "*", "-", "é", '"'])
@pytest.mark.parametrize("place", [0, 1, 40])
def test_base64_with_anything_else_in_it_is_refused(junk: str, place: int) -> None:
    """sshd would not take the line, and the person could not get in."""
    assert refusal(f"{KIND} {BLOB[:place]}{junk}{BLOB[place:]}") == "key_invalid"


@given(st.text(max_size=80))
def test_a_hostile_comment_stays_one_printable_line(comment: str) -> None:
    try:
        line = check_public_key(f"{KIND} {BLOB} {comment}")
    except UserError:
        return
    assert line.startswith(f"{KIND} {BLOB}")
    assert line.isprintable()
    assert len(line.splitlines()) == 1
    assert check_public_key(line) == line


@given(st.text(max_size=200))
def test_any_text_is_a_key_or_a_user_error(text: str) -> None:
    with contextlib.suppress(UserError):
        check_public_key(text)


@given(st.binary(max_size=120), st.sampled_from(sorted(ssh_keys.ACCEPTED)))
def test_any_bytes_behind_a_good_kind_are_a_key_or_a_user_error(blob: bytes, kind: str) -> None:
    head = len(kind).to_bytes(4, "big") + kind.encode()
    for data in (blob, head + blob, head + len(blob).to_bytes(4, "big") + blob):
        with contextlib.suppress(UserError):
            check_public_key(f"{kind} {base64.b64encode(data).decode()}")


PPK = "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: me\nPublic-Lines: 2\nAAAA\nPrivate-Lines: 1\nBBBB\n"


@pytest.mark.parametrize(
    "text",
    [
        PPK,
        PPK.replace("-3:", "-2:"),
        "\n" + PPK,
        PPK.replace("none", "aes256-cbc"),
        PPK[PPK.index("Public") :],
    ],
)
def test_a_ppk_file_is_private(text: str) -> None:
    with pytest.raises(UserError, match="key_is_private"):
        check_public_key(text)


@pytest.mark.parametrize("head", ['Comment: "rsa-key"\n', "Comment: me\nSubject: x\n", "", "x-a: b\n", "\n"])
def test_puttys_public_format_is_told_with_the_box_to_copy(head: str) -> None:
    with pytest.raises(UserError, match="key_putty"):
        check_public_key(f"---- BEGIN SSH2 PUBLIC KEY ----\n{head}AAAAB3NzaC1\n---- END SSH2 PUBLIC KEY ----")
