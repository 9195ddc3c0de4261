"""YAML as people may write it in the form: what JSON can say, and nothing that is not what it looks like."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import yaml

from kws_core.errors import ErrorCode, UserError

MAX_DEPTH = 24  # of lists and mappings in each other
_TEXT, _INT, _FLOAT, _BOOL = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool"))
_TEXTS = frozenset({"content", "layout", "model", "variant", "options", "name", "locale"})  # never yes or no


def read(text: str) -> Any:
    """Parse the text as YAML that JSON could say as well; ``{}`` for an empty text.

    Raises:
        UserError: With the line of the first mistake.
    """
    try:
        _check_events(text)
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader
        return json.loads(json.dumps({} if loaded is None else loaded, allow_nan=False))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise UserError(
            ErrorCode.CLOUD_INIT_YAML, line=line, column=column, problem=str(error.problem)
        ) from error
    except yaml.reader.ReaderError as error:  # a control character
        line = text.count("\n", 0, int(error.position)) + 1
        raise UserError(ErrorCode.CLOUD_INIT_CHARACTER, line=line) from error
    except (ValueError, OverflowError) as error:  # .nan, thousands of digits, "\UFFFFFFFF"
        raise UserError(ErrorCode.CLOUD_INIT_NUMBER) from error


class _Loader(yaml.SafeLoader):
    """SafeLoader without dates (JSON has none, cloud-init wants text); every key a text, and said once.

    Numbers that YAML 1.1 reads otherwise than people do (010, 22:22, 3.10) are refused, and so are yes and no
    among texts. Permissions are the exception: they are octal, with or without quotes.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Build a mapping.

        Raises:
            UserError: If a key isn't a string, or is there twice.
        """
        seen = set()
        _as_text([key for key, _ in node.value])
        for key, value in node.value:
            line = key.start_mark.line + 1
            if key.tag not in (_TEXT, "tag:yaml.org,2002:merge"):
                raise UserError(ErrorCode.CLOUD_INIT_KEY, line=line)
            if key.value in seen:
                raise UserError(ErrorCode.CLOUD_INIT_TWICE, key=key.value[:40], line=line)
            seen.add(key.value)
            if key.value == "permissions" and value.tag == _INT:
                value.tag = _TEXT
            if key.value in _TEXTS:
                _check_word(value)
        return super().construct_mapping(node, deep)

    def construct_sequence(self, node: yaml.SequenceNode, deep: bool = False) -> list[Any]:
        for item in node.value:
            _check_word(item)
        return super().construct_sequence(node, deep)

    def construct_number(self, node: yaml.ScalarNode) -> Any:
        """Build a number, if YAML reads it as it is written.

        Raises:
            UserError: If YAML reads it as another number.
        """
        make = self.construct_yaml_int if node.tag == _INT else self.construct_yaml_float
        number = make(node)
        if str(number) != node.value and isinstance(number, int | float) and math.isfinite(number):
            raise _read_as(node, str(number))
        return number


_Loader.add_constructor(_INT, _Loader.construct_number)
_Loader.add_constructor(_FLOAT, _Loader.construct_number)


def _as_text(keys: list[yaml.Node]) -> None:
    """Keys that are numbers (snap's ``00:``) become texts of one length, so that their order stays."""
    numbers = [key for key in keys if key.tag == _INT and str(key.value).isdigit()]
    width = max((len(key.value) for key in numbers), default=0)
    for key in numbers:
        key.tag, key.value = _TEXT, str(key.value).zfill(width)


def _check_word(node: yaml.Node) -> None:
    if node.tag == _BOOL and node.value.lower() not in ("true", "false"):
        raise _read_as(node, "true" if yaml.SafeLoader.bool_values[node.value.lower()] else "false")


def _read_as(node: yaml.Node, read: str) -> UserError:
    line = node.start_mark.line + 1
    return UserError(ErrorCode.CLOUD_INIT_READ_AS, line=line, text=str(node.value)[:40], read=read[:40])


def _check_events(text: str) -> None:
    """Before anything is built: no tags or aliases, no nesting or characters that PyYAML or JSON can't bear."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        wrong = {
            ErrorCode.CLOUD_INIT_DEEP: depth > MAX_DEPTH,
            ErrorCode.CLOUD_INIT_ALIAS: isinstance(event, yaml.AliasEvent),
            ErrorCode.CLOUD_INIT_BINARY: getattr(event, "tag", None) == "tag:yaml.org,2002:binary",
            ErrorCode.CLOUD_INIT_TAG: getattr(event, "tag", None) is not None,
            ErrorCode.CLOUD_INIT_CHARACTER: re.search("[\0\x85\ud800-\udfff]", getattr(event, "value", "")),
        }
        for code in (code for code, found in wrong.items() if found):
            raise UserError(code, line=event.start_mark.line + 1 if event.start_mark else 1)
