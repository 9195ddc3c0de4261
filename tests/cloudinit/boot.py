"""What a first boot does to accounts: cloud-init's own modules, the real useradd, then KWS's per-boot script.

Runs as root in a mount namespace of its own, where /etc, /home and /var/lib/cloud are copies (see test_logins).
PYTHONPATH has cloud-init. Arguments: the distribution, the image's default user, the user data's file.
Prints JSON: what each module said, and what the login is after them and after the script.
"""

from __future__ import annotations

import grp
import inspect
import json
import logging
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml
from cloudinit import cloud, distros, helpers  # type: ignore[import-not-found]
from cloudinit.config import (  # type: ignore[import-not-found]
    cc_runcmd,
    cc_set_passwords,
    cc_users_groups,
    cc_write_files,
)

DISTRO, LOGIN, USER_DATA = sys.argv[1:]
SCRIPT = Path("/var/lib/cloud/scripts/per-boot/50-kws-key")
GROUPS = {
    "debian": "adm audio cdrom sudo video",
    "ubuntu": "adm cdrom dip sudo",
    "rocky": "adm systemd-journal",
}


class DataSource:
    """As much of one as these modules ask for."""

    def __init__(self, distro: Any) -> None:
        self.distro = distro
        self.metadata: dict[str, Any] = {}

    def get_public_ssh_keys(self) -> list[str]:
        return []

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def module_says(module: Any, config: Any, whole: Any) -> str:
    """Runs one module as the stage does, which goes on whatever it raises."""
    arguments = [module.__name__, config, whole, logging.getLogger(), []]
    if len(inspect.signature(module.handle).parameters) == 4:  # 23.1 and later
        del arguments[3]
    try:
        module.handle(*arguments)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:200]
    return ""


def login_is() -> dict[str, Any]:
    """What somebody would find who logs in now."""
    try:
        user = pwd.getpwnam(LOGIN)
    except KeyError:
        return {}
    keys = Path(user.pw_dir, ".ssh/authorized_keys")
    shadow = next(
        line.split(":")
        for line in Path("/etc/shadow").read_text().splitlines()
        if line.startswith(f"{LOGIN}:")
    )
    rules = [path.read_text() for path in Path("/etc/sudoers.d").iterdir()]
    return {
        "keys": keys.read_text().splitlines() if keys.exists() else [],
        "owns_keys": keys.exists() and keys.stat().st_uid == user.pw_uid,
        "password": shadow[1],
        "shell": user.pw_shell,
        "sudo": any(f"{LOGIN} ALL=(ALL) NOPASSWD:ALL" in rule for rule in rules),
        "groups": sorted(group.gr_name for group in grp.getgrall() if LOGIN in group.gr_mem),
    }


def main() -> None:
    config = yaml.safe_load(Path(USER_DATA).read_text())
    default = {
        "name": LOGIN, "lock_passwd": True, "gecos": LOGIN, "groups": GROUPS[LOGIN].split(),
        "sudo": ["ALL=(ALL) NOPASSWD:ALL"], "shell": "/bin/bash",
    }  # fmt: skip
    if isinstance(config.get("user"), dict):  # as cloud-init merges it into the image's own
        default |= config["user"]
    system = {"distro": DISTRO, "default_user": default, "paths": {"cloud_dir": "/var/lib/cloud"}}
    paths = helpers.Paths(
        {"cloud_dir": "/var/lib/cloud", "run_dir": "/home/run", "templates_dir": "/etc/cloud"}
    )
    distro = distros.fetch(DISTRO)(DISTRO, system, paths)
    whole = cloud.Cloud(DataSource(distro), paths, config, distro, helpers.Runners(paths))
    said = {
        module.__name__.rpartition("_")[2]: module_says(module, config, whole)
        for module in (cc_write_files, cc_users_groups, cc_set_passwords, cc_runcmd)
    }
    after = login_is()
    done = subprocess.run([str(SCRIPT)], capture_output=True, text=True, check=False)
    print(json.dumps({"said": said, "after": after, "script": done.stdout + done.stderr, "end": login_is()}))


main()
