"""files.*"""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError
from slack_workspace.parts import WorkspaceParts

LONGEST_ALT = 1000  # characters


def upload_url(core: WorkspaceParts, args: Json) -> Json:
    """Serve files.getUploadURLExternal.

    Raises:
        SlackError: If name or length are invalid, or the alt text is too long.
    """
    length = str(args.get("length") or "")
    if not args.get("filename") or not length.isdigit() or int(length) == 0:
        raise SlackError(
            "invalid_arguments", response_metadata={"messages": ["filename and length are required"]}
        )
    alt_txt = str(args.get("alt_txt") or "")
    if len(alt_txt) > LONGEST_ALT:
        raise SlackError("alt_txt_too_large")
    return core.files.announce(str(args["filename"]), int(length), alt_txt)


def complete_upload(core: WorkspaceParts, args: Json) -> Json:
    """Serve files.completeUploadExternal.

    Raises:
        SlackError: `invalid_arguments`.
    """
    wanted = args.get("files")
    if not isinstance(wanted, list) or not wanted or not all(isinstance(one, dict) for one in wanted):
        raise SlackError(
            "invalid_arguments", response_metadata={"messages": ["files must be an array of objects"]}
        )
    given = args.get("channel_id") or args.get("channels") or ""
    channels = [one for one in (given if isinstance(given, list) else str(given).split(",")) if one]
    comment = str(args.get("initial_comment") or "")
    return {"files": core.files.complete(wanted, channels, comment, args.get("thread_ts"))}


def file_info(core: WorkspaceParts, args: Json) -> Json:
    """files.info."""
    return {"file": core.files.as_slack(core.files.get(str(args.get("file")))), "comments": []}


def delete_file(core: WorkspaceParts, args: Json) -> Json:
    """files.delete."""
    core.files.delete(str(args.get("file")))
    return {}


METHODS = {
    "files.getUploadURLExternal": upload_url, "files.completeUploadExternal": complete_upload,
    "files.info": file_info, "files.delete": delete_file,
}  # fmt: skip
