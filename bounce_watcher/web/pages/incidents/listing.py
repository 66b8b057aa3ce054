"""Incidents: what the guard and the alerts noticed, whom it holds, how its reports came."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.db.paging import Page, TookTooLong
from bounce_watcher.ledger.db.query import Choice, FilterField
from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.ledger.lists.incidents import HeldRecipient, is_asked_for
from bounce_watcher.model.grounds_json import SUBJECT
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.web.pages.recipients.recipient import ACTIONS
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.listing import Download, Filter, one_of
from bounce_watcher.web.pages.statistics.bounces import shade
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.web.view import charts, links
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, moment, number
from bounce_watcher.words.incidents import guard_words, sentences, what
from bounce_watcher.words.rows import explained

_OPEN, _ENDED = "open", "ended"
STATES = {_OPEN: ("Open", "is-hold"), _ENDED: ("Ended", "")}
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_MOST_HOURS = timedelta(days=7)
_BEFORE, _BEHIND = timedelta(hours=24), timedelta(hours=12)
_MOST_LABELS = 8
_SLACK = timedelta(seconds=1)
_BY_HAND = frozenset(each.value for each in Ruling)
_COLOURS = {AlertKind.OUTAGE: "address", AlertKind.BLOCKS: "sender", AlertKind.FORGED: "unknown",
            AlertKind.FLOOD: "unknown"}
_TYPES = {AlertKind.OUTAGE: BounceType.HARD.value, AlertKind.BLOCKS: BounceType.BLOCK.value}

_STATE_WORDS = {value: word for value, (word, _) in STATES.items()}
_KINDS = {each.value: formatting.ALERTS[each] for each in AlertKind}
FILTERS = (
    one_of(FilterField.STATE, "State", _STATE_WORDS),
    one_of(FilterField.TYPE, "Kind", _KINDS),
    Filter(FilterField.PROVIDER, "Provider", formatting.provider),
)


def _state(alert: Alert) -> tuple[str, str]:
    return STATES[_ENDED if alert.cleared else _OPEN]


DOWNLOAD: Download[Alert] = Download("incidents", {
    "State": lambda alert: _state(alert)[0], "What": what, "Kind": lambda alert: formatting.ALERTS[alert.kind],
    "Began": lambda alert: alert.since, "Noticed": lambda alert: alert.raised_at,
    "Ended": lambda alert: alert.ends_at if alert.cleared else None, "Held": lambda alert: alert.held,
    "Released": lambda alert: alert.released, "Confirmed": lambda alert: alert.confirmed,
    "Because": lambda alert: words.because(alert.grounds), "Quote": lambda alert: alert.quote,
}, lambda alert: {
    "id": alert.id, "type": "incident", "kind": alert.kind, "subject": words.subject(alert.subject),
    "about": SUBJECT.to_data(alert.subject), "since": alert.since,
    "raised_at": alert.raised_at, "ends_at": alert.ends_at, "cleared": alert.cleared, "count": alert.count,
    "alarm_from": alert.alarm_from, "usual": alert.usual, "held": alert.held, "released": alert.released,
    "confirmed": alert.confirmed, **explained(alert.grounds), "quote": alert.quote,
})


def incidents(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    known = request.context.ledger.browsing.incidents
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, known.all(asked.query))
    under_way: list[Alert] = []
    states, is_first = asked.choices.get(FilterField.STATE, Choice()), not request.query.get("after")

    def read() -> Page[Alert]:
        if is_first and is_asked_for(_OPEN, states):
            under_way.extend(known.open(asked.query))
        if is_asked_for(_ENDED, states):
            return known.over(asked.query, listing.place(request, (datetime, str)))
        return Page(())

    page, _, values = listing.listed(request, asked, read)
    return request.page(
        "incidents.html", "Incidents", **values, open=len(under_way), states=_STATE_WORDS.items(), kinds=_KINDS.items(),
        rows=[(alert, what(alert), _state(alert), alert.subject.provider) for alert in (*under_way, *page.rows)],
        is_first=is_first,
    )


# ── one ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

def alert_of(request: PageRequest) -> Alert:
    """Raises HTTPException where there is none."""
    alert = request.context.ledger.lists.alert(request.path["id"])
    if alert is None:
        raise HTTPException(404, "No such incident: the link is invalid or from another database.")
    return alert


def incident(request: PageRequest) -> Response:
    alert, ledger = alert_of(request), request.context.ledger
    try:
        held = ledger.browsing.incidents.held(alert.id, listing.place(request, (str, str)))
        numbers = ledger.browsing.incidents.held_numbers(alert.id)
    except TookTooLong:
        held, numbers = Page(()), None
    done = ledger.log.on(alert.id)
    begins = request.link() if request.query.get("after") else None
    return request.page(
        "incident.html", what(alert), alert=alert, what=what(alert), state=_state(alert), sentences=sentences(alert),
        kind=formatting.ALERTS[alert.kind], provider=alert.subject.provider, chart=_chart(request, alert),
        numbers=numbers, figures=list(_figures(alert, done)),
        held=[(each, request.rid_of(each.recipient)) for each in held.rows],
        further=listing.pager(request, held).older, begins=begins,
        can_undo=Incident.of(alert) is not None, done=done[0] if done and request.query.get("done") else None,
        actions=done, called=ACTIONS,
    )


def _figures(alert: Alert, done: Sequence[LoggedAction]) -> Iterator[tuple[str, str, str | None]]:
    """Yields what is known of the incident in numbers: title, number, link."""
    if alert.kind is AlertKind.QUIET:
        yield "Longest usual pause", counted(round(alert.usual), "hour", "hours"), None
        yield "Noticed after", counted(alert.count, "hour", "hours"), None
        yield "Noticed", moment(alert.raised_at), None
        return
    if alert.kind in {AlertKind.OUTAGE, AlertKind.FLOOD}:
        by_hand = any(each.action in _BY_HAND for each in done)
        is_decided_at_end = alert.cleared and alert.kind is AlertKind.OUTAGE and not by_hand
        ended = alert.ends_at if is_decided_at_end else None
        yield "Total held", number(alert.held), None
        yield "Released", number(alert.released), _decided("-state", ended)
        yield "Confirmed", number(alert.confirmed), _decided("state", ended)
    yield "Reports held" if alert.kind is AlertKind.FLOOD else "Peak in window", number(alert.count), None
    if alert.kind in {AlertKind.OUTAGE, AlertKind.BLOCKS, AlertKind.FLOOD}:
        yield "All reports" if alert.kind is AlertKind.BLOCKS else "Usual", f"{alert.usual:,.6g}", None
    yield "Limit" if alert.kind is AlertKind.FLOOD else "Threshold", number(alert.alarm_from), None
    yield "Noticed", moment(alert.raised_at), None


def _decided(state: str, ended: datetime | None) -> str | None:
    """Who was suppressed at its end ("state"), or was not ("-state"), as far as nothing has changed since.

    None where not all were decided on then: a link leads to as many rows as the number says.
    """
    if ended is None:
        return None
    return listing.address("/recipients", [
        (state, "suppressed"), ("since", listing.iso_exactly(ended)), ("until", listing.iso_exactly(ended + _SLACK)),
    ])


# ── the chart ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _chart(request: PageRequest, alert: Alert) -> dict[str, object] | None:
    """Returns the reports by hour or day; None if nothing is counted, or what was is no longer stored.

    `labels` stand below the bars, "" for none, with whether one gives way on a phone.
    """
    if alert.kind not in _COLOURS:
        return None
    end = request.now if alert.ends_at is None else min(request.now, alert.ends_at + _BEHIND)
    since, until = alert.since - _BEFORE, max(end, alert.since + _HOUR)
    step, word = (_HOUR, "hour") if until - since <= _MOST_HOURS else (_DAY, "day")
    since = since.replace(minute=0, second=0, microsecond=0, hour=since.hour if step is _HOUR else 0)
    counts = request.context.ledger.browsing.incidents.course(alert, since, until, step)
    if not counts:
        return None
    places = [since + n * step for n in range(-(-(until - since) // step))]
    provider = alert.subject.provider
    of = Of(type=_TYPES.get(alert.kind), providers=(provider,) if provider else None)
    lines = [(_name(at, step), links.events(Span(at, at + step), of), counts.get(at, 0)) for at in places]
    bars = [charts.Bar((charts.BarSegment(_COLOURS[alert.kind], many),), link, f"{told}: {number(many)}")
            for told, link, many in lines]
    sentence = f"Reports per {word}, from 24 h before; UTC."
    shades = []
    if alert.kind is AlertKind.OUTAGE:
        sentence += " Counted as the guard does: each newly invalid address once."
        sentence += f" {guard_words(alert, request.now)}: shaded."
        shades.append(shade(alert, [Span(at, at + step) for at in places], request.now))
    every = -(-len(places) // _MOST_LABELS)
    labels = [
        ("" if n % every else f"{at:%H:%M}" if step is _HOUR and len(places) <= 2 * 24 else f"{at.day} {at:%b}",
         n // every % 2 == 1)
        for n, at in enumerate(places)
    ]
    return {"sentence": sentence, "svg": charts.stacked_bars(bars, shades), "labels": labels, "lines": lines,
            "ticks": charts.ticks(charts.top_of(bars)), "word": word}


def _name(at: datetime, step: timedelta) -> str:
    return f"{at:%a} {at.day} {at:%b}" + (f", {at:%H:%M}" if step is _HOUR else "")


def held(request: PageRequest) -> Response:
    """All of them, as a file."""
    alert = alert_of(request)
    return listing.download(
        request, listing.filters(request, ()), _HELD, request.context.ledger.browsing.incidents.all_held(alert.id)
    )


_HELD: Download[HeldRecipient] = Download("held", {
    "Address": lambda each: each.recipient, "Stream": lambda each: each.stream, "Reason": lambda each: each.reason,
    "Held since": lambda each: each.since, "Suppressed before the alarm": lambda each: each.told_at,
    "Because": lambda each: words.because(each.grounds),
}, lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "held", "recipient": each.recipient, "stream": each.stream,
    "reason": each.reason, "since": each.since, "suppressed_before": each.told_at, **explained(each.grounds),
})

ROUTES = (
    *listing.routes("/incidents", incidents), get("/incidents/{id}", incident),
    *listing.routes("/incidents/{id}/held", held, page=False),
)
