"""One entry of the credentials file: why it can't be used, in words of the file and not of the SDK's inside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kws_core.nodes.openstack.credentials.clouds_file import CloudsFile

if TYPE_CHECKING:
    from openstack.config import OpenStackConfig
    from openstack.config.cloud_region import CloudRegion

_BESIDE = (  # keys that people put under auth, and that stand beside it
    "verify insecure cacert cert key region_name regions interface endpoint_type identity_api_version auth_type",
    "profile cloud api_timeout volume_api_version compute_api_version image_api_version",
)
_TEXTS = frozenset(
    {"region_name", "username", "password", "project_name", "user_domain_name", "project_domain_name"}
)
_SECRET = re.compile("pass|secret|token|key")
SHORTEST_SECRET = 4  # characters; a shorter one is part of too many words
_BY_PASSWORD = ("password", "v3password", "v2password")


def entry_problem(clouds: OpenStackConfig, files: Sequence[CloudsFile], cloud: str) -> str:
    """Why nobody can log in with that entry, with file and line; "" when it can be tried. No network."""
    place = _Place(files, cloud)
    entry = clouds.cloud_config["clouds"].get(cloud)
    if not isinstance(entry, Mapping):
        return place.says("the entry is empty; add auth: and the other keys, indented below it")
    auth = entry.get("auth", {})
    if not isinstance(auth, Mapping):
        return place.says("auth must have keys below it, such as auth_url", "auth")
    problem = next((one for file in files for one in _twice(file, cloud)), "")
    if problem:
        return problem
    empty = next((str(key) for key, value in auth.items() if value is None), "")
    if empty:
        return place.says(f"{empty} under auth has no value", "auth", empty)
    try:
        region = clouds.get_one(cloud=cloud)
        region.get_session()
    except Exception as error:  # whatever the SDK and its plugins raise for what they did not expect
        return _explained(place, entry, error)
    return next((one for file in files for one in _misread(file, cloud)), "") or _lacking(place, region)


class _Place:
    """Where an entry stands: in the first file that has the key."""

    def __init__(self, files: Sequence[CloudsFile], cloud: str) -> None:
        self._files = files
        self._cloud = cloud

    def says(self, what: str, *keys: str) -> str:
        """``clouds.yaml, line 7, entry 'node1': what``."""
        places = [file.at("clouds", self._cloud, *keys) for file in self._files]
        place = next((one for one in places if ", line " in one), places[0] if places else "")
        return f"{place}, entry {self._cloud!r}: {what}".lstrip(", ")


def _twice(file: CloudsFile, cloud: str) -> Iterator[str]:
    """Keys of which YAML drops the first without an error."""
    for keys in (("clouds",), ("clouds", cloud), ("clouds", cloud, "auth")):
        name = file.twice(*keys)
        if name and (keys != ("clouds",) or name == cloud):
            where = file.at(*keys, name)
            yield f"{where}, entry {cloud!r}: {name} is a duplicate; remove one"


def _misread(file: CloudsFile, cloud: str) -> Iterator[str]:
    """What YAML reads otherwise than it is written."""
    place = _Place([file], cloud)
    for keys in (("auth",), ()):
        for key, text, value in file.scalars("clouds", cloud, *keys):
            if (keys or key in _TEXTS) and value is not None and not _stays(text, value):
                secret = _SECRET.search(key)
                read = f"{key} as another value" if secret else f"{key}: {text} as {_shown(value)}"
                yield place.says(f"YAML reads {read}; quote it", *keys, key)


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _stays(text: str, value: object) -> bool:
    """Whether what arrives is what was written: the SDK makes texts of numbers, so of 7 and of 007 "7"."""
    return isinstance(value, str | int | float) and not isinstance(value, bool) and str(value) == text


def _lacking(place: _Place, region: CloudRegion) -> str:
    """What the SDK would notice only when it logs in."""
    auth: Mapping[str, Any] = region.get_auth_args()
    kind = region.config.get("auth_type") or "password"
    if kind in _BY_PASSWORD and not (auth.get("username") or auth.get("user_id")):
        return place.says("username is missing under auth", "auth")
    if kind in _BY_PASSWORD and not auth.get("password"):
        return place.says("password is missing under auth", "auth")
    url = str(auth.get("auth_url", "http://"))
    if not re.match("https?://", url):
        return place.says("auth_url must begin with http:// or https://", "auth", "auth_url")
    for key in ("cacert", "cert", "key"):
        path = region.config.get(key)
        if path and region.config.get("verify") is not False and not Path(str(path)).expanduser().exists():
            return place.says(f"{key}: no such file: {path}", key)
    return ""


def _explained(place: _Place, entry: Mapping[str, Any], error: Exception) -> str:
    unexpected = re.search(r"unexpected keyword argument '(\w+)'", str(error))
    if isinstance(error, TypeError) and unexpected:
        key = unexpected[1]
        if key in " ".join(_BESIDE).split():
            advice = "move it out of auth, to the same indentation as auth"
        else:
            near = get_close_matches(key, _options(entry), 1)
            advice = f"did you mean {near[0]}?" if near else "remove it"
        return place.says(f"auth has no option {key}: {advice}", "auth", key)
    lacking = [str(option.dest) for option in getattr(error, "options", None) or ()]
    if lacking:
        return place.says(f"{', '.join(lacking)} is missing under auth", "auth")
    if type(error).__name__ == "NoMatchingPlugin":
        return place.says(
            f"unknown auth_type {entry.get('auth_type')}; to log in with a password, remove it", "auth_type"
        )
    words = str(error)
    auth = entry.get("auth") or {}
    for key, value in auth.items() if isinstance(auth, Mapping) else ():
        if len(str(value)) >= SHORTEST_SECRET and _SECRET.search(str(key)):
            words = words.replace(str(value), "***")
    return place.says(f"openstacksdk rejects it ({type(error).__name__}: {words[:200]})")


def _options(entry: Mapping[str, Any]) -> list[str]:
    from keystoneauth1 import loading

    try:
        loader: Any = loading.get_plugin_loader(str(entry.get("auth_type") or "password"))
    except Exception:
        return []
    return [str(option.dest) for option in loader.get_options()]
