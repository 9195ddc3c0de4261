"""Some things have one owner: nobody else speaks of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODES = ROOT / "kws_core" / "nodes"


@pytest.mark.parametrize("path", sorted(NODES.glob("*.py")), ids=lambda path: str(path.stem))
def test_the_contract_of_a_node_knows_no_backend(path: Path) -> None:
    text = path.read_text()
    if path.stem == "registry":  # it says where a driver is found
        text = re.sub(r'"openstack": \(.*\)', "", text)
    assert re.findall(r"(?i)openstack|keystone|nova|glance|neutron|\bzun", text) == []
