"""A rental as people see it: Slack takes it in every state, after every history, in both languages."""

from __future__ import annotations

from typing import Any

import pytest
from harness.cards import NOW, event, hostile, rental
from hypothesis import given
from hypothesis import strategies as st

from bot.text import prose
from bot.text.i18n import LOCALES, Texts
from bot.views import rental_card
from kws_core.errors import Refusal
from kws_core.tables.event import Event
from kws_core.tables.event_kinds import EventKind
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access, Reason, Status
from kws_core.values import Kind
from slack_workspace import check_blocks


def card(made: Rental, events: list[Event], locale: Any = "en") -> list[dict[str, Any]]:
    """The card's blocks as Slack gets them."""
    message = rental_card.card(made, events, NOW, Texts(locale))
    assert message.text
    return [block.to_dict() for block in message.blocks]


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("access", Access)
@pytest.mark.parametrize("status", Status)
def test_slack_takes_the_card_in_every_state_with_every_event(
    status: Status, access: Access, locale: str
) -> None:
    made = rental(status, access=access, key_file="F1" if access is Access.GENERATED else None)
    blocks = card(made, [event(kind, number) for number, kind in enumerate(EventKind)], locale)
    assert check_blocks(blocks) == []
    assert any(block["type"] == "actions" for block in blocks) == made.live


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("kind", EventKind)
@pytest.mark.parametrize("status", Status)
def test_slack_takes_the_bell_of_every_event(kind: EventKind, status: Status, locale: Any) -> None:
    message = rental_card.notification(rental(status), event(kind), Texts(locale))
    assert check_blocks([block.to_dict() for block in message.blocks]) == []


@pytest.mark.parametrize("locale", LOCALES)
@pytest.mark.parametrize("status", Status)
def test_slack_takes_a_full_list_in_every_state(status: Status, locale: Any) -> None:
    entries = [rental_card.list_entry(rental(status, id=f"id{n}"), NOW, Texts(locale)) for n in range(15)]
    assert check_blocks([block.to_dict() for entry in entries for block in entry]) == []


@pytest.mark.parametrize("refusal", Refusal)
@pytest.mark.parametrize("reason", Reason)
def test_every_refusal_and_every_reason_has_words(refusal: Refusal, reason: Reason) -> None:
    lines = [event(kind, refusal=refusal.value, reason=reason.value) for kind in EventKind]
    for locale in LOCALES:
        assert check_blocks(card(rental(Status.ENDED), lines, locale)) == []


@pytest.mark.parametrize("locale", LOCALES)
def test_slack_takes_the_longest_names_and_histories(locale: str) -> None:
    made = rental(
        name="a" * 63, image="<&>`" * 60, login="u" * 64, size="s" * 40, host_keys=["SHA256:" + "x" * 43] * 9
    )
    made.placements[0].node = "n" * 40
    events = [event(EventKind.MOVED, n, node="<" * 40, refused="&" * 40) for n in range(500)]
    assert check_blocks(card(made, events, locale)) == []


@given(hostile, hostile, st.sampled_from(LOCALES), st.sampled_from(Status))
def test_no_image_and_no_node_makes_markup(image: str, node: str, locale: str, status: Status) -> None:
    made = rental(status, image=image + "<!channel>`")
    blocks = card(made, [event(EventKind.PLACED, node=node + "<@U1>")], locale)
    assert check_blocks(blocks) == []
    assert "<!channel>" not in str(blocks)
    assert "<@U1>" not in str(blocks)


def test_the_last_lines_of_a_history_are_shown() -> None:
    events = [event(EventKind.MOVED, n, node=f"node{n}") for n in range(40)]
    shown = str(card(rental(Status.BUILDING), events))
    assert "node39" in shown
    assert "node24." not in shown


def test_a_block_cut_to_slacks_limit_is_not_cut_inside_a_character_of_markup() -> None:
    events = [event(EventKind.MOVED, n, node="<" * 40, refused="&" * 40) for n in range(15)]
    history = card(rental(Status.BUILDING), events)[2]["elements"][0]["text"]
    assert len(history) <= 2000
    assert not history.rstrip("…").endswith(("&", "&l", "&lt", "&a", "&am", "&amp"))


def test_a_returned_rental_says_who_returned_it() -> None:
    assert "You returned it" in str(
        card(rental(Status.ENDING), [event(EventKind.RETURNED, actor="U0MINA00001")])
    )
    assert "<@U0ADMIN001>" in str(
        card(rental(Status.ENDING), [event(EventKind.RETURNED, actor="U0ADMIN001")])
    )


@pytest.mark.parametrize("status", [Status.ENDING, Status.ENDED])
def test_a_bell_never_tells_an_address_that_is_none(status: Status) -> None:
    assert not rental_card.should_notify(rental(status), event(EventKind.READY))
    assert rental_card.should_notify(rental(Status.READY), event(EventKind.READY))


def test_the_ready_text_has_all_that_is_needed_to_get_in() -> None:
    for locale in LOCALES:
        text = prose.ready(rental(), NOW, Texts(locale))
        assert "ssh -i ~/.ssh/kws-web01 debian@203.0.113.10" in text
        assert "Host web01" in text
        assert "SHA256:" in text


def test_ones_own_key_needs_no_file_in_the_ssh_command() -> None:
    made = rental(key_file=None, access=Access.OWN_KEY)
    assert prose.ssh_command(made) == "ssh debian@203.0.113.10"
    assert "IdentityFile" not in prose.ready(made, NOW, Texts("en"))


def test_a_later_key_has_a_name_of_its_own_that_no_rentals_key_has() -> None:
    names = [prose.key_name(rental(key_number=number)) for number in (None, 1, 2, 13)]
    assert names == ["kws-web01", "kws-web01", "kws-web01_2", "kws-web01_13"]
    assert prose.ssh_command(rental(key_number=2)) == "ssh -i ~/.ssh/kws-web01_2 debian@203.0.113.10"


def test_a_new_key_for_a_server_with_a_password_shows_both() -> None:
    made = rental(password_hash="$6$x", access=Access.GENERATED)
    for locale, words in (("en", "You can also log in with your password"), ("ko", "비밀번호로도")):
        text = prose.ready(made, NOW, Texts(locale))
        assert "ssh -i ~/.ssh/kws-web01 debian@203.0.113.10" in text
        assert words in text
    made = rental(password_hash="$6$x", access=Access.PASSWORD, key_file=None)
    text = prose.ready(made, NOW, Texts("en"))
    assert "SSH asks for your password" in text and "-i" not in text


@pytest.mark.parametrize(
    ("changes", "there"),
    [
        ({}, True), ({"switched_off": True}, True), ({"rekey": {"key_file": "F0"}}, False),
        ({"kind": Kind.CONTAINER, "access": Access.NONE}, False), ({"status": Status.BUILDING}, False),
    ],
)  # fmt: skip
def test_a_new_key_is_offered_where_there_can_be_one(changes: dict[str, Any], there: bool) -> None:
    assert ("rental_new_key" in str(card(rental(**changes), []))) == there


def test_who_asked_for_a_new_key_is_said_when_it_was_somebody_else() -> None:
    own, others = (event(EventKind.KEY_WANTED, actor=actor) for actor in ("U0MINA00001", "U0ADMIN001"))
    assert "<@" not in str(card(rental(), [own]))
    assert "<@U0ADMIN001> reset the SSH key" in str(card(rental(), [others]))


def test_who_returns_a_server_hears_that_the_planned_copy_is_not_made() -> None:
    buttons = [
        rental_card.return_button(rental(copy_at_end=planned), Texts("en")) for planned in (False, True)
    ]
    said = [button.to_dict()["confirm"]["text"]["text"] for button in buttons]
    assert ["copy you planned" in text for text in said] == [False, True]
    assert all(text.endswith("You can't undo this.") for text in said)
