"""Nothing grows past what a reader can hold: files, functions, classes, folders, and what everybody imports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest
from harness.source_tree import PACKAGES, ROOT, SOURCES, module_of, nodes_of, tree_of

LONGEST_FILE = 500
LONGEST_FUNCTION = 40
MOST_PUBLIC_METHODS = 20
MOST_MODULES = 18  # of one folder, __init__ aside
MOST_IMPORTERS = 10  # of one use-case module

# Classes that are larger than the rule. A number may only go down, and a class that fits loses its line.
LARGE_CLASSES = {
    "kws_core.nodes.Node": 24,  # the contract of a node: every backend and guard has as many
    "kws_core.nodes.openstack.node.OpenStackNode": 24,
    "kws_core.nodes.circuit_breaker.GuardedNode": 23,
    "kws_core.nodes.fake.node.FakeNode": 34,  # the contract, and what a test or the demo does to the node
    "slack_workspace.workspace.Workspace": 23,  # what a test does to the workspace
}


def docstring_lines(node: ast.AST) -> int:
    """Count the lines of a docstring, which no limit counts: nobody should save on them."""
    body = getattr(node, "body", None)
    first = body[0] if isinstance(body, list) and body else None
    told = (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )
    return (first.end_lineno or 0) - first.lineno + 1 if first and told else 0


def lines_of_code(path: Path) -> int:
    """Count the lines of a file without its docstrings."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    told = sum(docstring_lines(node) for node in nodes_of(tree_of(path)) if isinstance(node, documented))
    return len(path.read_text().splitlines()) - told


def long_functions(tree: ast.Module) -> Iterator[str]:
    """Functions, and methods, over the limit."""
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)
            if length > LONGEST_FUNCTION:
                yield f"{node.name} has {length} lines"


def public_methods(tree: ast.Module) -> dict[str, int]:
    """Class → how many methods and properties without an underscore it defines itself."""
    return {
        node.name: len(
            {
                one.name
                for one in node.body
                if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and not one.name.startswith("_")
            }
        )
        for node in nodes_of(tree)
        if isinstance(node, ast.ClassDef)
    }


@pytest.mark.parametrize("path", SOURCES, ids=module_of)
def test_files_and_functions_stay_small(path: Path) -> None:
    assert lines_of_code(path) <= LONGEST_FILE
    if "migrations" not in path.parts:  # written once, read from top to bottom
        assert list(long_functions(tree_of(path))) == []


def test_classes_stay_small() -> None:
    large = {
        f"{module_of(path)}.{name}": count
        for path in SOURCES
        for name, count in public_methods(tree_of(path)).items()
        if count > MOST_PUBLIC_METHODS
    }
    assert large == LARGE_CLASSES


def test_folders_stay_small() -> None:
    """Migrations aside: one is added with each change of the tables, and none ever goes."""
    counted = (path.parent for path in SOURCES if path.name != "__init__.py")
    modules = Counter(folder for folder in counted if folder.parent.name != "migrations")
    assert {str(folder): count for folder, count in modules.items() if count > MOST_MODULES} == {}


def test_no_use_case_becomes_everybodys() -> None:
    """A use-case module that everybody imports is a second ``context``: what they take of it belongs elsewhere."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    importers = {
        module: sorted(graph.find_modules_that_directly_import(module))
        for module in graph.find_descendants("kws_core.rentals")
    }
    assert importers["kws_core.rentals.service"], "the graph knows nothing"
    assert {module: by for module, by in importers.items() if len(by) > MOST_IMPORTERS} == {}


def test_the_rules_bite() -> None:
    body = "\n".join(["    async def m(self):", *["        pass"] * LONGEST_FUNCTION])
    assert list(long_functions(ast.parse(f"class A:\n{body}"))) == ["m has 41 lines"]
    methods = "\n".join(f"    def m{n}(self): ..." for n in range(21))
    hidden = (
        "    def _m(self): ...\n    @property\n    def p(self): ...\n    @p.setter\n    def p(self, v): ..."
    )
    assert public_methods(ast.parse(f"class A:\n{methods}\n{hidden}")) == {"A": 22}
    assert (ROOT / "kws_core").is_dir()
    assert len(SOURCES) > 200
