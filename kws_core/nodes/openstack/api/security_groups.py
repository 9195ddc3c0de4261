"""Security groups (Neutron)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kws_core.nodes.openstack.api.rest import Json, Rest, inner, marks_of
from kws_core.nodes.openstack.api.types import Rule, SecurityGroup

_ANYWHERE = frozenset({None, "", "0.0.0.0/0", "::/0"})


class SecurityGroups:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self, *names: str) -> Sequence[SecurityGroup]:
        """All security groups that our project sees, or those with one of these names."""
        params = {"name": names} if names else {}
        found = self._rest.pages("network", "/security-groups", "security_groups", params)
        return [group for group in map(_group, found) if not names or group.name in names]

    def create(self, name: str, mark: str = "") -> SecurityGroup:
        """Make a group that lets everything out and nothing in."""
        wanted = {"name": name, "description": mark}
        answer = self._rest.post("network", "/security-groups", {"security_group": wanted})
        return _group(inner(self._rest, answer, "security_group"))

    def add_rules(self, group_id: str, rules: Iterable[Rule]) -> None:
        """Let these in: one request for all, so all or none."""
        wanted = [
            {
                "security_group_id": group_id,
                "direction": "ingress",
                "ethertype": rule.ethertype,
                "protocol": rule.protocol or None,
                "port_range_min": rule.first,
                "port_range_max": rule.last,
                "remote_ip_prefix": rule.source or None,
            }
            for rule in rules
        ]
        if wanted:
            self._rest.post("network", "/security-group-rules", {"security_group_rules": wanted})

    def delete(self, group_id: str) -> bool:
        """Delete a group; refused (409) while a port uses it."""
        return self._rest.delete("network", f"/security-groups/{group_id}")


def _group(entry: Json) -> SecurityGroup:
    rules = entry.get("security_group_rules") or ()
    return SecurityGroup(
        id=str(entry["id"]),
        name=str(entry.get("name") or ""),
        rules=frozenset(_rule(rule) for rule in rules if _is_by_address(rule)),
        created_at=str(entry.get("created_at") or ""),
        marks=marks_of(entry),
    )


def _is_by_address(rule: Json) -> bool:
    of_a_group = rule.get("remote_group_id") or rule.get("remote_address_group_id")
    return rule.get("direction") == "ingress" and not of_a_group


def _rule(entry: Json) -> Rule:
    source = entry.get("remote_ip_prefix")
    return Rule(
        protocol=str(entry.get("protocol") or ""),
        first=entry.get("port_range_min"),
        last=entry.get("port_range_max"),
        ethertype=str(entry.get("ethertype") or "IPv4"),
        source="" if source in _ANYWHERE else str(source),
    )
