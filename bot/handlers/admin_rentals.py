"""What admins do with anybody's rental in *Manage rentals*; who asks is looked up again when a form is sent."""

from __future__ import annotations

from datetime import date

from slack_bolt import App
from slack_sdk.models.views import View

from bot.delivery.homes import Homes
from bot.handlers.admin import admins_only
from bot.slack.dispatcher import Dispatcher, Later, Redraw, RequestContext, Submission
from bot.text.i18n import N_, Mrkdwn
from bot.views import admin_form, ids
from bot.views.admin_form import Filled
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.rentals.extension import Extensions
from kws_core.tables.rental import Rental

VIA = "desk"  # where it was done, in the audit trail
DONE = {
    ids.RentalAct.EXTEND: N_("Extended {name} ({person}) until {day}."),
    ids.RentalAct.TRANSFER: N_("{person} now owns {name}."),
    ids.RentalAct.RESTORE: N_("Restored {name} ({person}) until {day}."),
    ids.RentalAct.END: N_("Deleting {name} ({person})."),
}


def register(app: App, dispatcher: Dispatcher, homes: Homes, terms: Extensions) -> None:
    """Listen for the menus of the rows and for their forms."""
    acts = DeskActs(dispatcher, homes, terms)
    app.action(ids.Action.DESK_ACT)(dispatcher.listener(acts.open))
    app.view(ids.View.DESK)(dispatcher.form(acts.submitted, at=ids.Field.NOTE))


class DeskActs:
    """The acts."""

    def __init__(self, dispatcher: Dispatcher, homes: Homes, terms: Extensions) -> None:
        self.dispatcher = dispatcher
        self.context = dispatcher.context
        self.rental_service = dispatcher.rental_service
        self.rental_queries = dispatcher.rental_queries
        self.homes = homes
        self.terms = terms

    def open(self, request: RequestContext) -> None:
        """Open the form for the choice in a row's menu.

        Raises:
            UserError: If the rental has ended.
        """
        admins_only(request)
        act, rental_id = ids.parse_act(request.action.option or "")
        rental = self.rental_queries.rental(request.who, rental_id)
        if not rental.live:
            raise UserError(ErrorCode.TOO_LATE_TO_EXTEND, name=rental.name)
        missed = rental.placement is not None and self.context.config.node(rental.placement.node) is None
        proposed = self.context.expiry.choices.a_week_more(rental, self.context.today())
        form = admin_form.build(act, rental, proposed, request.texts, missed=missed)
        request.open_form(form, "/kws admin rentals")

    def submitted(self, form: Submission) -> Later | Redraw:
        """Say at once what is wrong with a field; the rest needs to know who asks, on a worker thread."""
        filled = admin_form.parse(form.view)
        if filled.act is ids.RentalAct.EXTEND:
            until = self._check(filled)
            if not filled.anyway and (view := self._whom_it_hits(form, filled, until)):
                return Redraw(view)
        return Later(lambda request: self._act(request, filled))

    def _check(self, filled: Filled) -> date:
        try:
            choices = self.context.expiry.choices
            until = choices.check_last_day(filled.until, self.context.today(), beyond_policy=True)
        except UserError as error:
            raise FormError({ids.Field.ENDS_ON: error}) from None
        if not filled.note:
            raise UserError(ErrorCode.NOTE_MISSING)
        return until

    def _whom_it_hits(self, form: Submission, filled: Filled, until: date) -> View | None:
        """The form again, with those whose promised room it takes, if there are any."""
        who = form.authorize()
        hit = (
            self.terms.hit(who, filled.rental_id, until) if who.admin else []
        )  # asked again before it is done
        if not hit:
            return None
        rental = self.rental_queries.rental(who, filled.rental_id)
        return admin_form.build(filled.act, rental, until, form.texts, hit=hit)

    def _act(self, request: RequestContext, filled: Filled) -> None:
        admins_only(request)
        rental = self._done(request, filled)
        text = request.texts(
            DONE[filled.act],
            name=rental.name,
            person=Mrkdwn(f"<@{rental.owner}>"),
            day=request.texts.date(rental.ends_on),
        )
        self.homes.show(request.who.id)
        request.say(text)

    def _done(self, request: RequestContext, filled: Filled) -> Rental:
        who, rental_id, note = request.who, filled.rental_id, filled.note
        match filled.act:
            case ids.RentalAct.EXTEND:
                return self.terms.extend(
                    who, rental_id, filled.until, via=VIA, note=note, over_promises=filled.anyway
                )
            case ids.RentalAct.TRANSFER:
                to = self._member(str(filled.person))
                return self.terms.transfer(who, rental_id, to, via=VIA, note=note)
            case ids.RentalAct.RESTORE:
                return self.terms.restore(who, rental_id, via=VIA, note=note)
            case ids.RentalAct.END:
                return self.rental_service.return_rental(who, rental_id, via=VIA, note=note)

    def _member(self, user_id: str) -> str:
        """Guests, strangers and bots can't take a rental over."""
        try:
            self.dispatcher.directory.authorize(user_id, None)
        except UserError as error:
            if error.code in ("guest", "stranger"):
                raise UserError(ErrorCode.NO_MEMBER, person=Mrkdwn(f"<@{user_id}>")) from error
            raise
        return user_id
