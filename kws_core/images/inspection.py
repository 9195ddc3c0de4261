"""What OpenStack's own inspectors say of an image: whether it keeps to itself, and how large its disk is.

Several formats can name another file, which ``qemu-img convert`` on a node would read with the node's rights
(CVE-2022-47951). oslo.utils' inspectors are what Glance and Nova refuse such images by.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from kws_core.errors import ErrorCode, UserError

_NAMES = {"vpc": "vhd"}  # Glance's name of a format: oslo's
_PLAIN = {"raw", "gpt"}  # bytes of a disk as they are: they can name nothing


class Inspection:
    """Looks at the chunks of an image while they go by."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        from oslo_utils.imageutils.format_inspector import InspectWrapper  # costs a sixth of a second

        source: Any = iter(chunks)
        self._wrapper = InspectWrapper(source)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._wrapper)

    def refuse_unsafe(self, kind: str) -> None:
        """Check an image of that kind which a node has already.

        Raises:
            UserError: If it is of that kind and names other files.
        """
        from oslo_utils.imageutils.format_inspector import SafetyCheckFailed

        try:
            for one in self._wrapper.formats or ():
                if str(one) == _NAMES.get(kind, kind):
                    one.safety_check()
        except SafetyCheckFailed as error:
            raise _unsafe(error) from error
        except Exception:  # half an image, or none: its node lends it all the same
            return

    def virtual_size(self, kind: str, size: int) -> int:
        """Return the size of the disk in bytes, once all bytes went by.

        Raises:
            UserError: If the image isn't of that one kind only, or names other files.
        """
        found = {str(one): one for one in self._wrapper.formats or ()}
        if kind == "raw" and found.keys() <= _PLAIN:
            return size
        inspector = found.get(_NAMES.get(kind, kind))
        if inspector is None or len(found.keys() - _PLAIN) != 1:
            raise UserError(ErrorCode.IMAGE_UNSAFE, why=f"{kind} / {', '.join(sorted(found))}")
        try:
            inspector.safety_check()
            return int(inspector.virtual_size)
        except Exception as error:  # the inspectors raise whatever the bytes make them raise
            raise _unsafe(error) from error


def _unsafe(error: Exception) -> UserError:
    failures = getattr(error, "failures", {}).values()
    why = "; ".join(map(str, failures)) or str(error) or type(error).__name__
    return UserError(ErrorCode.IMAGE_UNSAFE, why=why[:160])
