"""The overview: whether the service works, and what bounces and why, at a glance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from bounce_watcher.config import Settings
from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.ledger.lists.filters import GroupBy, OutboxFilter
from bounce_watcher.ledger.lists.lists import MOST_TOLD
from bounce_watcher.ledger.lists.stock import Stock
from bounce_watcher.model.ledger import Alert, AlertKind, ChangedBy, EventType, OutboxState, State, StateChange
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.pages.statistics import bounces
from bounce_watcher.web.pages.statistics.bounces import Bounces
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.web.view import links, ranges, rates, standing
from bounce_watcher.web.view.ranges import NAMES, Range, Unit
from bounce_watcher.words import faults, formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, number

REASONS, PROVIDERS, DECISIONS, NOTICES = 7, 5, 5, 3
"""The most rows of each part."""

_LONGEST_REASON = 120
_DONE, _OPEN = ("Working", "is-ok"), ("Not yet", "")
LONG = timedelta(days=8)
"""A longer range takes so long to add up that its figures are cached."""


def overview(request: PageRequest) -> Response:
    ledger, state, now = request.context.ledger, request.context.state(), request.now
    over = ranges.read(request.query, now)
    of = Of(stream=request.query.get("stream") or None)
    seen = Bounces(ledger.figures, over, of)
    stock, alerts = ledger.figures.stock(), list(ledger.lists.alerts(under_way=True))
    last = ledger.figures.last_at()
    paces = ledger.recording.paces([each.name for each in state.mailboxes], now)
    notices = standing.notices(state, alerts, stock.queues, now, paces, stock.opt_outs)
    common = {
        **frame(request, over, "stream"), "stream": of.stream,
        "notices": notices[:NOTICES], "more_notices": notices[NOTICES:],
        "well": standing.all_is_well(state, stock.queues, last, now),
        "advice": list(standing.advice(
            request.context.settings.policy, has_key=bool(request.context.settings.attribution.token_keys)
        )),
        "mailboxes": standing.mailboxes(state.mailboxes, now),
    }
    if last is None:
        return request.page("first_run.html", "Overview", **common, steps=first_steps(request, state))
    outages = ledger.browsing.incidents.outages(over.span.since, over.span.until)
    figures = kept(request, over, lambda: _figures(seen, alerts, outages))
    return request.page(
        "overview.html", "Overview", **common, **figures,
        tiles=_tiles(request, figures["of_range"], stock, alerts),
        decisions=decisions(ledger.figures.latest_changes(DECISIONS, of.stream), request), last=last,
    )


def _figures(seen: Bounces, alerts: Sequence[Alert], outages: Sequence[Alert]) -> dict[str, Any]:
    """Returns all figures of the range."""
    over, of = seen.range, seen.of
    names, how_many = seen.figures.top(over.span, over.unit.slot, of, GroupBy.PROVIDER, PROVIDERS)
    return {
        "of_range": (_bounces(seen), _suppressed(seen), _not_recognised(seen)),
        "chart": bounces.chart(seen, bounces.summary(seen), outages),
        "reasons": bounces.reason_rows(seen, REASONS), "reason_count": len(seen.by_why),
        "providers": bounces.provider_rows(seen.figures, over, of, names, alerts), "provider_count": how_many,
        "rates": rate_rows(seen), "rates_of": rates,
        "providers_link": links.with_query("/providers", **over.query),
    }


def kept(request: PageRequest, over: Range, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Returns what `make` returns: for a long range at most a minute old, for a short one always current."""
    if over.span.until - over.span.since <= LONG:
        return make()
    key = (request.url_path, over.span, tuple(sorted(request.query.multi_items())))
    return request.context.cache.get(key, request.now, make)


def frame(request: PageRequest, over: Range, *others: str) -> dict[str, Any]:
    """Returns what every page with a range shows: the buttons, and unknown parameters of its address."""
    known = {"range", "from", "to", *others}
    return {
        "over": over, "trend_words": bounces.trend_words(over),
        "buttons": [(text, request.link(**{"range": name, "from": None, "to": None}), name == over.name)
                    for name, text in NAMES.items()],
        "unknown": sorted({name[:60] for name in request.query if name not in known}),
    }


# ── tiles ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Tile:
    """A tile of the overview. `definition` says what exactly is counted."""

    title: str
    number: str
    text: str
    link: str
    definition: str


def _tiles(request: PageRequest, of_range: Sequence[Tile], stock: Stock, alerts: Sequence[Alert]) -> list[Tile]:
    """Returns the tiles, with those of now among those of the range."""
    bounced, suppressed, not_recognised = of_range
    many, ledger = request.context.ledger.figures.held(), request.context.ledger
    incidents = sum(alert.kind in {AlertKind.OUTAGE, AlertKind.FLOOD} for alert in alerts)
    held = Tile("Held", number(many), f"{'address' if many == 1 else 'addresses'}, {counted(incidents, 'incident')}",
                "/incidents?state=open", "Addresses held now, in an outage or a flood, regardless of the time range.")
    groups = ledger.lists.to_do().review - bool(stock.opt_outs.number)
    if groups:
        more = " or more" if groups >= MOST_TOLD else ""
        told = f"; {number(groups)}{more} {'wording' if groups == 1 else 'wordings'} to review"
        not_recognised = replace(not_recognised, text=not_recognised.text + told)
    due, told = standing.waiting(stock.queues, request.now)
    waiting = Tile("Deliveries waiting", number(due), told, "/outbox",
                   "Webhooks and platform calls not accepted yet, regardless of the time range.")
    return [bounced, suppressed, held, not_recognised, waiting]


def _bounces(seen: Bounces) -> Tile:
    over, total = seen.range, seen.total
    link = links.events(over.span, seen.of)
    what = ("All reports of failed mail and complaints that arrived in this time, one for each message and recipient; "
            "copies are counted once. Delays, automatic replies and receipts are not bounces.")
    sent = rates.sent(seen.figures, over)
    in_all = rates.sent_in_all(sent, _streams(seen, over.span), seen.of.stream)
    if in_all is None:
        why = "No overall rate: sent counts are incomplete." if sent else "No rate: sent counts are not imported."
        if over.unit is Unit.HOUR:
            why = "No rate: sent counts are daily."
        return Tile("Bounces", number(total), f"{_compared(seen)} {why}", link, what)
    text = f"{number(total)} of {number(in_all)} sent{_rate_before(seen)}"
    share = formatting.share(total, in_all)
    return Tile("Bounce rate", share, text, link, f"{what} Divided by mail sent in this time.")


def _rate_before(seen: Bounces) -> str:
    """Returns the rate of the whole range before in words: whole, because numbers sent are known by day."""
    before = seen.range.whole_before
    sent = rates.sent_within(seen.figures, before)
    in_all = rates.sent_in_all(sent, _streams(seen, before), seen.of.stream)
    if not in_all or not seen.knows(before):
        return ""
    return f"; {formatting.share(seen.figures.totals(before, seen.of)[()], in_all)} in {seen.range.before_words}"


def _streams(seen: Bounces, span: Span) -> frozenset[str]:
    return frozenset(stream for (stream,) in seen.figures.totals(span, seen.of, GroupBy.STREAM))


def _compared(seen: Bounces) -> str:
    before, words = seen.total_before, seen.range.before_words
    if before is None:
        first = seen.first_day
        return f"Counted since {first.day} {first:%B %Y}." if first else ""
    told = formatting.change(seen.total, before)
    if told in {"–", "new"}:
        return f"{number(before)} in {words}."
    return f"{told} on {words} ({number(before)})."


def _suppressed(seen: Bounces) -> Tile:
    over = seen.range
    found = seen.figures.suppressed(over.span, seen.of.stream)
    parts = ["address" if found.addresses == 1 else "addresses"]
    if found.complaints:
        parts.append(f", {number(found.complaints)} of them after a complaint")
    if seen.knows(over.before):
        before = seen.figures.suppressed(over.before, seen.of.stream)
        parts.append(f"; {number(before.addresses)} in {over.before_words}")
    return Tile("Newly suppressed", number(found.addresses), "".join(parts),
                suppressed_link(over.span, seen.of.stream),
                "Addresses suppressed in this time, by a report, by hand or by the platform, even if they "
                "were released since.")


def suppressed_link(span: Span, stream: str | None) -> str:
    more = {} if stream is None else {"stream": stream}
    return links.with_query("/recipients", state="suppressed", since=formatting.iso(span.since), **more)


def _not_recognised(seen: Bounces) -> Tile:
    many = seen.by_type[EventType.UNDETERMINED]
    told = f"{formatting.share(many, seen.total)} of bounces" if many else "every bounce recognised"
    return Tile("Not recognised", number(many), told, "/review",
                "Bounces in this time that no rule recognises. They affect no address.")


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def rate_rows(seen: Bounces) -> list[dict[str, object]]:
    """Returns the rates of streams whose sent counts cover the range."""
    over = seen.range
    sent = {stream: each.number for stream, each in rates.sent(seen.figures, over).items()
            if each.covers and each.number and seen.of.stream in {None, stream}}
    if not sent:
        return []
    counts = seen.figures.totals(over.span, seen.of, GroupBy.STREAM, GroupBy.TYPE)
    return [rate_row(stream, whole, counts, over) for stream, whole in sorted(sent.items())]


def rate_row(stream: str, whole: int, counts: Mapping[tuple[str, ...], int], over: Range) -> dict[str, object]:
    """Returns the shares of a stream, and how those of hard bounces and complaints compare with the limits."""
    hard, complaints = (counts[stream, kind.value] for kind in (EventType.HARD, EventType.COMPLAINT))
    total = sum(counts[stream, kind.value] for kind in EventType)
    return {
        "stream": stream, "link": links.stream(stream, over.query), "sent": number(whole),
        "bounces": formatting.share(total, whole), "hard": formatting.share(hard, whole),
        "hard_state": rates.judged(hard, whole, rates.BOUNCES), "complaints": formatting.share(complaints, whole),
        "complaints_state": rates.judged(complaints, whole, rates.COMPLAINTS),
    }


def decisions(changes: Sequence[StateChange], request: PageRequest) -> list[dict[str, object]]:
    names = request.context.ledger.names
    return [
        {"at": change.at, "when": formatting.when(change.at, request.now), "state": change.state,
         "address": formatting.harmless(change.recipient), "link": f"/recipients/{names.name(change.recipient)}",
         "because": _because(change), "stream": formatting.name(change.stream)}
        for change in changes
    ]


def _because(change: StateChange) -> str:
    """Returns why a state changed, in short: the recipient's page has the arithmetic."""
    if change.by not in {ChangedBy.REPORT, ChangedBy.RULES, ChangedBy.GUARD}:
        why = words.text(change.grounds)
        told = f"{formatting.BY[change.by]}: {formatting.harmless(why, _LONGEST_REASON)}" if why else ""
    else:
        parts = [formatting.reason(change.reason)] if change.reason else []
        if change.grounds:
            parts.append(formatting.harmless(words.brief(change.grounds), _LONGEST_REASON))
        if change.state is State.PENDING:
            parts.append("held back")
        told = "; ".join(parts)
    told = told or formatting.BY[change.by]
    return told[:1].upper() + told[1:]


# ── first run ───────────────────────────────────────────────────────────────────────────────────────────────────────

SetupStep = tuple[str, str, tuple[str, str], str, str]
"""One thing that must have worked once: title, text, the badge's word and class, address and text of a link."""


def first_steps(request: PageRequest, state: ServiceState) -> list[SetupStep]:
    ledger, settings = request.context.ledger, request.context.settings
    told = any(ledger.lists.outbox(OutboxFilter(state=OutboxState.DELIVERED, limit=1)))
    since = request.now.date() - timedelta(days=31)
    sent = bool(ledger.figures.sent(since, request.now.date() + timedelta(days=1)))
    matched = (
        "A signed return path names the recipient, whatever the bounce says." if settings.attribution.token_keys else
        "The bounce names the recipient. With token_key under [attribution], a signed return path does so reliably."
    )
    targets = (
        f"{counted(len(settings.targets), 'target is', 'targets are')} configured." if settings.targets else
        "No [[webhook]] or [[platform]] is configured: nothing is sent."
    )
    return [
        _mailboxes_step(settings, state),
        ("A test bounce arrives", "Send a mail to an address that does not exist, with the return path that your "
         "mail uses. Its bounce arrives within a minute or two.", _OPEN, "/events", "Events"),
        ("It names a recipient", matched, _OPEN, "/settings", "Settings"),
        ("A target accepts a delivery", targets, _DONE if told else _OPEN, "/outbox", "Outbox"),
        ("Sent counts are imported (optional)", "POST /api/v1/sent adds rates to the numbers.",
         _DONE if sent else _OPEN, "/settings", "Settings"),
    ]


def _mailboxes_step(settings: Settings, state: ServiceState) -> SetupStep:
    title = "A mailbox can be read"
    if not settings.mailboxes:
        return (title, "No [[mailbox]] is configured.", _OPEN, "/settings", "Settings")
    trouble = next((each.trouble for each in state.mailboxes if each.trouble), None)
    if trouble is not None:
        why = formatting.harmless(faults.describe(trouble.fault))
        return (title, why, ("Trouble", "is-bad"), "/#mailboxes", "Mailboxes")
    read = any(each.last_read_at for each in state.mailboxes)
    text = "The service signs in and reads the folder." if read else "The first read is in progress."
    return (title, text, _DONE if read else _OPEN, "/#mailboxes", "Mailboxes")


ROUTES = (get("/", overview),)
