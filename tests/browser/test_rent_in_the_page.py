"""The main job in the browser: form, errors at the fields, key, download, return; in English and in Korean."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_ssh_private_key
from desk import Desk

Sit = Callable[..., Desk]


def test_from_the_form_to_nothing_left(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.box.fill("/kws re")
    desk.expect(desk.page.locator(".hints [role=option]")).to_have_count(4)  # rent, return, resize, reset
    desk.box.press("ArrowDown")
    desk.box.press("Enter")
    desk.expect(desk.box).to_have_value("/kws rent ")
    desk.box.press("Enter")
    name, image = desk.modal.get_by_label("Name", exact=True), desk.modal.get_by_label("Image", exact=True)
    desk.expect(name).to_be_focused()
    name.fill("BAD name")
    desk.press("Rent", desk.modal)
    error = desk.modal.locator("[data-block=image] .error")
    desk.expect(error).to_contain_text("Please complete this required field.")  # Slack's own
    image.select_option("debian-12")
    desk.expect(error).to_be_hidden()
    name.press("Enter")
    wrong = desk.modal.locator("[data-block=name] .error")
    desk.expect(wrong).to_contain_text("lowercase letters")  # the bot's
    desk.expect(name).to_be_focused()
    desk.expect(name).to_have_attribute("aria-invalid", "true")
    name.fill("web01")
    name.press("Enter")
    desk.expect(desk.modal).to_have_count(0)
    card = desk.messages.first
    desk.expect(card).to_contain_text("Running on node1")
    desk.expect(card.locator("pre").first).to_contain_text("ssh -i ~/.ssh/kws-web01 debian@203.0.113.10")

    desk.press("Return server", card)
    desk.expect(desk.question).to_contain_text("You can't undo this.")
    desk.press("Cancel", desk.question)
    desk.expect(desk.question).to_have_count(0)
    desk.type("/kws return web01")
    desk.press("Return server", desk.message("Only visible to you"))
    desk.expect(card).to_contain_text("Nothing remains")
    assert desk.demo.nodes["node1"].resources() == {}


def test_the_key_can_be_saved_and_opens_the_server(sit_down: Sit, tmp_path: Path) -> None:
    desk = sit_down("joon")
    card = desk.rent()
    card.get_by_role("button", name="Replies").click()
    desk.expect(desk.thread.get_by_role("button", name="Close")).to_be_focused()
    saved = {}
    for name in ("kws-web01", "kws-web01.ppk"):
        with desk.page.expect_download() as download:
            desk.thread.locator(f"a[download='{name}']").click()
        assert download.value.suggested_filename == name
        download.value.save_as(tmp_path / name)
        saved[name] = (tmp_path / name).read_bytes()
    public = load_ssh_private_key(saved["kws-web01"], None).public_key()
    line = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    (rental,) = desk.demo.service.rental_queries.all_rentals()
    assert line in desk.demo.nodes["node1"].user_data(rental.mark)
    assert saved["kws-web01.ppk"].startswith(b"PuTTY-User-Key-File")
    desk.page.keyboard.press("Escape")
    desk.expect(desk.thread).to_be_hidden()


def test_in_korean(sit_down: Sit) -> None:
    desk = sit_down("mina")
    desk.expect(desk.page.locator("html")).to_have_attribute("lang", "ko")
    desk.box.fill("/kws 대")
    desk.box.press("Tab")
    desk.expect(desk.box).to_have_value("/kws 대여 ")
    desk.box.press("Enter")
    desk.press("대여", desk.modal)
    desk.expect(desk.modal.locator("[data-block=name] .error")).to_contain_text("반드시 입력해야 합니다.")
    desk.modal.get_by_label("이름", exact=True).fill("web01")
    desk.modal.get_by_label("이미지", exact=True).select_option("debian-12")
    desk.press("대여", desk.modal)
    desk.expect(desk.messages.first).to_contain_text("node1 노드에서 사용할 준비가 되었습니다.")
    desk.expect(desk.messages.first).to_contain_text("2026년 12월 15일")
    desk.expect(desk.page.locator("#panel")).to_contain_text("시계")


def test_the_language_can_be_changed(sit_down: Sit) -> None:
    desk = sit_down("admin")
    desk.expect(desk.page.locator("html")).to_have_attribute("lang", "ko")
    desk.type("/kws help")
    desk.expect(desk.message("서버 대여")).to_be_visible()
    desk.page.locator("#sidebar select").select_option("en")
    desk.expect(desk.page.locator("html")).to_have_attribute("lang", "en")
    desk.expect(desk.page.locator("#panel")).to_contain_text("Clock")
    desk.type("/kws help")
    desk.expect(desk.message("rent a server")).to_be_visible()


def test_a_custom_size_opens_in_place_and_what_was_typed_stays(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.type("/kws rent")
    desk.modal.get_by_label("Name", exact=True).fill("web01")
    desk.press("Show more options", desk.modal)
    size = desk.modal.get_by_label("Size", exact=True)
    size.select_option("custom")
    vcpus = desk.modal.locator("[data-block=vcpus] input")
    desk.expect(vcpus).to_be_visible()
    desk.expect(desk.modal.get_by_label("Name", exact=True)).to_have_value("web01")
    vcpus.fill("many")
    desk.modal.get_by_label("Image", exact=True).select_option("debian-12")
    desk.press("Rent", desk.modal)
    desk.expect(desk.modal.locator("[data-block=vcpus] .error")).to_contain_text("number")
    vcpus.fill("3")
    desk.modal.locator("[data-block=ram_mb] input").fill("1536")
    desk.modal.locator("[data-block=disk_gb] input").fill("7")
    desk.press("Rent", desk.modal)
    desk.expect(desk.messages.first).to_contain_text("3 vCPU")
    desk.expect(desk.messages.first).to_contain_text("Running on node1")


def test_a_container(sit_down: Sit) -> None:
    desk = sit_down("joon")
    desk.type("/kws rent container")
    desk.modal.locator("[data-block=name] input").fill("box01")
    desk.modal.locator("[data-block=image] input").fill("nginx:1.27")
    desk.modal.locator("button[type=submit]").click()
    desk.expect(desk.modal).to_have_count(0)
    desk.expect(desk.messages.first).to_contain_text("Running on node1")
    desk.expect(desk.page.locator("#panel .node").first).to_contain_text("box01")


def test_extend_by_the_date_picker(sit_down: Sit) -> None:
    desk = sit_down("joon")
    card = desk.rent()
    desk.press("Extend…", card)
    day = desk.modal.locator("input[type=date]")
    desk.expect(day).to_be_visible()
    day.fill("2026-12-31")
    desk.modal.locator("button[type=submit]").click()
    desk.expect(desk.modal).to_have_count(0)
    desk.expect(card).to_contain_text("Dec 31, 2026")


@pytest.mark.parametrize("phone", [False, True], ids=["wide", "phone"])
def test_by_keyboard_alone(sit_down: Sit, phone: bool) -> None:
    desk = sit_down("joon", phone=phone)
    desk.type("/kws rent")
    desk.expect(desk.modal.get_by_label("Name", exact=True)).to_be_focused()
    inside = "document.querySelector('#modals dialog').contains(document.activeElement) || document.activeElement === document.body"
    for _ in range(12):
        desk.page.keyboard.press("Tab")
        assert desk.page.evaluate(inside), "the focus stays in the modal"
    desk.page.keyboard.press("Escape")
    desk.expect(desk.modal).to_have_count(0)
    desk.expect(desk.box).to_be_focused()
    assert desk.page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"
