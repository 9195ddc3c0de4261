"""``/kws admin nodes``, ``usage`` and ``audit``: for admins, who are asked for at each click again."""

from __future__ import annotations

import logging
import re
from datetime import date

from slack_bolt import App
from slack_sdk import WebClient
from slack_sdk.errors import SlackClientError

from bot.handlers.admin import AdminCommands, admins_only
from bot.slack import files
from bot.slack.dispatcher import Dispatcher, Later, RequestContext, Submission, paragraph
from bot.text.error_messages import sentence
from bot.text.i18n import N_, P_
from bot.views import history, ids, nodes_list
from kws_core.errors import ErrorCode, UserError
from kws_core.moves.service import Moves
from kws_core.reports import usage
from kws_core.reports.audit import Audit
from kws_core.scheduling.node_maintenance import NodeMaintenance

log = logging.getLogger(__name__)

MOST_AUDITED = 30


def register(app: App, dispatcher: Dispatcher, admin: AdminCommands) -> None:
    """Listen for the commands, the buttons of the list, and the form."""
    nodes = Nodes(dispatcher)
    admin.add("nodes", nodes.serve)
    admin.add("usage", nodes.usage)
    admin.add("audit", nodes.audit)
    app.action(ids.Action.DRAIN)(dispatcher.listener(nodes.ask))
    app.action(ids.Action.UNDRAIN)(dispatcher.listener(nodes.undrain))
    app.action(re.compile(f"^{ids.Action.USAGE}:"))(dispatcher.listener(nodes.usage_button))
    app.view(ids.View.DRAIN)(dispatcher.form(nodes.submitted, at=ids.Field.REASON))


class Nodes:
    """The nodes, what was used of them, and who did what."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_queries = dispatcher.rental_queries
        self.fleet = NodeMaintenance(dispatcher.context)
        self.moves = Moves(dispatcher.context)

    def serve(self, request: RequestContext, rest: str) -> None:
        """Serve ``/kws admin nodes``, and ``nodes drain``, ``undrain`` and ``recover NAME``.

        Raises:
            UserError: If the words aren't a command.
        """
        word, _, node = rest.partition(" ")
        match word.lower():
            case "":
                self.show(request)
            case "drain" if node:
                self._open(request, node.strip(), replace=False)
            case "recover" if node:
                self._recover(request, node.strip())
            case "undrain" if node:
                self._undrain(request, node.strip(), replace=False)
            case _:
                raise UserError(ErrorCode.NODES_WORDS, word=rest)

    def show(self, request: RequestContext, *, news: str | None = None, replace: bool = False) -> None:
        """Every node, from what it said last."""
        this = self.context.today().replace(day=1)
        months = (usage.month_before(this), this)
        blocks = nodes_list.listing(
            self.rental_queries.nodes(), self.rental_queries.missed(), months, request.texts
        )
        text = news or request.texts(N_("Nodes"))
        request.say(text, [paragraph(news or f"*{text}*"), *blocks], replace=replace)

    def ask(self, request: RequestContext) -> None:
        """The button of a node opens the form."""
        admins_only(request)
        self._open(request, request.value, replace=True)

    def _open(self, request: RequestContext, node: str, *, replace: bool) -> None:
        self.fleet.check_name(node)
        rentals = next((s.lent.rentals for s in self.rental_queries.nodes() if s.room.node == node), 0)
        origin = nodes_list.DrainOrigin(node, request.respond.response_url, replace)
        view = nodes_list.drain_form(origin, rentals, self.context.today(), request.texts)
        request.open_form(view, "/kws admin nodes")

    def submitted(self, form: Submission) -> Later:
        """Check the fields; then, with the time to ask Slack who is an admin, the node is drained."""
        wanted = nodes_list.parse(form.view)
        self.fleet.check(wanted.until, wanted.reason, tell=wanted.tell or wanted.move)
        return Later(lambda request: self._drain(request, wanted), wanted.origin.response_url)

    def _drain(self, request: RequestContext, form: nodes_list.DrainForm) -> None:
        node = form.origin.node
        told = self.fleet.drain(
            request.who,
            node,
            tell=form.tell,
            move=form.move,
            until=form.until,
            reason=form.reason,
            where=request.via,
        )
        text = P_(
            "{node} is in maintenance and won't get new rentals. Notified owners of {count} rental.",
            "{node} is in maintenance and won't get new rentals. Notified owners of {count} rentals.",
            "count",
        )
        news = request.texts(text, node=node, count=told)
        self.show(request, news=news, replace=form.origin.replace)

    def undrain(self, request: RequestContext) -> None:
        """The node gets rentals again."""
        admins_only(request)
        self._undrain(request, request.value, replace=True)

    def _undrain(self, request: RequestContext, node: str, *, replace: bool) -> None:
        changed = self.fleet.undrain(request.who, node, where=request.via)
        text = (
            N_("Maintenance ended. {node} gets new rentals again.")
            if changed
            else N_("{node} wasn't in maintenance.")
        )
        self.show(request, news=request.texts(text, node=node), replace=replace)

    def _recover(self, request: RequestContext, node: str) -> None:
        """Servers of a node that isn't responding are made again from their copies on other nodes."""
        self.fleet.check_name(node)
        done = self.moves.recover_node(request.who, node, via=request.via)
        texts = request.texts
        lines: list[str] = [
            texts(N_("Creating again from copies: {names}."), names=", ".join(done.started))
            if done.started
            else texts(N_("No server of {node} can be created again from a copy."), node=node)
        ]
        lines += [f"• {texts('{name}', name=name)}: {sentence(error, texts)}" for name, error in done.failed]
        request.say("\n".join(lines))

    # -- usage

    def usage(self, request: RequestContext, rest: str) -> None:
        """Serve ``/kws admin usage [2026-11]``.

        Raises:
            UserError: If it isn't a month.
        """
        try:
            month = usage.month_of(rest) if rest else self.context.today().replace(day=1)
        except ValueError:
            raise UserError(ErrorCode.MONTH_WORDS, word=rest) from None
        self._send_usage(request, month)

    def usage_button(self, request: RequestContext) -> None:
        """A button of the list."""
        admins_only(request)
        self.usage(request, request.value)

    def _send_usage(self, request: RequestContext, month: date) -> None:
        used = usage.UsageReport(self.context).month(month)
        table = usage.rows(month, used, _names(request.client, [one.person for one in used]))
        name = f"kws-usage-{month:%Y-%m}.csv"
        title = request.texts.plain(N_("Download usage {month} (CSV)"), month=f"{month:%Y-%m}")
        files.to_person(request.client, request.who.id, files.File(name, usage.to_csv(table).encode(), title))
        request.say(request.texts(N_("Sent {name} to your DMs."), name=name))

    # -- audit

    def audit(self, request: RequestContext, rest: str) -> None:
        """``/kws admin audit [NAME]``: everything, or what is about one rental."""
        trail = Audit(self.context).trail(rental=rest.lower() or None, limit=MOST_AUDITED)
        text = history.of_trail(trail, request.texts) if trail else request.texts(N_("Nothing to show."))
        request.say(text, [paragraph(text)])


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
