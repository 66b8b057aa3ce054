"""Many deliveries retried or dismissed at once, after a preview: a target's, those that met an error, or what a filter
shows."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from bounce_watcher.ledger.db.query import MOST_COUNTED, Choice, FilterField, Query
from bounce_watcher.ledger.lists.incidents import is_asked_for
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.bodies import NO_BODY
from bounce_watcher.model.ledger import OutboxItem, OutboxState
from bounce_watcher.web.pages.outbox.deliveries import (
    DISMISSED,
    FOR_GOOD,
    LONGEST_ERROR,
    RETRIED,
    STAYS,
    error_of,
    told,
    without_addresses,
)
from bounce_watcher.web.pages.outbox.targets import FILTERS, filter_of
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.web.view.formatting import counted, harmless, name, number, paused_target

SAMPLE = 10
MOST_AT_ONCE = 10_000
"""Deliveries that a filter shows and that are changed at once."""

_SUCH: Mapping[OutboxState, tuple[str, str]] = {
    OutboxState.DEAD: ("dead letter", "dead letters"),
    OutboxState.DUE: ("waiting delivery", "waiting deliveries"),
    OutboxState.DELIVERED: ("accepted delivery", "accepted deliveries"),
}
_REPLACED = (
    "delivery would be marked as superseded by a newer state",
    "deliveries would be marked as superseded by newer states",
)


@dataclass(frozen=True, slots=True)
class DeliverySelection:
    """What would be changed: `what` in a title, `subject` in the log; `query` leads back to where it was chosen.

    `numbers` are how many by state, `targets` by target. `items` are all of them; where it is the `whole` of a target,
    some of those that gave up. `replaced` are chosen too, and no retry sends them.
    """

    what: str
    subject: str
    query: Sequence[tuple[str, str]]
    items: Sequence[OutboxItem]
    numbers: Mapping[OutboxState, int]
    targets: Mapping[str, int]
    because_required: bool
    replaced: Sequence[OutboxItem] = ()
    whole: str | None = None
    notes: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()

    @property
    def count(self) -> int:
        return sum(self.numbers.values())


@dataclass(frozen=True, slots=True)
class Way:
    """What may be done with many: `action` names it in the log, `would` says what becomes of each.

    `states` are those that it may change, `usual` those that it changes where none is named. `also` tells what changes
    beside, `sent` what would be sent; `run` returns how many were changed.
    """

    verb: str
    action: str
    states: Sequence[OutboxState]
    usual: Sequence[OutboxState]
    would: str
    also: Callable[[PageRequest, DeliverySelection], Iterable[str]]
    sent: Callable[[PageRequest, DeliverySelection], Iterable[str]]
    stays: tuple[str, ...]
    undo: str
    run: Callable[[PageRequest, DeliverySelection, str], int]
    is_danger: bool = False


Choose = Callable[[PageRequest, Way], DeliverySelection]


# ── what may be done ────────────────────────────────────────────────────────────────────────────────────────────────

def _used_again(request: PageRequest, chosen: DeliverySelection) -> Iterator[str]:
    disabled = request.context.ledger.outbox.deliveries.disabled()
    return (f"{name(target)} is enabled again, whatever it answered before." for target in chosen.targets
            if target in disabled)


def _to_send(request: PageRequest, chosen: DeliverySelection) -> Iterator[str]:
    """A retry uses a target again that wanted no more, but resumes none that a person paused."""
    ledger = request.context.ledger
    paused, disabled = ledger.outbox.paused(), ledger.outbox.deliveries.disabled()
    for target, many in chosen.targets.items():
        if many:
            yield f"{number(many)} to {name(target)}, with the same ids, in order."
        if target in paused:
            yield paused_target(target)
        elif target in disabled:
            yield f"Deliveries already waiting for {name(target)}."


def _retry(request: PageRequest, chosen: DeliverySelection, why: str) -> int:
    ledger, by = request.context.ledger, request.actor(why)
    if chosen.whole is not None:
        return ledger.outbox.retry(by, target=chosen.whole)
    ids: defaultdict[OutboxState, list[str]] = defaultdict(list)
    for item in (*chosen.items, *chosen.replaced):
        ids[item.state].append(item.id)
    return ledger.outbox.retry_chosen(by, ids, chosen.subject)


def _dismiss(request: PageRequest, chosen: DeliverySelection, why: str) -> int:
    ledger, by = request.context.ledger, request.actor(why)
    if chosen.whole is not None:
        return ledger.outbox.discard(by, target=chosen.whole)
    return ledger.outbox.discard(by, ids=[item.id for item in chosen.items], subject=chosen.subject)


RETRY = Way(
    "Retry", "retry", RETRIED, (OutboxState.DEAD,), "be due at once", _used_again, _to_send,
    ("Superseded deliveries are not sent. Those without content stay.",),
    "This can't be reversed once sent; waiting deliveries can be dismissed.", _retry,
)
DISMISS = Way(
    "Dismiss", "discard", DISMISSED, DISMISSED, "be dismissed and never sent", lambda *_: (),
    lambda *_: ("Nothing: they are never sent.",), STAYS, FOR_GOOD, _dismiss, is_danger=True,
)


# ── of a target ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _of_target(request: PageRequest, way: Way) -> DeliverySelection:
    """All of it, or what gave up with the error that the address names. Raises HTTPException where there is nothing."""
    target, error = request.query.get("target", ""), request.query.get("error") or None
    queue, found, where = _queue(request, target), request.context.ledger.outbox.deliveries.dead(target), name(target)
    is_cut = len(found) == MOST_COUNTED
    if error is not None:
        found = [item for item in found if error_of(item.last_answer) == error]
        where += f" that failed with “{harmless(error, LONGEST_ERROR)}”"
    items, replaced = _parted(request, way, found)
    numbers: Mapping[OutboxState, int] = Counter(item.state for item in items)
    notes = []
    if error is None and (is_cut or way is DISMISS):
        waiting = {OutboxState.DEAD: queue.dead, OutboxState.DUE: queue.due}
        numbers = {state: many for state, many in waiting.items() if many and state in way.usual}
        notes = [_AT_MOST] if way is RETRY else []
    if not numbers and not replaced and not (error is None and way is RETRY and queue.disabled):
        raise _nothing(way)
    return DeliverySelection(
        f"deliveries to {where}", target, (), items, numbers, {target: sum(numbers.values())}, way.is_danger, replaced,
        whole=target if error is None else None, notes=notes,
        links=((listing.address("/outbox", [("state", "dead"), ("target", target)]), "View dead letters"),),
    )


_AT_MOST = "At most: those without content or superseded are skipped."


def _queue(request: PageRequest, target: str) -> Queue:
    """Raises HTTPException where no target is named."""
    queue = request.context.ledger.browsing.queues().get(target)
    if queue is None and target not in {each.name for each in request.context.settings.receivers}:
        raise HTTPException(404, "No target has this name.")
    return queue or Queue()


def _parted(
    request: PageRequest, way: Way, found: Sequence[OutboxItem]
) -> tuple[Sequence[OutboxItem], Sequence[OutboxItem]]:
    """What would change, and what a newer state has replaced. What lost its content can be dismissed alone."""
    if way is DISMISS:
        return found, ()
    whole = [item for item in found if item.body != NO_BODY]
    replaced = request.context.ledger.outbox.deliveries.replaced([item.id for item in whole])
    return ([item for item in whole if item.id not in replaced], [item for item in whole if item.id in replaced])


def _nothing(way: Way) -> HTTPException:
    why = " (deliveries without content can't be sent)" if way is RETRY else ""
    return HTTPException(409, f"There is nothing here to {way.verb.lower()}{why}: nothing was changed.")


# ── what a filter shows ─────────────────────────────────────────────────────────────────────────────────────────────

def _of_filter(request: PageRequest, way: Way) -> DeliverySelection:
    """The last that were written of each state. Raises HTTPException where there is no filter, or nothing behind it."""
    asked = _asked(request)
    found = [
        item for state in _states(asked, way)
        for item in islice(_in_state(request, asked, way, state), MOST_AT_ONCE + 1)
    ]
    if not found:
        raise _nothing(way)
    items, replaced = _parted(request, way, found[:MOST_AT_ONCE])
    words = without_addresses("; ".join(chip.text for chip in asked.chips))[:LONGEST_ERROR]
    notes = [f"The filter: {words}."]
    if len(found) > MOST_AT_ONCE:
        notes.append(f"Only the newest {number(MOST_AT_ONCE)} are included. Repeat for the "
                     "rest.")
    return DeliverySelection(
        counted(len(items), "delivery", "deliveries") if items else "filtered deliveries", words, filter_of(request),
        items, Counter(item.state for item in items), _by_target(items, replaced), True, replaced, notes=notes,
    )


def _by_target(items: Sequence[OutboxItem], replaced: Sequence[OutboxItem]) -> Mapping[str, int]:
    """How many of `items`; 0 for targets that just what is `replaced` is for."""
    numbers = Counter(item.target for item in items)
    return {target: numbers[target] for target in sorted({item.target for item in (*items, *replaced)})}


def _asked(request: PageRequest) -> listing.Filters:
    """Raises HTTPException where an address names no filter, or one that we do not know."""
    asked = listing.filters(request, FILTERS)
    unknown = f"This link contains an unknown filter: {', '.join(asked.unknown)}." if asked.unknown else ""
    if asked.problem or unknown or not asked.chips:
        raise HTTPException(422, asked.problem or unknown or "Nothing selected: set a filter first.")
    return asked


def _states(asked: listing.Filters, way: Way) -> list[OutboxState]:
    """Those that a filter names, else the usual ones."""
    choice = asked.choices.get(FilterField.STATE, Choice())
    return [state for state in (way.states if choice.any_of else way.usual) if is_asked_for(state, choice)]


def _in_state(request: PageRequest, asked: listing.Filters, way: Way, state: OutboxState) -> Iterator[OutboxItem]:
    """What lost its content can be dismissed alone: it counts as none of those that may be retried at once."""
    wanted = Query({**asked.choices, FilterField.STATE: Choice((state,))}, asked.since, asked.until)
    return (
        item for item in request.context.ledger.outbox.deliveries.all(wanted) if item.body != NO_BODY or way is DISMISS
    )


# ── the preview, and what follows ───────────────────────────────────────────────────────────────────────────────────

def _look(way: Way, choose: Choose, request: PageRequest) -> Response:
    chosen = choose(request, way)
    return show(request, _preview(request, way, chosen), chosen.links, action=listing.here(request))


def _preview(request: PageRequest, way: Way, chosen: DeliverySelection) -> Preview:
    """Seen is all that it says, and each delivery as it stands."""
    changes, sent = tuple(_changes(request, way, chosen)), tuple(way.sent(request, chosen)) or ("Nothing.",)
    seen = ((item.id, item.state) for item in (*chosen.items, *chosen.replaced))
    return Preview(
        *_called(request, way, chosen), listing.address("/outbox", chosen.query), changes,
        (way.verb, chosen.subject, *changes, *sent, *seen), sent, way.stays, way.undo,
        because_required=chosen.because_required, count=chosen.count, is_danger=way.is_danger,
    )


def _called(request: PageRequest, way: Way, chosen: DeliverySelection) -> tuple[str, str]:
    """Title and button, by what would be done."""
    if chosen.count:
        return f"{way.verb} {chosen.what}", f"{way.verb} {counted(chosen.count, 'delivery', 'deliveries')}"
    if chosen.whole is not None and chosen.whole in request.context.ledger.outbox.deliveries.disabled():
        return (f"Enable {name(chosen.whole)} again",) * 2
    return f"{way.verb} {chosen.what}", f"{way.verb}: sends nothing"


def _changes(request: PageRequest, way: Way, chosen: DeliverySelection) -> Iterator[str]:
    for state, many in chosen.numbers.items():
        yield f"{counted(many, *_SUCH[state])} would {way.would}."
    if chosen.replaced:
        yield f"{counted(len(chosen.replaced), *_REPLACED)}."
    yield from way.also(request, chosen)
    yield from chosen.notes
    sample = chosen.items[:SAMPLE]
    yield from map(told, sample)
    if sample and chosen.count > len(sample):
        yield f"and {number(chosen.count - len(sample))} more"


def _run(way: Way, choose: Choose, request: PageRequest) -> Response:
    chosen = choose(request, way)
    why = because(request, required=chosen.because_required)
    demand_seen(request, _preview(request, way, chosen).seen, chosen.count)
    way.run(request, chosen, why)
    return see(listing.address("/outbox", [*chosen.query, ("done", way.action), ("on", chosen.subject)]))


def _both(path: str, way: Way, choose: Choose) -> tuple[Route, Route]:
    return get(path, partial(_look, way, choose)), post(path, partial(_run, way, choose))


ROUTES = (
    *_both("/outbox/retry", RETRY, _of_target), *_both("/outbox/dismiss", DISMISS, _of_target),
    *_both("/outbox/shown/retry", RETRY, _of_filter), *_both("/outbox/shown/dismiss", DISMISS, _of_filter),
)
