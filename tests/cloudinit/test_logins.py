"""The owner gets in whatever their cloud-init does: tried with cloud-init's own code of three releases."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kws_core.errors import UserError
from kws_core.forms import cloud_init, ssh_keys, yaml_subset

pytestmark = [pytest.mark.cloudinit, pytest.mark.timeout(120)]

RELEASES = ("bullseye", "bookworm", "trixie")
DISTROS = {"debian": "debian", "ubuntu": "ubuntu", "rocky": "rhel"}
BOOT = Path(__file__).with_name("boot.py")
KEY = ssh_keys.generate("web01").public
PASSWORD_HASH = "$6$rounds=5000$abcdefgh$" + "x" * 86
NAMESPACE = """
set -e; mount --make-rprivate /
mkdir -p "$0/home" "$0/cloud"; cp -a /etc "$0/etc"; mkdir -p "$0/etc/sudoers.d" /var/lib/cloud
mount --bind "$0/etc" /etc; mount --bind "$0/home" /home; mount --bind "$0/cloud" /var/lib/cloud
exec "$@"
"""

# the login, and what its owner typed; what the form refuses is tried too, as if it had come through
TEXTS = [
    ("debian", ""),
    ("ubuntu", "groups: [{ubuntu: [root, sys]}]"),
    ("ubuntu", "users: [default, {name: ada, groups: ubuntu}]"),
    ("ubuntu", "groups: [ubuntu, {admin: [ubuntu, ada]}]\nusers: [default, {name: ada, primary_group: ubuntu}]"),
    ("ubuntu", "users: [{name: ada, groups: 'ubuntu, sudo, docker'}, {name: docker}]"),
    ("debian", "users: [default, {name: deploy, primary_group: docker}]"),
    ("debian", "users: [{name: debian, primary_group: adm, sudo: ALL}]"),
    ("debian", "users: [{name: debian, shell: /bin/false, lock_passwd: true, homedir: /nowhere, uid: '0'}]"),
    ("debian", "users: [default, {name: adm}, {name: zed}]"),
    ("debian", "users: [{name: sudo, groups: [debian]}]"),
    ("debian", "groups: [{debian: [nobody]}]\nusers: [default, {name: ada, no_user_group: true, primary_group: debian}]"),
    ("debian", "users: [{name: ada, homedir: /dev/null/x}]"),
    ("debian", "users: [{name: ada, shell: /no/shell}, {name: bob, gecos: 'a:b'}]"),
    ("debian", "users: [{name: ada, passwd: plain}]"),
    ("debian", "users: [{name: ada, uid: '99999999999'}, {name: eve, inactive: 'x'}]"),
    ("debian", "users: [{name: ada, groups: ['a b']}]"),
    ("debian", "users: [{name: ada, selinux_user: nobody_u}]"),
    ("debian", "users: {ada: {sudo: ALL}}"),
    ("debian", "users: [{name: ada, sudo: ['rubbish here']}]"),
    ("debian", "groups: {'': [x]}"),
    ("debian", "users: []"),
    ("debian", "users: [bob]"),
    ("debian", "user: {name: root, lock_passwd: true}\nusers: [bob]"),
    ("rocky", "users: [{name: wheel}, {name: rocky, groups: [nope-here]}, {name: ada, primary_group: rocky}]"),
    ("rocky", "users: [default, {name: ada, system: true, uid: 500}, {name: x, no_create_home: true}]"),
    ("debian", "write_files: [{path: /srv/x, content: x, owner: 'nobody-yet:nobody-yet'}]\nruncmd: [[true]]"),
    ("debian", "runcmd: [{a: b}, 5, null]"),
]  # fmt: skip


@pytest.fixture(scope="session")
def packages() -> Path:
    """Where cloud-init's releases are."""
    if not os.environ.get("KWS_CLOUD_INIT") or os.geteuid() != 0:
        pytest.skip("KWS_CLOUD_INIT is not set, or this is not root; run: make test-cloud-init")
    return Path(os.environ["KWS_CLOUD_INIT"])


def boot(folder: Path, packages: Path, login: str, user_data: str) -> dict[str, Any]:
    """A first boot's accounts, as boot.py tells them."""
    (folder / "user-data").write_text(user_data)
    library = packages / "usr/lib/python3/dist-packages"
    command = [sys.executable, str(BOOT), DISTROS[login], login, str(folder / "user-data")]
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", NAMESPACE, str(folder), *command],
        env={**os.environ, "PYTHONPATH": str(library)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("release", RELEASES)
@pytest.mark.parametrize(("login", "text"), TEXTS)
@pytest.mark.parametrize("by_password", [False, True], ids=["key", "password"])
def test_the_owner_gets_in(
    packages: Path, tmp_path: Path, release: str, login: str, text: str, by_password: bool
) -> None:
    try:
        extra = cloud_init.parse_cloud_init(text, login, by_password)
    except UserError:
        extra = yaml_subset.read(text)
    secret = {"public_key": None, "password_hash": PASSWORD_HASH} if by_password else {"public_key": KEY}
    user_data = cloud_init.user_data("r1", "web01", login, extra=extra, **secret)
    told = boot(tmp_path, packages / release, login, user_data)
    end = told["end"]
    assert end, told
    assert end["sudo"] and end["shell"] in ("/bin/bash", "/bin/sh"), told
    if by_password:
        assert end["password"] == PASSWORD_HASH, told
    else:
        assert [line for line in end["keys"] if " ".join(KEY.split()[:2]) in line], told
        assert end["owns_keys"], told
