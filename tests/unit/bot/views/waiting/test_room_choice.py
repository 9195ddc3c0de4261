"""What a form without room offers, and what each answer makes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from harness.drawn_forms import sent_view
from harness.gallery import SIZES, offer
from hypothesis import given
from hypothesis import strategies as st

from bot.text.i18n import LOCALES, Texts
from bot.views import rent_form
from bot.views.waiting import room_choice
from bot.views.waiting.room_choice import RoomChoice
from kws_core.config import Policy
from kws_core.errors import ErrorCode, FormError, UserError
from kws_core.rentals.admission import CUSTOM, RentForm
from kws_core.values import Kind, Size
from slack_workspace import check_view

DAY, LATER = date(2026, 12, 8), date(2026, 12, 14)
FORM = RentForm(name="web01", image="debian-12", size="large", ends_on=date(2026, 12, 20), starts_on=DAY)
CHOICE = RoomChoice(1, "large", None, DAY, LATER, ("small", "medium"))
NO_ROOM = UserError(ErrorCode.NO_ROOM, size="large", rooms=[], earliest=DAY, until=LATER, fitting=["small"])
names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", fullmatch=True)
days = st.none() | st.dates()


def answered(choice: RoomChoice, value: str) -> RentForm:
    """The form after that answer."""
    chosen = {choice.block_id: {"value": {"selected_option": {"value": value}}}}
    return choice.apply(FORM, sent_view(values=chosen).state)


def asked(choice: RoomChoice, locale: Any = "en", sizes: list[Size] = SIZES) -> str:
    """All that stands in the question."""
    return str([block.to_dict() for block in room_choice.blocks(choice, sizes, Texts(locale))])


@given(st.integers(1, 99), names | st.just(CUSTOM), days, days, days, st.lists(names, max_size=7))
def test_it_is_kept_in_the_form_between_two_clicks(
    number: int, size: str, ends_on: date, earliest: date, until: date, fitting: list[str]
) -> None:
    choice = RoomChoice(number, size, ends_on, earliest, until, tuple(fitting))
    shown = rent_form.Shown(kind=Kind.CONTAINER, more=True, boxes=3, room=choice)
    assert rent_form.shown_in(sent_view(metadata=shown.metadata())) == shown
    assert len(shown.metadata()) <= 3000


@pytest.mark.parametrize(
    "word", ["room:", "room:x:large::::", "room:1:large:yesterday:::", "room:1:a:b:c:d:e:f"]
)
def test_what_is_not_as_we_write_it_is_out_of_date(word: str) -> None:
    with pytest.raises(UserError) as caught:
        RoomChoice.read(["server", word])
    assert caught.value.code is ErrorCode.FORM_STALE


def test_each_answer_changes_what_it_says_and_nothing_else() -> None:
    waits = answered(CHOICE, room_choice.WAIT)
    assert (waits.wait, waits.size, waits.ends_on, waits.starts_on) == (True, "large", FORM.ends_on, None)
    assert (waits.name, waits.image) == (FORM.name, FORM.image)
    small = answered(CHOICE, "size:small")
    assert (small.wait, small.size, small.ends_on) == (False, "small", FORM.ends_on)
    short = answered(CHOICE, room_choice.UNTIL)
    assert (short.wait, short.size, short.ends_on) == (False, "large", LATER)
    assert answered(CHOICE, room_choice.FIELDS) == FORM
    assert CHOICE.apply(FORM, sent_view().state) == FORM


def test_asked_again_it_is_about_what_was_answered_last() -> None:
    tried = RentForm(size="small", ends_on=LATER)
    again = RoomChoice.of(NO_ROOM, tried, CHOICE, FORM.ends_on)
    assert again.block_id != CHOICE.block_id
    waits = answered(again, room_choice.WAIT)
    assert (waits.size, waits.ends_on) == ("small", LATER)
    assert "*small*" in asked(again)


def test_only_that_there_is_no_room_is_asked_about() -> None:
    assert room_choice.no_room(FormError({"size": NO_ROOM})) is NO_ROOM
    assert room_choice.no_room(FormError({"size": UserError(ErrorCode.SIZE_MISSING)})) is None
    several = {"size": NO_ROOM, "name": UserError(ErrorCode.NAME_MISSING)}
    assert room_choice.no_room(FormError(several)) is None


@pytest.mark.parametrize("locale", LOCALES)
def test_slack_takes_the_form_with_the_question(locale: Any) -> None:
    many = [Size(f"{'s' * 39}{number}", 64, 1048576, 10000) for number in range(9)]
    fitting = tuple(size.name for size in many[:7])
    for choice in (CHOICE, RoomChoice(2, CUSTOM), RoomChoice(3, "large", DAY, DAY, DAY, fitting)):
        view = rent_form.build(offer(), Policy(), Texts(locale), rent_form.Shown(more=True, room=choice))
        assert check_view(view.to_dict()) == []
    assert asked(RoomChoice(1, "large", fitting=fitting), locale, many).count("size:") == 7


def test_a_size_without_a_name_reads_well() -> None:
    assert "No node has room for *this size* now." in asked(RoomChoice(1, CUSTOM))
    assert "지금은 *이* 사양을" in asked(RoomChoice(1, CUSTOM), "ko")
