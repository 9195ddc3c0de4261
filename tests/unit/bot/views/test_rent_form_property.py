"""Any form that is accepted comes back from Slack as it went in, and its server gets what the person asked for."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness.drawn_forms import CONTAINER, DRAWN, WAYS, Case, cases, furnish, sent_view
from harness.world import WEB, World
from hypothesis import given, reject
from hypothesis import strategies as st
from passlib.hash import sha512_crypt

from bot.text.i18n import LOCALES, Texts
from bot.views import rent_form
from kws_core.errors import FormError
from kws_core.forms import boot_script
from kws_core.forms.passwords import Secret
from kws_core.nodes.values import ServerSpec
from kws_core.reconcile.node_specs import spec_of
from kws_core.rentals.admission import RentForm, examine
from kws_core.scheduling import capacity
from kws_core.tables.network import Network
from kws_core.tables.rental import Rental
from kws_core.tables.states import Access
from slack_workspace import check_view
from slack_workspace.block_kit.forms import FIELDS, entered, refusals, values_of


@pytest.fixture
def lab(make_world: Callable[..., World]) -> World:
    """Two people with saved keys and a network of their own, in a lab with a proxy."""
    return furnish(make_world(web=WEB))


# -- A: what is filled in comes back


def in_fields(form: RentForm) -> dict[str, str | None]:
    """What stands in each field; a password never stands in one before it is typed."""
    ways = {Access.GENERATED: "generated", Access.PASSWORD: "password", Access.OWN_KEY: "pasted"}
    shown = {name: value for name in names_of(form) if isinstance(value := getattr(form, name), str | int)}
    found = {name: str(value) for name, value in shown.items()}
    assert form.ends_on
    found |= {"ends_on": form.ends_on.isoformat(), "network": form.network or "default"}
    found |= {"web": "web" if form.web else ""}
    found |= {"starts_on": form.starts_on.isoformat()} if form.starts_on else {}
    return {**found, "access": f"saved:{form.saved_key}" if form.saved_key else ways[form.access]}


def shown_at_first(case: Case) -> rent_form.Shown:
    """Before anything is chosen in it."""
    return rent_form.Shown(case.form.kind, more=case.more, ask=case.form.ask is not None)


def names_of(form: RentForm) -> list[str]:
    return [field.name for field in fields(form)]


def drawn(world: World, case: Case, texts: Texts, shown: rent_form.Shown) -> dict[str, Any]:
    """The view in Slack's JSON, with the form's values as the initial ones of its fields."""
    offer, policy = world.rental_service.offer(case.who), world.config.policy
    view = json.loads(
        json.dumps(rent_form.build(offer, policy, texts, shown, admin=case.who.admin).to_dict())
    )
    assert check_view(view) == []
    values = in_fields(case.form)
    for block in (block for block in view["blocks"] if block["type"] == "input"):
        element, value = block["element"], values.get(block["block_id"])
        initial = FIELDS[element["type"]][2]
        assert not (block["block_id"] == "password" and initial in element)
        element.pop(initial, None)
        if value and initial == "initial_option":
            (element[initial],) = [one for one in element["options"] if one["value"] == value]
        elif value and initial == "initial_options":
            element[initial] = element["options"]
        elif value:
            element[initial] = value
    assert check_view(view) == []
    return view  # type: ignore[no-any-return]


def sent(view: dict[str, Any], form: RentForm) -> dict[str, Any]:
    """The view as Slack sends it, when the person has typed the password, if one is asked for."""
    elements = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    typed = {}
    if form.password and "password" in elements:
        typed["password", "value"] = entered(elements["password"], form.password.reveal())
    return json.loads(json.dumps({**view, "state": {"values": values_of(view["blocks"], typed)}}))  # type: ignore[no-any-return]


def told(form: RentForm) -> dict[str, Any]:
    """All fields, the password in words."""
    found = {name: getattr(form, name) for name in names_of(form)}
    return found | {"password": form.password.reveal() if form.password else None}


def check_accepted(world: World, case: Case) -> None:
    """Hypothesis draws another one when the form is refused."""
    with world.store.read() as session:
        images = {image.name: image for image in capacity.images(session, world.config)}
        try:
            examine(session, world.config, case.who, case.form, images, world.context.today(), world.clock())
        except FormError:
            reject()


@pytest.mark.parametrize("way", [*WAYS, CONTAINER])
def test_an_accepted_form_comes_back_as_it_was_filled_in(lab: World, way: str) -> None:
    @DRAWN
    @given(cases(lab, way, st.sampled_from([True, True, False])), st.sampled_from(LOCALES), st.integers(0, 9))
    def holds(case: Case, locale: Any, later: int) -> None:
        if case.more and later and case.form.ends_on:
            first = min(case.form.ends_on, lab.context.today() + timedelta(days=later))
            case = replace(case, form=replace(case.form, starts_on=first))
        check_accepted(lab, case)
        before = drawn(lab, case, Texts(locale), shown_at_first(case))
        shown = rent_form.shown_in(sent_view(sent(before, case.form)))
        view = sent(drawn(lab, case, Texts(locale), shown), case.form)
        assert rent_form.shown_in(sent_view(view)) == shown, "what was chosen shows all its fields"
        assert refusals(view["blocks"], view["state"]["values"]) == {}
        assert told(rent_form.parse(sent_view(view))) == told(case.form)

    holds()


# -- B: what the server is born with

OURS = {"hostname", "preserve_hostname", "users", "ssh_pwauth", "disable_root", "bootcmd", "write_files"}
BOTH = {
    "users",
    "bootcmd",
    "write_files",
    "ssh_authorized_keys",
}  # lists that have entries of ours and of the person's


def settled(world: World, case: Case, number: int) -> Rental:
    """The rental whose owner has what opens it."""
    try:
        rental = world.rental_service.request(case.who, case.form, f"view:{number}")
    except FormError:
        reject()
    if rental.access is Access.GENERATED:
        assert user_data(world.look(rental)) == "", "not before the key is in the DM"
        world.deliver_key(rental.id)
    return world.look(rental)


def user_data(rental: Rental) -> str:
    spec = spec_of(rental)
    assert isinstance(spec, ServerSpec)
    return spec.user_data


def check_users(found: list[Any], theirs: list[Any], rental: Rental) -> None:
    """The image's user, the login with what its owner may add, and everybody else as they were written."""
    name_of: Callable[[Any], Any] = lambda user: user if isinstance(user, str) else user["name"]  # noqa: E731
    mine: Any = next(
        (user for user in theirs if name_of(user) == rental.login and isinstance(user, dict)), {}
    )
    login, *others = [user for user in found if user != "default"]
    own = [rental.public_key] if rental.public_key else []
    assert login["name"] == rental.login
    assert login.get("ssh_authorized_keys", [])[: len(own)] == own
    assert set(mine.get("ssh_authorized_keys", [])) <= set(login.get("ssh_authorized_keys", []))
    assert {rental.login, *mine.get("groups", [])} <= {*login.get("groups", ()), login["primary_group"]}
    assert login["lock_passwd"] is (rental.password_hash is None)
    assert login.get("hashed_passwd") == rental.password_hash
    assert [login.get(field) for field in ("gecos", "ssh_import_id")] == [
        mine.get(field) for field in ("gecos", "ssh_import_id")
    ]
    written = [user for user in theirs if name_of(user) not in ("default", rental.login)]
    assert [user["name"] for user in others] == [name_of(user) for user in written]
    for user, there in zip(others, written, strict=True):
        fields = {} if isinstance(there, str) else there
        assert {key: user[key] for key in fields if key != "groups"} == {
            key: fields[key] for key in fields if key != "groups"
        }


def check_password(
    password: Secret | None, rental: Rental, document: dict[str, Any], files: list[Path]
) -> None:
    """Nowhere but in its hash, however it might be escaped."""
    assert document["ssh_pwauth"] is (password is not None)
    if password is None:
        assert rental.password_hash is None and not {"chpasswd", "user"} & set(document)
        return
    assert rental.password_hash and rental.password_hash.startswith("$6$")
    assert sha512_crypt.verify(password.reveal(), rental.password_hash)
    entry = {"name": rental.login, "password": rental.password_hash, "type": "hash"}
    old = f"{entry['name']}:{entry['password']}"
    assert document["chpasswd"] == {"expire": False, "users": [entry], "list": [old]}
    unlocked = {"name": rental.login, "lock_passwd": False, "hashed_passwd": rental.password_hash}
    assert document.get("user") == (unlocked if document["users"][0] == "default" else None)
    kept = b"".join(path.read_bytes() for path in files) + json.dumps(document).encode()
    assert rental.password_hash.encode() in kept
    for form in (password.reveal(), json.dumps(password.reveal())[1:-1], repr(password.reveal())[1:-1]):
        assert form.encode() not in kept + user_data(rental).encode()


def check_born(world: World, case: Case, rental: Rental, folder: Path) -> None:
    text = user_data(rental)
    assert text.startswith("#cloud-config\n")
    (document,) = yaml.safe_load_all(text)
    assert set(document) - {"user"} | {"ssh_authorized_keys"} == OURS | set(case.config) | {
        "ssh_authorized_keys"
    } | ({"chpasswd"} if case.form.password else set())
    assert {key: document[key] for key in case.config if key not in BOTH} == {
        key: value for key, value in case.config.items() if key not in BOTH
    }
    assert document["bootcmd"] == [boot_script.early(), *case.config.get("bootcmd", [])]
    script, *files = document["write_files"]
    assert script == boot_script.entry(rental.name, rental.login, rental.public_key, rental.password_hash)
    assert files == case.config.get("write_files", [])
    assert (document["hostname"], document["disable_root"]) == (case.form.name, True)
    if case.form.public_key:
        assert rental.public_key and case.form.public_key.startswith(" ".join(rental.public_key.split()[:2]))
    check_users(document["users"], case.config.get("users", []), rental)
    check_password(case.form.password, rental, document, list(folder.glob("kws.db*")))


@pytest.mark.parametrize("way", WAYS)
def test_the_server_of_an_accepted_form_is_born_with_ours_and_the_persons(
    lab: World, tmp_path: Path, way: str
) -> None:
    numbers = itertools.count()

    @DRAWN
    @given(cases(lab, way, st.just(True)))
    def holds(case: Case) -> None:
        rental = settled(lab, case, next(numbers))
        try:
            check_born(lab, case, rental, tmp_path)
        finally:  # the next one finds the lab as it was
            with lab.store.write() as session:
                session.delete(session.get(Rental, rental.id))
                if case.form.cidr:
                    session.delete(session.get(Network, rental.network_id))

    holds()
