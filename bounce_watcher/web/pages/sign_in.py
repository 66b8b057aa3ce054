"""The way in and out for a browser. A wrong, an old and a foreign token are answered alike."""

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from bounce_watcher.web.access import SIGN_IN, Right, right_of
from bounce_watcher.web.render import html
from bounce_watcher.web.shown import age
from bounce_watcher.web.visit import Visit, ask, get

_WRONG = "This token is not valid."


def form(visit: Visit) -> Response:
    return _form(visit, _local(visit.query.get("next", "/")))


def sign_in(visit: Visit) -> Response:
    wanted = _local(visit.form.get("next", "/"))
    left = visit.sessions.gate.closed_for(visit.now)
    if left is not None:
        return _form(visit, wanted, f"Too many tries. Wait {age(left + timedelta(seconds=1))}.", 429)
    right = right_of(visit.house.settings.web, visit.form.get("token", "").strip())
    if right is None:
        visit.sessions.gate.failed(visit.now)
        return _form(visit, wanted, _WRONG, 403)
    visit.sessions.gate.passed()
    response = RedirectResponse(wanted, 303)
    visit.sessions.open(response, acts=right is Right.ACT, secure=visit.secure)
    return response


def sign_out(visit: Visit) -> Response:
    if not visit.viewer.session:
        raise HTTPException(404, "nobody is signed in")
    response = RedirectResponse(SIGN_IN, 303)
    visit.sessions.end(response)
    return response


def _form(visit: Visit, wanted: str, error: str | None = None, status: int = 200) -> Response:
    csrf = visit.sessions.form_token(visit.viewer.session)
    return html("sign_in.html", {"title": "Sign in", "next": wanted, "error": error, "csrf": csrf}, status)


def _local(wanted: str) -> str:
    """A path of ours, whatever the link asked for."""
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


ROUTES = (get(SIGN_IN, form), ask(SIGN_IN, sign_in), ask("/logout", sign_out))
