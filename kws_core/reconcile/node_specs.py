"""What a node is asked to make for a rental."""

from __future__ import annotations

from dataclasses import replace

from kws_core.config import WebSection
from kws_core.forms import cloud_init
from kws_core.nodes.values import Address, ContainerSpec, LetIn, Login, NetworkSpec, Rebuild, ServerSpec
from kws_core.tables.rental import Placement, Rental
from kws_core.tables.states import Access
from kws_core.values import Kind, PortRange, owner_tag


def spec_of(rental: Rental, web: WebSection | None = None) -> ServerSpec | ContainerSpec:
    """The rental as its node gets it; ``web`` has the proxy that is let in."""
    ports = tuple(PortRange(**entry) for entry in rental.open_ports)
    if rental.kind is Kind.CONTAINER:
        return ContainerSpec(
            mark=rental.mark,
            name=rental.name,
            image=rental.image,
            size=rental.wanted_size,
            command=tuple(rental.command),
            environment=rental.environment,
            owner=rental.owner,
            open_ports=ports,
            let_in=proxies_of(rental, web),
            network=_network(rental),
        )
    return ServerSpec(
        mark=rental.mark,
        name=rental.name,
        image=owner_tag(rental.copy_id) if rental.copy_id else rental.image,
        size=rental.wanted_size,
        user_data=_user_data(rental),
        owner=rental.owner,
        open_ports=ports,
        let_in=proxies_of(rental, web),
        network=_network(rental),
    )


def rebuild_of(rental: Rental, web: WebSection | None = None) -> Rebuild:
    """The rental as its node makes it once more: from its image, also when it was made from a copy."""
    key = rental.public_key if rental.access is Access.GENERATED else None
    return Rebuild(replace(spec_of(rental, web), image=rental.image), rental.reset_number, key or "")


def proxies_of(rental: Rental, web: WebSection | None) -> tuple[LetIn, ...]:
    """What lets the proxy in at the rental's web server, where its ports are not open to everybody anyway."""
    site = rental.site
    if web is None or site is None or not site.open:
        return ()
    ports = (PortRange(**entry) for entry in rental.open_ports)
    if any(one.protocol == "tcp" and one.first <= site.port <= one.last for one in ports):
        return ()
    return tuple(LetIn(address, site.port) for address in web.proxy)


def login_of(rental: Rental) -> Login:
    """How its owner gets in: with the key if there is one, otherwise with the password."""
    return Login(rental.login, rental.public_key)


def address_of(placement: Placement) -> Address:
    """The network place that was made for it, as the node knows it."""
    return Address(
        port_id=placement.port_id or "",
        floating_ip_id=placement.floating_ip_id or "",
        floating_ip=placement.floating_ip or "",
        fixed_ip=placement.fixed_ip or "",
    )


def _network(rental: Rental) -> NetworkSpec | None:
    network = rental.network
    return NetworkSpec(owner_tag(network.id), network.name, network.cidr) if network else None


def _user_data(rental: Rental) -> str:
    """Empty until the owner has what opens the machine: the address is made before that."""
    if not rental.key_settled:
        return ""
    return cloud_init.user_data(
        rental.id,
        rental.name,
        rental.login,
        rental.public_key,
        password_hash=rental.password_hash,
        extra=rental.cloud_init,
        old_keys=rental.old_keys,
    )
