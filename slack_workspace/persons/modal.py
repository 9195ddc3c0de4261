"""What a person does with a modal: fill it in, submit it, close it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from slack_workspace.block_kit.forms import refusals
from slack_workspace.errors import Json, NotOnScreenError, SlackError
from slack_workspace.persons import payloads
from slack_workspace.persons.hands import Hands
from slack_workspace.persons.outcome import Outcome, exchange
from slack_workspace.views import LiveView

TROUBLE = "trouble_connecting"


class ModalHands(Hands):
    """Everything here is about the modal on top."""

    def fill(self, name: str, value: Any, *, query: str | None = None) -> Outcome:
        """Put a value into a field, called by its block id, action id, "block/action" or label.

        Options are named by value or visible text, lists are for fields that take several, None empties.
        An external select asks the bot first, with `query` or the value as what has been typed. A field
        that reports at once (dispatch_action, or not an input) does so; otherwise the outcome is not `sent`.
        """
        live = self._top()
        place = self._locate(name, None, "view", None)
        entry = self._entry(place, value, query)
        if not place.control.is_input or place.control.block.get("dispatch_action"):
            return self._act(place, entry, confirm=True)
        with self._core.state.changed:
            live.typed[place.control.key] = entry
            live.errors.pop(place.control.key[0], None)
            self._core.state.touch()
        return Outcome(sent=False)

    def fill_form(self, values: dict[str, Any]) -> None:
        """`fill` for several fields."""
        for name, value in values.items():
            self.fill(name, value)

    def submit(self) -> Outcome:
        """Press Submit. Slack keeps an incomplete form back; the complaints are in `errors`."""
        live = self._submittable()
        with self._core.state.changed:
            told = refusals(live.body["blocks"], live.values())
            live.errors = told
            self._core.state.touch()
            if told:
                return Outcome(sent=False, errors=told)
            payload = payloads.view_submission(self._core, self.user, live)
        return self._submitted(live, payload)

    def submit_twice(self) -> tuple[Outcome, Outcome]:
        """Two submissions of the same view at once, as an impatient double click or a retry makes them."""
        live = self._submittable()
        with self._core.state.changed:
            both = [payloads.view_submission(self._core, self.user, live) for _ in range(2)]
        with ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda payload: self._submitted(live, payload), both)
        return first, second

    def close(self, *, everything: bool = False) -> Outcome:
        """Press Close (or, with `everything`, the X of the whole stack); tells the bot if it wants to know."""
        live = self._top()
        with self._core.state.changed:
            cleared = everything or bool(live.body.get("clear_on_close"))
            closed = self._core.views.stack(self.id) if cleared else [live]
            told = [one for one in reversed(closed) if one.body.get("notify_on_close")]
            sent = [payloads.view_closed(self._core, self.user, one, cleared=cleared) for one in told]
            self._core.views.clear(self.id) if cleared else self._core.views.pop(live)
        outcomes = [exchange(self._core, "interactive", payload, "view_closed") for payload in sent]
        return outcomes[0] if outcomes else Outcome(sent=False)

    def _top(self) -> LiveView:
        live = self._core.views.top(self.id)
        if live is None:
            raise NotOnScreenError(f"{self.user.name} has no modal open")
        return live

    def _submittable(self) -> LiveView:
        live = self._top()
        if not live.body.get("submit"):
            raise NotOnScreenError("this modal has no Submit button")
        return live

    def _submitted(self, live: LiveView, payload: Json) -> Outcome:
        return exchange(
            self._core, "interactive", payload, "view_submission", react=partial(self._answered, live)
        )

    def _answered(self, live: LiveView, outcome: Outcome) -> None:
        try:
            self._react(live, outcome)
        except SlackError as refusal:
            outcome.error = TROUBLE
            self._core.state.violate("view_submission", [f"{refusal.error}: {refusal.extra}"])

    def _react(self, live: LiveView, outcome: Outcome) -> None:
        """Do what the ack says: nothing but an empty one closes the view."""
        answer = outcome.payload
        if live not in self._core.views.stack(self.id):
            return
        if not answer:
            self._core.views.pop(live)
            return
        match answer:
            case {"response_action": "errors", "errors": dict(errors)} if errors:
                outcome.errors = self._show_errors(live, errors)
            case {"response_action": "update", "view": view}:
                self._core.views.update(live, view, source="response_action: update")
            case {"response_action": "push", "view": view}:
                self._core.views.push(self.id, view, source="response_action: push")
            case {"response_action": "clear"}:
                self._core.views.clear(self.id)
            case _:
                raise SlackError("invalid_response", answer=answer)

    def _show_errors(self, live: LiveView, errors: dict[str, str]) -> dict[str, str]:
        inputs = {block["block_id"] for block in live.body["blocks"] if block["type"] == "input"}
        strangers = sorted(set(errors) - inputs)
        if strangers:
            raise SlackError("errors for blocks that are no inputs of this view", block_ids=strangers)
        if not all(isinstance(text, str) and text for text in errors.values()):
            raise SlackError("errors must be texts", given=errors)
        live.errors = dict(errors)
        self._core.state.touch()
        return dict(errors)
