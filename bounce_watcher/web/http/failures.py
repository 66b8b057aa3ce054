"""Error pages. They don't use the ledger, because it may be what failed."""

import secrets

from starlette.responses import JSONResponse, Response

from bounce_watcher.logs import log
from bounce_watcher.web.view.render import html


def page(status: int, title: str, what: str, request_id: str | None = None) -> Response:
    return html("trouble.html", {"title": title, "what": what, "request_id": request_id}, status)


def away(failure: Exception) -> Response:
    """Returns a page that says that the database is not reachable."""
    log.warning("page could not be made", action="page_failed", trouble=str(failure))
    return page(503, "Database not reachable", f"{failure}. Mail stays in the mailboxes meanwhile.")


def away_as_json(failure: Exception) -> Response:
    """Returns a 503 as JSON with Retry-After: the sender keeps its rows and sends them again."""
    log.warning("request could not be answered", action="request_failed", trouble=str(failure))
    return JSONResponse({"error": str(failure)}, 503, {"Retry-After": "30"})


def crash(path: str, error: Exception, *, as_json: bool) -> Response:
    """Answers a fault of ours: the log holds all of it, the reader gets the id under which it is logged."""
    request_id = secrets.token_hex(6)
    log.error("page failed", action="page_crashed", request=request_id, path=path, exc_info=error)
    if as_json:
        return JSONResponse({"error": f"this request failed, see the log for {request_id}"}, 500)
    return page(500, "Page failed", "See the service log.", request_id)
