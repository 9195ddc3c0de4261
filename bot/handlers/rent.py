"""Renting: the form is opened, checked, and accepted."""

from __future__ import annotations

import logging
from typing import Any

from slack_bolt import Ack, App
from slack_sdk.errors import SlackApiError

from bot import errors
from bot.desk import Desk, Visit
from bot.handlers.commands import Commands
from bot.i18n import N_, Texts
from bot.views import ids, rent_form
from kws_core.errors import FormError, UserError

log = logging.getLogger(__name__)

STALE = frozenset(
    {
        "expired_trigger_id",
        "exchanged_trigger_id",
        "invalid_trigger_id",
        "trigger_expired",
        "trigger_exchanged",
    }
)
CONTAINER_WORDS = frozenset({"container", "컨테이너"})


def register(app: App, desk: Desk, commands: Commands) -> None:
    """Listens for ``/kws rent`` and for the form."""
    rent = Rent(desk)
    commands.add("rent", rent.open)
    app.view(ids.View.RENT)(rent.submitted)


class Rent:
    """The rental form."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.core = desk.core

    def open(self, visit: Visit, rest: str) -> None:
        """Opens the form from the last known catalogue, whatever the nodes are doing."""
        if rest.lower() in CONTAINER_WORDS:
            raise UserError("container_later")
        view = rent_form.build(self.core.offer(visit.who), self.core.config.policy, visit.texts)
        try:
            visit.client.views_open(trigger_id=visit.body["trigger_id"], view=view)
        except SlackApiError as error:
            if error.response.get("error") not in STALE:
                raise
            log.info("form for %s came too late: %s", visit.who.id, error.response.get("error"))
            visit.say(
                visit.texts(
                    N_("That took too long for Slack. Please type {command} again."), command="/kws rent"
                )
            )

    def submitted(self, ack: Ack, body: dict[str, Any], view: dict[str, Any]) -> None:
        """Accepts the form or puts an error at each field; one form makes one rental however often it comes."""
        user_id = str(body["user"]["id"])
        texts = self.desk.directory.texts_of(user_id)
        try:
            who, texts = self.desk.directory.admit_known(user_id)
            self.core.request(who, rent_form.parse(view), request_key=f"view:{view['id']}")
        except FormError as error:
            ack(response_action="errors", errors=_at_fields(error, texts))
        except Exception as error:
            ack(response_action="errors", errors={ids.Field.NAME: self._whole(error, texts, user_id)})
        else:
            ack()

    def _whole(self, error: Exception, texts: Texts, user_id: str) -> str:
        if isinstance(error, UserError):
            return errors.plain_sentence(error, texts)
        return texts.plain(errors.BUG, ref=errors.new_reference(error, f"form of {user_id}"))


def _at_fields(error: FormError, texts: Texts) -> dict[str, str]:
    return {field: errors.plain_sentence(problem, texts) for field, problem in error.fields.items()}
