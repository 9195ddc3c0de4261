"""What each finding means and what to do about it, in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.doctor.node_messages import NODE, Advice
from bot.text.i18n import N_, P_, Texts
from bot.text.units import SECONDS, disk, duration, memory
from kws_core.findings import Finding

# code → (what was found, what to do; "" where there is nothing to be done)
GENERAL: dict[str, Advice] = {
    "config": (N_("nodes.toml: nodes {nodes}, sizes {sizes}."), ""),
    "config_wrong": (N_("The configuration is invalid: {problem}."), N_("Fix it. docs/reference/configuration.md explains every key.")),
    "zone": (N_("The time in {zone} is {time}."), ""),
    "clouds_open": (N_("Everyone on this machine can read the passwords in {file}."), N_("chmod 600 {file}")),
    "same_project": (
        N_("These nodes are the same OpenStack project: {nodes}."),
        N_("Keep only one in nodes.toml. Otherwise KWS counts capacity twice and treats rentals as orphaned resources."),
    ),
    "out_of_time": (
        N_("The checks didn't finish within {time}."),
        N_("One of the services above is very slow. Try again with a longer --limit."),
    ),
    "check_broken": (N_("This check failed. Reference: {ref}."), N_("Report it with the log lines for this reference.")),
    "clock": (N_("The clocks of this machine and {whose} agree."), ""),
    "clock_drifts": (
        N_("The clock of {whose} differs from this machine's by {time}."),
        N_("Run chrony or systemd-timesyncd on both machines."),
    ),
    "clock_off": (
        N_("The clock of {whose} differs from this machine's by {time}."),
        N_("Correct the wrong clock with chrony or systemd-timesyncd. Otherwise logins expire early and rentals end at the wrong time."),
    ),
}  # fmt: skip
SLACK: dict[str, Advice] = {
    "environment_wrong": (
        N_("{variable} doesn't start with {prefix}."),
        N_("Copy the token again. You may have swapped the two tokens. See docs/how-to/create-the-slack-app.md."),
    ),
    "bot_token_missing": (
        N_("SLACK_BOT_TOKEN isn't set."),
        N_("Install the app in the workspace. Copy the Bot User OAuth Token (xoxb-…) from OAuth & Permissions."),
    ),
    "no_way_in": (
        N_("Slack can't reach KWS: neither SLACK_APP_TOKEN nor SLACK_SIGNING_SECRET is set."),
        N_("Create an app-level token (xapp-…) with connections:write under Basic Information. See docs/how-to/create-the-slack-app.md."),
    ),
    "request_urls": (N_("There's no app-level token. Run KWS with --http."), ""),
    "slack_silent": (
        N_("Slack isn't responding at {url}: {why}"),
        N_("Check this machine's internet connection: DNS, proxy, and firewall (HTTPS to slack.com)."),
    ),
    "slack_refuses": (N_("Slack rejected the request: {error}."), N_("Install the app again from manifest.yaml. Then copy the new tokens.")),
    "bot_token_refused": (
        N_("Slack rejected SLACK_BOT_TOKEN: {error}."),
        N_("Copy the Bot User OAuth Token again from OAuth & Permissions. It changes when the app is removed."),
    ),
    "slack_login": (N_("Connected as {user} in the workspace {team}."), ""),
    "scopes": (P_("The bot has the {count} scope it needs.",
"The bot has all {count} scopes it needs.", "count"), ""),
    "scopes_missing": (
        N_("The bot is missing scopes: {scopes}."),
        N_("Paste the output of `kws manifest` under App Manifest. Save it, and install the app again."),
    ),
    "scopes_extra": (
        N_("The bot has scopes that KWS doesn't use: {scopes}."),
        N_("Paste the output of `kws manifest` under App Manifest, and install the app again."),
    ),
    "scopes_unknown": (N_("Slack doesn't report the bot's scopes."), N_("Compare them with `kws manifest`.")),
    "socket_mode": (N_("Socket Mode works with the app-level token."), ""),
    "app_token_refused": (
        N_("Slack rejected SLACK_APP_TOKEN: {error}."),
        N_("Turn on Socket Mode. Create a new app-level token with connections:write under Basic Information."),
    ),
    "app_token_scope": (
        N_("The app-level token is missing the scope connections:write."),
        N_("Create a new app-level token with connections:write under Basic Information."),
    ),
    "two_apps": (
        N_("The two tokens belong to different apps: the bot token to {bot}, the app-level token to {app}."),
        N_("Copy both from the same app at api.slack.com/apps."),
    ),
    "admins": (N_("Admins: {admins}."), ""),
    "admins_none": (
        N_("nodes.toml has no admins, so nobody gets admin alerts."),
        N_("Add your Slack user ID to `admins` in nodes.toml. To find it, open your profile and select Copy member ID."),
    ),
    "admin_unknown": (N_("Slack can't find the admin {admin}: {error}."), N_("Correct `admins` in nodes.toml.")),
    "admin_group_empty": (N_("The user group {admin} has no members."), N_("Add a member, or correct `admins` in nodes.toml.")),
    "admin_left": (N_("The account of the admin {admin} is deactivated."), N_("Remove it from `admins` in nodes.toml.")),
    "admin_no_member": (
        N_("The admin {admin} is a guest, a bot, or from another workspace. KWS doesn't accept them."),
        N_("Use a full member of this workspace in `admins` in nodes.toml."),
    ),
    "channel": (N_("The bot can post to the admin channel {channel}."), ""),
    "channel_unknown": (
        N_("The channel {channel} doesn't exist, or it's private and the bot isn't a member."),
        N_("Correct `admin_channel` in nodes.toml, and type /invite @kws in that channel."),
    ),
    "channel_not_member": (N_("The bot isn't in the admin channel {channel}."), N_("Type /invite @kws in that channel.")),
    "channel_archived": (N_("The admin channel {channel} is archived."), N_("Choose another `admin_channel` in nodes.toml.")),
    "channel_refused": (
        N_("The bot can't post to the admin channel {channel}: {error}."),
        N_("Check the channel's posting permissions."),
    ),
}  # fmt: skip
WEB: dict[str, Advice] = {
    "web_caddy": (N_("Caddy responds at {admin} and has the configuration of KWS."), ""),
    "web_not_loaded": (
        N_("Caddy responds at {admin} but doesn't have the configuration of KWS yet."),
        N_("Start KWS: kws run"),
    ),
    "web_caddy_down": (
        N_("Caddy doesn't respond at {admin}: {why}"),
        N_("Start it: systemctl start caddy-api. Check `admin` in nodes.toml."),
    ),
    "web_dns": (N_("Names under {domain} lead to this proxy ({address})."), ""),
    "web_dns_missing": (
        N_("DNS doesn't know {host}."),
        N_("Add one record for *.{domain} that points to the proxy. See docs/how-to/serve-websites.md."),
    ),
    "web_elsewhere": (
        N_("{host} leads to {address}, where another web server responds."),
        N_("Point the record to the proxy. Stop other web servers on its ports."),
    ),
    "web_http_port": (
        N_("Nothing responds on port {port} of {host} ({address})."),
        N_("Start Caddy and KWS, and open the port in the firewall."),
    ),
    "web_https_port": (
        N_("Nothing responds on port {port} of {host}."),
        N_("Start Caddy and KWS, and open the port in the firewall."),
    ),
    "web_port": (N_("Port {port} can be reached."), ""),
    "web_certificate": (N_("The certificate of {host} is valid."), ""),
    "web_certificate_bad": (
        N_("The certificate of {host} isn't valid: {why}"),
        N_("Check `tls` in nodes.toml, and Caddy's log: journalctl -u caddy-api"),
    ),
    "web_certificate_soon": (
        N_("The certificate ends on {day}."),
        N_("Replace the files of `certificate` and `key`. Then restart Caddy."),
    ),
}
DATABASE: dict[str, Advice] = {
    "database_url": (N_("KWS can't use the database: {problem}."), N_("Correct KWS_DATABASE_URL. See docs/reference/configuration.md.")),
    "database": (N_("The database {database} matches this version."), ""),
    "database_writable": (N_("KWS can write to it."), ""),
    "database_new": (N_("{path} doesn't exist yet. `kws run` creates it."), ""),
    "database_folder_missing": (N_("The database folder {folder} doesn't exist."), N_("mkdir -p {folder}")),
    "database_folder_readonly": (
        N_("KWS can't write to the database folder {folder}."),
        N_("Make the user that runs KWS the owner of the folder (chown). SQLite writes a log next to its file."),
    ),
    "database_on_network": (
        N_("{path} is on a network file system ({kind}), where SQLite's locks aren't reliable."),
        N_("Move it to a local disk, or use PostgreSQL."),
    ),
    "database_disk_full": (N_("{folder} has only {space} left."), N_("Free some disk space.")),
    "database_silent": (
        N_("KWS can't open the database {database}: {why}"),
        N_("Check that its server is running. Check the user, password, and host in KWS_DATABASE_URL."),
    ),
    "database_readonly": (
        N_("KWS can't write to the database {database}: {why}"),
        N_("Make the user that runs KWS the owner of the file and folder. If it's locked, check whether another program has it open."),
    ),
    "database_older": (
        N_("The database {database} is from an earlier version of KWS ({version})."),
        N_("Back it up. Then `kws run` upgrades it when it starts, or run: kws db upgrade"),
    ),
    "database_newer": (
        N_("The database {database} is from a later version of KWS ({version})."),
        N_("Install that version, or restore the backup from before the upgrade."),
    ),
}  # fmt: skip


WHAT: dict[str, tuple[str, Callable[[float, Texts], str]]] = {  # what a node has too little of
    "vCPU": (N_("vCPUs"), lambda number, _: f"{number:g}"),
    "MiB RAM": (N_("memory"), memory),
    "GiB": (N_("disk"), disk),
}


def says(finding: Finding, texts: Texts) -> str:
    """What was found, in one sentence."""
    return texts.plain(_words(finding)[0], **_readable(finding, texts))


def advises(finding: Finding, texts: Texts) -> str:
    """What to do about it; empty where nothing has to be done."""
    advice = _words(finding)[1]
    return texts.plain(advice, **_readable(finding, texts)) if advice else ""


def _words(finding: Finding) -> Advice:
    for table in (GENERAL, SLACK, DATABASE, WEB, NODE):
        if finding.code in table:
            return table[finding.code]
    raise KeyError(finding.code)


def _readable(finding: Finding, texts: Texts) -> dict[str, Any]:
    """What was found, with amounts as people write them."""
    data: dict[str, Any] = dict(finding.data)
    if "free_mb" in data:
        data["space"] = memory(data["free_mb"], texts)
    if "ram_mb" in data and "disk_gb" in data:
        data |= {"ram": memory(data["ram_mb"], texts), "disk": disk(data["disk_gb"], texts)}
    if "seconds" in data:
        data["time"] = duration(data["seconds"], SECONDS, texts)
    if data.get("what") in WHAT:
        label, amount = WHAT[data["what"]]
        data["what"] = texts.plain(label)
        data |= {name: amount(data[name], texts) for name in ("wanted", "measured")}
    return data
