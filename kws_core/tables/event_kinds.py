"""What can happen to a rental: the words of its history."""

from __future__ import annotations

from enum import StrEnum


class EventKind(StrEnum):
    """What happened to a rental: one word per line of its history; details/events.py has a class for each."""

    REQUESTED = "requested"
    PLACED = "placed"
    MOVED = "moved"
    WAITING = "waiting"
    QUEUED = "queued"
    KEY_SENT = "key_sent"
    BUILDING = "building"
    SLOW_BOOT = "slow_boot"
    READY = "ready"
    HOST_KEYS = "host_keys"
    REBOOTED = "rebooted"
    SWITCHED_OFF = "switched_off"
    SWITCHED_ON = "switched_on"
    POWERED_OFF = "powered_off"
    POWERED_ON = "powered_on"
    KEY_WANTED = "key_wanted"
    KEY_RENEWED = "key_renewed"
    KEY_DROPPED = "key_dropped"
    RETURNED = "returned"
    FAILED = "failed"
    VANISHED = "vanished"
    WARNED = "warned"
    EXTENDED = "extended"
    EXPIRED = "expired"
    STOPPED = "stopped"
    RESTORED = "restored"
    TRANSFERRED = "transferred"
    ADOPTED = "adopted"
    NODE_DRAINED = "node_drained"
    ENDED = "ended"
