"""How a form that is sent is answered, and what a request knows of itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from harness.drawn_forms import sent_view
from harness.world import MINA, Inline, World
from slack_bolt import Respond

from bot.slack import payloads
from bot.slack.dispatcher import Dispatcher, Later, Redraw, RequestContext, Submission, Submit, paragraph
from bot.slack.payloads import EventCallback, Payload, ViewSubmission
from bot.text.i18n import Texts
from bot.views import form_fields, ids
from kws_core.errors import ErrorCode, FormError, UserError

MISSING, PAST = UserError(ErrorCode.IMAGE_MISSING), UserError(ErrorCode.END_MISSING)
NAME, NOTE = ids.Field.NAME, ids.Field.NOTE


@pytest.fixture
def dispatcher(world: World) -> Dispatcher:
    directory: Any = SimpleNamespace(
        texts_of=lambda user: Texts("en"),
        authorize_known=lambda user: (MINA, Texts("en")),
        authorize=lambda user, team: (MINA, Texts("en")),
        client=SimpleNamespace(base_url="https://slack.com/api/"),
    )
    return Dispatcher(world.context, directory, Inline())


def payload(**more: Any) -> Payload:
    """A form with a name and a note."""
    blocks = [{"type": "input", "block_id": str(field)} for field in (NAME, NOTE)]
    view = sent_view({"blocks": blocks, "callback_id": "desk"})
    return payloads.read(
        {"type": "view_submission", "user": {"id": MINA.id}, "view": view.model_dump(), **more}
    )


def answered(dispatcher: Dispatcher, submit: Submit) -> list[dict[str, Any]]:
    """What the form was acknowledged with."""
    said: list[dict[str, Any]] = []
    dispatcher.form(submit, at=NAME)(lambda **kinds: said.append(kinds), {payloads.KEY: payload()})
    return said


def failing(error: Exception) -> Submit:
    """A form in which this is wrong."""

    def submit(form: Submission) -> None:
        raise error

    return submit


def test_a_form_that_is_right_is_closed(dispatcher: Dispatcher) -> None:
    sent: list[Submission] = []
    assert answered(dispatcher, sent.append) == [{}]
    assert (sent[0].view.callback_id, sent[0].authorize()) == ("desk", MINA)


@pytest.mark.parametrize(
    ("error", "places"),
    [
        (MISSING, {NAME: 1}),
        (FormError({NOTE: MISSING}), {NOTE: 1}),
        (FormError({NOTE: MISSING, NAME: PAST}), {NOTE: 1, NAME: 1}),
        (FormError({"cidr": MISSING, NAME: PAST, "ports": PAST}), {NAME: 3}),  # no such fields in this form
    ],
)
def test_errors_stand_at_fields_that_the_form_has(
    dispatcher: Dispatcher, error: Exception, places: dict[str, int]
) -> None:
    (answer,) = answered(dispatcher, failing(error))
    assert answer["response_action"] == "errors"
    sentences = {field: text.count(".") for field, text in answer["errors"].items()}
    assert sentences == places


def test_a_bug_is_a_number_at_the_field(dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture) -> None:
    (answer,) = answered(dispatcher, failing(KeyError("secret")))
    assert list(answer["errors"]) == [NAME]
    assert "secret" not in answer["errors"][NAME]
    assert f"desk form of {MINA.id}" in caplog.text


@pytest.mark.parametrize(
    ("url", "back"),
    [
        ("https://hooks.slack.com/actions/1", "https://hooks.slack.com/actions/1"),
        ("https://10.0.0.1/", None),
        (None, None),
    ],
)
def test_what_is_left_is_done_once_it_is_closed(
    dispatcher: Dispatcher, url: str | None, back: str | None
) -> None:
    served: list[RequestContext] = []
    assert answered(dispatcher, lambda form: Later(served.append, url)) == [{}]
    (request,) = served
    assert (request.who, request.via, request.respond.response_url) == (MINA, "form", back)
    assert (
        request.client is dispatcher.directory.client
    )  # whose failures are counted, and whose connections are kept


def test_a_form_may_stay_open_and_be_drawn_again(dispatcher: Dispatcher) -> None:
    view = form_fields.notice([paragraph("Anything else?")])
    assert answered(dispatcher, lambda form: Redraw(view)) == [
        {"response_action": "update", "view": view.to_dict()}
    ]


def test_a_form_that_comes_twice_is_served_once(dispatcher: Dispatcher) -> None:
    served: list[RequestContext] = []
    for _ in range(2):
        dispatcher.dispatch(served.append, payload(trigger_id="1.a"), Respond(response_url=None))  # type: ignore[arg-type]
    assert len(served) == 1


def test_only_a_click_has_an_action(dispatcher: Dispatcher) -> None:
    request = RequestContext(MINA, Texts("en"), payload(), None, None)  # type: ignore[arg-type]
    for ask in (lambda: request.action, lambda: request.value, lambda: request.trigger_id):
        with pytest.raises(UserError) as caught:
            ask()
        assert caught.value.code is ErrorCode.BUTTON_STALE
    assert (request.clicked, request.words, request.message, request.channel) == (False, "", None, None)


def test_an_event_is_handed_on(dispatcher: Dispatcher) -> None:
    seen: list[EventCallback] = []
    event = payloads.read({"type": "event_callback", "event": {"type": "app_home_opened", "user": MINA.id}})
    listen = dispatcher.event(seen.append)
    listen({payloads.KEY: event})
    listen({payloads.KEY: payload()})
    assert seen == [event]
    assert not isinstance(event, ViewSubmission)
