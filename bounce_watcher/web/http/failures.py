"""Answers to what failed: JSON for programs, else a page. They don't use the ledger, because it may be what failed."""

import secrets
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, Response

from bounce_watcher.logs import log
from bounce_watcher.web.view.render import html

API = ("/api/", "/metrics", "/readyz", "/healthz")
"""Paths for programs, which get JSON answers."""


def is_api(request: HTTPConnection) -> bool:
    return request.url.path.startswith(API)


def page(status: int, title: str, what: str, request_id: str | None = None) -> Response:
    return html("trouble.html", {"title": title, "what": what, "request_id": request_id}, status)


async def refused(request: HTTPConnection, error: Exception) -> Response:
    """Answers an HTTPException."""
    assert isinstance(error, HTTPException)
    if is_api(request):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return page(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)


async def away(request: HTTPConnection, failure: Exception) -> Response:
    """Answers that the database is unreachable or broken. Retry-After: senders keep their rows and send them again."""
    if is_api(request):
        log.warning("request could not be answered", action="request_failed", trouble=str(failure))
        return JSONResponse({"error": str(failure)}, 503, {"Retry-After": "30"})
    log.warning("page could not be made", action="page_failed", trouble=str(failure))
    return page(503, "Database not reachable", f"{failure}. Mail stays in the mailboxes meanwhile.")


def crash(request: HTTPConnection, error: Exception) -> Response:
    """Answers a fault of ours: the log holds all of it, the reader gets the id under which it is logged."""
    request_id = secrets.token_hex(6)
    log.error("page failed", action="page_crashed", request=request_id, path=request.url.path, exc_info=error)
    if is_api(request):
        return JSONResponse({"error": f"this request failed, see the log for {request_id}"}, 500)
    return page(500, "Page failed", "See the service log.", request_id)
