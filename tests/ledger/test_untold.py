"""What was decided while nobody was told, told once, to those who lack it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.outbox.backfill import Announced
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, Decision, NoticeType, Occurrence, OutboxItem, Step
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.webhook.notice import body
from bounce_watcher.words.grounds import text
from tests.facts import BY
from tests.ledger.making import Always, Platform, bounce, day, decide, page

SUPPRESSED, RELEASED = NoticeType.SUPPRESSED, NoticeType.RELEASED


class Platforms(Platform):
    """Rows with the bodies that are really sent."""

    def _item(self, occurrence: Occurrence, target: str) -> OutboxItem:
        return replace(super()._item(occurrence, target), body=body(occurrence))


def nobody(_: Occurrence) -> Sequence[OutboxItem]:
    return ()


def announced(ledger: Ledger, *targets: str, dry_run: bool = False) -> list[tuple[str, NoticeType, tuple[str, ...]]]:
    done = ledger.outbox.backfill(Platforms(targets or ("platform",), now=day(9)), day(9), dry_run=dry_run)
    return [(each.recipient, each.told, each.targets) for each in done]


def rows(ledger: Ledger, recipient: str | None = None) -> list[OutboxItem]:
    return list(ledger.lists.outbox(OutboxFilter(recipient=recipient)))


@pytest.fixture
def shadow(ledger: Ledger) -> Ledger:
    """Two suppressed, one watched, one held back, one released: nobody has heard of any."""
    soft = bounce("m3", "soft@example.org", reason=Reason.MAILBOX_FULL)
    ledger.recording.record(page(bounce("m1", "a@example.org"), bounce("m2", "b@example.org"), soft,
                       bounce("m5", "back@example.org")), decide, nobody)
    ledger.recording.record(
        page(bounce("m4", "held@example.org")), Always(Decision(Step.PEND, ByPerson("held back"))), nobody
    )
    ledger.suppressions.release("back@example.org", None, Actor("jo", day(1), "is back"), announce=nobody)
    return ledger


def test_what_stands_is_told_once(shadow: Ledger) -> None:
    expected = [("a@example.org", SUPPRESSED, ("platform",)), ("b@example.org", SUPPRESSED, ("platform",))]
    assert announced(shadow, dry_run=True) == expected
    assert rows(shadow) == []
    assert announced(shadow) == expected
    assert announced(shadow) == []
    first, _ = rows(shadow)
    assert (first.type, first.created_at, first.sequence) == (SUPPRESSED, day(9), 3)
    told = json.loads(first.body)["data"]
    assert (told["recipient"], told["because"], told["since"], told["sequence"]) == (
        "a@example.org", "1 of 1", "2026-03-01T12:00:00Z", 3
    )


def test_where_everybody_stands_is_as_before(shadow: Ledger) -> None:
    def all_of_it() -> list[object]:
        return [(record.state, record.suppression, text(record.grounds),
                 shadow.history.course(record.recipient, "default"))
                for name in ("a", "soft", "held", "back") for record in shadow.lists.recipients(f"{name}@example.org")]

    before = all_of_it()
    announced(shadow)
    assert all_of_it() == before


def test_what_comes_next_is_of_a_later_sequence(shadow: Ledger) -> None:
    announced(shadow)
    shadow.suppressions.release("a@example.org", None, Actor("jo", day(10), "is back"), announce=Platforms(now=day(10)))
    assert [(row.type, row.sequence, row.state) for row in rows(shadow, "a@example.org")] == [
        (SUPPRESSED, 3, "superseded"), (RELEASED, 4, "due"),
    ]
    assert announced(shadow) == []


def test_each_target_is_told_what_it_lacks(shadow: Ledger) -> None:
    assert len(announced(shadow, "one")) == 2
    assert announced(shadow, "one", "other") == [
        ("a@example.org", SUPPRESSED, ("other",)), ("b@example.org", SUPPRESSED, ("other",)),
    ]
    assert [row.target for row in rows(shadow, "a@example.org")] == ["one", "other"]


Change = Callable[[Ledger], object]


def _add(ledger: Ledger, until: int | None) -> None:
    ledger.suppressions.suppress("c@example.org", "default", Actor("jo", day(2), "by hand"), announce=nobody,
                    until=None if until is None else day(until))


@pytest.mark.parametrize(("change", "told"), [
    (lambda ledger: None, []),
    (lambda ledger: _add(ledger, 20), []),                                       # shorter: nothing has changed
    (lambda ledger: _add(ledger, None), [SUPPRESSED]),
    (lambda ledger: ledger.suppressions.release("c@example.org", None, Actor("jo", day(2), "is back"), announce=nobody),
     [RELEASED]),
    (lambda ledger: ledger.suppressions.expire(day(40), nobody), [RELEASED]),
], ids=["nothing", "shorter", "longer", "released", "ran out"])
def test_what_was_told_and_is_otherwise_by_now(ledger: Ledger, change: Change, told: list[NoticeType]) -> None:
    ledger.suppressions.suppress(
        "c@example.org", "default", Actor("jo", day(0), ""), announce=Platforms(), until=day(30)
    )
    change(ledger)
    assert [each for _, each, _ in announced(ledger)] == told
    assert announced(ledger) == []
    if told == [RELEASED]:
        last = json.loads(rows(ledger)[-1].body)["data"]
        (record,) = ledger.lists.recipients("c@example.org")
        assert (last["because"], last["until"]) == (text(record.grounds), "2026-03-31T12:00:00Z")


def test_any_number_goes_through_in_batches(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.ledger.outbox.backfill._BATCH", 3)
    ledger.recording.record(page(*(bounce(f"m{n}", f"user{n}@example.org") for n in range(7))), decide, nobody)
    done = list(ledger.outbox.backfill(Platforms(), day(9)))
    assert [each.recipient for each in done] == [f"user{n}@example.org" for n in range(7)]
    assert done[0] == Announced("user0@example.org", "default", SUPPRESSED, ("platform",), ByPerson("1 of 1"))


def test_who_is_forgotten_is_told_of_no_more(shadow: Ledger) -> None:
    """Its name is a hash by now. The service's announcer says so; see service/announcing.py."""
    shadow.privacy.forget("a@example.org", BY)
    names = [name for name, _, _ in announced(shadow, dry_run=True)]
    assert "a@example.org" not in names
    assert "b@example.org" in names
