"""What people do with a machine that is ready: reboot, stop, start, read its console, get a new key."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot.slack.dispatcher import Desk, Visit, paragraph
from bot.text.i18n import N_, Mrkdwn
from bot.views import ids
from kws_core.nodes.values import Action
from kws_core.rentals import key_rotation
from kws_core.rentals.machine_actions import Done, Operations

ACTIONS = {ids.Action.REBOOT: Action.REBOOT, ids.Action.STOP: Action.STOP, ids.Action.START: Action.START}
DONE = {
    Action.REBOOT: N_("{name} is rebooting."),
    Action.STOP: N_("{name} is stopped. It keeps its place and its end date; start it when you need it."),
    Action.START: N_("{name} is starting."),
}
MOST_CONSOLE = 2800  # characters that fit a block beside the fence


def register(app: App, desk: Desk, operations: Operations) -> None:
    """Listens for the buttons of a card."""
    machine = Machine(desk, operations)
    for action_id, action in ACTIONS.items():
        app.action(action_id)(desk.listener(machine.act(action)))
    app.action(ids.Action.CONSOLE)(desk.listener(machine.console))
    app.action(ids.Action.NEW_KEY)(desk.listener(machine.new_key))


class Machine:
    """The buttons of a card."""

    def __init__(self, desk: Desk, operations: Operations) -> None:
        self.desk = desk
        self.core = desk.core
        self.operations = operations

    def act(self, action: Action) -> Callable[[Visit], None]:
        """Asks the node; the answer comes to the person when it has answered."""

        def serve(visit: Visit) -> None:
            rental_id, name = self._named(visit)
            done = self._told(visit, lambda _: visit.texts(DONE[action], name=name))
            self.operations.act(visit.who, rental_id, action, done, via=visit.via)

        return serve

    def console(self, visit: Visit) -> None:
        """Shows the last lines, to this person alone."""
        rental_id, name = self._named(visit)

        def text(lines: str) -> Mrkdwn:
            if not lines.strip():
                return visit.texts(N_("{name} has written nothing yet."), name=name)
            shown = visit.texts("{lines}", lines=lines.rstrip()[-MOST_CONSOLE:])
            return Mrkdwn(f"{visit.texts(N_('The last lines of {name}:'), name=name)}\n```{shown}```")

        self.operations.console(visit.who, rental_id, self._told(visit, text))

    def new_key(self, visit: Visit) -> None:
        """Whoever asks for it, it comes to the owner."""
        rental_id, name = self._named(visit)
        if key_rotation.ask(self.core, visit.who, rental_id, via=visit.via):
            text = N_(
                "A new key for {name} comes into its owner's direct message. Then the server reboots once."
            )
        else:
            text = N_("A new key for {name} is on its way already.")
        visit.say(visit.texts(text, name=name))

    def _named(self, visit: Visit) -> tuple[str, str]:
        rental_id = visit.value
        return rental_id, self.core.rental(visit.who, rental_id).name

    def _told(self, visit: Visit, text: Callable[[str], Mrkdwn]) -> Done:
        def done(result: str | Exception) -> None:
            if isinstance(result, Exception):
                answer: str = self.desk.explain(result, visit.texts, visit.who.id)
            else:
                answer = text(result)
            self.desk.executor.submit(lambda: visit.say(answer, [paragraph(answer)]))

        return done
