"""One pass over a mailbox, as the service makes it."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.filing import UnfiledMail
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.imap.session import ImapSession, open_session
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.message import Destination, RawMessage, Unfiled
from bounce_watcher.words.obstacles import told

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Memory:
    """What the ledger keeps of settled mail that could not leave its folder, here in a table of its own."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, int], dict[int, Unfiled]] = {}

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        return dict(self.kept.get((source, uidvalidity), {}))

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        self.kept.setdefault((source, uidvalidity), {}).update(dict.fromkeys(uids, as_))

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        for uid in uids:
            self.kept.get((source, uidvalidity), {}).pop(uid, None)

    def all(self) -> list[Unfiled]:
        return [each for kept in self.kept.values() for each in kept.values()]


@contextmanager
def session_of(
    account: ImapAccount, tokens: TokenStore | None = None, now: datetime = NOON, unfiled: UnfiledMail | None = None
) -> Iterator[ImapSession]:
    store = unfiled or Memory()
    with open_session(account, now=lambda: now, tokens=tokens or TokenStore(), unfiled=store) as session:
        yield session


def in_the_way(session: ImapSession) -> str | None:
    """What kept mail from being filed, as the service tells it."""
    found = session.obstacles()
    return told(About(AboutKind.MAILBOX, "returns"), found) if found else None


def read(account: ImapAccount) -> list[RawMessage]:
    """Everything that waits, without settling it."""
    with session_of(account) as session:
        return [message for page in session.pages() for message in page]


def drain(
    account: ImapAccount, to: Destination = Destination.PROCESSED, unfiled: UnfiledMail | None = None
) -> list[RawMessage]:
    """Reads and settles everything."""
    taken: list[RawMessage] = []
    with session_of(account, unfiled=unfiled) as session:
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
