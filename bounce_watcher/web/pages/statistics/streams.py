"""Bounces by what we send: streams, and their campaigns as far as the return path or the platform names them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.config import Settings
from bounce_watcher.ledger.lists.figures import Figures, Of, Span
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.recording.report_counts import DAY, HOUR
from bounce_watcher.model.ledger import COMPLAINT_REASON, Alert, EventType
from bounce_watcher.policy.counting import DEFAULTS, CountRule, count_rule
from bounce_watcher.policy.settings import Ladder, PolicySettings, Threshold
from bounce_watcher.web.pages.shared.listing import Download, Filters, download, exports, routes, wanted_format
from bounce_watcher.web.pages.statistics import bounces
from bounce_watcher.web.pages.statistics.bounces import Bounces, Row
from bounce_watcher.web.pages.statistics.overview import frame, kept, rate_row, suppressed_link
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.web.view import charts, links, ranges, rates
from bounce_watcher.web.view.ranges import WEEK, Range, Unit
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import TYPES, counted, listing, number, number_of_days

MOST_STREAMS, CAMPAIGNS, PROVIDERS = 100, 30, 5
FIRST_HOURS, _FEWEST_HOURS = timedelta(hours=48), timedelta(hours=12)
MOST_READ = 30_000
"""The most bounces of one campaign that are read for figures without stored counts: hours, providers, addresses."""
_LONGEST_NAME = 500
_EVER = datetime(1980, 1, 1, tzinfo=UTC)


DOWNLOAD: Download[Row] = Download("streams", {
    "Stream": lambda row: row["name"], "Mailboxes": lambda row: row["mailboxes"], "Bounces": lambda row: row["number"],
    "Sent": lambda row: row["sent"], "Complaints": lambda row: row["complaints"],
    "Newly suppressed": lambda row: row["suppressed"], "Bounces before": lambda row: row["before"],
}, lambda row: {
    "type": "stream", "stream": row["name"], "bounces": row["number"], "sent": row["sent"],
    "complaints": row["complaints"], "suppressed": row["suppressed"], "bounces_before": row["before"],
})


def streams(request: PageRequest) -> Response:
    figures, over = request.context.ledger.figures, ranges.read(request.query, request.now)
    listed = kept(request, over, lambda: {
        "rows": stream_rows(figures, request.context.settings, over), "total": figures.totals(over.span, Of())[()],
    })
    if wanted_format(request):
        return download(request, Filters(), DOWNLOAD, listed["rows"])
    return request.page(
        "streams.html", "Streams", **frame(request, over, "sort"), **listed, all_events=links.events(over.span, Of()),
        hours=over.unit is Unit.HOUR, exports=exports(request),
    )


def stream_rows(figures: Figures, settings: Settings, over: Range) -> list[Row]:
    """Returns streams with bounces, with a mailbox or with sent mail; the most bounces first."""
    now = figures.totals(over.span, Of(), GroupBy.STREAM, GroupBy.TYPE)
    before = bounces.before_of(figures, over, Of(), GroupBy.STREAM)
    trends = bounces.trends_of(figures, over, Of(), GroupBy.STREAM)
    suppressed, sent = figures.suppressed_by_stream(over.span), rates.sent(figures, over)
    names = {name for name, _ in now} | {box.stream for box in settings.mailboxes} | sent.keys()
    no_rate = "daily only" if over.unit is Unit.HOUR else "no sent counts"
    rows: list[Row] = []
    for name in names:
        total = sum(now[name, kind.value] for kind in TYPES)
        of = Of(stream=name)
        boxes = [formatting.name(box.name) for box in settings.mailboxes if box.stream == name]
        then, sent_in = None if before is None else before[(name,)], rates.sent_in_all(sent, frozenset(), name)
        rows.append({
            "name": name, "link": links.stream(name, over.query), "mailboxes": ", ".join(boxes) or "–",
            "number": total, "events": links.events(over.span, of), "sent": sent_in, "before": then,
            "rate": formatting.share(total, sent_in) if sent_in else no_rate,
            "complaints": now[name, EventType.COMPLAINT.value],
            "complaints_link": links.events(over.span, replace(of, type=EventType.COMPLAINT.value)),
            "suppressed": suppressed.get(name, 0), "suppressed_link": suppressed_link(over.span, name),
            "trend": charts.sparkline(trends.get(name, [])), "change": formatting.difference(total, then),
        })
    return sorted(rows, key=lambda row: (-row["number"], row["name"]))[:MOST_STREAMS]


# ── one stream ──────────────────────────────────────────────────────────────────────────────────────────────────────

CAMPAIGNS_DOWNLOAD: Download[Row] = Download("campaigns", {
    "Campaign": lambda row: row["name"], "Sent": lambda row: row["sent_count"], "Bounces": lambda row: row["number"],
    **bounces.type_columns(), "First bounce": lambda row: row["first"].date(),
    "Last bounce": lambda row: row["last"].date(),
}, lambda row: {
    "type": "campaign", "campaign": row["name"], "sent": row["sent_count"], "bounces": row["number"],
    "by_type": {kind.value: number for kind, number in row["by_type"].items()}, "first_on": row["first"].date(),
    "last_on": row["last"].date(),
})


def stream(request: PageRequest) -> Response:
    name = links.named(request.path["slug"])
    figures, over = request.context.ledger.figures, ranges.read(request.query, request.now)
    of = Of(stream=name)
    boxes = [box for box in request.context.settings.mailboxes if box.stream == name]
    if len(name) > _LONGEST_NAME or not (boxes or _is_known(figures, over, of)):
        raise HTTPException(404, f"No stream {formatting.name(name)} is known.")
    alerts = list(request.context.ledger.lists.alerts(under_way=True))
    told = kept(request, over, lambda: _told(Bounces(figures, over, of), alerts))
    if wanted_format(request):
        return download(request, Filters(), CAMPAIGNS_DOWNLOAD, told["campaigns"])
    title = formatting.name(name) or "No name"
    return request.page(
        "stream.html", title, **frame(request, over), **told, name=title, rates_of=rates,
        policy=policy_words(request.context.settings.policy), mailboxes=[formatting.name(box.name) for box in boxes],
        providers_link=links.with_query("/providers", **over.query, stream=name),
        suppressed_link=suppressed_link(over.span, name), exports=exports(request, f"{links.stream(name)}/campaigns"),
    )


def _told(seen: Bounces, alerts: Sequence[Alert]) -> dict[str, Any]:
    figures, over, of = seen.figures, seen.range, seen.of
    names, how_many = figures.top(over.span, over.unit.slot, of, GroupBy.PROVIDER, PROVIDERS)
    rows, others = campaign_rows(figures, over, of.stream or "")
    sent = rates.sent_in_all(rates.sent(figures, over), frozenset(), of.stream)
    sentence, limits = "No rate: sent counts are incomplete for this time.", []
    if sent is not None:
        complaints = seen.by_type[EventType.COMPLAINT]
        sentence = f"Bounces {rates.rate(seen.total, sent)}. Complaints {rates.rate(complaints, sent)}."
        counts = figures.totals(over.span, of, GroupBy.STREAM, GroupBy.TYPE)
        limits = [rate_row(of.stream or "", sent, counts, over)]
    return {
        "sentence": sentence, "chart": bounces.chart(seen, bounces.summary(seen)),
        "rates": limits, "reasons": bounces.reason_rows(seen),
        "providers": bounces.provider_rows(figures, over, of, names, alerts), "provider_count": how_many,
        "campaigns": rows, "other_campaigns": others, "suppressed": figures.suppressed(over.span, of.stream),
    }


def _is_known(figures: Figures, over: Range, of: Of) -> bool:
    """Checks whether the stream has bounces or sent mail in the range, or ever had bounces."""
    if figures.totals(over.span, of)[()] > 0 or of.stream in rates.sent(figures, over):
        return True
    first = figures.first_day()
    return first is not None and figures.totals(Span(first, first + 1000 * WEEK), of)[()] > 0


def campaign_rows(figures: Figures, over: Range, stream: str) -> tuple[list[Row], int]:
    """Returns the campaigns with most bounces in the range, newest first, and how many others there are."""
    names, how_many = figures.top(_days(over.span), DAY, Of(stream=stream), GroupBy.SENDING, CAMPAIGNS)
    if not names:
        return [], 0
    days, sent = figures.days_of(names, stream), figures.sent_of(names, stream)
    of = Of(stream=stream, sendings=tuple(names))
    counts = figures.totals(Span(_EVER, _days(over.span).until + WEEK), of, GroupBy.SENDING, GroupBy.TYPE)
    rows = [_campaign_row(name, stream, days[name], sent.get(name), counts) for name in names if name in days]
    return sorted(rows, key=lambda row: (row["first"], row["last"], row["name"]), reverse=True), how_many - len(names)


def _campaign_row(
    name: str, stream: str, days: tuple[datetime, datetime], sent: int | None, counts: Mapping[tuple[str, ...], int]
) -> Row:
    """Returns all results of a campaign, whatever the range. `days` are its first and its last."""
    first, last = days
    kinds = {kind: counts[name, kind.value] for kind in TYPES}
    total = sum(kinds.values())
    return {
        "name": formatting.name(name), "link": links.campaign(stream, name), "number": total, "by_type": kinds,
        "sent": "–" if sent is None else number(sent), "sent_count": sent,
        "rate": "–" if sent is None else formatting.share(total, sent), "first": first, "last": last,
        "events": bounces.event_links(Span(first, last + DAY), Of(stream=stream, sendings=(name,))),
    }


def _days(span: Span) -> Span:
    last = span.until.replace(hour=0)
    return Span(span.since.replace(hour=0), last if last == span.until else last + DAY)


# ── the policy in words ─────────────────────────────────────────────────────────────────────────────────────────────

def policy_words(policy: PolicySettings) -> list[str]:
    """Returns what leads to a suppression, and how long it lasts: a sentence each."""
    told = []
    for rule, when in ((CountRule.SUPPRESS_NOW, "at the first report"), (CountRule.CONFIRM, _after(policy.confirm)),
                       (CountRule.THRESHOLD, _after(policy.soft))):
        names = [formatting.reason(reason).lower() for reason in DEFAULTS if count_rule(reason, policy.reasons) is rule]
        if names:
            told.append(f"Suppressed {when}: {listing(names)}.")
    told.append("A complaint suppresses at once; sender problems never do.")
    told.append(f"It lasts {_lasts(policy.hard_expiry)} for a bad address, {_lasts(policy.soft_expiry)} "
                f"for a temporary failure, {_lasts(policy.complaint_expiry)} after a {COMPLAINT_REASON}.")
    return told


def _after(needed: Threshold) -> str:
    span = f", at least {number_of_days(needed.span // DAY)} from first to last" if needed.span >= DAY else ""
    return (f"after {counted(needed.bounces, 'report')} on {number_of_days(needed.distinct_days)} within "
            f"{number_of_days(needed.window // DAY)}{span}")


def _lasts(ladder: Ladder) -> str:
    steps = ["forever" if step is None else number_of_days(step // DAY) for step in ladder]
    return steps[0] if len(steps) == 1 else f"{steps[0]} at first, then {', '.join(steps[1:])}"


# ── one campaign ────────────────────────────────────────────────────────────────────────────────────────────────────

def campaign(request: PageRequest) -> Response:
    of_stream, name = links.named(request.path["slug"]), links.named(request.path["id"])
    figures = request.context.ledger.figures
    known = figures.days_of([name], of_stream).get(name) if max(map(len, (of_stream, name))) <= _LONGEST_NAME else None
    if known is None:
        raise HTTPException(404, f"No bounce stored for campaign {formatting.name(name)} in this stream.")
    told = request.context.cache.get(
        request.url_path, request.now, lambda: _campaign(figures, of_stream, name, known, request.now)
    )
    return request.page(
        "campaign.html", told["name"], **told, stream=formatting.name(of_stream) or "No name",
        stream_link=links.stream(of_stream), most_read=MOST_READ,
    )


def _campaign(
    figures: Figures, of_stream: str, name: str, days: tuple[datetime, datetime], now: datetime
) -> dict[str, Any]:
    """Returns all results of a campaign, which the caller caches for a minute."""
    first, last = days
    of = Of(stream=of_stream, sendings=(name,))
    whole = Range("", Span(first, last + DAY), Unit.DAY, now, WEEK, None)
    ever = Bounces(figures, whole, of, compares=False)
    is_read = ever.total <= MOST_READ
    first_at, sent = figures.first_at(name), figures.sent_of([name], of_stream).get(name)
    begun = first if first_at is None else max(first_at, first).replace(minute=0, second=0, microsecond=0)
    early = Bounces(figures, _first_hours(begun, now), of, compares=False) if is_read else ever
    told, rate = counted(ever.total, "bounce"), "No rate: the sent count is unknown"
    if sent is not None:
        rate = f"Bounce rate: {rates.rate(ever.total, sent)}"
    by_hour = f"{told}, by day."
    if is_read:
        later = f"; {number(ever.total - early.total)} came later" if ever.total > early.total else ""
        by_hour = f"{counted(early.total, 'bounce')} in the 48 hours since {formatting.moment(begun)}{later}."
    return {
        "name": formatting.name(name), "over": early.range, "ever": whole, "sentence": f"{told} so far. {rate}.",
        "chart": bounces.chart(early, by_hour), "line": _line(early),
        "reasons": bounces.reason_rows(ever), "trend_words": bounces.trend_words(whole),
        "providers": [
            (formatting.provider(place), links.provider(place), many,
             links.events(whole.span, replace(of, providers=(place,))))
            for (place,), many in figures.totals(whole.span, of, GroupBy.PROVIDER).most_common(PROVIDERS * 2)
        ] if is_read else None,
        "suppressed": figures.suppressed_of(name, of_stream) if is_read else None,
        "by_type": [(TYPES[kind], formatting.COLOURS[kind], ever.by_type[kind],
                     links.events(whole.span, replace(of, type=kind.value))) for kind in TYPES],
    }


def _first_hours(begun: datetime, now: datetime) -> Range:
    """Returns the first hours of a campaign: those that have begun, but at least a few."""
    behind = now.replace(minute=0, second=0, microsecond=0) + HOUR
    until = min(begun + FIRST_HOURS, max(behind, begun + _FEWEST_HOURS))
    return Range("", Span(begun, until), Unit.HOUR, now, WEEK, None)


def _line(early: Bounces) -> dict[str, object]:
    """Returns how the bounces add up, as a line."""
    begun = [counts.total() for each, counts in early.bins if each.since <= early.range.now]
    return {"svg": charts.grown(list(accumulate(begun)), len(early.bins)),
            "ticks": charts.ticks(charts.nice_top(max(1, sum(begun))))}


ROUTES = (
    *routes("/streams", streams), *routes("/streams/{slug}/campaigns", stream, page=False),
    get("/streams/{slug}", stream), get("/streams/{slug}/campaigns/{id}", campaign),
)
