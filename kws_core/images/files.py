"""The bytes of an image on this machine's disk: what they are, their checksums, and reading them in chunks.

What comes from elsewhere is kept in a temporary file ($TMPDIR) first: then its kind and its checksum are
known before any node is asked, each node is served by itself, and no more than a chunk per node is in memory.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from kws_core.errors import ErrorCode, UserError
from kws_core.images.inspection import Inspection
from kws_core.nodes.image_store import CHUNK
from kws_core.nodes.values import StoredImage

HEAD = 64 * 1024  # bytes in which every kind shows itself
SPARE = 1024**3  # bytes that stay free on the disk
MOST_BYTES = 64 * 1024**3
_SMALLEST = 512  # a disk has at least one sector
_MARKS = (b"QFI\xfb", b"KDMV", b"COWD", b"conectix", b"vhdxfile")
_KINDS = dict(zip(_MARKS, ("qcow2", "vmdk", "vmdk", "vpc", "vhdx"), strict=True))
_VDI = slice(0x40, 0x44), b"\x7f\x10\xda\xbe"
_ISO = slice(0x8001, 0x8006), b"CD001"
_MBR = slice(510, 512), b"\x55\xaa"
_GPT = slice(512, 520), b"EFI PART"
_PACKED = (b"\x1f\x8b", b"\xfd7zXZ\x00", b"BZh", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"7z\xbc\xaf\x27\x1c")

Count = Callable[[int], None]  # told the number of bytes so far


@dataclass(frozen=True, slots=True)
class Digests:
    """What the bytes are known by."""

    sha512: str
    sha256: str
    md5: str

    def fits(self, stored: StoredImage) -> bool | None:
        """Whether a node has the same bytes; None when what it says of them can't be compared."""
        ours = {"sha512": self.sha512, "sha256": self.sha256}.get(stored.hash_algo)
        if ours is not None:
            return stored.checksum == ours
        return stored.md5 == self.md5 if stored.md5 else None


@dataclass(frozen=True, slots=True)
class Content:
    """An open file that is known to be the image of a disk. ``url``: where a node may get it by itself."""

    file: BinaryIO
    size: int
    disk_format: str
    digests: Digests
    url: str = ""
    virtual_size: int = 0  # bytes of the disk that a server sees; 0 where nobody asked

    @property
    def disk_gb(self) -> int:
        """GiB that a server's disk must have for it."""
        return -(-self.virtual_size // 1024**3)


class Reading:
    """A file's bytes as a body that is sent: read again each time, a chunk at a time."""

    def __init__(self, content: Content, count: Count = lambda sent: None) -> None:
        self._content = content
        self._count = count

    def __len__(self) -> int:
        return self._content.size

    def __iter__(self) -> Iterator[bytes]:
        sent = 0  # a position of our own: every node reads the same open file at its own pace
        while chunk := os.pread(self._content.file.fileno(), CHUNK, sent):
            yield chunk
            sent += len(chunk)
            self._count(sent)


def disk_format(head: bytes) -> str:
    """Return what kind of disk image begins with these bytes.

    Raises:
        UserError: If a server can't be created from it: empty, compressed, an ISO, a VHD, with a parent, or not a
            disk.
    """
    kind = next((kind for mark, kind in _KINDS.items() if head.startswith(mark)), "")
    if not head:
        raise UserError(ErrorCode.IMAGE_EMPTY)
    if head.startswith(_PACKED):
        raise UserError(ErrorCode.IMAGE_PACKED)
    if len(head) < _SMALLEST:
        raise UserError(ErrorCode.IMAGE_NO_DISK)
    if kind == "qcow2":
        _check_qcow2(head)
    if (
        kind == "vpc"
    ):  # qemu's name for VHD: Glance doesn't take it, and nodes don't boot what Glance calls VHD
        raise UserError(ErrorCode.IMAGE_VHD)
    if kind:
        return kind
    if head[_VDI[0]] == _VDI[1]:
        return "vdi"
    if head[_ISO[0]] == _ISO[1]:
        raise UserError(ErrorCode.IMAGE_ISO)
    if head[_MBR[0]] == _MBR[1] or head[_GPT[0]] == _GPT[1]:
        return "raw"
    raise UserError(ErrorCode.IMAGE_NO_DISK)


def _check_qcow2(head: bytes) -> None:
    """One that names another file would show servers that file of the node's own disk."""
    version, backing = int.from_bytes(head[4:8], "big"), int.from_bytes(head[8:16], "big")
    features = int.from_bytes(head[72:80], "big") if version >= 3 else 0
    if backing or features & 4:
        raise UserError(ErrorCode.IMAGE_REFERS)


@contextmanager
def examined(path: Path, count: Count = lambda done: None) -> Iterator[Content]:
    """Read a local file once and return its kind, size, and checksums.

    Raises:
        UserError: If it can't be read or isn't a disk image.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise _unreadable(path, error) from error
    with file:
        try:
            kind = disk_format(file.read(HEAD))
            file.seek(0)
            hashes, size = _Hashes(), 0
            inspection = Inspection(iter(lambda: file.read(CHUNK), b""))
            for chunk in inspection:
                hashes.update(chunk)
                size += len(chunk)
                count(size)
        except OSError as error:
            raise _unreadable(path, error) from error
        yield Content(file, size, kind, hashes.digests(), virtual_size=inspection.virtual_size(kind, size))


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(ErrorCode.IMAGE_UNREADABLE, file=str(path), why=error.strerror or "?")


def from_file(path: Path) -> Callable[[Count], AbstractContextManager[Content]]:
    """A file of this machine as the source of an image; it is read where it is."""
    return lambda count: examined(path, count)


@contextmanager
def spooled(chunks: Iterable[bytes], count: Count = lambda done: None, kind: str = "") -> Iterator[Content]:
    """The bytes in a temporary file without a name: nothing is left of it, however the process ends.

    Refused as soon as they can be no disk, unless their ``kind`` is known already.
    """
    with tempfile.TemporaryFile() as file:
        head, hashes, size = b"", _Hashes(), 0
        inspection, known = Inspection(chunks), bool(kind)
        for chunk in inspection:
            if not kind:
                head += chunk
                kind = disk_format(head) if len(head) >= HEAD else ""
            size += len(chunk)
            check_room(size, len(chunk))
            file.write(chunk)
            hashes.update(chunk)
            count(size)
        kind = kind or disk_format(head)
        file.flush()
        virtual = 0 if known else inspection.virtual_size(kind, size)
        if known:
            inspection.refuse_unsafe(kind)
        yield Content(cast(BinaryIO, file), size, kind, hashes.digests(), virtual_size=virtual)


def check_room(size: int, more: int) -> None:
    """Check that the temporary folder has space for ``more`` bytes.

    Raises:
        UserError: If the image is too large, or the disk would be full.
    """
    if size > MOST_BYTES:
        raise UserError(ErrorCode.IMAGE_LARGE, gib=MOST_BYTES // 1024**3)
    if shutil.disk_usage(tempfile.gettempdir()).free < more + SPARE:
        raise UserError(ErrorCode.IMAGE_NO_ROOM, folder=tempfile.gettempdir())


class _Hashes:
    def __init__(self) -> None:
        self._all = (hashlib.sha512(), hashlib.sha256(), hashlib.md5(usedforsecurity=False))

    def update(self, chunk: bytes) -> None:
        for one in self._all:
            one.update(chunk)

    def digests(self) -> Digests:
        return Digests(*(one.hexdigest() for one in self._all))
