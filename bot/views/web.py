"""Web addresses as people see them: the form for one rental, and the list for admins."""

from __future__ import annotations

from collections.abc import Sequence

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    MarkdownTextObject,
    NumberInputElement,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, spoken
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.admin_form import LONGEST_NOTE
from bot.views.form_fields import SentView
from kws_core.config import WebSection
from kws_core.forms.ports import LAST
from kws_core.tables.rental import Rental
from kws_core.tables.states import Audience, Upstream
from kws_core.web.service import SiteForm, SiteTerms

MOST_LISTED = 20  # two blocks each, of Slack's fifty in a message
AUDIENCES = {
    Audience.LAB: N_("The lab's network"),
    Audience.EVERYBODY: N_("Everyone on the internet"),
    Audience.NOBODY: N_("Nobody"),
}
UPSTREAMS = {Upstream.HTTP: "HTTP", Upstream.HTTPS: "HTTPS"}


def build(terms: SiteTerms, texts: Texts) -> View:
    """The form of one rental's web address."""
    form, web = terms.form, terms.web
    said = texts(
        N_(
            "*{name}* has the address {address}. A web server must listen on the port below. KWS serves it over HTTPS."
        ),
        name=terms.rental.name,
        address=link(web, terms.label),
    )
    blocks: list[Block] = [_section(said), *_fields(form, web, texts)]
    return View(
        type="modal",
        callback_id=ids.View.WEB,
        title=PlainTextObject(text=texts.plain(N_("Web address"))),
        submit=PlainTextObject(text=texts.plain(N_("Save"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=terms.rental.id,
        blocks=blocks,
    )


def _fields(form: SiteForm, web: WebSection, texts: Texts) -> list[Block]:
    offered = [one for one in Audience if web.everybody or one is not Audience.EVERYBODY]
    offered = [one for one in offered if web.open_to or one is not Audience.LAB]
    options = [(texts.plain(AUDIENCES[one]), one.value) for one in offered]
    port = NumberInputElement(
        action_id=ids.Action.VALUE,
        is_decimal_allowed=False,
        initial_value=str(form.port),
        min_value="1",
        max_value=str(LAST),
    )
    hint = texts.plain(N_("Another name under {domain}. You can use it for links."), domain=web.domain)
    return [
        fields.select(ids.Field.AUDIENCE, texts.plain(N_("Who can open it")), options, form.audience.value),
        fields.block(ids.Field.PORT, texts.plain(N_("Port of the web server")), port),
        fields.select(
            ids.Field.UPSTREAM,
            texts.plain(N_("The web server speaks")),
            [(text, one.value) for one, text in UPSTREAMS.items()],
            form.upstream.value,
        ),
        fields.text(
            ids.Field.SECOND,
            texts.plain(N_("Second name")),
            "my-site",
            hint,
            initial=form.second,
            optional=True,
        ),
    ]


def parse(view: SentView) -> tuple[str, SiteForm]:
    """The rental's id, and what the person chose, unchecked."""
    state = view.state
    audience, upstream = state.option(ids.Field.AUDIENCE), state.option(ids.Field.UPSTREAM)
    return view.private_metadata, SiteForm(
        Audience(audience) if audience in list(Audience) else Audience.NOBODY,
        state.number(ids.Field.PORT),
        Upstream(upstream) if upstream in list(Upstream) else Upstream.HTTP,
        state.text(ids.Field.SECOND),
    )


def link(web: WebSection, label: str) -> Mrkdwn:
    """The address, to be clicked. A label has no sign that is markup."""
    return Mrkdwn(f"<{web.address(label)}>")


def listing(rentals: Sequence[Rental], web: WebSection, texts: Texts, news: str | None = None) -> list[Block]:
    """Every web address with its buttons, for admins; ``news`` is said first."""
    title = f"*{texts(N_('Web addresses ({count})'), count=len(rentals))}*"
    blocks: list[Block] = [_section(f"{news}\n{title}" if news else title)]
    for rental in rentals[:MOST_LISTED]:
        blocks += [
            _section(_entry(rental, web, texts)),
            ActionsBlock(elements=[_admin_button(rental, texts)]),
        ]
    if len(rentals) > MOST_LISTED:
        blocks.append(_section(texts(N_("… and {count} more."), count=len(rentals) - MOST_LISTED)))
    return blocks


def take_off_form(rental: Rental, texts: Texts) -> View:
    """Asks the admin for the reason."""
    said = texts(
        N_("Visitors of *{name}* ({person}) will see that it's closed, until an admin puts it back."),
        name=rental.name,
        person=Mrkdwn(f"<@{rental.owner}>"),
    )
    note = PlainTextInputElement(action_id=ids.Action.VALUE, max_length=LONGEST_NOTE)
    return View(
        type="modal",
        callback_id=ids.View.WEB_OFF,
        title=PlainTextObject(text=texts.plain(N_("Take off the web"))),
        submit=PlainTextObject(text=texts.plain(N_("Take off the web"))),
        close=PlainTextObject(text=texts.plain(N_("Cancel"))),
        private_metadata=rental.id,
        blocks=[
            _section(said),
            fields.block(ids.Field.NOTE, texts.plain(N_("Reason (shown to the owner)")), note),
        ],
    )


def _entry(rental: Rental, web: WebSection, texts: Texts) -> str:
    site = rental.site
    assert site
    names = " ".join(link(web, label) for label in site.labels)
    facts = [
        f"<@{rental.owner}>",
        texts(AUDIENCES[site.audience]),
        texts(N_("port {port}"), port=site.port),
        texts(N_("served") if site.served_at else N_("not served")),
    ]
    if site.taken_off_by:
        said = N_("taken off by {actor}: {note}")
        facts[3:] = [texts(said, actor=Mrkdwn(f"<@{site.taken_off_by}>"), note=site.note)]
    return f"*{texts('{name}', name=rental.name)}* {names}\n{' · '.join(facts)}"


def _admin_button(rental: Rental, texts: Texts) -> ButtonElement:
    off = rental.site and rental.site.taken_off_by
    label = texts.plain(N_("Put back") if off else N_("Take off the web…"))
    return ButtonElement(
        action_id=ids.Action.WEB_BACK if off else ids.Action.WEB_OFF,
        value=rental.id,
        style=None if off else "danger",
        text=PlainTextObject(text=label),
        accessibility_label=spoken(label, rental.name),
    )


def _section(text: str) -> SectionBlock:
    return SectionBlock(text=MarkdownTextObject(text=clip(text, 3000)))
