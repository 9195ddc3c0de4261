"""The rental form, for servers and for containers: built from an offer, parsed back into a RentForm.

What is shown depends on what is chosen so far (``Shown``); a change redraws the form in place, and Slack
keeps what was typed in every field that stays.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    InputBlock,
    MarkdownTextObject,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.text.i18n import N_, Mrkdwn, Texts
from bot.text.units import clip, size_line, used_line
from bot.views import form_fields as fields
from bot.views import ids
from bot.views.asks import ask_form
from bot.views.form_fields import SentView, ViewState
from bot.views.waiting import room_choice
from bot.views.waiting.room_choice import RoomChoice
from kws_core.config import Policy, WebSection
from kws_core.errors import ErrorCode, UserError
from kws_core.forms.container import in_shell
from kws_core.forms.passwords import Secret
from kws_core.forms.ports import format_ports
from kws_core.rentals.admission import CUSTOM, NEW_NETWORK, RentForm
from kws_core.rentals.form_options import FormOptions
from kws_core.tables.states import Access
from kws_core.values import Kind

GENERATED, PASTED, PASSWORD, SAVED = "generated", "pasted", "password", "saved:"
DEFAULT_NETWORK = "default"
SOME_PORTS = "80, 8000-8010, 53/udp"
MOST_BOXES = 12  # of fields.LONGEST_TEXT: more than Nova takes of a person (cloud_init.MAX_CLOUD_INIT)
_NUMBER = re.compile("[1-9][0-9]?")
ACCESS = {GENERATED: Access.GENERATED, PASTED: Access.OWN_KEY, PASSWORD: Access.PASSWORD}


@dataclass(frozen=True, slots=True)
class Shown:
    """Which fields the form has now; kept in private_metadata and in the fields themselves."""

    kind: Kind = Kind.SERVER
    more: bool = False
    access: str = GENERATED
    custom: bool = False
    new_network: bool = False
    boxes: int = 1  # for cloud-init: Slack takes 3,000 characters in each
    room: RoomChoice | None = None  # what is asked since no node has room
    ask: bool = False  # only the policy forbids it
    said: Mrkdwn | None = None  # what the policy says, right after it said so

    def metadata(self) -> str:
        """As private_metadata: what no field says."""
        words = [self.kind.value, "more" if self.more else "", str(self.boxes) if self.boxes > 1 else ""]
        words += [self.room.word() if self.room else "", "ask" if self.ask else ""]
        return " ".join(filter(None, words))


def shown_in(view: SentView) -> Shown:
    """Return what the form shows, or should show after the choice just made.

    Raises:
        UserError: If the form isn't ours.
    """
    words = (view.private_metadata or Kind.SERVER.value).split(" ")
    if words[0] not in list(Kind):
        raise UserError(ErrorCode.FORM_STALE)
    return Shown(
        kind=Kind(words[0]),
        more="more" in words,
        access=view.state.option(ids.Field.ACCESS) or GENERATED,
        custom=view.state.option(ids.Field.SIZE) == CUSTOM,
        new_network=view.state.option(ids.Field.NETWORK) == NEW_NETWORK,
        boxes=next((min(int(word), MOST_BOXES) for word in words if _NUMBER.fullmatch(word)), 1),
        room=RoomChoice.read(words),
        ask="ask" in words,
    )


def build(
    offer: FormOptions,
    policy: Policy,
    texts: Texts,
    shown: Shown | None = None,
    *,
    admin: bool = False,
    copy: str | None = None,
    filled: RentForm | None = None,
) -> View:
    """The form, with the copy of that id chosen; without images yet, a view that says so and can't be submitted.

    ``filled``: the name, image, size and last day that it shows at first.
    """
    shown = shown or Shown()
    server = shown.kind is Kind.SERVER
    title = N_("Rent a server") if server else N_("Rent a container")
    close = PlainTextObject(text=texts.plain(N_("Cancel")))
    head = PlainTextObject(text=texts.plain(title))
    if server and not fields.usable(offer.images) and not offer.copies:
        text = texts(N_("KWS doesn't have the image list yet. Try again in a minute, or contact an admin."))
        blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=text))]
        return View(type="modal", callback_id=ids.View.RENT, title=head, close=close, blocks=blocks)
    return View(
        type="modal",
        callback_id=ids.View.RENT,
        private_metadata=shown.metadata(),
        title=head,
        submit=PlainTextObject(text=texts.plain(N_("Rent"))),
        close=close,
        blocks=_blocks(offer, policy, texts, shown, admin, copy, filled or RentForm()),
    )


def _blocks(
    offer: FormOptions,
    policy: Policy,
    texts: Texts,
    shown: Shown,
    admin: bool,
    copy: str | None,
    filled: RentForm,
) -> list[Block]:
    server = shown.kind is Kind.SERVER
    standing = MarkdownTextObject(text=clip(used_line(offer, policy, texts), 2000))
    blocks: list[Block] = ask_form.blocks(shown.said, texts) if shown.ask else []
    blocks += room_choice.blocks(shown.room, offer.sizes, texts) if shown.room else []
    image = fields.COPY + copy if copy else filled.image
    blocks += [
        ContextBlock(elements=[standing]),
        fields.name(texts, filled.name),
        fields.image(offer.images, texts, offer.copies, image) if server else fields.registry_image(texts),
        *_size(offer, texts, shown, copy, filled.size),
        fields.last_day(offer, texts, filled.ends_on),
    ]
    blocks += _access(offer, texts, shown) if server else _container(texts)
    blocks += [_web(offer.web, texts)] if offer.web else []
    if shown.more:
        blocks += _more(offer, policy, texts, shown, admin)
    else:
        blocks.append(ActionsBlock(block_id=ids.Action.MORE, elements=[_more_button(texts)]))
    return blocks


def _size(
    offer: FormOptions, texts: Texts, shown: Shown, copy: str | None, filled: str | None
) -> list[Block]:
    options = [(f"{size.name} · {size_line(size, texts)}", size.name) for size in offer.sizes]
    if shown.more:
        options.append((texts.plain(N_("Custom size…")), CUSTOM))
    least = next((one.rental.disk_gb for one in offer.copies if one.id == copy), 0)
    initial = next((size.name for size in offer.sizes if size.disk_gb >= least), options[0][1])
    initial = filled or initial
    size = fields.select(ids.Field.SIZE, texts.plain(N_("Size")), options, initial, dispatch=shown.more)
    if not (shown.more and shown.custom):
        return [size]
    return [
        size,
        fields.number(ids.Field.VCPUS, texts.plain(N_("vCPUs")), 1),
        fields.number(ids.Field.RAM_MB, texts.plain(N_("Memory (MB)")), 1024),
        fields.number(ids.Field.DISK_GB, texts.plain(N_("Disk (GB)")), 10),
    ]


def _access(offer: FormOptions, texts: Texts, shown: Shown) -> list[Block]:
    options = [(texts.plain(N_("New key pair (private key by DM)")), GENERATED)]
    options += [
        (texts.plain(N_("Saved key {name}"), name=key.name), f"{SAVED}{key.id}") for key in offer.keys
    ]
    options += [
        (texts.plain(N_("Paste a public key")), PASTED),
        (texts.plain(N_("Password")), PASSWORD),
    ]
    blocks: list[Block] = [
        fields.select(ids.Field.ACCESS, texts.plain(N_("Login method")), options, GENERATED, dispatch=True)
    ]
    if shown.access == PASTED:
        blocks.append(fields.public_key(texts))
    if shown.access == PASSWORD:
        blocks.append(fields.password(texts))
    return blocks


def _web(web: WebSection, texts: Texts) -> InputBlock:
    return fields.tick(
        ids.Field.WEB,
        texts.plain(N_("Web address")),
        texts.plain(N_("HTTPS address for its web server")),
        texts.plain(N_("https://NAME.{domain}. You can change who can open it later."), domain=web.domain),
        ticked=web.by_default,
    )


def _container(texts: Texts) -> list[Block]:
    command_hint = texts.plain(N_("If empty, KWS uses the image's command."))
    environment_hint = texts.plain(N_("Enter one NAME=value per line."))
    command, environment = texts.plain(N_("Command")), texts.plain(N_("Environment variables"))
    return [
        _ports(texts, texts.plain(N_("For example: {ports}"), ports=SOME_PORTS), "80"),
        fields.text(ids.Field.COMMAND, command, "nginx -g 'daemon off;'", command_hint, optional=True),
        fields.tick(ids.Field.SHELL, texts.plain(N_("Shell")), texts.plain(N_("Run the command with sh -c"))),
        fields.text(
            ids.Field.ENVIRONMENT, environment, "NAME=value", environment_hint, optional=True, multiline=True
        ),
    ]


def _more(offer: FormOptions, policy: Policy, texts: Texts, shown: Shown, admin: bool) -> list[Block]:
    blocks: list[Block] = [] if shown.room else [room_choice.first_day(texts)]
    if shown.kind is Kind.SERVER:
        hint = texts.plain(N_("SSH is always open. For example: {ports}"), ports=SOME_PORTS)
        config_hint = texts.plain(
            N_("A cloud-config in YAML of up to 3,000 characters. For more, select “Longer cloud-init”.")
        )
        blocks += [
            _ports(texts, hint, format_ports(policy.open_port_ranges())),
            *(_config_box(texts, number, config_hint) for number in range(shown.boxes)),
        ]
        if shown.boxes < MOST_BOXES:
            longer = PlainTextObject(text=texts.plain(N_("Longer cloud-init")))
            button = ButtonElement(action_id=ids.Action.LONGER, text=longer)
            blocks.append(ActionsBlock(block_id=ids.Action.LONGER, elements=[button]))
    blocks += _network(offer, texts, shown)
    return [*blocks, _node(offer, texts, admin)]


def _node(offer: FormOptions, texts: Texts, admin: bool) -> InputBlock:
    names = [(room.node, room.node) for room in offer.rooms]
    hint = texts.plain(N_("If empty, KWS chooses one. An admin has to allow a certain node."))
    label = texts.plain(N_("Node"))
    return fields.select(ids.Field.NODE, label, names, None, optional=True, hint=None if admin else hint)


def _box(number: int) -> str:
    """The block_id of the box of cloud-init with that number, from 0."""
    return f"{ids.Field.CLOUD_INIT}_{number + 1}" if number else ids.Field.CLOUD_INIT


def _config_box(texts: Texts, number: int, hint: str) -> InputBlock:
    label = f"cloud-init ({number + 1})" if number else "cloud-init"
    if number:
        hint = texts.plain(N_("Continues on a new line."))
    return fields.text(_box(number), label, "packages: [nginx]", hint, optional=True, multiline=True)


def _network(offer: FormOptions, texts: Texts, shown: Shown) -> list[Block]:
    options = [(texts.plain(N_("Shared network")), DEFAULT_NETWORK)]
    options += [(f"{network.name} · {network.cidr}", network.id) for network in offer.networks]
    options.append((texts.plain(N_("New private network…")), NEW_NETWORK))
    label = texts.plain(N_("Network"))
    blocks: list[Block] = [fields.select(ids.Field.NETWORK, label, options, DEFAULT_NETWORK, dispatch=True)]
    if shown.new_network:
        hint = texts.plain(N_("Enter an unused private range, from /16 to /29."))
        blocks += [
            fields.text(ids.Field.NETWORK_NAME, texts.plain(N_("Network name")), "my-net"),
            fields.text(ids.Field.CIDR, "CIDR", "192.168.50.0/24", hint),
        ]
    return blocks


def _ports(texts: Texts, hint: str, initial: str) -> InputBlock:
    label = texts.plain(N_("Ports to open"))
    return fields.text(ids.Field.PORTS, label, SOME_PORTS, hint, initial=initial or None, optional=True)


def _more_button(texts: Texts) -> ButtonElement:
    return ButtonElement(
        action_id=ids.Action.MORE, text=PlainTextObject(text=texts.plain(N_("Show more options")))
    )


def parse(view: SentView) -> RentForm:
    """What the person filled in, unchecked; ``None`` for empty and missing fields."""
    shown, state = shown_in(view), view.state
    access = shown.access
    saved = access.removeprefix(SAVED) if access.startswith(SAVED) else ""
    ports = ids.Field.PORTS in state.values
    network = state.option(ids.Field.NETWORK)
    password = state.verbatim(ids.Field.PASSWORD)
    image = _image_of(shown.kind, state)
    copy = image.removeprefix(fields.COPY) if image and image.startswith(fields.COPY) else None
    form = RentForm(
        kind=shown.kind,
        name=state.text(ids.Field.NAME),
        image=None if copy else image,
        copy=copy,
        size=state.option(ids.Field.SIZE),
        ends_on=state.day(ids.Field.ENDS_ON),
        starts_on=state.day(ids.Field.STARTS_ON),
        wait_until=state.day(ids.Field.WAIT_UNTIL),
        access=Access.OWN_KEY if saved else ACCESS.get(access, Access.GENERATED),
        saved_key=int(saved) if saved.isdigit() else None,
        public_key=state.text(ids.Field.PUBLIC_KEY),
        password=Secret(password) if password else None,
        vcpus=state.number(ids.Field.VCPUS),
        ram_mb=state.number(ids.Field.RAM_MB),
        disk_gb=state.number(ids.Field.DISK_GB),
        ports=(state.text(ids.Field.PORTS) or "") if ports or shown.kind is Kind.CONTAINER else None,
        cloud_init="\n".join(filter(None, map(state.verbatim, map(_box, range(shown.boxes))))) or None,
        command=_command(state),
        environment=state.verbatim(ids.Field.ENVIRONMENT),
        network=None if network == DEFAULT_NETWORK else network,
        network_name=state.text(ids.Field.NETWORK_NAME),
        cidr=state.text(ids.Field.CIDR),
        node=state.option(ids.Field.NODE),
        web=bool(state.options(ids.Field.WEB)) if ids.Field.WEB in state.values else None,
        ask=ask_form.reason(state),
    )
    return shown.room.apply(form, state) if shown.room else form


def _command(state: ViewState) -> str | None:
    command = state.verbatim(ids.Field.COMMAND)
    if command and state.options(ids.Field.SHELL):
        return in_shell(command)
    return command


def _image_of(kind: Kind, state: ViewState) -> str | None:
    if kind is Kind.SERVER:
        return state.option(ids.Field.IMAGE)
    return state.text(ids.Field.IMAGE)
