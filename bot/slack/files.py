"""Files into a person's DM: three calls, since Slack has no one call for it."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass

from slack_sdk import WebClient

UPLOAD_TIMEOUT = 30  # seconds
Upload = Callable[[str, bytes], None]  # to a URL


@dataclass(frozen=True, slots=True)
class File:
    """What is brought; ``alt`` says in words what a picture shows."""

    name: str
    data: bytes
    title: str
    alt: str | None = None


def send(url: str, data: bytes) -> None:
    """The bytes, to where Slack wants them."""
    request = urllib.request.Request(url, data=data, method="POST")  # noqa: S310 - the URL is Slack's
    request.add_header("Content-Type", "application/octet-stream")
    urllib.request.urlopen(request, timeout=UPLOAD_TIMEOUT).close()  # noqa: S310 - HTTPError unless 2xx


def to_person(
    client: WebClient, person: str, file: File, comment: str | None = None, upload: Upload = send
) -> str:
    """Show the file to that person alone; returns its id."""
    channel = str(client.conversations_open(users=[person])["channel"]["id"])
    slot = client.files_getUploadURLExternal(filename=file.name, length=len(file.data), alt_txt=file.alt)
    upload(str(slot["upload_url"]), file.data)
    client.files_completeUploadExternal(
        files=[{"id": str(slot["file_id"]), "title": file.title}],
        channel_id=channel,
        initial_comment=comment,
    )
    return str(slot["file_id"])
