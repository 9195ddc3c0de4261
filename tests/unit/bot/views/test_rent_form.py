"""The rental form: Slack takes it whatever the nodes call their images, and what is filled in comes back."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from harness.drawn_forms import sent_view
from harness.world import make_config
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from bot.text.i18n import LOCALES, Texts
from bot.views import form_fields, rent_form
from kws_core.nodes.values import Image
from kws_core.rentals.form_options import FormOptions
from kws_core.scheduling.placement import NodeCapacity
from kws_core.values import Kind, Size
from slack_workspace import check_view

POLICY = make_config().policy
HOSTILE = [
    "debian-12", "<!channel>", "`rm`", "&amp;", "*bold* _it_", "a\nb", "{name}", "{0}", "%s", " ", "\u200b", "키보드",
    "\U0001f600" * 40, "x" * 75, "x" * 76, "x" * 150, "x" * 151, "x" * 255, '"quoted"', "\\", "\x00", "\u202etxt",
]  # fmt: skip
names = st.sampled_from(HOSTILE) | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=200)
locales = st.sampled_from(LOCALES)


def offer(images: list[Image], sizes: list[Size] | None = None) -> FormOptions:
    """What the form is built from."""
    return FormOptions(
        images=images,
        sizes=sizes or [Size("small", 1, 512, 5), Size("large", 2, 2048, 20)],
        rooms=[NodeCapacity("node1", frozenset({Kind.SERVER}), frozenset(), 8, 8192, 100, 8, 8192, 100)],
        today=date(2026, 12, 1),
        default_end=date(2026, 12, 15),
        last_end=date(2027, 3, 1),
    )


def image(name: str, title: str = "") -> Image:
    """An image as a node names it."""
    return Image(id=name, name=name, title=title)


def build(made: FormOptions, locale: Any = "en") -> dict[str, Any]:
    """The view as Slack gets it."""
    return rent_form.build(made, POLICY, Texts(locale)).to_dict()


def options(view: dict[str, Any], block_id: str) -> list[dict[str, Any]]:
    """The choices of one select."""
    (block,) = [block for block in view["blocks"] if block.get("block_id") == block_id]
    return list(block["element"]["options"])


@pytest.mark.parametrize("number", [0, 1, 2, 99, 100, 101, 150])
@pytest.mark.parametrize("locale", LOCALES)
def test_slack_takes_the_form_with_any_number_of_images(number: int, locale: str) -> None:
    view = build(offer([image(f"image-{n}", f"Image {n}") for n in range(number)]), locale)
    assert check_view(view) == []
    assert ("submit" in view) == (number > 0)


@given(st.lists(names, min_size=1, max_size=5, unique=True), names, locales)
def test_slack_takes_the_form_whatever_images_are_called(found: list[str], title: str, locale: str) -> None:
    view = build(offer([image(name, title) for name in found]), locale)
    assert check_view(view) == []


@given(st.lists(names, min_size=1, max_size=4, unique=True), locales)
def test_the_value_of_a_choice_is_the_images_whole_name(found: list[str], locale: str) -> None:
    view = build(offer([image(name) for name in found]), locale)
    kept = [name for name in found if name.strip() and len(name) <= form_fields.MOST_VALUE]
    if kept:
        assert [option["value"] for option in options(view, "image")] == kept


@pytest.mark.parametrize("made", [image(""), image("debian", " ")], ids=["no name", "blank title"])
def test_one_odd_image_does_not_take_the_form_from_everybody(made: Image) -> None:
    view = build(offer([made, image("debian-12")]))
    assert check_view(view) == []
    assert all(option["text"]["text"].strip() and option["value"] for option in options(view, "image"))


@pytest.mark.parametrize("number", [1, 100, 120])
def test_slack_takes_the_form_with_any_number_of_sizes(number: int) -> None:
    sizes = [Size("s" * 35 + f"{n:05}", 10**6, 10**9, 10**9) for n in range(number)]
    assert check_view(build(offer([image("debian-12")], sizes))) == []


def filled(**values: Any) -> form_fields.SentView:
    """What Slack sends for a filled form."""
    return sent_view(values={block: {"value": element} for block, element in values.items()})


def test_what_is_filled_in_comes_back() -> None:
    form = rent_form.parse(
        filled(
            name={"type": "plain_text_input", "value": " web01 "},
            image={"type": "static_select", "selected_option": {"value": "debian-12"}},
            size={"type": "static_select", "selected_option": {"value": "small"}},
            ends_on={"type": "datepicker", "selected_date": "2026-12-24"},
        )
    )
    assert (form.name, form.image, form.size) == ("web01", "debian-12", "small")
    assert form.ends_on == date(2026, 12, 24)
    assert form.public_key is None


@pytest.mark.parametrize(
    ("metadata", "boxes"),
    [("server more", 1), ("server more 3", 3), ("server more 12", 12), ("server more 99", 12), ("server more 0", 1),
     ("server more -2", 1), ("server more 2x", 1)],
)  # fmt: skip
def test_cloud_init_may_go_on_in_more_boxes(metadata: str, boxes: int) -> None:
    names = [f"cloud_init_{number}" if number > 1 else "cloud_init" for number in range(1, 15)]
    values = {block: {"value": {"type": "plain_text_input", "value": f"# {block}"}} for block in names}
    view = sent_view(metadata=metadata, values=values)
    shown = rent_form.shown_in(view)
    assert shown.boxes == boxes
    drawn = rent_form.build(offer([image("debian-12")]), POLICY, Texts("ko"), shown).to_dict()
    assert check_view(drawn) == []
    assert [one["block_id"] for one in drawn["blocks"] if "cloud_init" in one.get("block_id", "")] == names[
        :boxes
    ]
    assert any(one.get("block_id") == "rent_longer" for one in drawn["blocks"]) == (boxes < 12)
    assert rent_form.parse(view).cloud_init == "\n".join(f"# {block}" for block in names[:boxes])


@given(st.integers(0, 3), st.integers(0, 1))
def test_each_choice_offered_is_one_that_is_understood(which_image: int, which_size: int) -> None:
    found = ["debian-12", "<!here>", "a\nb", "`x`"]
    view = build(offer([image(name, "Same title") for name in found]))
    picked = options(view, "image")[which_image], options(view, "size")[which_size]
    form = rent_form.parse(filled(image={"selected_option": picked[0]}, size={"selected_option": picked[1]}))
    assert (form.image, form.size) == (found[which_image], ["small", "large"][which_size])


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
elements = st.fixed_dictionaries(
    {},
    optional={
        "value": st.none() | words,
        "selected_option": st.none() | st.fixed_dictionaries({"value": words}),
        "selected_date": st.none() | st.dates().map(str),
    },
)


@given(st.dictionaries(st.sampled_from(["name", "image", "size", "public_key"]), elements))
def test_nothing_filled_in_ever_raises(values: dict[str, Any]) -> None:
    form = rent_form.parse(filled(**values))
    assert all(text is None or isinstance(text, str) for text in (form.name, form.image, form.size))


def test_a_date_that_nobody_picked_is_left_empty() -> None:
    assert rent_form.parse(filled(ends_on={"selected_date": None})).ends_on is None


@pytest.mark.parametrize("day", ["", "soon", "20261201", "2026-13-01", "2026-02-30"])
def test_what_is_no_date_is_not_slacks(day: str) -> None:
    with pytest.raises(ValidationError):
        filled(ends_on={"selected_date": day})
