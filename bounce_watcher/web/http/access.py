"""Who may access what, by a token in the header, a session that a token opened, or a name from a trusted proxy.

With neither a token nor such a proxy configured, nobody may act, and only processes of our own user on this machine may
read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from anyio import CapacityLimiter, to_thread
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.config.values import is_loopback
from bounce_watcher.ledger.sessions import Role
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.http import failures, peers
from bounce_watcher.web.http.session import BrowserSessions, cookie_of

OPEN = frozenset({"/healthz"})
"""Paths without access control: a supervisor has no secret to show."""

SIGN_IN, STATIC = "/login", "/static/"

_READERS_OF_SESSIONS = 4

_MISSING = "token required: send Authorization: Bearer … with a token from [web] in the configuration"
_CHALLENGE = {"WWW-Authenticate": "Bearer"}
_FOREIGN = (
    "without a token only programs of this user on this machine may look, and nobody behind a proxy: set token_file "
    "under [web]"
)


@dataclass(frozen=True, slots=True)
class ReadOnlyReason:
    """Why somebody may read but not act: in a few words for a page, and as an error that says what to do."""

    short: str
    error: str


_BY_TOKEN = ReadOnlyReason("read-only token", "this token is read-only: use the one set as `token` under [web]")
_BY_NAME = ReadOnlyReason("not one of acting_users", "this user is read-only: add it to acting_users under [web]")
_WITHOUT_TOKEN = ReadOnlyReason(
    "no token is set", "without a token, HTTP access is read-only: set token_file under [web], "
    "made by `openssl rand -base64 32`, and send Authorization: Bearer …",
)


@dataclass(frozen=True, slots=True)
class Viewer:
    """The sender of a request. `name` goes into the log of actions, forms are bound to `asker`.

    `session` is the id of a sign-in, "" if there is none. `limit` applies to readers.
    """

    name: str
    role: Role
    asker: str
    session: str = ""
    limit: ReadOnlyReason = _BY_TOKEN

    @property
    def may_act(self) -> bool:
        return self.role is Role.OPERATOR


NOBODY = Viewer("nobody", Role.READER, "nobody")
"""Anybody who is not known; they see the sign-in page."""


class _AccessDenied(Exception):
    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        self.response = JSONResponse({"error": error}, status, headers)


class Access:
    """Middleware that sets the Viewer as `scope["viewer"]`, or answers 4xx or a redirect to the sign-in.

    `admit` is called for each request whose sender is known.
    """

    def __init__(
        self, app: ASGIApp, web: WebSettings | None, sessions: BrowserSessions, admit: Callable[[Scope], None]
    ) -> None:
        self._app = app
        self._web = web
        self._has_token = web is not None and web.token is not None
        self._sessions = sessions
        self._admit = admit
        self._readers = CapacityLimiter(_READERS_OF_SESSIONS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._app
        if scope["type"] == "http" and scope["path"] not in OPEN:
            answer = await self._refusal(HTTPConnection(scope)) or self._app
        await answer(scope, receive, send)

    async def _refusal(self, request: HTTPConnection) -> Response | None:
        """Returns the answer that replaces the requested one; None if the request may proceed."""
        changes = request.scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        if changes and _is_cross_site(request):
            return JSONResponse({"error": "request from another site refused"}, 403)
        try:
            viewer = await self._viewer(request, wanted=Role.OPERATOR if changes else Role.READER)
        except _AccessDenied as refused:
            return refused.response
        except BounceWatcherError as failure:
            return await failures.away(request, failure)
        request.scope["viewer"] = viewer
        if viewer is None:
            return self._unknown(request)
        self._admit(request.scope)
        if changes and not viewer.may_act and failures.is_api(request):
            return JSONResponse({"error": viewer.limit.error}, 403)
        return None  # a page shows by itself what its reader may not do

    async def _viewer(self, request: HTTPConnection, wanted: Role) -> Viewer | None:
        """Returns the sender, None if unknown. Raises _AccessDenied for a wrong token, or after too many."""
        if request.url.path.startswith(STATIC):
            return None
        named = self._of_proxy(request)
        shown = _bearer(request)
        if shown is not None:
            # A proxy that signs people in may pass on a token of its own, which is not a guess at ours.
            found = self._of_token(shown) if named else self._of_token_or_refused(request, shown, wanted)
            if found is not None:
                return found
        return named or await self._of_session(request) or self._of_this_machine(request)

    def _of_token(self, shown: str) -> Viewer | None:
        role = self._sessions.role_of(shown)
        return Viewer("API token", role, f"token {role}") if role else None

    def _of_token_or_refused(self, request: HTTPConnection, shown: str, wanted: Role) -> Viewer | None:
        if not self._has_token:
            return None
        peer, throttle = peers.peer_of(request, self._web), self._sessions.throttle
        if wait := throttle.wait(peer, utcnow()):
            told = "too many wrong tokens from this address: try again later"
            raise _AccessDenied(429, told, {"Retry-After": str(wait)})
        found = self._of_token(shown)
        if found is None:
            throttle.failed(peer, utcnow(), way="bearer", wanted=wanted.value)
            raise _AccessDenied(401, _MISSING, _CHALLENGE)
        return found

    def _of_proxy(self, request: HTTPConnection) -> Viewer | None:
        web = self._web
        if web is None or web.user_header is None or not peers.comes_from_proxy(request, web):
            return None
        name = _only(request, web.user_header).strip()
        if not name:
            return None
        role = Role.OPERATOR if name in web.acting_users else Role.READER
        return Viewer(name[:100], role, f"user {name}", limit=_BY_NAME)

    async def _of_session(self, request: HTTPConnection) -> Viewer | None:
        shown = cookie_of(request)
        if shown is None or not self._has_token:
            return None
        found = await to_thread.run_sync(self._sessions.read, shown, utcnow(), limiter=self._readers)
        return Viewer(f"signed in ({found.id})", found.role, f"session {shown}", found.id) if found else None

    def _of_this_machine(self, request: HTTPConnection) -> Viewer | None:
        """Returns a reader for a process of our user on this machine, if neither tokens nor a proxy identify people."""
        if self._has_token or (self._web is not None and self._web.user_header is not None):
            return None
        if _is_foreign(request) or peers.was_forwarded(request) or not peers.is_of_our_user(request):
            return None
        return Viewer("local", Role.READER, "local", limit=_WITHOUT_TOKEN)

    def _unknown(self, request: HTTPConnection) -> Response | None:
        path = request.url.path
        if path.startswith(STATIC):
            return None
        if not self._has_token:
            header = self._web.user_header if self._web else None
            error, status = (f"the proxy sends no user: set {header}", 401) if header else (_FOREIGN, 403)
            return JSONResponse({"error": error}, status)
        if path == SIGN_IN:
            return None
        if failures.is_api(request):
            return JSONResponse({"error": _MISSING}, 401, _CHALLENGE)
        if request.scope["method"] != "GET":
            answer = failures.page(401, "Sign in again", "No valid session. Nothing was changed.")
            answer.headers.update(_CHALLENGE)
            return answer
        wanted = path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"{SIGN_IN}?next={quote(wanted, safe='')}", 303)


def _only(request: HTTPConnection, name: str) -> str:
    """Returns the value of a field, "" if it is missing.

    Raises _AccessDenied for two values, because it is unknown which one the proxy set.
    """
    values = request.headers.getlist(name)
    if len(values) > 1:
        raise _AccessDenied(400, f"{name} was sent twice: send it once")
    return values[0] if values else ""


def _bearer(request: HTTPConnection) -> str | None:
    """Returns the bearer token (RFC 6750 section 2.1); None if there is none."""
    scheme, _, shown = _only(request, "authorization").partition(" ")
    return shown.strip() if scheme.lower() == "bearer" else None


def _is_cross_site(request: HTTPConnection) -> bool:
    """Checks whether another site caused the request. Browsers say so; other clients say nothing."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in {"same-origin", "none"}
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2].lower() != request.headers.get("host", "").lower()


def _is_foreign(request: HTTPConnection) -> bool:
    """Checks whether Host or Origin names another machine.

    A browser sends cross-site posts anywhere, with their Origin, and under any name that a page's owner points at us.
    """
    asked = [f"//{request.headers.get('host', '')}", request.headers.get("origin")]
    return any(each is not None and not is_loopback(_host(each)) for each in asked)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
