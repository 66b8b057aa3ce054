"""A logged-in connection to an IMAP server that can reconnect.

It logs in by password or by an OAuth2 access token (RFC 4616, RFC 7628, Google's and Microsoft's XOAUTH2).
"""

import contextlib
import imaplib
import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, repeat

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError, LoginError

from bounce_watcher.intake.imap.account import ImapAccount, Mechanism, OAuth2Account, PasswordLogin, Security
from bounce_watcher.intake.imap.failures import one_line, secrets_of, translated, trusting
from bounce_watcher.intake.imap.oauth2 import AccessToken, TokenStore
from bounce_watcher.intake.imap.watchdog import Watchdog
from bounce_watcher.intake.imap.wire import Plug, Wire
from bounce_watcher.model.about import About
from bounce_watcher.model.errors import Advice, BounceWatcherError, PermanentFailure, TemporaryFailure

logging.getLogger("imapclient").setLevel(logging.WARNING)  # it logs user names and every close

SHORTEST, LONGEST = 5.0, 300.0
"""Seconds between two tries to connect."""

# RFC 5530, and texts of Gmail and others without a code: "Too many simultaneous connections. (Failure)".
_PASSING = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|too many|try again|temporar", re.IGNORECASE)
_OF_PASSWORD = re.compile(r"\[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|CONTACTADMIN)\]", re.IGNORECASE)


def reconnect_delay(attempt: int, jitter: float) -> float:
    """Seconds to wait before try number `attempt` + 1, after `attempt` failures in a row.

    `jitter` is a random number from 0 to 1. The ceiling doubles from 10 s to 5 min. The wait is anywhere between 5 s
    and the ceiling, so that mailboxes that lose one server together do not reconnect together.
    """
    ceiling = min(LONGEST, SHORTEST * 2.0 ** min(max(attempt, 1), 16))
    return SHORTEST + jitter * (ceiling - SHORTEST)


class _Client(IMAPClient):  # type: ignore[misc]  # imapclient carries no types
    def __init__(self, account: ImapAccount, plug: Plug) -> None:
        self._plug = plug
        super().__init__(
            account.host, account.port, ssl=account.security is Security.TLS, timeout=account.timeout.total_seconds()
        )
        self._imap.debug = 0  # with imapclient's 5, imaplib makes two reprs of every literal and logs passwords

    def _create_IMAP4(self) -> imaplib.IMAP4:  # noqa: N802 - imapclient's name
        self.wire = Wire(self.host, self.port, self._plug)
        return self.wire


class Connection:
    """One account's connection. `generation` grows by one with each new connection, which has no folder selected.

    `fell_back_to` is the way to log in that worked after the first one failed; None = the first one worked.
    """

    def __init__(
        self, account: ImapAccount, watchdog: Watchdog, now: Callable[[], datetime], tokens: TokenStore
    ) -> None:
        self.account = account
        self.generation = 0
        self.fell_back_to: PasswordLogin | None = None
        self.watchdog = watchdog
        self.now = now
        self._tokens = tokens
        self._client: IMAPClient | None = None

    @property
    def client(self) -> IMAPClient:
        """The client, connected and logged in."""
        if self._client is None:
            self.open()
        return self._client

    @property
    def wire(self) -> Wire:
        """The same connection below imapclient."""
        wire: Wire = self.client.wire
        return wire

    def open(self) -> None:
        """Connects and logs in. Raises TemporaryFailure, or PermanentFailure with the fix."""
        is_plain = self._begin()
        try:
            self._log_in(None)
        except BounceWatcherError as failure:
            way = other_way(self.account, failure) if is_plain else None
            if way is None:
                raise
            self._log_in_otherwise(way, failure)

    def _begin(self) -> bool:
        """Connects. Returns whether the server offers AUTHENTICATE PLAIN."""
        with self.conversation("connecting"):
            self._client = self._connect()
            self.generation += 1
            return bool(self._client.has_capability("AUTH=PLAIN"))

    def _log_in(self, way: PasswordLogin | None) -> None:
        with self.conversation("logging in"):
            log_in(self._client, self.account, self.now(), self._tokens, way)

    def _log_in_otherwise(self, way: PasswordLogin, failure: BounceWatcherError) -> None:
        """Logs in by `way` on a new connection. If that fails too, raises the first failure, which says more."""
        try:
            self._begin()
            self._log_in(way)
        except BounceWatcherError:
            raise failure from failure.__cause__
        self.fell_back_to = way

    def greet(self) -> frozenset[str]:
        """Connects without logging in, and ends the connection. Returns the server's capabilities.

        Raises the same as `open`. The cause of a failure about the certificate is an ssl.SSLCertVerificationError.
        """
        with self.conversation("connecting"):
            client = self._connect()
            try:
                return frozenset(word.decode("ascii", "replace").upper() for word in client.capabilities())
            finally:
                _end(client)

    def drop(self) -> None:
        """Ends the connection without logging out; the next use of `client` makes a new one."""
        client, self._client = self._client, None
        if client is not None:
            _end(client)

    def close(self) -> None:
        """Logs out."""
        if self._client is not None:
            with contextlib.suppress(imaplib.IMAP4.error, OSError, ValueError):
                self._client.logout()
        self.drop()

    @contextmanager
    def conversation(self, doing: str) -> Iterator[None]:
        """Translates exceptions raised inside into our own failures, and drops the connection after one of these."""
        try:
            with translated(self.account, doing):
                yield
        except (TemporaryFailure, PermanentFailure) as failure:
            self.drop()
            if self.watchdog.has_cut:
                late = f"{doing}: cut off, for the pass took longer than pass_deadline"
                raise TemporaryFailure(late, about=self.account.about) from failure
            raise

    def _connect(self) -> IMAPClient:
        account = self.account
        context = None if account.security is Security.NONE else trusting(account.ca_file, account.about)
        client = _Client(account, lambda: self._plug(context if account.security is Security.TLS else None))
        try:
            if account.security is Security.STARTTLS:
                client.starttls(context)
        except BaseException as failure:
            _end(client)
            if isinstance(failure, CapabilityError):
                problem = "the server offers no STARTTLS"
                raise PermanentFailure(problem, Advice.NO_STARTTLS, about=account.about) from None
            raise
        return client

    def _plug(self, context: ssl.SSLContext | None) -> socket.socket:
        account = self.account
        raw = socket.create_connection((account.host, account.port), account.timeout.total_seconds())
        self.watchdog.hold(raw)
        return raw if context is None else context.wrap_socket(raw, server_hostname=account.host)


def _end(client: IMAPClient) -> None:
    with contextlib.suppress(OSError, ValueError):  # the socket may be gone already
        client.shutdown()


# ── logging in ──────────────────────────────────────────────────────────────────────────────────────────────────────

class LoginRefused(PermanentFailure):
    """A log-in that the server refused. `is_for_password`: the server blames the user or password (RFC 5530)."""

    def __init__(self, problem: str, fix: Advice, *, about: About, is_for_password: bool) -> None:
        super().__init__(problem, fix, about=about)
        self.is_for_password = is_for_password


def log_in(
    client: IMAPClient, account: ImapAccount, now: datetime, tokens: TokenStore, way: PasswordLogin | None = None
) -> None:
    """Logs in. Raises PermanentFailure with the fix for a refusal, TemporaryFailure if the server says it may pass.

    Exceptions of imapclient and sockets for a broken connection pass through. `way`: None = as `account` says.
    """
    oauth2 = account.oauth2
    if oauth2 is not None:
        _by_token(client, account, oauth2, now, tokens)
    else:
        _by_password(client, account, way or account.auth)


def other_way(account: ImapAccount, failure: BounceWatcherError) -> PasswordLogin | None:
    """Returns the way to try once after AUTHENTICATE PLAIN failed; None if another way would fail as well.

    Some servers announce AUTH=PLAIN but can't do it: they refuse a password that LOGIN accepts, or send invalid IMAP.
    """
    if account.oauth2 is not None or account.auth is not None:
        return None
    broke = isinstance(failure.__cause__, imaplib.IMAP4.abort)
    refused = isinstance(failure, LoginRefused) and not failure.is_for_password
    return PasswordLogin.LOGIN if broke or refused else None


def _by_password(client: IMAPClient, account: ImapAccount, way: PasswordLogin | None) -> None:
    user, password = account.username, account.password.get_secret_value() if account.password else ""
    offers_plain, offers_login = client.has_capability("AUTH=PLAIN"), client.has_capability("AUTH=LOGIN")
    takes_command = not client.has_capability("LOGINDISABLED") and (user + password).isascii()
    if way is PasswordLogin.PLAIN or (way is None and offers_plain):
        _attempt(account, "", lambda: client.plain_login(user, password))
    elif offers_login and not (way is PasswordLogin.LOGIN and takes_command):
        answers = iter([user.encode(), password.encode()])  # in no RFC, but some offer only this: asks for both in turn
        _attempt(account, "", lambda: client.sasl_login("LOGIN", lambda _: next(answers, None)))
    elif client.has_capability("LOGINDISABLED"):
        raise PermanentFailure(
            "the server allows no password log-in on this connection", Advice.NO_PASSWORD, about=account.about
        )
    elif not takes_command:
        raise PermanentFailure(
            "the server knows the LOGIN command only, which takes no password beyond ASCII",
            "choose another password", about=account.about,
        )
    else:
        _attempt(account, "", lambda: client.login(user, password))


def _by_token(
    client: IMAPClient, account: ImapAccount, oauth2: OAuth2Account, now: datetime, tokens: TokenStore
) -> None:
    mechanism = oauth2.mechanism.value.upper()
    if not client.has_capability(f"AUTH={mechanism}"):
        raise PermanentFailure(
            f"the server offers no {mechanism}", "set mechanism to what it offers, or use a password",
            about=account.about,
        )
    token = tokens.token(oauth2, now, account.timeout)
    try:
        _present(client, account, oauth2.mechanism, token)
    except PermanentFailure:
        tokens.forget(oauth2, token)
        if token.is_fresh:
            raise
        _present(client, account, oauth2.mechanism, tokens.token(oauth2, now, account.timeout))


def _present(client: IMAPClient, account: ImapAccount, mechanism: Mechanism, token: AccessToken) -> None:
    if mechanism is Mechanism.XOAUTH2:
        initial, after_error = f"user={account.username}\1auth=Bearer {token.value}\1\1", b""
    else:
        user = account.username.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 section 4, saslname
        initial, after_error = f"n,a={user},\1auth=Bearer {token.value}\1\1", b"\1"
    # a refusal is explained in a challenge, which needs an answer before the server says NO: RFC 7628 section 3.2.3
    answers = chain([initial.encode()], repeat(after_error))
    _attempt(account, token.value, lambda: client.sasl_login(mechanism.value.upper(), lambda _: next(answers)))


def _attempt(account: ImapAccount, token: str, authenticate: Callable[[], object]) -> None:
    try:
        authenticate()
    except LoginError as error:
        if isinstance(error.__context__, imaplib.IMAP4.abort):  # the connection broke: imapclient raises the same error
            raise error.__context__ from None
        raise _refusal(account, token, str(error)) from None


def _refusal(account: ImapAccount, token: str, text: str) -> BounceWatcherError:
    secrets = (*secrets_of(account), *((token,) if token else ()))
    about, problem = account.about, f"the log-in was refused: {one_line(text, secrets)}"
    if _PASSING.search(text):
        return TemporaryFailure(problem, about=about)
    if account.oauth2 is not None:
        fix = "check username, scope and the mailbox's permission for the client"
        return PermanentFailure(problem, fix, about=about)
    is_for_password = _OF_PASSWORD.search(text) is not None
    return LoginRefused(problem, Advice.CREDENTIALS, about=about, is_for_password=is_for_password)
