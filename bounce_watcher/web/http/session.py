"""Sign-ins in a browser, the throttling of failed ones, and the token against forged forms. Nothing that a browser
gets reveals an access token.

A session is a row of the ledger and a secret in a cookie (ledger.sessions). It ends with the token that opened it.
"""

import hashlib
import hmac
import re
import threading
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime, timedelta
from math import ceil

from pydantic import SecretStr
from starlette.requests import HTTPConnection
from starlette.responses import Response

from bounce_watcher.config.settings import WebSettings
from bounce_watcher.ledger.sessions import LASTS, Role, Sessions, WebSession
from bounce_watcher.logs import log
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.web.http.peers import network_of

_PLAIN, _SECURE = "bounce-watcher", "__Host-bounce-watcher"
_SHOWN = re.compile(r"[A-Za-z0-9_-]{43}")

BURST = 10
"""The failures of one peer that are answered at once."""
PACE = timedelta(seconds=10)
"""The time until the peer gets one more try."""
MOST_PEERS = 10_000
"""The most peers remembered. Those that failed longest ago are forgotten first."""


class Throttle:
    """Counts failures of each peer, IPv6 by /64. A peer without tries left is refused, whatever token it shows.

    So it learns nothing about its guesses: checking the token first and then refusing would tell. Each failure is one
    line in the log, made for fail2ban (README, Dashboard). Thread-safe.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._spent: OrderedDict[str, tuple[float, datetime]] = OrderedDict()

    def wait(self, peer: str, now: datetime) -> int:
        """Returns the seconds until the peer may try again; 0 if it may now."""
        with self._lock:
            too_many = self._now_spent(network_of(peer), now) - (BURST - 1)
        return max(0, ceil(too_many * PACE.total_seconds()))

    def failed(self, peer: str, now: datetime, *, way: str, wanted: str) -> None:
        """Records a wrong token. `way` is how it was sent, `wanted` what for: both are fixed words of ours."""
        network = network_of(peer)
        with self._lock:
            self._spent[network] = (self._now_spent(network, now) + 1, now)
            self._spent.move_to_end(network)
            if len(self._spent) > MOST_PEERS:
                self._spent.popitem(last=False)
        log.warning("authentication failed", action="auth_failed", peer=peer, way=way, wanted=wanted)

    def _now_spent(self, network: str, now: datetime) -> float:
        """Returns the used tries that have not come back yet. A clock that was set back forgives them all."""
        spent, at = self._spent.get(network, (0.0, now))
        return max(0.0, spent - (now - at) / PACE) if at <= now else 0.0


class BrowserSessions:
    """Opens, reads and ends sessions. Methods that ask the ledger raise TemporaryFailure while it is away."""

    def __init__(self, web: WebSettings | None, stored: Sessions) -> None:
        self.throttle = Throttle()
        self.stored = stored
        named = ((web.token, Role.OPERATOR), (web.read_token, Role.READER)) if web else ()
        self._tokens = [(token, role) for token, role in named if token is not None]

    def read(self, shown: str, now: datetime) -> WebSession | None:
        """Returns the session of a cookie, if the token that opened it is still set for the same role; else None."""
        found = self.stored.find(shown, now)
        if found is None or not any(
            role is found.role and hmac.compare_digest(self._fingerprint(token), found.opened_by)
            for token, role in self._tokens
        ):
            return None
        with suppress(TemporaryFailure):  # another process may be writing for long
            self.stored.touch(found, now)
        return found

    def role_of(self, shown: str) -> Role | None:
        """Returns the role of a token; None if it is not one of ours."""
        asked = shown.encode("utf-8", "surrogatepass")
        return next((
            role for token, role in self._tokens if hmac.compare_digest(asked, token.get_secret_value().encode())
        ), None)

    def open(self, response: Response, token: str, now: datetime, *, peer: str, agent: str, secure: bool) -> None:
        """Signs in with a token, which must be one of ours."""
        role = self.role_of(token)
        assert role is not None
        made, shown = self.stored.open(role, self._fingerprint(SecretStr(token)), now, peer=peer, agent=agent)
        log.info("signed in", action="signed_in", session=made.id, role=role.value, peer=peer)
        response.set_cookie(
            _SECURE if secure else _PLAIN, shown, max_age=int(LASTS.total_seconds()), path="/", secure=secure,
            httponly=True, samesite="strict",
        )

    def close(self, session: str) -> None:
        """Signs out."""
        self.stored.sign_out(session)
        log.info("signed out", action="signed_out", session=session)

    def forget(self, response: Response) -> None:
        """Deletes the cookie."""
        for name, secure in ((_SECURE, True), (_PLAIN, False)):
            response.delete_cookie(name, path="/", secure=secure, httponly=True, samesite="strict")

    def end_stale(self) -> None:
        """Ends sessions whose token is no longer in the configuration. Restoring the token does not restore them."""
        ended = self.stored.keep([(role, self._fingerprint(token)) for token, role in self._tokens])
        if ended:
            log.info("sessions ended: their token is no longer set", action="sessions_ended", count=ended)

    def form_token(self, asker: str) -> str:
        """Returns the token that a form shown to `asker` (a Viewer's) must send back."""
        return self._keyed("form", asker)

    def is_form_token(self, shown: str, asker: str) -> bool:
        return hmac.compare_digest(shown.encode(), self.form_token(asker).encode())

    def _fingerprint(self, token: SecretStr) -> str:
        return self._keyed("token", token.get_secret_value())

    def _keyed(self, purpose: str, text: str) -> str:
        said = f"{purpose} {text}".encode("utf-8", "surrogatepass")
        return hmac.new(self.stored.key, said, hashlib.sha256).hexdigest()


def cookie_of(request: HTTPConnection) -> str | None:
    """Returns the browser's session cookie, if it has the form of one; else None."""
    shown = (request.cookies.get(name, "") for name in (_SECURE, _PLAIN))
    return next(filter(_SHOWN.fullmatch, shown), None)
