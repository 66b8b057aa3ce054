"""One pass over a mailbox, as the service makes it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from bounce_watcher.intake.account import ImapAccount
from bounce_watcher.intake.imap import ImapSession, open_session
from bounce_watcher.intake.mailbox import Destination
from bounce_watcher.intake.oauth2 import TokenStore
from bounce_watcher.model.message import RawMessage

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@contextmanager
def session_of(account: ImapAccount, tokens: TokenStore | None = None, now: datetime = NOON) -> Iterator[ImapSession]:
    with open_session(account, now=lambda: now, tokens=tokens or TokenStore()) as session:
        yield session


def read(account: ImapAccount) -> list[RawMessage]:
    """Everything that waits, without settling it."""
    with session_of(account) as session:
        return [message for page in session.pages() for message in page]


def drain(account: ImapAccount, to: Destination = Destination.PROCESSED) -> list[RawMessage]:
    """Reads and settles everything."""
    taken: list[RawMessage] = []
    with session_of(account) as session:
        for page in session.pages():
            session.settle({to: page})
            taken += page
    return taken


def bounce(number: int) -> bytes:
    return b"From: MAILER-DAEMON@mx.example\nSubject: bounce %d\n\nuser%d@example.org is unknown\n" % (number, number)


def bounces(count: int) -> list[bytes]:
    return [bounce(number) for number in range(count)]


def crlf(content: bytes) -> bytes:
    return content.replace(b"\n", b"\r\n")
