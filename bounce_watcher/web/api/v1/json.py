"""JSON as the shell writes it: times in UTC with Z, any other value that JSON lacks as its text."""

import json
from datetime import UTC, datetime
from typing import Any

from starlette.responses import JSONResponse


class _JsonAnswer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_value, separators=(",", ":")).encode()  # ASCII: lone surrogates stay so


def json_answer(content: Any, status: int = 200) -> JSONResponse:
    return _JsonAnswer(content, status)


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)
