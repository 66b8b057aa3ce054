"""An incident undone: what rested on it is released and told, what rests on something else stays."""

from dataclasses import replace
from functools import partial

import pytest

from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.suppressions.undo import UndoOutcome
from bounce_watcher.model.grounds import EndpointGone
from bounce_watcher.model.ledger import (
    Actor,
    Alert,
    AlertKind,
    BounceEvent,
    ChangedBy,
    NoticeType,
    State,
)
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.words.grounds import text
from tests.facts import about
from tests.ledger.making import START, USER, Platform, bounce, day, deliver_all, page

POLICY = partial(decide, settings=PolicySettings())
GONE, FULL, NO_DOMAIN = Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, Reason.INVALID_DOMAIN
OUTAGE = Incident(day(10), day(10.5))


def undo(
    ledger: Ledger, incident: Incident = OUTAGE, platform: Platform | None = None, *, dry_run: bool = False
) -> list[UndoOutcome]:
    by = Actor("jo", day(20))
    return list(ledger.suppressions.undo(
        incident, POLICY, platform or Platform(), by, subject="an incident", dry_run=dry_run
    ))


def state(ledger: Ledger, recipient: str = USER) -> State:
    return ledger.lists.recipients(recipient)[0].state


def test_who_was_suppressed_by_the_incident_is_released_and_told(ledger: Ledger) -> None:
    platform = Platform()
    ledger.recording.record(
        page(bounce("m1", at=day(10.2)), bounce("m2", "b@example.org", at=day(11))), POLICY, platform
    )
    (undone,) = undo(ledger, platform=platform)
    assert undone == UndoOutcome(USER, "default", 1, True, State.RELEASED, undone.grounds, State.SUPPRESSED)
    assert text(undone.grounds).startswith("incident of ")
    assert [it.recipient for it in ledger.lists.suppressions()] == ["b@example.org"]
    (event,) = ledger.lists.events(EventFilter(USER))
    assert text(event.exclusion).startswith("undone: incident of ")
    told = [(it.type, it.sequence) for it in deliver_all(ledger, now=day(30)) if it.recipient == USER]
    assert told == [(NoticeType.RELEASED, 3)]


def test_both_ends_belong_to_the_incident(ledger: Ledger) -> None:
    times = {"a": 9.99, "b": 10, "c": 10.5, "d": 10.51}
    ledger.recording.record(
        page(*(bounce(n, f"{n}@example.org", at=day(at)) for n, at in times.items())), POLICY, Platform()
    )
    assert [it.recipient[0] for it in undo(ledger)] == ["b", "c"]


def test_a_domain_and_a_reason_narrow_it(ledger: Ledger) -> None:
    ledger.recording.record(page(
        bounce("m1", "a@one.example", at=day(10)), bounce("m2", "a@two.example", at=day(10)),
        bounce("m3", "a@sub.one.example", at=day(10)), bounce("m4", "b@one.example", at=day(10), reason=NO_DOMAIN),
    ), POLICY, Platform())
    undone = undo(ledger, Incident(day(10), day(11), "ONE.example", "invalid_recipient"))
    assert [it.recipient for it in undone] == ["a@one.example"]
    assert [it.recipient for it in undo(ledger, Incident(day(10), day(11), "one.example"))] == ["b@one.example"]


def at_provider(name: str, recipient: str, remote: str | None, **more: object) -> BounceEvent:
    return replace(bounce(name, recipient, at=day(10)), remote_mta=remote, **more)  # type: ignore[arg-type]


def test_a_provider_takes_the_mail_of_many_domains(ledger: Ledger) -> None:
    ledger.recording.record(page(
        at_provider("m1", "a@company.example", "aspmx.l.google.com"), at_provider("m2", "a@gmail.com", None),
        at_provider("m3", "b@company.example", "mx.company.example"), at_provider("m4", "a@outlook.com", None),
    ), POLICY, Platform())
    incident = Incident(day(10), day(11), provider="google.com")
    assert {it.recipient for it in undo(ledger, incident, dry_run=True)} == {"a@company.example", "a@gmail.com"}
    assert {it.recipient for it in undo(ledger, replace(incident, domain="gmail.com"))} == {"a@gmail.com"}
    assert {it.recipient for it in undo(ledger, incident)} == {"a@company.example"}
    assert [it.recipient for it in ledger.lists.suppressions()] == ["a@outlook.com", "b@company.example"]


def alert(kind: AlertKind, subject: str) -> Alert:
    return Alert(
        "id", kind, about(subject), day(10), day(10.1), day(10.5), cleared=False, count=9, alarm_from=9, usual=1,
        grounds=EndpointGone("x"),
    )


@pytest.mark.parametrize(("subject", "undone"), [
    ("provider google.com", {"a@gmail.com", "b@gmail.com"}),
    ("wording common.no-such-user # # no such user", {"b@gmail.com", "c@company.example"}),
])
def test_an_alert_on_an_outage_is_about_the_hard_bounces_that_it_counts(
    ledger: Ledger, subject: str, undone: set[str]
) -> None:
    ledger.recording.record(page(
        at_provider("m1", "a@gmail.com", None, diagnostic="550 5.1.1 gone"), at_provider("m2", "b@gmail.com", None),
        at_provider("m3", "c@company.example", None),
        at_provider("m4", "d@gmail.com", None, reason=FULL, bounce_type=FULL.bounce_type, diagnostic="552 full"),
    ), POLICY, Platform())
    incident = Incident.of(alert(AlertKind.OUTAGE, subject))
    assert incident is not None
    assert {it.recipient for it in undo(ledger, incident)} == undone


def test_an_alert_on_blocks_is_about_what_else_the_provider_reported_meanwhile(ledger: Ledger) -> None:
    spam = Reason.SPAM
    ledger.recording.record(page(
        at_provider("m1", "a@gmail.com", None), at_provider("m2", "a@outlook.com", None),
        at_provider("m3", "b@gmail.com", None, reason=spam, bounce_type=spam.bounce_type),
    ), POLICY, Platform())
    incident = Incident.of(alert(AlertKind.BLOCKS, "block google.com spam 192.0.2.1"))
    assert incident is not None
    assert {it.recipient for it in undo(ledger, incident)} == {"a@gmail.com"}


def test_an_alert_on_what_counts_against_nobody_is_no_incident() -> None:
    assert Incident.of(alert(AlertKind.FORGED, "forged")) is None
    assert Incident.of(replace(alert(AlertKind.ENDPOINT, "platform"), ends_at=None)) is None


def test_it_confirms_nothing_afterwards(ledger: Ledger) -> None:
    ledger.recording.record(page(bounce("m1", at=day(10), reason=NO_DOMAIN)), POLICY, Platform())
    undo(ledger)
    ledger.recording.record(page(bounce("m2", at=day(15), reason=NO_DOMAIN)), POLICY, Platform())
    assert state(ledger) is State.WATCHING


def test_who_is_suppressed_on_other_grounds_stays_so(ledger: Ledger) -> None:
    platform = Platform()
    ledger.recording.record(page(bounce("m1", at=day(10)), bounce("m2", at=day(12))), POLICY, platform)
    told = len(platform.told)
    (undone,) = undo(ledger, platform=platform)
    assert not undone.released
    (stands,) = ledger.lists.suppressions()
    assert (stands.since, stands.events) == (day(12), (bounce("m2").id,))
    assert [it.type for it in platform.told[told:]] == [NoticeType.SUPPRESSED]


def test_what_a_person_suppressed_stays(ledger: Ledger) -> None:
    ledger.suppressions.suppress(USER, "default", Actor("jo", START, "asked"), announce=Platform())
    ledger.recording.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    (undone,) = undo(ledger)
    assert not undone.released
    assert state(ledger) is State.SUPPRESSED


def test_what_counted_before_goes_on_counting(ledger: Ledger) -> None:
    softs = [bounce(f"m{at}", at=day(at), reason=FULL) for at in (2, 5, 10.1, 16.5)]
    ledger.recording.record(page(*softs[:3], bounce("hard", at=day(10.2))), POLICY, Platform())
    (undone,) = undo(ledger)
    assert (undone.events, undone.released, undone.state) == (2, True, State.WATCHING)
    assert "2 of 3" in (text(undone.grounds) or "")
    ledger.recording.record(page(softs[3]), POLICY, Platform())
    assert state(ledger) is State.SUPPRESSED


def test_again_changes_nothing(ledger: Ledger) -> None:
    ledger.recording.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    undo(ledger)
    before = ledger.lists.recipients(USER)
    assert undo(ledger) == []
    assert ledger.lists.recipients(USER) == before


def test_a_rehearsal_tells_the_same_and_writes_nothing(ledger: Ledger) -> None:
    ledger.recording.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    before = ledger.lists.recipients(USER), list(ledger.lists.events()), list(ledger.lists.outbox())
    told = undo(ledger, dry_run=True)
    assert (ledger.lists.recipients(USER), list(ledger.lists.events()), list(ledger.lists.outbox())) == before
    assert undo(ledger) == told


def test_many(ledger: Ledger) -> None:
    ledger.recording.record(
        page(*(bounce(f"m{n}", f"u{n}@example.org", at=day(10)) for n in range(450))), POLICY, Platform()
    )
    assert sum(it.released for it in undo(ledger)) == 450
    assert list(ledger.lists.suppressions()) == []


def test_every_step_is_told_in_order(ledger: Ledger) -> None:
    ledger.recording.record(page(bounce("m0", at=day(1), reason=FULL)), POLICY, Platform())
    ledger.recording.record(page(bounce("m1", at=day(10))), POLICY, Platform())
    undo(ledger)
    ledger.suppressions.suppress(USER, "default", Actor("jo", day(21), "asked"), announce=Platform(), until=day(22))
    ledger.suppressions.expire(day(23), Platform())
    steps = ledger.history.course(USER, "default")
    assert [(it.at, it.state, it.by) for it in steps] == [
        (day(1), State.WATCHING, ChangedBy.REPORT), (day(10), State.SUPPRESSED, ChangedBy.REPORT),
        (day(20), State.WATCHING, ChangedBy.UNDO), (day(21), State.SUPPRESSED, ChangedBy.PERSON),
        (day(22), State.RELEASED, ChangedBy.CLOCK),
    ]
    assert all(text(it.grounds) for it in steps)
