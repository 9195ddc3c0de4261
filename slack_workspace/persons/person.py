"""A person at the keyboard: slash commands, the App Home, DMs."""

from __future__ import annotations

import time
import uuid
from functools import partial

from slack_workspace.errors import Json, NotOnScreenError, SlackError
from slack_workspace.messages import hide_ephemeral, post
from slack_workspace.persons import payloads
from slack_workspace.persons.modal import ModalHands
from slack_workspace.persons.outcome import DISPATCH_FAILED, Outcome, exchange
from slack_workspace.responses import check_content


class Person(ModalHands):
    """Drives the bot as one user does and shows what that user sees. `Workspace.person` makes it."""

    def command(self, text: str = "/kws", channel: str | None = None) -> Outcome:
        """Type a slash command, in the DM with the bot or in another channel (id or #name)."""
        self._require_active()
        name, _, rest = text.partition(" ")
        with self._core.state.changed:
            place = self._core.state.channel(channel or self.id)
            self._require_member(place)
            payload = payloads.slash_command(self._core, self.user, place, name, rest)
        show = partial(self._show_answer, place.id, payload["response_url"])
        return exchange(self._core, "slash_commands", payload, react=show)

    def _show_answer(self, channel: str, response_url: str, outcome: Outcome) -> None:
        if not outcome.payload:
            return
        try:
            check_content(self._core.state, "slash command ack", outcome.payload)
        except SlackError as refusal:
            outcome.error = refusal.error
            if refusal.error == "no_text":
                self._core.state.violate("slash command ack", [refusal.error])
            return
        shown = self._core.responses.show(self.id, channel, outcome.payload)
        self._core.responses.acked_with(response_url, shown["ts"])

    def open_home(self, tab: str = "home") -> Outcome:
        """Open the bot's App Home (or its messages tab); the bot hears of it by app_home_opened."""
        self._require_active()
        with self._core.state.changed:
            payload = payloads.app_home_opened(self._core, self.user, tab)
        return self._event(payload)

    def say(self, text: str, *, channel: str | None = None, thread_ts: str | None = None) -> Outcome:
        """Write to the bot in the DM, or into a channel, of which the bot is not told."""
        self._require_active()
        with self._core.state.changed:
            place = self._core.state.channel(channel or self.id)
            self._require_member(place)
            message: Json = {
                "type": "message", "user": self.id, "text": text, "ts": self._core.state.new_ts(),
                "team": self.user.team_id, "client_msg_id": str(uuid.uuid4()),
            }  # fmt: skip
            if thread_ts:
                message["thread_ts"] = thread_ts
            post(self._core.state, place, message)
            if not place.is_im:
                return Outcome(sent=False)
            payload = payloads.im_message(self._core, self.user, place, message)
        return self._event(payload)

    def dismiss(self, ts: str) -> Outcome:
        """Take a message that only I see from my screen.

        Raises:
            NotOnScreenError: If I see no such message.
        """
        with self._core.state.changed:
            if ts not in [one["ts"] for one in self.ephemeral()]:
                raise NotOnScreenError(f"{self.user.name} sees no such message")
            hide_ephemeral(self._core.state, ts)
        return Outcome(sent=False)

    def _event(self, payload: Json) -> Outcome:
        core, started = self._core, time.monotonic()
        answer = core.sockets.deliver_event(payload, core.event_retries, core.ack_timeout)
        if not core.sockets.connections:
            return Outcome(error=DISPATCH_FAILED)
        try:
            answer.result(core.ack_timeout)
        except TimeoutError:
            return Outcome(
                seconds=core.ack_timeout
            )  # nobody waits for an event: the person sees nothing of it
        return Outcome(acked=True, seconds=time.monotonic() - started)

    def _require_active(self) -> None:
        if self.user.deleted:
            raise NotOnScreenError(f"{self.user.name} is deactivated")
