"""The waiting room before an outage's alarm: who waits, and that it rests on nothing but the times of reports."""

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, BounceEvent, NoticeType, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.limits import GuardSettings
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import text
from tests.examples import examples
from tests.ledger.test_guard import HOUR, MINUTE, OUTAGE, POLICY, Desk, gone, usual

WAIT, AT_ONCE = POLICY.guard.wait, POLICY.guard.wait_min - 1
TOLD = "1 of 1: invalid recipient on 14 December 2020"

Pages = Iterable[Sequence[BounceEvent]]


def some(count: int, every: timedelta = MINUTE) -> list[BounceEvent]:
    return [gone(f"one{n}", OUTAGE + n * every) for n in range(count)]


@pytest.fixture
def desk(ledger: Ledger) -> Desk:
    """It has learned that two in three hours are usual, so ten make an alarm."""
    it = Desk(ledger)
    it.take(list(usual()))
    it.platform.told.clear()
    return it


def test_the_first_are_told_at_once_and_the_others_wait(desk: Desk) -> None:
    desk.take(some(8))
    assert desk.told(NoticeType.SUPPRESSED) == AT_ONCE
    assert [desk.state(f"one{n}@gmail.com") for n in (2, 3, 7)] == [State.SUPPRESSED, State.PENDING, State.PENDING]
    assert list(desk.ledger.lists.alerts()) == []
    (waiting,) = desk.ledger.lists.recipients("one6@gmail.com")
    assert text(waiting.grounds) == (
        f"{TOLD}; waiting: 7 new hard bounces of provider google.com within 3 h; usual 2, alarm from 10; held until "
        "14 December 2020 15:06 UTC"
    )


def test_a_wait_ends_after_its_time_whenever_somebody_looks(desk: Desk) -> None:
    desk.take(some(8))
    assert desk.end_waits(OUTAGE + 3 * MINUTE + WAIT - timedelta(seconds=1)) == 0
    assert desk.end_waits(OUTAGE + 3 * MINUTE + WAIT) == 1
    assert desk.end_waits() == 7 - AT_ONCE
    assert desk.end_waits() == 0
    assert desk.told(NoticeType.SUPPRESSED) == 8
    for n in range(8):
        (record,) = desk.ledger.lists.recipients(f"one{n}@gmail.com")
        assert record.suppression
        assert (record.state, text(record.grounds)) == (State.SUPPRESSED, TOLD)
        assert record.suppression.since == OUTAGE + n * MINUTE
    assert [told.at for told in desk.platform.told if told.type is NoticeType.SUPPRESSED][AT_ONCE:] == [
        OUTAGE + n * MINUTE + WAIT for n in range(AT_ONCE, 8)
    ]


def test_who_bounces_again_after_the_wait_has_been_told_before(desk: Desk) -> None:
    desk.take(some(6))
    again = gone("one5", OUTAGE + 3 * HOUR)
    desk.take([again])
    assert desk.state("one5@gmail.com") is State.SUPPRESSED
    assert [told.at for told in desk.platform.told if told.type is NoticeType.SUPPRESSED][-1] == (
        OUTAGE + 5 * MINUTE + WAIT
    )
    assert desk.state("one4@gmail.com") is State.PENDING, "of whom nothing came, the clock decides"


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_alarm_takes_over_who_waits(desk: Desk, size: int) -> None:
    desk.take(some(40), size)
    assert desk.count(State.PENDING) == 40
    assert desk.told(NoticeType.RELEASED) == desk.told(NoticeType.SUPPRESSED) <= AT_ONCE
    assert desk.end_waits() == 0, "an outage holds them"
    (record,) = desk.ledger.lists.recipients("one6@gmail.com")
    assert text(record.grounds).startswith(f"{TOLD}; held back: ")
    assert "waiting: " not in text(record.grounds)
    desk.settle()
    assert (desk.count(State.PENDING), desk.state("one6@gmail.com")) == (0, State.ACTIVE)


def test_an_alarm_after_the_wait_takes_back_who_was_told(desk: Desk) -> None:
    """Whether the clock came by in between or not."""
    slow = some(14, 12 * MINUTE)
    for looks in (False, True):
        part = [replace(event, id=f"{looks}{event.id}", recipient=f"{looks}{event.recipient}") for event in slow]
        desk.take(part[:7])
        if looks:
            desk.end_waits(part[6].at + WAIT)
        desk.take(part[7:])
        assert desk.count(State.PENDING) == 14 * (1 + looks)
    assert desk.told(NoticeType.SUPPRESSED) == desk.told(NoticeType.RELEASED)


def test_a_wording_waits_as_well(desk: Desk) -> None:
    words = replace(gone("x", OUTAGE), diagnostic="550 5.1.1 user lookup success but no user record found")
    desk.take([
        replace(words, id=f"w{n}", recipient=f"info@company{n}.example", remote_mta=None, at=OUTAGE + n * MINUTE)
        for n in range(7)
    ])
    assert (desk.told(NoticeType.SUPPRESSED), desk.count(State.PENDING)) == (AT_ONCE, 7 - AT_ONCE)
    (record,) = desk.ledger.lists.recipients("info@company6.example")
    assert "; waiting: 7 new hard bounces of wording common.no-such-user # # user lookup " in text(record.grounds)


def test_a_complaint_waits_for_nothing(desk: Desk) -> None:
    desk.take(some(8))
    complaint = replace(gone("one6", OUTAGE + 20 * MINUTE), kind=Kind.COMPLAINT, action=None, bounce_type=None,
                        reason=None, feedback_type="abuse", id="complaint")
    desk.take([complaint])
    assert desk.state("one6@gmail.com") is State.SUPPRESSED
    assert desk.end_waits() == 7 - AT_ONCE
    (record,) = desk.ledger.lists.recipients("one6@gmail.com")
    assert text(record.grounds) == "1 of 1: complaint (abuse) on 14 December 2020"


def test_a_person_may_be_quicker_than_the_clock(desk: Desk) -> None:
    desk.take(some(8))
    desk.ledger.suppressions.release(
        "one6@gmail.com", None, Actor("jo", OUTAGE + HOUR / 2, "is back"), announce=desk.platform
    )
    assert desk.end_waits() == 7 - AT_ONCE
    assert desk.state("one6@gmail.com") is State.ACTIVE


def test_who_waits_does_so_to_the_end_when_the_guard_is_turned_off(desk: Desk) -> None:
    desk.take(some(8))
    desk.policy = PolicySettings(guard=GuardSettings(enabled=False))
    desk.take([gone("other", OUTAGE + 10 * MINUTE)])
    assert desk.state("other@gmail.com") is State.SUPPRESSED
    assert desk.end_waits() == 8 - AT_ONCE


@pytest.mark.parametrize(("guard", "pending"), [
    (GuardSettings(wait=timedelta(0)), 0),
    (GuardSettings(wait_min=1), 7),             # from 0.2 of 2 on
    (GuardSettings(wait_min=3), 5),
    (GuardSettings(wait_from=3), 2),            # 6 and 7
    (GuardSettings(learning=11), 0),            # it has had reports on ten days
])
def test_who_waits_is_a_matter_of_settings(desk: Desk, guard: GuardSettings, pending: int) -> None:
    desk.policy = PolicySettings(guard=guard)
    desk.take(some(7))
    assert (desk.count(State.PENDING), desk.told(NoticeType.SUPPRESSED)) == (pending, 7 - pending)


# ── order, repetition, pages ────────────────────────────────────────────────────────────────────────────────────────

minutes = st.integers(0, 9 * 60)
few, many = (st.lists(minutes, min_size=1, max_size=size) for size in (POLICY.guard.min_bounces - 1, 50))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("learned") / "ledger.db"
    with Ledger.connect(f"sqlite:///{path}") as ledger:
        ledger.upgrade()
        Desk(ledger).take(list(usual()))
    return path


def states(learned: Path, pages: Pages, *, at_the_end: bool) -> dict[str, tuple[State, str]]:
    """Where each recipient stands after these pages, and why; those that nothing stands against are left out."""
    with TemporaryDirectory() as folder:
        shutil.copy(learned, Path(folder, "ledger.db"))
        with Ledger.connect(f"sqlite:///{folder}/ledger.db") as ledger:
            desk = Desk(ledger)
            for page in pages:
                desk.take(page)
            if at_the_end:
                desk.settle()
                desk.end_waits()
            return {each.recipient: (each.state, text(each.grounds)) for each in ledger.lists.suppressions()}


def reports(offsets: Sequence[int]) -> list[BounceEvent]:
    return [gone(f"one{n}", OUTAGE + offset * MINUTE) for n, offset in enumerate(sorted(offsets))]


def cut(events: Sequence[BounceEvent], size: int) -> list[Sequence[BounceEvent]]:
    return [events[start : start + size] for start in range(0, len(events), size)]


@settings(max_examples=examples(60))
@given(offsets=few, size=st.integers(1, 5))
def test_who_waits_is_the_same_however_mail_is_cut_into_pages(learned: Path, offsets: list[int], size: int) -> None:
    events = reports(offsets)
    assert states(learned, cut(events, size), at_the_end=False) == states(learned, [events], at_the_end=False)


@settings(max_examples=examples(80))
@given(offsets=many, size=st.integers(1, 12), chance=st.randoms(use_true_random=False))
def test_order_repetition_and_pages_change_no_end(
    learned: Path, offsets: list[int], size: int, chance: Random
) -> None:
    events = reports(offsets)
    mixed = chance.sample(events, len(events))
    pages = [each for page in cut(mixed, size) for each in [page, *chance.choices([page, mixed[:size]], k=1)]]
    assert states(learned, pages, at_the_end=True) == states(learned, [events], at_the_end=True)


def counting(learned: Path, pages: Pages) -> set[str]:
    """The events that count when all is over."""
    with TemporaryDirectory() as folder:
        shutil.copy(learned, Path(folder, "ledger.db"))
        with Ledger.connect(f"sqlite:///{folder}/ledger.db") as ledger:
            desk = Desk(ledger)
            for page in pages:
                desk.take(page)
            desk.settle()
            return {event.id for event in ledger.lists.events() if event.exclusion is None}


@settings(max_examples=examples(40))
@given(
    offsets=st.lists(minutes, min_size=20, max_size=40), size=st.integers(1, 12),
    chance=st.randoms(use_true_random=False),
)
def test_neither_do_they_change_what_an_outage_strikes_out(
    learned: Path, offsets: list[int], size: int, chance: Random
) -> None:
    """Of bounces that suppress at once, and of those that wait for a second one."""
    reasons = (Reason.INVALID_RECIPIENT, Reason.MAILBOX_DISABLED)
    events = [replace(event, reason=reasons[n % 2]) for n, event in enumerate(reports(offsets))]
    mixed = chance.sample(events, len(events))
    assert counting(learned, cut(mixed, size)) == counting(learned, [events])
