"""Ports that a server opens, as a person writes them: ``80, 443, 8000-8010 53/udp``."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Set

from kws_core.errors import ErrorCode, UserError
from kws_core.values import PortRange

FIRST, LAST = 1, 65535
UNPRIVILEGED = 1024
SSH = PortRange(22, 22)  # open on every server: said again, it adds nothing
FORBIDDEN = frozenset({25})  # mail: what spam leaves by, and the lab's provider blocks
MOST = 20  # ranges; Neutron's default quota is 100 rules for the whole project
_PROTOCOLS = ("tcp", "udp")
_PIECE = re.compile(r"([0-9]+)(?:-([0-9]+))?(?:/([a-z]+))?", re.IGNORECASE)


def parse_ports(text: str, policy_forbidden: Set[int] = FORBIDDEN, most: int = MOST) -> tuple[PortRange, ...]:
    """Parse port ranges, sorted and with adjacent ones joined; an empty text gives none.

    Pieces are parted by commas, spaces or line breaks; without ``/udp`` it is TCP. ``~`` and the long
    dashes stand for ``-``, full-width characters for plain ones, as Korean keyboards give them. 22 alone
    is dropped; a range that has 22 inside stays as it is. UserError names the piece that is wrong.

    Raises:
        UserError: For the first invalid piece, or for more than ``most`` ranges.
    """
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"\s*[-\u2013\u2014\u2212~]\s*", "-", text)
    text = re.sub(r"\s*/\s*", "/", text)
    pieces = [piece for piece in re.split(r"[\s,]+", text) if piece]
    for first, last in re.findall(r"(?<![^\s,])([0-9]+)(?=[ \t]+([0-9]+)(?![^\s,]))", text):
        if _looks_like_a_range(first, last, alone=len(pieces) == 2):
            raise UserError(ErrorCode.PORTS_RANGE, dash=f"{first}-{last}", comma=f"{first}, {last}")
    ranges = _joined(port for port in (_range(piece, policy_forbidden) for piece in pieces) if port != SSH)
    if len(ranges) > most:
        raise UserError(ErrorCode.PORTS_MANY, count=len(ranges), most=most)
    return ranges


def _looks_like_a_range(first: str, last: str, alone: bool) -> bool:
    """``19000 19999``: two high numbers with only spaces between them that may be the ends of a range.

    Among others they look so only when they are round: the last ends with the 9s where the first has 0s.
    """
    low, high = _number(first), _number(last)
    zeros = len(first) - len(first.rstrip("0"))
    rounded = any(last == first[:-digits] + "9" * digits for digits in range(2, zeros + 1))
    return low >= UNPRIVILEGED and low + 1 < high <= LAST and len(first) == len(last) and (alone or rounded)


def format_ports(ranges: Iterable[PortRange]) -> str:
    """What ``parse_ports`` reads back: ``53/udp, 80, 8000-8010``."""
    return ", ".join(_text(entry) for entry in ranges)


def _text(entry: PortRange) -> str:
    text = str(entry.first) if entry.first == entry.last else f"{entry.first}-{entry.last}"
    return text if entry.protocol == "tcp" else f"{text}/{entry.protocol}"


def _range(piece: str, forbidden: Set[int]) -> PortRange:
    found = _PIECE.fullmatch(piece)
    shown = piece[:40]
    if not found:
        raise UserError(ErrorCode.PORTS_INVALID, piece=shown)
    protocol = (found[3] or "tcp").lower()
    if protocol not in _PROTOCOLS:
        raise UserError(ErrorCode.PORTS_PROTOCOL, piece=shown, protocols=", ".join(_PROTOCOLS))
    first, last = _number(found[1]), _number(found[2] or found[1])
    if not (FIRST <= first <= LAST and FIRST <= last <= LAST):
        raise UserError(ErrorCode.PORTS_NUMBER, piece=shown, least=FIRST, most=LAST)
    if first > last:
        raise UserError(ErrorCode.PORTS_BACKWARDS, piece=shown, right=f"{last}-{first}")
    for port in sorted(forbidden):
        if first <= port <= last:
            raise UserError(ErrorCode.PORTS_FORBIDDEN, piece=shown, port=port)
    return PortRange(first, last, protocol)


def _number(digits: str) -> int:
    """As int; whatever is too long for one is too big as well (int() refuses thousands of digits)."""
    digits = digits.lstrip("0")
    return int(digits or "0") if len(digits) <= len(str(LAST)) else LAST + 1


def _joined(ranges: Iterable[PortRange]) -> tuple[PortRange, ...]:
    """Sorted by port, then protocol; ranges of one protocol that overlap or touch become one."""
    done: list[PortRange] = []
    for entry in sorted(ranges, key=lambda entry: (entry.protocol, entry.first)):
        before = done[-1] if done else None
        if before and before.protocol == entry.protocol and entry.first <= before.last + 1:
            done[-1] = PortRange(before.first, max(before.last, entry.last), entry.protocol)
        else:
            done.append(entry)
    return tuple(sorted(done, key=lambda entry: (entry.first, entry.protocol)))
