"""``/kws admin nodes``, ``usage`` and ``audit``: for admins, who are asked for at each click anew."""

from __future__ import annotations

import logging
import re
from datetime import date
from typing import Any

from slack_bolt import Ack, App, BoltContext
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.handlers.admin import AdminCommands, admins_only
from bot.slack import files
from bot.slack.dispatcher import Desk, Visit, paragraph
from bot.text import error_messages
from bot.text.i18n import N_
from bot.views import history, ids, nodes_list
from kws_core.errors import FormError, UserError
from kws_core.reports import usage
from kws_core.reports.audit import Audit
from kws_core.scheduling.node_maintenance import Fleet

log = logging.getLogger(__name__)

MOST_AUDITED = 30


def register(app: App, desk: Desk, admin: AdminCommands) -> None:
    """Listens for the commands, the buttons of the list, and the form."""
    nodes = Nodes(desk)
    admin.add("nodes", nodes.serve)
    admin.add("usage", nodes.usage)
    admin.add("audit", nodes.audit)
    app.action(ids.Action.DRAIN)(desk.listener(nodes.ask))
    app.action(ids.Action.UNDRAIN)(desk.listener(nodes.undrain))
    app.action(re.compile(f"^{ids.Action.USAGE}:"))(desk.listener(nodes.usage_button))
    app.view(ids.View.DRAIN)(nodes.submitted)


class Nodes:
    """The nodes, what was used of them, and who did what."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.core = desk.core
        self.fleet = Fleet(desk.core)

    def serve(self, visit: Visit, rest: str) -> None:
        """``/kws admin nodes``, ``nodes drain NAME``, ``nodes undrain NAME``."""
        word, _, node = rest.partition(" ")
        match word.lower():
            case "":
                self.show(visit)
            case "drain" if node:
                self._open(visit, node.strip(), replace=False)
            case "undrain" if node:
                self._undrain(visit, node.strip(), replace=False)
            case _:
                raise UserError("nodes_words", word=rest)

    def show(self, visit: Visit, *, news: str | None = None, replace: bool = False) -> None:
        """Every node, from what it said last."""
        this = self.core.today().replace(day=1)
        months = (usage.month_before(this), this)
        blocks = nodes_list.listing(self.core.nodes(), self.core.missed(), months, visit.texts)
        text = news or visit.texts(N_("The nodes"))
        visit.say(text, [paragraph(news or f"*{text}*"), *blocks], replace=replace)

    def ask(self, visit: Visit) -> None:
        """The button of a node opens the form."""
        admins_only(visit)
        self._open(visit, visit.value, replace=True)

    def _open(self, visit: Visit, node: str, *, replace: bool) -> None:
        self.fleet.check_name(node)
        rentals = next((s.lent.rentals for s in self.core.nodes() if s.room.node == node), 0)
        origin, today = visit.respond.response_url, self.core.today()
        view = nodes_list.drain_form(node, rentals, origin, today, visit.texts, replace=replace)
        visit.open_form(view, "/kws admin nodes")

    def submitted(
        self, ack: Ack, body: dict[str, Any], view: dict[str, Any], client: WebClient, context: BoltContext
    ) -> None:
        """Errors at their fields; then, with the time to ask Slack who is an admin, the node is drained."""
        try:
            form = nodes_list.parse(view)
            self.fleet.check(form.until, form.reason, tell=form.tell)
        except UserError as error:
            texts = self.desk.directory.texts_of(str(body["user"]["id"]))
            found = error.fields if isinstance(error, FormError) else {nodes_list.REASON: error}
            ack(
                response_action="errors",
                errors={field: error_messages.plain_sentence(one, texts) for field, one in found.items()},
            )
            return
        ack()
        context["respond"] = self.desk.way_back(form.origin)
        self.desk.take(lambda visit: self._drain(visit, form), body=body, client=client, context=context)

    def _drain(self, visit: Visit, form: nodes_list.DrainForm) -> None:
        told = self.fleet.drain(
            visit.who, form.node, tell=form.tell, until=form.until, reason=form.reason, where=visit.via
        )
        text = N_("{node} gets no new rentals. Rentals whose owners are told now: {count}.")
        self.show(visit, news=visit.texts(text, node=form.node, count=told), replace=form.replace)

    def undrain(self, visit: Visit) -> None:
        """The node gets rentals again."""
        admins_only(visit)
        self._undrain(visit, visit.value, replace=True)

    def _undrain(self, visit: Visit, node: str, *, replace: bool) -> None:
        changed = self.fleet.undrain(visit.who, node, where=visit.via)
        text = N_("{node} gets rentals again.") if changed else N_("{node} was not out of service.")
        self.show(visit, news=visit.texts(text, node=node), replace=replace)

    # -- usage

    def usage(self, visit: Visit, rest: str) -> None:
        """``/kws admin usage [2026-11]``."""
        try:
            month = usage.month_of(rest) if rest else self.core.today().replace(day=1)
        except ValueError:
            raise UserError("month_words", word=rest) from None
        self._send_usage(visit, month)

    def usage_button(self, visit: Visit) -> None:
        """A button of the list."""
        admins_only(visit)
        self.usage(visit, visit.value)

    def _send_usage(self, visit: Visit, month: date) -> None:
        used = usage.Usage(self.core).month(month)
        table = usage.rows(month, used, _names(visit.client, [one.person for one in used]))
        name = f"kws-usage-{month:%Y-%m}.csv"
        title = visit.texts.plain(N_("Usage {month} (CSV)"), month=f"{month:%Y-%m}")
        files.to_person(visit.client, visit.who.id, files.File(name, usage.to_csv(table).encode(), title))
        visit.say(visit.texts(N_("{name} is in your direct message."), name=name))

    # -- audit

    def audit(self, visit: Visit, rest: str) -> None:
        """``/kws admin audit [NAME]``: everything, or what is about one rental."""
        trail = Audit(self.core).trail(rental=rest.lower() or None, limit=MOST_AUDITED)
        text = history.of_trail(trail, visit.texts) if trail else visit.texts(N_("There is nothing."))
        visit.say(text, [paragraph(text)])


def _names(client: WebClient, people: list[str]) -> dict[str, str]:
    """What Slack calls them; who Slack does not tell of has none."""
    names = {}
    for person in people:
        try:
            user = client.users_info(user=person)["user"]
            names[person] = str(user.get("real_name") or (user.get("profile") or {}).get("real_name") or "")
        except (SlackClientError, OSError) as error:
            log.warning("users.info %s: %s", person, error)
    return names
