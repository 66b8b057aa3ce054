"""Pausing and resuming a target, each after a preview."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.service.operations.outbox import PauseTarget, ResumeTarget, TargetOperation, TargetOutline
from bounce_watcher.web.pages.outbox.deliveries import paused_since
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words.formatting import counted, name, number


def _outline(request: PageRequest, operation: TargetOperation, *, is_paused: bool) -> TargetOutline:
    """Previews the operation. Raises HTTPException if there is no such target, or it is in that state already."""
    found = operation.preview(request.actor(None))
    if found.paused is None and not found.is_configured:
        raise HTTPException(404, "No configured target has this name.")
    if (found.paused is not None) is not is_paused:
        raise HTTPException(409, f"It is {'not paused' if is_paused else 'paused already'}: nothing was changed.")
    return found


def _waiting(found: TargetOutline) -> str:
    return counted(found.queue.due, "waiting delivery", "waiting deliveries")


def _pause(request: PageRequest) -> PauseTarget:
    return PauseTarget(*request.context.house, request.query.get("target", ""))


def pause_preview(request: PageRequest) -> Response:
    operation = _pause(request)
    found, target = _outline(request, operation, is_paused=False), name(operation.target)
    return show(request, Preview(
        f"Pause {target}", "Pause", "/outbox",
        (f"Nothing more is sent to {target} until you resume it. Deliveries in flight finish; the pause "
         "takes a few seconds to apply.",),
        found.seen, ("Nothing, until it is resumed.",),
        (f"{_waiting(found)} now. Nothing is lost, and nothing counts as failed.",
         "Addresses are still suppressed and released; the target is notified later."),
        "It can be resumed at any time.", because_required=True,
    ), action=listing.here(request))


def pause(request: PageRequest) -> Response:
    operation = _pause(request)
    found = _outline(request, operation, is_paused=False)
    return _carry_out(request, operation, found, "pause", because_required=True)


def _resume(request: PageRequest) -> ResumeTarget:
    return ResumeTarget(*request.context.house, request.query.get("target", ""))


def resume_preview(request: PageRequest) -> Response:
    operation = _resume(request)
    found, target = _outline(request, operation, is_paused=True), name(operation.target)
    assert found.paused is not None
    return show(request, Preview(
        f"Resume {target}", "Resume", "/outbox",
        (f"It is paused. {paused_since(found.paused, request.now)}.", f"{_waiting(found)}: sent from now on."),
        found.seen, (f"Waiting deliveries, in order: {number(found.queue.due)} to {target}.",),
        ("Targets that keep a list get only the newest state per address.",), "It can be paused again.",
    ), action=listing.here(request))


def resume(request: PageRequest) -> Response:
    operation = _resume(request)
    found = _outline(request, operation, is_paused=True)
    return _carry_out(request, operation, found, "resume", because_required=False)


def _carry_out(
    request: PageRequest, operation: TargetOperation, found: TargetOutline, done: str, *, because_required: bool
) -> Response:
    why = because(request, required=because_required)
    demand_seen(request, found.seen)
    operation.carry_out(request.actor(why))
    return see(listing.address("/outbox", [("done", done), ("on", operation.target)]))


ROUTES = (
    get("/outbox/pause", pause_preview), post("/outbox/pause", pause),
    get("/outbox/resume", resume_preview), post("/outbox/resume", resume),
)
