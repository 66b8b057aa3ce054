"""A logged-in connection to an IMAP server that can reconnect."""

import contextlib
import imaplib
import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from imapclient import IMAPClient
from imapclient.exceptions import CapabilityError

from bounce_watcher.intake.imap.account import ImapAccount, PasswordLogin, Security
from bounce_watcher.intake.imap.failures import translated, trusting
from bounce_watcher.intake.imap.login import log_in, other_way
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.watchdog import Watchdog
from bounce_watcher.intake.imap.wire import Plug, Wire
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure

logging.getLogger("imapclient").setLevel(logging.WARNING)  # it logs user names and every close

SHORTEST, LONGEST = 5.0, 300.0
"""Seconds between two tries to connect."""


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
        self._watchdog = watchdog
        self._now = now
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
            log_in(self._client, self.account, self._now(), self._tokens, way)

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
            if self._watchdog.has_cut:
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
                fix = "set security to tls and port to 993"
                raise PermanentFailure("the server offers no STARTTLS", fix, about=account.about) from None
            raise
        return client

    def _plug(self, context: ssl.SSLContext | None) -> socket.socket:
        account = self.account
        raw = socket.create_connection((account.host, account.port), account.timeout.total_seconds())
        self._watchdog.hold(raw)
        return raw if context is None else context.wrap_socket(raw, server_hostname=account.host)


def _end(client: IMAPClient) -> None:
    with contextlib.suppress(OSError, ValueError):  # the socket may be gone already
        client.shutdown()
