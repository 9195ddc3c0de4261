"""The script that gives a server a new key: run as the server would run it, by its first line, against a service."""

from __future__ import annotations

import ast
import http.server
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kws_core.forms import boot_script, ssh_keys

OLD, NEW = ssh_keys.generate("kws-web01").public, ssh_keys.generate("kws-web01").public
MINE = ssh_keys.generate("mina@laptop").public
OTHERS = ssh_keys.generate("kws-web012").public  # another server's: not exactly ours
PYTHON = Path(sys.executable).resolve()  # without the environment's packages, which the script can't have
USERS = """
import os, pwd, runpy, sys
home, uid, script = sys.argv[1], int(sys.argv[2]), sys.argv[-1]
entry = pwd.struct_passwd(("student", "x", uid, uid, "", home, "/bin/sh"))
known = {"student": entry}
pwd.getpwnam = known.__getitem__
import urllib.request
real = urllib.request.OpenerDirector.open
urllib.request.OpenerDirector.open = lambda s, url, data=None, timeout=0: real(s, url, data, min(timeout, 0.5))
import time
time.sleep = lambda seconds: None
runpy.run_path(script, run_name="__main__")
"""


class Guest:
    """A machine with one user and a metadata service."""

    def __init__(self, folder: Path, uid: int) -> None:
        self.folder = folder
        self.uid = uid
        self.home = folder / "home"
        self.home.mkdir()
        os.chown(self.home, uid, uid)
        self.keys = self.home / ".ssh" / "authorized_keys"
        self.answer: bytes | None = b""
        self.asked = 0
        self.first = ""  # the key that it was born with
        self.service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        threading.Thread(target=self.service.serve_forever, daemon=True, args=(0.01,)).start()
        self.url = f"http://127.0.0.1:{self.service.server_port}/openstack/latest/meta_data.json"
        (folder / "users.py").write_text(USERS)
        self.path = folder / "bin"
        self.path.mkdir()
        self._interpreter(self.path / "python3")

    def _handler(guest: Guest) -> type[http.server.BaseHTTPRequestHandler]:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                guest.asked += 1
                self.send_response(200 if guest.answer is not None else 404)
                self.end_headers()
                self.wfile.write(guest.answer or b"")

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def _interpreter(self, path: Path) -> None:
        """Python in which getpwnam() knows the user, in the place of the machine's own."""
        path.write_text(
            f'#!/bin/sh\n[ "$1" = -I ] || exit 9\nexec {PYTHON} -I -S {self.folder}/users.py {self.home} {self.uid} "$@"\n'
        )
        path.chmod(0o755)

    def says(self, value: Any, entry: str = "kws_key") -> None:
        """The metadata service has this under that entry."""
        self.answer = json.dumps(
            {"uuid": "u", "name": "web01", "meta": {"kws_rental": "r", entry: value}}
        ).encode()

    def has(self, *lines: str, mode: int = 0o600) -> None:
        """What is in authorized_keys."""
        self.keys.parent.mkdir(mode=0o700, exist_ok=True)
        self.keys.write_text("".join(f"{line}\n" for line in lines))
        self.keys.chmod(mode)
        for path in (self.keys.parent, self.keys):
            os.chown(path, self.uid, self.uid)

    def boot(self, login: str = "student", url: str = "", path: str = "") -> subprocess.CompletedProcess[str]:
        """One boot."""
        script = self.folder / "50-kws-key"
        script.write_text(boot_script.script(login, "kws-web01", self.first, url=url or self.url))
        script.chmod(0o755)
        environment = {"PATH": path or f"{self.path}:/usr/bin:/bin", "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run(
            [script], check=False, capture_output=True, text=True, timeout=30, env=environment
        )

    def boots(self, **how: str) -> list[str]:
        """One boot without complaints; the lines of authorized_keys then."""
        done = self.boot(**how)
        assert (done.returncode, done.stderr) == (0, "")
        return self.keys.read_text().splitlines() if self.keys.exists() else []


def _guest(folder: Path, uid: int) -> Iterator[Guest]:
    made = Guest(folder, uid)
    yield made
    made.service.shutdown()
    made.service.server_close()


@pytest.fixture
def guest(tmp_path: Path) -> Iterator[Guest]:
    yield from _guest(tmp_path, os.getuid())


@pytest.fixture
def rooted() -> Iterator[Guest]:
    """A machine where root runs the script for a user who is somebody else."""
    if os.getuid() != 0:
        pytest.skip("only root can become somebody else")
    folder = Path(tempfile.mkdtemp(prefix="kws-guest-"))
    folder.chmod(0o755)
    yield from _guest(folder, 64_999)
    shutil.rmtree(folder)


def test_the_new_key_takes_the_place_of_the_old_one_and_the_rest_stays(guest: Guest) -> None:
    guest.has("# my keys", MINE, OLD, OTHERS, f'from="10.0.0.0/8" {OLD}', f"# {OLD}", "")
    guest.says(NEW)
    done = guest.boot()
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "KWS: student has a new key in authorized_keys\n"
    assert guest.keys.read_text().splitlines() == ["# my keys", MINE, OTHERS, f"# {OLD}", "", NEW]


def test_without_any_key_before(guest: Guest) -> None:
    guest.says(NEW)
    assert guest.boots() == [NEW]
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (guest.keys.parent, guest.keys)]
    assert modes == [0o700, 0o600]


def test_a_last_line_without_its_end_is_not_run_into(guest: Guest) -> None:
    guest.has()
    guest.keys.write_text(f"{OLD}\n{MINE}")
    guest.says(NEW)
    assert guest.boots() == [MINE, NEW]


def test_run_again_it_changes_nothing(guest: Guest) -> None:
    guest.has(OLD, MINE)
    guest.says(NEW)
    guest.boots()
    before = guest.keys.stat()
    done = guest.boot()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    after = guest.keys.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert [path.name for path in guest.keys.parent.iterdir()] == ["authorized_keys"]


def test_the_comment_is_ours_whatever_the_metadata_says(guest: Guest) -> None:
    guest.has(OLD)
    guest.says(" ".join(NEW.split()[:2]) + " somebody else")
    assert guest.boots() == [NEW]


@pytest.mark.parametrize(
    "value",
    [
        "", " ", "ssh-ed25519", "garbage", 5, None, ["a"], {"a": "b"}, f"{NEW}\n", f"\n{NEW}", f"{NEW}\n{OLD}",
        f"{NEW}\r{OLD}", f"{NEW}\x00", f"{NEW} \u00e9", f'command="id" {NEW}', f"no-pty,{NEW}", f" {NEW}", f"# {NEW}",
        NEW.replace("ssh-ed25519 ", "ssh-rsa "), NEW.replace(" AAAA", " AAAAA"), NEW.replace(" ", "\t"), NEW.replace("AAAA", "BBBB"),
        "ssh-ed25519 AAAA", "ssh-ed25519 AAAA====", "ssh-dss AAAAB3NzaC1kc3MAAAA= x", "sk-" + NEW,
    ],
    ids=lambda _: "value",
)  # fmt: skip
def test_what_is_no_public_key_on_one_line_is_left_alone(guest: Guest, value: Any) -> None:
    guest.has(OLD, MINE)
    guest.says(value)
    assert guest.boots() == [OLD, MINE]


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"no json", b"[]", b"5", b"{}", b'{"meta": null}', b'{"meta": []}', b'{"meta": {}}', b"\xff", b"[" * 90_000],
)  # fmt: skip
def test_a_service_that_says_nothing_of_use(guest: Guest, answer: bytes | None) -> None:
    guest.has(OLD)
    guest.answer = answer
    assert guest.boots() == [OLD]
    assert guest.asked <= 3


def test_no_key_in_the_metadata(guest: Guest) -> None:
    guest.has(OLD)
    guest.says(NEW, entry="other")
    assert guest.boots() == [OLD]
    assert guest.asked == 1


def test_no_metadata_service(guest: Guest) -> None:
    guest.has(OLD)
    assert guest.boots(url="http://127.0.0.1:9/openstack/latest/meta_data.json") == [OLD]


def test_no_python_is_no_error(guest: Guest) -> None:
    guest.says(NEW)
    guest.has(OLD)
    (guest.folder / "empty").mkdir()
    assert guest.boots(path=str(guest.folder / "empty")) == [OLD]


def test_the_first_key_is_put_in_where_there_is_none_and_only_there(guest: Guest) -> None:
    guest.first = MINE
    assert guest.boots() == [MINE]
    guest.has("# nobody", "")
    assert guest.boots() == ["# nobody", "", MINE]
    guest.has(OTHERS)
    assert guest.boots() == [OTHERS], "the owner chose another key"
    guest.says(NEW)
    assert guest.boots() == [OTHERS, NEW]


MACHINE = """
set -e
mount --make-rprivate / && mount --bind "$1/etc" /etc && mount --bind "$1/home" /home
{before}
"$1/script" || true
"$1/script"
getent passwd ada | cut -d: -f6- ; getent shadow ada | cut -d: -f2
cat /home/ada/.ssh/authorized_keys /etc/sudoers.d/90-kws 2> /dev/null || true
stat -c %U:%a /home/ada /home/ada/.ssh /home/ada/.ssh/authorized_keys 2> /dev/null || true
true
"""


def on_a_machine(folder: Path, before: str = "", key: str = MINE, password: str = "") -> list[str]:
    """What is there after the script ran twice, with the real useradd, beside an /etc and /home of its own."""
    if os.getuid() or subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
        pytest.skip("only root can have a machine of its own")
    shutil.copytree("/etc", folder / "etc", symlinks=True)
    for path in (folder / "home", folder / "etc/sudoers.d"):
        path.mkdir(exist_ok=True)
    folder.chmod(0o755)
    script = folder / "script"
    script.write_text(boot_script.script("ada", "kws-web01", key, password, "data:application/json,{}"))
    script.chmod(0o700)
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", MACHINE.replace("{before}", before), "sh", folder],
        check=False, capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin:/usr/sbin"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [line for line in done.stdout.splitlines() if not line.startswith("KWS: ")]


RIGHTS = "ada ALL=(ALL) NOPASSWD:ALL"
OWNED = ["ada:700", "ada:700", "ada:600"]


@pytest.mark.parametrize(
    "before", ["", "groupadd ada", "mkdir /home/ada && chown 4711 /home/ada; rmdir /home/ada"]
)
def test_a_login_that_cloud_init_did_not_make_is_made(tmp_path: Path, before: str) -> None:
    entry, locked, key, rights, *owned = on_a_machine(tmp_path, before)
    assert (entry, locked, key, rights) == ("/home/ada:/bin/bash", "!", MINE, RIGHTS)
    assert owned[1:] == OWNED[1:]


def test_a_login_with_a_password_is_made_with_it(tmp_path: Path) -> None:
    entry, password, rights, *_ = on_a_machine(tmp_path, key="", password="$6$salt$hash")
    assert (entry, password, rights) == ("/home/ada:/bin/bash", "$6$salt$hash", RIGHTS)


def test_a_home_that_is_gone_is_made_and_a_login_that_is_there_stays(tmp_path: Path) -> None:
    entry, _, key, *owned = on_a_machine(tmp_path, "useradd -M -s /bin/sh ada")
    assert (entry, key) == ("/home/ada:/bin/sh", MINE)
    assert owned == ["ada:755", "ada:700", "ada:600"]


def test_a_login_that_cannot_be_made_is_said(guest: Guest) -> None:
    guest.says(NEW)
    done = guest.boot(login="no:body", path=f"{guest.path}:/usr/bin:/bin")
    assert done.returncode == 1
    assert "no login no:body" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_link_is_replaced_and_what_it_led_to_stays(guest: Guest) -> None:
    outside = guest.folder / "outside"
    outside.write_text(f"{OLD}\n{MINE}\n")
    guest.has()
    guest.keys.unlink()
    guest.keys.symlink_to(outside)
    guest.says(NEW)
    assert guest.boots() == [MINE, NEW]
    assert not guest.keys.is_symlink()
    assert outside.read_text() == f"{OLD}\n{MINE}\n"


def test_whatever_is_there_in_the_place_of_the_file(guest: Guest) -> None:
    guest.has()
    guest.keys.unlink()
    os.mkfifo(guest.keys)
    guest.says(NEW)
    assert guest.boots() == [NEW]
    guest.keys.unlink()
    guest.keys.mkdir()
    done = guest.boot()
    assert (done.returncode, "no new key" in done.stderr) == (1, True)
    assert [path.name for path in guest.keys.parent.iterdir()] == ["authorized_keys"]


def test_root_writes_it_as_the_user(rooted: Guest) -> None:
    rooted.says(NEW)
    assert rooted.boots() == [NEW]
    for path in (rooted.keys.parent, rooted.keys):
        assert (path.stat().st_uid, path.stat().st_gid) == (rooted.uid, rooted.uid)
    rooted.has(OLD, MINE, mode=0o644)
    assert rooted.boots() == [MINE, NEW]
    assert stat.S_IMODE(rooted.keys.stat().st_mode) == 0o600


@pytest.mark.parametrize("place", [".ssh", ".ssh/authorized_keys"])
def test_root_follows_no_link_to_what_the_user_could_not_touch(rooted: Guest, place: str) -> None:
    roots = rooted.folder / "root"
    roots.mkdir(mode=0o700)
    (roots / "authorized_keys").write_text(f"{OLD}\n")
    rooted.has()
    rooted.keys.unlink()
    if place == ".ssh":
        rooted.keys.parent.rmdir()
        rooted.keys.parent.symlink_to(roots)
    else:
        rooted.keys.symlink_to(roots / "authorized_keys")
    rooted.says(NEW)
    done = rooted.boot()
    assert (roots / "authorized_keys").read_text() == f"{OLD}\n"
    assert [path.name for path in roots.iterdir()] == ["authorized_keys"]
    if place == ".ssh":
        assert "no new key" in done.stderr
    else:
        assert rooted.keys.read_text() == f"{NEW}\n", "what it led to is not read with root's rights"


@given(st.text(), st.text())
def test_values_are_values_in_the_script_whatever_is_in_them(login: str, mark: str) -> None:
    text = boot_script.script(login, mark)
    assert text.isascii()
    found = re.search(r"^SETTINGS = (.*)$", text, re.M)
    assert found
    settings = ast.literal_eval(found[1])
    assert (settings["login"], settings["comment"]) == (login, mark)
    assert text.replace(found[1], "") == boot_script.script("a", "b").replace(
        ascii(
            {
                "login": "a",
                "comment": "b",
                "url": boot_script.METADATA,
                "entry": "kws_key",
                "key": "",
                "password": "",
            }
        ),
        "",
    )


def test_an_old_python_reads_it() -> None:
    """Images of some years ago have Python 3.6."""
    ast.parse(boot_script.script("debian", "kws-web01"), feature_version=(3, 6))


@pytest.mark.parametrize(
    ("written", "there", "runs"), [(False, True, False), (True, False, False), (True, True, True)]
)
def test_before_ssh_it_runs_at_later_boots_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bool, there: bool, runs: bool
) -> None:
    """At an instance's first boot what lies on the disk is of the server that became its image."""
    script, mark = tmp_path / "script", tmp_path / "mark"
    monkeypatch.setattr(boot_script, "PATH", str(script))
    monkeypatch.setattr(boot_script, "WRITTEN", str(mark))
    if written:
        mark.touch()
    if there:
        script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
        script.chmod(0o700)
    assert subprocess.run(boot_script.early(), check=False).returncode == 0
    assert (tmp_path / "ran").exists() == runs
