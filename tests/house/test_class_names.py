"""One name, one class: whoever reads it knows which is meant."""

from __future__ import annotations

import ast
from collections import defaultdict

from harness.source_tree import ROOT, SOURCES, nodes_of, tree_of

FOREIGN_WORDS = {  # the second place where a name stands → why it stands there as well
    "kws_core/nodes/openstack/api": "the layer speaks as OpenStack's API does: servers, networks, images",
    "slack_workspace": "the local workspace is Slack's side: its people, files and server are Slack's",
}


def test_no_class_name_stands_twice() -> None:
    places = defaultdict(list)
    for path in SOURCES:
        file = path.relative_to(ROOT).as_posix()
        if any(file.startswith(f"{folder}/") for folder in FOREIGN_WORDS):
            continue
        for node in nodes_of(tree_of(path)):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(file)
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
