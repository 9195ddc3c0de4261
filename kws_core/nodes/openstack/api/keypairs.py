"""Keypairs (Nova). They belong to the user behind the credentials, not to the project."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from kws_core.nodes.openstack.api.rest import Json, Rest, inner, pick
from kws_core.nodes.openstack.api.types import Keypair

_VERSION = "2.35"  # paged; from 2.92 on the same, as we never let Nova make a private key


class Keypairs:
    """See :mod:`kws_core.nodes.openstack.api`."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    def list(self) -> Sequence[Keypair]:
        """All keypairs of our user."""
        found = self._rest.pages("compute", "/os-keypairs", "keypairs", version=_VERSION)
        return [_keypair(entry.get("keypair") or {}) for entry in found]

    def find(self, name: str) -> Keypair:
        """One keypair."""
        return pick(self._rest, "keypair", self.list(), name)

    def create(self, name: str, public_key: str) -> Keypair:
        """Store a public key; the private one is never Nova's to make. A taken name is a 409."""
        body = {"keypair": {"name": name, "public_key": public_key}}
        return _keypair(
            inner(self._rest, self._rest.post("compute", "/os-keypairs", body, _VERSION), "keypair")
        )

    def delete(self, name: str) -> bool:
        """Delete a keypair; servers made with it keep the key."""
        return self._rest.delete("compute", f"/os-keypairs/{quote(name, safe='')}", _VERSION)


def _keypair(entry: Json) -> Keypair:
    name = str(entry.get("name") or "")
    return Keypair(id=name, name=name, public_key=str(entry.get("public_key") or ""))
