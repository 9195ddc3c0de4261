"""``tests/unit`` mirrors the rooms, so that the tests of a module are found by its name."""

from __future__ import annotations

from harness.source_tree import ROOT

UNIT = ROOT / "tests/unit"

# What is about no single module, and why.
CROSS_CUTTING = {
    "database/test_history_costs_nothing.py": "the queries of every room, explained by the database",
    "slack_workspace/test_commands.py": "commands and what follows: dispatch, response_url, direct messages, Home",
    "test_original_faults.py": "faults of the system before, wherever they were",
    "test_original_faults_requests.py": "the same, of its request form",
}


def module_paths(test: str) -> list[str]:
    """Where the module of ``tests/unit/…/test_x_more.py`` may be: ``x_more.py``, else ``x.py`` that it says more of.

    The tests of a whole package have the package's name.
    """
    folder, _, name = test.rpartition("/")
    room = folder if folder.split("/")[0] in ("bot", "demo", "slack_workspace") else f"kws_core/{folder}"
    words = name.removeprefix("test_").removesuffix(".py").split("_")
    return [f"{room.rstrip('/')}/{'_'.join(words[:n])}" for n in range(len(words), 0, -1)]


def is_module(path: str) -> bool:
    """Whether there is a module or a package."""
    return (ROOT / f"{path}.py").is_file() or (ROOT / path / "__init__.py").is_file()


def strays() -> list[str]:
    """Tests whose module is not there."""
    tests = sorted(str(path.relative_to(UNIT)) for path in UNIT.rglob("test_*.py"))
    assert tests
    return [test for test in tests if not any(is_module(path) for path in module_paths(test))]


def test_every_test_names_its_module() -> None:
    assert [test for test in strays() if test not in CROSS_CUTTING] == []


def test_the_exceptions_are_needed() -> None:
    assert set(CROSS_CUTTING) <= set(strays())


def test_how_a_module_is_found() -> None:
    assert module_paths("forms/test_cloud_init_merge.py") == [
        "kws_core/forms/cloud_init_merge",
        "kws_core/forms/cloud_init",
        "kws_core/forms/cloud",
    ]
    assert module_paths("bot/cli/test_db.py") == ["bot/cli/db"]
    assert module_paths("test_config.py") == ["kws_core/config"]
