"""The web application: the API, the pages, health, and the middleware around all of them."""

from collections.abc import Callable, Mapping

from anyio import CapacityLimiter, to_thread
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.model.schema import SchemaMismatch
from bounce_watcher.web import pages
from bounce_watcher.web.api.v1.application import api
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http import failures, metrics
from bounce_watcher.web.http.access import Access
from bounce_watcher.web.http.session import BrowserSessions
from bounce_watcher.web.request import LOOKERS
from bounce_watcher.web.view.render import asset
from bounce_watcher.words import differences

STRANGERS = 2
"""Requests of unknown senders that are handled at a time."""
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "Referrer-Policy": "same-origin",  # with "no-referrer" browsers send our own forms with Origin: null
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cache-Control": "no-store",
}
"""The security headers of every answer, page or API: with them browsers treat an answer only as what it is."""


def application(context: WebContext, admit: Callable[[Scope], None] = lambda _: None) -> Starlette:
    """Returns the web application. `admit` is called for each request whose sender is known."""
    sessions = BrowserSessions(context.settings.web, context.ledger.sessions)
    routes: list[BaseRoute] = [
        *_health_routes(context), metrics.route(context.settings, context.ledger, context.state),
        Mount("/api/v1", api(context)),
        Route("/static/{digest}/{name}", _static), *pages.ROUTES,
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Headed), Middleware(Access, web=context.settings.web, sessions=sessions, admit=admit)],
        exception_handlers={
            HTTPException: failures.refused, TemporaryFailure: failures.away, PermanentFailure: failures.away,
            Exception: _crashed,
        },
    )
    app.state.context, app.state.sessions = context, sessions
    app.state.lookers, app.state.strangers = CapacityLimiter(LOOKERS), CapacityLimiter(STRANGERS)
    return app


async def _static(request: Request) -> Response:
    return asset(request.path_params["digest"], request.path_params["name"])


async def _crashed(request: Request, error: Exception) -> Response:
    """Answers a crash. The answer passes no middleware."""
    response = failures.crash(request, error)
    _put(response.headers)
    return response


def _health_routes(context: WebContext) -> list[Route]:
    """Returns the paths for a supervisor: whether the service lives, and whether it is ready."""
    one_at_a_time = CapacityLimiter(1)

    async def health(_: Request) -> Response:
        """Answers 200 while the process lives and every mailbox makes progress, 503 if one is stuck."""
        stuck = context.stuck()
        return JSONResponse({"status": "stuck" if stuck else "ok", "stuck": len(stuck)}, 503 if stuck else 200)

    async def readiness(_: Request) -> Response:
        """Answers 200 while the database answers and its schema is this version's, else 503 and why."""
        try:
            await to_thread.run_sync(context.ledger.check, limiter=one_at_a_time)
        except SchemaMismatch as failure:
            found = list(map(differences.told, failure.differences))
            return JSONResponse({"status": "not ready", "error": str(failure), "differences": found}, 503)
        except BounceWatcherError as failure:
            return JSONResponse({"status": "not ready", "error": str(failure)}, 503)
        return JSONResponse({"status": "ok"})

    return [Route("/healthz", health), Route("/readyz", readiness)]


class Headed:
    """Middleware that adds the headers to each answer of `app`. Headers that the answer already has stay."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _put(MutableHeaders(scope=message))
            await send(message)

        await self._app(scope, receive, headed if scope["type"] == "http" else send)


def _put(headers: MutableHeaders) -> None:
    for name, value in HEADERS.items():
        headers.setdefault(name, value)
