"""A delivery that the platform reports answers for soft bounces, and for nothing else."""

from datetime import datetime

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import NoticeType, RecipientRecord, State, SuppressionSource
from bounce_watcher.model.sending import DeliveredOutcome, Delivery
from bounce_watcher.model.verdict import Reason
from tests.ledger.making import START, USER, Platform, bounce, day, page, record

FULL, UNKNOWN = Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT


def deliver(ledger: Ledger, at: datetime, recipient: str = USER, stream: str = "default",
            platform: Platform | None = None) -> DeliveredOutcome:
    return ledger.deliver([Delivery(recipient, stream, at)], platform or Platform())


def full(ledger: Ledger, *days: float) -> None:
    for number in days:
        record(ledger, page(bounce(f"full-{number}", reason=FULL, at=day(number))))


def known(ledger: Ledger) -> RecipientRecord:
    (found,) = ledger.recipients(USER)
    return found


def test_soft_bounces_before_a_delivery_count_no_longer(ledger: Ledger) -> None:
    full(ledger, 0, 1)
    assert deliver(ledger, day(2), "USER@EXAMPLE.org") == DeliveredOutcome(reset=1)
    assert (known(ledger).state, known(ledger).because) == (State.ACTIVE, "mail was delivered on 3 March 2026")
    full(ledger, 3, 4)
    assert known(ledger).state is State.WATCHING
    full(ledger, 5)
    assert known(ledger).state is State.SUPPRESSED


def test_those_after_it_count_though_it_was_told_late(ledger: Ledger) -> None:
    full(ledger, 0, 2, 3)
    platform = Platform()
    record(ledger, page(bounce("x", "other@example.org", reason=FULL, at=day(0))))
    assert deliver(ledger, day(1), platform=platform) == DeliveredOutcome(reset=1)  # before the suppression: no answer
    assert known(ledger).state is State.SUPPRESSED
    assert platform.told == []


def test_a_watched_recipient_with_a_bounce_after_the_delivery_stays_watched(ledger: Ledger) -> None:
    full(ledger, 0, 2)
    deliver(ledger, day(1))
    assert known(ledger).state is State.WATCHING
    full(ledger, 3)
    assert known(ledger).because == "2 of 3"


def test_a_soft_suppression_ends_by_it_and_that_is_told(ledger: Ledger) -> None:
    full(ledger, 0, 1, 2)
    platform = Platform()
    assert deliver(ledger, day(3), platform=platform) == DeliveredOutcome(reset=1, released=1)
    assert known(ledger).state is State.RELEASED
    assert list(ledger.suppressions()) == []
    (told,) = platform.told
    assert (told.type, told.at, told.data["because"]) == (
        NoticeType.RELEASED, day(3), "mail was delivered on 4 March 2026"
    )


def test_a_hard_suppression_and_one_by_hand_stand_and_show_it(ledger: Ledger) -> None:
    record(ledger, page(bounce("m", reason=UNKNOWN)))
    ledger.suppress("by@example.org", "default", because="asked", source=SuppressionSource.MANUAL, now=START,
                    announce=Platform())
    platform = Platform()
    deliver(ledger, day(1), platform=platform)
    deliver(ledger, day(1), "by@example.org", platform=platform)
    assert [it.recipient for it in ledger.suppressions()] == ["by@example.org", USER]
    assert (known(ledger).state, known(ledger).delivered_at) == (State.SUPPRESSED, day(1))
    assert platform.told == []


def test_the_latest_of_several_holds_and_none_is_entered_twice(ledger: Ledger) -> None:
    full(ledger, 0)
    several = [Delivery(USER, "default", day(number)) for number in (2, 5, 3)]
    assert ledger.deliver(several, Platform()) == DeliveredOutcome(reset=1)
    assert ledger.deliver(several, Platform()) == DeliveredOutcome()
    assert known(ledger).delivered_at == day(5)


def test_other_streams_and_unknown_recipients_are_left_alone(ledger: Ledger) -> None:
    full(ledger, 0)
    assert deliver(ledger, day(1), stream="invoices") == DeliveredOutcome()
    assert deliver(ledger, day(1), "nobody@example.org") == DeliveredOutcome()
    assert known(ledger).delivered_at is None
    assert ledger.recipients("nobody@example.org") == []


def test_a_hundred_thousand_deliveries_to_people_who_never_bounced(ledger: Ledger) -> None:
    full(ledger, 0)
    everybody = [Delivery(f"u{n}@example.org", "default", day(1)) for n in range(100_000)]
    for start in range(0, len(everybody), 5_000):
        assert ledger.deliver(everybody[start : start + 5_000], Platform()) == DeliveredOutcome()
