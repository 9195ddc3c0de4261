"""`/_control/*`: the Python API of the people and the workspace as JSON over HTTP, for other processes.

`POST /_control/{verb}` with `{"user": "U…", …arguments of the method}` calls `Person.verb` and returns
`{"outcome": …}`; `GET /_control/screen?user=U…` returns all that the person sees; `POST /_control/faults`
plans trouble; `GET /_control/log` returns calls and violations. Bodies must be application/json, which
no web page of another origin can send unasked.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any, Protocol

from aiohttp import web

from slack_workspace.errors import Json, NotOnScreenError, SlackError
from slack_workspace.faults import Faults
from slack_workspace.persons.outcome import Outcome
from slack_workspace.persons.person import Person
from slack_workspace.state import State

VERBS = {
    "command", "submit", "close", "click", "choose", "fill", "fill_form", "suggestions", "open_home", "say", "dismiss",
}  # fmt: skip


class People(Protocol):
    """What the routes need of a workspace."""

    faults: Faults
    state: State

    def person(self, user_id: str) -> Person: ...


def add_control_routes(application: web.Application, people: People) -> None:
    """Put `/_control/*` beside the other routes."""
    control = _Control(people)
    application.router.add_get("/_control/screen", control.screen)
    application.router.add_get("/_control/log", control.log)
    application.router.add_get("/_control/users", control.users)
    application.router.add_post("/_control/faults", control.fail)
    application.router.add_post("/_control/{verb}", control.act)


class _Control:
    def __init__(self, people: People) -> None:
        self._people = people

    async def act(self, request: web.Request) -> web.Response:
        """Carry out a verb.

        Raises:
            web.HTTPNotFound: If there is no such verb.
        """
        verb, body = request.match_info["verb"], await body_of(request)
        if verb not in VERBS:
            raise web.HTTPNotFound(text=f"no such verb; there are {sorted(VERBS)}")
        try:
            person = self._people.person(str(body.pop("user", "")))
            result = await asyncio.to_thread(getattr(person, verb), **body)
        except (NotOnScreenError, SlackError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=409)
        return web.json_response({"outcome": _plain(result)})

    async def screen(self, request: web.Request) -> web.Response:
        try:
            person = self._people.person(request.query.get("user", ""))
        except SlackError as error:
            return web.json_response({"error": str(error)}, status=409)
        shown: Json = {
            "dm": person.dm(), "ephemeral": person.ephemeral(), "files": person.files(),
            "view": person.open_view, "views": person.view_stack, "home": person.home,
            "revision": self._people.state.revision,
        }  # fmt: skip
        return web.json_response(shown)

    async def log(self, request: web.Request) -> web.Response:
        state = self._people.state
        with state.changed:
            calls, violations = list(state.calls), list(state.violations)
        shown = {"calls": [asdict(one) for one in calls], "violations": [asdict(one) for one in violations]}
        return web.json_response(shown)

    async def users(self, request: web.Request) -> web.Response:
        return web.json_response({"users": [asdict(one) for one in self._people.state.users.values()]})

    async def fail(self, request: web.Request) -> web.Response:
        """Order a fault.

        Raises:
            web.HTTPBadRequest: If its arguments are wrong.
        """
        try:
            self._people.faults.fail(**await body_of(request))
        except TypeError as error:
            raise web.HTTPBadRequest(text=str(error)) from error
        return web.json_response({"ok": True})


async def body_of(request: web.Request) -> Json:
    """Return the JSON object that was sent; what another page's form could send is refused.

    Raises:
        web.HTTPUnsupportedMediaType: If it isn't JSON.
        web.HTTPBadRequest: If it isn't an object.
    """
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType(text="send application/json")
    body = await request.json()
    if not isinstance(body, dict):
        raise web.HTTPBadRequest(text="send an object")
    return body


def _plain(result: Any) -> Any:
    return result.as_json() if isinstance(result, Outcome) else result
