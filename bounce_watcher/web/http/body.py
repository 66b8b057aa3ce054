"""The body of a request, within limits; and as rows: a JSON array, one JSON object, or one per line (NDJSON)."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from bounce_watcher.service.operations.reported import Rows

_NO_OBJECT = "is not a JSON object; write a row as {\"recipient\": \"user@example.org\", …}"


async def whole_body(request: Request, name: str, most: int, within: float, too_large: str) -> bytes:
    """Returns the body, which errors call `name`. Raises HTTPException if it exceeds `most` bytes, is not complete
    within `within` seconds or breaks off."""
    body = bytearray()
    try:
        async with asyncio.timeout(within):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise HTTPException(413, too_large)
    except TimeoutError:
        raise HTTPException(408, f"{name} did not arrive within {within:g} seconds") from None
    except ClientDisconnect:
        raise HTTPException(400, f"{name} is incomplete") from None
    return bytes(body)


def rows_of(body: bytes) -> Rows:
    """Returns each row with its index, from 0; bad rows as ValueErrors. Raises HTTPException if there are no rows."""
    text = body.decode("utf-8-sig", "replace").strip()
    if not text:
        raise HTTPException(400, "the body is empty: send a JSON array of rows, or one JSON object a line")
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not text.startswith("{"):
            raise HTTPException(400, f"the body is not JSON: {_told(error)}") from None
        return _lines(text)
    return enumerate(map(_row, whole if isinstance(whole, list) else [whole]))


def _lines(text: str) -> Iterator[tuple[int, Any]]:
    """Yields the row on each line. Empty lines are skipped and have no index."""
    for index, line in enumerate(filter(str.strip, text.split("\n"))):
        try:
            yield index, _row(json.loads(line))
        except (ValueError, RecursionError) as error:
            yield index, ValueError(f"is not JSON: {_told(error)}")


def _row(value: object) -> Any:
    return value if isinstance(value, dict) else ValueError(_NO_OBJECT)


def _told(error: Exception) -> str:
    """Describes where the JSON is wrong, without quoting it."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at line {error.lineno}, column {error.colno}"
    return "it is nested too deeply" if isinstance(error, RecursionError) else "a number is too long"
