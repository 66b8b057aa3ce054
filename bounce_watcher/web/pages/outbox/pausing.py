"""A target that a person pauses or resumes, each after a preview."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.pausing import Pause
from bounce_watcher.web.pages.outbox.deliveries import paused_since
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.web.view.formatting import counted, name, number


@dataclass(frozen=True, slots=True)
class Switch:
    """What a person turns: `paused` is how it stands now."""

    target: str
    queue: Queue
    paused: Pause | None

    @property
    def seen(self) -> tuple[object, ...]:
        return ("switch", self.target, self.paused)

    @property
    def waiting(self) -> str:
        return counted(self.queue.due, "waiting delivery", "waiting deliveries")


def _switch(request: PageRequest, *, is_paused: bool) -> Switch:
    """Raises HTTPException where there is no such target, or it stands so already."""
    target, ledger = request.query.get("target", ""), request.context.ledger
    paused = ledger.outbox.paused().get(target)
    if paused is None and target not in {each.name for each in request.context.settings.receivers}:
        raise HTTPException(404, "No configured target has this name.")
    if (paused is not None) is not is_paused:
        raise HTTPException(409, f"It is {'not paused' if is_paused else 'paused already'}: nothing was changed.")
    return Switch(target, ledger.browsing.queues().get(target, Queue()), paused)


def pause_preview(request: PageRequest) -> Response:
    here = _switch(request, is_paused=False)
    return show(request, Preview(
        f"Pause {name(here.target)}", "Pause", "/outbox",
        (f"Nothing more is sent to {name(here.target)} until you resume it. Deliveries in flight finish; the pause "
         "takes a few seconds to apply.",),
        here.seen, ("Nothing, until it is resumed.",),
        (f"{here.waiting} now. Nothing is lost, and nothing counts as failed.",
         "Addresses are still suppressed and released; the target is notified later."),
        "It can be resumed at any time.", because_required=True,
    ), action=listing.here(request))


def pause(request: PageRequest) -> Response:
    here = _switch(request, is_paused=False)
    why = because(request, required=True)
    demand_seen(request, here.seen, 1)
    request.context.ledger.outbox.pause(here.target, request.actor(why))
    return see(listing.address("/outbox", [("done", "pause"), ("on", here.target)]))


def resume_preview(request: PageRequest) -> Response:
    here = _switch(request, is_paused=True)
    assert here.paused is not None
    return show(request, Preview(
        f"Resume {name(here.target)}", "Resume", "/outbox",
        (f"It is paused. {paused_since(here.paused, request.now)}.", f"{here.waiting}: sent from now on."),
        here.seen, (f"Waiting deliveries, in order: {number(here.queue.due)} to {name(here.target)}.",),
        ("Targets that keep a list get only the newest state per address.",), "It can be paused again.",
    ), action=listing.here(request))


def resume(request: PageRequest) -> Response:
    here = _switch(request, is_paused=True)
    why = because(request, required=False)
    demand_seen(request, here.seen, 1)
    request.context.ledger.outbox.resume(here.target, request.actor(why))
    return see(listing.address("/outbox", [("done", "resume"), ("on", here.target)]))


ROUTES = (
    get("/outbox/pause", pause_preview), post("/outbox/pause", pause),
    get("/outbox/resume", resume_preview), post("/outbox/resume", resume),
)
