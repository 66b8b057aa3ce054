"""How much a pass has found and not filed, and since when the oldest waits."""

from datetime import UTC, datetime, timedelta

from bounce_watcher.intake.imap.session import Backlog, UnsettledMail
from bounce_watcher.model.message import Destination
from tests.intake.conftest import Account
from tests.intake.passes import bounces, session_of
from tests.servers.dovecot import Dovecot

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_nothing_waits_before_anything_is_found() -> None:
    assert Backlog().waiting() == UnsettledMail()


def test_what_is_settled_waits_no_longer() -> None:
    backlog = Backlog()
    backlog.found("INBOX", 3)
    assert backlog.waiting() == UnsettledMail(3)
    backlog.seen("INBOX", [7, 8, 9], {7: NOON, 8: NOON + HOUR, 9: NOON + 2 * HOUR})
    assert backlog.waiting() == UnsettledMail(3, NOON, NOON + 2 * HOUR)
    backlog.settled("INBOX", [7])
    assert backlog.waiting() == UnsettledMail(2, NOON + HOUR, NOON + 2 * HOUR)
    backlog.settled("INBOX", [8, 9])
    assert backlog.waiting() == UnsettledMail(0, None, NOON + 2 * HOUR)


def test_what_has_not_been_seen_yet_came_no_earlier_than_what_was() -> None:
    backlog = Backlog()
    backlog.found("INBOX", 500)
    backlog.seen("INBOX", [7, 8], {7: NOON, 8: NOON + HOUR})
    backlog.settled("INBOX", [7, 8])
    assert backlog.waiting() == UnsettledMail(498, NOON + HOUR, NOON + HOUR)


def test_a_message_that_was_asked_for_and_did_not_come_still_waits() -> None:
    backlog = Backlog()
    backlog.found("INBOX", 2)
    backlog.seen("INBOX", [7, 8], {8: NOON})
    backlog.settled("INBOX", [8])
    assert backlog.waiting() == UnsettledMail(1, NOON, NOON)


def test_folders_add_up() -> None:
    backlog = Backlog()
    backlog.found("INBOX", 1)
    backlog.seen("INBOX", [7], {7: NOON + HOUR})
    backlog.found("Spam", 2)
    backlog.seen("Spam", [7, 8], {7: NOON, 8: NOON})
    backlog.settled("INBOX", [7])
    assert backlog.waiting() == UnsettledMail(2, NOON, NOON + HOUR)


def test_a_pass_tells_what_waits(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver(account().username, bounces(5))
    with session_of(account(page_messages=2)) as session:
        pages = session.pages()
        page = next(pages)
        waiting = session.waiting()
        assert waiting.messages == 5
        assert waiting.oldest_at == page[0].received_at
        session.settle({Destination.PROCESSED: page})
        assert session.waiting().messages == 3
        for page in pages:
            session.settle({Destination.PROCESSED: page})
        assert session.waiting().messages == 0
        assert session.waiting().oldest_at is None
        assert session.waiting().newest_at == page[-1].received_at
