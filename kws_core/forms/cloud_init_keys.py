"""The keys of a cloud-config: which are taken, with what kind of value, and which are refused, and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from kws_core.errors import ErrorCode, UserError


def by_word(table: Mapping[Any, str]) -> dict[str, Any]:
    """The table turned round: each of the words to its key."""
    return {word: key for key, words in table.items() for word in words.split()}


_NONE = type(None)
KNOWN: dict[str, tuple[type, ...]] = by_word({
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
REFUSED: dict[str, ErrorCode] = by_word({
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
USER_FIELDS: dict[str, tuple[type, ...]] = by_word({
    (list,): "doas ssh_authorized_keys ssh_import_id",
    (bool,): "create_groups lock_passwd no_create_home no_log_init no_user_group system",
    (str,): "expiredate gecos hashed_passwd homedir inactive name passwd primary_group selinux_user shell",
    (list, str): "groups",
    (str, list, bool, _NONE): "sudo",
    (int, str): "uid",
})  # fmt: skip
REPLACED: dict[str, str] = {  # what cloud-init knows of old, and what does the same
    "apt_sources": "apt: {sources: …}",
    "apt_mirror": "apt: {primary: …}",
    "apt_mirror_search": "apt: {primary: …}",
    "apt_proxy": "apt: {proxy: …}",
    "apt_http_proxy": "apt: {http_proxy: …}",
    "apt_https_proxy": "apt: {https_proxy: …}",
    "apt_ftp_proxy": "apt: {ftp_proxy: …}",
    "apt_preserve_sources_list": "apt: {preserve_sources_list: true}",
    "apt_custom_sources_list": "apt: {sources_list: …}",
    "add_apt_repo_match": "apt: {add_apt_repo_match: …}",
    "debconf_selections": "apt: {debconf_selections: …}",
    "apt_dist_upgrade": "package_upgrade: true",
    "dist_upgrade": "package_upgrade: true",
    "snappy": "snap: {commands: […]}",
    "ssh_redirect_user": "ssh_authorized_keys: […]",
    "snapuser": "name: …",
    "ssh-authorized-keys": "ssh_authorized_keys: […]",
    "ssh-import-id": "ssh_import_id: […]",
}
KEY_LISTS = frozenset({"ssh_authorized_keys", "ssh_import_id"})
KIND_WORDS: dict[type, str] = {
    list: "list", dict: "mapping", str: "text", bool: "yes_no", int: "number", float: "number", _NONE: "nothing",
}  # fmt: skip
ACCOUNT = re.compile(r"[a-z_][a-z0-9_-]{0,31}")  # what useradd and groupadd take as a name everywhere


def check_kind(table: Mapping[str, tuple[type, ...]], name: str, value: Any, place: str = "") -> None:
    """Check that ``table`` has the name, and the value is of its kind, as are the texts inside.

    Raises:
        UserError: If the key is unknown, was renamed, or its value is of another kind.
    """
    key = f"{place}{name[:40]}"
    if name not in table and name in REPLACED:
        raise UserError(ErrorCode.CLOUD_INIT_REPLACED, key=key, right=REPLACED[name])
    if name not in table:
        words = get_close_matches(name.lower().replace("-", "_"), table if place else [*KNOWN, *REFUSED], 1)
        raise UserError(ErrorCode.CLOUD_INIT_UNKNOWN, key=key, guess=words[0] if words else None)
    kinds, found = table[name], type(value)
    if not issubclass(found, kinds) or (found is bool and bool not in kinds):
        raise UserError(
            ErrorCode.CLOUD_INIT_KIND, key=key, wanted=KIND_WORDS[kinds[0]], found=KIND_WORDS[found]
        )
    lines = value if place or name in KEY_LISTS else ()
    wrong = isinstance(lines, list) and not all(isinstance(v, str) and v and v.isprintable() for v in lines)
    if wrong or (name == "groups" and not _groups_fit(value)):
        raise UserError(ErrorCode.CLOUD_INIT_VALUE, key=key)


def _groups_fit(groups: Any) -> bool:
    """``a, b`` or ``[a, {b: [member]}]`` or ``{a: [member]}``, every name one that groupadd takes."""
    if isinstance(groups, dict):
        return all(_groups_fit(part) for pair in groups.items() for part in pair)
    if isinstance(groups, list):
        return all(_groups_fit(group) for group in groups)
    return isinstance(groups, str) and all(ACCOUNT.fullmatch(name.strip()) for name in groups.split(","))
