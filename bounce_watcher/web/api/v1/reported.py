"""What the platform reports about its own mail: sent and delivered. Nothing that the sender wrote goes into a log."""

import asyncio
from collections.abc import Callable
from typing import Any

from anyio import CapacityLimiter, to_thread
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from bounce_watcher.logs import log
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations.reported import RowOptions, Rows, take_deliveries, take_sent, usual_stream
from bounce_watcher.web.api.v1.answers import Problem
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http.body import UnreadableError, rows_of

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
    paths = _ReportPaths(context)
    for path, answer, words in (("/sent", paths.sent, _SENT), ("/delivered", paths.delivered, _DELIVERED)):
        app.add_api_route(
            path, answer, methods=["POST"], tags=["reported"], summary=words, response_model=RowsTaken,
            openapi_extra={"requestBody": {"required": True, "content": _BODY}},
            responses={**{code: {"model": Problem} for code in (400, 408, 413, 415)}, 422: {"model": RowsTaken}},
        )


class _ReportPaths:
    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._writers = CapacityLimiter(WRITERS)

    async def sent(self, request: Request) -> Response:
        return await self._taken(request, self._take_sent)

    async def delivered(self, request: Request) -> Response:
        return await self._taken(request, self._take_deliveries)

    async def _taken(self, request: Request, take: "Callable[[Rows, _RefusedRows], Told]") -> Response:
        body = await _body(request)
        return await to_thread.run_sync(_answer, body, take, limiter=self._writers)

    def _reading(self) -> RowOptions:
        return RowOptions(usual_stream(self._context.settings), utcnow())

    def _take_sent(self, rows: Rows, refused: "_RefusedRows") -> Told:
        outcome = take_sent(self._context.settings, self._context.ledger, rows, self._reading(), refused)
        return {"new": outcome.new, "known": outcome.known, "counts": outcome.counts, "proven": outcome.proven}

    def _take_deliveries(self, rows: Rows, refused: "_RefusedRows") -> Told:
        context = self._context
        taken, outcome = take_deliveries(context.settings, context.ledger, rows, self._reading(), refused)
        return {"taken": taken, "reset": outcome.reset, "released": outcome.released}


class _RefusedRows:
    """The first bad rows, and how many there were."""

    def __init__(self) -> None:
        self.number = 0
        self.told: list[Told] = []

    def __call__(self, index: int, problem: str) -> None:
        self.number += 1
        if self.number <= MOST_TOLD:
            self.told.append({"index": index, "error": problem})


def _answer(body: bytes, take: Callable[[Rows, _RefusedRows], Told]) -> Response:
    """Answers 200 if at least one row was good, 422 if none was, because sending it again is useless."""
    refused = _RefusedRows()
    try:
        counted = _Counted(rows_of(body))
    except UnreadableError as error:
        return JSONResponse({"error": str(error)}, 400)
    outcome = take(counted, refused)
    log.info("rows taken", action="rows_taken", rows=counted.number, refused=refused.number)
    told = {"rows": counted.number, **outcome, "refused": refused.number, "errors": refused.told}
    return JSONResponse(told, 422 if refused.number and refused.number == counted.number else 200)


class _Counted:
    """Rows that are counted as they are read."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self.number = 0

    def __iter__(self) -> Any:
        for row in self._rows:
            self.number += 1
            yield row


async def _body(request: Request) -> bytes:
    """Returns the whole body. Raises HTTPException if it is compressed, too large, too slow or incomplete."""
    if request.headers.get("content-encoding", "identity") != "identity":
        raise HTTPException(415, "the body is compressed: send it plain")
    told = request.headers.get("content-length", "0")
    if told.isascii() and told.isdigit() and int(told[:20]) > MOST_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise _too_large()
    except TimeoutError:
        raise HTTPException(408, f"the body did not arrive within {BODY_WITHIN} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, "the body is incomplete") from None
    return bytes(body)


def _too_large() -> HTTPException:
    return HTTPException(413, f"the body is larger than {MOST_BYTES // 1024**2} MiB: send fewer rows at a time")
