"""Every error that KWS itself raises; who is told is decided by the class.

``UserError``: the person did or asked something that can't be done; shown in their language.
``NodeError``: an OpenStack node did not do what was asked; never shown raw, decides retry or move on.
Anything else is a bug: logged with a reference id that the person is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class KwsError(Exception):
    """Something that KWS knows about went wrong."""


class ConfigError(KwsError):
    """nodes.toml or the environment is wrong. ``problems`` lists every mistake as ``path: what``."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class StoreDown(KwsError):
    """The database can't be reached or written."""


class ListenError(KwsError):
    """The address that was to be served can't be."""


class UserError(KwsError):
    """Refused for a reason that the person can understand and act on.

    ``code`` names the sentence in the message catalogue, ``data`` fills its blanks.
    """

    def __init__(self, code: str, **data: object) -> None:
        super().__init__(f"{code} {data}" if data else code)
        self.code = code
        self.data = data


class FormError(UserError):
    """Some fields of a form are wrong: ``fields`` maps field name to the error at it."""

    def __init__(self, fields: Mapping[str, UserError]) -> None:
        super().__init__("form")
        self.fields = dict(fields)


class NodeError(KwsError):
    """A node did not do what it was asked. ``reason`` is one word of :class:`RefusalReason`'s values."""

    def __init__(self, node: str, reason: str, detail: str = "") -> None:
        super().__init__(f"{node}: {reason}: {detail}" if detail else f"{node}: {reason}")
        self.node = node
        self.reason = reason
        self.detail = detail


class NodeDown(NodeError):
    """No answer, a timeout or a 5xx: what was asked may or may not have happened. Look before asking again."""


class NodeRefused(NodeError):
    """A clear no (quota, no valid host, bad request, forbidden): asking this node again won't help now."""


class Refusal(StrEnum):
    """Why a node did not do it (``NodeError.reason``)."""

    DOWN = "down"  # no answer, timeout, 5xx
    AUTH = "auth"  # 401/403 for our credentials
    QUOTA = "quota"  # 403/413 over a project quota
    NO_HOST = "no_host"  # the scheduler found no place
    NO_ADDRESS = "no_address"  # no floating IP left
    NO_IMAGE = "no_image"  # the image is not on this node
    MISSING = "missing"  # network, router or flavor named in nodes.toml is not there
    INVALID = "invalid"  # 400: the node does not accept the request
    FAILED = "failed"  # the machine went to ERROR
