"""One address: its state and why, in sentences; what happened to it; and the actions on it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.db.paging import ROWS, PagePosition
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import BounceEvent, OutboxItem, RecipientRecord, State
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.service.operations.recipients import protector
from bounce_watcher.web.pages.review import opt_outs
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.words import explanations, formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.explanations import ExplanationContext
from bounce_watcher.words.formatting import harmless

MOST_ENTRIES = 50
"""The most timeline entries on the page."""
MOST_DELIVERIES, MOST_GROUNDS, MOST_OPT_OUTS = 500, 20, 2
_WEEK, _MONTH = timedelta(days=7), timedelta(days=30)

ACTIONS = {
    "release": "Released by hand", "confirm": "Confirmed by hand", "suppress": "Suppressed by hand",
    "forget": "Forgotten on request", "protect": "Protected", "unprotect": "Protection ended", "reread": "Reclassified",
    "undo": "Incident undone", "retry": "Sent again by hand", "discard": "Discarded", "test": "Target tested",
    "pause": "Target paused", "resume": "Target resumed", "end-session": "Session ended",
    "opt-out done": "Opt-out marked as done", "opt-out up": "Opt-out reopened",
}


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """Something that happened. `state` becomes a badge, `strong` comes first. `link` leads to it."""

    at: datetime
    strong: str
    text: str = ""
    state: State | None = None
    link: str | None = None
    link_text: str = ""


@dataclass(frozen=True, slots=True)
class RecipientFacts:
    """All that the ledger holds about an address, as far as a page shows it."""

    address: str
    known_as: str
    rid: str
    events: Sequence[BounceEvent]
    cases: Sequence[ExplanationContext]
    deliveries: Sequence[OutboxItem]
    actions: Sequence[LoggedAction]
    opt_outs: Sequence[KeptOptOut]

    @property
    def is_forgotten(self) -> bool:
        return any(is_forgotten(case.record.recipient) for case in self.cases)


def address_of(request: PageRequest) -> str:
    """Returns the address in the path. Raises HTTPException 404 if this ledger does not know its name."""
    address = request.context.ledger.names.address(request.path["rid"])
    if address is None:
        raise HTTPException(404, "No such recipient: the link is invalid or from another database.")
    return address


def _known(request: PageRequest) -> RecipientFacts:
    ledger, address = request.context.ledger, address_of(request)
    known_as = ledger.lists.known_as(address)
    events = ledger.browsing.event_page(Query(recipient=address), PagePosition(rows=ROWS)).rows
    by_id, holding = {event.id: event for event in events}, ledger.browsing.holding(address)
    done = ledger.log.on(ledger.names.name(known_as))

    def case(record: RecipientRecord) -> ExplanationContext:
        grounds = record.suppression.events[-MOST_GROUNDS:] if record.suppression else ()
        rests_on = [event for name in grounds if (event := by_id.get(name) or ledger.browsing.event(name))]
        course = ledger.history.course(address, record.stream)
        actors = {step.at: each.actor for step in course for each in done if each.at == step.at}
        return ExplanationContext(
            record, [event for event in events if event.stream == record.stream], sorted(rests_on, key=lambda e: e.at),
            course, actors, holding.get(record.stream, ()),
        )

    deliveries = list(islice(ledger.lists.outbox(OutboxFilter(recipient=address)), MOST_DELIVERIES))
    cases = list(map(case, ledger.lists.recipients(address)))
    opt_outs_of = ledger.review.opt_outs_of(address)
    return RecipientFacts(address, known_as, ledger.names.name(address), events, cases, deliveries, done, opt_outs_of)


def recipient(request: PageRequest) -> Response:
    it = _known(request)
    case = explanations.worst(it.cases) if it.cases else None
    arithmetic = explanations.counted(case) if case else None
    last = next(iter(case.rests_on[-1:] or case.events[:1]), None) if case else None
    entries = sorted(_entries(it), key=lambda entry: entry.at, reverse=True)
    return request.page(
        "recipient.html", _title(it, case), it=it, case=case, state=case.record.state if case else None,
        sentence=_sentence(it, case), boxes=explanations.boxes(case, arithmetic.days_needed if arithmetic else None)
        if case else [], words=explanations.quoted(last) if last else None, said_in=last,
        facts=list(_facts(it, case, last)) if case else [], reply=explanations.reply(case) if case else None,
        streams=[_stream(request, it.rid, each.record, each.events) for each in it.cases],
        neighbours=_neighbours(request, last), entries=entries[:MOST_ENTRIES],
        more=len(entries) > MOST_ENTRIES or len(it.events) == ROWS,
        protected=_protected(request, it.address), is_suppressed=any(c.record.suppression for c in it.cases),
        others=[explanations.sentence(each) for each in it.cases if each is not case],
        exports=[listing.address(f"/events.{ending}", [("rid", it.rid)]) for ending in ("csv", "jsonl")],
        done=it.actions[0] if it.actions and request.query.get("done") else None, actions=ACTIONS,
        waiting=[opt_outs.sentence(each, it.known_as) for each in it.opt_outs if each.done_at is None],
        opt_outs=opt_outs.PATH, most_waiting=MOST_OPT_OUTS,
    )


def _title(it: RecipientFacts, case: ExplanationContext | None) -> str:
    """Returns the title of the browser's window. Others may see it, so it shows only what is before the @."""
    name = "forgotten address" if it.is_forgotten else f"{harmless(it.address.rpartition('@')[0], 40)}@…"
    return f"{formatting.STATES[case.record.state][0]}: {name}" if case else name


def _sentence(it: RecipientFacts, case: ExplanationContext | None) -> str:
    if case is None and it.events:
        return f"Active. {explanations.of_event(it.events[0])}"
    if case is None:
        return explanations.NEVER_SEEN
    if it.is_forgotten:
        return f"Forgotten. Only this fact and its state are stored. {formatting.STATES[case.record.state][2]}"
    return explanations.sentence(case)


def _protected(request: PageRequest, address: str) -> tuple[str, str | None] | None:
    """Returns who protects the address, in a sentence, and where to end that; None if the configuration protects it."""
    ledger = request.context.ledger
    it = protector(request.context.settings, ledger, address)
    if it is None:
        return None
    what = f"{harmless(it.name[1:], 255)}, its domain," if it.name.startswith("@") else "It"
    if it.at is None:
        return f"{what} is protected by the configuration, so no rule suppresses it.", None
    since = f"by {harmless(it.by, 100)} since {formatting.moment(it.at)}"
    return (f"{what} is protected {since}, so no rule suppresses it: {harmless(it.because or '')}",
            f"/protected/{ledger.names.name(it.name)}/end")


# ── facts ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def _facts(
    it: RecipientFacts, case: ExplanationContext, last: BounceEvent | None
) -> Iterator[tuple[str, str, str | None]]:
    """Yields title, text and link of each."""
    suppression = case.record.suppression
    if suppression is not None:
        everywhere = suppression.scope.value == "global"
        yield "Applies to", "all streams" if everywhere else f"{harmless(suppression.stream, 80)} only", None
        yield "Until", formatting.moment(suppression.until) if suppression.until else "permanent", None
    if grounds := explanations.why(case):
        yield "Counted", harmless(words.because(grounds)), None
    if last is not None and last.rule:
        yield "Rule", harmless(last.rule, 120), listing.address("/events", [("rule", last.rule)])
    if last is not None:
        yield "Matched by", explanations.MATCHED_BY[last.evidence], None
    yield "Notified", _told(it.deliveries), None


def _told(deliveries: Sequence[OutboxItem]) -> str:
    """Returns what each target was last notified of the state of the address."""
    by_target: dict[str, OutboxItem] = {
        item.target: item for item in deliveries if item.type.value.startswith("recipient.")
    }
    if not by_target:
        return "nobody"
    return "; ".join(
        f"{harmless(target, 80)}: {item.type.value.rpartition('.')[2]}, {formatting.DELIVERIES[item.state][0].lower()}"
        f"{f' after {item.attempts} tries' if item.attempts > 1 else ''}"
        for target, item in sorted(by_target.items())
    )


def _stream(
    request: PageRequest, rid: str, record: RecipientRecord, events: Sequence[BounceEvent]
) -> dict[str, object]:
    recent = sum(1 for event in events if event.at >= request.now - _MONTH and event.type is not None)
    return {
        "name": record.stream, "state": record.state, "bounces": recent, "delivered_at": record.delivered_at,
        "bounces_link": listing.address("/events", [("rid", rid), ("stream", record.stream), ("range", "30d")]),
    }


def _neighbours(request: PageRequest, last: BounceEvent | None) -> dict[str, object] | None:
    """Returns other reports at the provider for the same reason, this week and the week before.

    They decide whether a release makes sense.
    """
    if last is None or last.reason is None:
        return None
    reason = last.reason.value
    ledger, name = request.context.ledger, explanations.provider_of(last)
    tomorrow = request.now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)

    def reports(until: datetime) -> int:
        return ledger.figures.totals(Span(until - _WEEK, until), Of(providers=(name,), reason=reason)).total()

    return {
        "provider": name, "reason": reason, "now": reports(tomorrow), "before": reports(tomorrow - _WEEK),
        "alerts": [each for each in ledger.lists.alerts(under_way=True) if name and each.subject.provider == name],
        "link": listing.address("/events", [("provider", name), ("reason", reason), ("range", "7d")]),
    }


# ── what happened ───────────────────────────────────────────────────────────────────────────────────────────────────

def _entries(it: RecipientFacts) -> Iterator[TimelineEntry]:
    for event in it.events:
        parts = (
            harmless(event.status, 20) if event.status else "", formatting.provider(explanations.provider_of(event)),
            harmless(event.stream, 60), harmless(event.sending, 60) if event.sending else "",
            "" if event.exclusion is None or event.type is None
            else f"does not count: {harmless(words.because(event.exclusion), 200)}",
        )
        told = " · ".join(filter(None, parts))
        yield TimelineEntry(event.at, explanations.what(event), told, None, f"/events/{event.id}", "event")
    for step in (each for case in it.cases for each in case.course):
        why = harmless(words.text(step.grounds) or "no stored reason", 300)
        text = f"for {harmless(step.stream, 60)}, {formatting.BY[step.by]}: {why}"
        yield TimelineEntry(step.at, "", text, step.state)
    for item in it.deliveries:
        answer = f": {harmless(item.last_answer, 120)}" if item.last_answer else ""
        yield TimelineEntry(
            item.created_at, f"Notified, {formatting.DELIVERIES[item.state][0].lower()}",
            f"{item.type.value} to {harmless(item.target, 80)}{answer}", None, f"/outbox/{item.id}", "delivery",
        )
    for done in it.actions:
        why = f": {harmless(done.because)}" if done.because else ""
        what = ACTIONS.get(done.action, harmless(done.action, 60))
        yield TimelineEntry(done.at, what, f"by {harmless(done.actor, 100)}{why}")
    for kept in it.opt_outs:
        yield TimelineEntry(kept.at, "Opt-out", opt_outs.sentence(kept, it.known_as), None,
                            f"{opt_outs.PATH}/{kept.id}/mail", "View message")


ROUTES = (get("/recipients/{rid}", recipient),)
