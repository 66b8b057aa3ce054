"""Fetches access tokens for IMAP from the provider and keeps them until shortly before they expire (RFC 6749)."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
from authlib.oauth2 import OAuth2Error
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client

from bounce_watcher.intake.imap.account import Grant, OAuth2Account
from bounce_watcher.intake.imap.failures import one_line, trusting
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure

LEEWAY = timedelta(minutes=2)
"""A token this close to its end is not used: a clock may be wrong and a log-in may be slow."""

DEFAULT_LIFETIME = timedelta(minutes=5)
"""Used if the provider gives no expires_in (RFC 6749 section 5.1 only recommends it)."""

# RFC 6749 section 5.2: these last until a person changes the configuration or grants access again.
_PERMANENT = {
    "invalid_client": "check client_id and client_secret",
    "invalid_grant": "the refresh token has been revoked or has expired: authorise the mailbox anew",
    "invalid_scope": "check scope",
    "invalid_request": "check token_url, grant and scope",
    "unauthorized_client": "allow this grant for the client at the provider",
    "unsupported_grant_type": "check grant",
    "interaction_required": "authorise the mailbox anew",
    "invalid_resource": "check scope",
}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """An access token. `is_fresh`: it was just fetched, so fetching another would not help against a refusal."""

    value: str
    expires_at: datetime
    is_fresh: bool = True


class TokenStore:
    """The access tokens of all mailboxes, in memory only. Thread-safe; at most one fetch at a time for each account."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: dict[OAuth2Account, threading.Lock] = {}
        self._tokens: dict[OAuth2Account, AccessToken] = {}
        self._refresh_tokens: dict[OAuth2Account, str] = {}

    def token(self, account: OAuth2Account, now: datetime, timeout: timedelta) -> AccessToken:
        """Returns a token, fetching one if the held one ends within LEEWAY.

        Raises TemporaryFailure, or PermanentFailure with the fix.
        """
        with self._lock:
            lock = self._locks.setdefault(account, threading.Lock())
        with lock:
            held = self._tokens.get(account)
            if held is not None and now < held.expires_at - LEEWAY:
                return AccessToken(held.value, held.expires_at, is_fresh=False)
            fetched = self._fetch(account, now, timeout)
            self._tokens[account] = fetched
            return fetched

    def forget(self, account: OAuth2Account, refused: AccessToken) -> None:
        """Drops a token that the server refused: the next `token` fetches another one."""
        with self._lock:
            held = self._tokens.get(account)
            if held is not None and held.value == refused.value:
                del self._tokens[account]

    def _fetch(self, account: OAuth2Account, now: datetime, timeout: timedelta) -> AccessToken:
        answer = _ask(account, self._refresh_tokens.get(account), timeout)
        rotated = answer.get("refresh_token")
        if account.grant is Grant.REFRESH_TOKEN and isinstance(rotated, str):
            self._refresh_tokens[account] = rotated
        return _read(account, answer, now)


def _read(account: OAuth2Account, answer: Mapping[str, Any], now: datetime) -> AccessToken:
    value = answer.get("access_token")
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise TemporaryFailure(f"OAuth2 at {_host(account)}: the answer holds no access_token")
    try:
        lifetime = timedelta(seconds=int(answer["expires_in"]))
        return AccessToken(value, now + lifetime)
    except (KeyError, TypeError, ValueError, OverflowError):
        return AccessToken(value, now + DEFAULT_LIFETIME)


def _ask(account: OAuth2Account, rotated: str | None, timeout: timedelta) -> Mapping[str, Any]:
    about = f"OAuth2 at {_host(account)}"
    held = (account.client_secret, account.refresh_token)
    secrets = (*(secret.get_secret_value() for secret in held if secret), *((rotated,) if rotated else ()))
    try:
        with (
            httpx.Client(verify=trusting(account.ca_file, doing="OAuth2: "), timeout=timeout.total_seconds()) as http,
            _closed_after(2 * timeout, http),
        ):
            answer: Mapping[str, Any] = _request(account, http, rotated)
            return answer
    except OAuth2Error as error:
        code = one_line(str(error.error), secrets)
        why = one_line(f"{error.error}: {error.description}", secrets)
        if code in _PERMANENT:
            raise PermanentFailure(f"{about}: {why}", _PERMANENT[code]) from None
        raise TemporaryFailure(f"{about}: {why}") from None
    except httpx.HTTPStatusError as error:
        status = error.response.status_code
        if status in {400, 401, 403, 404, 405}:
            raise PermanentFailure(f"{about}: HTTP status {status}", "check token_url") from None
        raise TemporaryFailure(f"{about}: HTTP status {status}") from None
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, TypeError, KeyError) as error:
        raise TemporaryFailure(f"{about}: {one_line(str(error) or type(error).__name__, secrets)}") from None


@contextmanager
def _closed_after(limit: timedelta, http: httpx.Client) -> Iterator[None]:
    """Closes `http` after `limit`. httpx limits each read but not their sum: this ends a slow, dripping answer."""
    timer = threading.Timer(limit.total_seconds(), http.close)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _request(account: OAuth2Account, http: httpx.Client, rotated: str | None) -> Any:
    secret = account.client_secret.get_secret_value() if account.client_secret else None
    method = "client_secret_post" if secret else "none"
    client = OAuth2Client(_Session(http), account.client_id, secret, token_endpoint_auth_method=method)
    scope = {"scope": account.scope} if account.scope else {}
    if account.grant is Grant.CLIENT_CREDENTIALS:
        return client.fetch_token(account.token_url, grant_type="client_credentials", **scope)
    if account.refresh_token is None:
        raise PermanentFailure(f"OAuth2 at {_host(account)}: the grant needs a refresh_token", "set refresh_token")
    refresh_token = rotated or account.refresh_token.get_secret_value()
    return client.refresh_token(account.token_url, refresh_token=refresh_token, **scope)


class _Session:
    """The part of an HTTP library that authlib's protocol client needs.

    authlib's own httpx client uses httpx2 if that happens to be installed, and then raises httpx2's errors.
    """

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def post(
        self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: ClientAuth, **_: object
    ) -> httpx.Response:
        url, signed, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._http.post(url, content=body, headers=signed)


def _host(account: OAuth2Account) -> str:
    try:
        return httpx.URL(account.token_url).host
    except httpx.InvalidURL:
        return "an unreadable token_url"
