"""The state diagram of the documents, made from TRANSITIONS: ``python -m kws_core.tables.diagram``."""

from __future__ import annotations

from kws_core.tables.states import TRANSITIONS, Status


def mermaid() -> str:
    """The diagram in Mermaid's words, between the fences that Markdown wants."""
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Status.REQUESTED}"]
    for status, targets in TRANSITIONS.items():
        lines += [f"    {status} --> {target}" for target in sorted(targets, key=list(Status).index)]
    return "\n".join([*lines, f"    {Status.ENDED} --> [*]", "```"])


if __name__ == "__main__":
    print(mermaid())
