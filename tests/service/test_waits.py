"""Until when mail has been read, and what the end of waits for an alarm makes of that."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bounce_watcher.config import parse
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.service import polling
from bounce_watcher.service.polling import Poller
from bounce_watcher.service.recording import Recorder
from bounce_watcher.service.state import Troubles
from bounce_watcher.words.faults import describe

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ONE, OTHER = (ImapAccount(name, "127.0.0.1", 9, Security.NONE, "bounces") for name in ("one", "other"))


@dataclass
class Mail:
    """Stands for servers and for the recorder: passes begin at `now`, and end as they are told to."""

    now: datetime = NOON
    unfinished: bool = False
    failure: Exception | None = None

    @contextmanager
    def open(self, account: ImapAccount, **_: object) -> Iterator["Mail"]:
        yield self

    def obstacles(self) -> tuple[()]:
        return ()

    def pages(self) -> list[object]:
        return []

    def drain(self, *_: object) -> None:
        self.now += MINUTE
        if self.failure:
            raise self.failure


@pytest.fixture
def mail(monkeypatch: pytest.MonkeyPatch) -> Mail:
    it = Mail()
    monkeypatch.setattr(polling, "open_session", it.open)
    monkeypatch.setattr(polling, "utcnow", lambda: it.now)
    return it


@pytest.fixture
def poller(mail: Mail) -> Poller:
    return Poller(mail, None, Troubles(), threading.Event())  # type: ignore[arg-type]


def test_all_have_been_read_until_the_earliest_of_their_last_passes_began(mail: Mail, poller: Poller) -> None:
    assert poller.read_until((), NOON) == NOON
    poller.run(ONE)
    assert poller.read_until((ONE,), mail.now) == NOON
    assert poller.read_until((ONE, OTHER), mail.now) is None, "the other never was"
    poller.run(OTHER)
    poller.run(ONE)
    assert poller.read_until((ONE, OTHER), mail.now) == NOON + MINUTE


def test_a_pass_that_did_not_come_to_its_end_has_not_read_all(mail: Mail, poller: Poller) -> None:
    poller.run(ONE)
    mail.unfinished = True
    poller.run(ONE)
    mail.unfinished, mail.failure = False, TemporaryFailure("gone")
    failure = poller.run(ONE).failure
    assert failure is not None
    assert describe(failure) == "gone"
    mail.failure = None
    poller.stop.set()
    poller.run(ONE)
    assert poller.read_until((ONE,), mail.now) == NOON


@dataclass
class Book:
    """Stands for a ledger: until when waits are over."""

    ended: list[tuple[datetime, timedelta]] = field(default_factory=list)

    @property
    def recording(self) -> "Book":
        return self

    @property
    def suppressions(self) -> "Book":
        return self

    def settle_alerts(self, *_: Any) -> None:
        pass

    def end_waits(self, now: datetime, wait: timedelta, _: Any) -> None:
        self.ended.append((now, wait))

    def expire(self, *_: Any) -> int:
        return 0


@pytest.mark.parametrize(("read_until", "ended"), [
    (NOON, NOON),
    (NOON - 7 * MINUTE, NOON - 7 * MINUTE),
    (NOON - 3 * HOUR, NOON - HOUR / 2),
    (None, NOON - HOUR / 2),
])
def test_a_wait_goes_by_what_was_read_and_twice_as_long_at_most(read_until: datetime | None, ended: datetime) -> None:
    settings = parse('[database]\nurl = "sqlite:////tmp/unused.db"\n[policy.guard]\nwait = "30m"\n', "test", {})
    book = Book()
    Recorder(settings, book, None, Troubles()).expire(NOON, read_until)  # type: ignore[arg-type]
    assert book.ended == [(ended, HOUR / 2)]
