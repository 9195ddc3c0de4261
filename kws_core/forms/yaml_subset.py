"""YAML as people may write it in the form: what JSON can say, and nothing that is not what it looks like."""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from kws_core.errors import ErrorCode, UserError

MAX_DEPTH = 24  # of lists and mappings in each other


def read(text: str) -> Any:
    """What the text says, as JSON would; {} for nothing. UserError tells the line of the first mistake."""
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
    """SafeLoader without dates (JSON has none, cloud-init wants text); every key a text, and said once."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own way
        first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            line = key.start_mark.line + 1
            if key.tag not in ("tag:yaml.org,2002:str", "tag:yaml.org,2002:merge"):
                raise UserError(ErrorCode.CLOUD_INIT_KEY, line=line)
            if key.value in seen:
                raise UserError(ErrorCode.CLOUD_INIT_TWICE, key=key.value[:40], line=line)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _check_events(text: str) -> None:
    """Before anything is built: no tags or aliases, no nesting or characters that PyYAML or JSON can't bear."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        wrong = {
            ErrorCode.CLOUD_INIT_DEEP: depth > MAX_DEPTH,
            ErrorCode.CLOUD_INIT_ALIAS: isinstance(event, yaml.AliasEvent),
            ErrorCode.CLOUD_INIT_TAG: getattr(event, "tag", None) is not None,
            ErrorCode.CLOUD_INIT_CHARACTER: re.search("[\0\x85\ud800-\udfff]", getattr(event, "value", "")),
        }
        for code in (code for code, found in wrong.items() if found):
            raise UserError(code, line=event.start_mark.line + 1 if event.start_mark else 1)
