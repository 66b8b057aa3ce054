"""From a decision to the next record: pure."""

from dataclasses import replace
from datetime import datetime

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Decision,
    NoticeType,
    RecipientRecord,
    Scope,
    State,
    Step,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.transitions import (
    Transition,
    apply_event,
    confirm,
    hold,
    release,
    release_expired,
    reset,
    suppress,
)
from bounce_watcher.words.grounds import text
from tests.facts import EXCLUDED
from tests.ledger.making import START, USER, bounce, day

FRESH = RecipientRecord(USER, "default")
FOR_GOOD = Suppression(USER, "default", State.SUPPRESSED, None, START, ByPerson("asked for"), SuppressionSource.MANUAL)
FOR_A_DAY = replace(FOR_GOOD, until=day(1))
HELD_BACK = replace(FOR_GOOD, state=State.PENDING)


def test_suppression_carries_what_the_contract_tells_the_platform() -> None:
    event = bounce("m1")
    change = apply_event(FRESH, event, Decision(Step.SUPPRESS, ByPerson("1 of 1"), until=day(3), events=("m0", "m1")))
    assert change.record.state is State.SUPPRESSED
    recorded, suppressed = change.occurrences
    assert (recorded.type, recorded.sequence) == (NoticeType.BOUNCE, 1)
    assert (suppressed.type, suppressed.sequence, suppressed.at) == (NoticeType.SUPPRESSED, 2, event.at)
    assert suppressed.data == {
        "bounce_type": "hard", "reason": "invalid_recipient", "status": "5.1.1",
        "diagnostic": "550 5.1.1 no such user", "since": "2026-03-01T12:00:00Z", "until": "2026-03-04T12:00:00Z",
        "grounds": ByPerson("1 of 1"), "source": "policy", "scope": "stream", "events": ["m0", "m1"],
    }


def test_recorded_bounce_tells_why_it_does_not_count() -> None:
    event = bounce("m1", reason=Reason.SPAM)
    (recorded,) = apply_event(FRESH, event, Decision(Step.NOTE, ByPerson("never"), exclusion=EXCLUDED)).occurrences
    assert recorded.data["exclusion"] == EXCLUDED
    assert recorded.data["reason"] == "spam"


def test_counts_are_by_what_happened() -> None:
    record = FRESH
    for event in (
        bounce("m1"),
        bounce("m2", reason=Reason.MAILBOX_FULL),
        bounce("m3", kind=Kind.DELAY, action=Action.DELAYED, reason=Reason.NETWORK_ERROR),
        bounce("m4", action=Action.RELAYED, reason=None),
        bounce("m5", kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="abuse"),
        bounce("m6", kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="not-spam"),
    ):
        record = apply_event(record, event, Decision(Step.NOTE, ByPerson(""))).record
    assert record.counts == {"hard": 1, "soft": 1, "delay": 1, "delivered": 1, "complaint": 1}
    assert record.sequence == 3  # a notice for each failure and the complaint; none for all else


def test_first_and_last_event_hold_whatever_the_order() -> None:
    record = apply_event(FRESH, bounce("m1", at=day(5)), Decision(Step.NOTE, ByPerson(""))).record
    record = apply_event(record, bounce("m2", at=day(2)), Decision(Step.NOTE, ByPerson(""))).record
    assert (record.first_event_at, record.last_event_at) == (day(2), day(5))


def test_complaint_suppresses_by_its_own_reason() -> None:
    event = bounce("m1", kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="abuse")
    change = apply_event(FRESH, event, Decision(Step.SUPPRESS, ByPerson("complained")))
    assert change.record.suppression is not None
    assert change.record.suppression.reason == "complaint"
    assert change.occurrences[0].type is NoticeType.COMPLAINT


def test_watching_does_not_lift_a_suppression() -> None:
    record = suppress(FRESH, FOR_GOOD).record
    watch = Decision(Step.WATCH, ByPerson("1 of 3"))
    record = apply_event(record, bounce("m1", reason=Reason.MAILBOX_FULL), watch).record
    assert (record.state, text(record.grounds)) == (State.SUPPRESSED, "asked for")


def test_what_is_suppressed_changes_only_for_longer() -> None:
    a_day = suppress(FRESH, FOR_A_DAY).record
    assert suppress(a_day, FOR_A_DAY).record is a_day
    assert suppress(a_day, replace(FOR_A_DAY, until=day(0.5))).record is a_day
    longer = suppress(a_day, replace(FOR_GOOD, since=day(0.5)))
    assert longer.record.suppression is not None
    assert (longer.record.suppression.since, longer.record.suppression.until) == (START, None)
    assert [(it.type, it.at) for it in longer.occurrences] == [(NoticeType.SUPPRESSED, day(0.5))]
    assert suppress(longer.record, FOR_A_DAY).record is longer.record


def test_pending_is_told_to_nobody_until_it_is_in_force() -> None:
    pending = suppress(FRESH, HELD_BACK)
    assert (pending.record.state, pending.occurrences) == (State.PENDING, ())
    assert suppress(pending.record, HELD_BACK).record is pending.record
    in_force = suppress(pending.record, FOR_A_DAY)
    assert in_force.record.state is State.SUPPRESSED
    assert len(in_force.occurrences) == 1
    assert suppress(in_force.record, HELD_BACK).record is in_force.record


def test_release_of_pending_is_told_to_nobody() -> None:
    released = release(suppress(FRESH, HELD_BACK).record, day(1), ByPerson("a mistake"))
    assert (released.record.state, released.occurrences) == (State.ACTIVE, ())
    assert released.record.released_at == day(1)


def test_release_tells_what_was_released_and_why() -> None:
    released = release(suppress(FRESH, FOR_GOOD).record, day(1), ByPerson("a mistake"))
    assert (released.record.state, released.record.suppression) == (State.RELEASED, None)
    (told,) = released.occurrences
    assert (told.type, told.sequence, told.at) == (NoticeType.RELEASED, 2, day(1))
    assert (told.data["grounds"], told.data["reason"]) == (ByPerson("a mistake"), None)


def test_suppression_ends_at_its_until_whenever_somebody_looks() -> None:
    record = suppress(FRESH, FOR_A_DAY).record
    assert release_expired(record, day(0.9)).record is record
    late = release_expired(record, day(40))
    assert late.record.released_at == day(1)
    assert late.occurrences[0].at == day(1)


def test_suppression_for_good_does_not_end() -> None:
    record = suppress(FRESH, FOR_GOOD).record
    assert release_expired(record, day(4000)).record is record


def test_what_was_held_back_is_confirmed_as_it_was_decided() -> None:
    pending = suppress(FRESH, replace(HELD_BACK, until=day(30), events=("m1",))).record
    confirmed = confirm(pending, day(1), ByPerson("still bouncing after the outage"))
    assert confirmed.record.state is State.SUPPRESSED
    assert text(confirmed.record.grounds) == "still bouncing after the outage"
    (told,) = confirmed.occurrences
    assert (told.type, told.at, told.sequence) == (NoticeType.SUPPRESSED, day(1), 1)
    assert (told.data["since"], told.data["until"]) == ("2026-03-01T12:00:00Z", "2026-03-31T12:00:00Z")
    assert told.data["events"] == ["m1"]


def test_only_what_is_held_back_can_be_confirmed() -> None:
    for record in (FRESH, suppress(FRESH, FOR_GOOD).record):
        assert confirm(record, day(1), ByPerson("over")) == Transition(record)


def test_what_is_held_back_after_all_is_told_as_a_release_and_goes_on_counting() -> None:
    held = hold(suppress(FRESH, FOR_GOOD).record, day(1), ByPerson("held back: an outage"))
    assert (held.record.state, held.record.released_at) == (State.PENDING, None)
    (told,) = held.occurrences
    assert (told.type, told.at, told.sequence) == (NoticeType.RELEASED, day(1), 2)
    assert told.data["grounds"] == ByPerson("held back: an outage")
    assert [it.sequence for it in confirm(held.record, day(2), ByPerson("over")).occurrences] == [3]
    assert release(held.record, day(2), ByPerson("an outage")).occurrences == ()


def test_what_waits_is_held_back_without_a_word_and_where_nothing_stands_nothing_is() -> None:
    held = hold(suppress(FRESH, HELD_BACK).record, day(1), ByPerson("held back: an outage"))
    assert (held.record.state, held.occurrences) == (State.PENDING, ())
    assert text(held.record.grounds) == "held back: an outage"
    assert held.record.suppression == replace(HELD_BACK, grounds=ByPerson("held back: an outage"))
    assert hold(FRESH, day(1), ByPerson("held")) == Transition(FRESH)


def test_who_runs_out_is_a_rung_further_and_who_is_released_begins_anew() -> None:
    by_policy = replace(FOR_A_DAY, source=SuppressionSource.POLICY, reason="mailbox_full")
    lapsed = release_expired(suppress(FRESH, by_policy).record, day(2)).record
    assert (lapsed.state, text(lapsed.grounds), lapsed.expiry_level, lapsed.expired_reason) == (
        State.RELEASED, "suppression expired", 1, "mailbox_full",
    )
    again = suppress(lapsed, replace(by_policy, since=day(3), until=day(33))).record
    assert release_expired(again, day(40)).record.expiry_level == 2
    released = release(again, day(4), ByPerson("wrote to support")).record
    assert (released.expiry_level, released.expired_reason) == (0, None)
    assert release(
        again, day(4), ByPerson("mail was delivered"), expiry_level=again.expiry_level
    ).record.expiry_level == 1


def test_neither_what_was_held_back_nor_what_a_person_set_is_a_rung() -> None:
    for wanted in (FOR_A_DAY, replace(FOR_A_DAY, state=State.PENDING, source=SuppressionSource.POLICY)):
        lapsed = release_expired(suppress(FRESH, wanted).record, day(2)).record
        assert (lapsed.expiry_level, lapsed.expired_reason) == (0, None)


def test_a_reset_ends_a_watch_but_no_rung_and_no_suppression() -> None:
    watch = Decision(Step.WATCH, ByPerson("1 of 3"))
    watching = apply_event(FRESH, bounce("m1", reason=Reason.MAILBOX_FULL), watch).record
    delivered = reset(replace(watching, expiry_level=1), ByPerson("delivered on 2 March 2026"))
    assert (delivered.record.state, text(delivered.record.grounds)) == (State.ACTIVE, "delivered on 2 March 2026")
    assert (delivered.record.released_at, delivered.record.expiry_level) == (None, 1)
    assert delivered.occurrences == ()
    assert reset(delivered.record, ByPerson("another one")).record is delivered.record
    suppressed = suppress(FRESH, FOR_GOOD).record
    assert reset(suppressed, ByPerson("delivered")).record is suppressed


@pytest.mark.parametrize(("decision", "until"), [
    (Decision(Step.WATCH, ByPerson("1 of 3")), day(1)),
    (Decision(Step.NOTE, ByPerson("once a day"), exclusion=EXCLUDED, is_duplicate=True), day(1)),
    (Decision(Step.NOTE, ByPerson("a block"), exclusion=EXCLUDED), None),
])
def test_only_a_bounce_that_is_believed_ends_the_deliveries_before_it(
    decision: Decision, until: datetime | None
) -> None:
    delivered = replace(FRESH, delivered_at=day(2), delivered_since=day(1))
    after = apply_event(delivered, bounce("m1", at=day(3), reason=Reason.MAILBOX_FULL), decision).record
    assert (after.delivered_since, after.answered_until) == (None if until else day(1), until)
    soon = apply_event(delivered, bounce("m1", at=day(1.1), reason=Reason.MAILBOX_FULL), decision).record
    assert soon.answered_until is None


def test_what_reaches_further_joins_what_lasts_longer() -> None:
    wide = replace(FOR_A_DAY, since=day(0.2), scope=Scope.GLOBAL, grounds=ByPerson("complained"))
    joined = suppress(suppress(FRESH, FOR_GOOD).record, wide)
    assert joined.record.suppression == replace(wide, since=START, until=None)
    assert [it.data["scope"] for it in joined.occurrences] == ["global"]
    narrow = replace(FOR_GOOD, since=day(0.3))
    longer = suppress(suppress(FRESH, wide).record, narrow).record.suppression
    assert longer is not None
    assert (longer.scope, longer.until) == (Scope.GLOBAL, None)
