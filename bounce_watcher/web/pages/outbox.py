"""What targets are told: how each stands, what was not taken and why, one delivery, and what may be done about it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Action
from bounce_watcher.ledger.browse import MOST_COUNTED, By, Choice, Query
from bounce_watcher.ledger.deliveries import Failures
from bounce_watcher.ledger.filters import OutboxFilter
from bounce_watcher.ledger.paging import Page, TookTooLong
from bounce_watcher.ledger.pausing import Pause
from bounce_watcher.ledger.stock import Queue
from bounce_watcher.ledger.tries import Pace
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Disposition, NoticeType, OutboxItem, OutboxState
from bounce_watcher.model.rows import outbox_row
from bounce_watcher.outbox.opening import Receiver, channel_to
from bounce_watcher.outbox.rehearsal import rehearse_among
from bounce_watcher.service.doctor import explained
from bounce_watcher.web import listing, shown
from bounce_watcher.web.forms import LONGEST_REASON, because, demand_seen
from bounce_watcher.web.listing import Column, Download, Filter
from bounce_watcher.web.pages.events import rid_of
from bounce_watcher.web.preview import Preview, show
from bounce_watcher.web.shown import age, counted, harmless, moment, name, number, when
from bounce_watcher.web.visit import Visit, get, post, see

_PAGE_KEY = (int,)
MOST_GROUPS = 50
SAMPLE = 10
MOST_AT_ONCE = 10_000
"""Deliveries that a filter shows and that are changed at once."""
_NO_FILTERS = frozenset({"after", "done", "on"})
LONGEST_ANSWER, LONGEST_ERROR, LONGEST_REQUEST = 2000, 160, 20_000
_NUMBERS = re.compile(r"(?<![\w.])(?:[0-9a-f]*\d[0-9a-f-]{7,}|\d{4,})(?!\w)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")
_RETRIED = (OutboxState.DEAD, OutboxState.DUE, OutboxState.DELIVERED)
_DISMISSED = (OutboxState.DEAD, OutboxState.DUE)

FILTERS = (
    Filter(By.STATE, "State", lambda value: shown.DELIVERIES[OutboxState(value)][0] if value in {*OutboxState}
           else value, tuple(each.value for each in OutboxState)),
    Filter(By.TARGET, "Target", name),
    Filter(By.TYPE, "Type", harmless, tuple(each.value for each in NoticeType)),
    Filter(By.STREAM, "Stream", name),
)

DOWNLOAD: Download[OutboxItem] = Download("outbox", (
    Column("Id", lambda item: item.id),
    Column("Written", lambda item: item.created_at),
    Column("Type", lambda item: item.type.value),
    Column("Address", lambda item: item.recipient),
    Column("Stream", lambda item: item.stream),
    Column("Target", lambda item: item.target),
    Column("State", lambda item: shown.DELIVERIES[item.state][0]),
    Column("Tries", lambda item: item.attempts),
    Column("Last answer", lambda item: item.last_answer),
    Column("Next try", lambda item: item.next_attempt_at if item.state is OutboxState.DUE else None),
), lambda item: {**outbox_row(item), "type": "delivery", "event": item.type.value})


# ── how the targets stand ───────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Line:
    """A target: `state` is word and class of a badge, `since` tells since when and why."""

    name: str
    kind: str
    state: tuple[str, str]
    since: str
    queue: Queue
    pace: Pace
    oldest: str
    can_test: bool


def _lines(visit: Visit) -> list[Line]:
    """Those in trouble first."""
    ledger, receivers = visit.house.ledger, {each.name: each for each in visit.house.settings.receivers}
    paused = ledger.paused()
    queues, disabled, paces = ledger.queues(), ledger.deliveries.disabled(), ledger.deliveries.paces(visit.now)
    lines = [
        _line(visit, target, receivers.get(target), queues.get(target, Queue()), paces.get(target, Pace()),
              paused.get(target), disabled.get(target))
        for target in receivers.keys() | {each for each, queue in queues.items() if queue.due or queue.dead}
    ]
    return sorted(lines, key=lambda line: (_ORDER.index(line.state[1]), line.name))


_ORDER = ("is-bad", "is-warn", "is-hold", "is-info", "is-ok", "")


def _line(
    visit: Visit, target: str, receiver: Receiver | None, queue: Queue, pace: Pace, paused: Pause | None,
    disabled: tuple[datetime, str] | None,
) -> Line:
    trouble = visit.house.state().troubles.get(receiver.label) if receiver else None
    if receiver is None:
        state, since = ("Not in the configuration", "is-warn"), "What waits for it is sent to nobody."
    elif paused is not None:
        state, since = ("Paused by a person", "is-hold"), _paused(paused, visit.now)
    elif disabled is not None:
        state = ("Wants no more", "is-bad")
        since = _since(*disabled, visit.now)
    elif trouble is not None:
        state = ("Failing", "is-bad")
        since = _since(trouble.since, trouble.text, visit.now)
    elif queue.due:
        state, since = ("Delivering", "is-ok"), ""
    else:
        state, since = ("Nothing waits", "is-ok"), ""
    oldest = age(visit.now - queue.oldest_at) if queue.oldest_at else "–"
    kind = receiver.label.partition(" ")[0].capitalize() if receiver else "–"
    return Line(target, kind, state, since, queue, pace, oldest, receiver is not None)


def _paused(pause: Pause, now: datetime) -> str:
    by = f"by {harmless(pause.by, 100)}: {harmless(pause.because, LONGEST_REASON)}"
    return f"Since {when(pause.at, now)} ({age(now - pause.at)}) {by}"


def _since(at: datetime, text: str, now: datetime) -> str:
    return f"Since {when(at, now)} ({age(now - at)}): {harmless(text, 200)}"


# ── what was not taken ──────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Group:
    """Deliveries to a target that met the same error, but for numbers, ids and addresses in it."""

    target: str
    state: OutboxState
    error: str
    number: int
    first_at: datetime
    last_at: datetime
    next_at: datetime


def error_of(answer: str | None) -> str:
    """What was answered, without what differs from one delivery to the next."""
    text = " ".join(harmless(answer or "", LONGEST_ANSWER).split())
    masked = _NUMBERS.sub("#", _ADDRESS.sub("<address>", text))
    return masked[:LONGEST_ERROR] or "no answer kept"


def groups(failures: Failures) -> list[Group]:
    """What gave up first, the most first."""
    found: dict[tuple[str, OutboxState, str], Group] = {}
    for each in failures.found:
        key = (each.target, each.state, error_of(each.answer))
        so_far = found.get(key)
        found[key] = Group(
            *key, each.number + (so_far.number if so_far else 0),
            min(each.first_at, so_far.first_at) if so_far else each.first_at,
            max(each.last_at, so_far.last_at) if so_far else each.last_at,
            min(each.next_at, so_far.next_at) if so_far else each.next_at,
        )
    return sorted(found.values(), key=lambda group: (group.state is not OutboxState.DEAD, -group.number, group.target))


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def outbox(visit: Visit) -> Response:
    asked = listing.filters(visit, FILTERS, ("done", "on"))
    filtered = [(key, value) for key, value in visit.query.multi_items() if key not in _NO_FILTERS]
    wanted = Query(asked.choices, asked.since, asked.until)
    deliveries = visit.house.ledger.deliveries
    if listing.wanted_format(visit):
        return listing.download(visit, asked, DOWNLOAD, deliveries.all(wanted))
    page: Page[OutboxItem] = Page(())
    failures, is_late = None, False
    if not asked.problem:
        try:
            page = deliveries.page(wanted, listing.place(visit, _PAGE_KEY))
            failures = deliveries.failures() if not asked.chips and not visit.query.get("after") else None
        except TookTooLong:
            is_late = True
    found = groups(failures) if failures else []
    return visit.page(
        "outbox.html", "Outbox", asked=asked, lines=_lines(visit), pager=listing.pager(visit, page), late=is_late,
        rows=[(item, rid_of(visit, item.recipient or "")) for item in page.rows], groups=found[:MOST_GROUPS],
        more_groups=len(found) - MOST_GROUPS, not_all=failures.more if failures else False, most=MOST_COUNTED,
        exports=listing.exports(visit), by=By, times=listing.times_of(visit, asked), error_of=error_of,
        states=[(each.value, shown.DELIVERIES[each][0]) for each in OutboxState],
        types=[(each.value, each.value) for each in NoticeType if each is not NoticeType.TEST],
        range=visit.query.get("range", ""), dead=OutboxState.DEAD, due=OutboxState.DUE, told=_done(visit),
        filtered=listing.address("", filtered), may_retry=_names(asked, _RETRIED),
        may_dismiss=_names(asked, _DISMISSED),
        quote=lambda **values: listing.address("", list(values.items())),
    )


def _names(asked: listing.Filters, states: Sequence[OutboxState]) -> bool:
    """Whether a filter leaves one of these states."""
    choice = asked.choices.get(By.STATE, Choice())
    return bool(asked.chips) and any(
        (not choice.any_of or state in choice.any_of) and state not in choice.none_of for state in states
    )


_DONE = frozenset({"retry", "discard", "test", "pause", "resume"})
_SWITCHED = {"pause": "is paused: it is sent nothing until it is resumed", "resume": "is resumed: what waits is sent"}


def _done(visit: Visit) -> tuple[str, str] | None:
    """What a person has just done here, as the log has it: class of a notice, and a sentence."""
    on = visit.query.get("on")
    if not on or visit.query.get("done") not in _DONE:
        return None
    done = next(iter(visit.house.ledger.actions_on(on, 1)), None)
    if done is None or done.action != visit.query.get("done"):
        return None
    return _outcome(done)


def _outcome(done: Action) -> tuple[str, str]:
    if done.action == "test":
        colour, verb = ("is-ok", "took") if done.count else ("is-bad", "did not take")
        return colour, f"{name(done.subject)} {verb} the test of {moment(done.at)}: {harmless(done.because)}"
    if done.action in _SWITCHED:
        return "is-ok", f"{name(done.subject)} {_SWITCHED[done.action]}."
    verb = "are due again, and are sent with the next round" if done.action == "retry" else "are dismissed"
    if done.count == 1:
        verb = verb.replace("are ", "is ")
    return "is-ok", f"{counted(done.count, 'delivery', 'deliveries')} {verb}."


# ── one ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

def _item(visit: Visit) -> OutboxItem:
    """Raises HTTPException where there is none of that id."""
    item = next(visit.house.ledger.outbox(OutboxFilter(id=visit.path["id"])), None)
    if item is None:
        raise HTTPException(404, "No such delivery: the link is damaged, or of another ledger.")
    return item


def delivery(visit: Visit) -> Response:
    item = _item(visit)
    request, why_not = rehearse_among(visit.house.settings.receivers, item, visit.now)
    done = visit.house.ledger.actions_on(item.id)
    return visit.page(
        "delivery.html", f"Delivery to {name(item.target)}", item=item, state=shown.DELIVERIES[item.state],
        sentence=_sentence(visit, item), rid=rid_of(visit, item.recipient or ""),
        why_not=harmless(why_not[:1].upper() + why_not[1:]),
        request=harmless(request, LONGEST_REQUEST) if request else None, actions=done,
        replaced_by=visit.house.ledger.deliveries.replaced_by(item), answer_longest=LONGEST_ANSWER,
        tries=visit.house.ledger.deliveries.tries(item.id), heading=_request_heading(item),
        can_retry=item.state in _RETRIED and item.body != "{}", can_dismiss=item.state in _DISMISSED,
        retry_word="Send again" if item.state is OutboxState.DELIVERED else "Retry now",
        told=_outcome(done[0]) if done and visit.query.get("done") else None,
        what_was_done={"retry": "Sent again", "discard": "Dismissed"},
    )


def _request_heading(item: OutboxItem) -> str:
    if item.state is OutboxState.DELIVERED:
        return "What was sent"
    return "What the next try sends" if item.state is OutboxState.DUE else "What a try would send"


def _sentence(visit: Visit, item: OutboxItem) -> str:
    target, tries = name(item.target), counted(item.attempts, "try", "tries")
    if item.state is OutboxState.DUE:
        paused = visit.house.ledger.paused().get(item.target)
        if paused is not None:
            return f"Waits: {target} is paused. {_paused(paused, visit.now)}."
        return _waits(item, target, tries, visit.now)
    after = f", after {tries}" if item.attempts else ""
    return {
        OutboxState.DELIVERED: f"{target} took it" + (f"{after}." if item.attempts > 1 else " at the first try."),
        OutboxState.DEAD: f"Gave up after {tries}: {target} was not told. It is tried no more unless a person retries "
                          "it.",
        OutboxState.SUPERSEDED: f"Replaced: {target} is told a newer state of the address instead; this is never sent.",
        OutboxState.DISCARDED: f"Dismissed by a person{after}: {target} is never told of it.",
    }[item.state]


def _waits(item: OutboxItem, target: str, tries: str, now: datetime) -> str:
    if item.attempts:
        return f"{target} has not taken it in {tries}; the next one is at {when(item.next_attempt_at, now)}."
    if item.next_attempt_at > now:
        return f"Waits until {when(item.next_attempt_at, now)} to be sent to {target}."
    return f"Waits to be sent to {target}, behind what was written before it."


def retry_one(visit: Visit) -> Response:
    item = _item(visit)
    ledger = visit.house.ledger
    if item.state not in _RETRIED:
        raise HTTPException(409, "It is dismissed or replaced, so it is never sent: nothing was changed.")
    changed = ledger.retry(visit.now, ids=[item.id], state=item.state)
    _log(visit, "retry", item.id, changed, because(visit, required=False))
    if not changed:
        raise HTTPException(409, "It cannot be sent: a newer state stands behind it, its content is erased, or it is "
                                 "on its way just now.")
    return see(f"/outbox/{item.id}?done=retry")


def _log(visit: Visit, action: str, subject: str, count: int, why: str | None) -> None:
    visit.house.ledger.log_action(Action(visit.now, visit.viewer.name, action, subject, count, why or None))


def dismiss_one_preview(visit: Visit) -> Response:
    item = _open_item(visit)
    return show(visit, Preview(
        f"Dismiss the delivery to {name(item.target)}", "Dismiss", f"/outbox/{item.id}",
        (_told(item),), (item.id, item.state), ("Nothing: it is never sent.",), _STAYS, _FOR_GOOD, is_danger=True,
    ))


def dismiss_one(visit: Visit) -> Response:
    item = _open_item(visit)
    why = because(visit, required=False)
    demand_seen(visit, (item.id, item.state), 1)
    _log(visit, "discard", item.id, visit.house.ledger.discard(ids=[item.id]), why)
    return see(f"/outbox/{item.id}?done=discard")


def _open_item(visit: Visit) -> OutboxItem:
    item = _item(visit)
    if item.state not in _DISMISSED:
        raise HTTPException(409, "It waits no more, so there is nothing to dismiss.")
    return item


_STAYS = ("The state of the address stays as it is; the target is left believing what it was told before.",)
_FOR_GOOD = "It cannot be undone."


def _told(item: OutboxItem) -> str:
    about = f" on {harmless(item.recipient, 320)}" if item.recipient else ""
    answer = f": {harmless(item.last_answer, 120)}" if item.last_answer else ""
    return f"{item.type.value}{about} of {moment(item.created_at)}{answer}"


# ── many ────────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Chosen:
    """Of a target: all of it, or with `error` what gave up with it. `ids` are those that gave up."""

    target: str
    error: str | None
    items: Sequence[OutboxItem]
    queue: Queue
    is_disabled: bool

    @property
    def ids(self) -> list[str]:
        return [item.id for item in self.items]

    @property
    def dead(self) -> int:
        return self.queue.dead if self.error is None else len(self.items)

    @property
    def where(self) -> str:
        met = "" if self.error is None else f" that met “{harmless(self.error, LONGEST_ERROR)}”"
        return f"{name(self.target)}{met}"


def _chosen(visit: Visit) -> Chosen:
    """Raises HTTPException where no target is named."""
    target, error = visit.query.get("target", ""), visit.query.get("error") or None
    ledger = visit.house.ledger
    queue = ledger.queues().get(target)
    if queue is None and target not in {each.name for each in visit.house.settings.receivers}:
        raise HTTPException(404, "No target of that name is told anything.")
    dead = ledger.deliveries.dead(target)
    items = dead if error is None else [item for item in dead if error_of(item.last_answer) == error]
    return Chosen(target, error, items, queue or Queue(), target in ledger.deliveries.disabled())


def _sample(items: Sequence[OutboxItem], whole: int) -> Iterator[str]:
    yield from map(_told, items[:SAMPLE])
    if whole > SAMPLE:
        yield f"and {number(whole - SAMPLE)} more"


def _links(chosen: Chosen) -> list[tuple[str, str]]:
    return [(listing.address("/outbox", [("state", "dead"), ("target", chosen.target)]), "All that gave up for it")]


def retry_preview(visit: Visit) -> Response:
    chosen = _chosen(visit)
    if not chosen.dead and not (chosen.is_disabled and chosen.error is None):
        raise HTTPException(409, "Nothing gave up, so there is nothing to retry.")
    changes = [f"{counted(chosen.dead, 'delivery', 'deliveries')} that gave up would be due at once."]
    if chosen.is_disabled:
        changes.append(f"{name(chosen.target)} is used again, whatever it answered before; what waits for it is sent.")
    return show(visit, Preview(
        f"Retry deliveries to {chosen.where}", f"Retry {counted(chosen.dead, 'delivery', 'deliveries')}", "/outbox",
        (*changes, *_sample(chosen.items, chosen.dead)), _seen_to_retry(chosen),
        (f"{number(chosen.dead)} to {name(chosen.target)}, each under the id that it had, in their order.",),
        ("What a newer state has replaced is not sent: it must not overtake. What lost its content stays.",),
        "It cannot be undone once it is sent; what waits again can be dismissed.", count=chosen.dead,
    ), _links(chosen), action=_action(visit))


def retry_many(visit: Visit) -> Response:
    chosen = _chosen(visit)
    why = because(visit, required=False)
    demand_seen(visit, _seen_to_retry(chosen), chosen.dead)
    ledger = visit.house.ledger
    if chosen.error is None:
        changed = ledger.retry(visit.now, target=chosen.target)
    else:
        changed = ledger.retry(visit.now, ids=chosen.ids, target=chosen.target) if chosen.ids else 0
    return _done_many(visit, "retry", chosen, changed, why)


def _seen_to_retry(chosen: Chosen) -> tuple[object, ...]:
    return ("retry", chosen.target, chosen.error, chosen.dead, chosen.is_disabled, *chosen.ids)


def dismiss_preview(visit: Visit) -> Response:
    chosen = _chosen(visit)
    whole = _to_dismiss(chosen)
    if not whole:
        raise HTTPException(409, "Nothing waits and nothing gave up, so there is nothing to dismiss.")
    changes = [f"{counted(chosen.dead, 'delivery', 'deliveries')} that gave up would be dismissed: never sent."]
    if chosen.error is None and chosen.queue.due:
        changes.append(f"{counted(chosen.queue.due, 'delivery', 'deliveries')} that wait would be dismissed as well.")
    return show(visit, Preview(
        f"Dismiss deliveries to {chosen.where}", f"Dismiss {counted(whole, 'delivery', 'deliveries')}", "/outbox",
        (*changes, *_sample(chosen.items, chosen.dead)), _seen_to_dismiss(chosen), ("Nothing: they are never sent.",),
        _STAYS, _FOR_GOOD, because_required=True, count=whole, is_danger=True,
    ), _links(chosen), action=_action(visit))


def dismiss_many(visit: Visit) -> Response:
    chosen = _chosen(visit)
    why = because(visit, required=True)
    demand_seen(visit, _seen_to_dismiss(chosen), _to_dismiss(chosen))
    ledger = visit.house.ledger
    if chosen.error is None:
        changed = ledger.discard(target=chosen.target)
    else:
        changed = ledger.discard(ids=chosen.ids, target=chosen.target) if chosen.ids else 0
    return _done_many(visit, "discard", chosen, changed, why)


def _to_dismiss(chosen: Chosen) -> int:
    return chosen.dead + (chosen.queue.due if chosen.error is None else 0)


def _seen_to_dismiss(chosen: Chosen) -> tuple[object, ...]:
    return ("dismiss", chosen.target, chosen.error, _to_dismiss(chosen), *chosen.ids)


def _action(visit: Visit) -> str:
    return listing.address(visit.url_path, list(visit.query.multi_items()))


def _done_many(visit: Visit, action: str, chosen: Chosen, changed: int, why: str) -> Response:
    _log(visit, action, chosen.target, changed, why)
    return see(listing.address("/outbox", [("done", action), ("on", chosen.target)]))


# ── what a filter shows ─────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Shown:
    """What a filter shows and may be changed, by state, the last written first. `more`: there are too many at once.

    `words` tell of the filter, `query` is how an address says it.
    """

    words: str
    items: Sequence[OutboxItem]
    more: bool
    query: Sequence[tuple[str, str]]

    @property
    def count(self) -> str:
        return counted(len(self.items), "delivery", "deliveries")

    def by_state(self) -> Mapping[OutboxState, list[str]]:
        found: dict[OutboxState, list[str]] = {}
        for item in self.items:
            found.setdefault(item.state, []).append(item.id)
        return found

    def seen(self, action: str) -> tuple[object, ...]:
        return (action, *((item.id, item.state) for item in self.items))


def _shown(visit: Visit, states: Sequence[OutboxState], usual: Sequence[OutboxState]) -> Shown:
    """Those in one of `states` that are named in the filter; where it names none, those in the `usual` ones.

    Raises HTTPException where there is no filter, or nothing behind it.
    """
    asked = listing.filters(visit, FILTERS)
    if asked.problem or asked.unknown or not asked.chips:
        unknown = f"This link contains a filter we do not know: {', '.join(asked.unknown)}." if asked.unknown else ""
        raise HTTPException(422, asked.problem or unknown or "Nothing is chosen: set a filter first.")
    choice = asked.choices.get(By.STATE, Choice())
    named = [state for state in states if state in choice.any_of] if choice.any_of else usual
    found = [
        item for state in named if state not in choice.none_of
        for item in islice(_in_state(visit, asked, state), MOST_AT_ONCE + 1)
    ]
    if not found:
        raise HTTPException(409, "None of these can be changed so: nothing was changed.")
    words = _ADDRESS.sub("<address>", "; ".join(chip.text for chip in asked.chips))[:LONGEST_ERROR]
    query = [(key, value) for key, value in visit.query.multi_items() if key not in _NO_FILTERS]
    return Shown(words, found[:MOST_AT_ONCE], len(found) > MOST_AT_ONCE, query)


def _in_state(visit: Visit, asked: listing.Filters, state: OutboxState) -> Iterator[OutboxItem]:
    wanted = Query({**asked.choices, By.STATE: Choice((state,))}, asked.since, asked.until)
    return (item for item in visit.house.ledger.deliveries.all(wanted) if item.body != "{}" or state in _DISMISSED)


def _to_retry(visit: Visit) -> Shown:
    return _shown(visit, _RETRIED, (OutboxState.DEAD,))


def _to_dismiss_shown(visit: Visit) -> Shown:
    return _shown(visit, _DISMISSED, _DISMISSED)


def _changes(found: Shown, would: str) -> Iterator[str]:
    for state, ids in found.by_state().items():
        yield f"{counted(len(ids), 'delivery', 'deliveries')} ({shown.DELIVERIES[state][0].lower()}) would {would}."
    yield f"The filter: {found.words}."
    if found.more:
        yield f"There are more: these are the last {number(MOST_AT_ONCE)} that were written. Do the rest after it."
    yield from _sample(found.items, len(found.items))


def retry_shown_preview(visit: Visit) -> Response:
    found = _to_retry(visit)
    targets = sorted({item.target for item in found.items})
    disabled = visit.house.ledger.deliveries.disabled()
    again = (f"{name(target)} is used again, whatever it answered before." for target in targets if target in disabled)
    return show(visit, Preview(
        f"Retry {found.count}", f"Retry {found.count}", listing.address("/outbox", found.query),
        (*_changes(found, "be due at once"), *again), found.seen("retry"),
        tuple(f"{number(sum(item.target == target for item in found.items))} to {name(target)}, each under the id that "
              "it had, in their order." for target in targets),
        ("What a newer state has replaced is not sent: it must not overtake.",),
        "It cannot be undone once it is sent; what waits again can be dismissed.", because_required=True,
        count=len(found.items),
    ), action=_action(visit))


def retry_shown(visit: Visit) -> Response:
    found = _to_retry(visit)
    why = because(visit, required=True)
    demand_seen(visit, found.seen("retry"), len(found.items))
    ledger = visit.house.ledger
    changed = sum(ledger.retry(visit.now, ids=ids, state=state) for state, ids in found.by_state().items())
    return _done_shown(visit, "retry", found, changed, why)


def dismiss_shown_preview(visit: Visit) -> Response:
    found = _to_dismiss_shown(visit)
    return show(visit, Preview(
        f"Dismiss {found.count}", f"Dismiss {found.count}", listing.address("/outbox", found.query),
        tuple(_changes(found, "be dismissed: never sent")), found.seen("dismiss"), ("Nothing: they are never sent.",),
        _STAYS, _FOR_GOOD, because_required=True, count=len(found.items), is_danger=True,
    ), action=_action(visit))


def dismiss_shown(visit: Visit) -> Response:
    found = _to_dismiss_shown(visit)
    why = because(visit, required=True)
    demand_seen(visit, found.seen("dismiss"), len(found.items))
    return _done_shown(visit, "discard", found, visit.house.ledger.discard(ids=[item.id for item in found.items]), why)


def _done_shown(visit: Visit, action: str, found: Shown, changed: int, why: str) -> Response:
    _log(visit, action, found.words, changed, why)
    return see(listing.address("/outbox", [*found.query, ("done", action), ("on", found.words)]))


# ── paused ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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
        return counted(self.queue.due, "delivery waits", "deliveries wait")


def _switch(visit: Visit, *, is_paused: bool) -> Switch:
    """Raises HTTPException where there is no such target, or it stands so already."""
    target, ledger = visit.query.get("target", ""), visit.house.ledger
    paused = ledger.paused().get(target)
    if paused is None and target not in {each.name for each in visit.house.settings.receivers}:
        raise HTTPException(404, "No target of the configuration has that name.")
    if (paused is not None) is not is_paused:
        raise HTTPException(409, f"It is {'not paused' if is_paused else 'paused already'}: nothing was changed.")
    return Switch(target, ledger.queues().get(target, Queue()), paused)


def pause_preview(visit: Visit) -> Response:
    here = _switch(visit, is_paused=False)
    return show(visit, Preview(
        f"Pause {name(here.target)}", "Pause", "/outbox",
        (f"Nothing more is sent to {name(here.target)} until a person resumes it. What is on its way arrives, and it "
         "may take some seconds until the service heeds it.",),
        here.seen, ("Nothing, until it is resumed.",),
        (f"{here.waiting} now: nothing of it is lost, nor of what is added, and nothing counts as failed.",
         "Addresses are suppressed and released as before; the target learns of it later."),
        "It can be resumed at any time.", because_required=True,
    ), action=_action(visit))


def pause_target(visit: Visit) -> Response:
    here = _switch(visit, is_paused=False)
    why = because(visit, required=True)
    demand_seen(visit, here.seen, 1)
    if visit.house.ledger.pause(here.target, Pause(visit.now, visit.viewer.name, why)):
        _log(visit, "pause", here.target, 1, why)
    return see(listing.address("/outbox", [("done", "pause"), ("on", here.target)]))


def resume_preview(visit: Visit) -> Response:
    here = _switch(visit, is_paused=True)
    assert here.paused is not None
    return show(visit, Preview(
        f"Resume {name(here.target)}", "Resume", "/outbox",
        (f"It is paused. {_paused(here.paused, visit.now)}.", f"{here.waiting}: that is sent from now on."),
        here.seen, (f"What waits, in its order: {number(here.queue.due)} to {name(here.target)}.",),
        ("A target that keeps a list is told the newest state of each address alone.",), "It can be paused again.",
    ), action=_action(visit))


def resume_target(visit: Visit) -> Response:
    here = _switch(visit, is_paused=True)
    why = because(visit, required=False)
    demand_seen(visit, here.seen, 1)
    if visit.house.ledger.resume(here.target):
        _log(visit, "resume", here.target, 1, why)
    return see(listing.address("/outbox", [("done", "resume"), ("on", here.target)]))


# ── a test ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def test(visit: Visit) -> Response:
    """Tries a target once, as `outbox test` does: nothing goes into the outbox."""
    target = visit.form.get("target", "")
    receiver = next((each for each in visit.house.settings.receivers if each.name == target), None)
    if receiver is None:
        raise HTTPException(404, "No target of the configuration has that name.")
    taken, answer = _tried(receiver, visit.now)
    _log(visit, "test", target, int(taken), answer[:LONGEST_REASON])
    return see(listing.address("/outbox", [("done", "test"), ("on", target)]))


def _tried(receiver: Receiver, now: datetime) -> tuple[bool, str]:
    try:
        channel = channel_to(receiver)
    except PermanentFailure as error:
        return False, str(error)
    try:
        attempt = channel.test(now)
    finally:
        channel.close()
    if attempt.disposition is Disposition.DELIVERED:
        return True, attempt.answer or "it is there"
    return False, "; ".join(explained(receiver, attempt.answer))


ROUTES = (
    get("/outbox", outbox), get("/outbox.csv", outbox), get("/outbox.jsonl", outbox),
    post("/outbox/test", test), get("/outbox/retry", retry_preview), post("/outbox/retry", retry_many),
    get("/outbox/dismiss", dismiss_preview), post("/outbox/dismiss", dismiss_many),
    get("/outbox/shown/retry", retry_shown_preview), post("/outbox/shown/retry", retry_shown),
    get("/outbox/shown/dismiss", dismiss_shown_preview), post("/outbox/shown/dismiss", dismiss_shown),
    get("/outbox/pause", pause_preview), post("/outbox/pause", pause_target),
    get("/outbox/resume", resume_preview), post("/outbox/resume", resume_target),
    get("/outbox/{id}", delivery), post("/outbox/{id}/retry", retry_one),
    get("/outbox/{id}/dismiss", dismiss_one_preview), post("/outbox/{id}/dismiss", dismiss_one),
)
