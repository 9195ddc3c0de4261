"""What each finding means and what to do about it, in words."""

from __future__ import annotations

from bot.doctor.node_messages import NODE
from bot.text.i18n import N_, Texts
from kws_core.findings import Finding

# code → (what was found, what to do; "" where there is nothing to be done)
GENERAL = {
    "config": (N_("nodes.toml: {nodes} nodes, {sizes} sizes."), ""),
    "config_wrong": (N_("The configuration is wrong: {problem}."), N_("Correct it; every key is in docs/reference/configuration.md.")),
    "zone": (N_("In the lab's zone {zone} it is {time}."), ""),
    "clouds_open": (N_("Everybody on this machine can read the passwords in {file}."), N_("chmod 600 {file}")),
    "same_project": (
        N_("Several nodes are one and the same project: {nodes}."),
        N_("Take all but one out of nodes.toml. KWS would count the room twice and take rentals for leaks."),
    ),
    "out_of_time": (
        N_("Not everything was looked at within {seconds} s."),
        N_("Something answers very slowly, see above. Try again with a longer --limit."),
    ),
    "check_broken": (N_("This check itself failed, reference {ref}."), N_("Report it with the log lines of that reference.")),
    "clock": (N_("The clocks of this machine and of {whose} agree."), ""),
    "clock_drifts": (
        N_("The clock of {whose} differs from this machine's by {seconds} s."),
        N_("Run chrony or systemd-timesyncd on both."),
    ),
    "clock_off": (
        N_("The clock of {whose} differs from this machine's by {seconds} s."),
        N_("Set the wrong one right, with chrony or systemd-timesyncd. Logins expire early and rentals end at the wrong time."),
    ),
}  # fmt: skip
SLACK = {
    "environment_wrong": (
        N_("{variable} does not begin with {prefix}."),
        N_("Copy the token again; the two tokens may have been exchanged. See docs/how-to/create-the-slack-app.md."),
    ),
    "bot_token_missing": (
        N_("SLACK_BOT_TOKEN is not set."),
        N_("Install the app in the workspace and copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions."),
    ),
    "no_way_in": (
        N_("Neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set: Slack can't reach KWS."),
        N_("Make an app-level token (xapp-…) with connections:write under Basic Information. See docs/how-to/create-the-slack-app.md."),
    ),
    "request_urls": (N_("No app-level token: KWS is to be run with --http."), ""),
    "slack_silent": (
        N_("Slack does not answer at {url}: {why}"),
        N_("Check this machine's way to the internet: name resolution, proxy, firewall (HTTPS to slack.com)."),
    ),
    "slack_refuses": (N_("Slack refuses a question: {error}."), N_("Install the app again from manifest.yaml and copy the tokens anew.")),
    "bot_token_refused": (
        N_("Slack does not accept SLACK_BOT_TOKEN: {error}."),
        N_("Copy the Bot User OAuth Token again from OAuth & Permissions. It changes when the app is removed."),
    ),
    "slack_login": (N_("The bot is {user} in the workspace {team}."), ""),
    "scopes": (N_("The bot has all {count} scopes."), ""),
    "scopes_missing": (
        N_("The bot lacks scopes: {scopes}."),
        N_("Paste the output of `kws manifest` under App Manifest, save it, and install the app again."),
    ),
    "scopes_extra": (
        N_("The bot has scopes that KWS never uses: {scopes}."),
        N_("Paste the output of `kws manifest` under App Manifest, and install the app again."),
    ),
    "scopes_unknown": (N_("Slack does not say which scopes the bot has."), N_("Compare them with `kws manifest`.")),
    "socket_mode": (N_("Socket Mode: Slack opens connections with the app-level token."), ""),
    "app_token_refused": (
        N_("Slack does not accept SLACK_APP_TOKEN: {error}."),
        N_("Turn Socket Mode on, and make a new app-level token with connections:write under Basic Information."),
    ),
    "app_token_scope": (
        N_("The app-level token lacks the scope connections:write."),
        N_("Make a new app-level token with connections:write under Basic Information."),
    ),
    "two_apps": (
        N_("The two tokens belong to different apps: the bot to {bot}, the app-level token to {app}."),
        N_("Copy both from the same app at api.slack.com/apps."),
    ),
    "admins": (N_("Admins: {admins}."), ""),
    "admins_none": (
        N_("nodes.toml names no admins: nobody is told of trouble."),
        N_("Put your Slack user id (profile, Copy member ID) into `admins` of nodes.toml."),
    ),
    "admin_unknown": (N_("Slack does not know the admin {admin}: {error}."), N_("Correct `admins` in nodes.toml.")),
    "admin_group_empty": (N_("The user group {admin} has no members."), N_("Put somebody into it, or correct `admins` in nodes.toml.")),
    "admin_left": (N_("The account of the admin {admin} is deactivated."), N_("Take it out of `admins` in nodes.toml.")),
    "admin_no_member": (
        N_("The admin {admin} is a guest, a bot or of another workspace; KWS refuses those."),
        N_("Name a full member of this workspace in `admins` of nodes.toml."),
    ),
    "channel": (N_("The bot may post to the admin channel {channel}."), ""),
    "channel_unknown": (
        N_("There is no channel {channel}, or it is private and the bot is not in it."),
        N_("Correct `admin_channel` in nodes.toml, and type /invite @kws in that channel."),
    ),
    "channel_not_member": (N_("The bot is not in the admin channel {channel}."), N_("Type /invite @kws in that channel.")),
    "channel_archived": (N_("The admin channel {channel} is archived."), N_("Name another one as `admin_channel` in nodes.toml.")),
    "channel_refused": (
        N_("The bot may not post to the admin channel {channel}: {error}."),
        N_("Look at the channel's posting permissions."),
    ),
}  # fmt: skip
DATABASE = {
    "database_url": (N_("The database can't be used: {problem}."), N_("Correct KWS_DATABASE_URL; see docs/reference/configuration.md.")),
    "database": (N_("The database {database} has this version's tables."), ""),
    "database_writable": (N_("It can be written."), ""),
    "database_new": (N_("There is no {path} yet; `kws run` makes it."), ""),
    "database_folder_missing": (N_("The folder {folder} of the database does not exist."), N_("mkdir -p {folder}")),
    "database_folder_readonly": (
        N_("KWS may not write into the folder {folder} of the database."),
        N_("Give the folder to the user that runs KWS: chown. SQLite writes a log beside its file."),
    ),
    "database_on_network": (
        N_("{path} is on a network file system ({kind}), where SQLite's locks can't be relied on."),
        N_("Put it on a local disk, or use PostgreSQL."),
    ),
    "database_disk_full": (N_("Only {free_mb} MB are free in {folder}."), N_("Make room.")),
    "database_silent": (
        N_("The database {database} can't be opened: {why}"),
        N_("Is its server running, and are user, password and host in KWS_DATABASE_URL right?"),
    ),
    "database_readonly": (
        N_("The database {database} can't be written: {why}"),
        N_("Give file and folder to the user that runs KWS. If it is locked: does another program hold it open?"),
    ),
    "database_older": (
        N_("The database {database} is of an earlier version of KWS ({version})."),
        N_("`kws run` brings it up to date at its start; make a copy first. Or: kws db upgrade"),
    ),
    "database_newer": (
        N_("The database {database} was made by a later version of KWS ({version})."),
        N_("Install that version, or restore the copy from before the upgrade."),
    ),
}  # fmt: skip


def says(finding: Finding, texts: Texts) -> str:
    """What was found, in one sentence."""
    return texts.plain(_words(finding)[0], **finding.data)


def advises(finding: Finding, texts: Texts) -> str:
    """What to do about it; empty where nothing has to be done."""
    advice = _words(finding)[1]
    return texts.plain(advice, **finding.data) if advice else ""


def _words(finding: Finding) -> tuple[str, str]:
    for table in (GENERAL, SLACK, DATABASE, NODE):
        if finding.code in table:
            return table[finding.code]
    raise KeyError(finding.code)
