"""How far suppressions reach, and how long they last: kept over transactions, on both databases."""

from dataclasses import replace
from functools import partial

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, NoticeType, Scope, State, Suppression, SuppressionSource
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from tests.ledger.making import START, USER, Platform, bounce, day, page

FULL = partial(bounce, reason=Reason.MAILBOX_FULL)
DECIDE = partial(decide, settings=PolicySettings())


def test_a_complaint_in_one_stream_shows_in_all(ledger: Ledger) -> None:
    platform = Platform()
    event = bounce("m1", kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="abuse", stream="news")
    event = replace(event, evidence=Evidence.TOKEN)
    ledger.recording.record(page(event), DECIDE, platform)
    ledger.recording.record(page(bounce("m2", "other@example.org", stream="news")), DECIDE, platform)
    (elsewhere,) = ledger.lists.suppressions(SuppressionFilter(stream="bills"))
    assert (elsewhere.recipient, elsewhere.stream, elsewhere.scope) == (USER, "news", Scope.GLOBAL)
    assert len(list(ledger.lists.suppressions(SuppressionFilter(stream="news")))) == 2
    told = [it for it in platform.told if it.type is NoticeType.SUPPRESSED]
    assert [(it.stream, it.data["scope"]) for it in told] == [("news", "global"), ("news", "stream")]
    assert ledger.suppressions.release(USER, None, Actor("jo", day(2), "asked to"), announce=platform) == 1
    assert list(ledger.lists.suppressions(SuppressionFilter(stream="bills"))) == []


def test_each_time_lasts_longer_than_the_one_before(ledger: Ledger) -> None:
    for number, when in enumerate((0, 7, 15)):
        ledger.recording.record(page(FULL(f"m{number}", at=day(when))), DECIDE, Platform())
    ends, number = [], 3
    while (until := next(ledger.lists.suppressions()).until) is not None:
        ends.append(until)
        assert ledger.suppressions.expire(until, Platform()) == 1
        (record,) = ledger.lists.recipients(USER)
        assert (record.state, record.expiry_level, record.expired_reason) == (State.RELEASED, len(ends), "mailbox_full")
        number += 1
        ledger.recording.record(page(FULL(f"m{number}", at=until + (day(1) - START))), DECIDE, Platform())
    assert ends == [day(22), day(53), day(234)]


def test_a_person_sets_the_ladder_back(ledger: Ledger) -> None:
    for number, when in enumerate((0, 7, 15, 23)):
        ledger.recording.record(page(FULL(f"m{number}", at=day(when))), DECIDE, Platform())
    assert next(ledger.lists.suppressions()).until == day(53)
    ledger.suppressions.release(USER, None, Actor("jo", day(24), "wrote to support"), announce=Platform())
    for number, when in enumerate((25, 32, 40)):
        ledger.recording.record(page(FULL(f"n{number}", at=day(when))), DECIDE, Platform())
    assert next(ledger.lists.suppressions()).until == day(47)


def test_what_comes_from_elsewhere_is_taken_as_it_is(ledger: Ledger) -> None:
    platform = Platform()
    theirs = [
        Suppression(
            f"u{number}@example.org", "news", State.SUPPRESSED, "mailbox_full", day(-3), ByPerson("their word"),
            SuppressionSource.PLATFORM, BounceType.SOFT, day(9), scope=Scope.GLOBAL,
        )
        for number in range(1200)
    ]
    over = Suppression(
        USER, "news", State.SUPPRESSED, None, day(-9), ByPerson("over"), SuppressionSource.MANUAL, until=START
    )
    assert ledger.suppressions.adopt([*theirs, over], START, platform) == 1200
    assert ledger.suppressions.adopt(theirs, START, platform) == 0
    assert sorted(ledger.lists.suppressions(), key=lambda each: each.recipient) == sorted(
        theirs, key=lambda each: each.recipient
    )
    assert len(platform.told) == 1200
