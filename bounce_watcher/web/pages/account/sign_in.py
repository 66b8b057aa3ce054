"""Sign-in and sign-out for browsers. A wrong, an old and a foreign token get the same answer."""

from datetime import timedelta
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from bounce_watcher.ledger.sessions import Role
from bounce_watcher.web.http.access import SIGN_IN
from bounce_watcher.web.request import PageRequest, ask, get
from bounce_watcher.web.view.render import html
from bounce_watcher.words.formatting import age

_WRONG = "This token is not valid."
_NO_TOKEN = "Sign-in is off: no token is set under [web] in the configuration."


def form(request: PageRequest) -> Response:
    _demand_a_token(request)
    return _form(request, _local(request.query.get("next", "/")))


def sign_in(request: PageRequest) -> Response:
    _demand_a_token(request)
    wanted, throttle = _local(request.form.get("next", "/")), request.sessions.throttle
    if wait := throttle.wait(request.peer, request.now):
        return _too_many(request, wanted, wait)
    token = request.form.get("token", "").strip()
    if request.sessions.role_of(token) is None:
        throttle.failed(request.peer, request.now, way="form", wanted=Role.READER.value)
        return _form(request, wanted, _WRONG, 403)
    response = RedirectResponse(wanted, 303)
    if request.viewer.session:
        request.sessions.close(request.viewer.session)
    request.sessions.open(response, token, request.now, peer=request.peer, agent=request.agent, secure=request.secure)
    return response


def sign_out(request: PageRequest) -> Response:
    if not request.viewer.session:
        raise HTTPException(404, "nobody is signed in")
    response = RedirectResponse(SIGN_IN, 303)
    request.sessions.close(request.viewer.session)
    request.sessions.forget(response)
    return response


def _demand_a_token(request: PageRequest) -> None:
    web = request.context.settings.web
    if web is None or web.token is None:
        raise HTTPException(404, _NO_TOKEN)


def _too_many(request: PageRequest, wanted: str, wait: int) -> Response:
    answer = _form(request, wanted, f"Too many tries from your address. Wait {age(timedelta(seconds=wait))}.", 429)
    answer.headers["Retry-After"] = str(wait)
    return answer


def _form(request: PageRequest, wanted: str, error: str | None = None, status: int = 200) -> Response:
    csrf = request.sessions.form_token(request.viewer.asker)
    return html("sign_in.html", {"title": "Sign in", "next": wanted, "error": error, "csrf": csrf}, status)


def _local(wanted: str) -> str:
    """Returns `wanted` if it is a path of ours, else "/"."""
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


ROUTES = (get(SIGN_IN, form), ask(SIGN_IN, sign_in), ask("/logout", sign_out))
