"""What a person does with the elements of a message, a modal or the App Home."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from slack_workspace.block_kit.forms import (
    FIELDS,
    Control,
    entered,
    find_control,
    options_of,
    pick,
    values_of,
)
from slack_workspace.block_kit.validate import check_options
from slack_workspace.errors import Json, NotOnScreenError
from slack_workspace.people import Channel
from slack_workspace.persons import payloads
from slack_workspace.persons.outcome import Outcome, exchange
from slack_workspace.persons.screen import Screen
from slack_workspace.views import LiveView

CLICKED = {"button", "workflow_button", "icon_button"}
DEFAULT_QUERY_LENGTH = 3


@dataclass(frozen=True)
class Place:
    """A control and what it stands on: a view, or a message in a channel."""

    control: Control
    view: LiveView | None = None
    channel: Channel | None = None
    message: Json | None = None


class Hands(Screen):
    """Clicks, choices and external suggestions; every one of them is a round trip to the bot."""

    def click(
        self,
        name: str,
        value: str | None = None,
        *,
        where: str | None = None,
        message: str | None = None,
        confirm: bool | None = None,
    ) -> Outcome:
        """Press the button of that action id (or block id).

        `where` is view, home or message; by default the open modal, otherwise the newest message that has it,
        else the App Home. `message` is the ts of one message. A button with a confirmation dialog sends
        nothing until `confirm=True`; the outcome then carries the dialog in `confirm`.

        Raises:
            NotOnScreenError: If it isn't there or isn't a button.
        """
        place = self._locate(name, value, where, message)
        if place.control.kind not in CLICKED:
            raise NotOnScreenError(f"{name!r} is a {place.control.kind}, not a button")
        return self._act(place, {}, confirm)

    def choose(
        self,
        name: str,
        value: Any,
        *,
        where: str | None = None,
        message: str | None = None,
        confirm: bool | None = None,
        query: str | None = None,
    ) -> Outcome:
        """Pick an option (by value or visible text), a date, a user… in an element that reports at once."""
        place = self._locate(name, None, where, message)
        return self._act(place, self._entry(place, value, query), confirm)

    def suggestions(
        self, name: str, query: str, *, where: str | None = None, message: str | None = None
    ) -> list[Json]:
        """The options that the bot offers in an external select for what has been typed so far."""
        return self._suggest(self._locate(name, None, where, message), query)

    def _locate(self, name: str, value: str | None, where: str | None, ts: str | None) -> Place:
        with self._core.state.changed:
            place = None
            if ts is None and where in (None, "view"):
                place = self._in_view(self._core.views.top(self.id), name, value)
            if place is None and where in (None, "message"):
                place = self._in_messages(name, value, ts)
            if place is None and ts is None and where in (None, "home"):
                place = self._in_view(self._core.views.home(self.id), name, value)
        if place is None:
            raise NotOnScreenError(
                f"{self.user.name} sees no {name!r} (value {value!r}) in {where or 'sight'}"
            )
        return place

    def _in_view(self, live: LiveView | None, name: str, value: str | None) -> Place | None:
        control = find_control(live.body["blocks"], name, value) if live else None
        return Place(control, view=live) if control else None

    def _in_messages(self, name: str, value: str | None, ts: str | None) -> Place | None:
        for channel, message in self._shown_messages():
            if ts is None or message["ts"] == ts:
                control = find_control(message.get("blocks") or [], name, value)
                if control:
                    return Place(control, channel=channel, message=message)
        return None

    def _entry(self, place: Place, value: Any, query: str | None = None) -> Json:
        element = place.control.element
        if place.control.kind == "overflow":
            return {"selected_option": pick(element, value)}
        if "external" in place.control.kind and isinstance(value, str):
            offered = self._suggest(place, value if query is None else query)
            return entered({**element, "options": offered}, value)
        if "external" in place.control.kind and isinstance(value, dict):
            return entered({**element, "options": [value]}, value)
        return entered(element, value)

    def _suggest(self, place: Place, query: str) -> list[Json]:
        if len(query) < place.control.element.get("min_query_length", DEFAULT_QUERY_LENGTH):
            return []
        with self._core.state.changed:
            where = self._place_payload(place)
            payload = payloads.block_suggestion(self._core, self.user, place.control, query, where)
        outcome = exchange(self._core, "interactive", payload, "block_suggestion")
        if not outcome.acked:
            return []
        problems = check_options(outcome.payload)
        if problems:
            self._core.state.violate("block_suggestion", problems)
            return []
        return options_of(outcome.payload or {})

    def _place_payload(self, place: Place) -> Json:
        if place.view:
            container = {"type": "view", "view_id": place.view.id}
            return {"container": container, "view": self._core.views.as_slack(place.view)}
        message, channel = place.message or {}, place.channel
        container = {
            "type": "message",
            "message_ts": message["ts"],
            "channel_id": channel.id if channel else "",
        }
        return {"container": container, "message": message, "channel": {"id": channel.id if channel else ""}}

    def _act(self, place: Place, entry: Json, confirm: bool | None) -> Outcome:
        dialog = place.control.element.get("confirm")
        if dialog and not confirm:
            return Outcome(sent=False, confirm=copy.deepcopy(dialog))
        with self._core.state.changed:
            self._remember(place, entry)
            payload = self._action_payload(place, entry)
        return exchange(self._core, "interactive", payload, "block_actions")

    def _remember(self, place: Place, entry: Json) -> None:
        if place.control.kind not in FIELDS:
            return
        if place.view:
            place.view.typed[place.control.key] = entry
        elif place.message:
            self._typed_in_messages.setdefault(place.message["ts"], {})[place.control.key] = entry

    def _action_payload(self, place: Place, entry: Json) -> Json:
        action = payloads.action_of(self._core, place.control, entry)
        if place.view:
            return payloads.block_actions_in_view(self._core, self.user, place.view, action)
        if place.message is None or place.channel is None:
            raise NotOnScreenError("the message is gone")
        values = values_of(place.message["blocks"], self._typed_in_messages.get(place.message["ts"], {}))
        return payloads.block_actions_in_message(
            self._core, self.user, place.channel, place.message, values, action
        )
