"""Translates failures between us and an IMAP server into our own errors: one line, the fix, no secret."""

import errno
import imaplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.model.about import About
from bounce_watcher.model.errors import Advice, BounceWatcherError, PermanentFailure, TemporaryFailure

LONGEST_TEXT = 300

# The exceptions that the parsers of imapclient and imaplib raise for an answer that is no IMAP.
_NONSENSE = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

_TLS_MISMATCH = frozenset({
    "WRONG_VERSION_NUMBER", "UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "NO_PROTOCOLS_AVAILABLE",
    "SSLV3_ALERT_HANDSHAKE_FAILURE", "RECORD_LAYER_FAILURE",
})

_NO_WAY = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL})


class CommandRefused(imaplib.IMAP4.error):
    """The server said NO or BAD to one command (RFC 3501 section 7.1); the connection is still usable."""


@contextmanager
def refusals() -> Iterator[None]:
    """Raises CommandRefused if the server refuses a command inside. Exceptions of a broken connection pass through."""
    try:
        yield
    except imaplib.IMAP4.abort:
        raise
    except imaplib.IMAP4.error as error:
        raise CommandRefused(str(error)) from error


def secrets_of(account: ImapAccount) -> tuple[str, ...]:
    """Returns what no text may show: the password, the OAuth2 credentials, and a user name that is an address."""
    oauth2 = account.oauth2
    held = (account.password, *((oauth2.client_secret, oauth2.refresh_token) if oauth2 else ()))
    values = [secret.get_secret_value() for secret in held if secret is not None]
    return tuple(value for value in (*values, account.username if "@" in account.username else "") if value)


def one_line(text: str, secrets: tuple[str, ...] = ()) -> str:
    """Returns `text` as one line of limited length, with an ellipsis in place of each secret."""
    for secret in secrets:
        text = text.replace(secret, "…")
    return " ".join(text.split())[:LONGEST_TEXT]


def explained(error: Exception, account: ImapAccount) -> tuple[str, str | Advice]:
    """Returns the part of an exception's text that is useful to a person, and the fix, "" if none is known."""
    place = f"{account.host}:{account.port}"
    if isinstance(error, TimeoutError):
        return "no answer in time", "is the server up, and does a firewall let us through?"
    if isinstance(error, ConnectionRefusedError):
        return f"refused by {place}", Advice.PLACE
    if isinstance(error, socket.gaierror):
        known = f"no address is known for {account.host} ({error.strerror})"
        return known, Advice.NAME
    if isinstance(error, OSError) and error.errno in _NO_WAY:
        return f"no way to {place} ({error.strerror})", Advice.NETWORK
    text = str(error) or type(error).__name__
    return f"an answer that can't be understood ({text})" if isinstance(error, _NONSENSE) else text, ""


@contextmanager
def translated(account: ImapAccount, doing: str) -> Iterator[None]:
    """Turns the libraries' exceptions inside into TemporaryFailure or PermanentFailure; `doing` names the action."""
    about, secrets = account.about, secrets_of(account)
    try:
        yield
    except BounceWatcherError:
        raise
    except ssl.SSLCertVerificationError as error:
        why = one_line(error.verify_message or str(error))
        raise PermanentFailure(
            f"{doing}: the server's certificate is not trusted: {why}", Advice.CERTIFICATE, about=about
        ) from error
    except ssl.SSLError as error:
        if error.reason in _TLS_MISMATCH:
            raise PermanentFailure(f"{doing}: no TLS to be had ({error.reason})", Advice.TLS, about=about) from error
        raise TemporaryFailure(f"{doing}: {one_line(str(error), secrets)}", about=about) from error
    except imaplib.IMAP4.readonly as error:
        raise PermanentFailure(
            f"{doing}: the folder is read-only", "give its user the right to change it", about=about
        ) from error
    except (imaplib.IMAP4.error, OSError, *_NONSENSE) as error:
        why, fix = explained(error, account)
        raise TemporaryFailure(f"{doing}: {one_line(why, secrets)}", fix, about=about) from error


def trusting(ca_file: str | None, about: About | None = None, doing: str = "") -> ssl.SSLContext:
    """Returns what verifies servers, by `ca_file` or the system's authorities. Raises PermanentFailure."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        why = error.strerror or "no certificate in it"
        raise PermanentFailure(f"{doing}ca_file {ca_file}: {why}", "name a readable PEM file", about=about) from None
