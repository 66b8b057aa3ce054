"""What the platform reports about its own mail: sent and delivered. Nothing that the sender wrote goes into a log."""

from collections import Counter
from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bounce_watcher.logs import log
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations import reported
from bounce_watcher.service.operations.reported import Refuse, Rows
from bounce_watcher.web.api.v1.answers import Problem
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http.body import rows_of, whole_body

MOST_BYTES = 16 * 1024 * 1024
BODY_WITHIN = 60
"""Seconds within which a body must arrive."""
MOST_TOLD = 100
"""The most bad rows of one request that the answer lists; the others are counted."""
WRITERS = 2
"""Requests whose rows are in memory and written at a time; others wait."""

Told = dict[str, object]

_SENT = "What was sent: single mails, or how many of a day"
_DELIVERED = "What was delivered: it answers soft bounces"
_ROW = {"type": "object", "additionalProperties": True}
_BODY = {
    "application/json": {"schema": {"anyOf": [{"type": "array", "items": _ROW}, _ROW]}},
    "application/x-ndjson": {"schema": {"type": "string"}},
}


class RefusedRow(BaseModel):
    index: int
    error: str


class RowsTaken(BaseModel):
    """What became of the rows, the bad ones each with why, as far as the list goes."""

    model_config = ConfigDict(extra="allow")

    rows: int
    refused: int
    errors: list[RefusedRow]


def add_to(app: FastAPI, context: WebContext) -> None:
    """Adds POST /sent and /delivered. They read their bodies themselves: rows by the thousand, good and bad ones."""
    settings, ledger, writers = context.settings, context.ledger, CapacityLimiter(WRITERS)

    def options() -> reported.RowOptions:
        return reported.RowOptions(reported.usual_stream(settings), utcnow())

    def take_sent_rows(rows: Rows, refuse: Refuse) -> Told:
        outcome = reported.take_sent(settings, ledger, rows, options(), refuse)
        return {"new": outcome.new, "known": outcome.known, "counts": outcome.counts, "proven": outcome.proven}

    def take_delivered_rows(rows: Rows, refuse: Refuse) -> Told:
        taken, outcome = reported.take_deliveries(settings, ledger, rows, options(), refuse)
        return {"taken": taken, "reset": outcome.reset, "released": outcome.released}

    async def sent(request: Request) -> Response:
        return await to_thread.run_sync(_answer, await _body(request), take_sent_rows, limiter=writers)

    async def delivered(request: Request) -> Response:
        return await to_thread.run_sync(_answer, await _body(request), take_delivered_rows, limiter=writers)

    for path, answer, words in (("/sent", sent, _SENT), ("/delivered", delivered, _DELIVERED)):
        app.add_api_route(
            path, answer, methods=["POST"], tags=["reported"], summary=words, response_model=RowsTaken,
            openapi_extra={"requestBody": {"required": True, "content": _BODY}},
            responses={**{code: {"model": Problem} for code in (400, 408, 413, 415)}, 422: {"model": RowsTaken}},
        )


def _answer(body: bytes, take: Callable[[Rows, Refuse], Told]) -> Response:
    """Answers 200 if at least one row was good, 422 if none was, because sending it again is useless."""
    count, errors = Counter[str](), list[Told]()

    def counted(rows: Rows) -> Rows:
        for row in rows:
            count["rows"] += 1
            yield row

    def refuse(index: int, problem: str) -> None:
        count["refused"] += 1
        if count["refused"] <= MOST_TOLD:
            errors.append({"index": index, "error": problem})

    outcome = take(counted(rows_of(body)), refuse)
    rows, refused = count["rows"], count["refused"]
    log.info("rows taken", action="rows_taken", rows=rows, refused=refused)
    told = {"rows": rows, **outcome, "refused": refused, "errors": errors}
    return JSONResponse(told, 422 if refused and refused == rows else 200)


async def _body(request: Request) -> bytes:
    """Returns the whole body. Raises HTTPException if it is compressed, too large, too slow or incomplete."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "the body is compressed: send it plain")
    too_large = f"the body is larger than {MOST_BYTES // 1024**2} MiB: send fewer rows at a time"
    told = request.headers.get("content-length", "0")
    if told.isascii() and told.isdigit() and int(told[:20]) > MOST_BYTES:
        raise HTTPException(413, too_large)
    return await whole_body(request, "the body", MOST_BYTES, BODY_WITHIN, too_large)
