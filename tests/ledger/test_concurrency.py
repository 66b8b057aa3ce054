"""Several writers and senders on one database, each with its own connections as processes have."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier

import psycopg
import pytest
import sqlalchemy.event

from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import (
    Actor,
    BounceEvent,
    Decision,
    History,
    NoticeType,
    OutboxState,
    PageOutcome,
)
from bounce_watcher.model.verdict import Reason
from tests.ledger.making import DELIVERED, LEASE, START, Platform, bounce, day, decide, mail, page, record

pytestmark = pytest.mark.dialects

WRITERS = 4
EVERYTHING = Platform(types=frozenset(NoticeType)).types


def at_once(url: str, *works: Callable[[Ledger], object]) -> list[object]:
    """Runs each work on a ledger of its own, all beginning together. Raises what any of them raises."""
    start = Barrier(len(works))

    def run(work: Callable[[Ledger], object]) -> object:
        with Ledger.connect(url) as ledger:
            start.wait()
            return work(ledger)

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


def test_writers_with_the_same_recipients_lose_nothing(ledger: Ledger, ledger_url: str) -> None:
    def writer(number: int) -> Callable[[Ledger], object]:
        def work(mine: Ledger) -> None:
            for turn in range(6):
                events = [bounce(f"w{number}t{turn}e{n}", f"u{n * 7 % 40}@example.org", reason=Reason.MAILBOX_FULL,
                                 at=day(turn)) for n in range(40)]
                events = events[number:] + events[:number]
                record(mine, page(*(events[::-1] if number % 2 else events)), Platform(types=EVERYTHING))
        return work

    at_once(ledger_url, *(writer(number) for number in range(WRITERS)))
    items = list(ledger.lists.outbox())
    for n in range(40):
        (found,) = ledger.lists.recipients(f"u{n}@example.org")
        assert found.counts == {"soft": WRITERS * 6}
        numbers = [item.sequence for item in items if item.recipient == found.recipient]
        assert sorted(numbers) == list(range(1, found.sequence + 1))
    assert _deadlocks(ledger_url) == 0  # they would be retried, but each takes a second to be detected


def test_writers_that_make_the_same_recipients_in_any_order_do_not_deadlock(ledger: Ledger, ledger_url: str) -> None:
    turn = Barrier(2)

    def writer(step: int) -> Callable[[Ledger], object]:
        def work(mine: Ledger) -> None:
            for number in range(4):
                events = [bounce(f"s{step}t{number}e{n}", f"t{number}u{n}@example.org") for n in range(300)]
                turn.wait()
                record(mine, page(*events[::step]))
        return work

    at_once(ledger_url, writer(1), writer(-1))
    assert len(list(ledger.lists.events())) == 2400
    assert _deadlocks(ledger_url) == 0


def _deadlocks(url: str) -> int:
    if url.startswith("sqlite"):
        return 0
    with psycopg.connect(url.replace("postgresql+psycopg", "postgresql")) as connection:
        row = connection.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def test_writers_with_the_same_mail_record_it_once(ledger: Ledger, ledger_url: str) -> None:
    pages = [page(*(bounce(f"p{p}e{n}", f"u{n}@example.org", reason=Reason.MAILBOX_FULL) for n in range(30)))
             for p in range(5)]

    def work(mine: Ledger) -> int:
        outcomes: list[PageOutcome] = [record(mine, messages) for messages in pages]
        return sum(outcome.events for outcome in outcomes)

    assert sum(at_once(ledger_url, *[work] * WRITERS)) == 150  # type: ignore[arg-type]
    assert len(list(ledger.lists.events())) == 150
    assert ledger.lists.recipients("u7@example.org")[0].counts == {"soft": 5}


def test_same_mail_in_two_streams_is_recorded_once(ledger: Ledger, ledger_url: str) -> None:
    def writer(stream: str) -> Callable[[Ledger], object]:
        return lambda mine: [
            record(mine, page(*(bounce(f"p{p}e{n}", f"u{n}@example.org", stream=stream) for n in range(20))))
            for p in range(8)
        ]

    at_once(ledger_url, writer("news"), writer("orders"))
    assert len(list(ledger.lists.events())) == 160
    assert sum(record.counts.get("hard", 0) for record in ledger.lists.recipients("u3@example.org")) == 8


def test_writer_that_comes_second_with_a_mail_starts_anew(postgres_url: str) -> None:
    """Both found the mail unknown; the second one's INSERT of it does nothing, and that of its event fails."""
    first, second = bounce("m1", stream="news"), bounce("m2", stream="news")
    engine = open_engine(postgres_url)
    seen: list[str] = []

    def decide_watched(late: BounceEvent, history: History) -> Decision:
        seen.append(late.id)
        return decide(late, history)

    with Ledger(engine) as ledger, Ledger.connect(postgres_url) as faster:
        ledger.upgrade()

        @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
        def overtake(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if statement.startswith("INSERT INTO message") and not seen:
                record(faster, page(replace(first, stream="orders")))

        outcome = ledger.recording.record(page(first, second), decide_watched, Platform())
        assert (outcome.messages, outcome.events) == (1, 1)
        assert sorted(it.stream for it in ledger.lists.events()) == ["news", "orders"]
    assert seen == [first.id, second.id, second.id]


def test_threads_share_one_ledger(ledger: Ledger) -> None:
    def work(number: int) -> int:
        return record(ledger, [mail(*(bounce(f"w{number}", f"u{n}@example.org") for n in range(50)))]).events

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(16))) == 800


def test_senders_share_an_outbox_and_never_send_a_row_twice(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, page(*(bounce(f"m{n}", f"u{n}@example.org") for n in range(120))), Platform(types=EVERYTHING))
    order: list[tuple[str | None, int]] = []

    def sender(mine: Ledger) -> list[str]:
        sent = []
        while mine.outbox.next_due("platform") is not None:
            for item in mine.outbox.lease("platform", START, LEASE, 7):
                sent.append(item.id)
                order.append((item.recipient, item.sequence))
                mine.outbox.conclude([(item, DELIVERED)], START)
        return sent

    sent = Counter(item_id for mine in at_once(ledger_url, *[sender] * WRITERS) for item_id in mine)  # type: ignore[attr-defined]
    assert len(sent) == 240
    assert set(sent.values()) == {1}
    for n in range(120):
        assert [number for recipient, number in order if recipient == f"u{n}@example.org"] == [1, 2]
    assert {item.state for item in ledger.lists.outbox()} == {OutboxState.DELIVERED}


def test_sender_that_died_is_succeeded(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, page(*(bounce(f"m{n}", f"u{n}@example.org") for n in range(10))))
    with Ledger.connect(ledger_url) as died:
        assert len(died.outbox.lease("platform", START, LEASE, 10)) == 10
    assert ledger.outbox.lease("platform", START + LEASE / 2, LEASE, 10) == []
    assert len(ledger.outbox.lease("platform", START + LEASE, LEASE, 10)) == 10


_ADDRESSES = [f"u{n}@example.org" for n in range(12)]
_TURNS = range(15)


def _writer(mine: Ledger) -> None:
    for turn in _TURNS:
        record(mine, page(*(bounce(f"t{turn}{name}", name, at=day(turn)) for name in _ADDRESSES)))


def _person(mine: Ledger) -> None:
    for turn in _TURNS:
        for name in reversed(_ADDRESSES[:4]):
            mine.suppressions.release(name, None, Actor("jo", day(turn), ""), announce=Platform())
        mine.suppressions.suppress(
            _ADDRESSES[0], "default", Actor("jo", day(turn), ""), announce=Platform(), until=day(turn + 1)
        )
        mine.suppressions.expire(day(turn), Platform())


def _operator(mine: Ledger) -> None:
    for _ in _TURNS:
        mine.outbox.retry(Actor("jo", START), everything=True, state=OutboxState.SUPERSEDED)
        mine.outbox.retry(Actor("jo", START), everything=True, state=OutboxState.DUE)


def _sender(mine: Ledger) -> None:
    for turn in _TURNS:
        for item in mine.outbox.lease("platform", day(turn), timedelta(seconds=1), 20):
            mine.outbox.conclude([(item, DELIVERED)], day(turn))


def test_everything_that_takes_locks_at_once(ledger: Ledger, ledger_url: str) -> None:
    """No deadlock comes through to a caller, and no sequence is used twice."""
    at_once(ledger_url, _writer, _person, _operator, _sender, _writer)
    for name in _ADDRESSES:
        numbers = [item.sequence for item in ledger.lists.outbox(OutboxFilter(recipient=name))]
        assert len(numbers) == len(set(numbers))


def test_writers_of_one_group_count_each_recipient_once(ledger: Ledger, ledger_url: str) -> None:
    """Each brings reports of the same people, by other mails."""
    people = 6

    def bring(writer: int) -> None:
        with Ledger.connect(ledger_url) as own:
            for number in range(people):
                said = bounce(f"w{writer}n{number}", f"u{number}@example.org", reason=Reason.UNKNOWN, diagnostic="zorp")
                record(own, page(said))

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(bring, range(WRITERS)))
    (group,) = ledger.review.groups(Query())
    assert (group.mails, group.recipients) == (WRITERS * people, people)
