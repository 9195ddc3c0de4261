"""What a person notices of something they did."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from slack_workspace.errors import Json
from slack_workspace.parts import WorkspaceParts

OPERATION_TIMEOUT = "operation_timeout"
DISPATCH_FAILED = "dispatch_failed"


@dataclass
class Outcome:
    """`sent` is False when Slack itself stopped the person; `confirm` is then the dialog they see, or
    `errors` the complaints under the fields. `error` is what Slack says when the bot did not do its part.
    """

    sent: bool = True
    acked: bool = False
    seconds: float = 0.0
    payload: Json | None = None
    errors: dict[str, str] = field(default_factory=dict)
    confirm: Json | None = None
    error: str | None = None
    trigger_id: str | None = None

    @property
    def timed_out(self) -> bool:
        return self.error == OPERATION_TIMEOUT

    @property
    def text(self) -> str:
        return str((self.payload or {}).get("text") or "")

    @property
    def blocks(self) -> list[Json]:
        return list((self.payload or {}).get("blocks") or [])

    def as_json(self) -> Json:
        return {**asdict(self), "timed_out": self.timed_out}


Reaction = Callable[[Outcome], None]


def exchange(
    core: WorkspaceParts, kind: str, payload: Json, interaction: str = "", react: Reaction | None = None
) -> Outcome:
    """Send a payload to the bot and wait for its ack for as long as Slack would.

    `react` does what the ack's payload asks for, under the lock, as soon as the ack is there.
    """
    outcome = Outcome(trigger_id=payload.get("trigger_id"))
    if not core.sockets.connections:
        outcome.error = DISPATCH_FAILED
        return outcome
    started = time.monotonic()

    def acked(answer: Json | None) -> None:
        outcome.acked, outcome.payload = True, answer
        outcome.seconds = time.monotonic() - started
        with core.state.changed:
            if react:
                react(outcome)

    answered = core.sockets.deliver(kind, payload, interaction=interaction, react=acked)
    try:
        answered.result(core.ack_timeout)
    except TimeoutError:
        if answered.cancel():
            outcome.error, outcome.seconds = OPERATION_TIMEOUT, time.monotonic() - started
        else:
            answered.result()
    return outcome
