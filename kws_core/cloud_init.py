"""The cloud-config that a server is born with.

The Jinja2 template gives the fixed text round it; every value goes through the YAML dumper, never
through string pasting, so that nothing a person typed can become YAML of its own.
"""

from __future__ import annotations

from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

MAX_USER_DATA = 49_149  # bytes that fit Nova's 65,535 characters of base64

_templates = Environment(
    loader=PackageLoader("kws_core"), undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True
)


def cloud_config(hostname: str, login: str, public_key: str) -> dict[str, Any]:
    """KWS's own part: host name, and the login with the owner's key.

    ``users`` keeps ``default`` so that the image's own user stays as the image means it; cloud-init merges
    an entry of the same name into it. ``sudo`` is the string form, the only one that old schemas take.
    """
    return {
        "hostname": hostname,
        "preserve_hostname": False,
        "users": [
            "default",
            {
                "name": login,
                "shell": "/bin/bash",
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "lock_passwd": True,
                "ssh_authorized_keys": [public_key],
            },
        ],
        "ssh_pwauth": False,
        "disable_root": True,
    }


def user_data(rental_id: str, hostname: str, login: str, public_key: str) -> str:
    """The whole document for Nova, not base64."""
    body = yaml.safe_dump(
        cloud_config(hostname, login, public_key), sort_keys=False, allow_unicode=True, width=4096
    )
    return _templates.get_template("user-data.yaml.j2").render(rental_id=rental_id, body=body)
