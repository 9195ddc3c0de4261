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


def test_only_the_rule_of_ends_reads_what_the_policy_says_of_them() -> None:
    words = re.compile(r"\.(max_days|default_days|warn_days|grace_hours)\b")
    readers = {
        str(path.relative_to(ROOT))
        for package in ("bot", "demo", "kws_core")
        for path in (ROOT / package).rglob("*.py")
        if words.search(path.read_text())
    }
    assert readers == {"kws_core/config.py", "kws_core/expiry.py"}
