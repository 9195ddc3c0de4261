"""What must hold of every parser of a person's text, whatever the text: refused with a reason, or this.

``JUDGES`` is used by the property tests (test_hostile_text.py) and by the fuzzer (fuzz.py).
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from contextlib import suppress
from datetime import date

import yaml
from harness.drawn_forms import sent_view
from pydantic import ValidationError

from bot.handlers import rent_words
from bot.ops.redact import Redactor
from bot.slack import payloads
from bot.text.i18n import Texts
from bot.views import ids, images, keys_form, nodes_list, rent_form
from kws_core.errors import UserError
from kws_core.forms import boot_script, cloud_init, ssh_keys
from kws_core.forms.cidr import check_cidr, check_network_name
from kws_core.forms.container import check_image_name, parse_command, parse_environment
from kws_core.forms.passwords import check_password
from kws_core.forms.ports import FORBIDDEN, format_ports, parse_ports
from kws_core.images import urls
from kws_core.nodes.values import Image
from kws_core.rentals.form_options import FormOptions
from kws_core.reports import usage
from kws_core.values import Size

Judge = Callable[[str], object]

KEY = ssh_keys.generate("mina@laptop").public
HASH = "$6$saltsalt$" + "a" * 86
TODAY = date(2026, 12, 1)
OFFER = FormOptions(
    images=[Image("i1", "debian-12"), Image("i2", "ubuntu-24.04")],
    sizes=[Size("small", 1, 512, 5), Size("large", 2, 2048, 20)],
    rooms=(), today=TODAY, default_end=TODAY, last_end=date(2027, 3, 1),
)  # fmt: skip
URL = "https://hooks.slack.com/x"


def _name(user: object) -> object:
    return user.get("name") if isinstance(user, dict) else user


def _cloud_init(text: str) -> None:
    """One document, and ours is in it as it was: who gets in, as whom, and by which host name."""
    theirs = cloud_init.parse_cloud_init(text)
    json.dumps(theirs)
    for key, password in ((KEY, None), (None, HASH)):
        document = cloud_init.user_data(
            "abcdefghjk", "web01", "student", key, password_hash=password, extra=theirs
        )
        assert document.startswith("#cloud-config\n")
        (config,) = yaml.safe_load_all(document)
        assert config["hostname"] == "web01" and config["disable_root"] is True
        assert config["ssh_pwauth"] is (password is not None)
        first, *others = [user for user in config["users"] if user != "default"]
        assert first["name"] == "student" and all(_name(user) != "student" for user in others)
        assert first.get("ssh_authorized_keys", [None])[0] == key or key is None
        assert first.get("hashed_passwd") == password
        assert config.get("chpasswd", {}).get("users", [{}])[0].get("password") == password
        assert [e["path"] for e in config["write_files"]].count(boot_script.PATH) == 1
        assert config["write_files"][0] == boot_script.entry("web01", "student", key, password)


def _public_key(text: str) -> None:
    line = ssh_keys.check_public_key(text)
    assert line.isprintable() and "PRIVATE KEY" not in line and len(line.splitlines()) == 1
    assert ssh_keys.check_public_key(line) == line and ssh_keys.fingerprint(line).startswith("SHA256:")
    assert line.split(" ")[0].startswith(("ssh-", "ecdsa-", "sk-")), "no options in front of it"


def _ports(text: str) -> None:
    ranges = parse_ports(text)
    assert all(1 <= r.first <= r.last <= 65535 and r.protocol in ("tcp", "udp") for r in ranges)
    assert not any(r.first <= port <= r.last for r in ranges for port in FORBIDDEN)
    assert parse_ports(format_ports(ranges)) == ranges


def _command(text: str) -> None:
    words = parse_command(text)
    assert parse_command(shlex.join(words)) == words and "\0" not in "".join(words)


def _environment(text: str) -> None:
    for name, value in parse_environment(text).items():
        assert name.isascii() and name.isidentifier() and not set("\0\r\n") & set(value)


def _image(text: str) -> None:
    name = check_image_name(text)
    assert (
        name.isascii() and name.isprintable() and not set(" \\;$`'\"|&<>") & set(name) and "/.." not in name
    )


def _network(text: str) -> None:
    name = check_network_name(text)
    assert name.isprintable() and name == name.strip()


def _cidr(text: str) -> None:
    assert check_cidr(text).is_private


def _rent_words(text: str) -> None:
    if not text.split():
        return
    form = rent_words.parse(text, OFFER)
    assert form.image in (None, "debian-12", "ubuntu-24.04") and form.size in ("small", "large")
    assert isinstance(form.ends_on, date)


def _password(text: str) -> None:
    check_password(text, "student", "web01")
    assert text.isascii() and text.isprintable() and 12 <= len(text) <= 128


def _metadata(text: str) -> None:
    for read in (lambda: ids.parse_until(text), lambda: ids.parse_act(text)):
        with suppress(UserError):
            read()
    try:
        view = sent_view(metadata=text)
    except ValidationError:  # too long, or half a character
        return
    for read in (
        lambda: view.kept(keys_form.ORIGIN), lambda: view.kept(nodes_list.DRAIN_ORIGIN),
        lambda: view.kept(images.IMAGE_ORIGIN), lambda: rent_form.shown_in(view),
    ):  # fmt: skip
        with suppress(UserError):
            read()


def _payload(text: str) -> None:
    try:
        payload = json.loads(text)
    except (ValueError, RecursionError):
        return
    with suppress(payloads.BadPayloadError):
        payloads.read(payload)


def _response_url(text: str) -> None:
    if payloads.answers_to_slack(text, "https://slack.com/api/"):
        assert (
            text.startswith(("https://hooks.slack.com", "https://slack.com", "HTTPS", "Https"))
            or "slack.com" in text
        )
        assert "@" not in text.split("/")[2]


def _month(text: str) -> None:
    try:
        assert usage.month_of(text).day == 1
    except ValueError:
        return


def _shown(text: str) -> None:
    """Neither mention, link, nor code span comes out of it."""
    shown = Texts("en")("{x}", x=text)
    assert not set("<>`") & set(shown)


def _logged(text: str) -> None:
    hidden = Redactor(["known-secret"])(f"{text} known-secret xoxb-1-planted {text}")
    assert "known-secret" not in hidden and "xoxb-1-planted" not in hidden


JUDGES: dict[str, Judge] = {
    "cloud-init": _cloud_init, "public key": _public_key, "ports": _ports, "command": _command,
    "environment": _environment, "container image": _image, "network": _network, "cidr": _cidr,
    "rent words": _rent_words, "password": _password, "metadata": _metadata, "payload": _payload,
    "response url": _response_url, "month": _month, "image url": urls.check, "shown": _shown, "logged": _logged,
}  # fmt: skip


def judge(name: str, text: str) -> None:
    """AssertionError, or whatever else came out, when the parser of that name does not keep its word."""
    with suppress(UserError):
        JUDGES[name](text)
