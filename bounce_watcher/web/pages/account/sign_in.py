"""The way in and out for a browser. A wrong, an old and a foreign token are answered alike."""

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from bounce_watcher.ledger.sessions import Role
from bounce_watcher.web.http.access import SIGN_IN
from bounce_watcher.web.request import Visit, ask, get
from bounce_watcher.web.view.formatting import age
from bounce_watcher.web.view.render import html

_WRONG = "This token is not valid."
_NO_TOKEN = "Nobody can sign in: no token is set under [web] in the configuration."


def form(visit: Visit) -> Response:
    _demand_a_token(visit)
    return _form(visit, _local(visit.query.get("next", "/")))


def sign_in(visit: Visit) -> Response:
    _demand_a_token(visit)
    wanted, throttle = _local(visit.form.get("next", "/")), visit.sessions.throttle
    if wait := throttle.wait(visit.peer, visit.now):
        return _too_many(visit, wanted, wait)
    token = visit.form.get("token", "").strip()
    if visit.sessions.role_of(token) is None:
        throttle.failed(visit.peer, visit.now, way="form", wanted=Role.READER.value)
        return _form(visit, wanted, _WRONG, 403)
    response = RedirectResponse(wanted, 303)
    if visit.viewer.session:
        visit.sessions.close(visit.viewer.session)
    visit.sessions.open(response, token, visit.now, peer=visit.peer, agent=visit.agent, secure=visit.secure)
    return response


def sign_out(visit: Visit) -> Response:
    if not visit.viewer.session:
        raise HTTPException(404, "nobody is signed in")
    response = RedirectResponse(SIGN_IN, 303)
    visit.sessions.close(visit.viewer.session)
    visit.sessions.forget(response)
    return response


def _demand_a_token(visit: Visit) -> None:
    web = visit.house.settings.web
    if web is None or web.token is None:
        raise HTTPException(404, _NO_TOKEN)


def _too_many(visit: Visit, wanted: str, wait: int) -> Response:
    answer = _form(visit, wanted, f"Too many tries from your address. Wait {age(timedelta(seconds=wait))}.", 429)
    answer.headers["Retry-After"] = str(wait)
    return answer


def _form(visit: Visit, wanted: str, error: str | None = None, status: int = 200) -> Response:
    csrf = visit.sessions.form_token(visit.viewer.asker)
    return html("sign_in.html", {"title": "Sign in", "next": wanted, "error": error, "csrf": csrf}, status)


def _local(wanted: str) -> str:
    """A path of ours, whatever the link asked for."""
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


ROUTES = (get(SIGN_IN, form), ask(SIGN_IN, sign_in), ask("/logout", sign_out))
