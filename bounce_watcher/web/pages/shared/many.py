"""A decision on many at once: rehearsed, counted, told in sentences, held to when it is made, and made beside the
request."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.paging import TookTooLong
from bounce_watcher.ledger.suppressions.rulings import BulkRequest, Ruled
from bounce_watcher.model.ledger import NoticeType, Occurrence, OutboxItem, State, Suppression
from bounce_watcher.policy.rulings import SkipReason
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web.jobs import JobProgress, Work
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.listing import Column, Download
from bounce_watcher.web.request import PageRequest, see
from bounce_watcher.web.view import formatting
from bounce_watcher.web.view.formatting import counted, harmless, number, paused_target

T = TypeVar("T")

MOST_HERE = 20_000
"""Recipients that are decided on in the browser at once; more take too long for a page."""
SAMPLE = 10

Announce = Callable[[Occurrence], Sequence[OutboxItem]]


# ── a decision ──────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class OutcomeKind(Generic[T]):
    """What the outcomes of a decision, one for each recipient in a stream, tell a page.

    `line` tells of one in words, `seen` what of it a person must have been shown; `changes` is whether anything becomes
    of it.
    """

    line: Callable[[T], str]
    seen: Callable[[T], Sequence[object]]
    changes: Callable[[T], bool]


@dataclass(frozen=True, slots=True)
class BulkAction(Generic[T]):
    """What a page decides: `run` carries it out batch by batch, or rehearses it. `subject` names it in the log.

    `doing` begins the title of the page on it while it is under way, `done` is what becomes of addresses, `nothing`
    what is said where there are none any more, `shell` the command for too many. It `leads_to` a page on its outcome,
    and is asked for `again` at the address of its preview.
    """

    kind: OutcomeKind[T]
    run: Callable[[BulkRequest, bool], Iterator[T]]
    subject: str
    doing: str
    done: str
    nothing: str
    shell: str
    leads_to: str
    again: str


@dataclass(slots=True)
class Outline(Generic[T]):
    """What a decision would come to. `seen` is a digest of all of it; `more`: it is too large, and only begun."""

    changed: list[T] = field(default_factory=list)
    spared: list[T] = field(default_factory=list)
    seen: str = ""
    more: bool = False


def rehearsed(request: PageRequest, what: BulkAction[T], announce: Announce) -> Iterator[T]:
    return what.run(_wanted(request, what.subject, "a rehearsal", announce), True)


def outline(request: PageRequest, what: BulkAction[T], listener: "Listener") -> Outline[T]:
    """Raises HTTPException 503 where looking takes too long."""
    found: Outline[T] = Outline()
    seen = hashlib.sha256()
    try:
        for place, each in enumerate(rehearsed(request, what, listener)):
            if place == MOST_HERE:
                found.more = True
                break
            seen.update("\0".join(map(str, (*what.kind.seen(each), "\n"))).encode("utf-8", "replace"))
            (found.changed if what.kind.changes(each) else found.spared).append(each)
    except TookTooLong:
        raise HTTPException(503, "The search took too long: use a narrower filter. Nothing was changed.") from None
    found.seen = seen.hexdigest()
    return found


def carry_out(request: PageRequest, what: BulkAction[T]) -> Response:
    """Does what was seen, beside the request; a second click leads to the page on the first."""
    why, jobs = because(request, required=True), request.context.jobs
    if page := jobs.under_way(what.subject, what.again):
        return see(page)
    found = outline(request, what, Listener(request))
    if found.more:
        raise HTTPException(
            422, f"More than {number(MOST_HERE)} addresses: use the shell: {what.shell}"
        )
    if not found.changed:
        raise HTTPException(409, what.nothing)
    demand_seen(request, (found.seen,), len(found.changed))
    title = f"{what.doing} {counted(len(found.changed), 'address', 'addresses')}"
    work = Work(title, lambda done: f"{number(done)} done", what.leads_to, what.again)
    return see(jobs.start(what.subject, work, partial(_do, request, what, why)))


def _do(request: PageRequest, what: BulkAction[T], why: str, hand: JobProgress) -> None:
    wanted = replace(_wanted(request, what.subject, why, announcer(request.context.settings)), step=hand.step)
    for each in what.run(wanted, False):
        if what.kind.changes(each):
            hand.advance(1)


def _wanted(request: PageRequest, subject: str, why: str, announce: Announce) -> BulkRequest:
    return BulkRequest(request.actor(why), subject, announce, request.context.settings.policy)


# ── what it would come to, in sentences ─────────────────────────────────────────────────────────────────────────────

class Listener:
    """Announces as the service would, and counts what each target would be told."""

    def __init__(self, request: PageRequest) -> None:
        self._ledger = request.context.ledger
        self._announce = announcer(request.context.settings)
        self._is_shadow = request.context.settings.policy.mode is Mode.SHADOW
        self._told: Counter[tuple[NoticeType, str]] = Counter()

    def __call__(self, occurrence: Occurrence) -> Sequence[OutboxItem]:
        items = self._announce(occurrence)
        self._told.update((item.type, item.target) for item in items)
        return items

    def hear(self, kind: NoticeType, address: str, standing: Iterable[Suppression]) -> None:
        """As if these of the address were told so, under that name; of what is only held back nobody is."""
        for each in standing:
            if each.state is State.SUPPRESSED:
                self(Occurrence(kind, each.since, address, each.stream, 1, {}))

    def sentences(self, held: int = 0) -> tuple[str, ...]:
        """What would be sent, and who is sent nothing just now; `held` is how many would be released of whom nobody was
        told."""
        if self._is_shadow:
            return ("Nothing: watch-only mode sends nothing.",)
        told = tuple(
            f"{number(many)} × {kind.value} to {harmless(target, 80)}"
            for (kind, target), many in sorted(self._told.items())
        )
        untold = (f"Nothing for the {number(held)} held: targets were never notified.",) if held else ()
        said = (*told, *self._waits(), *untold)
        return said or ("Nothing: targets were never notified, or no target subscribes.",)

    def _waits(self) -> Iterator[str]:
        targets = {target for _, target in self._told}
        return map(paused_target, sorted(targets & self._ledger.outbox.paused().keys()))


def some(rows: Sequence[T], line: Callable[[T], str]) -> Iterator[str]:
    """Some of them in a line each, and how many more there are."""
    yield from map(line, rows[:SAMPLE])
    if len(rows) > SAMPLE:
        yield f"and {number(len(rows) - SAMPLE)} more"


def named(recipient: str, stream: str) -> str:
    return f"{harmless(recipient, 320)} ({harmless(stream, 80)})"


# ── of rulings ──────────────────────────────────────────────────────────────────────────────────────────────────────

LEFT: Mapping[SkipReason, str] = {
    SkipReason.COMPLAINT: "complained", SkipReason.BY_HAND: "suppressed by hand",
    SkipReason.PROTECTED: "protected", SkipReason.FORGOTTEN: "forgotten: targets don't know its hash",
}


def held(found: Outline[Ruled]) -> int:
    """Of those who change, how many were held: nobody was told of them."""
    return sum(each.was is State.PENDING for each in found.changed)


def left_out(found: Outline[Ruled]) -> Counter[SkipReason]:
    """How many would stay as they are, by why."""
    return Counter(each.left for each in found.spared if each.left is not None)


def spared(found: Outline[Ruled]) -> Iterator[str]:
    """Who would stay as they are, by why, and some of them by name."""
    for left, many in left_out(found).items():
        yield f"{counted(many, 'suppression')} left out: {LEFT[left]}."
    yield from some([each for each in found.spared if each.left is not SkipReason.FORGOTTEN], RULED.line)


def _ruled(each: Ruled) -> str:
    if each.left is not None:
        return f"{named(each.recipient, each.stream)}: {LEFT[each.left]}"
    why, was, now = each.reason, formatting.STATES[each.was][0], formatting.STATES[each.state][0]
    return f"{named(each.recipient, each.stream)}: {formatting.reason(why) if why else 'no report'}; {was}, then {now}"


def _is_ruled(each: Ruled) -> bool:
    return each.left is None


RULED: OutcomeKind[Ruled] = OutcomeKind(
    _ruled, lambda each: (each.recipient, each.stream, each.was, each.state, each.left), _is_ruled
)

DOWNLOAD: Download[Ruled] = Download("decided", (
    Column("Address", lambda each: each.recipient),
    Column("Stream", lambda each: each.stream),
    Column("Reason", lambda each: each.reason),
    Column("State", lambda each: formatting.STATES[each.was][0]),
    Column("Would be", lambda each: formatting.STATES[each.state][0]),
    Column("Left out because", lambda each: each.left and LEFT[each.left]),
), lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "decided", "recipient": each.recipient, "stream": each.stream,
    "reason": each.reason, "was": each.was, "state": each.state, "left": each.left,
})
