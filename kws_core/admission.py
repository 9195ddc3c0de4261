"""Whether a form may be granted: every field is checked, and every mistake told at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy.orm import Session

from kws_core import store
from kws_core.config import Config, Policy
from kws_core.errors import UserError
from kws_core.nodes import Image, Kind, Size
from kws_core.ssh_keys import check_public_key

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123 label, lower case


@dataclass(frozen=True, slots=True)
class Who:
    """The person who asks."""

    id: str
    admin: bool = False


@dataclass(frozen=True, slots=True)
class RentForm:
    """What the form says, parsed but not yet checked. None: left empty."""

    name: str | None = None
    image: str | None = None
    size: str | None = None
    ends_on: date | None = None
    public_key: str | None = None  # the person's own; None: KWS makes a pair
    kind: Kind = Kind.SERVER


def form_errors(
    session: Session, config: Config, who: Who, form: RentForm, images: Mapping[str, Image], today: date
) -> dict[str, UserError]:
    """Field name → what is wrong with it; empty when the form may be granted."""
    checks: dict[str, Callable[[], object]] = {
        "name": lambda: _check_name(session, form.name),
        "image": lambda: _check_image(form, images),
        "size": lambda: _check_size(session, config, who, form, images),
        "ends_on": lambda: check_end(form.ends_on, today, config.policy),
        "public_key": lambda: form.public_key and check_public_key(form.public_key),
    }
    errors = {}
    for name, check in checks.items():
        try:
            check()
        except UserError as error:
            errors[name] = error
    return errors


def check_end(ends_on: date | None, today: date, policy: Policy) -> None:
    """UserError unless a rental may end on that date."""
    last = today + timedelta(days=policy.max_days)
    if ends_on is None:
        raise UserError("end_missing")
    if ends_on < today:
        raise UserError("end_past", today=today)
    if ends_on > last:
        raise UserError("end_late", last=last, days=policy.max_days)


def _check_name(session: Session, name: str | None) -> None:
    if not name:
        raise UserError("name_missing")
    if not NAME.fullmatch(name):
        raise UserError("name_invalid")
    if store.live_by_name(session, name):
        raise UserError("name_taken", name=name)


def _check_image(form: RentForm, images: Mapping[str, Image]) -> None:
    if not form.image:
        raise UserError("image_missing")
    if form.image not in images:
        raise UserError("image_unknown", image=form.image)


def _check_size(
    session: Session, config: Config, who: Who, form: RentForm, images: Mapping[str, Image]
) -> None:
    size = config.size(form.size or "")
    if size is None:
        raise UserError("size_missing")
    image = images.get(form.image or "")
    if image and (size.disk_gb < image.min_disk_gb or size.ram_mb < image.min_ram_mb):
        raise UserError("size_small", image=image.name, disk_gb=image.min_disk_gb, ram_mb=image.min_ram_mb)
    _check_quota(session, config.policy, who, size)


def _check_quota(session: Session, policy: Policy, who: Who, size: Size) -> None:
    mine = [rental for rental in store.rentals_of(session, who.id) if rental.live]
    used = {
        "rentals": (len(mine) + 1, policy.max_rentals_per_user),
        "vcpus": (sum(r.vcpus for r in mine) + size.vcpus, policy.max_vcpus_per_user),
        "ram_mb": (sum(r.ram_mb for r in mine) + size.ram_mb, policy.max_ram_mb_per_user),
    }
    for what, (wanted, limit) in used.items():
        if wanted > limit:
            raise UserError(f"quota_{what}", wanted=wanted, limit=limit)
