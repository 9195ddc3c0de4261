"""What can happen to a rental: the words of its history."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What happened to a rental: one word per line of its history."""

    REQUESTED = "requested"
    PLACED = "placed"
    MOVED = "moved"  # a node refused; data: node (new), refused, refusal
    WAITING = "waiting"  # a node refused and no other fits: tried again there
    QUEUED = "queued"  # the node builds as many as it may; data: node, position, of
    KEY_SENT = "key_sent"
    BUILDING = "building"
    READY = "ready"
    REBOOTED = "rebooted"
    SWITCHED_OFF = "switched_off"
    SWITCHED_ON = "switched_on"
    KEY_WANTED = "key_wanted"  # a new one, by its owner or an admin
    KEY_RENEWED = "key_renewed"  # data: refusal, when the node did not reboot it
    KEY_DROPPED = "key_dropped"  # no new key; data: refusal of the node, or why Slack had none of it
    RETURNED = "returned"  # data: via, note
    FAILED = "failed"
    VANISHED = "vanished"
    WARNED = "warned"  # data: days, last_day; unique by key
    EXTENDED = "extended"  # data: until, was, via; note, when an admin gave a reason
    EXPIRED = "expired"  # its last day is over: being deleted
    STOPPED = "stopped"  # its last day is over: kept for the grace time; data: until
    RESTORED = "restored"  # out of the grace time; data: until, was, via, note
    TRANSFERRED = "transferred"  # data: to, was, via, note
    ADOPTED = "adopted"  # taken over from the system before, as it runs; data: until, was (its end there)
    NODE_DRAINED = "node_drained"  # data: node, until, reason; unique by key
    ENDED = "ended"
