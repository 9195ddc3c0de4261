"""What a cloud-config writes into sshd's settings, or runs, that would make the ssh command on the card fail."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from typing import Any

KEEP = re.compile(r"(?im)^\s*#\s*keep sshd\s*$")  # the person's word that they mean it
_SETTING = re.compile(
    r"(?i)(?<![#\w])(Port|ListenAddress|AllowUsers|DenyUsers|AllowGroups|DenyGroups|AuthorizedKeysFile"
    r"|PasswordAuthentication|PubkeyAuthentication|AuthenticationMethods)(?:[ \t]*=[ \t]*|\\?[ \t]+)([^\n\r'\"|/>;&]+)"
)


def harmful_setting(config: Mapping[str, Any], login: str, by_password: bool) -> str:
    """The first setting that may shut the login out, as it is written; empty when there is none."""
    found = [pair for text in _texts(config) for pair in _SETTING.findall(text)]
    found = [(name, value) for name, value in found if not re.match(r"[.*\\\[(]", value)]  # a pattern of sed
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


def closed_door(config: Mapping[str, Any], login: str) -> str:
    """The first command or file that may leave nobody a way in, as it is written; empty when there is none."""
    commands = [line for text in _commands(config) for line in re.split(r"\n|;|&&", text)]
    allowed = any(_ALLOWS.search(line) for line in commands)
    for line in commands:
        closes = any(door.search(line) for door in _DOORS) or (not allowed and _FIREWALL.search(line))
        if closes or re.search(_OF_LOGIN.format(login=re.escape(login or "\0")), line):
            return line.strip()[:60]
    for entry in config.get("write_files", []):
        if entry.get("path") in _DENIALS and re.search(r"(?im)^\s*(?!#)\S*(sshd|ALL)\b", _content(entry)):
            return str(entry["path"])
    return ""


_FIREWALL = re.compile(r"\bufw\b.*\benable\b|\bip6?tables\b.*(?:-P|--policy)\s+INPUT\s+(?:DROP|REJECT)")
_ALLOWS = re.compile(
    r"(?i)\bufw\b.*\b(?:allow|limit)\b.*\b(?:22(?:/tcp)?|ssh|openssh)\b|--dports?\s+\S*\b(?:22|ssh)\b.*\bACCEPT\b"
)
_DOORS = (
    re.compile(r"\bsystemctl\b.*\b(?:disable|stop|mask)\b.*\bsshd?(?:\.service)?(?:\s|$)"),
    re.compile(r"\bservice\s+sshd?\s+stop\b"),
    re.compile(
        r"\b(?:apt|apt-get|dnf|yum|zypper|apk)\b.*\b(?:remove|purge|erase|del|autoremove)\b.*\bopenssh(?:-server)?\b"
    ),
    re.compile(r"(?:^|\s|/)(?:poweroff|halt)(?:\s|$)|\binit\s+0\b|\bshutdown\b(?!.*(?:-r|--reboot|-c)\b)"),
)
_OF_LOGIN = (
    r"\b(?:userdel|deluser)\b.*\s{login}(?:\s|$)|\bpasswd\s+(?:-l|--lock|-d)\s+{login}(?:\s|$)"
    r"|\busermod\b.*(?:-L|--lock|-s\s+\S*(?:nologin|false))\b.*\s{login}(?:\s|$)"
    r"|\brm\s+-\w*[rR]\w*\b.*\s/home(?:/{login}(?:/\.ssh)?)?/?(?:\s|$)"
)
_DENIALS = ("/etc/hosts.deny", "/etc/security/access.conf")


def _content(entry: Mapping[str, Any]) -> str:
    """What is written, also when it is given in base64."""
    content = entry.get("content")
    if not isinstance(content, str):
        return ""
    if str(entry.get("encoding", "")).lower() not in ("b64", "base64"):
        return content
    try:
        return base64.b64decode(content).decode(errors="replace")
    except ValueError:
        return ""


def _commands(config: Mapping[str, Any]) -> Iterable[str]:
    for key in ("bootcmd", "runcmd"):
        for command in config.get(key, []):
            yield " ".join(map(str, command)) if isinstance(command, list) else str(command)


def _texts(config: Mapping[str, Any]) -> Iterable[str]:
    for entry in config.get("write_files", []):
        yield _content(entry) if "sshd_config" in str(entry.get("path")) else ""
    for text in _commands(config):
        yield text if "sshd_config" in text else ""
