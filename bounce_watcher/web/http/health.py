"""Paths for a supervisor: whether the service lives, and whether it is ready."""

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.web.context import WebContext


def routes(context: WebContext) -> list[Route]:
    paths = _HealthPaths(context)
    return [Route("/healthz", paths.health), Route("/readyz", paths.readiness)]


class _HealthPaths:
    def __init__(self, context: WebContext) -> None:
        self._context = context
        self._lookers = CapacityLimiter(1)

    async def health(self, _: Request) -> Response:
        """Answers 200 while the process lives and every mailbox makes progress, 503 if one is stuck."""
        stuck = self._context.stuck()
        return JSONResponse({"status": "stuck" if stuck else "ok", "stuck": len(stuck)}, 503 if stuck else 200)

    async def readiness(self, _: Request) -> Response:
        """Answers 200 while the database answers and its schema is this version's, else 503 and why."""
        try:
            await to_thread.run_sync(self._context.ledger.check, limiter=self._lookers)
        except BounceWatcherError as failure:
            return JSONResponse({"status": "not ready", "error": str(failure)}, 503)
        return JSONResponse({"status": "ok"})
