"""Users, user groups and channels of the workspace, and the default cast of the stories."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from slack_workspace.errors import Json

TEAM_ID = "T0KWSTEAM1"
OTHER_TEAM_ID = "T0FOREIGN1"


@dataclass
class User:
    """A member as `users.info` tells of them; `team_id` other than the workspace's makes a stranger."""

    id: str
    name: str
    real_name: str = ""
    tz: str = "Asia/Seoul"
    locale: str = "ko-KR"
    is_admin: bool = False
    is_restricted: bool = False
    is_ultra_restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    team_id: str = TEAM_ID
    bot_id: str | None = None

    def tz_offset(self, now: float) -> int:
        offset = datetime.fromtimestamp(now, tz=UTC).astimezone(ZoneInfo(self.tz)).utcoffset()
        return int(offset.total_seconds()) if offset else 0

    def as_slack(self, now: float, *, home_team: str, with_locale: bool = False) -> Json:
        """The `user` object. Like Slack, a deactivated one has neither time zone nor roles."""
        shown: Json = {
            "id": self.id, "team_id": self.team_id, "name": self.name, "deleted": self.deleted,
            "is_bot": self.is_bot, "is_app_user": False, "updated": int(now),
            "profile": self._profile(),
        }  # fmt: skip
        if not self.deleted:
            shown |= self._roles() | {
                "real_name": self.real_name or self.name, "tz": self.tz, "tz_label": self.tz,
                "tz_offset": self.tz_offset(now),
            }  # fmt: skip
        if self.team_id != home_team:
            shown["is_stranger"] = True
        if with_locale and not self.deleted:
            shown["locale"] = self.locale
        return shown

    def _roles(self) -> Json:
        return {
            "is_admin": self.is_admin, "is_owner": False, "is_primary_owner": False,
            "is_restricted": self.is_restricted, "is_ultra_restricted": self.is_ultra_restricted,
        }  # fmt: skip

    def _profile(self) -> Json:
        real = self.real_name or self.name
        return {
            "real_name": real, "real_name_normalized": real, "display_name": self.name,
            "display_name_normalized": self.name, "team": self.team_id,
        }  # fmt: skip


@dataclass
class UserGroup:
    """A user group (`<!subteam^S…>`)."""

    id: str
    handle: str
    users: list[str] = field(default_factory=list)
    name: str = ""
    deleted: bool = False

    def as_slack(self, team_id: str, *, with_users: bool = False) -> Json:
        shown: Json = {
            "id": self.id, "team_id": team_id, "is_usergroup": True, "name": self.name or self.handle,
            "handle": self.handle, "description": "", "date_delete": int(self.deleted),
            "user_count": len(self.users),
        }  # fmt: skip
        return shown | ({"users": list(self.users)} if with_users else {})


@dataclass
class Channel:
    """A channel (C…), private channel (G…) or DM (D…, `user` is the person)."""

    id: str
    name: str = ""
    members: list[str] = field(default_factory=list)
    user: str | None = None
    created: int = 0
    messages: list[Json] = field(default_factory=list)

    @property
    def is_im(self) -> bool:
        return self.user is not None

    def as_slack(self, bot_user: str) -> Json:
        shown: Json = {"id": self.id, "created": self.created, "is_archived": False, "is_im": self.is_im}
        if self.is_im:
            return shown | {"user": self.user, "is_open": True, "is_org_shared": False}
        return shown | {
            "name": self.name, "name_normalized": self.name, "is_channel": True, "is_group": False,
            "is_private": self.id.startswith("G"), "is_mpim": False, "num_members": len(self.members),
            "is_member": bot_user in self.members,
        }  # fmt: skip


def default_users() -> list[User]:
    """Two students in two languages, an administrator, a guest and somebody from another workspace."""
    return [
        User("U0MINA0001", "mina", "Kim Mina"),
        User("U0JOON0001", "joon", "Lee Joon", tz="Europe/Berlin", locale="en-US"),
        User("U0ADMIN001", "admin", "Lab Admin", is_admin=True),
        User("U0GUEST001", "guest", "Guest Visitor", is_restricted=True),
        User(
            "U0STRANGE1", "stranger", "Far Stranger", tz="Europe/Paris", locale="fr-FR", team_id=OTHER_TEAM_ID
        ),
    ]


def default_channels(members: list[str]) -> list[Channel]:
    """#general and #lab-admin."""
    return [
        Channel("C0GENERAL1", "general", list(members)),
        Channel("C0LABADMIN", "lab-admin", list(members)),
    ]
