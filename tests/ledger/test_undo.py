"""An incident undone: what rested on it is released and told, what rests on something else stays."""

from functools import partial

from bounce_watcher.ledger.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.undo import Incident, Undone
from bounce_watcher.model.ledger import UNDONE, By, NoticeType, State, SuppressionSource
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from tests.ledger.making import START, USER, Platform, bounce, day, deliver_all, page

POLICY = partial(decide, settings=PolicySettings())
GONE, FULL, NO_DOMAIN = Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, Reason.INVALID_DOMAIN
OUTAGE = Incident(day(10), day(10.5))


def undo(
    ledger: Ledger, incident: Incident = OUTAGE, platform: Platform | None = None, *, dry_run: bool = False
) -> list[Undone]:
    return list(ledger.undo(
        incident, POLICY, platform or Platform(), because="the outage", now=day(20), dry_run=dry_run
    ))


def state(ledger: Ledger, recipient: str = USER) -> State:
    return ledger.recipients(recipient)[0].state


def test_who_was_suppressed_by_the_incident_is_released_and_told(ledger: Ledger) -> None:
    platform = Platform()
    ledger.record(page(bounce("m1", at=day(10.2)), bounce("m2", "b@example.org", at=day(11))), POLICY, platform)
    (undone,) = undo(ledger, platform=platform)
    assert undone == Undone(USER, "default", 1, True, State.RELEASED, "the outage")
    assert [it.recipient for it in ledger.suppressions()] == ["b@example.org"]
    (event,) = ledger.events(EventFilter(USER))
    assert event.counted == f"{UNDONE}the outage"
    told = [(it.type, it.sequence) for it in deliver_all(ledger, now=day(30)) if it.recipient == USER]
    assert told == [(NoticeType.RELEASED, 3)]


def test_both_ends_belong_to_the_incident(ledger: Ledger) -> None:
    times = {"a": 9.99, "b": 10, "c": 10.5, "d": 10.51}
    ledger.record(page(*(bounce(n, f"{n}@example.org", at=day(at)) for n, at in times.items())), POLICY, Platform())
    assert [it.recipient[0] for it in undo(ledger)] == ["b", "c"]


def test_a_domain_and_a_reason_narrow_it(ledger: Ledger) -> None:
    ledger.record(page(
        bounce("m1", "a@one.example", at=day(10)), bounce("m2", "a@two.example", at=day(10)),
        bounce("m3", "a@sub.one.example", at=day(10)), bounce("m4", "b@one.example", at=day(10), reason=NO_DOMAIN),
    ), POLICY, Platform())
    undone = undo(ledger, Incident(day(10), day(11), "ONE.example", "invalid_recipient"))
    assert [it.recipient for it in undone] == ["a@one.example"]
    assert [it.recipient for it in undo(ledger, Incident(day(10), day(11), "one.example"))] == ["b@one.example"]


def test_it_confirms_nothing_afterwards(ledger: Ledger) -> None:
    ledger.record(page(bounce("m1", at=day(10), reason=NO_DOMAIN)), POLICY, Platform())
    undo(ledger)
    ledger.record(page(bounce("m2", at=day(15), reason=NO_DOMAIN)), POLICY, Platform())
    assert state(ledger) is State.WATCHING


def test_who_is_suppressed_on_other_grounds_stays_so(ledger: Ledger) -> None:
    platform = Platform()
    ledger.record(page(bounce("m1", at=day(10)), bounce("m2", at=day(12))), POLICY, platform)
    told = len(platform.told)
    (undone,) = undo(ledger, platform=platform)
    assert not undone.released
    (stands,) = ledger.suppressions()
    assert (stands.since, stands.events) == (day(12), (bounce("m2").id,))
    assert [it.type for it in platform.told[told:]] == [NoticeType.SUPPRESSED]


def test_what_a_person_suppressed_stays(ledger: Ledger) -> None:
    ledger.suppress(USER, "default", because="asked", source=SuppressionSource.MANUAL, now=START, announce=Platform())
    ledger.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    (undone,) = undo(ledger)
    assert not undone.released
    assert state(ledger) is State.SUPPRESSED


def test_what_counted_before_goes_on_counting(ledger: Ledger) -> None:
    softs = [bounce(f"m{at}", at=day(at), reason=FULL) for at in (2, 5, 10.1, 16.5)]
    ledger.record(page(*softs[:3], bounce("hard", at=day(10.2))), POLICY, Platform())
    (undone,) = undo(ledger)
    assert (undone.events, undone.released, undone.state) == (2, True, State.WATCHING)
    assert "2 of 3" in (undone.because or "")
    ledger.record(page(softs[3]), POLICY, Platform())
    assert state(ledger) is State.SUPPRESSED


def test_again_changes_nothing(ledger: Ledger) -> None:
    ledger.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    undo(ledger)
    before = ledger.recipients(USER)
    assert undo(ledger) == []
    assert ledger.recipients(USER) == before


def test_a_rehearsal_tells_the_same_and_writes_nothing(ledger: Ledger) -> None:
    ledger.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    before = ledger.recipients(USER), list(ledger.events()), list(ledger.outbox())
    told = undo(ledger, dry_run=True)
    assert (ledger.recipients(USER), list(ledger.events()), list(ledger.outbox())) == before
    assert undo(ledger) == told


def test_many(ledger: Ledger) -> None:
    ledger.record(page(*(bounce(f"m{n}", f"u{n}@example.org", at=day(10)) for n in range(450))), POLICY, Platform())
    assert sum(it.released for it in undo(ledger)) == 450
    assert list(ledger.suppressions()) == []


def test_every_step_is_told_in_order(ledger: Ledger) -> None:
    ledger.record(page(bounce("m0", at=day(1), reason=FULL)), POLICY, Platform())
    ledger.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    undo(ledger)
    ledger.suppress(USER, "default", because="asked", source=SuppressionSource.MANUAL, now=day(21),
                    announce=Platform(), until=day(22))
    ledger.expire(day(23), Platform())
    steps = ledger.course(USER, "default")
    assert [(it.at, it.state, it.by) for it in steps] == [
        (day(1), State.WATCHING, By.REPORT), (day(10), State.SUPPRESSED, By.REPORT),
        (day(20), State.WATCHING, By.UNDO), (day(21), State.SUPPRESSED, By.PERSON),
        (day(22), State.RELEASED, By.CLOCK),
    ]
    assert all(it.because for it in steps)
