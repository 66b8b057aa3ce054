"""Sign-ins of others, ended by hand. People end their own by signing out."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.web.request import PageRequest, post, see


def end(request: PageRequest) -> Response:
    if not request.context.ledger.sessions.end([request.path["id"]], request.actor(None)):
        raise HTTPException(404, "This session has already ended: nothing was changed.")
    return see("/settings?done=end-session#sessions")


ROUTES = (post("/sessions/{id}/end", end),)
