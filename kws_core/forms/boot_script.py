"""What a server is born with so that its owner gets in: a script that runs at each of its boots.

It makes the login if cloud-init did not (one of the person's other users may have stopped it), and its key.
Then it asks the metadata service for the key that ``Node.put_key`` left there and puts it in the place
of earlier keys of KWS (docs/explanation/decisions/0006-new-key.md). It is all that reaches a disk that nobody may wipe.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from kws_core.values import GUEST_KEY

PATH = "/var/lib/cloud/scripts/per-boot/50-kws-key"
WRITTEN = "/var/lib/cloud/instance/sem/config_write_files"  # this instance has our script
METADATA = "http://169.254.169.254/openstack/latest/meta_data.json"

_COMMENT = re.compile(r"kws-[a-z0-9-]+")

_templates = Environment(
    loader=PackageLoader("kws_core.forms"),
    undefined=StrictUndefined,
    autoescape=False,
    keep_trailing_newline=True,
)


def comment(name: str) -> str:
    """What stands behind the public half of a key that KWS made for the rental of that name."""
    return f"kws-{name}"


def entry(name: str, login: str, key: str | None = None, password_hash: str | None = None) -> dict[str, Any]:
    """The script as an entry of cloud-init's ``write_files``; only root may read it, for the hash's sake."""
    return {
        "path": PATH,
        "owner": "root:root",
        "permissions": "0700",
        "content": script(login, comment(name), key, password_hash),
    }


def early() -> list[str]:
    """The script as an entry of cloud-init's ``bootcmd``, which runs before the SSH server starts: the old key then
    never opens a server that was rebooted for a new one. Not at an instance's first boot: what lies there then is
    of the server whose disk became this image.
    """
    return ["sh", "-c", f"test ! -e {WRITTEN} || test ! -x {PATH} || {PATH}"]


def forget(comments: Sequence[str]) -> list[str]:
    """An entry of cloud-init's ``bootcmd``: keys of KWS that a copied disk brings with it are taken out.

    Once for an instance, before its SSH server starts and before the new key is put in, which may have the same
    comment. A comment is ``kws-`` and the name of a rental, so none of it means anything to sed or to the shell.
    """
    assert all(map(_COMMENT.fullmatch, comments)), comments
    pattern = "|".join(comments)
    files = "/root/.ssh/authorized_keys /home/*/.ssh/authorized_keys"
    drop = f"for f in {files}; do test ! -f $f || sed -i -E '/[ \t]({pattern})$/d' $f; done"
    return ["cloud-init-per", "instance", "kws-old-keys", "sh", "-c", drop]


def script(
    login: str, mark: str, key: str | None = None, password_hash: str | None = None, url: str = METADATA
) -> str:
    """The script for that login; ``mark`` is the comment by which it knows the keys of KWS.

    ``key`` and ``password_hash`` are what the login is made with where cloud-init did not make it.
    """
    settings = {"login": login, "comment": mark, "url": url, "entry": GUEST_KEY}
    settings |= {"key": key or "", "password": password_hash or ""}
    # ascii() of a dict of texts is a literal of Python, whatever is in them
    return _templates.get_template("guest-key.py.j2").render(settings=ascii(settings))


def is_ours(entry: Any) -> bool:
    """Whether an entry of ``write_files`` would write over the script."""
    path = entry.get("path") if isinstance(entry, Mapping) else None
    return isinstance(path, str) and posixpath.normpath(f"/{path.lstrip('/')}") == PATH
