"""What a cloud-config writes into sshd's settings that would make the ssh command on the card fail."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

KEEP = re.compile(r"(?im)^\s*#\s*keep sshd\s*$")  # the person's word that they mean it
_SETTING = re.compile(
    r"(?i)(?<![#\w])(Port|ListenAddress|AllowUsers|DenyUsers|AllowGroups|DenyGroups|AuthorizedKeysFile"
    r"|PasswordAuthentication|PubkeyAuthentication|AuthenticationMethods)(?:[ \t]*=[ \t]*|[ \t]+)([^\n\r'\"|/>;&]+)"
)


def harmful_setting(config: Mapping[str, Any], login: str, by_password: bool) -> str:
    """The first setting that may shut the login out, as it is written; empty when there is none."""
    found = [pair for text in _texts(config) for pair in _SETTING.findall(text)]
    if any(name.lower() == "port" and value.strip() == "22" for name, value in found):
        found = [(name, value) for name, value in found if name.lower() != "port"]
    return next(
        (
            f"{name} {value.strip()}"[:60]
            for name, value in found
            if _shuts_out(name.lower(), value, login, by_password)
        ),
        "",
    )


def _shuts_out(name: str, value: str, login: str, by_password: bool) -> bool:
    words = value.split()
    if name in ("allowusers", "allowgroups"):
        return login not in words and "*" not in words
    if name in ("denyusers", "denygroups"):
        return any(word == login or set("*?!@") & set(word) for word in words)
    if name == "passwordauthentication":
        return by_password and words[:1] == ["no"]
    if name == "pubkeyauthentication":
        return not by_password and words[:1] == ["no"]
    return True


def _texts(config: Mapping[str, Any]) -> Iterable[str]:
    for entry in config.get("write_files", []):
        content = entry.get("content") if "sshd_config" in str(entry.get("path")) else None
        yield content if isinstance(content, str) else ""
    for key in ("bootcmd", "runcmd"):
        for command in config.get(key, []):
            text = " ".join(map(str, command)) if isinstance(command, list) else str(command)
            yield text if "sshd_config" in text else ""
