"""``/kws rent web01 ubuntu-22.04 small 14d``: for people who type.

The words may come in any order behind the name; a near miss is told with what was probably meant.
"""

from __future__ import annotations

import difflib
import re
from datetime import date, timedelta

from kws_core.errors import ErrorCode, UserError
from kws_core.rentals.admission import RentForm
from kws_core.rentals.service import FormOptions

DURATION = re.compile(r"(\d{1,4})\s*(?:(d|days?|일)|(?:w|weeks?|주일?|주간))(?:간|동안)?")


def parse(words: str, offer: FormOptions) -> RentForm:
    """The form that the words fill in; UserError names the first word that fits nothing."""
    name, *rest = words.split()
    image, size, ends_on = None, offer.sizes[0].name, offer.default_end
    images = {entry.name.lower(): entry.name for entry in offer.images}
    sizes = {entry.name.lower(): entry.name for entry in offer.sizes}
    for word in rest:
        low = word.lower()
        day = day_meant(low, offer.today)
        if day is not None:
            ends_on = day
        elif low in sizes:
            size = sizes[low]
        elif low in images:
            image = images[low]
        else:
            raise _unknown(low, [*images, *sizes])
    if image is None and len(images) == 1:
        image = next(iter(images.values()))
    return RentForm(name=name, image=image, size=size, ends_on=ends_on)


def day_meant(word: str, today: date) -> date | None:
    """``14d``, ``2w``, ``7일``, ``2주`` or ``2026-12-24`` as a date; None for any other word."""
    found = DURATION.fullmatch(word)
    if found:
        return today + timedelta(days=int(found[1]) * (1 if found[2] else 7))
    try:
        return date.fromisoformat(word)
    except ValueError:
        return None


def _unknown(word: str, known: list[str]) -> UserError:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if near:
        return UserError(ErrorCode.WORD_NEAR, word=word, near=near[0])
    return UserError(ErrorCode.WORD_UNKNOWN, word=word, known=known)
