"""Many deliveries retried or discarded at once, after a preview: those of a target, with one error, or of a filter."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice

from starlette.exceptions import HTTPException

from bounce_watcher.ledger.db.query import Choice, FilterField
from bounce_watcher.ledger.lists.incidents import is_asked_for
from bounce_watcher.ledger.outbox.settled import NO_BODY
from bounce_watcher.model.ledger import OutboxItem, OutboxState
from bounce_watcher.service.operations.outbox import Discard, ItemOperation, ItemOutline, Retry
from bounce_watcher.web.pages.outbox.delivery import (
    FOR_GOOD,
    LONGEST_ERROR,
    STAYS,
    error_of,
    told,
    without_addresses,
)
from bounce_watcher.web.pages.outbox.targets import FILTERS, filter_of
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import OfferedChange, Preview, changing
from bounce_watcher.web.request import PageRequest
from bounce_watcher.words.formatting import counted, harmless, name, number, paused_target

SAMPLE = 10
MOST_AT_ONCE = 10_000
"""The most filtered deliveries that are changed at once."""

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
    """The deliveries that a person chose. `where` goes into titles. `query` leads back. The preview shows `notes` and
    `links`."""

    operation: ItemOperation
    outline: ItemOutline
    where: str
    query: Sequence[tuple[str, str]] = ()
    because_required: bool = True
    notes: Sequence[str] = ()
    links: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """An action on many deliveries, in words: `would` is what happens to each, `also` what else changes, `sent` what
    would be sent."""

    verb: str
    action: str
    operation: type[Retry] | type[Discard]
    would: str
    also: Callable[[ItemOutline], Iterable[str]]
    sent: Callable[[ItemOutline], Iterable[str]]
    stays: tuple[str, ...]
    undo: str
    is_danger: bool = False


Choose = Callable[[PageRequest, Way], DeliverySelection]


# ── what may be done ────────────────────────────────────────────────────────────────────────────────────────────────

def _used_again(found: ItemOutline) -> Iterator[str]:
    for target in found.targets:
        if target in found.disabled:
            yield f"{name(target)} is enabled again, whatever it answered before."


def _to_send(found: ItemOutline) -> Iterator[str]:
    """Yields what a retry sends. It enables a target that wanted no more, but resumes none that a person paused."""
    for target, many in found.targets.items():
        if many:
            yield f"{number(many)} to {name(target)}, with the same ids, in order."
        if target in found.paused:
            yield paused_target(target)
        elif target in found.disabled:
            yield f"Deliveries already waiting for {name(target)}."


RETRY = Way(
    "Retry", "retry", Retry, "be due at once", _used_again, _to_send,
    ("Superseded deliveries are not sent. Those without content stay.",),
    "This can't be reversed once sent; waiting deliveries can be discarded.",
)
DISCARD = Way(
    "Discard", "discard", Discard, "be discarded and never sent", lambda _: (),
    lambda _: ("Nothing: they are never sent.",), STAYS, FOR_GOOD, is_danger=True,
)


def _of_target(request: PageRequest, way: Way) -> DeliverySelection:
    """Selects all deliveries of a target, or the dead letters with the error in the address.

    Raises HTTPException if there are none.
    """
    target, error = request.query.get("target", ""), request.query.get("error") or None
    configured, ledger = {each.name for each in request.context.settings.receivers}, request.context.ledger
    if target not in configured and target not in ledger.figures.queues():
        raise HTTPException(404, "No target has this name.")
    operation, where = way.operation(*request.context.house, target=target), name(target)
    if error is not None:
        found = [item for item in ledger.outbox.deliveries.dead(target) if error_of(item.last_answer) == error]
        operation = way.operation(*request.context.house, items=_demand_any(found, way), named=target)
        where += f" that failed with “{harmless(error, LONGEST_ERROR)}”"
    outline = operation.preview(request.actor(None))
    if not outline.count and not outline.replaced and not (error is None and way is RETRY and outline.disabled):
        raise _nothing(way)
    notes = ["At most: those without content or superseded are skipped."] if outline.at_most and way is RETRY else []
    return DeliverySelection(
        operation, outline, f"deliveries to {where}", because_required=way.is_danger, notes=notes,
        links=((listing.address("/outbox", [("state", "dead"), ("target", target)]), "View dead letters"),),
    )


def _demand_any(found: Sequence[OutboxItem], way: Way) -> Sequence[OutboxItem]:
    if not found:
        raise _nothing(way)
    return found


def _nothing(way: Way) -> HTTPException:
    why = " (deliveries without content can't be sent)" if way is RETRY else ""
    return HTTPException(409, f"There is nothing here to {way.verb.lower()}{why}: nothing was changed.")


def _of_filter(request: PageRequest, way: Way) -> DeliverySelection:
    """Selects the newest filtered deliveries of each state. Raises HTTPException if there is no filter or no match."""
    asked = listing.filters(request, FILTERS)
    unknown = f"This link contains an unknown filter: {', '.join(asked.unknown)}." if asked.unknown else ""
    if asked.problem or unknown or not asked.chips:
        raise HTTPException(422, asked.problem or unknown or "Nothing selected: set a filter first.")
    found = _demand_any(list(_matching(request, asked, way)), way)
    words = without_addresses("; ".join(chip.text for chip in asked.chips))[:LONGEST_ERROR]
    operation = way.operation(*request.context.house, items=found[:MOST_AT_ONCE], named=words)
    outline = operation.preview(request.actor(None))
    notes = [f"The filter: {words}."]
    if len(found) > MOST_AT_ONCE:
        notes.append(f"Only the newest {number(MOST_AT_ONCE)} are included. Repeat for the rest.")
    where = counted(outline.count, "delivery", "deliveries") if outline.count else "filtered deliveries"
    return DeliverySelection(operation, outline, where, filter_of(request), notes=notes)


def _matching(request: PageRequest, asked: listing.Filters, way: Way) -> Iterator[OutboxItem]:
    """Yields the newest deliveries in each state that the filter names, or in each of the usual ones.

    Those without content can only be discarded, so a retry skips them.
    """
    choice = asked.choices.get(FilterField.STATE, Choice())
    for state in way.operation.states if choice.any_of else way.operation.usual:
        if is_asked_for(state, choice):
            wanted = replace(asked.query, choices={**asked.choices, FilterField.STATE: Choice((state,))})
            found = request.context.ledger.outbox.deliveries.all(wanted)
            yield from islice((item for item in found if item.body != NO_BODY or way is DISCARD), MOST_AT_ONCE + 1)


# ── the preview ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _change(way: Way, choose: Choose, request: PageRequest) -> OfferedChange:
    chosen = choose(request, way)
    operation, outline, title = chosen.operation, chosen.outline, f"{way.verb} {chosen.where}"
    subject = operation.named or operation.target or ""
    button = f"{way.verb}: sends nothing"
    if outline.count:
        button = f"{way.verb} {counted(outline.count, 'delivery', 'deliveries')}"
    elif operation.is_whole_target and outline.disabled:
        title = button = f"Enable {name(subject)} again"
    return OfferedChange(operation, Preview(
        title, button, listing.address("/outbox", chosen.query), tuple(_changes(way, chosen)), outline.seen,
        tuple(way.sent(outline)) or ("Nothing.",), way.stays, way.undo,
        because_required=chosen.because_required, count=outline.count, is_danger=way.is_danger,
    ), listing.address("/outbox", [*chosen.query, ("done", way.action), ("on", subject)]), chosen.links)


def _changes(way: Way, chosen: DeliverySelection) -> Iterator[str]:
    found = chosen.outline
    for state, many in found.numbers.items():
        yield f"{counted(many, *_SUCH[state])} would {way.would}."
    if found.replaced:
        yield f"{counted(len(found.replaced), *_REPLACED)}."
    yield from way.also(found)
    yield from chosen.notes
    sample = found.items[:SAMPLE]
    yield from map(told, sample)
    if sample and found.count > len(sample):
        yield f"and {number(found.count - len(sample))} more"


ROUTES = tuple(
    route
    for path, way, choose in (
        ("/outbox/retry", RETRY, _of_target), ("/outbox/discard", DISCARD, _of_target),
        ("/outbox/shown/retry", RETRY, _of_filter), ("/outbox/shown/discard", DISCARD, _of_filter),
    )
    for route in changing(path, partial(_change, way, choose))
)
