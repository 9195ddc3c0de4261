"""What documents and docstrings name exists: files, modules, names, make targets, commands of ``kws``."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from harness.source_tree import ROOT, SOURCES, module_of, nodes_of, tree_of
from typer.main import get_command

from bot.cli.main import app

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "README.ko.md",
    *(ROOT / name for name in ("CONTRIBUTING.md", "RELEASING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
]
CODE = [
    *SOURCES,
    *(path for folder in ("tests", "benchmarks", ".ci") for path in (ROOT / folder).rglob("*.py")),
]
OTHER = [
    path
    for pattern in ("*.toml", "*.yaml", "Makefile", "deploy/*", "slack_workspace/page/*.js", "bot/text/templates/*",
                    "kws_core/forms/templates/*", "tests/lab/*.sh", ".ci/run")
    for path in sorted(ROOT.glob(pattern))
]  # fmt: skip
WORD = re.compile(r"[A-Za-z_]\w*")
IDENTIFIER = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\(\))?")
PATH = re.compile(
    r"(?:\.?[\w-]+/)*[\w*.-]*\.(py|md|toml|yaml|j2|json|sh|cfg|js|css|html|po|service|txt|db|sql)|(?:\.?[\w-]+/)+[\w.-]*"
)

OWNERS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)

# Files that are not in the repository, and words of other programs.
ELSEWHERE = {
    "clouds.yaml", "./clouds.yaml", "/etc/openstack/", "~/.config/openstack/", "kws.db", "kws-demo.db", ".venv/",
    "node_config.yaml", "stack.sh", "./nodes.toml", "benchmarks/results/NAME.json",
    # sources of the OpenStack projects and installers that the page about nodes cites
    "stable/2025.1", "lib/neutron_plugins/services/l3", "devstack/local.conf.sample", "functions-common", "lib/neutron",
    "ansible/module_utils/kolla_systemd_worker.py", "doc/source/reference/compute/zun-guide.rst",
    "sunbeam-python/sunbeam/features", "packstack/plugins", "packstack/puppet", "doc/source/user/aio/quickstart.rst",
}  # fmt: skip
FOREIGN = {  # of Linux, Prometheus, OpenStack and the previous system
    "eno1", "timedatectl", "tmux", "_bucket", "NAME_keypair", "SUPPORTED_DISTROS", "FIXED_RANGE", "LIBS_FROM_GIT",
    "DOCKER_CLUSTER_STORE", "UBUNTU_DOCKER_VERSION", "os_zun", "resize_confirm_window",
}  # fmt: skip


@cache
def naming_fields(sort: type[ast.AST]) -> tuple[str, ...]:
    """Which fields of such a node are names: there are a million nodes, of some sixty sorts."""
    said = ("module",) if sort is ast.ImportFrom else ("id", "attr", "name", "arg", "asname")
    return tuple(field for field in sort.__match_args__ if field in said)


def names_in(node: ast.AST) -> Iterator[str]:
    """The names that one node of the syntax tree says."""
    for field in naming_fields(type(node)):
        value = getattr(node, field)
        if isinstance(value, str):
            yield from value.split(".")


def docstring(node: ast.AST) -> ast.Constant | None:
    """Of a module, a class or a function."""
    first = node.body[0] if isinstance(node, OWNERS) and node.body else None
    value = first.value if isinstance(first, ast.Expr) else None
    return value if isinstance(value, ast.Constant) and isinstance(value.value, str) else None


@cache
def known() -> frozenset[str]:
    """Every word that the code says, docstrings and comments aside, and those of other programs."""
    words = set(FOREIGN)
    for path in CODE:
        prose = set()
        words.update(module_of(path).split("."))
        for node in nodes_of(tree_of(path)):  # whose a docstring is comes before it
            words.update(names_in(node))
            if isinstance(node, OWNERS):
                prose.add(id(docstring(node)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                words.update(WORD.findall(node.value))
    for path in OTHER:
        words.update(WORD.findall(path.read_text()))
    return frozenset(words)


@cache
def files() -> frozenset[str]:
    """Everything in the repository, also from each of its folders on: ``bot/cli/db.py``, ``cli/db.py``, ``db.py``."""
    tops = [
        path
        for path in ROOT.iterdir()
        if path.name not in (".venv", ".git") and not path.name.endswith("_cache")
    ]
    found = [
        *tops,
        *(path for top in tops if top.is_dir() for path in top.rglob("*") if "__pycache__" not in path.parts),
    ]
    parts = [path.relative_to(ROOT).parts for path in found]
    return frozenset("/".join(one[start:]) for one in parts for start in range(len(one)))


def unknown_name(text: str) -> bool:
    """``Class.method`` or ``module.function()`` of which a part is nowhere in the code."""
    return not known().issuperset(text.removesuffix("()").split("."))


@cache
def kws() -> Any:
    """Its commands and options."""
    return get_command(app)


def wrong_command(words: list[str]) -> str | None:
    """What is wrong with ``kws …``: a command or an option that there is not."""
    command = kws()
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    for word in words:
        if word.startswith("--"):
            if word.partition("=")[0] not in options:
                return f"kws has no option {word}"
        elif hasattr(command, "commands") and re.fullmatch(r"[a-z-]+", word):
            if word not in command.commands:
                return f"kws has no command {word}"
            command = command.commands[word]
            options |= {
                option
                for parameter in command.params
                for option in [*parameter.opts, *parameter.secondary_opts]
            }
    return None


def wrong_span(text: str, folder: Path, samples: frozenset[str] = frozenset()) -> str | None:
    """What is wrong with a text in backticks, or a line of shell; the page's own samples may name what they like."""
    words = text.split()
    if text in ELSEWHERE or not words or set(WORD.findall(text)) <= samples:
        return None
    program = words[0].rpartition("/")[2]
    if program == "kws" and not text.startswith("/kws") and len(words) > 1:
        return wrong_command(words[1:])
    if program == "make" and len(words) > 1:
        targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M)
        called = [word for word in words[1:] if re.fullmatch(r"[a-z-]+", word)]
        return next((f"make has no target {word}" for word in called if word not in targets), None)
    if PATH.fullmatch(text) and not text.startswith("/"):
        bare = text.rstrip("/")
        there = bare in files() or (folder / bare).exists() or ("*" in bare and list(ROOT.glob(bare)))
        return None if there else f"no file {text}"
    if IDENTIFIER.fullmatch(text) and unknown_name(text):
        return f"no name {text}"
    return None


def mistakes(path: Path) -> Iterator[str]:
    """What a document names and is not there."""
    text = path.read_text()
    fences = re.compile(r"^\s*```(\w*)\n(.*?)^\s*```", re.M | re.S)
    for language, block in fences.findall(text):
        if language == "sh":
            lines = [line.partition("#")[0].strip() for line in block.splitlines()]
            yield from filter(None, (wrong_span(line, path.parent) for line in lines))
    prose = fences.sub("", text)
    blocks = [block for language, block in fences.findall(text) if language in ("ini", "yaml")]
    samples = frozenset(word for block in blocks for word in WORD.findall(block))
    spans = re.findall(r"`([^`\n]+)`", prose)
    yield from filter(None, (wrong_span(span, path.parent, samples) for span in spans))
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose):
        if not (path.parent / link).exists():
            yield f"no file {link}"


def wrong_in_docstrings(tree: ast.Module) -> Iterator[str]:
    """Names that docstrings mention and the code does not."""
    for one in filter(None, map(docstring, nodes_of(tree))):
        text = str(one.value)
        named = re.findall(r"``([^`]+)``", text)
        named += [
            name.lstrip("~") for name in re.findall(r":(?:class|func|meth|mod|data|attr):`([^`]+)`", text)
        ]
        for name in named:
            if IDENTIFIER.fullmatch(name) and unknown_name(name):
                yield f"line {one.lineno}: no name {name}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_document_names_exists(path: Path) -> None:
    assert list(mistakes(path)) == []


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_what_a_docstring_names_exists(path: Path) -> None:
    assert list(wrong_in_docstrings(tree_of(path))) == []


NOWHERE = "ereht_ton"[::-1]  # backwards, or this file would be where it is
PLANTED = """
`bot/app.py`, `app.py`, `bot/`, `make test`, `kws nodes drain NAME --tell`, `/kws rent`, `Store.upgrade`, `kws --help`
`bot/no-such.py`, `make no-such`, `kws no-such`, `kws nodes drain --no-such`, `Store.{nowhere}`, [x](no-such.md)
```sh
kws rentals --json   # as it is
kws images no-such
```
"""


def test_the_rules_bite(tmp_path: Path) -> None:
    (tmp_path / "planted.md").write_text(PLANTED.format(nowhere=NOWHERE))
    assert list(mistakes(tmp_path / "planted.md")) == [
        "kws has no command no-such",
        "no file bot/no-such.py",
        "make has no target no-such",
        "kws has no command no-such",
        "kws has no option --no-such",
        f"no name Store.{NOWHERE}",
        "no file no-such.md",
    ]
    docstring = f'"""See :class:`{NOWHERE}`, ``{NOWHERE}()`` and ``Store``."""'
    wrong = list(wrong_in_docstrings(ast.parse(docstring)))
    assert wrong == [f"line 1: no name {NOWHERE}()", f"line 1: no name {NOWHERE}"]
