"""Sign-ins in a browser, and the token against forged forms. Nothing is stored: a cookie holds it, signed.

A session ends with its token: the key is derived from it. https://itsdangerous.palletsprojects.com/
"""

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from starlette.requests import HTTPConnection
from starlette.responses import Response

from bounce_watcher.config.settings import WebSettings

LASTS = 12 * 3600
"""Seconds."""

_PLAIN, _SECURE = "bounce-watcher", "__Host-bounce-watcher"
_NONCE_BYTES = 16


MOST_FAILURES = 5
PAUSE = timedelta(seconds=30)


class Gate:
    """Counts failures of everybody: who guesses comes from many addresses. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures = 0
        self._closed_until: datetime | None = None

    def closed_for(self, now: datetime) -> timedelta | None:
        with self._lock:
            left = self._closed_until - now if self._closed_until else timedelta(0)
            return left if left > timedelta(0) else None

    def failed(self, now: datetime) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= MOST_FAILURES:
                self._failures, self._closed_until = 0, now + PAUSE

    def passed(self) -> None:
        with self._lock:
            self._failures = 0


@dataclass(frozen=True, slots=True)
class Session:
    nonce: str
    acts: bool


class Sessions:
    """Opens, reads and ends sessions."""

    def __init__(self, web: WebSettings | None) -> None:
        self.gate = Gate()
        self._key = _key(web)
        digest = {"digest_method": hashlib.sha256}
        self._cookie = URLSafeTimedSerializer(self._key, salt="session", signer_kwargs=digest)

    def read(self, request: HTTPConnection) -> Session | None:
        for name in (_SECURE, _PLAIN):
            try:
                told = self._cookie.loads(request.cookies.get(name, ""), max_age=LASTS)
                return Session(str(told["nonce"]), bool(told["acts"]))
            except (BadData, KeyError, TypeError):
                continue
        return None

    def open(self, response: Response, *, acts: bool, secure: bool) -> None:
        told = self._cookie.dumps({"nonce": secrets.token_urlsafe(_NONCE_BYTES), "acts": acts})
        response.set_cookie(
            _SECURE if secure else _PLAIN, str(told), max_age=LASTS, path="/", secure=secure, httponly=True,
            samesite="strict",
        )

    def end(self, response: Response) -> None:
        for name, secure in ((_SECURE, True), (_PLAIN, False)):
            response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")

    def form_token(self, session: str) -> str:
        """What a form of that session must bring along."""
        return hmac.new(self._key, b"form " + session.encode(), hashlib.sha256).hexdigest()

    def is_form_token(self, shown: str, session: str) -> bool:
        return hmac.compare_digest(shown.encode(), self.form_token(session).encode())


def _key(web: WebSettings | None) -> bytes:
    """Of the token, so that sessions live through a restart; of this process where there is none to derive it from."""
    secret = web.token.get_secret_value().encode() if web and web.token else secrets.token_bytes(32)
    return hmac.new(secret, b"bounce-watcher web session", hashlib.sha256).digest()
