"""The outbox: the state of each target, what was not accepted and why, all deliveries; and a test of a target."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db.paging import Page, TookTooLong
from bounce_watcher.ledger.db.query import MOST_COUNTED, Choice, FilterField, Query
from bounce_watcher.ledger.lists.incidents import is_asked_for
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.listing import Failures
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.ledger.outbox.tries import Throughput
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Disposition, NoticeType, OutboxItem, OutboxState
from bounce_watcher.outbox.opening import Receiver
from bounce_watcher.service.operations.outbox import Discard, Retry, tried
from bounce_watcher.service.setup.doctor import explained
from bounce_watcher.web.pages.outbox.deliveries import DONE, error_of, outcome, paused_since
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import LONGEST_REASON
from bounce_watcher.web.pages.shared.listing import Column, Download, Filter
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import age, harmless, name, when
from bounce_watcher.words.rows import outbox_row

_PAGE_KEY = (int,)
MOST_GROUPS = 50
_NO_FILTERS = frozenset({"after", "done", "on"})

FILTERS = (
    Filter(FilterField.STATE, "State",
           lambda value: formatting.DELIVERIES[OutboxState(value)][0] if value in {*OutboxState}
           else value, tuple(each.value for each in OutboxState)),
    Filter(FilterField.TARGET, "Target", name),
    Filter(FilterField.TYPE, "Type", harmless, tuple(each.value for each in NoticeType)),
    Filter(FilterField.STREAM, "Stream", name),
)

DOWNLOAD: Download[OutboxItem] = Download("outbox", (
    Column("Id", lambda item: item.id),
    Column("Written", lambda item: item.created_at),
    Column("Type", lambda item: item.type.value),
    Column("Address", lambda item: item.recipient),
    Column("Stream", lambda item: item.stream),
    Column("Target", lambda item: item.target),
    Column("State", lambda item: formatting.DELIVERIES[item.state][0]),
    Column("Tries", lambda item: item.attempts),
    Column("Last answer", lambda item: item.last_answer),
    Column("Next try", lambda item: item.next_attempt_at if item.state is OutboxState.DUE else None),
), lambda item: {**outbox_row(item), "type": "delivery", "event": item.type.value})


# ── the state of the targets ────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class TargetLine:
    """A target. `state` is the word and class of a badge, `since` says since when and why."""

    name: str
    kind: str
    state: tuple[str, str]
    since: str
    queue: Queue
    throughput: Throughput
    oldest: str
    can_test: bool


def _lines(request: PageRequest) -> list[TargetLine]:
    """Returns the targets, those in trouble first."""
    ledger, receivers = request.context.ledger, {each.name: each for each in request.context.settings.receivers}
    paused = ledger.outbox.paused()
    queues, disabled = ledger.figures.queues(), ledger.outbox.deliveries.disabled()
    throughput = ledger.outbox.deliveries.throughput(request.now)
    lines = [
        _line(request, target, receivers.get(target), queues.get(target, Queue()),
              throughput.get(target, Throughput()), paused.get(target), disabled.get(target))
        for target in receivers.keys() | {each for each, queue in queues.items() if queue.due or queue.dead}
    ]
    return sorted(lines, key=lambda line: (_ORDER.index(line.state[1]), line.name))


_ORDER = ("is-bad", "is-warn", "is-hold", "is-info", "is-ok", "")


def _line(
    request: PageRequest, target: str, receiver: Receiver | None, queue: Queue, throughput: Throughput,
    paused: Pause | None, disabled: tuple[datetime, str] | None,
) -> TargetLine:
    trouble = request.context.state().troubles.get(receiver.about) if receiver else None
    if receiver is None:
        state, since = ("Not configured", "is-warn"), "Its waiting deliveries are not sent."
    elif paused is not None:
        state, since = ("Paused", "is-hold"), paused_since(paused, request.now)
    elif disabled is not None:
        state = ("Receiver gone", "is-bad")
        since = _since(*disabled, request.now)
    elif trouble is not None:
        state = ("Failing", "is-bad")
        since = _since(trouble.since, trouble.text, request.now)
    elif queue.due:
        state, since = ("Delivering", "is-ok"), ""
    else:
        state, since = ("Idle", "is-ok"), ""
    oldest = age(request.now - queue.oldest_at) if queue.oldest_at else "–"
    kind = receiver.about.kind.capitalize() if receiver else "–"
    return TargetLine(target, kind, state, since, queue, throughput, oldest, receiver is not None)


def _since(at: datetime, text: str, now: datetime) -> str:
    return f"Since {when(at, now)} ({age(now - at)}): {harmless(text, 200)}"


# ── what was not accepted ───────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Deliveries to a target that met the same error, but for numbers, ids and addresses in it."""

    target: str
    state: OutboxState
    error: str
    number: int
    first_at: datetime
    last_at: datetime
    next_at: datetime


def groups(failures: Failures) -> list[ErrorGroup]:
    """Returns the errors by target and text: dead letters first, then the most frequent."""
    found: dict[tuple[str, OutboxState, str], ErrorGroup] = {}
    for each in failures.found:
        key = (each.target, each.state, error_of(each.answer))
        so_far = found.get(key)
        found[key] = ErrorGroup(
            *key, each.number + (so_far.number if so_far else 0),
            min(each.first_at, so_far.first_at) if so_far else each.first_at,
            max(each.last_at, so_far.last_at) if so_far else each.last_at,
            min(each.next_at, so_far.next_at) if so_far else each.next_at,
        )
    return sorted(found.values(), key=lambda group: (group.state is not OutboxState.DEAD, -group.number, group.target))


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def outbox(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS, ("done", "on"))
    wanted = Query(asked.choices, asked.since, asked.until)
    deliveries = request.context.ledger.outbox.deliveries
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, deliveries.all(wanted))
    page: Page[OutboxItem] = Page(())
    failures, is_late = None, False
    if not asked.problem:
        try:
            page = deliveries.page(wanted, listing.place(request, _PAGE_KEY))
            failures = deliveries.failures() if not asked.chips and not request.query.get("after") else None
        except TookTooLong:
            is_late = True
    found = groups(failures) if failures else []
    return request.page(
        "outbox.html", "Outbox", asked=asked, lines=_lines(request), pager=listing.pager(request, page), late=is_late,
        rows=[(item, request.rid_of(item.recipient or "")) for item in page.rows], groups=found[:MOST_GROUPS],
        more_groups=len(found) - MOST_GROUPS, not_all=failures.more if failures else False, most=MOST_COUNTED,
        exports=listing.exports(request), by=FilterField, times=listing.times_of(request, asked), error_of=error_of,
        states=[(each.value, formatting.DELIVERIES[each][0]) for each in OutboxState],
        types=[(each.value, each.value) for each in NoticeType if each is not NoticeType.TEST],
        range=request.query.get("range", ""), dead=OutboxState.DEAD, due=OutboxState.DUE, told=_done(request, asked),
        filtered=listing.address("", filter_of(request)),
        may_retry=any(_leaves(asked, FilterField.STATE, Retry.states)),
        may_dismiss=any(_leaves(asked, FilterField.STATE, Discard.states)),
        quote=lambda **values: listing.address("", list(values.items())),
    )


def filter_of(request: PageRequest) -> list[tuple[str, str]]:
    """Returns only the filter from the page's address."""
    return [(key, value) for key, value in request.query.multi_items() if key not in _NO_FILTERS]


def _leaves(asked: listing.Filters, by: FilterField, values: Iterable[str]) -> Iterator[str]:
    """Returns those of the values that the filter matches; none if there is no filter."""
    choice = asked.choices.get(by, Choice())
    return (value for value in values if asked.chips and is_asked_for(value, choice))


def _done(request: PageRequest, asked: listing.Filters) -> tuple[str, str] | None:
    """Returns what a person has just done here, from the log: class and text of a notice."""
    on, what = request.query.get("on"), request.query.get("done")
    if not on or what not in DONE:
        return None
    done = next(iter(request.context.ledger.log.on(on, 1)), None)
    if done is None or done.action != what:
        return None
    paused, targets = request.context.ledger.outbox.paused(), {each.name for each in request.context.settings.receivers}
    return outcome(done, [on] if on in paused else _leaves(asked, FilterField.TARGET, paused), of_target=on in targets)


# ── a test ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def test(request: PageRequest) -> Response:
    """Tests a target once, as `outbox test` does: nothing goes into the outbox."""
    target = request.form.get("target", "")
    receiver = next((each for each in request.context.settings.receivers if each.name == target), None)
    if receiver is None:
        raise HTTPException(404, "No configured target has this name.")
    taken, answer = _tried(receiver, request.now)
    request.context.ledger.log.enter(Act(request.actor(answer[:LONGEST_REASON]), "test", target), int(taken))
    return see(listing.address("/outbox", [("done", "test"), ("on", target)]))


def _tried(receiver: Receiver, now: datetime) -> tuple[bool, str]:
    try:
        attempt = tried(receiver, now)
    except PermanentFailure as error:
        return False, str(error)
    if attempt.disposition is Disposition.DELIVERED:
        return True, attempt.answer or "reachable"
    return False, "; ".join(explained(receiver, attempt))


ROUTES = (
    get("/outbox", outbox), get("/outbox.csv", outbox), get("/outbox.jsonl", outbox), post("/outbox/test", test),
)
