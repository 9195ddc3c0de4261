"""The floor plan of .importlinter is held: `make lint` fails at an import that runs the wrong way."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("bot", "demo", "kws_core", "slack_workspace")
WRONG = {
    "kws_core/scheduling/placement.py": "from bot import app",
    "kws_core/tables/rental.py": "import slack_sdk",
    "kws_core/rentals/service.py": "from kws_core.reconcile import steps",
    "bot/views/ids.py": "import kws_core.database.store",
    "bot/app.py": "import openstack",
    "bot/service.py": "import bot.delivery.plot",
    "slack_workspace/clock.py": "import kws_core.values",
}

pytestmark = pytest.mark.thorough  # it reads all sources for each


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A copy of the sources."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / ".importlinter", tmp_path)
    return tmp_path


def lint(house: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=house, capture_output=True, text=True, check=False)


def test_the_house_as_it_stands_is_in_order(house: Path) -> None:
    done = lint(house)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("where", WRONG)
def test_a_wrong_import_is_found(house: Path, where: str) -> None:
    planted = house / where
    planted.write_text(f"{planted.read_text()}\n\n{WRONG[where]}  # noqa\n")
    done = lint(house)
    assert done.returncode == 1
    importer = where.removesuffix(".py").replace("/", ".")
    assert importer in done.stdout.partition("Broken contracts")[2]
