"""The providers of our recipients, and how much bounces at each; one provider, with our own problems there."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.tables import reason_named
from bounce_watcher.ledger.lists.figures import Figures, Of
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.model.ledger import Alert, AlertKind, BounceEvent, EventType
from bounce_watcher.policy.guards.outages import wording
from bounce_watcher.policy.guards.trouble import sending_ip
from bounce_watcher.web.pages.shared.listing import Download, Filters, download, exports, routes, wanted_format
from bounce_watcher.web.pages.statistics import bounces
from bounce_watcher.web.pages.statistics.bounces import Bounces, Row
from bounce_watcher.web.pages.statistics.overview import frame, kept
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.web.view import links, ranges
from bounce_watcher.web.view.advice import ADVICE, PAGES
from bounce_watcher.web.view.ranges import Range, Unit
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, number

MOST = 50
"""The most providers with rows of their own."""
WORDINGS, DOMAINS, INCIDENTS = 10, 10, 10
LOOKED_AT = 300
"""The number of newest reports whose wordings are read."""
_LONGEST_NAME = 255


DOWNLOAD: Download[Row] = Download("providers", {
    "Provider": lambda row: row["name"], "Domain": lambda row: row["key"], "Bounces": lambda row: row["number"],
    **bounces.type_columns(), "Bounces before": lambda row: row["before"], "State": lambda row: row["state"][0],
}, lambda row: {
    "type": "provider", "provider": row["key"], "name": row["name"], "bounces": row["number"],
    "by_type": {kind.value: number for kind, number in row["by_type"].items()}, "bounces_before": row["before"],
    "state": row["state"][0],
})


def providers(request: PageRequest) -> Response:
    over = ranges.read(request.query, request.now)
    of = Of(stream=request.query.get("stream") or None)
    by_bounces = request.query.get("sort") == "bounces"
    alerts = list(request.context.ledger.lists.alerts(under_way=True))
    listed = kept(request, over, lambda: _listed(request.context.ledger.figures, over, of, alerts))
    rows = sorted(listed["all_rows"], key=lambda row: (-row["number"], row["key"]) if by_bounces else (
        row["state"][1] not in {"is-hold", "is-bad"}, -row["excess"], -row["number"], row["key"],
    ))
    if wanted_format(request):
        return download(request, Filters(), DOWNLOAD, rows)
    return request.page(
        "providers.html", "Providers", **frame(request, over, "stream", "sort"), **listed, stream=of.stream,
        sorts=[("Most unusual first", request.link(sort=None), not by_bounces),
               ("Most bounces first", request.link(sort="bounces"), by_bounces)],
        rows=rows, exports=exports(request), all_events=links.events(over.span, of),
        last=request.context.ledger.figures.last_at(),
    )


def _listed(figures: Figures, over: Range, of: Of, alerts: Sequence[Alert]) -> dict[str, Any]:
    names, how_many = figures.top(over.span, over.unit.slot, of, GroupBy.PROVIDER, MOST)
    rows = bounces.provider_rows(figures, over, of, names, alerts)
    total = figures.totals(over.span, of)[()]
    return {"all_rows": rows, "total": total, "others": how_many - len(rows), "how_many": how_many,
            "rest": total - sum(row["number"] for row in rows)}


def provider(request: PageRequest) -> Response:
    name = links.named(request.path["slug"])
    figures, over = request.context.ledger.figures, ranges.read(request.query, request.now)
    of = Of(providers=(name,))
    last = figures.last_at(of)
    if len(name) > _LONGEST_NAME or last is None:
        raise HTTPException(404, f"No report stored about {formatting.provider(name)}.")
    alerts = [each for each in islice(request.context.ledger.lists.alerts(), MOST * INCIDENTS)
              if each.subject.provider == name]
    outages = request.context.ledger.browsing.incidents.outages(over.span.since, over.span.until, name)
    told = kept(request, over, lambda: _told(Bounces(figures, over, of), alerts, outages))
    return request.page(
        "provider.html", told["name"], **frame(request, over), **told, last=last, page_of=PAGES.get(name),
        about=formatting.PROVIDERS.get(name, ("", told["name"]))[1],
        incidents=[_incident(each, request.now) for each in alerts[:INCIDENTS]],
    )


def _told(seen: Bounces, alerts: Sequence[Alert], outages: Sequence[Alert]) -> dict[str, Any]:
    (name,) = seen.of.providers or ("",)
    title, here = formatting.provider(name), [each for each in alerts if not each.cleared]
    newest = seen.figures.newest(seen.range.span, seen.of, LOOKED_AT)
    many = seen.by_type[EventType.COMPLAINT]
    complaints = (
        "Google doesn't report individual complaints; see its Postmaster Tools." if name == "google.com"
        else f"{counted(many, 'complaint')} in {seen.range.words}." if many else ""
    )
    return {
        "name": title, "sentence": sentence(title, seen, here, seen.range.now), "complaints": complaints,
        "state": bounces.states(here).get(name) or bounces.usualness(seen.total, seen.total_before),
        "chart": bounces.chart(seen, bounces.summary(seen), outages), "own": own_trouble(seen, newest),
        "address_reasons": [row for row in bounces.reason_rows(seen) if row["colour"] != "sender"],
        "wordings": wordings(newest), "looked_at": len(newest), "domains": domains(newest),
    }


def sentence(title: str, seen: Bounces, alerts: Iterable[Alert], now: datetime) -> str:
    """Returns the provider's incidents and bounces, in words."""
    told = [_alerted(title, each, now) for each in alerts]
    total, own = seen.total, seen.by_type[EventType.BLOCK]
    if not total:
        told.append(f"No bounce from {title} in {seen.range.words}.")
    elif own:
        most = max((why for why in seen.by_why if why.type is EventType.BLOCK), key=lambda why: seen.by_why[why])
        told.append(f"{number(own)} of {counted(total, 'bounce')} in {seen.range.words} are about the sender, most of "
                    f"them for “{most.name}”. They affect no address.")
    else:
        told.append(f"{counted(total, 'bounce')} in {seen.range.words}, none of them about the sender.")
    return " ".join(told)


def _alerted(title: str, alert: Alert, now: datetime) -> str:
    since = f"since {formatting.when(alert.since, now)} ({formatting.age(now - alert.since)})"
    if alert.kind is AlertKind.OUTAGE:
        return (f"The outage guard is on {since}: {title} reports implausibly many new hard bounces. "
                f"{counted(alert.still_held, 'suppression is', 'suppressions are')} held; targets not notified.")
    of = f" from {alert.subject.ip}" if alert.subject.ip else ""
    return f"{title} refuses our mail{of} {since}: {formatting.reason(alert.subject.reason).lower()}."


# ── our own problems ────────────────────────────────────────────────────────────────────────────────────────────────

def own_trouble(seen: Bounces, newest: Sequence[BounceEvent]) -> list[Row]:
    """Returns the reasons on the sender's side, most frequent first; their IPs and a quote are from the newest ones."""
    by_reason: defaultdict[str, list[BounceEvent]] = defaultdict(list)
    for event in newest:
        if event.type is EventType.BLOCK:
            by_reason[event.reason.value if event.reason else ""].append(event)
    rows, over = list[Row](), seen.range
    when = formatting.when if over.unit is Unit.HOUR else formatting.day
    for why, many in seen.by_why.most_common():
        if why.type is not EventType.BLOCK:
            continue
        reason, events = reason_named(why.reason), by_reason[why.reason]
        ips = Counter(ip for event in events if (ip := sending_ip(event.diagnostic or "")))
        slots = sorted(at for at, counts in seen.by_slot.items() if counts[why])
        rows.append({
            "name": why.name, "means": reason.means if reason else "",
            "advice": ADVICE.get(reason, "") if reason else "", "number": many,
            "link": links.events(over.span, why.within(seen.of)), "first": when(slots[0], over.now),
            "last": when(slots[-1], over.now), "ips": ", ".join(ip for ip, _ in ips.most_common(3)),
            "quote": next((event.diagnostic for event in events if event.diagnostic), ""),
        })
    return rows


def wordings(events: Sequence[BounceEvent]) -> list[tuple[str, int, str]]:
    """Returns the wordings of the reports, most frequent first, without what differs by recipient; with their numbers
    and the rules that read them."""
    counts = Counter((wording(event), event.rule or "") for event in events if event.diagnostic)
    return [(text, many, formatting.name(rule) or "not recognised")
            for (text, rule), many in counts.most_common(WORDINGS)]


def domains(events: Sequence[BounceEvent]) -> list[tuple[str, int]]:
    """Returns the domains of the recipients, most frequent first."""
    counts = Counter(event.recipient.rpartition("@")[2].casefold() for event in events)
    return [(formatting.name(domain) or "–", many) for domain, many in counts.most_common(DOMAINS)]


def _incident(alert: Alert, now: datetime) -> dict[str, object]:
    return {
        "what": formatting.ALERTS[alert.kind], "link": f"/incidents/{alert.id}", "since": alert.since,
        "state": ("Ended", "") if alert.cleared
        else ("Open", "is-hold" if alert.kind is AlertKind.OUTAGE else "is-bad"),
        "when": formatting.when(alert.since, now), "because": formatting.harmless(words.because(alert.grounds), 300),
    }


ROUTES = (*routes("/providers", providers), get("/providers/{slug}", provider))
