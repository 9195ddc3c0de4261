"""All that one person sees, as the page draws it."""

from __future__ import annotations

from typing import Protocol

from slack_workspace.errors import Json
from slack_workspace.people import Channel, User
from slack_workspace.persons.person import Person
from slack_workspace.state import State

MOST_MESSAGES = 300  # per channel; older ones are not drawn


class House(Protocol):
    """What the page needs of a workspace."""

    state: State

    @property
    def connections(self) -> int: ...

    def person(self, user_id: str) -> Person: ...


def screen(house: House, name: str) -> Json:
    """The person's channels with their messages, ephemerals, modals and App Home, in one look."""
    state, me = house.state, house.person(name)
    with state.changed:
        dm = state.dm(me.id)
        mine = [one for one in state.channels.values() if me.id in one.members]
        hidden = [one for one in state.ephemerals if one.user == me.id]
        return {
            "revision": state.revision,
            "connections": house.connections,
            "dm": dm.id,
            "channels": [_channel(one, me) for one in mine if not one.is_im or one is dm],
            "ephemeral": [{**one.message, "channel": one.channel} for one in hidden[-MOST_MESSAGES:]],
            "views": me.view_stack,
            "home": me.home,
        }


def _channel(channel: Channel, me: Person) -> Json:
    return {
        "id": channel.id, "name": channel.name, "is_im": channel.is_im,
        "messages": me.messages(channel.id)[-MOST_MESSAGES:],
    }  # fmt: skip


def cast(house: House, names: list[str]) -> Json:
    """Everybody by id, for mentions and user selects; and who can be played."""
    state = house.state
    with state.changed:
        everybody = {one.id: _user(one) for one in state.users.values() if not one.deleted}
    return {
        "people": everybody, "cast": [house.person(one).id for one in names], "bot": state.bot_user,
        "groups": {one.id: one.handle for one in state.groups.values()}, "team": state.team_name,
    }  # fmt: skip


def _user(user: User) -> Json:
    return {
        "id": user.id, "name": user.name, "real_name": user.real_name or user.name, "tz": user.tz,
        "locale": user.locale, "is_bot": user.is_bot, "is_admin": user.is_admin,
    }  # fmt: skip
