"""A decision on many at once: previewed in sentences, carried out beside the request, with a page of its progress."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.paging import TookTooLong
from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.policy.rulings import SkipReason
from bounce_watcher.service.operations.bulk import BulkOperation, BulkOutline
from bounce_watcher.service.operations.operation import Notices
from bounce_watcher.web.jobs import JobProgress, Work
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.listing import Download
from bounce_watcher.web.request import PageRequest, get, see
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import counted, harmless, number, paused_target

T = TypeVar("T")

SAMPLE = 10
REHEARSAL = "a rehearsal"
"""The reason that stands in for the one that a person will give."""
LOOKS_AGAIN = 5
"""Seconds. This needs no script. Readers can switch it off, because a page that reloads moves under them."""
_STILL = "still"


# ── a decision ──────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class BulkAction(Generic[T]):
    """An operation on many, as a page shows it.

    `doing` begins the title of its progress page. `nothing` is the message if none are left. `shell` is the command to
    use if there are too many. `leads_to` is the page with the outcome, `again` the address of the preview.
    """

    operation: BulkOperation[T]
    doing: str
    nothing: str
    shell: str
    leads_to: str
    again: str


def outline(request: PageRequest, what: BulkAction[T]) -> BulkOutline[T]:
    """Previews the operation. Raises HTTPException 503 if the search takes too long."""
    try:
        return what.operation.preview(request.actor(REHEARSAL))
    except TookTooLong:
        raise HTTPException(503, "The search took too long: use a narrower filter. Nothing was changed.") from None


def carry_out(request: PageRequest, what: BulkAction[T]) -> Response:
    """Carries out what was previewed, beside the request. A second click leads to the page of the first."""
    why, jobs = because(request, required=True), request.context.jobs
    if page := jobs.under_way(what.operation.subject, what.again):
        return see(page)
    found = outline(request, what)
    if found.more:
        raise HTTPException(422, f"More than {number(found.most)} addresses: use the shell: {what.shell}")
    if not found.changed:
        raise HTTPException(409, what.nothing)
    demand_seen(request, found.seen, len(found.changed))

    def run(hand: JobProgress) -> None:
        for each in what.operation.carry_out(request.actor(why), hand.step):
            if what.operation.changes(each):
                hand.advance(1)

    title = f"{what.doing} {counted(len(found.changed), 'address', 'addresses')}"
    work = Work(title, lambda done: f"{number(done)} done", what.leads_to, what.again)
    return see(jobs.start(what.operation.subject, work, run))


def working(request: PageRequest) -> Response:
    """Shows the progress of a long task. It reloads by itself, and leads to the outcome when the task is over."""
    work = request.context.jobs.of(request.path["name"])
    if work is not None and work.is_over and work.trouble is None:
        return see(work.leads_to)
    is_moving = work is not None and not work.is_over and not request.query.get(_STILL)
    title = "No task running" if work is None else "Task interrupted" if work.is_over else "In progress"
    page = request.page("working.html", title, work=work, heading=title, is_moving=is_moving, seconds=LOOKS_AGAIN,
                      still=f"{request.url_path}?{_STILL}=1")
    if is_moving:
        page.headers["Refresh"] = str(LOOKS_AGAIN)
    return page


# ── the effects, in sentences ───────────────────────────────────────────────────────────────────────────────────────

def would_hear(notices: Notices, held: int = 0) -> tuple[str, ...]:
    """Returns what would be sent, and which targets get nothing just now. `held` is how many held ones would be
    released: no target was notified of them."""
    if notices.is_shadow:
        return ("Nothing: watch-only mode sends nothing.",)
    told = tuple(
        f"{number(many)} × {kind.value} to {harmless(target, 80)}"
        for (kind, target), many in sorted(notices.told.items())
    )
    untold = (f"Nothing for the {number(held)} held: targets were never notified.",) if held else ()
    said = (*told, *map(paused_target, notices.paused), *untold)
    return said or ("Nothing: targets were never notified, or no target subscribes.",)


def some(rows: Sequence[T], line: Callable[[T], str]) -> Iterator[str]:
    """Yields some of the rows in a line each, and how many more there are."""
    yield from map(line, rows[:SAMPLE])
    if len(rows) > SAMPLE:
        yield f"and {number(len(rows) - SAMPLE)} more"


def named(recipient: str, stream: str) -> str:
    return f"{harmless(recipient, 320)} ({harmless(stream, 80)})"


# ── rulings ─────────────────────────────────────────────────────────────────────────────────────────────────────────

LEFT: Mapping[SkipReason, str] = {
    SkipReason.COMPLAINT: "complained", SkipReason.BY_HAND: "suppressed by hand",
    SkipReason.PROTECTED: "protected", SkipReason.FORGOTTEN: "forgotten: targets don't know its hash",
}


def left_out(found: BulkOutline[Ruled]) -> Counter[SkipReason]:
    """Returns how many would stay unchanged, by reason."""
    return Counter(each.left for each in found.spared if each.left is not None)


def spared(found: BulkOutline[Ruled]) -> Iterator[str]:
    """Yields how many would stay unchanged, by reason, and some of them by name."""
    for left, many in left_out(found).items():
        yield f"{counted(many, 'suppression')} left out: {LEFT[left]}."
    yield from some([each for each in found.spared if each.left is not SkipReason.FORGOTTEN], ruled)


def ruled(each: Ruled) -> str:
    """Returns what happens to one recipient, in a line."""
    if each.left is not None:
        return f"{named(each.recipient, each.stream)}: {LEFT[each.left]}"
    why, was, now = each.reason, formatting.STATES[each.was][0], formatting.STATES[each.state][0]
    return f"{named(each.recipient, each.stream)}: {formatting.reason(why) if why else 'no report'}; {was}, then {now}"


DOWNLOAD: Download[Ruled] = Download("decided", {
    "Address": lambda each: each.recipient, "Stream": lambda each: each.stream, "Reason": lambda each: each.reason,
    "State": lambda each: formatting.STATES[each.was][0], "Would be": lambda each: formatting.STATES[each.state][0],
    "Left out because": lambda each: each.left and LEFT[each.left],
}, lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "decided", "recipient": each.recipient, "stream": each.stream,
    "reason": each.reason, "was": each.was, "state": each.state, "left": each.left,
})

ROUTES = (get("/working/{name}", working),)
