"""Who and where: api.test, auth.*, apps.*, bots.*, team.*, users.*, usergroups.*"""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError
from slack_workspace.parts import WorkspaceParts
from slack_workspace.web_api.chat import is_true
from slack_workspace.web_api.conversations import next_cursor


def api_test(_core: WorkspaceParts, args: Json) -> Json:
    """Serve api.test.

    Raises:
        SlackError: The one that was asked for.
    """
    if args.get("error"):
        raise SlackError(str(args["error"]), args=args)
    return {"args": args}


def auth_test(core: WorkspaceParts, _args: Json) -> Json:
    """auth.test."""
    state = core.state
    return {
        "url": f"https://{state.team_domain}.slack.com/", "team": state.team_name, "user": "kws",
        "team_id": state.team_id, "user_id": state.bot_user, "bot_id": state.bot_id,
        "is_enterprise_install": False,
    }  # fmt: skip


def connections_open(core: WorkspaceParts, _args: Json) -> Json:
    """apps.connections.open."""
    return {"url": core.sockets.issue_url()}


def bots_info(core: WorkspaceParts, args: Json) -> Json:
    """Serve bots.info.

    Raises:
        SlackError: `bot_not_found`.
    """
    state = core.state
    if args.get("bot") not in (None, state.bot_id):
        raise SlackError("bot_not_found")
    bot = {
        "id": state.bot_id,
        "deleted": False,
        "name": "kws",
        "app_id": state.app_id,
        "user_id": state.bot_user,
    }
    return {"bot": bot}


def team_info(core: WorkspaceParts, _args: Json) -> Json:
    """team.info."""
    state = core.state
    team = {"id": state.team_id, "name": state.team_name, "domain": state.team_domain, "email_domain": ""}
    return {"team": team}


def users_info(core: WorkspaceParts, args: Json) -> Json:
    """users.info, with the locale on request."""
    user = core.state.user(args.get("user"))
    with_locale = is_true(args.get("include_locale"))
    return {"user": user.as_slack(core.state.clock(), home_team=core.state.team_id, with_locale=with_locale)}


def users_list(core: WorkspaceParts, args: Json) -> Json:
    """users.list: the members of this workspace, all on one page."""
    with_locale, now = is_true(args.get("include_locale")), core.state.clock()
    mine = [user for user in core.state.users.values() if user.team_id == core.state.team_id]
    shown = [user.as_slack(now, home_team=core.state.team_id, with_locale=with_locale) for user in mine]
    return {"members": shown, "cache_ts": int(now), **next_cursor(None)}


def usergroups_list(core: WorkspaceParts, args: Json) -> Json:
    """usergroups.list."""
    with_users, everything = is_true(args.get("include_users")), is_true(args.get("include_disabled"))
    groups = [group for group in core.state.groups.values() if everything or not group.deleted]
    return {"usergroups": [group.as_slack(core.state.team_id, with_users=with_users) for group in groups]}


def usergroup_users(core: WorkspaceParts, args: Json) -> Json:
    """Serve usergroups.users.list.

    Raises:
        SlackError: `no_such_subteam`.
    """
    group = core.state.groups.get(str(args.get("usergroup")))
    if group is None or group.deleted:
        raise SlackError("no_such_subteam")
    return {"users": list(group.users)}


METHODS = {
    "api.test": api_test, "auth.test": auth_test, "apps.connections.open": connections_open,
    "bots.info": bots_info, "team.info": team_info, "users.info": users_info, "users.list": users_list,
    "usergroups.list": usergroups_list, "usergroups.users.list": usergroup_users,
}  # fmt: skip
