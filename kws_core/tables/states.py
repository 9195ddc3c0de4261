"""Statuses of rentals and placements, and the transitions that are allowed."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """Where a rental is."""

    ASKED = "asked"  # beyond the policy: an admin is to allow it
    WAITING = "waiting"  # for room, or for its first day; no node holds anything for it
    REQUESTED = "requested"  # accepted, placed, capacity reserved; the node knows nothing yet
    BUILDING = "building"  # the node may hold something of it
    READY = "ready"  # it answered; the person has been told
    STOPPED = "stopped"  # past its end, kept for the grace period
    ENDING = "ending"  # to be deleted; the node may still hold something of it
    ENDED = "ended"  # seen gone


class Reason(StrEnum):
    """Why a rental ended."""

    RETURNED = "returned"
    EXPIRED = "expired"
    ADMIN = "admin"
    NO_NODE = "no_node"  # every node refused
    NO_ANSWER = "no_answer"  # built, but never reachable
    NO_LOGIN = "no_login"  # its SSH server answers, and never let the owner in
    VANISHED = "vanished"  # deleted behind our back
    NO_KEY = "no_key"  # the key could not be delivered: the person can't be reached
    MOVED = "moved"  # another one took its place
    LAPSED = "lapsed"  # it waited until there was no use in it any longer
    DECLINED = "declined"  # an admin did not allow it


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.ASKED: frozenset({Status.WAITING, Status.ENDED}),
    Status.WAITING: frozenset({Status.REQUESTED, Status.ENDING, Status.ENDED}),
    Status.REQUESTED: frozenset({Status.BUILDING, Status.ENDING, Status.ENDED}),
    Status.BUILDING: frozenset({Status.WAITING, Status.READY, Status.ENDING}),
    Status.READY: frozenset({Status.STOPPED, Status.ENDING}),
    Status.STOPPED: frozenset({Status.READY, Status.ENDING}),
    Status.ENDING: frozenset({Status.ENDED}),
    Status.ENDED: frozenset(),
}


UNPLACED = frozenset({Status.ASKED, Status.WAITING})  # no node has heard of it


LIVE = UNPLACED | frozenset({Status.REQUESTED, Status.BUILDING, Status.READY, Status.STOPPED})


NOT_OVER = frozenset(Status) - {Status.ENDED}  # asked for by these words, not by "not ended": see HOLDING


FAILURES = frozenset({Reason.NO_NODE, Reason.NO_ANSWER, Reason.NO_LOGIN, Reason.NO_KEY})


class PlacementState(StrEnum):
    """Where one try of a rental on one node is."""

    ACTIVE = "held"  # this is the rental's node
    DELETING = "leaving"  # to be deleted there
    DELETED = "gone"  # the node shows nothing of it


# Queries name the states that they want: "not gone" can use no index, and would read all of the history.
HOLDING = frozenset({PlacementState.ACTIVE, PlacementState.DELETING})


class CopyState(StrEnum):
    """Where a copy of a server is."""

    WANTED = "wanted"  # accepted, its disk space reserved; the node knows nothing yet
    MAKING = "making"  # the node was asked for it
    KEPT = "kept"  # all of it is there
    DELETING = "deleting"  # to be deleted; the node may still hold it
    GONE = "gone"  # seen gone


COPY_TRANSITIONS: dict[CopyState, frozenset[CopyState]] = {
    CopyState.WANTED: frozenset({CopyState.MAKING, CopyState.DELETING}),
    CopyState.MAKING: frozenset({CopyState.KEPT, CopyState.DELETING}),
    CopyState.KEPT: frozenset({CopyState.DELETING}),
    CopyState.DELETING: frozenset({CopyState.GONE}),
    CopyState.GONE: frozenset(),
}
UNDER_WAY = frozenset({CopyState.WANTED, CopyState.MAKING})
ON_DISK = frozenset(CopyState) - {CopyState.GONE}  # asked for by these words: see HOLDING


class Audience(StrEnum):
    """Who may open a site."""

    LAB = "lab"  # from the networks of nodes.toml
    EVERYBODY = "everybody"
    NOBODY = "nobody"


class Upstream(StrEnum):
    """How the proxy speaks to the web server on a rental."""

    HTTP = "http"
    HTTPS = "https"


class Access(StrEnum):
    """How the owner gets in."""

    GENERATED = "generated"  # a key pair that KWS makes; the private half goes to the DM
    OWN_KEY = "own_key"  # the owner's own public key
    PASSWORD = "password"  # kept as a SHA-512 crypt hash only
    NONE = "none"  # containers: nobody logs in; what was taken over: as it was set up before


class AskKind(StrEnum):
    """What an admin is asked for."""

    RENT = "rent"
    EXTEND = "extend"
    RESIZE = "resize"


class AskDecision(StrEnum):
    """What became of it."""

    APPROVED = "approved"
    LESS = "less"  # approved, but not all of it
    DECLINED = "declined"
    OVER = "over"  # of no use any longer: the rental has ended, or the request was withdrawn


class HostKeySource(StrEnum):
    """Where KWS has a server's host keys from."""

    CONSOLE = "console"  # the server printed them: nobody between can have changed them
    NETWORK = "network"  # seen by KWS when it looked whether the owner gets in


class Power(StrEnum):
    """What the machine of a ready rental does."""

    ON = "on"
    STOPPING = "stopping"  # asked for, and not seen yet
    OFF = "off"  # stopped: by its owner, from inside, or on its node
    STARTING = "starting"  # asked for; nobody gets in yet
    RESETTING = "resetting"  # it gets a new disk; nobody gets in yet
    RESIZING = "resizing"  # it gets another size where it is, and restarts


class IllegalMoveError(RuntimeError):
    """A bug: somebody tried a move that TRANSITIONS does not have."""
