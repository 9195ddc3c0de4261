"""Modal stacks and App Homes, one of each per person."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from slack_workspace.block_kit.forms import Typed, values_of
from slack_workspace.block_kit.validate import check_view
from slack_workspace.errors import Json, SlackError, invalid_blocks
from slack_workspace.state import State

MAX_STACK = 3
MAX_BYTES = 250_000


@dataclass
class LiveView:
    """A view on a person's screen, with what they have entered and the errors they see."""

    id: str
    user: str
    body: Json
    hash: str
    root_id: str
    previous_id: str | None = None
    typed: Typed = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def values(self) -> Json:
        return values_of(self.body["blocks"], self.typed)


class Views:
    """The views of everybody. All methods take the state's lock themselves."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._stacks: dict[str, list[LiveView]] = {}
        self._homes: dict[str, LiveView] = {}

    def top(self, user: str) -> LiveView | None:
        with self._state.changed:
            stack = self._stacks.get(user)
            return stack[-1] if stack else None

    def stack(self, user: str) -> list[LiveView]:
        with self._state.changed:
            return list(self._stacks.get(user, []))

    def home(self, user: str) -> LiveView | None:
        return self._homes.get(user)

    def open(self, user: str, view: Json, *, source: str = "views.open") -> LiveView:
        """Start a new stack; a modal that was open goes away."""
        with self._state.changed:
            self.check(view, "modal", source)
            opened = self._make(user, view)
            self._stacks[user] = [opened]
            self._state.touch()
            return opened

    def push(self, user: str, view: Json, *, source: str = "views.push") -> LiveView:
        """Push a view onto the stack.

        Raises:
            SlackError: If no view is open, or the stack is full.
        """
        with self._state.changed:
            stack = self._stacks.get(user)
            if not stack:
                raise SlackError("not_found")
            if len(stack) >= MAX_STACK:
                raise SlackError("push_limit_reached")
            self.check(view, "modal", source)
            pushed = self._make(user, view)
            pushed.root_id, pushed.previous_id = stack[0].id, stack[-1].id
            stack.append(pushed)
            self._state.touch()
            return pushed

    def update(self, live: LiveView, view: Json, *, source: str = "views.update") -> LiveView:
        """Replace the content; what was entered stays where block and action keep their ids."""
        with self._state.changed:
            self.check(view, live.body["type"], source, owner=live)
            live.body = self._kept(view)
            live.hash, live.errors = self._new_hash(), {}
            self._state.touch()
            return live

    def publish(self, user: str, view: Json, hash_: str | None) -> LiveView:
        """Publish a Home tab.

        Raises:
            SlackError: `hash_conflict`, if it isn't the one that was seen.
        """
        with self._state.changed:
            old = self._homes.get(user)
            if hash_ and old and hash_ != old.hash:
                raise SlackError("hash_conflict")
            self.check(view, "home", "views.publish", owner=old)
            if old is None:
                self._homes[user] = self._make(user, view)
                self._state.touch()
                return self._homes[user]
            return self.update(old, view, source="views.publish")

    def find(self, view_id: str | None, external_id: str | None) -> LiveView:
        """Return an open view.

        Raises:
            SlackError: `not_found`.
        """
        with self._state.changed:
            for live in self._all():
                if view_id and live.id == view_id:
                    return live
                if external_id and live.body.get("external_id") == external_id:
                    return live
        raise SlackError("not_found")

    def pop(self, live: LiveView) -> None:
        """Take the view (and whatever lies on it) from the screen; the one below shows again."""
        with self._state.changed:
            stack = self._stacks.get(live.user, [])
            if live in stack:
                del stack[stack.index(live) :]
                self._state.touch()

    def clear(self, user: str) -> None:
        with self._state.changed:
            self._stacks.pop(user, None)
            self._state.touch()

    def check(self, view: object, kind: str, source: str, owner: LiveView | None = None) -> None:
        """Refuse (and note down) what Slack would refuse.

        Raises:
            SlackError: If the view is too large, invalid, or its external ID is taken.
        """
        if not isinstance(view, dict) or view.get("type") != kind:
            problems = [f"[ERROR] must be a {kind} view [json-pointer:/view/type]"]
            self._refuse(source, problems)
        problems = check_view(view)
        if len(json.dumps(view, ensure_ascii=False).encode()) > MAX_BYTES:
            self._state.violate(source, ["view_too_large"])
            raise SlackError("view_too_large")
        if problems:
            self._refuse(source, problems)
        external_id = view.get("external_id") if isinstance(view, dict) else None
        if external_id and any(
            one.body.get("external_id") == external_id for one in self._all() if one is not owner
        ):
            raise SlackError("duplicate_external_id")

    def _refuse(self, source: str, problems: list[str]) -> None:
        self._state.violate(source, problems)
        raise invalid_blocks(problems, "invalid_arguments")

    def _all(self) -> list[LiveView]:
        return [*(one for stack in self._stacks.values() for one in stack), *self._homes.values()]

    def _make(self, user: str, view: Json) -> LiveView:
        view_id = self._state.new_id("V")
        return LiveView(view_id, user, self._kept(view), self._new_hash(), root_id=view_id)

    def _kept(self, view: Json) -> Json:
        return {**view, "blocks": self._state.with_ids(view["blocks"])}

    def _new_hash(self) -> str:
        return f"{int(self._state.clock())}.{self._state.new_id('')[-8:]}"

    def as_slack(self, live: LiveView, *, with_values: bool = True) -> Json:
        """The `view` object of payloads and API answers."""
        body = live.body
        return {
            "id": live.id, "team_id": self._state.team_id, "type": body["type"], "blocks": body["blocks"],
            "private_metadata": body.get("private_metadata") or "",
            "callback_id": body.get("callback_id") or "", "external_id": body.get("external_id") or "",
            "state": {"values": live.values() if with_values else {}}, "hash": live.hash,
            "title": body.get("title"), "submit": body.get("submit"), "close": body.get("close"),
            "clear_on_close": bool(body.get("clear_on_close")),
            "notify_on_close": bool(body.get("notify_on_close")),
            "previous_view_id": live.previous_id, "root_view_id": live.root_id, "app_id": self._state.app_id,
            "app_installed_team_id": self._state.team_id, "bot_id": self._state.bot_id,
        }  # fmt: skip
