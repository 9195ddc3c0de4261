"""What people do with a machine that is ready: reboot, stop, start, read its console, get a new key."""

from __future__ import annotations

from collections.abc import Callable

from slack_bolt import App

from bot.slack.dispatcher import Dispatcher, RequestContext, paragraph
from bot.text.i18n import N_, Mrkdwn
from bot.views import ids
from kws_core.nodes.values import MachineAction
from kws_core.rentals import key_rotation
from kws_core.rentals.key_files import KeyFiles
from kws_core.rentals.machine_actions import Done, Operations

ACTIONS = {
    ids.Action.REBOOT: MachineAction.REBOOT,
    ids.Action.STOP: MachineAction.STOP,
    ids.Action.START: MachineAction.START,
}
DONE = {
    MachineAction.REBOOT: N_("Rebooting {name}."),
    MachineAction.STOP: N_(
        "Stopping {name}. Its card shows when it's stopped. Its resources and last day are kept."
    ),
    MachineAction.START: N_("Starting {name}. Its card shows when you can log in."),
}
MOST_CONSOLE = 2800  # characters that fit a block beside the fence


def register(app: App, dispatcher: Dispatcher, operations: Operations) -> None:
    """Listen for the buttons of a card."""
    machine = MachineHandler(dispatcher, operations)
    for action_id, action in ACTIONS.items():
        app.action(action_id)(dispatcher.listener(machine.act(action)))
    app.action(ids.Action.CONSOLE)(dispatcher.listener(machine.console))
    app.action(ids.Action.NEW_KEY)(dispatcher.listener(machine.new_key))
    app.action(ids.Action.KEY_SAVED)(dispatcher.listener(machine.key_saved))


class MachineHandler:
    """The buttons of a card."""

    def __init__(self, dispatcher: Dispatcher, operations: Operations) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_queries = dispatcher.rental_queries
        self.operations = operations
        self.key_files = KeyFiles(dispatcher.context)

    def act(self, action: MachineAction) -> Callable[[RequestContext], None]:
        """Ask the node; the answer comes to the person when it has answered."""

        def serve(request: RequestContext) -> None:
            rental_id, name = self._named(request)
            done = self._told(request, lambda _: request.texts(DONE[action], name=name))
            self.operations.act(request.who, rental_id, action, done, via=request.via)

        return serve

    def console(self, request: RequestContext) -> None:
        """Show the last lines, to this person alone."""
        rental_id, name = self._named(request)

        def text(lines: str) -> Mrkdwn:
            if not lines.strip():
                return request.texts(N_("{name} has no output yet."), name=name)
            shown = request.texts("{lines}", lines=lines.rstrip()[-MOST_CONSOLE:])
            head = request.texts(N_("Last lines of {name}:"), name=name)
            return Mrkdwn(f"{head}\n```{shown}```")

        self.operations.console(request.who, rental_id, self._told(request, text))

    def new_key(self, request: RequestContext) -> None:
        """The key goes to the owner, no matter who asks."""
        rental_id, name = self._named(request)
        if key_rotation.ask(self.context, request.who, rental_id, via=request.via):
            text = N_(
                "Resetting the SSH key of {name}. The owner gets the new key by DM, then the server reboots."
            )
        else:
            text = N_("The new SSH key for {name} is already on its way.")
        request.say(request.texts(text, name=name))

    def key_saved(self, request: RequestContext) -> None:
        """Only its owner knows that; the file goes within seconds."""
        there = self.key_files.saved(request.who, request.value)
        gone = N_("The private key file is no longer in Slack.")
        going = N_("Removing the private key file from Slack.")
        request.say(request.texts(going if there else gone))

    def _named(self, request: RequestContext) -> tuple[str, str]:
        rental_id = request.value
        return rental_id, self.rental_queries.rental(request.who, rental_id).name

    def _told(self, request: RequestContext, text: Callable[[str], Mrkdwn]) -> Done:
        def done(result: str | Exception) -> None:
            if isinstance(result, Exception):
                answer: str = self.dispatcher.explain(result, request.texts, request.who.id)
            else:
                answer = text(result)
            self.dispatcher.executor.submit(lambda: request.say(answer, [paragraph(answer)]))

        return done
