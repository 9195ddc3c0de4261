"""`python -m slack_workspace`: serve a workspace until interrupted and print what the bot needs to join it."""

from __future__ import annotations

import argparse
import signal

from slack_workspace.people import User, default_users
from slack_workspace.workspace import Workspace


def main(argv: list[str] | None = None) -> None:
    """Prints the environment of the bot, then waits for SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m slack_workspace", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--users", default="", help="more people: name[:locale[:time zone]], comma-separated")
    options = parser.parse_args(argv)
    stopping = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(
        signal.SIG_BLOCK, stopping
    )  # for the server's threads too: only sigwait hears them
    with Workspace(users=[*default_users(), *_extra(options.users)], port=options.port) as workspace:
        print(f"SLACK_API_URL={workspace.api_url}")
        print(f"SLACK_BOT_TOKEN={workspace.bot_token}")
        print(f"SLACK_APP_TOKEN={workspace.app_token}")
        print(f"# for people: {workspace.page_url}", flush=True)
        signal.sigwait(stopping)


def _extra(text: str) -> list[User]:
    people = []
    for number, entry in enumerate(filter(None, text.split(","))):
        name, locale, zone, *_ = [*entry.split(":"), "", ""]
        people.append(
            User(f"U0EXTRA{number:03d}", name, name.title(), zone or "Asia/Seoul", locale or "ko-KR")
        )
    return people


if __name__ == "__main__":
    main()
