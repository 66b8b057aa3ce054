"""A delivery that the platform reports answers for the bounces before it, unless the next one follows it soon."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import permutations

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import Delivered
from bounce_watcher.model.ledger import Actor, NoticeType, RecipientRecord, State
from bounce_watcher.model.sending import DeliveredOutcome, Delivery
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import text
from tests.ledger.making import START, USER, Platform, bounce, day, page, record

FULL, UNKNOWN, NO_DOMAIN = Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, Reason.INVALID_DOMAIN
POLICY = PolicySettings()
MINUTES = timedelta(minutes=5)


def deliver(ledger: Ledger, at: datetime, recipient: str = USER, stream: str = "default",
            platform: Platform | None = None) -> DeliveredOutcome:
    return ledger.recording.deliver([Delivery(recipient, stream, at)], platform or Platform())


def full(ledger: Ledger, *days: float) -> None:
    for number in days:
        record(ledger, page(bounce(f"full-{number}", reason=FULL, at=day(number))))


def known(ledger: Ledger) -> RecipientRecord:
    (found,) = ledger.lists.recipients(USER)
    return found


def test_soft_bounces_before_a_delivery_count_no_longer(ledger: Ledger) -> None:
    full(ledger, 0, 1)
    assert deliver(ledger, day(2), "USER@EXAMPLE.org") == DeliveredOutcome(reset=1)
    assert (known(ledger).state, text(known(ledger).grounds)) == (State.ACTIVE, "mail was delivered on 3 March 2026")
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
    assert text(known(ledger).grounds) == "2 of 3"


def test_a_soft_suppression_ends_by_it_and_that_is_told(ledger: Ledger) -> None:
    full(ledger, 0, 1, 2)
    platform = Platform()
    assert deliver(ledger, day(3), platform=platform) == DeliveredOutcome(reset=1, released=1)
    assert known(ledger).state is State.RELEASED
    assert list(ledger.lists.suppressions()) == []
    (told,) = platform.told
    assert (told.type, told.at, told.data["grounds"]) == (
        NoticeType.RELEASED, day(3), Delivered(day(3))
    )


def test_a_hard_suppression_and_one_by_hand_stand_and_show_it(ledger: Ledger) -> None:
    record(ledger, page(bounce("m", reason=UNKNOWN)))
    ledger.suppressions.suppress("by@example.org", "default", Actor("jo", START, "asked"), announce=Platform())
    platform = Platform()
    deliver(ledger, day(1), platform=platform)
    deliver(ledger, day(1), "by@example.org", platform=platform)
    assert [it.recipient for it in ledger.lists.suppressions()] == ["by@example.org", USER]
    assert (known(ledger).state, known(ledger).delivered_at) == (State.SUPPRESSED, day(1))
    assert platform.told == []


def test_the_latest_of_several_holds_and_none_is_entered_twice(ledger: Ledger) -> None:
    full(ledger, 0)
    several = [Delivery(USER, "default", day(number)) for number in (2, 5, 3)]
    assert ledger.recording.deliver(several, Platform()) == DeliveredOutcome(reset=1)
    assert ledger.recording.deliver(several, Platform()) == DeliveredOutcome()
    assert known(ledger).delivered_at == day(5)


def fails(ledger: Ledger, at: datetime, reason: Reason = NO_DOMAIN) -> None:
    """A bounce under the policy that everybody has: of NO_DOMAIN the second suppresses, of FULL the third."""
    ledger.recording.record(page(bounce(f"{reason}-{at}", at=at, reason=reason)), partial(decide, settings=POLICY),
                            Platform(),
                  POLICY)


def test_a_hard_bounce_that_waits_for_a_second_one_is_answered_for(ledger: Ledger) -> None:
    fails(ledger, day(0))
    assert deliver(ledger, day(2)) == DeliveredOutcome(reset=1)
    assert (known(ledger).state, text(known(ledger).grounds)) == (State.ACTIVE, "mail was delivered on 3 March 2026")
    fails(ledger, day(4))
    assert (known(ledger).state, text(known(ledger).grounds)) == (
        State.WATCHING, "1 of 2 on 1 of 2 days: 5 March 2026; window 60 days; invalid domain"
    )
    fails(ledger, day(6))
    assert known(ledger).state is State.SUPPRESSED


@pytest.mark.parametrize(("reason", "days"), [(NO_DOMAIN, (0, 1)), (FULL, (0, 7, 14))])
def test_a_server_that_takes_all_mail_and_bounces_it_later_answers_for_nothing(
    ledger: Ledger, reason: Reason, days: tuple[int, ...]
) -> None:
    for number in days:
        deliver(ledger, day(number))
        fails(ledger, day(number) + MINUTES, reason)
    assert known(ledger).state is State.SUPPRESSED


def test_neither_does_it_with_two_mails_a_day(ledger: Ledger) -> None:
    for hours in (0, 6, 24):
        deliver(ledger, day(hours / 24))
        fails(ledger, day(hours / 24) + MINUTES)
    assert known(ledger).state is State.SUPPRESSED


def test_of_many_deliveries_the_first_is_enough(ledger: Ledger) -> None:
    """The last one was minutes before the next bounce, and may be its own."""
    fails(ledger, day(0))
    for hour in range(24, 72):
        deliver(ledger, day(hour / 24))
    fails(ledger, day(71 / 24) + MINUTES)
    assert known(ledger).state is State.WATCHING
    assert known(ledger).delivered_at == day(71 / 24)


def test_a_delivery_soon_before_a_bounce_denies_no_earlier_one(ledger: Ledger) -> None:
    """Bounced, delivered for good, bounced, and then delivered only to bounce: of those two count."""
    fails(ledger, day(0))
    deliver(ledger, day(2))
    fails(ledger, day(4))
    deliver(ledger, day(6))
    fails(ledger, day(6) + MINUTES)
    (stands,) = ledger.lists.suppressions()
    assert text(stands.grounds).startswith("2 of 2 on 2 days: 5 and 7 March 2026;")


def happenings() -> Iterator[tuple[str, datetime]]:
    yield from (("fails", day(number)) for number in (0, 4))
    yield "delivered", day(2)


@pytest.mark.parametrize("order", list(permutations(happenings())))
def test_whichever_is_told_first(ledger: Ledger, order: tuple[tuple[str, datetime], ...]) -> None:
    fails(ledger, day(-100), FULL)  # or a delivery that is told first would be of nobody
    for what, at in order:
        fails(ledger, at) if what == "fails" else deliver(ledger, at)
    too_late = order[-1][0] == "delivered"
    assert known(ledger).state is (State.SUPPRESSED if too_late else State.WATCHING)


def test_other_streams_and_unknown_recipients_are_left_alone(ledger: Ledger) -> None:
    full(ledger, 0)
    assert deliver(ledger, day(1), stream="invoices") == DeliveredOutcome()
    assert deliver(ledger, day(1), "nobody@example.org") == DeliveredOutcome()
    assert known(ledger).delivered_at is None
    assert ledger.lists.recipients("nobody@example.org") == []


def test_a_hundred_thousand_deliveries_to_people_who_never_bounced(ledger: Ledger) -> None:
    full(ledger, 0)
    everybody = [Delivery(f"u{n}@example.org", "default", day(1)) for n in range(100_000)]
    for start in range(0, len(everybody), 5_000):
        assert ledger.recording.deliver(everybody[start : start + 5_000], Platform()) == DeliveredOutcome()
