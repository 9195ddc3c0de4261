"""What the demo puts beside Slack on the page: people, a clock and nodes; simulated ones can be played with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from babel.core import Locale, get_global

from bot.service import Service
from bot.text import i18n
from demo.clock import DemoClock, TimeTravel
from demo.hints import hints
from demo.nodes import DemoNode
from demo.sites import DemoCaddy
from kws_core.rentals.queries import RentalQueries
from kws_core.scheduling.capacity import NodeStatus
from kws_core.tables.rental import Rental
from kws_core.tables.states import PlacementState
from slack_workspace import SiteReply, Workspace

Json = dict[str, Any]


def slack_locale(language: str) -> str:
    """As Slack says it, with the country where most people speak the language: ``ko`` → ``ko-KR``."""
    return f"{language}-{Locale.parse(get_global('likely_subtags')[language]).territory}"


class DemoStage:
    """See `slack_workspace.Stage`. Without a clock and simulated nodes these are only shown."""

    cast: list[str] = ["mina", "joon", "admin"]  # noqa: RUF012 - read only
    languages: list[str] = [*i18n.LOCALES]  # noqa: RUF012 - read only

    def __init__(
        self,
        workspace: Workspace,
        service: Service,
        clock: DemoClock | None = None,
        nodes: Mapping[str, DemoNode] | None = None,
        caddy: DemoCaddy | None = None,
    ) -> None:
        self._workspace = workspace
        self._service = service
        self._clock = clock
        self._nodes = nodes or {}
        self._caddy = caddy
        self._travel = TimeTravel(clock, service) if clock else None

    def words(self, locale: str) -> Mapping[str, Sequence[str]]:
        """The bot's catalog has the page's words too."""
        return i18n.catalogue(i18n.locale_of(locale, "en"))

    def hints(self, locale: str) -> list[Json]:
        return hints(i18n.locale_of(locale, "en"))

    def panel(self) -> Json:
        context = self._service.context
        held = RentalQueries(context).all_rentals()
        return {
            "zone": context.config.kws.timezone,
            "clock": self._clock is not None,
            "skipped": round(self._clock.skipped) if self._clock else 0,
            "travelling": bool(self._travel and self._travel.busy),
            "simulated": bool(self._nodes),
            "nodes": [self._node(status, held) for status in RentalQueries(context).nodes()],
        }

    def _node(self, status: NodeStatus, rentals: Any) -> Json:
        room = status.room
        node = self._nodes.get(room.node)
        return {
            "name": room.node,
            "mood": node.mood if node else "",
            "up": room.up,
            "vcpus": room.vcpus, "free_vcpus": room.free_vcpus,
            "ram_mb": room.ram_mb, "free_ram_mb": room.free_ram_mb,
            "rentals": [self._rental(one) for one in rentals if _is_on(one, room.node)],
        }  # fmt: skip

    def _rental(self, rental: Rental) -> Json:
        web, site = self._service.context.config.web, rental.site
        labels = site.labels if site and self._caddy else ()
        sites = [web.address(label) for label in labels] if web else []
        return {
            "name": rental.name,
            "status": rental.status.value,
            "kind": rental.kind.value,
            "sites": sites,
        }

    def site(self, host: str, languages: str) -> SiteReply | None:
        return self._caddy.visit(host, languages) if self._caddy else None

    def act(self, verb: str, arguments: Json) -> None:
        """Carry out `clock` (step), `node` (name, mood), or `language` (user, locale).

        Raises:
            LookupError: For another verb.
        """
        if verb == "language":
            self._speak(str(arguments.get("user")), str(arguments.get("locale")))
        elif verb == "clock" and self._travel:
            self._travel.start(str(arguments.get("step")))
        elif verb == "node" and self._nodes:
            name = str(arguments.get("name"))
            self._nodes[name].become(str(arguments.get("mood")))
            self._service.reconciler.refresh_soon(name)
        else:
            raise LookupError(verb)
        self._workspace.state.touch()

    def _speak(self, user: str, locale: str) -> None:
        """As if the person had changed the language of their Slack; the bot need not find out in hours."""
        person = self._workspace.person(user)
        if locale not in self.languages:
            raise LookupError(locale)
        person.user.locale = slack_locale(locale)
        known = self._service.members.person(person.id)
        if known is not None:
            self._service.members.remember_person(
                person.id, locale=person.user.locale, guest=known.guest, stranger=known.stranger
            )

    def close(self) -> None:
        """Nothing waits any longer: neither time travel nor a slow node."""
        if self._travel:
            self._travel.close()
        for node in self._nodes.values():
            node.become("normal")


def _is_on(rental: Rental, node: str) -> bool:
    return any(one.node == node and one.state is not PlacementState.DELETED for one in rental.placements)
