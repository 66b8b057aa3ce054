"""Sign-ins of others, ended by hand. Their own people end by signing out."""

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.web.request import Visit, post, see


def end(visit: Visit) -> Response:
    if not visit.house.ledger.sessions.end([visit.path["id"]], visit.actor(None)):
        raise HTTPException(404, "This session is over already: nothing was changed.")
    return see("/settings?done=end-session#sessions")


ROUTES = (post("/sessions/{id}/end", end),)
