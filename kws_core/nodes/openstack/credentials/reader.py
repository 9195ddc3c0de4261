"""Which credentials file counts, and whether the nodes of nodes.toml can log in with what it says."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from kws_core.errors import ConfigError
from kws_core.nodes.openstack.credentials.clouds_file import CloudsFile
from kws_core.nodes.openstack.credentials.entry import entry_problem

if TYPE_CHECKING:
    from openstack.config import OpenStackConfig

CONFIG_FILE_VARIABLE = "OS_CLIENT_CONFIG_FILE"

_SDK_ENTRY = "defaults"  # what the SDK adds to a file without entries
IMPORTS = Lock()  # two threads that import openstack for the first time trip over each other


def read_clouds() -> OpenStackConfig:
    """Read the file that $OS_CLIENT_CONFIG_FILE names, or the first clouds.yaml of the usual search path.

    ConfigError when it is there, or is named, and can't be read: no other takes its place. No other OS_*
    variable counts.

    Raises:
        ConfigError: If it can't be read, or openstacksdk doesn't accept it.
    """
    with IMPORTS:
        from openstack.config import OpenStackConfig, loader

    named = os.environ.get(CONFIG_FILE_VARIABLE)
    paths = [named] if named else _first(loader.CONFIG_FILES)
    secure = _first(loader.SECURE_FILES)
    _read_all([*paths, *secure])
    try:
        return OpenStackConfig(config_files=paths, secure_files=secure, load_envvars=False)
    except Exception as error:  # whatever the SDK raises for a section that it did not expect
        place = ", ".join([*paths, *secure]) or "clouds.yaml"
        raise ConfigError([f"{place}: openstacksdk rejects it ({type(error).__name__}: {error})"]) from error


def login_problem(clouds: OpenStackConfig, node: str, cloud: str) -> str:
    """One line on what is wrong with the node's ``cloud``; empty when it can be tried. No network."""
    problem = unknown_cloud(clouds, node, cloud)
    if problem:
        return problem
    try:
        files = _read_all([clouds.config_filename, clouds.secure_config_filename])
    except ConfigError as error:  # it changed since
        return f"nodes.{node}.cloud: {'; '.join(error.problems)}"
    problem = entry_problem(clouds, files, cloud)
    return f"nodes.{node}.cloud: {problem}" if problem else ""


def unknown_cloud(clouds: OpenStackConfig, node: str, cloud: str) -> str:
    """One line when clouds.yaml has no such entry."""
    if not clouds.config_filename:
        return f"nodes.{node}.cloud: no clouds.yaml found for {cloud!r}; create it, or set {CONFIG_FILE_VARIABLE}"
    known = clouds.get_cloud_names()
    if cloud in known:
        return ""
    if cloud in map(str, known):
        return f"nodes.{node}.cloud: quote the entry's name in {clouds.config_filename}: '{cloud}':"
    entries = ", ".join(sorted(str(name) for name in known if name != _SDK_ENTRY)) or "none"
    return f"nodes.{node}.cloud: no entry {cloud!r} in {clouds.config_filename}; it has {entries}"


def stamp(clouds: OpenStackConfig) -> list[tuple[int, int]]:
    """Change when a file that ``clouds`` was read from changes; empty when there was none."""
    found = []
    for path in filter(None, (clouds.config_filename, clouds.secure_config_filename)):
        with suppress(OSError):
            facts = Path(path).stat()
            found.append((facts.st_mtime_ns, facts.st_size))
    return found


def _first(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(path)][:1]


def _read_all(paths: Sequence[str | None]) -> list[CloudsFile]:
    return [CloudsFile(path) for path in paths if path]
