"""The users of a cloud-config: which of them can be made, and how they leave the login alone.

cloud-init makes the groups, then the users in their order, but the image's default user last, and it stops at
the first that ``useradd`` refuses. So the login stands before all others, each user's group may be there
already, and what ``useradd`` is known to refuse is refused at its field.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

from kws_core.errors import ErrorCode, UserError
from kws_core.forms.cloud_init_keys import ACCOUNT, KEY_LISTS, USER_FIELDS, check_kind

LEAST_UID, MOST_UID = 1001, 60_000  # below are the image's and the login's own, above useradd's range ends
_LOGS = "adm"  # there on every image, its members may read logs
_OWNERS_FIELDS = KEY_LISTS | {"gecos", "groups", "primary_group"}  # what a person may say of the login itself
_SAME = frozenset(
    {"name", "sudo", "lock_passwd", "create_groups", "no_log_init"}
)  # KWS's own value does as well
_CRYPT = re.compile(r"\$[0-9a-z]+\$[^\s:]+|[!*]+")
_RULE = re.compile(r"[^\s=]+( *, *[^\s=]+)* *=.*\S")  # of sudoers, behind the user: hosts = commands
_ACCOUNT_FILES = frozenset(
    f"/etc/{name}{end}" for name in ("passwd", "shadow", "group", "gshadow") for end in ("", "-", ".lock")
) | {"/etc/login.defs", "/etc/default/useradd", "/etc/nologin", "/run/nologin", "/var/run/nologin", "/etc/.pwd.lock"}  # fmt: skip


def check_users(users: Iterable[Any], login: str) -> None:
    """Check that useradd would create each user, and that none changes the login.

    Raises:
        UserError: For the first user with a missing or invalid name, a taken UID, or keys without a home.
    """
    names: set[str] = {"default", "root"}
    uids: set[int] = set()
    for number, entry in enumerate(users, 1):
        if entry == "default":
            continue
        fields = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(fields, dict) or "name" not in fields:
            raise UserError(ErrorCode.CLOUD_INIT_USER_NAMELESS, number=number)
        name = fields["name"]
        if not isinstance(name, str) or not ACCOUNT.fullmatch(name) or name in names:
            raise UserError(ErrorCode.CLOUD_INIT_USER_NAME, name=str(name)[:40])
        names.add(name)
        for field, value in fields.items():
            _check_field(name, field, value, login)
        if (fields.get("system") or fields.get("no_create_home")) and not KEY_LISTS.isdisjoint(fields):
            raise UserError(ErrorCode.CLOUD_INIT_USER_HOME, user=name)
        if (uid := int(fields.get("uid", 0))) in uids:
            raise UserError(
                ErrorCode.CLOUD_INIT_USER_UID, key=f"users.{name}.uid", least=LEAST_UID, most=MOST_UID
            )
        uids |= {uid} - {0}


def check_account_file(path: str) -> None:
    """Check that a file at that path doesn't replace the server's own list of users.

    Raises:
        UserError: If it does.
    """
    if posixpath.normpath(f"/{path.lstrip('/')}") in _ACCOUNT_FILES:
        raise UserError(ErrorCode.CLOUD_INIT_ACCOUNT_FILE, path=path[:80])


def _check_field(user: str, field: str, value: Any, login: str) -> None:
    key = f"users.{user}.{field[:40]}"
    hashed = field in ("passwd", "hashed_passwd") and _CRYPT.fullmatch(str(value))
    if field.endswith("passwd") and not field.startswith("lock") and not hashed:
        raise UserError(ErrorCode.CLOUD_INIT_SECRET, key=key)
    check_kind(USER_FIELDS, field, value, f"users.{user}.")
    if isinstance(value, str) and not (value.isprintable() and (":" not in value or field == "sudo")):
        raise UserError(ErrorCode.CLOUD_INIT_VALUE, key=key)
    if user == login and field in _SAME:
        return
    if user == login and field not in _OWNERS_FIELDS and (field, value) != ("shell", "/bin/bash"):
        raise UserError(ErrorCode.CLOUD_INIT_USER_LOGIN, key=key, login=login)
    code, fits = _USERADD.get(field, (None, None))
    if code and fits and not fits(value):
        raise UserError(code, key=key, least=LEAST_UID, most=MOST_UID)


def _is_path(value: Any) -> bool:
    return bool(re.fullmatch(r"/(?!dev/|proc/|sys/)[^:\n]*", value)) and ".." not in value.split("/")


def _is_day(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value and value >= "1970-01-02"
    except ValueError:
        return False


def _is_uid(value: Any) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{0,5}", str(value))) and LEAST_UID <= int(value) <= MOST_UID


def _are_rules(value: object) -> bool:
    rules = value if isinstance(value, list) else [value]
    return value in (None, False) or all(_RULE.fullmatch(str(rule)) for rule in rules)


# What useradd asks of a value; as its messages stand in a log that nobody reads, they are told here.
_USERADD: Mapping[str, tuple[ErrorCode, Callable[[Any], bool]]] = {
    "shell": (ErrorCode.CLOUD_INIT_USER_PATH, _is_path),
    "homedir": (ErrorCode.CLOUD_INIT_USER_PATH, _is_path),
    "expiredate": (ErrorCode.CLOUD_INIT_USER_DAY, _is_day),
    "inactive": (ErrorCode.CLOUD_INIT_USER_DAYS, lambda value: bool(re.fullmatch("-1|[0-9]{1,5}", value))),
    "uid": (ErrorCode.CLOUD_INIT_USER_UID, _is_uid),
    "primary_group": (ErrorCode.CLOUD_INIT_VALUE, lambda value: bool(ACCOUNT.fullmatch(value))),
    "sudo": (ErrorCode.CLOUD_INIT_USER_SUDO, _are_rules),
    # only with SELinux in the kernel; and whether a group is in the image nobody knows here
    "selinux_user": (ErrorCode.CLOUD_INIT_USER_FIELD, lambda value: False),
    "create_groups": (ErrorCode.CLOUD_INIT_USER_FIELD, lambda value: value is True),
}


def join_users(ours: list[Any], theirs: list[Any], groups: Any) -> list[Any]:
    """``default`` and the login; with other users the login, by its name alone, and then them.

    Without ``default`` the login has no group of the image's choice, so it gets the one that reads logs. Users
    with a number of their own come before those whose number useradd chooses, so that none is taken.
    ``groups`` is what the person has under that key.
    """
    login, others = dict(ours[-1]), []
    for entry in theirs:
        name = _name_of(entry)
        if name == login["name"]:
            login = _with(login, entry) if isinstance(entry, dict) else login
        elif name != "default":
            others.append(entry)
    if not others:
        return [*ours[:-1], login]
    login["groups"] = list(dict.fromkeys([*login.get("groups", ()), _LOGS]))
    made = set(_names(groups))
    made.update(name for entry in others if isinstance(entry, dict) for name in _names(entry.get("groups")))
    others = [_with_own_group(entry, made) for entry in others]
    return [login, *sorted(others, key=lambda entry: not (isinstance(entry, dict) and "uid" in entry))]


def _name_of(entry: Any) -> str:
    """The name of a ``users`` entry; cloud-init takes one without a name for the default user."""
    return str(entry.get("name", "default") if isinstance(entry, dict) else entry)


def _with(login: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The login with what its owner may say of it: lists append, ours first."""
    joined = dict(login)
    gecos, group = theirs.get("gecos"), theirs.get("primary_group")
    if isinstance(gecos, str) and gecos.isprintable() and ":" not in gecos:
        joined["gecos"] = gecos
    if _names(group) == [group]:
        joined["primary_group"] = group
    groups = [*login.get("groups", ()), *_names(theirs.get("groups")), *_names(group)]
    if groups:
        joined["groups"] = list(dict.fromkeys(groups))
    return with_keys(joined, theirs)


def with_keys(login: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    """The login with their keys behind its own."""
    joined = dict(login)
    for key in sorted(KEY_LISTS & theirs.keys()):
        mine, more = login.get(key, []), theirs[key]
        joined[key] = mine + [line for line in more if line not in mine] if isinstance(more, list) else mine
    return joined


def _with_own_group(entry: Any, groups: set[str]) -> Any:
    """The user so that their primary group may be there before them, and is made if it is not.

    A group in ``groups`` is made by cloud-init, but ``primary_group`` alone is not; and without one useradd
    refuses a user whose name a group has. A user with a number of their own has it for the group too.
    """
    fields = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(fields, dict) or ("primary_group" not in fields and fields.get("no_user_group")):
        return entry
    name = str(fields.get("name"))
    if "primary_group" not in fields and "uid" in fields and name not in groups:
        return entry
    group = str(fields.get("primary_group", name))
    more = list(dict.fromkeys([*_names(fields.get("groups")), group]))
    return {**fields, "primary_group": group, "groups": more}


def _names(groups: Any) -> list[str]:
    """The names in ``a, b`` or ``[a, {b: [member]}]`` or ``{a: [member]}``."""
    if isinstance(groups, str):
        return [name.strip() for name in groups.split(",") if ACCOUNT.fullmatch(name.strip())]
    if isinstance(groups, dict):
        return [name for group in groups for name in _names(group)]
    return [name for group in groups for name in _names(group)] if isinstance(groups, list) else []
