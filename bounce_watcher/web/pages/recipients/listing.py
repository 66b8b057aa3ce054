"""Addresses whose state has changed, the last change first."""

from datetime import datetime

from starlette.responses import Response

from bounce_watcher.ledger.db.paging import Page, TookTooLong
from bounce_watcher.ledger.db.query import FilterField, Query
from bounce_watcher.ledger.lists.browse import RecipientStanding
from bounce_watcher.model.ledger import State
from bounce_watcher.web.pages.recipients.events import REASONS
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.listing import Column, Download, Filter
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import harmless
from bounce_watcher.words.rows import explained

_PAGE_KEY = (datetime, int)

FILTERS = (
    Filter(FilterField.STATE, "State", lambda value: formatting.STATES[State(value)][0] if value in {*State} else value,
           tuple(each.value for each in State)),
    Filter(FilterField.REASON, "Reason",
           lambda value: formatting.reason(value) if value in REASONS else harmless(value, 60)),
    Filter(FilterField.STREAM, "Stream"),
    Filter(FilterField.PROVIDER, "Provider", formatting.provider),
    Filter(FilterField.DOMAIN, "Domain"),
)


def _until(row: RecipientStanding) -> object:
    return "for good" if row.until is None and row.state in {State.SUPPRESSED, State.PENDING} else row.until


DOWNLOAD: Download[RecipientStanding] = Download("recipients", (
    Column("Address", lambda row: row.recipient),
    Column("State", lambda row: formatting.STATES[row.state][0]),
    Column("Because", lambda row: words.text(row.grounds)),
    Column("Reason", lambda row: row.reason),
    Column("Stream", lambda row: row.stream),
    Column("Since", lambda row: row.at),
    Column("Until", _until),
    Column("Bounces, 30 days", lambda row: row.bounces),
), lambda row: {
    "id": f"{row.recipient}/{row.stream}", "type": "recipient", "recipient": row.recipient, "stream": row.stream,
    "state": row.state, **explained(row.grounds), "reason": row.reason, "since": row.at, "until": row.until,
    "scope": row.scope, "bounces": row.bounces,
})


def recipients(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    wanted = Query(asked.choices, asked.since, asked.until)
    ledger = request.context.ledger
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, ledger.browsing.all_recipients(wanted, request.now))
    page: Page[RecipientStanding] = Page(())
    found, is_late = None, False
    if not asked.problem:
        try:
            page = ledger.browsing.recipient_page(wanted, listing.place(request, _PAGE_KEY), request.now)
            found = None if page.looked_back_to else ledger.browsing.recipient_facets(wanted)
        except TookTooLong:
            is_late = True
    return request.page(
        "recipients.html", "Recipients", asked=asked, heading=listing.counted(found, "recipient", "recipients"),
        rows=[(each, request.rid_of(each.recipient)) for each in page.rows], pager=listing.pager(request, page),
        late=is_late, facets=listing.facets(request, FILTERS, found), uncounted=found is None and not asked.problem,
        counted=found.total if found and found.more else None,
        exports=listing.exports(request), by=FilterField,
        states=[(each.value, formatting.STATES[each][0]) for each in State],
        reasons=[(value, formatting.reason(value)) for value in REASONS], times=listing.times_of(request, asked),
        range=request.query.get("range", ""), release=listing.address("/recipients/release", listing.kept(request)),
        domain=wanted.only(FilterField.DOMAIN),
    )


ROUTES = (
    get("/recipients", recipients), get("/recipients.csv", recipients), get("/recipients.jsonl", recipients),
)
