"""The cloud-config that a server is born with: KWS's part and the person's own, merged into one document.

The Jinja2 template gives the fixed text round it; every value goes through the YAML dumper, never
through string pasting, so that nothing a person typed can become YAML, or a template, of its own.

The person's part is checked when the form is sent (``parse_cloud_init``) and merged when the server is made
(``merge`` refuses nothing). It runs as root on the person's own server, so this is no wall: it stops what
would lock the owner out, or hide that the server is ready, and secrets that would rest in our database.

===============================================  ========  ===============================================
Person's key                                     we        because
===============================================  ========  ===============================================
packages, runcmd, apt, … (``KNOWN``)             take it   nothing of ours is there
users                                            merge by  the login before all others, of which a person can
                                                 name      add only to keys, groups, gecos (``join_users``)
ssh_authorized_keys, ssh_import_id               take it   they are the login's
ssh_pwauth, chpasswd, disable_root, user, …      refuse    the form says how its owner gets in
hostname, fqdn, preserve_hostname, …             refuse    the form's name is the host name
ssh_keys, ssh_deletekeys, ssh, output, …         refuse    host keys are the server's own, read off its console
password, plain_text_passwd, rh_subscription     refuse    secrets in plain text
disk_setup, fs_setup, autoinstall, …             refuse    the only disk is the one that the server runs from
system_info, datasource, merge_how, network, …   refuse    cloud-init's own works, and the network
power_state                                      reboot    a server that goes off is never ready
write_files under /home                          deferred  before there are users, root would get the home
write_files of another owner                     defer     before there is that user, it and those behind it fail
write_files at ``boot_script.PATH``              refuse    a new key for a running server comes that way
write_files at /etc/passwd, /etc/group, …        refuse    users are made by ``users``
sshd's settings, firewalls, poweroff, …          tell      they may shut the owner out; ``# keep sshd`` keeps
===============================================  ========  ===============================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from kws_core.errors import ErrorCode, UserError
from kws_core.forms import boot_script, yaml_subset
from kws_core.forms.cloud_init_keys import KEY_LISTS, KIND_WORDS, KNOWN, REFUSED, by_word, check_kind
from kws_core.forms.cloud_init_users import check_account_file, check_users, join_users, with_keys
from kws_core.forms.sshd_settings import KEEP, closed_door, harmful_setting

MAX_USER_DATA = 49_149  # bytes that fit Nova's 65,535 characters of base64
MAX_CLOUD_INIT = 34_000  # bytes of the person's part as we write it: leaves room for ours with any key


_FORMATS = by_word({
    ErrorCode.CLOUD_INIT_TEMPLATE: "##template:",
    ErrorCode.CLOUD_INIT_SCRIPT: "#!",
    ErrorCode.CLOUD_INIT_FORMAT: "#include #cloud-boothook #part-handler #cloud-config- content-type: mime-version:",
})  # fmt: skip

_Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's writes the same in a tenth of the time

_templates = Environment(
    loader=PackageLoader("kws_core.forms"),
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=True,
)


def cloud_config(
    hostname: str, login: str, public_key: str | None, password_hash: str | None = None
) -> dict[str, Any]:
    """KWS's own part: host name, the login with the owner's key or password, what lets in a new key later.

    ``users`` keeps ``default`` so that the image's own user stays as the image means it; cloud-init merges
    an entry of the same name into it, the image's fields first. Images lock that user's password, so ``user``, which
    goes before them, says otherwise: the password is right before the SSH server starts. The hash stands in
    ``chpasswd`` too, which unlocks later, in the old form and the new. ``sudo`` as text suits old schemas.
    The group of the login's name is said twice: so it is made if it is not there, and useradd takes it if it is.
    """
    user: dict[str, Any] = {"name": login, "primary_group": login, "groups": [login], "shell": "/bin/bash"}
    user |= {"sudo": "ALL=(ALL) NOPASSWD:ALL", "lock_passwd": password_hash is None}
    if public_key is not None:
        user["ssh_authorized_keys"] = [public_key]
    config: dict[str, Any] = {"hostname": hostname, "preserve_hostname": False, "users": ["default", user]}
    config |= {"ssh_pwauth": password_hash is not None, "disable_root": True}
    config["bootcmd"] = [boot_script.early()]
    config["write_files"] = [boot_script.entry(hostname, login, public_key, password_hash)]
    if password_hash is not None:
        user["hashed_passwd"] = password_hash
        config["user"] = {"name": login, "lock_passwd": False, "hashed_passwd": password_hash}
        del user["groups"]  # beside ``user`` they would take the place of the image's
        entry = {"name": login, "password": password_hash, "type": "hash"}
        old = f"{login}:{password_hash}"  # what cloud-init before 22.2 reads, as Debian 11 has it
        config["chpasswd"] = {"expire": False, "users": [entry], "list": [old]}
    return config


def user_data(
    rental_id: str, hostname: str, login: str, public_key: str | None = None, *,
    password_hash: str | None = None, extra: Mapping[str, Any] | None = None, old_keys: Sequence[str] = (),
) -> str:  # fmt: skip
    """The whole document for Nova, not base64. ``extra`` made by ``parse_cloud_init`` always fits in.

    ``old_keys``: comments of KWS's keys that the disk brings with it, and that open nothing any longer.
    """
    ours = cloud_config(hostname, login, public_key, password_hash)
    if old_keys:
        ours["bootcmd"] = [boot_script.forget(old_keys), *ours["bootcmd"]]
    config = merge(ours, extra or {})
    document = _templates.get_template("user-data.yaml.j2").render(rental_id=rental_id, body=_dump(config))
    _check_size(document, MAX_USER_DATA)
    return document


def merge(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """One cloud-config of two, by the table above: lists append (ours first), mappings merge, ours wins.

    What ``parse_cloud_init`` refuses does not get through, even if ``theirs`` never went through it.
    """
    joined = _joined(ours, {key: value for key, value in theirs.items() if key not in REFUSED})
    if joined["users"][0] != "default":  # whose they would be
        joined["users"] = [with_keys(joined["users"][0], theirs), *joined["users"][1:]]
        joined = {key: value for key, value in joined.items() if key not in KEY_LISTS}
        joined.pop("user", None)  # nothing of the image's is merged in, and with it the login would come last
    joined["write_files"] = [_deferred(entry) for entry in joined["write_files"]]
    groups = joined.get("groups")
    if isinstance(groups, str):  # cloud-init keeps the spaces, and groupadd takes none
        joined["groups"] = [name.strip() for name in groups.split(",")]
    return joined


def _deferred(entry: Any) -> Any:
    """A file of another owner than root is written when users and packages are made, or it stops those behind it."""
    owner = entry.get("owner") if isinstance(entry, Mapping) else None
    if not isinstance(owner, str) or not set(owner.split(":")) - {"root", ""} or "defer" in entry:
        return entry
    return {**entry, "defer": True}


def _joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(ours)
    for key, value in theirs.items():
        mine = joined.get(key)
        if key not in joined:
            joined[key] = value
        elif key == "users":
            joined[key] = join_users(
                ours[key], value if isinstance(value, list) else [], theirs.get("groups")
            )
        elif isinstance(mine, list) and isinstance(value, list):
            joined[key] = mine + [
                entry for entry in value if entry not in mine and not boot_script.is_ours(entry)
            ]
    return joined


def _dump(config: Mapping[str, Any]) -> str:
    return yaml.dump(json.loads(json.dumps(config)), Dumper=_Dumper, sort_keys=False, width=4096)


def parse_cloud_init(text: str, login: str = "", by_password: bool = False) -> dict[str, Any]:
    """Check a person's cloud-config for a server of that login; empty for an empty text.

    UserError tells the first mistake.

    The result is plain JSON. Dates stay text, tags and aliases are refused, and so is a key said twice.

    Raises:
        UserError: With the first mistake, or the first key that KWS doesn't allow.
    """
    text = text.removeprefix("\ufeff")
    _check_size(text, MAX_CLOUD_INIT)
    _check_format(text)
    config = yaml_subset.read(text)
    if not isinstance(config, dict):
        raise UserError(ErrorCode.CLOUD_INIT_MAPPING, found=KIND_WORDS[type(config)])
    for key, value in config.items():
        if key in REFUSED:
            raise UserError(REFUSED[key], key=key)
        check_kind(KNOWN, key, value)
    check_users(config.get("users", []), login)
    _check_entries(config)
    if not KEEP.search(text):
        _check_door(config, login, by_password)
    _check_size(_dump(config), MAX_CLOUD_INIT)
    return config


def _check_door(config: Mapping[str, Any], login: str, by_password: bool) -> None:
    if setting := harmful_setting(config, login, by_password):
        raise UserError(ErrorCode.CLOUD_INIT_SSHD, setting=setting)
    if what := closed_door(config, login):
        raise UserError(ErrorCode.CLOUD_INIT_DOOR, what=what)


def _check_size(text: str, limit: int) -> None:
    size = len(text.encode(errors="replace"))
    if size > limit:
        raise UserError(ErrorCode.CLOUD_INIT_LONG, size=size, limit=limit)


def _check_format(text: str) -> None:
    """cloud-init knows by the first line what it is given; only ``#cloud-config``, or none, is for us."""
    first = next((line.strip().lower() for line in text.splitlines() if line.strip()), "")
    for start, code in _FORMATS.items():
        if first.replace(" ", "").startswith(start):
            raise UserError(code, first=first[:60])


def _check_entries(config: Mapping[str, Any]) -> None:
    """``- echo a: b`` without quotes is a mapping, and one of those makes cloud-init run none at all."""
    mode = config.get("power_state", {"mode": "reboot"}).get("mode")
    if mode != "reboot":
        raise UserError(ErrorCode.CLOUD_INIT_POWER, mode=str(mode)[:40])
    for key in ("bootcmd", "runcmd"):
        for number, command in enumerate(config.get(key, []), 1):
            numbers = (str, int, float) if isinstance(command, list) else (str,)
            words = command if isinstance(command, list) else [command]
            if not all(isinstance(word, numbers) and not isinstance(word, bool) for word in words):
                raise UserError(ErrorCode.CLOUD_INIT_COMMAND, key=key, number=number)
    for number, entry in enumerate(config.get("write_files", []), 1):
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str) or not path.startswith("/"):
            raise UserError(ErrorCode.CLOUD_INIT_FILE, number=number)
        if boot_script.is_ours(entry):
            raise UserError(ErrorCode.CLOUD_INIT_PATH, path=path[:80])
        check_account_file(path)
        if not isinstance(entry.get("owner", ""), str):
            raise UserError(ErrorCode.CLOUD_INIT_OWNER, path=path[:80])
        if not isinstance(entry.get("content", ""), str):
            raise UserError(ErrorCode.CLOUD_INIT_CONTENT, path=path[:80])
        if path.startswith("/home/") and entry.get("defer") is not True:
            raise UserError(ErrorCode.CLOUD_INIT_DEFER, path=path[:80])
