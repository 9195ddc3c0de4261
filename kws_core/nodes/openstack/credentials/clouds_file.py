"""One credentials file: its YAML, with the line of each key.

openstacksdk passes over a file that it can't read and takes the next of its search path, which may lead to
another project. Here the file that is named, or else the first that is there, is the one; or it is an error.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from kws_core.errors import ConfigError

_HINTS = (  # a part of PyYAML's words: what to do
    ("mapping values are not allowed", "put each key on its own line, and quote values that contain ': '"),
    ("'\\t'", "indent with spaces, not tabs"),
    ("undefined alias", "quote values that start with *"),
    ("constructor for the tag", "quote values that start with !"),
    ("cannot start any token", "quote values that start with a special character"),
    ("escape character", "use single quotes for values with a backslash"),
    ("expected <block end>", "indent all keys of an entry by the same amount"),
    ("could not find expected ':'", "write each key as KEY: VALUE"),
)


class CloudsFile:
    """What a file says. ConfigError, with its path and line, when it can't be read."""

    def __init__(self, path: str) -> None:
        self.path = path
        text = _text(path)
        self.parsed: Any = _parsed(path, text)
        self._root = _composed(text)
        if not isinstance(self.parsed, dict):
            raise ConfigError(
                [f"{path}: {'is empty' if self.parsed is None else 'has no keys'}; start it with clouds:"]
            )
        if name := self.twice():
            raise ConfigError([f"{self.at(name)}: {name} is a duplicate; remove one"])
        if not isinstance(self.parsed.get("clouds", {}), dict):
            raise ConfigError([f"{self.at('clouds')}: clouds must have an entry for each node below it"])

    def at(self, *keys: str) -> str:
        """``PATH, line 7``: of that key in that key …, or of the innermost that is there."""
        line = 0
        node = self._root
        for key in keys:
            found = [pair for pair in _pairs(node) if _same(pair[0].value, key)]
            if not found:
                break
            line, node = found[-1][0].start_mark.line + 1, found[-1][1]
        return f"{self.path}, line {line}" if line else self.path

    def scalars(self, *keys: str) -> Iterator[tuple[str, str, Any]]:
        """(key, text as it is written, value as YAML reads it) of the mapping there; quoted texts are left out."""
        for key, value in _pairs(self._inner(keys)):
            if isinstance(value, yaml.ScalarNode) and value.style is None:
                yield str(key.value), str(value.value), yaml.SafeLoader("").construct_object(value)

    def twice(self, *keys: str) -> str:
        """A key that the mapping there has twice; "" when there is none."""
        node = self._inner(keys)
        names = [str(key.value) for key, _ in _own_pairs(node) if key.value != "<<"]
        return next((name for name in names if names.count(name) > 1), "")

    def _inner(self, keys: Sequence[str]) -> yaml.Node | None:
        node = self._root
        for key in keys:
            found = [value for one, value in _pairs(node) if _same(one.value, key)]
            node = found[-1] if found else None
        return node


def _same(one: object, other: str) -> bool:
    """The SDK takes ``auth-url`` for ``auth_url``."""
    return str(one) == other or str(one).replace("-", "_") == other


def _own_pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    """With what ``<<: *defaults`` brings in, which comes first: the last one counts."""
    if not isinstance(node, yaml.MappingNode):
        return []
    flat = yaml.MappingNode(node.tag, list(node.value))
    yaml.SafeLoader("").flatten_mapping(flat)
    return list(flat.value)


def _text(path: str) -> str:
    try:
        return Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: can't be read: not UTF-8 text"]) from error


def _parsed(path: str, text: str) -> Any:
    try:
        return json.loads(text) if path.endswith("json") else yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else path
        hint = next((f": {advice}" for part, advice in _HINTS if part in str(error.problem)), "")
        words = re.sub(r" '[^']{2,}'", "", str(error.problem))  # a piece of a password may stand there
        raise ConfigError([f"{place}: invalid YAML ({words}){hint}"]) from None
    except json.JSONDecodeError as error:
        raise ConfigError([f"{path}, line {error.lineno}: invalid JSON ({error.msg})"]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, int(error.position)) + 1
        raise ConfigError([f"{path}, line {line}: contains a control character"]) from None
    except (ValueError, OverflowError, RecursionError) as error:  # a date in month 13, nesting without end
        raise ConfigError(
            [f"{path}: invalid YAML ({type(error).__name__}): quote dates and numbers"]
        ) from None


def _composed(text: str) -> yaml.Node | None:
    try:
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):  # JSON with tabs
        return None
