"""Labs whose processes can die."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from life.lab import Lab


@pytest.fixture
def make_lab(tmp_path: Path) -> Iterator[Callable[..., Lab]]:
    """Makes a Lab; what it is given goes there."""
    labs = []

    def make(nodes: int = 2, **settings: Any) -> Lab:
        labs.append(Lab(tmp_path, nodes, **settings))
        return labs[-1]

    yield make
    for lab in labs:
        lab.close()
