"""Who may do what: the one table. docs/reference/permissions.md shows it, and every cell is tried.

``sends`` makes what Slack would send when that person does it with *mina's* things, forged where the person could
not even see the button. ``seen`` is what must be there afterwards if it was allowed, and must not be if not: a
line of the history (``event:``), of the acts (``act:``), a form that opens (``form:``), words (``said:``), a call
to Slack (``call:``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from security.bench import Bench, Json, form
from sqlalchemy import select

from bot.views import ids
from bot.views.ids import Action, View
from kws_core.forms import ssh_keys
from kws_core.tables.copy import Copy
from kws_core.tables.network import Network
from kws_core.tables.rental import Ask
from kws_core.tables.saved_key import SavedKey
from slack_workspace import Person
from slack_workspace.persons import payloads

OWNER, OTHER, ADMIN, GUEST, STRANGER = ROLES = (
    "owner", "another member", "admin", "guest", "person of another workspace",
)  # fmt: skip
AS = {OWNER: "mina", OTHER: "joon", ADMIN: "admin", GUEST: "guest", STRANGER: "stranger"}

MEMBERS = frozenset({OWNER, OTHER, ADMIN})  # each with what is their own
OWNERS = frozenset({OWNER})
KEEPERS = frozenset({OWNER, ADMIN})
ADMINS = frozenset({ADMIN})
SHOWN = {"name": "NAME", "line": "KEY", "until": "DATE", "fresh": "NAME"}  # blanks, as the document has them


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that can be asked for. ``covers``: the words or ids of the code that it stands for."""

    what: str
    may: frozenset[str]
    covers: tuple[str, ...]
    sends: Callable[[Bench, Person], Json]
    seen: str
    needs: str = (
        "ready"  # the state of mina's rental: ready, planned (a copy at its end), to be moved, asked, stopped
    )

    def __str__(self) -> str:
        return self.what


def _typed(words: str, seen: str, may: frozenset[str], covers: str = "") -> Row:
    def sends(bench: Bench, person: Person) -> Json:
        return bench.command(person, words.format(**_things(bench)))

    shown = words
    for placeholder in ("name", "line", "until", "fresh"):
        shown = shown.replace(f"{{{placeholder}}}", SHOWN[placeholder])
    return Row(
        f"`/kws {shown}`".replace(" `", "`"),
        may,
        (covers or f"command:{words.split(maxsplit=1)[0]}",),
        sends,
        seen,
    )


def _admin(words: str, seen: str, covers: str) -> Row:
    return _typed(f"admin {words}", seen, ADMINS, covers)


def _button(action: str, seen: str, may: frozenset[str], needs: str = "ready", **entry: Any) -> Row:
    block = entry.pop("block", f"{ids.CARD}{{id}}")

    def sends(bench: Bench, person: Person) -> Json:
        things = _things(bench)
        return bench.click(person, action, block=block.format(**things), **_filled(entry, things))

    return Row(f"button `{action}`", may, (f"action:{action.partition(':')[0]}",), sends, seen, needs)


def _submitted(
    what: str,
    callback: str,
    metadata: str,
    seen: str,
    may: frozenset[str],
    needs: str = "ready",
    **fields: Any,
) -> Row:
    def sends(bench: Bench, person: Person) -> Json:
        things = _things(bench)
        url = bench.url(person)
        number = f"V0{callback}{len(bench.answers)}"
        view = form(callback, metadata.replace("URL", url) % things, number, **_filled(fields, things))
        return bench.submit(person, view)

    return Row(f"form `{callback}`{what}", may, (f"view:{callback}{what}",), sends, seen, needs)


def _redraws(field: str, value: str) -> Row:
    def sends(bench: Bench, person: Person) -> Json:
        view = form(View.RENT, "server more", name="a", **{field: {"option": value}})
        return bench.click_in(
            person, view, Action.VALUE, block=field, selected_option={"value": value}, type="static_select"
        )

    return Row(f"choice of {field} in form `rent`", MEMBERS, (f"field:{field}",), sends, "call:views.update")


def _more(bench: Bench, person: Person) -> Json:
    return bench.click_in(person, form(View.RENT, "server", name="a"), Action.MORE)


def _longer(bench: Bench, person: Person) -> Json:
    return bench.click_in(person, form(View.RENT, "server more", name="a"), Action.LONGER)


def _home(bench: Bench, person: Person) -> Json:
    opened = payloads.app_home_opened(bench.workspace.parts, person.user, "home")
    opened["event"].pop("view", None)  # what the person saw before; we do not read it
    return opened


def _things(bench: Bench) -> dict[str, Any]:
    """What the payloads name: mina's rental, her key, network and copy, and days to come."""
    rental, context = bench.rental("web01"), bench.service.context
    with bench.service.store.read() as session:
        key = session.scalars(select(SavedKey.id).where(SavedKey.owner == rental.owner)).first()
        network = session.scalars(select(Network.id).where(Network.owner == rental.owner)).first()
        copy = session.scalars(select(Copy.id).where(Copy.owner == rental.owner)).first()
        ask = session.scalars(select(Ask.id).where(Ask.rental_id == rental.id)).first()
    return {
        "id": rental.id, "name": rental.name, "until": (rental.ends_on + timedelta(days=1)).isoformat(),
        "end": (context.today() + timedelta(days=3)).isoformat(), "key": key, "network": network, "copy": copy,
        "ask": ask, "late": (context.today() + timedelta(days=120)).isoformat(),
        "fresh": f"web-{len(bench.answers)}", "line": ssh_keys.generate("fresh").public, "to": bench.person("joon").id,
    }  # fmt: skip


def _filled(entry: Mapping[str, Any], things: Mapping[str, Any]) -> dict[str, Any]:
    """Every ``{blank}`` in the texts, also one level down."""

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        return value.format(**things) if isinstance(value, str) else value

    return {key: fill(value) for key, value in entry.items()}


RENTED: dict[str, Any] = {
    "name": "{fresh}", "image": {"option": "debian-12"}, "size": {"option": "small"}, "ends_on": {"date": "{end}"},
}  # fmt: skip

TABLE: tuple[Row, ...] = (
    # what every member does with what is their own
    _typed("", "said:What would you like to do", MEMBERS, "command:"),
    _typed("help", "said:/kws extend NAME", MEMBERS),
    _typed("rent", "form:rent", MEMBERS),
    _typed("rent {fresh} debian-12 small", "event:requested", MEMBERS),
    _typed("list", "said:rentals", MEMBERS),
    _typed("status", "said:Available now", MEMBERS),
    _typed("copies", "said:Your copies", MEMBERS),
    _typed("keys", "said:saved", MEMBERS),
    _typed("keys add {line}", "act:key_saved", MEMBERS, "keys:add"),
    _button(Action.OPEN_RENT, "form:rent", MEMBERS),
    _button(Action.OPEN_CONTAINER, "form:rent", MEMBERS),
    _button(Action.SHOW_LIST, "said:rentals", MEMBERS),
    _button(Action.SHOW_STATUS, "said:Available now", MEMBERS),
    _button(Action.SHOW_HELP, "said:/kws extend NAME", MEMBERS),
    _button(Action.ADD_KEY, "form:key", MEMBERS),
    Row("button `rent_more` in form `rent`", MEMBERS, ("action:rent_more",), _more, "call:views.update"),
    Row("button `rent_longer` in form `rent`", MEMBERS, ("action:rent_longer",), _longer, "call:views.update"),
    _button(f"{Action.RENT_WORDS}:wait", "event:requested", MEMBERS, value="{fresh} debian-12 small"),
    _redraws("size", "small"),
    _redraws("access", "generated"),
    _redraws("network", "default"),
    _submitted("", View.RENT, "server", "event:requested", MEMBERS, **RENTED),
    _button(Action.ASK_RENT, "form:rent", MEMBERS, value="{fresh} debian-12 huge"),
    _submitted(" beyond the policy, asking an admin", View.RENT, "server ask", "event:asked", MEMBERS,
               **{**RENTED, "ends_on": {"date": "{late}"}}, ask="exam"),
    _submitted(" that asked what to do without room", View.RENT, "server room:1:small::::", "event:requested", MEMBERS,
               **RENTED, room_1={"option": "wait"}),
    _submitted("", View.KEY, '["URL", false]', "act:key_saved", MEMBERS, public_key="{line}", name=""),
    Row("opening the App Home", MEMBERS, ("event:app_home_opened",), _home, "home:Rent a server"),
    # with mina's things
    _typed("extend {name}", "form:extend", OWNERS),
    _typed("extend {name} {until}", "event:extended", OWNERS),
    _typed("return {name}", "said:You can't undo this", OWNERS),
    _typed("copy {name}", "said:Keep a copy of", OWNERS),
    _typed("reset {name}", "form:reset", OWNERS),
    _typed("move {name}", "said:Move web01 from", OWNERS),
    _typed("resize {name}", "form:size", OWNERS),
    _typed("web {name}", "form:web", OWNERS),
    _typed("keys remove laptop", "act:key_removed", OWNERS, "keys:remove"),
    _button(Action.REMOVE_KEY, "act:key_removed", OWNERS, value="{key}"),
    _submitted(" with mina's saved key", View.RENT, "server", "event:requested", OWNERS,
               **RENTED, access={"option": "saved:{key}"}),
    _submitted(" in mina's network", View.RENT, "server more", "event:requested", OWNERS,
               **RENTED, network={"option": "{network}"}),
    _submitted(" with mina's copy", View.RENT, "server", "event:requested", OWNERS,
               **{**RENTED, "image": {"option": "copy:{copy}"}}),
    _button(Action.BRING_BACK, "form:rent", OWNERS, value="{copy}"),
    _button(Action.KEY_SAVED, "said:from Slack", OWNERS, value="{id}"),
    _button(Action.STILL_NEEDED, "event:idle_kept", OWNERS, block=f"{ids.NOTICE}1", value="{id}"),
    _button(Action.RETURN, "event:returned", KEEPERS, value="{id}"),
    _button(Action.KEEP, "said:wasn't changed", KEEPERS, value="{id}"),
    _button(Action.REBOOT, "event:rebooted", KEEPERS, value="{id}"),
    _button(Action.STOP, "event:switched_off", KEEPERS, value="{id}"),
    _button(Action.START, "event:switched_on", KEEPERS, value="{id}"),
    _button(Action.CONSOLE, "said:Last lines", KEEPERS, value="{id}"),
    _button(Action.NEW_KEY, "event:key_wanted", KEEPERS, value="{id}"),
    _button(Action.HISTORY, "said:Running on node1", KEEPERS, value="{id}"),
    _button(Action.EXTEND, "form:extend", KEEPERS, value="{id}"),
    _button(f"{Action.EXTEND_TO}:7", "event:extended", KEEPERS, value="{id}|{until}"),
    _button(Action.EXTEND_UNTIL, "event:extended", KEEPERS, block=f"{ids.EXTENSION}{{id}}",
            type="datepicker", selected_date="{until}"),
    _button(Action.COPY_ASK, "said:Keep a copy of", KEEPERS, value="{id}"),
    _button(Action.COPY, "event:copy_wanted", KEEPERS, value="{id}"),
    _button(Action.COPY_AT_END, "event:copy_planned", KEEPERS, block=f"{ids.EXTENSION}{{id}}", value="{id}"),
    _button(Action.NO_COPY_AT_END, "event:copy_planned", KEEPERS, "planned", block=f"{ids.EXTENSION}{{id}}",
            value="{id}"),
    _button(Action.COPY_PROLONG, "said:is kept until", KEEPERS, value="{copy}"),
    _button(Action.COPY_DELETE, "said:Deleting the copy", KEEPERS, value="{copy}"),
    _button(Action.WEB, "form:web", KEEPERS, value="{id}"),
    _submitted("", View.WEB, "%(id)s", "event:web_changed", KEEPERS, audience={"option": "lab"}, port="8080",
               upstream={"option": "http"}, second=""),
    _button(Action.RESTORE, "event:restored", KEEPERS, "stopped", value="{id}"),
    _button(Action.RESET, "form:reset", KEEPERS, value="{id}"),
    _submitted("", View.RESET, '["%(id)s", 0]', "event:reset_wanted", KEEPERS, name="{name}"),
    _button(Action.MOVE_ASK, "said:Move web01 from", KEEPERS, value="{id}"),
    _button(Action.MOVE, "event:move_started", KEEPERS, value="{id}"),
    _button(Action.MOVE_TONIGHT, "event:move_planned", KEEPERS, block=f"{ids.NOTICE}1", value="{id}"),
    _button(Action.MOVE_MYSELF, "event:move_planned", KEEPERS, "to be moved", block=f"{ids.NOTICE}1", value="{id}"),
    _button(Action.SIZE, "form:size", KEEPERS, value="{id}"),
    _submitted("", View.SIZE, "%(id)s", "event:resize_started", KEEPERS, size={"option": "large"}),
    _submitted("", View.EXTEND, "%(id)s", "event:extended", KEEPERS, ends_on={"date": "{until}"}),
    _button(Action.ASK_EXTEND, "form:extend", KEEPERS, value="{id}|{late}"),
    _submitted(" beyond the policy, asking an admin", View.EXTEND, "%(id)s", "event:asked", KEEPERS,
               ends_on={"date": "{late}"}, ask="exam"),
    _submitted(" beyond the policy, asking an admin", View.SIZE, "%(id)s", "event:asked", KEEPERS,
               size={"option": "huge"}, ask="exam"),
    _button(Action.ASK_AGAIN, "event:asked", KEEPERS, "asked", block=f"{ids.NOTICE}1", value="{ask}"),
    # admins
    _submitted(" on a chosen node", View.RENT, "server more ask", "event:requested", ADMINS,
               **RENTED, node={"option": "node2"}, ask=""),
    _button(Action.ASK_APPROVE, "event:ask_approved", ADMINS, "asked", block=f"{ids.ADMIN_NOTICE}1", value="{ask}"),
    _button(Action.ASK_LESS, "form:ask_less", ADMINS, "asked", block=f"{ids.ADMIN_NOTICE}1", value="{ask}"),
    _button(Action.ASK_DECLINE, "form:ask_decline", ADMINS, "asked", block=f"{ids.ADMIN_NOTICE}1", value="{ask}"),
    _submitted("", View.ASK_LESS, "%(ask)s", "event:ask_approved", ADMINS, "asked", ends_on={"date": "{end}"}, note="so"),
    _submitted("", View.ASK_DECLINE, "%(ask)s", "event:ask_declined", ADMINS, "asked", note="no"),
    _button(Action.TRANSFER, "event:transferred", ADMINS, block=f"{ids.HANDOVER}{{id}}",
            type="users_select", selected_user="{to}"),
    _button(Action.END, "event:returned", ADMINS, value="{id}", block=f"{ids.ADMIN_NOTICE}1"),
    _button(Action.DESK_ACT, "form:desk", ADMINS, type="overflow", selected_option={"value": "end|{id}"}),
    *(_button(action, "call:views.publish", ADMINS, **entry) for action, entry in (
        (Action.DESK_PERSON, {"selected_user": "{to}"}), (Action.DESK_NODE, {"selected_option": {"value": "node1"}}),
        (Action.DESK_STATE, {"selected_option": {"value": "ready"}}), (Action.DESK_NAME, {"value": "web"}),
        (Action.DESK_WITHIN, {"selected_option": {"value": "7"}}), (Action.DESK_CLEAR, {}),
        (f"{Action.DESK_PAGE}:next", {"value": "1"}),
    )),
    _submitted(" (extend)", View.DESK, "extend|%(id)s", "event:extended", ADMINS, ends_on={"date": "{until}"}, note="exam"),
    _submitted(" (transfer)", View.DESK, "transfer|%(id)s", "event:transferred", ADMINS, person={"user": "{to}"}),
    _submitted(" (restore)", View.DESK, "restore|%(id)s", "event:restored", ADMINS, "stopped"),
    _submitted(" (end)", View.DESK, "end|%(id)s", "event:returned", ADMINS),
    _button(Action.WEB_OFF, "form:web_off", ADMINS, value="{id}"),
    _submitted("", View.WEB_OFF, "%(id)s", "event:web_taken_off", ADMINS, note="phishing"),
    _button(Action.WEB_BACK, "said:on the web again", ADMINS, value="{id}"),
    _button(Action.DRAIN, "form:drain", ADMINS, value="node2"),
    _button(Action.UNDRAIN, "said:wasn't in maintenance", ADMINS, value="node2"),
    _submitted("", View.DRAIN, '["node2", "URL", false]', "act:drain", ADMINS, reason="dust"),
    _button(f"{Action.USAGE}:0", "said:kws-usage", ADMINS, value="2026-11"),
    _button(f"{Action.IMAGES}:next", "said:Images on all nodes", ADMINS, value="0"),
    _button(Action.IMAGE_SYNC, "said:Copying started", ADMINS, value="debian-12"),
    _button(Action.IMAGE_DESCRIBE, "form:image", ADMINS, value="debian-12"),
    _button(Action.IMAGE_HIDE, "act:image.hide", ADMINS, value="debian-12"),
    _button(Action.IMAGE_SHOW, "act:image.show", ADMINS, value="debian-12"),
    _button(Action.IMAGE_DELETE, "act:image.delete", ADMINS, value="ubuntu-24.04"),
    _submitted("", View.IMAGE, '["debian-12", "URL", ["", "", 0, 0]]', "act:image.describe", ADMINS,
               title="Debian", login="", min_disk_gb="0", min_ram_mb="0"),
    _admin("help", "said:For admins", "admin:help"),
    _admin("nodes", "said:Nodes", "admin:nodes"),
    _admin("nodes drain node2", "form:drain", "nodes:drain"),
    _admin("nodes undrain node2", "said:wasn't in maintenance", "nodes:undrain"),
    _admin("nodes recover node2", "said:No server of node2", "nodes:recover"),
    _admin("usage", "said:kws-usage", "admin:usage"),
    _admin("audit", "said:web01", "admin:audit"),
    _admin("web", "said:Web addresses", "admin:web"),
    _admin("rentals", "said:Manage rentals", "admin:rentals"),
    _admin("images", "said:Images on all nodes", "admin:images"),
    _admin("images sync debian-12", "said:Copying started", "images:sync"),
    _admin("images describe debian-12", "form:image", "images:describe"),
    _admin("images hide debian-12", "act:image.hide", "images:hide"),
    _admin("images show debian-12", "act:image.show", "images:show"),
    _admin("images protect debian-12", "act:image.protect", "images:protect"),
    _admin("images unprotect debian-12", "act:image.unprotect", "images:unprotect"),
    _admin("images delete debian-12", "said:debian-12", "images:delete"),
)  # fmt: skip
