"""The web application: the API, the pages, and the middleware around both."""

from collections.abc import Callable
from http import HTTPStatus

from anyio import CapacityLimiter
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Scope

from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.web import pages
from bounce_watcher.web.api.v1.application import api
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http import failures, health, metrics
from bounce_watcher.web.http.access import API, Access
from bounce_watcher.web.http.security_headers import Headed, with_headers
from bounce_watcher.web.http.session import BrowserSessions
from bounce_watcher.web.request import LOOKERS
from bounce_watcher.web.view.render import asset

STRANGERS = 2
"""Requests of unknown senders that are handled at a time."""


def application(context: WebContext, admit: Callable[[Scope], None] | None = None) -> Starlette:
    """Returns the web application. `admit` is called for each request whose sender is known."""
    sessions = BrowserSessions(context.settings.web, context.ledger.sessions)
    routes: list[BaseRoute] = [
        *health.routes(context), metrics.route(context.settings, context.ledger, context.state),
        Mount("/api/v1", api(context)),
        Route("/static/{digest}/{name}", _static), *pages.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Headed), Middleware(Access, web=context.settings.web, sessions=sessions, admit=admit)],
        exception_handlers={
            HTTPException: _told_of_http, TemporaryFailure: _told_of_failure, PermanentFailure: _told_of_failure,
            Exception: _told_of_crash,
        },
    )
    app.state.context, app.state.sessions = context, sessions
    app.state.lookers, app.state.strangers = CapacityLimiter(LOOKERS), CapacityLimiter(STRANGERS)
    return app


async def _static(request: Request) -> Response:
    return asset(request.path_params["digest"], request.path_params["name"])


def _is_api(request: Request) -> bool:
    return request.url.path.startswith(API)


async def _told_of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if _is_api(request):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return failures.page(error.status_code, HTTPStatus(error.status_code).phrase, error.detail)


async def _told_of_failure(request: Request, error: Exception) -> Response:
    """Answers that the database is unreachable or broken: the sender keeps its rows and sends them again."""
    if _is_api(request):
        return failures.away_as_json(error)
    return failures.away(error)


async def _told_of_crash(request: Request, error: Exception) -> Response:
    return with_headers(failures.crash(request.url.path, error, as_json=_is_api(request)))
