"""Who did what by hand, when and why, the newest first."""

from starlette.responses import Response

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.db.query import FilterField, Query
from bounce_watcher.web.pages.recipients.recipient import ACTIONS
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.listing import Column, Download, Filter
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.words.formatting import harmless

_PAGE_KEY = (int,)

FILTERS = (
    Filter(FilterField.ACTOR, "By"),
    Filter(FilterField.ACTION, "Action", lambda value: ACTIONS.get(value, harmless(value, 60))),
)

DOWNLOAD: Download[LoggedAction] = Download("log", (
    Column("When", lambda done: done.at),
    Column("Who", lambda done: done.actor),
    Column("What", lambda done: ACTIONS.get(done.action, done.action)),
    Column("To", lambda done: done.subject),
    Column("How many", lambda done: done.count),
    Column("Why", lambda done: done.because),
), lambda done: {
    "id": done.number, "type": "action", "at": done.at, "by": done.actor, "action": done.action,
    "subject": done.subject, "count": done.count, "because": done.because,
})


def log(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    wanted = Query(asked.choices, asked.since, asked.until)
    ledger = request.context.ledger
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, ledger.log.all(wanted))
    page = ledger.log.page(wanted, listing.place(request, _PAGE_KEY))
    return request.page(
        "log.html", "Log", asked=asked, pager=listing.pager(request, page), exports=listing.exports(request),
        rows=[(done, ACTIONS.get(done.action, done.action), _subject(request, done)) for done in page.rows],
    )


def _subject(request: PageRequest, done: LoggedAction) -> tuple[str, str | None]:
    """Returns the subject of an action and its link: a recipient is shown as its address, anything else by its name."""
    address = request.context.ledger.names.address(done.subject)
    if address is not None and address.find("@") > 0:
        return harmless(address, 320), f"/recipients/{done.subject}"
    return harmless(done.subject, 200), None


ROUTES = (get("/log", log), get("/log.csv", log), get("/log.jsonl", log))
