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
users                                            merge by  ours first: ``default`` (without it the image's
                                                 name      user goes), then the login, of which a person can
                                                           add only to keys, ssh_import_id, groups, gecos
ssh_authorized_keys                              take it   cloud-init gives them to the image's user
ssh_pwauth, chpasswd, disable_root, user, …      refuse    the form says how its owner gets in
hostname, fqdn, preserve_hostname, …             refuse    the form's name is the host name
ssh_keys, ssh_deletekeys, ssh, output, …         refuse    host keys are the server's own, read off its console
password, plain_text_passwd, rh_subscription     refuse    secrets in plain text
disk_setup, fs_setup, autoinstall, …             refuse    the only disk is the one that the server runs from
system_info, datasource, merge_how, network, …   refuse    cloud-init's own works, and the network
power_state                                      reboot    a server that goes off is never ready
write_files under /home                          deferred  before there are users, root would get the home
write_files at ``boot_script.PATH``                refuse    a new key for a running server comes that way
===============================================  ========  ===============================================
"""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from kws_core.errors import ErrorCode, UserError
from kws_core.forms import boot_script, yaml_subset

MAX_USER_DATA = 49_149  # bytes that fit Nova's 65,535 characters of base64
MAX_CLOUD_INIT = 40_000  # bytes of the person's part as we write it: leaves room for ours with any key
SCHEMA_FILE = Path("/usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json")


def _by_word(table: Mapping[Any, str]) -> dict[str, Any]:
    return {word: key for key, words in table.items() for word in words.split()}


_NONE = type(None)
KNOWN: dict[str, tuple[type, ...]] = _by_word({
    (list,): "bootcmd mount_default_fields mounts packages runcmd ssh_authorized_keys ssh_import_id users write_files",
    (bool,): """apt_reboot_if_required apt_update apt_upgrade no_ssh_fingerprints package_reboot_if_required
        package_update package_upgrade""",
    (str,): "authkey_hash byobu_by_default final_message locale_configfile timezone yum_repo_dir",
    (dict,): """ansible apk_repos apt ca-certs ca_certs chef drivers fan growpart grub-dpkg grub_dpkg keyboard
        landscape lxd mcollective phone_home power_state puppet random_seed rpi rsyslog salt_minion snap spacewalk swap
        ubuntu_advantage ubuntu_pro yum_repos zypper""",
    (dict, _NONE): "ntp wireguard",
    (str, bool): "locale manage_etc_hosts resize_rootfs",
    (str, bool, int): "apt_pipelining",
    (list, dict, str): "groups",
})  # fmt: skip
REFUSED: dict[str, ErrorCode] = _by_word({
    ErrorCode.CLOUD_INIT_ACCESS: "allow_public_ssh_keys chpasswd disable_root disable_root_opts ssh_pwauth user",
    ErrorCode.CLOUD_INIT_NAME: "create_hostname_file fqdn hostname prefer_fqdn_over_hostname preserve_hostname",
    ErrorCode.CLOUD_INIT_HOST_KEYS: """output ssh ssh_deletekeys ssh_fp_console_blacklist ssh_genkeytypes
        ssh_key_console_blacklist ssh_keys ssh_publish_hostkeys ssh_quiet_keygen""",
    ErrorCode.CLOUD_INIT_SECRET: "password rh_subscription",
    ErrorCode.CLOUD_INIT_DISK: "autoinstall device_aliases disk_setup fs_setup",
    ErrorCode.CLOUD_INIT_MACHINERY: """cloud_config_modules cloud_final_modules cloud_init_modules datasource
        datasource_list disable_ec2_metadata launch-index manage_resolv_conf merge_how merge_type migrate
        network reporting resolv_conf system_info updates vendor_data version""",
})  # fmt: skip
_USER_FIELDS: dict[str, tuple[type, ...]] = _by_word({
    (list,): "doas ssh_authorized_keys ssh_import_id",
    (bool,): "create_groups lock_passwd no_create_home no_log_init no_user_group system",
    (str,): "expiredate gecos hashed_passwd homedir inactive name passwd primary_group selinux_user shell",
    (list, str): "groups",
    (str, list, bool, _NONE): "sudo",
    (int, str): "uid",
})  # fmt: skip
_KEYS = frozenset({"ssh_authorized_keys", "ssh_import_id"})
_KIND_WORDS: dict[type, str] = {
    list: "list", dict: "mapping", str: "text", bool: "yes_no", int: "number", float: "number", _NONE: "nothing",
}  # fmt: skip
_OWNERS_FIELDS = _KEYS | {"gecos", "groups"}  # what a person may say of the login itself
_LOGIN = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # of users and groups
_CRYPT = re.compile(r"\$[0-9a-z]+\$[^\s:]+|[!*]+")
_FORMATS = _by_word({
    ErrorCode.CLOUD_INIT_TEMPLATE: "##template:",
    ErrorCode.CLOUD_INIT_SCRIPT: "#!",
    ErrorCode.CLOUD_INIT_FORMAT: "#include #cloud-boothook #part-handler #cloud-config- content-type: mime-version:",
})  # fmt: skip

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
    an entry of the same name into it, the image's fields first. Images lock that user's password, so the
    hash stands in ``chpasswd`` too, which unlocks (cloud-init 22.2 on). ``sudo`` as text suits old schemas.
    """
    user: dict[str, Any] = {"name": login, "shell": "/bin/bash", "sudo": "ALL=(ALL) NOPASSWD:ALL"}
    user["lock_passwd"] = password_hash is None
    if public_key is not None:
        user["ssh_authorized_keys"] = [public_key]
    config: dict[str, Any] = {"hostname": hostname, "preserve_hostname": False, "users": ["default", user]}
    config |= {"ssh_pwauth": password_hash is not None, "disable_root": True}
    config["write_files"] = [boot_script.entry(hostname, login)]
    if password_hash is not None:
        user["hashed_passwd"] = password_hash
        entry = {"name": login, "password": password_hash, "type": "hash"}
        config["chpasswd"] = {"expire": False, "users": [entry]}
    return config


def user_data(
    rental_id: str, hostname: str, login: str, public_key: str | None = None, *,
    password_hash: str | None = None, extra: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """The whole document for Nova, not base64. ``extra`` made by ``parse_cloud_init`` always fits in."""
    config = merge(cloud_config(hostname, login, public_key, password_hash), extra or {})
    document = _templates.get_template("user-data.yaml.j2").render(rental_id=rental_id, body=_dump(config))
    _check_size(document, MAX_USER_DATA)
    return document


def merge(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """One cloud-config of two, by the table above: lists append (ours first), mappings merge, ours wins.

    What ``parse_cloud_init`` refuses does not get through, even if ``theirs`` never went through it.
    """
    return _joined(ours, {key: value for key, value in theirs.items() if key not in REFUSED})


def _joined(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    joined = dict(ours)
    for key, value in theirs.items():
        mine = joined.get(key)
        if key not in joined:
            joined[key] = value
        elif isinstance(mine, dict) and isinstance(value, dict):
            joined[key] = _joined(mine, value)
        elif isinstance(mine, list) and isinstance(value, list):
            more = [entry for entry in value if entry not in mine and not boot_script.is_ours(entry)]
            joined[key] = _joined_users(mine, value) if key == "users" else mine + more
    return joined


def _joined_users(ours: list[Any], theirs: list[Any]) -> list[Any]:
    """Ours first; an entry with the name of one of ours adds what it may to it, and stands nowhere else."""
    joined, others = {_name_of(entry): entry for entry in ours}, []
    for entry in theirs:
        mine = joined.get(name := _name_of(entry))
        if mine is None:
            others.append(entry)
        elif isinstance(mine, dict) and isinstance(entry, dict):
            added = {key: value for key, value in entry.items() if key in _OWNERS_FIELDS}
            joined[name] = _joined(mine, added)
    return [*joined.values(), *others]


def _name_of(entry: Any) -> str:
    """The name of a ``users`` entry; cloud-init takes one without a name for the default user."""
    return str(entry.get("name", "default") if isinstance(entry, dict) else entry)


def _dump(config: Mapping[str, Any]) -> str:
    return yaml.safe_dump(json.loads(json.dumps(config)), sort_keys=False, width=4096)


def parse_cloud_init(text: str) -> dict[str, Any]:
    """The person's cloud-config, checked; empty for an empty text. UserError tells the first mistake.

    The result is plain JSON. Dates stay text, tags and aliases are refused, and so is a key said twice.
    """
    text = text.removeprefix("\ufeff")
    _check_size(text, MAX_CLOUD_INIT)
    _check_format(text)
    config = yaml_subset.read(text)
    if not isinstance(config, dict):
        raise UserError(ErrorCode.CLOUD_INIT_MAPPING, found=_KIND_WORDS[type(config)])
    for key, value in config.items():
        if key in REFUSED:
            raise UserError(REFUSED[key], key=key)
        _check_kind(KNOWN, key, value)
    _check_users(config.get("users", []))
    _check_entries(config)
    _check_schema(config)
    _check_size(_dump(config), MAX_CLOUD_INIT)
    return config


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


def _check_kind(table: Mapping[str, tuple[type, ...]], name: str, value: Any, place: str = "") -> None:
    """That ``table`` has the name, and the value is of its kind, as are the texts inside."""
    key = f"{place}{name[:40]}"
    if name not in table:
        words = get_close_matches(name.lower().replace("-", "_"), table if place else [*KNOWN, *REFUSED], 1)
        raise UserError(ErrorCode.CLOUD_INIT_UNKNOWN, key=key, guess=words[0] if words else None)
    kinds, found = table[name], type(value)
    if not issubclass(found, kinds) or (found is bool and bool not in kinds):
        raise UserError(
            ErrorCode.CLOUD_INIT_KIND, key=key, wanted=_KIND_WORDS[kinds[0]], found=_KIND_WORDS[found]
        )
    lines = value if place or name in _KEYS else ()
    wrong = isinstance(lines, list) and not all(isinstance(v, str) and v and v.isprintable() for v in lines)
    if wrong or (name == "groups" and not _groups_fit(value)):
        raise UserError(ErrorCode.CLOUD_INIT_VALUE, key=key)


def _check_users(users: list[Any]) -> None:
    """Each a user that useradd will make: one that it won't stops cloud-init before it comes to the login."""
    names = {"default", "root"}
    for entry in (entry for entry in users if entry != "default"):
        fields = {"name": entry} if isinstance(entry, str) else entry
        name = fields.get("name") if isinstance(fields, dict) else None
        if not isinstance(name, str) or not _LOGIN.fullmatch(name) or name in names:
            raise UserError(ErrorCode.CLOUD_INIT_USER_NAME, name=str(name)[:40])
        names.add(name)
        for field, value in fields.items():
            key = f"users.{name}.{field[:40]}"
            hashed = field in ("passwd", "hashed_passwd") and _CRYPT.fullmatch(str(value))
            if field.endswith("passwd") and not field.startswith("lock") and not hashed:
                raise UserError(ErrorCode.CLOUD_INIT_SECRET, key=key)
            _check_kind(_USER_FIELDS, field, value, f"users.{name}.")
            if isinstance(value, str) and not (value.isprintable() and (":" not in value or field == "sudo")):
                raise UserError(ErrorCode.CLOUD_INIT_VALUE, key=key)
        if (fields.get("system") or fields.get("no_create_home")) and not _KEYS.isdisjoint(fields):
            raise UserError(ErrorCode.CLOUD_INIT_USER_HOME, user=name)


def _groups_fit(groups: Any) -> bool:
    """``a, b`` or ``[a, {b: [member]}]`` or ``{a: [member]}``, every name one that groupadd takes."""
    if isinstance(groups, dict):
        return all(_groups_fit(part) for pair in groups.items() for part in pair)
    if isinstance(groups, list):
        return all(_groups_fit(group) for group in groups)
    return isinstance(groups, str) and all(_LOGIN.fullmatch(name.strip()) for name in groups.split(","))


def _check_entries(config: Mapping[str, Any]) -> None:
    """``- echo a: b`` without quotes is a mapping, and one of those makes cloud-init run none at all."""
    mode = config.get("power_state", {"mode": "reboot"}).get("mode")
    if mode != "reboot":
        raise UserError(ErrorCode.CLOUD_INIT_POWER, mode=str(mode)[:40])
    for key in ("bootcmd", "runcmd"):
        for number, command in enumerate(config.get(key, []), 1):
            words = command if isinstance(command, list) else [command]
            if not all(isinstance(word, str | int | float) for word in words):
                raise UserError(ErrorCode.CLOUD_INIT_COMMAND, key=key, number=number)
    for number, entry in enumerate(config.get("write_files", []), 1):
        path = entry.get("path") if isinstance(entry, dict) else None
        if not isinstance(path, str) or not path.startswith("/"):
            raise UserError(ErrorCode.CLOUD_INIT_FILE, number=number)
        if boot_script.is_ours(entry):
            raise UserError(ErrorCode.CLOUD_INIT_PATH, path=path[:80])
        if path.startswith("/home/") and entry.get("defer") is not True:
            raise UserError(ErrorCode.CLOUD_INIT_DEFER, path=path[:80])


@functools.cache
def _validator() -> Any:
    """cloud-init's own schema, where this machine has it and jsonschema; else None."""
    try:
        return importlib.import_module("jsonschema").Draft4Validator(json.loads(SCHEMA_FILE.read_text()))
    except (ImportError, OSError, ValueError):
        return None


def _check_schema(config: Mapping[str, Any]) -> None:
    """Without ``sudo``: old schemas refuse its list, which every cloud-init takes; we have looked at it."""
    plain = json.loads(json.dumps(config))
    for user in plain.get("users", []):
        user.pop("sudo", None) if isinstance(user, dict) else None
    for error in _validator().iter_errors(plain) if _validator() else ():
        where = ".".join(str(step) for step in error.absolute_path)
        raise UserError(ErrorCode.CLOUD_INIT_SCHEMA, key=where[:80], problem=str(error.message)[:200])
