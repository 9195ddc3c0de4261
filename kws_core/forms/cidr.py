"""Networks that people ask for: pure checks of a name and of an address range."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv4Network, ip_interface, ip_network

from kws_core.errors import ErrorCode, UserError

WIDEST, NARROWEST = 16, 29  # prefix lengths: 65,536 addresses down to 8 (gateway, DHCP, a few machines)
PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))  # RFC 1918
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")  # RFC 1123, lower case as all names here


def check_network_name(text: str) -> str:
    """Return the name without surrounding spaces, if it is a label such as ``lab-net1``.

    Raises:
        UserError: If it is empty or not a label.
    """
    name = text.strip()
    if not name:
        raise UserError(ErrorCode.NETWORK_NAME_MISSING)
    if not _LABEL.fullmatch(name):
        raise UserError(ErrorCode.NETWORK_NAME_INVALID, name=name[:80])
    return name


def check_cidr(text: str, taken: Iterable[str] = ()) -> IPv4Network:
    """Return the private IPv4 range that ``text`` (``10.20.0.0/24``) names, if it is free.

    ``taken`` are ranges in use on the node, the external network's among them: a router can't tell two
    overlapping ones apart. IPv6 ranges in it overlap nothing. The prefix length is checked before the host
    bits, so that the network named as the right one is always one that would be taken.

    Raises:
        UserError: If it isn't a range, has host bits, is public, is too wide or narrow, or overlaps a taken
            one.
    """
    asked = _interface(text.strip())
    network = asked.network
    _check_block(network)
    if not WIDEST <= network.prefixlen <= NARROWEST:
        raise UserError(ErrorCode.CIDR_PREFIX, cidr=str(asked), widest=WIDEST, narrowest=NARROWEST)
    if asked.ip != network.network_address:
        raise UserError(ErrorCode.CIDR_HOST_BITS, cidr=str(asked), right=str(network))
    if not any(network.subnet_of(block) for block in PRIVATE):
        raise UserError(ErrorCode.CIDR_PUBLIC, cidr=str(network), private=", ".join(map(str, PRIVATE)))
    for other in _readable(taken):
        if network.overlaps(other):
            raise UserError(ErrorCode.CIDR_OVERLAP, cidr=str(network), other=str(other))
    return network


def _interface(text: str) -> IPv4Interface:
    if not text:
        raise UserError(ErrorCode.CIDR_MISSING)
    if "/" not in text:  # ipaddress would read one address, /32
        raise UserError(ErrorCode.CIDR_INVALID, cidr=text[:80])
    try:
        asked = ip_interface(text)
    except ValueError as error:
        raise UserError(ErrorCode.CIDR_INVALID, cidr=text[:80]) from error
    if not isinstance(asked, IPv4Interface):
        raise UserError(ErrorCode.CIDR_IPV6, cidr=text[:80])
    return asked


def _check_block(network: IPv4Network) -> None:
    """Ranges that are for something else altogether; ``sort`` says for what."""
    sorts = {
        "multicast": network.is_multicast,
        "loopback": network.is_loopback,
        "link-local": network.is_link_local,
    }
    for sort, true in sorts.items():
        if true:
            raise UserError(ErrorCode.CIDR_SPECIAL, cidr=str(network), sort=sort)


def _readable(taken: Iterable[str]) -> Iterable[IPv4Network]:
    """Neutron's answers as networks. What is no network at all can't be compared, and is passed over."""
    for text in taken:
        try:
            other = ip_network(text, strict=False)
        except ValueError:
            continue
        if isinstance(other, IPv4Network):
            yield other
