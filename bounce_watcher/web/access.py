"""Who may ask: with a token whoever shows it, without one this machine itself and no page in a browser on it."""

import hmac
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from bounce_watcher.config.values import is_loopback

OPEN = "/healthz"
"""The one path that asks nobody: a supervisor has no secret to show."""

_MISSING = "a token is needed: send Authorization: Bearer … with what stands under [web] in the configuration"
_FOREIGN = "without a token only this machine itself is answered, and no web page: set token under [web]"


class Access:
    """Answers 401 or 403 in place of `app` to whoever may not ask."""

    def __init__(self, app: ASGIApp, token: SecretStr | None) -> None:
        self._app = app
        self._token = token.get_secret_value().encode() if token else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = self._app
        if scope["type"] == "http" and scope["path"] != OPEN:
            answer = self._refusal(HTTPConnection(scope)) or self._app
        await answer(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> JSONResponse | None:
        if self._token is None:
            return JSONResponse({"error": _FOREIGN}, 403) if _is_foreign(request) else None
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), self._token):
            return None
        return JSONResponse({"error": _MISSING}, 401, {"WWW-Authenticate": "Bearer"})


def _is_foreign(request: HTTPConnection) -> bool:
    """A browser sends cross-site posts anywhere, with their Origin, and any name that a page's owner points at us."""
    asked = [f"//{request.headers.get('host', '')}", request.headers.get("origin")]
    return any(each is not None and not is_loopback(_host(each)) for each in asked)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
