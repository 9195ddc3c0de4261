"""Everything that the rental form offers, for servers and for containers."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from harness.storybook import Story

from kws_core.forms import ssh_keys
from kws_core.nodes.values import MachineState
from kws_core.tables.states import Access, Status
from kws_core.values import Kind

PASSWORD = "correct-horse-Battery-7-staple"


def open_form(story: Story, person: Any, words: str = "rent", more: bool = False) -> None:
    person.command(f"/kws {words}")
    story.workspace.wait_for(lambda: person.open_view)
    if more:
        person.click("rent_more")
        story.workspace.wait_for(lambda: has(person, "network"))


def has(person: Any, field: str) -> bool:
    return any(block["block_id"] == field for block in person.open_view["blocks"])


def choose(story: Story, person: Any, field: str, value: str, appears: str) -> None:
    person.fill(field, value)
    story.workspace.wait_for(lambda: has(person, appears))


def submit(person: Any) -> dict[str, str]:
    """The errors at the fields, empty when it was accepted."""
    outcome = person.submit()
    return outcome.errors or (outcome.payload or {}).get("errors") or {}


def user_data(story: Story) -> dict[str, Any]:
    rental = story.rentals()[0]
    assert rental.placement
    return yaml.safe_load(story.nodes[rental.placement.node].user_data(rental.mark))  # type: ignore[no-any-return]


def give_back_all(story: Story) -> None:
    from kws_core.people import Actor

    for rental in story.rentals():
        story.service.rental_service.return_rental(Actor(rental.owner), rental.id)
    story.settle(20)
    assert all(node.resources() == {} for node in story.nodes.values())


def test_what_was_typed_survives_more_options(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon)
    joon.fill_form({"name": "web01", "image": "debian-12", "size": "medium"})
    joon.click("rent_more")
    story.workspace.wait_for(lambda: has(joon, "network"))
    assert submit(joon) == {}
    story.settle()
    assert (story.rentals()[0].name, story.rentals()[0].size) == ("web01", "medium")


def test_a_custom_size_with_ports_and_cloud_init(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon, more=True)
    choose(story, joon, "size", "custom", "ram_mb")
    joon.fill_form(
        {
            "name": "web01", "image": "debian-12", "vcpus": "3", "ram_mb": "1536", "disk_gb": "7",
            "ports": "8080, 9000-9010 53/udp", "cloud_init": "packages: [nginx]\nusers: [default, {name: ada}]",
        }
    )  # fmt: skip
    assert submit(joon) == {}
    story.settle()
    rental = story.rentals()[0]
    assert rental.status is Status.READY
    assert (rental.vcpus, rental.ram_mb, rental.disk_gb) == (3, 1536, 7)
    data = user_data(story)
    assert data["packages"] == ["nginx"]
    names = [user if isinstance(user, str) else user["name"] for user in data["users"]]
    assert names == ["debian", "ada"], "the login first, whatever becomes of the others"
    assert all(ports in str(joon.dm()) for ports in ("8080", "9000-9010", "53/udp"))
    give_back_all(story)


def test_a_cloud_init_that_is_longer_than_slack_takes(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon, more=True)
    for box in ("cloud_init_2", "cloud_init_3"):
        joon.click("rent_longer")
        story.workspace.wait_for(lambda box=box: has(joon, box))  # type: ignore[misc]
    packages = [f"package-{number:04}" for number in range(480)]
    lines = ["packages:", *(f"- {name}" for name in packages)]
    joon.fill_form(
        {
            "name": "web01", "image": "debian-12", "cloud_init": "\n".join(lines[:180]),
            "cloud_init_2": "\n".join(lines[180:350]), "cloud_init_3": "\n".join(lines[350:]) + "\nruncmd: [echo 1, true]",
        }
    )  # fmt: skip
    assert list(submit(joon)) == ["cloud_init"]
    joon.fill_form({"cloud_init_3": "\n".join(lines[350:])})
    assert submit(joon) == {}
    story.settle()
    assert user_data(story)["packages"] == packages
    give_back_all(story)


def test_each_figure_of_a_custom_size_has_its_own_error(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon, more=True)
    choose(story, joon, "size", "custom", "ram_mb")
    joon.fill_form(
        {"name": "web01", "image": "debian-12", "vcpus": "99", "ram_mb": "1", "disk_gb": "5000", "ports": "http",
         "cloud_init": "packages: [unclosed"}
    )  # fmt: skip
    errors = submit(joon)
    assert set(errors) == {"vcpus", "ram_mb", "disk_gb", "ports", "cloud_init"}
    assert "from 1 to 8" in errors["vcpus"]


def test_a_password_is_kept_as_a_hash_only(story: Story, caplog: pytest.LogCaptureFixture) -> None:
    joon = story.workspace.person("joon")
    caplog.set_level("DEBUG")
    open_form(story, joon)
    choose(story, joon, "access", "password", "password")
    joon.fill_form({"name": "web01", "image": "debian-12", "password": "short"})
    assert set(submit(joon)) == {"password"}
    joon.fill_form({"password": PASSWORD})
    assert submit(joon) == {}
    story.settle()
    rental = story.rentals()[0]
    assert rental.status is Status.READY
    assert rental.access is Access.PASSWORD
    data = user_data(story)
    assert PASSWORD not in str(data)
    assert "$6$" in str(data)
    assert data["ssh_pwauth"] is True
    assert joon.files() == []
    content = b"".join(path.read_bytes() for path in story.service_folder.glob("kws.db*"))
    assert PASSWORD.encode() not in content
    assert PASSWORD not in "".join(
        r.getMessage() for r in caplog.records if r.name.startswith(("bot", "kws_core"))
    )


def test_a_saved_key(story: Story) -> None:
    joon = story.workspace.person("joon")
    mine = ssh_keys.generate("laptop").public
    joon.command(f"/kws keys add {mine}")
    story.workspace.wait_for(joon.ephemeral)
    open_form(story, joon)
    joon.fill("access", "Saved key laptop")
    joon.fill_form({"name": "web01", "image": "debian-12"})
    assert submit(joon) == {}
    story.settle()
    assert mine in str(user_data(story))
    assert joon.files() == []


def test_a_network_of_ones_own_comes_and_goes_with_its_users(story: Story) -> None:
    joon = story.workspace.person("joon")
    open_form(story, joon, more=True)
    choose(story, joon, "network", "new", "cidr")
    joon.fill_form(
        {"name": "web01", "image": "debian-12", "network_name": "my-net", "cidr": "192.168.50.7/24"}
    )
    assert "192.168.50.0/24" in submit(joon)["cidr"]
    joon.fill_form({"cidr": "10.0.0.0/25"})
    assert set(submit(joon)) == {"cidr"}, "the nodes use that already"
    joon.fill_form({"cidr": "192.168.50.0/24"})
    assert submit(joon) == {}
    story.settle()
    first = story.rentals()[0]
    assert first.placement
    node = story.nodes[first.placement.node]
    assert node.cidrs() == ["10.0.0.0/24", "192.168.50.0/24"]

    open_form(story, joon, more=True)
    joon.fill("network", "my-net · 192.168.50.0/24")
    joon.fill_form({"name": "web02", "image": "debian-12"})
    assert submit(joon) == {}
    story.settle()
    assert len({rental.network_id for rental in story.rentals()}) == 1
    give_back_all(story)
    assert node.cidrs() == ["10.0.0.0/24"]
    assert story.service.rental_service.offer(_who(joon)).networks == []


def _who(person: Any) -> Any:
    from kws_core.people import Actor

    return Actor(person.id)


def test_only_admins_choose_the_node(story: Story) -> None:
    joon, admin = story.workspace.person("joon"), story.workspace.person("admin")
    open_form(story, joon, more=True)
    joon.fill_form({"name": "web02", "image": "debian-12", "node": "node2"})
    submit(joon)
    assert has(joon, "ask"), "an admin has to allow it"
    open_form(story, admin, more=True)
    admin.fill_form({"name": "web01", "image": "debian-12", "node": "node2"})
    assert submit(admin) == {}
    story.settle()
    rental = story.rentals()[0]
    assert rental.placement
    assert rental.placement.node == "node2"


def rent_container(story: Story, person: Any, name: str = "box", **fields: str) -> dict[str, str]:
    open_form(story, person, "rent container")
    person.fill_form({"name": name, "image": "nginx:latest", "ports": "80", **fields})
    return submit(person)


def test_a_container_from_the_form_to_nothing_left(story: Story) -> None:
    joon = story.workspace.person("joon")
    assert (
        rent_container(
            story, joon, environment="GREETING=hello there\nEMPTY=", command="nginx -g 'daemon off;'"
        )
        == {}
    )
    story.settle()
    rental = story.rentals()[0]
    assert rental.kind is Kind.CONTAINER
    assert rental.status is Status.READY
    assert rental.environment == {"GREETING": "hello there", "EMPTY": ""}
    assert rental.command == ["nginx", "-g", "daemon off;"]
    card = str(joon.dm()[0])
    assert "203.0.113.10" in card
    assert "`80`" in card
    assert "ssh" not in card.lower()
    assert joon.files() == []
    give_back_all(story)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("environment", "no equals sign"),
        ("command", "echo 'open"),
        ("image", "Not A Name"),
        ("ports", "99999"),
    ],
)
def test_bad_input_of_a_container_is_told_at_its_field(story: Story, field: str, value: str) -> None:
    joon = story.workspace.person("joon")
    assert set(rent_container(story, joon, **{field: value})) == {field}
    assert joon.open_view is not None


def test_an_unknown_registry_image_ends_with_the_reason(story: Story) -> None:
    joon = story.workspace.person("joon")
    assert rent_container(story, joon, image="no-such-image:1") == {}
    story.settle(30)
    assert story.rentals() == []
    assert all(node.resources() == {} for node in story.nodes.values())
    assert "image not found" in str(joon.dm()[0]) or "could not be found" in str(joon.dm()[0])


def machine_state(story: Story) -> MachineState:
    rental = story.rentals()[0]
    assert rental.placement
    return story.nodes[rental.placement.node].machines()[rental.mark].state


@pytest.mark.parametrize("kind", ["server", "container"])
def test_the_buttons_of_a_card(story: Story, kind: str) -> None:
    joon = story.workspace.person("joon")
    if kind == "server":
        story.rent(joon, "box")
    else:
        rent_container(story, joon)
    story.settle()
    assert joon.click("rental_stop", where="message", confirm=False).confirm, "asks first"
    joon.click("rental_stop", where="message", confirm=True)
    story.workspace.wait_for(lambda: any("Stopping" in str(m) for m in joon.ephemeral()))
    assert machine_state(story) is MachineState.STOPPED
    story.settle(3)
    card = str(story.workspace.person("joon").dm()[0]["blocks"])
    assert "Stopped" in card
    assert "ssh " not in card
    joon.click("rental_start", where="message")
    story.workspace.wait_for(lambda: any("Starting" in str(m) for m in joon.ephemeral()))
    story.settle(3)
    assert machine_state(story) is MachineState.ACTIVE
    joon.click("rental_reboot", where="message", confirm=True)
    story.workspace.wait_for(lambda: any("Rebooting" in str(m) for m in joon.ephemeral()))
    joon.click("rental_console", where="message")
    story.workspace.wait_for(
        lambda: any(
            ("box" in str(m) and "Last lines" in str(m)) or "no output" in str(m) for m in joon.ephemeral()
        )
    )
    assert [e.kind.value for e in story.service.rental_queries.history(story.rentals()[0].id)][-5:] == [
        "switched_off", "powered_off", "switched_on", "powered_on", "rebooted",
    ]  # fmt: skip


def test_nobody_acts_on_what_is_not_theirs(story: Story) -> None:
    from kws_core.errors import UserError
    from kws_core.nodes.values import MachineAction
    from kws_core.people import Actor

    mina = story.workspace.person("mina")
    story.rent(mina, "box")
    story.settle()
    with pytest.raises(UserError):
        story.service.operations.act(Actor("U0JOON0001"), story.rentals()[0].id, MachineAction.STOP, print)
    assert machine_state(story) is MachineState.ACTIVE


def test_for_people_who_type(story: Story) -> None:
    joon = story.workspace.person("joon")
    joon.command("/kws rent web01 Debian-12 medium 3d")
    story.workspace.wait_for(lambda: any("Creating" in str(m) for m in joon.ephemeral()))
    rental = story.rentals()[0]
    assert (rental.name, rental.image, rental.size) == ("web01", "debian-12", "medium")
    assert rental.ends_on.isoformat() == "2026-12-04"


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("web01 debain-12", "Did you mean debian-12?"),
        ("web01 debian-12 mediun", "Did you mean medium?"),
        ("web01 debian-12 xyzzy", "Available:"),
        ("WEB debian-12", "lowercase"),
        ("web01 debian-12 small 400d", "within 90 days"),
    ],
)
def test_near_misses_are_told(story: Story, words: str, answer: str) -> None:
    joon = story.workspace.person("joon")
    joon.command(f"/kws rent {words}")
    story.workspace.wait_for(lambda: any(answer in str(m) for m in joon.ephemeral()))
    assert story.rentals() == []
