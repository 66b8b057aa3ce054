"""Who may ask, and for what: a token in the header, a session that a token opened, a name from a trusted proxy.

Without any of them set this machine itself is answered, and no page of anybody else's in a browser on it.
"""

import hmac
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import quote, urlsplit

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.config.values import is_loopback
from bounce_watcher.web.session import Sessions

OPEN = frozenset({"/healthz"})
"""Paths that ask nobody: a supervisor has no secret to show."""

API = ("/api/", "/metrics", "/readyz", "/healthz")
"""What programs ask: they are answered in JSON."""
SIGN_IN, STATIC = "/login", "/static/"

_MISSING = "a token is needed: send Authorization: Bearer … with what stands under [web] in the configuration"
_FOREIGN = "without a token only this machine itself is answered, and no web page: set token under [web]"
_READ_ONLY = "this token may look and not change anything: send the one that is set as `token` under [web]"
_CROSS_SITE = "this request came from another site's page and was not carried out"


class Right(IntEnum):
    READ = 1
    ACT = 2


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. `name` stands in the log of actions; `session` tells sign-ins apart, "" where there is none."""

    name: str
    right: Right
    session: str = ""

    @property
    def may_act(self) -> bool:
        return self.right >= Right.ACT


class Access:
    """Hands `app` the Viewer as `scope["viewer"]`; answers 401, 403 or the way to the sign-in in its place."""

    def __init__(self, app: ASGIApp, web: WebSettings | None, sessions: Sessions) -> None:
        self._app = app
        self._web = web
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["path"] not in OPEN:
            request = HTTPConnection(scope)
            viewer = self._viewer(request)
            scope["viewer"] = viewer
            answer = self._refusal(request, viewer) or self._app
        await answer(scope, receive, send)

    def _viewer(self, request: HTTPConnection) -> Viewer | None:
        web = self._web
        if web is None or (web.token is None and web.user_header is None):
            return None if _is_foreign(request) else Viewer("local", Right.ACT)
        return self._of_token(request) or self._of_proxy(request) or self._of_session(request)

    def _of_token(self, request: HTTPConnection) -> Viewer | None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        right = right_of(self._web, shown.strip()) if scheme.lower() == "bearer" else None
        return Viewer("API token", right) if right else None

    def _of_proxy(self, request: HTTPConnection) -> Viewer | None:
        web = self._web
        if web is None or web.user_header is None or not _comes_from(request, web.trusted_proxies):
            return None
        name = request.headers.get(web.user_header, "").strip()
        if not name:
            return None
        acts = web.acting_users is None or name in web.acting_users
        return Viewer(name[:100], Right.ACT if acts else Right.READ)

    def _of_session(self, request: HTTPConnection) -> Viewer | None:
        found = self._sessions.read(request)
        return Viewer("signed in", Right.ACT if found.acts else Right.READ, found.nonce) if found else None

    def _refusal(self, request: HTTPConnection, viewer: Viewer | None) -> Response | None:
        changes = request.scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        is_api = request.url.path.startswith(API)
        if changes and _is_cross_site(request):
            return JSONResponse({"error": _CROSS_SITE}, 403)
        if viewer is None:
            return self._unknown(request, is_api)
        if changes and not viewer.may_act and is_api:
            return JSONResponse({"error": _READ_ONLY}, 403)
        return None  # a page tells by itself what its reader may not do

    def _unknown(self, request: HTTPConnection, is_api: bool) -> Response | None:
        path = request.url.path
        if self._web is None or self._web.token is None:
            if self._web is None or self._web.user_header is None:
                return JSONResponse({"error": _FOREIGN}, 403)
            return JSONResponse({"error": f"the proxy tells no user: set {self._web.user_header}"}, 401)
        if path == SIGN_IN or path.startswith(STATIC):
            return None
        if is_api or request.scope["method"] != "GET":
            return JSONResponse({"error": _MISSING}, 401, {"WWW-Authenticate": "Bearer"})
        wanted = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", 303)


def right_of(web: WebSettings | None, shown: str) -> Right | None:
    """What a token allows; None where it is none of ours."""
    tokens = ((web.token, Right.ACT), (web.read_token, Right.READ)) if web else ()
    return next((right for token, right in tokens if _is(token, shown)), None)


def _is(token: SecretStr | None, shown: str) -> bool:
    return token is not None and hmac.compare_digest(shown.encode(), token.get_secret_value().encode())


def _comes_from(request: HTTPConnection, proxies: frozenset[str]) -> bool:
    return request.client is not None and request.client.host in proxies


def is_secure(request: HTTPConnection, web: WebSettings | None) -> bool:
    """Whether the browser speaks TLS, as a trusted proxy tells."""
    if web is None or not _comes_from(request, web.trusted_proxies):
        return False
    return request.headers.get("x-forwarded-proto", "").lower() == "https"


def _is_cross_site(request: HTTPConnection) -> bool:
    """A browser tells where a request comes from; what is no browser tells nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()


def _is_foreign(request: HTTPConnection) -> bool:
    """A browser sends cross-site posts anywhere, with their Origin, and any name that a page's owner points at us."""
    asked = [f"//{request.headers.get('host', '')}", request.headers.get("origin")]
    return any(each is not None and not is_loopback(_host(each)) for each in asked)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
