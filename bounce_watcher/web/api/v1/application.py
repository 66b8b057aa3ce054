"""The API as one application: its paths, its description, and its answers to bad requests."""

from collections.abc import Mapping
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.web.api.v1 import acts, lists, reported
from bounce_watcher.web.api.v1.answers import Problem
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http import failures

_PROBLEMS: Mapping[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "The body is unreadable, or an authentication field was sent twice"},
    401: {"model": Problem, "description": "No token, or a wrong one"},
    403: {"model": Problem, "description": "The caller is read-only or has no access"},
    422: {"model": Problem, "description": "A parameter or the body is invalid"},
    429: {"model": Problem, "description": "Too many wrong tokens from this address: try again after Retry-After"},
    503: {"model": Problem, "description": "The database is not reachable: try again"},
}

_TOKEN = HTTPBearer(auto_error=False, description="`token` or `read_token` under [web] in the configuration")
"""Only for the description: `web.access` checks the token."""


def api(context: WebContext) -> FastAPI:
    """Returns the API, to be mounted at /api/v1."""
    app = FastAPI(
        title="Bounce Watcher", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json",
        responses=dict(_PROBLEMS), redirect_slashes=False, dependencies=[Depends(_TOKEN)],
        exception_handlers={
            RequestValidationError: _invalid, HTTPException: failures.refused, ValueError: _wrong_value,
            TemporaryFailure: failures.away, PermanentFailure: failures.away,
        },
    )
    app.state.context = context
    app.include_router(lists.router)
    app.include_router(acts.router)
    reported.add_to(app, context)
    return app


async def _invalid(_: Request, error: Exception) -> Response:
    """Answers with the problems on one line, as `since: …`. It does not repeat what was sent."""
    assert isinstance(error, RequestValidationError)
    places = ((".".join(map(str, each["loc"][1:])) or "body", each["msg"]) for each in error.errors()[:10])
    return JSONResponse({"error": "; ".join(f"{place}: {problem}" for place, problem in places)}, 422)


async def _wrong_value(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 422)
