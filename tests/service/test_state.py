"""How a running service says that it stands."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.intake.imap.session import UnsettledMail
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.app import Service
from bounce_watcher.service.state import MailboxState, MailboxStates
from bounce_watcher.words.faults import describe
from tests.integration.house import wait_until

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ACCOUNT = ImapAccount(
    "returns", "127.0.0.1", 9, Security.NONE, "bounces", folders=("INBOX", "Spam"), stream="news",
    timeout=timedelta(seconds=1),
)


@pytest.fixture
def states() -> MailboxStates:
    return MailboxStates(lambda: NOON)


def test_a_mailbox_not_read_yet(states: MailboxStates) -> None:
    assert states.of(ACCOUNT) == MailboxState("returns", "INBOX, Spam", "news")


def test_what_the_latest_pass_found_stands_and_what_was_read_adds_up(states: MailboxStates) -> None:
    states.waits(ACCOUNT, UnsettledMail(5, NOON - MINUTE, NOON))
    states.waits(ACCOUNT, UnsettledMail(3, NOON, NOON), read=2)
    states.waits(ACCOUNT, UnsettledMail(0, None, NOON), read=3)
    states.waits(ACCOUNT, UnsettledMail())
    states.passed(ACCOUNT, NOON - 2 * MINUTE)
    assert states.of(ACCOUNT) == MailboxState(
        "returns", "INBOX, Spam", "news", last_read_at=NOON, pass_seconds=120, newest_at=NOON, read=5, read_since=NOON
    )


def test_a_pass_that_comes_an_hour_too_late_begins_anew() -> None:
    now = NOON
    states = MailboxStates(lambda: now)
    for minutes, since in ((0, 0), (1, 0), (62, 0), (124, 124), (125, 124)):
        now = NOON + minutes * MINUTE
        states.passed(ACCOUNT, now)
        assert states.of(ACCOUNT).read_since == NOON + since * MINUTE


def test_what_cannot_be_read_has_waited_since_it_was_first_found(states: MailboxStates) -> None:
    states.waits(ACCOUNT, UnsettledMail(1))
    assert states.of(ACCOUNT).oldest_waiting_at == NOON
    states.waits(ACCOUNT, UnsettledMail(1, NOON - MINUTE, NOON))
    states.waits(ACCOUNT, UnsettledMail(1))
    assert states.of(ACCOUNT).oldest_waiting_at == NOON - MINUTE


def test_a_clock_that_is_set_back_makes_no_negative_pass(states: MailboxStates) -> None:
    states.passed(ACCOUNT, NOON + MINUTE)
    assert states.of(ACCOUNT).pass_seconds == 0


def test_a_service_tells_of_a_mailbox_that_it_cannot_reach(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    ledger = Ledger.connect(url)
    ledger.upgrade()
    with Service(Settings(SecretStr(url), mailboxes=(ACCOUNT,), workers=1), ledger) as service:
        wait_until(lambda: service.state().troubles, 20, "the pass failed")
        state = service.state()
    [mailbox] = state.mailboxes
    assert state.mode is Mode.ENFORCE
    assert state.troubles.keys() == {ACCOUNT.about}
    assert mailbox.trouble is not None
    assert mailbox.trouble == state.troubles[ACCOUNT.about]
    assert "refused" in describe(mailbox.trouble.fault)
    assert state.started_at <= mailbox.trouble.since
    assert mailbox.moved_at is not None
    assert mailbox.moved_at >= state.started_at - timedelta(seconds=1)
    assert (mailbox.last_read_at, mailbox.stopped, mailbox.read) == (None, False, 0)
