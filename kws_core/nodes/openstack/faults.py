"""Foreign errors into ours: by exception type and status code; by text only where OpenStack has no code.

What is left unsaid by the node (no answer, 5xx, half an answer) becomes NodeDown; a clear no NodeRefused.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kws_core.errors import ConfigError, NodeDown, NodeError, NodeRefused, Refusal

DETAIL_LENGTH = 500

# Neutron names its errors; the name is the code (all of them come as 400 or 409).
_NEUTRON_TYPES = {
    "OverQuota": Refusal.QUOTA,
    "ExternalIpAddressExhausted": Refusal.NO_ADDRESS,
    "IpAddressGenerationFailure": Refusal.NO_ADDRESS,
    "IpAddressGenerationFailureNoMatchingSubnet": Refusal.NO_ADDRESS,
    "ExternalNetworkNotFound": Refusal.MISSING,
    "ExternalGatewayForFloatingIPNotFound": Refusal.MISSING,
}
_STATUSES = {
    400: Refusal.INVALID,
    401: Refusal.AUTH,
    403: Refusal.AUTH,
    404: Refusal.MISSING,
    409: Refusal.INVALID,
    413: Refusal.QUOTA,
}
_BUSY = frozenset({408, 425, 429})  # not done, and nothing is wrong with the request: look again later
_NEVER = 501  # a feature that this node does not have: no better later


class OpenStackRefused(NodeRefused):
    """A NodeRefused that knows the HTTP status, for the code in this package that must tell 404 from 409."""

    def __init__(self, node: str, reason: Refusal, detail: str = "", status: int = 0) -> None:
        super().__init__(node, reason, detail)
        self.status = status


def status_of(error: BaseException) -> int:
    """The HTTP status behind a node error, 0 when there was none."""
    return getattr(error, "status", 0)


@contextmanager
def unless_missing() -> Iterator[None]:
    """What isn't there (404) is no failure: the block ends there."""
    try:
        yield
    except OpenStackRefused as error:
        if error.status != 404:
            raise


def from_status(node: str, status: int, message: str = "", error_type: str = "") -> NodeError:
    """The error for an HTTP answer of 400 and above."""
    detail = f"{status} {message}".strip()[:DETAIL_LENGTH]
    if (status >= 500 and status != _NEVER) or status in _BUSY:
        return NodeDown(node, Refusal.DOWN, detail)
    reason = _NEUTRON_TYPES.get(error_type) or _STATUSES.get(status, Refusal.INVALID)
    if status == 403 and "quota" in message.lower():  # Nova has no other sign: a policy's no is a 403 too
        reason = Refusal.QUOTA
    return OpenStackRefused(node, reason, detail, status)


def from_answer(node: str, status: int, body: Any, text: str = "") -> NodeError:
    """The error for an answer of 400 and above whose JSON is ``body`` (None when it isn't JSON)."""
    message, error_type = text, ""
    if isinstance(body, Mapping):
        inner: Any = next(iter(body.values()), None)
        if isinstance(inner, list):  # Placement: {"errors": [{…}]}
            inner = inner[0] if inner else None
        if isinstance(inner, Mapping):
            message = str(inner.get("message") or inner.get("detail") or text)
            error_type = str(inner.get("type") or "")
        elif isinstance(inner, str):
            message = inner
    return from_status(node, status, message, error_type)


def from_exception(node: str, error: Exception) -> NodeError | None:
    """The error for a foreign exception; None when it isn't OpenStack's (then it is a bug of ours)."""
    if isinstance(error, NodeError):
        return error
    if isinstance(error, ConfigError):  # nobody can log in to it until the file is fixed: nothing was asked
        return NodeDown(node, Refusal.AUTH, "; ".join(error.problems))
    status = getattr(error, "http_status", None) or getattr(error, "status_code", None)
    if _foreign(error) and isinstance(status, int) and status >= 400:
        return from_status(node, status, str(error))
    detail = f"{type(error).__name__}: {error}"[:DETAIL_LENGTH]
    for modules, reason in ((_LACKING, Refusal.MISSING), (_CREDENTIALS, Refusal.AUTH)):
        if _is_any(error, modules):
            return OpenStackRefused(node, reason, detail)
    if _foreign(error) or isinstance(error, OSError):
        return NodeDown(node, Refusal.DOWN, detail)
    return None


@contextmanager
def translated(node: str) -> Iterator[None]:
    """Let OpenStack's exceptions leave the block as ours; bugs leave as they are.

    Raises:
        NodeError: NodeDown or NodeRefused, for what the node or its library raised.
    """
    try:
        yield
    except Exception as error:
        ours = from_exception(node, error)
        if ours is None or ours is error:
            raise
        raise ours from error


_LACKING = (
    "keystoneauth1.exceptions.CatalogException",
    "openstack.exceptions.EndpointNotFound",
    "openstack.exceptions.ConfigException",
    "openstack.exceptions.NotSupported",
)
_CREDENTIALS = (
    "keystoneauth1.exceptions.AuthPluginException",
    "keystoneauth1.exceptions.AuthorizationFailure",
)
_ROOTS = (
    "keystoneauth1.exceptions.ClientException",
    "openstack.exceptions.SDKException",
    "requests.exceptions.RequestException",
    "zunclient.common.apiclient.exceptions.ClientException",
)


def _foreign(error: Exception) -> bool:
    return _is_any(error, _ROOTS)


def _is_any(error: Exception, names: tuple[str, ...]) -> bool:
    """isinstance() that imports nothing: a class whose module was never loaded can't have been raised."""
    for name in names:
        module, _, attribute = name.rpartition(".")
        known = getattr(sys.modules.get(module), attribute, None)
        if isinstance(known, type) and isinstance(error, known):
            return True
    return False
