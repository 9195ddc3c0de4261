"""Docstrings say what names and types don't: what a public function raises, and the unit of a number."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from harness.source_tree import ROOT, SOURCES, module_of, nodes_of, tree_of
from house.test_words import help_texts

CODE = [*SOURCES, *sorted((ROOT / "benchmarks").rglob("*.py"))]
UNIT = re.compile(
    r"second|minute|hour|day|byte|[MKG]i?B\b|ratio|share|percent|score|vCPU|epoch|seconds|_s\b|\bnow\b", re.I
)
Function = ast.FunctionDef | ast.AsyncFunctionDef
INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)


def public_functions(tree: ast.Module) -> Iterator[Function]:
    """Yield functions and methods without an underscore, the commands of ``kws`` aside: people read their texts."""
    shown = help_texts()
    for node in nodes_of(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            doc = ast.get_docstring(node, clean=False)
            if doc is None or doc not in shown:
                yield node


def raised(function: Function) -> set[str]:
    """Return what the function's own body raises: the class, or "" where a helper or a variable has it."""
    found = set()
    left: list[ast.AST] = list(function.body)
    while left:
        node = left.pop()
        if isinstance(node, INNER):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            named = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            name = ast.unparse(named).rpartition(".")[2]
            found.add(name if name[:1].isupper() else "")
        left += ast.iter_child_nodes(node)
    return found


def names_in(annotation: ast.expr) -> set[str]:
    """Return the names that a type is told with."""
    return {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}


def untold(function: Function) -> Iterator[str]:
    """Yield each exception that the section ``Raises:`` of the docstring doesn't name."""
    names = sorted(raised(function))
    _, section, told = (ast.get_docstring(function) or "" if names else "").partition("Raises:\n")
    for name in names:
        if not section or name not in told:
            yield f"{function.name}, line {function.lineno}: raises {name or 'something'}, and its docstring doesn't say so"


def without_unit(function: Function) -> Iterator[str]:
    """Yield the function if it takes or returns a bare float and nothing says in which unit."""
    arguments = [*function.args.args, *function.args.kwonlyargs]
    floats = [one.arg for one in arguments if one.annotation and "float" in names_in(one.annotation)]
    returned = ast.unparse(function.returns) if isinstance(function.returns, ast.Name | ast.BinOp) else ""
    if floats or re.fullmatch(r"float( \| None)?", returned):
        said = " ".join([ast.get_docstring(function) or "", function.name, *floats])
        if not UNIT.search(said):
            yield f"{function.name}, line {function.lineno}: in which unit is the float?"


def test_docstrings_name_what_is_raised() -> None:
    assert [
        f"{module_of(path)}: {line}"
        for path in CODE
        for function in public_functions(tree_of(path))
        for line in untold(function)
    ] == []


def test_floats_have_a_unit() -> None:
    assert [
        f"{module_of(path)}: {line}"
        for path in CODE
        for function in public_functions(tree_of(path))
        for line in without_unit(function)
    ] == []


def test_the_rules_bite() -> None:
    (silent,) = ast.parse("def f(wait: float):\n    'Do it.'\n    raise errors.UserError('x')").body
    assert isinstance(silent, ast.FunctionDef)
    assert list(untold(silent)) == ["f, line 1: raises UserError, and its docstring doesn't say so"]
    assert list(without_unit(silent)) == ["f, line 1: in which unit is the float?"]
    (other,) = ast.parse("def f():\n    '''Do.\n\n    Raises:\n        A: If so.\n    '''\n    raise B").body
    assert isinstance(other, ast.FunctionDef)
    assert raised(other) == {"B"}
    assert len(list(untold(other))) == 1
    (nested,) = ast.parse("def f():\n    def g():\n        raise B\n    raise").body
    assert isinstance(nested, ast.FunctionDef)
    assert raised(nested) == set()
    assert [one.name for one in public_functions(ast.parse("def _f(): ...\ndef g(): ..."))] == ["g"]
