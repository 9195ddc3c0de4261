"""Files: the three-step upload, sharing, deletion."""

from __future__ import annotations

import mimetypes
import re
from dataclasses import dataclass

from slack_workspace.errors import Json, SlackError
from slack_workspace.messages import bot_message, post
from slack_workspace.people import Channel
from slack_workspace.state import State

SHAREABLE = re.compile(r"[CGDZ][A-Z0-9]{8,}")


@dataclass
class File:
    """A file of the bot; `content` is empty until the bytes have come, `channels` until it is shared."""

    id: str
    name: str
    length: int
    title: str
    alt_txt: str = ""
    content: bytes | None = None
    completed: bool = False
    deleted: bool = False
    created: int = 0
    channels: tuple[str, ...] = ()
    comment: str = ""


class Files:
    """All files, by id."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._files: dict[str, File] = {}
        self.base_url = ""

    def all(self) -> list[File]:
        """The files that are complete and not deleted."""
        with self._state.changed:
            return [file for file in self._files.values() if file.completed and not file.deleted]

    def announce(self, name: str, length: int, alt_txt: str = "") -> Json:
        """Step 1: a place to send the bytes to."""
        with self._state.changed:
            file = File(
                self._state.new_id("F"), name, length, name, alt_txt, created=int(self._state.clock())
            )
            self._files[file.id] = file
        return {"file_id": file.id, "upload_url": f"{self.base_url}/upload/v1/{file.id}"}

    def receive(self, file_id: str, content: bytes) -> bool:
        """Step 2: the bytes; False when no such upload is awaited."""
        with self._state.changed:
            file = self._files.get(file_id)
            if file is None or file.completed or len(content) != file.length:
                return False
            file.content = content
            return True

    def complete(
        self, wanted: list[Json], channels: list[str], comment: str, thread_ts: str | None
    ) -> list[Json]:
        """Show the files in the channels, in one message each (step 3); without a channel they stay private.

        Raises:
            SlackError: If a channel can't be shared to.
        """
        with self._state.changed:
            for channel in channels:
                if not SHAREABLE.fullmatch(channel):
                    raise SlackError(
                        "invalid_arguments", response_metadata={"messages": [f"channel_id: {channel}"]}
                    )
            targets = [self._target(channel) for channel in channels]
            files = [self._awaiting(one) for one in wanted]
            for file in files:
                file.completed, file.channels = True, tuple(channels)
            for target in targets:
                self._share(target, files, comment, thread_ts)
            self._state.touch()
            return [self.as_slack(file) for file in files]

    def _target(self, channel_id: str) -> Channel:
        channel = self._state.channel(channel_id)
        if self._state.bot_user not in channel.members:
            raise SlackError("not_in_channel")
        return channel

    def _awaiting(self, wanted: Json) -> File:
        file = self._files.get(str(wanted.get("id")))
        if file is None or file.content is None or file.completed:
            raise SlackError("file_not_found")
        file.title = str(wanted.get("title") or file.name)
        return file

    def _share(self, channel: Channel, files: list[File], comment: str, thread_ts: str | None) -> None:
        shown = [self.as_slack(file) for file in files]
        post(
            self._state,
            channel,
            bot_message(self._state, comment, None, files=shown, upload=True, thread_ts=thread_ts),
        )

    def get(self, file_id: str) -> File:
        """Return a completed file.

        Raises:
            SlackError: If there is none, or it was deleted.
        """
        file = self._files.get(file_id)
        if file is None or not file.completed:
            raise SlackError("file_not_found")
        if file.deleted:
            raise SlackError("file_deleted")
        return file

    def delete(self, file_id: str) -> None:
        """Remove the bytes; messages keep a tombstone."""
        with self._state.changed:
            file = self.get(file_id)
            file.deleted, file.content = True, None
            for channel in self._state.channels.values():
                for message in channel.messages:
                    if "files" in message:
                        message["files"] = [self._tombstone(one, file_id) for one in message["files"]]
            self._state.touch()

    @staticmethod
    def _tombstone(shown: Json, file_id: str) -> Json:
        return {"id": file_id, "mode": "tombstone"} if shown["id"] == file_id else shown

    def as_slack(self, file: File) -> Json:
        url = f"{self.base_url}/files/{file.id}/{file.name}"
        suffix = file.name.rsplit(".", 1)[-1] if "." in file.name else "text"
        return {
            "id": file.id, "name": file.name, "title": file.title, "size": file.length, "alt_txt": file.alt_txt,
            "mimetype": mimetypes.guess_type(file.name)[0] or "text/plain", "filetype": suffix,
            "user": self._state.bot_user, "created": file.created, "timestamp": file.created,
            "mode": "hosted", "is_public": False, "channels": [one for one in file.channels if one[0] == "C"],
            "groups": [one for one in file.channels if one[0] == "G"],
            "ims": [one for one in file.channels if one[0] == "D"],
            "url_private": url, "url_private_download": url, "permalink": url,
        }  # fmt: skip
