"""The oldest raw mail goes when there is more than may be kept; what it said stays."""

from dataclasses import replace
from random import Random

import pytest

from bounce_watcher.ledger.recording import quota
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import MessageRecord
from bounce_watcher.model.message import pack
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from tests.facts import BY
from tests.ledger.making import Platform, bounce, day, page
from tests.ledger.test_review import unread

SIZE = len(pack(Random(0).randbytes(990)))
POLICY = PolicySettings()


def fill(ledger: Ledger, *messages: MessageRecord) -> None:
    kept = [replace(message, packed=pack(Random(number).randbytes(990))) for number, message in enumerate(messages)]
    ledger.recording.record(kept, lambda event, history: decide(event, history, POLICY), Platform())


def bounces(number: int) -> list[MessageRecord]:
    return list(page(*(bounce(f"m{n:04}", f"u{n}@example.org", at=day(n % 300)) for n in range(number))))


def left(ledger: Ledger) -> set[str]:
    with ledger._engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT digest FROM message WHERE packed IS NOT NULL")
        return {digest for (digest,) in rows}


def test_what_fits_is_kept(ledger: Ledger) -> None:
    assert ledger.history.raw_bytes() == 0
    fill(ledger, *bounces(10))
    assert ledger.history.raw_bytes() == ledger.figures.stock().raw_bytes == 10 * SIZE
    assert ledger.history.trim_raw(10 * SIZE) == 0
    assert len(left(ledger)) == 10


def test_the_oldest_go_and_what_they_said_stays(ledger: Ledger) -> None:
    fill(ledger, *bounces(10))
    before = list(ledger.lists.events()), list(ledger.lists.suppressions()), ledger.lists.recipients("u0@example.org")
    assert ledger.history.trim_raw(7 * SIZE - 1) == 4
    assert left(ledger) == {f"m{n:04}" for n in range(4, 10)}
    assert ledger.history.raw_bytes() == 6 * SIZE
    assert (
        list(ledger.lists.events()), list(ledger.lists.suppressions()), ledger.lists.recipients("u0@example.org")
    ) == before
    assert ledger.history.trim_raw(7 * SIZE - 1) == 0
    assert ledger.lists.message("m0000") is None
    assert ledger.lists.message("m0009") == Random(9).randbytes(990)


def test_page_after_page(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "_PAGE", 7)
    fill(ledger, *bounces(50))
    assert ledger.history.trim_raw(20 * SIZE) == 30
    assert left(ledger) == {f"m{n:04}" for n in range(30, 50)}


def test_what_waits_for_a_person_goes_last(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "_PAGE", 2)
    waits = [replace(unread(n, f"words of their own {n}"), received_at=day(0)) for n in range(3)]
    fill(ledger, *waits, *bounces(6))
    assert ledger.history.trim_raw(4 * SIZE) == 5
    assert left(ledger) == {*(message.digest for message in waits), "m0005"}
    assert ledger.history.trim_raw(1 * SIZE) == 3, "then these too, the oldest first"
    assert len(left(ledger)) == 1


def test_what_is_dropped_otherwise_is_counted_no_more(ledger: Ledger) -> None:
    fill(ledger, *bounces(4))
    assert ledger.history.purge_raw(day(2)) == 2
    assert ledger.history.raw_bytes() == 2 * SIZE
    with ledger._engine.connect() as connection:
        sizes = connection.exec_driver_sql("SELECT packed_size FROM message WHERE packed IS NULL").scalars().all()
    assert set(sizes) == {None}


def test_so_is_what_is_forgotten(ledger: Ledger) -> None:
    ledger.recording.record([replace(bounces(1)[0], packed=pack(b"Subject: x\n\nno u0@example.org here"))],
                  lambda event, history: decide(event, history, POLICY), Platform())
    assert ledger.history.raw_bytes() > 0
    ledger.privacy.forget("u0@example.org", BY)
    assert ledger.history.raw_bytes() == 0


def test_the_sum_is_read_from_an_index(ledger: Ledger) -> None:
    if not str(ledger._engine.url).startswith("sqlite"):
        pytest.skip("PostgreSQL's planner goes by statistics: see test_plans")
    with ledger._engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {quota._SUM.compile(connection)}").all()
    assert "USING COVERING INDEX message_packed" in str(plan)
