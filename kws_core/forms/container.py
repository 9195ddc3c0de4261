"""What a person writes about a container: its command, its environment, its image; pure checks."""

from __future__ import annotations

import json
import re
import shlex

from kws_core.errors import ErrorCode, UserError

MAX_COMMAND = 4096  # bytes
MAX_ENVIRONMENT = 8192  # bytes
MAX_VARIABLES = 64
MAX_IMAGE_NAME = 255  # characters, tag and all

_VARIABLE = re.compile(r"[^\s=\0-\x1f\x7f]+")  # Docker takes any name: discovery.type, my-name
_QUOTED = re.compile(r"\\.|'[^']*'|\"(?:\\.|[^\"\\])*\"", re.DOTALL)
# What only a shell understands: signs that stand at the edge of a word (a>=2 and ?a=1&b=2 are words), variables.
_SHELL = re.compile(r"&&|\|\||(?:(?<=\s)|^)[0-9]?[<>|&;]+|[<>|&;]+(?=\s|$)")
_ASSIGNMENT = re.compile(r"\s*[A-Za-z_]\w*=\S*")
_SHELLS = tuple((name, "-c") for name in ("sh", "bash", "/bin/sh", "/bin/bash", "ash", "zsh"))
_VARIABLES = re.compile(r"\$(?:[A-Za-z_]\w*|[({])|`")
_DOCKER = re.compile(
    r"(?:\$\s*)?(?:sudo\s+)?(?:docker|podman|nerdctl)\s+(?:image\s+|container\s+)?(?:pull|run|create)\s+"
)
_WITH_VALUE = re.compile(  # options of docker run whose value is the next word
    r"-[a-zA-Z]*[acehlmpuvw]|--(?:name|network|net|env|env-file|volume|mount|publish|restart|entrypoint|user|workdir"
    r"|hostname|label|memory|cpus|gpus|platform|add-host|cap-add|device|log-driver|log-opt|ip|pull|shm-size|tmpfs|ulimit)"
)
_HUB = re.compile(r"(?:https?://)?hub\.docker\.com/(?:_/([^/?#\s]+)|r/([^/?#\s]+/[^/?#\s]+))(?:[/?#]\S*)?")
_AROUND = re.compile(r"(?:FROM\s+|image:\s+|docker://)?[\"'`]?([^\s\"'`]+)[\"'`]?", re.IGNORECASE)
# The grammar of image references (distribution's reference package), without its backtracking.
_HOST = re.compile(
    r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?|\[[0-9a-f:]+\](:[0-9]{1,5})?", re.IGNORECASE
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_ID = re.compile(r"[0-9a-f]{64}")


def parse_command(text: str) -> tuple[str, ...]:
    """Split a command line by the shell's rules of quoting; an empty text gives no words.

    A list in brackets is JSON, as in a Dockerfile. No shell runs, so what only a shell understands is refused
    with ``sh -c '…'`` as the way.

    Raises:
        UserError: If a quotation mark isn't closed, or the command needs a shell.
    """
    _check_text("command", text, MAX_COMMAND)
    text = re.sub(r"\\\r?\n[ \t]*", " ", text)  # a line that goes on in the next
    if text.lstrip().startswith("[") and text.rstrip().endswith("]"):
        return _exec_form(text)
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UserError(ErrorCode.COMMAND_QUOTES) from error
    bare, filled = _QUOTED.sub("x", text), _QUOTED.sub(_filled_in, text)
    found = _ASSIGNMENT.match(bare) or _SHELL.search(bare) or _VARIABLES.search(filled)
    if found and words[:2] not in _SHELLS:
        raise UserError(ErrorCode.COMMAND_SHELL, sign=found[0].strip(), right=in_shell(text)[:MAX_COMMAND])
    return words


def in_shell(text: str) -> str:
    """The command line that gives that one to a shell; itself when it does so already."""
    try:
        already = tuple(shlex.split(text)[:2]) in _SHELLS
    except ValueError:
        already = False
    return text if already or text.lstrip().startswith("[") else shlex.join(("sh", "-c", text.strip()))


def _filled_in(quoted: re.Match[str]) -> str:
    """What a shell still fills variables into: double quotes, without what is escaped in them."""
    return re.sub(r"\\.", "", quoted[0]) if quoted[0].startswith('"') else "x"


def _exec_form(text: str) -> tuple[str, ...]:
    try:
        words = json.loads(text)
    except (ValueError, RecursionError):
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise UserError(ErrorCode.COMMAND_JSON)
    for word in words:
        _check_text("command", word, MAX_COMMAND)
    return tuple(words)


def parse_environment(text: str) -> dict[str, str]:
    """Parse one ``NAME=value`` a line, skipping blank lines and lines that begin with ``#``.

    The value is all behind the first ``=``, as it stands. Quotes round it would belong to it, as in Docker's
    env files, which hardly anybody means: they are refused. Line numbers in errors count every line, from 1.

    Raises:
        UserError: For the first line without ``=``, with an invalid, quoted, or duplicate name, or for too
            many.
    """
    _check_text("environment", text, MAX_ENVIRONMENT)
    found: dict[str, str] = {}
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.lstrip().partition("=")
        if not equals:
            raise UserError(ErrorCode.ENVIRONMENT_NO_EQUALS, line=number, text=name[:40])
        if not _VARIABLE.fullmatch(name):
            raise UserError(ErrorCode.ENVIRONMENT_NAME, line=number, name=name[:40])
        if len(value.strip()) > 1 and value.strip()[0] == value.strip()[-1] in "\"'":
            raise UserError(ErrorCode.ENVIRONMENT_QUOTES, line=number, name=name[:40])
        if name in found:
            raise UserError(ErrorCode.ENVIRONMENT_TWICE, line=number, name=name[:40])
        found[name] = value
    if len(found) > MAX_VARIABLES:
        raise UserError(ErrorCode.ENVIRONMENT_MANY, count=len(found), most=MAX_VARIABLES)
    return found


def check_image_name(text: str) -> str:
    """Return the image reference ``[host[:port]/]path[:tag]``, with ``:latest`` if it has no tag; no digest.

    The part before the first slash is a host when it has a dot or a colon or is ``localhost``, as
    Docker decides it. Sha256 and sha512 digests only.

    Raises:
        UserError: If it is missing, a command, a URL, too long, has a digest or capital letters, or is
            otherwise invalid.
    """
    name = text.strip()
    if not name:
        raise UserError(ErrorCode.IMAGE_MISSING)
    shown = name[:80]
    if meant := _meant(name):
        raise UserError(ErrorCode.IMAGE_NAME_COMMAND, right=meant[:80])
    if "://" in name:
        raise UserError(ErrorCode.IMAGE_NAME_URL, image=shown)
    rest, at, digest = name.partition("@")
    host, path, tag = _split(rest)
    if path != path.lower() and _COMPONENT.fullmatch(path.lower().replace("/", ".")):
        raise UserError(ErrorCode.IMAGE_NAME_CASE, image=shown, right=shown.replace(path, path.lower()))
    if (
        (host is not None and not _HOST.fullmatch(host))
        or not all(_COMPONENT.fullmatch(part) for part in path.split("/"))
        or (tag is not None and not _TAG.fullmatch(tag))
        or (at and not _DIGEST.fullmatch(digest))
        or (host is None and _ID.fullmatch(path))  # the registry's grammar keeps these for image ids
    ):
        raise UserError(ErrorCode.CONTAINER_IMAGE_INVALID, image=shown)
    if at:  # python-zunclient and Zun cut it off at the colon, and the newest image would run
        right = rest if tag is not None else f"{rest}:latest"
        raise UserError(ErrorCode.IMAGE_NAME_DIGEST, digest=f"@{digest[:15]}", right=right[:80])
    full = name if tag is not None else f"{name}:latest"
    if len(full) > MAX_IMAGE_NAME:
        raise UserError(ErrorCode.IMAGE_NAME_LONG, size=len(full), limit=MAX_IMAGE_NAME)
    return full


def _meant(text: str) -> str:
    """The image in a command line, in a line of a Dockerfile, in Docker Hub's address; "" when there is no more than it."""
    hub = _HUB.fullmatch(text)
    if hub:
        return hub[1] or hub[2]
    if command := _DOCKER.match(text):
        words = iter(text[command.end() :].split())
        for word in words:
            if _WITH_VALUE.fullmatch(word):
                next(words, "")
            elif not word.startswith("-"):
                return word
    around = _AROUND.fullmatch(text)
    return around[1] if around and around[1] != text and "://" not in around[1] else ""


def _split(rest: str) -> tuple[str | None, str, str | None]:
    """Host, path and tag; the host and the tag may be missing."""
    first, slash, remote = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host: str | None = first
    else:
        host, remote = None, rest
    path, colon, tag = remote.partition(":")
    return host, path, tag if colon else None


def _check_text(what: str, text: str, limit: int) -> None:
    """No characters that can't be kept or sent (NUL, halves of surrogate pairs), and not too long."""
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError(ErrorCode(f"{what}_character"))
    size = len(text.encode())
    if size > limit:
        raise UserError(ErrorCode(f"{what}_long"), size=size, limit=limit)
