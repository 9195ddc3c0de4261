"""views.*"""

from __future__ import annotations

from slack_workspace.errors import Json, SlackError
from slack_workspace.parts import WorkspaceParts
from slack_workspace.state import Trigger


def _trigger(core: WorkspaceParts, args: Json) -> Trigger:
    trigger_id = args.get("trigger_id") or args.get("interactivity_pointer")
    if not trigger_id:
        messages = ["[ERROR] missing required field: trigger_id"]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
    return core.state.spend_trigger(trigger_id)


def open_view(core: WorkspaceParts, args: Json) -> Json:
    """views.open."""
    core.views.check(args.get("view"), "modal", "views.open")
    opened = core.views.open(_trigger(core, args).user, args["view"])
    return {"view": core.views.as_slack(opened, with_values=False)}


def push_view(core: WorkspaceParts, args: Json) -> Json:
    """views.push."""
    core.views.check(args.get("view"), "modal", "views.push")
    pushed = core.views.push(_trigger(core, args).user, args["view"])
    return {"view": core.views.as_slack(pushed, with_values=False)}


def update_view(core: WorkspaceParts, args: Json) -> Json:
    """Serve views.update, by view_id or external_id.

    Raises:
        SlackError: `invalid_arguments` or `hash_conflict`.
    """
    if not (args.get("view_id") or args.get("external_id")):
        messages = ["[ERROR] missing required field: view_id or external_id"]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
    live = core.views.find(args.get("view_id"), args.get("external_id"))
    if args.get("hash") and args["hash"] != live.hash:
        raise SlackError("hash_conflict")
    return {"view": core.views.as_slack(core.views.update(live, args.get("view") or {}))}


def publish_view(core: WorkspaceParts, args: Json) -> Json:
    """views.publish."""
    user = core.state.user(args.get("user_id"))
    published = core.views.publish(user.id, args.get("view") or {}, args.get("hash"))
    return {"view": core.views.as_slack(published)}


METHODS = {
    "views.open": open_view, "views.push": push_view, "views.update": update_view,
    "views.publish": publish_view,
}  # fmt: skip
