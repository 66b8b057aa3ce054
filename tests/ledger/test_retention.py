"""What is kept no longer is gone, and nobody is released, suppressed or changed by that."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.lists.filters import EventFilter, OutboxFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, BounceEvent, Decision, History, OutboxState, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.settings import PolicySettings
from tests.ledger.making import DELIVERED, LEASE, Platform, bounce, day, page

pytestmark = pytest.mark.dialects

POLICY = PolicySettings()
FULL = Reason.MAILBOX_FULL
BOUNCED, SUPPRESSED, RELEASED = "bounced@example.org", "suppressed@example.org", "released@example.org"


def judged(event: BounceEvent, history: History) -> Decision:
    """By the policy as it is."""
    return decide(event, history, POLICY)


def filled(ledger: Ledger) -> None:
    """One who bounced for a passing reason, one who is suppressed, one who was and is no longer."""
    ledger.recording.record(page(
        bounce("m1", BOUNCED, at=day(0), reason=FULL),
        bounce("m2", SUPPRESSED, at=day(0)),
        bounce("m3", RELEASED, at=day(0)),
        bounce("m4", BOUNCED, at=day(400), reason=FULL),
    ), judged, Platform())
    ledger.suppressions.release(RELEASED, None, Actor("jo", day(1), "back"), announce=Platform())


def standing(ledger: Ledger) -> object:
    """All that is known of everybody, but for events."""
    return (
        [ledger.lists.recipients(each) for each in (BOUNCED, SUPPRESSED, RELEASED)],
        list(ledger.lists.suppressions(SuppressionFilter())),
        [ledger.history.course(each, "default") for each in (BOUNCED, SUPPRESSED, RELEASED)],
        list(ledger.lists.outbox(OutboxFilter())),
    )


def left(ledger: Ledger) -> list[str]:
    return [event.message_digest for event in ledger.lists.events()]


def test_old_events_go_but_for_the_grounds_of_a_suppression(ledger: Ledger) -> None:
    filled(ledger)
    before = standing(ledger)
    assert ledger.history.purge_events(day(0)) == 0
    assert ledger.history.purge_events(day(300)) == 2
    assert left(ledger) == ["m2", "m4"]
    assert standing(ledger) == before
    assert ledger.history.purge_events(day(300)) == 0


def test_once_the_suppression_is_over_its_grounds_go_too(ledger: Ledger) -> None:
    filled(ledger)
    ledger.history.purge_events(day(300))
    ledger.suppressions.release(SUPPRESSED, None, Actor("jo", day(301), "back"), announce=Platform())
    assert ledger.history.purge_events(day(300)) == 1
    assert left(ledger) == ["m4"]


def test_whoever_is_suppressed_by_hand_in_another_stream_keeps_no_events_here(ledger: Ledger) -> None:
    filled(ledger)
    ledger.suppressions.suppress(BOUNCED, "other", Actor("jo", day(2), "asked"), announce=Platform())
    assert ledger.history.purge_events(day(300)) == 2


def test_many_go_page_by_page_and_those_that_stay_do_not_stop_it(ledger: Ledger) -> None:
    events = [bounce(f"m{n}", f"u{n}@example.org", at=day(n / 1000),
                     reason=Reason.INVALID_RECIPIENT if n % 3 else FULL) for n in range(1800)]
    ledger.recording.record(page(*events), judged, Platform())
    assert ledger.history.purge_events(day(1.7)) == 567
    assert sum(1 for _ in ledger.lists.events(EventFilter(until=day(1.7)))) == 1133


def test_what_comes_afterwards_is_decided_as_it_was_before(ledger: Ledger) -> None:
    filled(ledger)
    ledger.history.purge_events(day(300))
    ledger.recording.record(page(
        bounce("m5", BOUNCED, at=day(407), reason=FULL),
        bounce("m6", BOUNCED, at=day(415), reason=FULL),
    ), judged, Platform())
    (record_,) = ledger.lists.recipients(BOUNCED)
    assert record_.state is State.SUPPRESSED
    assert record_.counts == {"soft": 4}, "counts know of what is gone"


def test_undo_and_simulate_leave_alone_who_is_not_touched(ledger: Ledger) -> None:
    filled(ledger)
    ledger.history.purge_events(day(300))
    by = Actor("jo", day(402))
    undone = list(ledger.suppressions.undo(Incident(day(399), day(401)), judged, Platform(), by, subject="an incident"))
    assert [(each.recipient, each.released) for each in undone] == [(BOUNCED, False)]
    (suppressed,) = ledger.lists.recipients(SUPPRESSED)
    assert suppressed.state is State.SUPPRESSED
    (simulated,) = [each for each in ledger.history.simulate(judged, day(500)) if each.recipient == SUPPRESSED]
    assert simulated.then is not None


def test_bodies_of_what_was_taken_go_and_that_it_was_told_stays(ledger: Ledger) -> None:
    ledger.outbox.enroll({"platform": "f"})
    filled(ledger)
    items = ledger.outbox.lease("platform", day(2), LEASE, 10)
    ledger.outbox.conclude([(item, DELIVERED) for item in items], day(2))
    ledger.recording.record(page(bounce("m7", "another@example.org", at=day(3))), judged, Platform())
    before = list(ledger.lists.outbox(OutboxFilter()))
    assert {item.state for item in before} >= {OutboxState.DELIVERED, OutboxState.SUPERSEDED, OutboxState.DUE}
    assert ledger.history.purge_bodies(day(0) - timedelta(days=1)) == 0
    assert ledger.history.purge_bodies(day(100)) == sum(item.state is not OutboxState.DUE for item in before)
    assert ledger.history.purge_bodies(day(100)) == 0
    assert list(ledger.lists.outbox(OutboxFilter())) == [
        item if item.state is OutboxState.DUE else replace(item, body="{}", last_answer=None) for item in before
    ]


def test_what_lost_its_body_is_never_sent_again(ledger: Ledger) -> None:
    filled(ledger)
    items = ledger.outbox.lease("platform", day(2), LEASE, 10)
    ledger.outbox.conclude([(item, DELIVERED) for item in items], day(2))
    ledger.history.purge_bodies(day(100))
    assert ledger.outbox.retry(Actor("jo", day(101)), target="platform", state=OutboxState.DELIVERED) == 0
    assert list(ledger.outbox.backfill(Platform(), day(102))) == [], "nor is it told anew as if it had not been"
    assert all(json.loads(item.body) for item in ledger.outbox.lease("platform", day(102), LEASE, 10))
