"""A bot whose every thread is the caller's: what Slack sends goes through the real Bolt app, and is done on return.

Payloads are given to Bolt as its Socket Mode handler gives them, so they may be what no workspace would send.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from harness.by_hand import begin, no_threads, parts_by_hand
from harness.world import Clock, next_due
from security.planted import SIGNING_SECRET
from slack_bolt import BoltRequest, BoltResponse
from sqlalchemy import select

from bot.service import Service
from bot.slack.manifest import BOT_SCOPES
from kws_core.config import Config, Environment
from kws_core.nodes.fake.node import FakeNode
from kws_core.tables.base import Base
from kws_core.tables.rental import Rental
from slack_workspace import Person, UserGroup, Workspace, visible_text
from slack_workspace.messages import bot_message, post
from slack_workspace.persons import payloads

Json = dict[str, Any]

PEOPLE = ("mina", "joon", "admin", "guest", "stranger")
ADMINS = "S0LABADMIN"  # a user group, so that somebody can stop being an admin
REMEMBERED = {"people", "deliveries", "homes", "leases"}  # tables that every request may touch
LOOKS = {
    "ping",
    "images",
    "cidrs",
    "capacity",
    "machines",
    "new_servers",
    "check_login",
    "host_keys",
    "marked",
    "console",
    "cpu_seconds",
}


@dataclass
class Bench:
    """The bot, its workspace and its fake nodes."""

    workspace: Workspace
    service: Service
    nodes: dict[str, FakeNode]
    clock: Clock
    folder: Path
    answers: list[BoltResponse] = field(default_factory=list)

    def person(self, name: str) -> Person:
        return self.workspace.person(name)

    def send(self, payload: Any) -> BoltResponse:
        """As ``slack_bolt.adapter.socket_mode`` does it."""
        answer = self.service.app.dispatch(BoltRequest(mode="socket_mode", body=copy.deepcopy(payload)))
        self.answers.append(answer)
        return answer

    def settle(self, rounds: int = 12) -> None:
        """So many seconds pass for nodes and messages."""
        until = self.clock.at + timedelta(seconds=rounds)
        while self.clock.at < until:
            self.service.reconciler.tick()
            self.service.notifier.tick()
            self.clock.at = min(until, next_due(self.service.store, self.clock.at))
        self.service.notifier.tick()

    # -- what Slack sends

    def command(self, person: Person, text: str) -> Json:
        core = self.workspace.parts
        return payloads.slash_command(core, person.user, core.state.dm(person.id), "/kws", text)

    def click(self, person: Person, action: str, *, block: str = "b", ts: str = "", **entry: Any) -> Json:
        """A click on a message in the person's direct message that has that block (or is the one at ``ts``)."""
        core = self.workspace.parts
        dm = core.state.dm(person.id)
        said = [{"type": "section", "block_id": block, "text": {"type": "mrkdwn", "text": "forged"}}]
        message = next((m for m in dm.messages if m["ts"] == ts), None) or post(
            core.state, dm, bot_message(core.state, "forged", said)
        )
        sent = {"type": "button", "block_id": block, "action_id": action, "action_ts": "1.1", **entry}
        return payloads.block_actions_in_message(core, person.user, dm, message, {}, sent)

    def click_in(self, person: Person, view: Json, action: str, *, block: str = "b", **entry: Any) -> Json:
        """A click in a modal or the App Home."""
        payload = self.click(person, action, block=block, **entry)
        for key in ("message", "channel", "response_url", "state"):
            payload.pop(key)
        return payload | {"view": view, "container": {"type": "view", "view_id": view["id"]}}

    def submit(self, person: Person, view: Json) -> Json:
        """A form that is sent."""
        payload = payloads.interactive(self.workspace.parts, person.user, "view_submission")
        return payload | {"view": view, "response_urls": []}

    def url(self, person: Person) -> str:
        """Where an answer may go, as a form keeps it."""
        core = self.workspace.parts
        return core.responses.issue(person.id, core.state.dm(person.id).id)

    # -- what there is

    def rental(self, name: str) -> Rental:
        with self.service.store.read() as session:
            query = select(Rental).where(Rental.name == name).order_by(Rental.created_at.desc())
            return session.scalars(query).first()  # type: ignore[return-value]

    def rows(self) -> dict[str, list[Any]]:
        """Everything in the database but what any request may touch."""
        with self.service.store.read() as session:
            return {
                table.name: [tuple(row) for row in session.execute(select(table))]
                for table in Base.metadata.sorted_tables
                if table.name not in REMEMBERED
            }

    def acts(self) -> dict[str, list[str]]:
        """What the nodes were asked for that changes something."""
        return {name: [c for c in node.calls if c not in LOOKS] for name, node in self.nodes.items()}

    def shown(self, person: Person) -> str:
        """All that the person reads anywhere: messages, answers, the open form, the App Home."""
        things = [person.dm(), person.ephemeral(), person.view_stack, person.home, person.files()]
        return "\n".join(filter(None, map(visible_text, things)))

    @contextmanager
    def watching(self, person: Person) -> Iterator[Json]:
        """Into what it gives comes what the person was told meanwhile, and which forms were opened."""
        seen: Json = {}
        before = {m["ts"]: visible_text(m) for m in (*person.dm(), *person.ephemeral())}
        views, calls = [v["id"] for v in person.view_stack], len(self.workspace.calls)
        answers = len(self.answers)
        yield seen
        new = [m for m in (*person.dm(), *person.ephemeral()) if before.get(m["ts"]) != visible_text(m)]
        opened = [v for v in person.view_stack if v["id"] not in views]
        acked = [str(a.body) for a in self.answers[answers:] if a.body]
        seen["said"] = "\n".join([visible_text(new), visible_text(opened), *acked])
        seen["forms"] = [v.get("callback_id") or "notice" for v in opened]
        seen["calls"] = [c.method for c in self.workspace.calls[calls:]]


def make_bench(folder: Path, clock: Clock, config: Config) -> Bench:
    """``folder`` has a migrated kws.db. Everybody reads English."""
    workspace = Workspace(scopes=BOT_SCOPES, clock=clock.at.timestamp).start()
    workspace.add_group(UserGroup(ADMINS, "lab-admins", [workspace.person("admin").id]))
    for user in workspace.state.users.values():
        user.locale = "en-US"
    fakes = {node.name: FakeNode(node.name, clock, vcpus=64, ram_mb=65536) for node in config.nodes}
    environment = Environment(
        bot_token=workspace.bot_token,
        signing_secret=SIGNING_SECRET,
        slack_api_url=workspace.api_url,
        database_url=f"sqlite:///{folder / 'kws.db'}",
    )
    service = Service(config, environment, fakes, clock, parts_by_hand(threads=no_threads))
    begin(service)
    return Bench(workspace, service, fakes, clock, folder)


def with_admins(config: Config, *admins: str) -> Config:
    """The configuration with other admins."""
    return config.model_copy(update={"kws": config.kws.model_copy(update={"admins": admins})})


def values(**fields: Any) -> Json:
    """The state of a form: text, ``{"option": …}``, ``{"date": …}``, ``{"user": …}``."""
    names = {"option": "selected_option", "date": "selected_date", "user": "selected_user"}

    def entry(value: Any) -> Json:
        if not isinstance(value, Mapping):
            return {"type": "plain_text_input", "value": value}
        ((kind, chosen),) = value.items()
        return {"type": kind, names[kind]: {"value": chosen} if kind == "option" else chosen}

    return {"values": {name: {"value": entry(value)} for name, value in fields.items()}}


def form(callback: str, metadata: str = "", number: str = "V0FORGED01", **fields: Any) -> Json:
    """A modal as Slack sends it back."""
    blocks = [{"type": "input", "block_id": name} for name in fields]
    return {
        "id": number, "type": "modal", "callback_id": callback, "private_metadata": metadata,
        "state": values(**fields), "blocks": blocks, "hash": "1.abc", "team_id": "T0KWSTEAM1",
    }  # fmt: skip
