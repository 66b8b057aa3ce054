"""Logs in by password or by an OAuth2 access token (RFC 4616, RFC 7628, Google's and Microsoft's XOAUTH2)."""

import imaplib
import re
from collections.abc import Callable
from datetime import datetime
from itertools import chain, repeat

from imapclient import IMAPClient
from imapclient.exceptions import LoginError

from bounce_watcher.intake.imap.account import ImapAccount, Mechanism, OAuth2Account, PasswordLogin
from bounce_watcher.intake.imap.failures import one_line, secrets_of
from bounce_watcher.intake.imap.oauth2 import AccessToken, TokenStore
from bounce_watcher.model.about import About
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure

# RFC 5530, and texts of Gmail and others without a code: "Too many simultaneous connections. (Failure)".
_PASSING = re.compile(r"\[(?:UNAVAILABLE|INUSE|LIMIT|SERVERBUG)\]|too many|try again|temporar", re.IGNORECASE)
_OF_PASSWORD = re.compile(r"\[(?:AUTHENTICATIONFAILED|AUTHORIZATIONFAILED|EXPIRED|CONTACTADMIN)\]", re.IGNORECASE)


class LoginRefused(PermanentFailure):
    """A log-in that the server refused. `is_for_password`: the server blames the user or password (RFC 5530)."""

    def __init__(self, problem: str, fix: str, *, about: About, is_for_password: bool) -> None:
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
            "the server allows no password log-in on this connection",
            "set security to tls or starttls, or use [mailbox.oauth2]", about=account.about,
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
    return LoginRefused(problem, "check username and password", about=about, is_for_password=is_for_password)
