"""Whom people protect: no rule suppresses them, whatever is reported, and what stands against them stays."""

import pytest

from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Protection, State
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.words.grounds import text
from tests.facts import BY
from tests.ledger.making import START, USER, Platform, bounce, day, page
from tests.ledger.test_undo import POLICY

OTHER = "other@elsewhere.example"


def protect(ledger: Ledger, name: str = USER, because: str = "our founder") -> None:
    ledger.suppressions.protect(name, Actor("jo", START, because))


def protection(name: str = USER, because: str = "our founder") -> Protection:
    return Protection(name, START, "jo", because)


def take(ledger: Ledger, *addresses: str, at: float = 1) -> None:
    events = [bounce(f"m{n}-{at}", address, at=day(at)) for n, address in enumerate(addresses)]
    ledger.recording.record(page(*events), POLICY, Platform())


def states(ledger: Ledger, *addresses: str) -> list[State]:
    return [ledger.lists.recipients(address)[0].state for address in addresses]


@pytest.mark.parametrize(("name", "words"), [
    (USER, "protected address"), ("@example.org", "protected domain example.org"), ("@EXAMPLE.org", "protected domain"),
])
def test_no_rule_suppresses_whom_a_person_protects(ledger: Ledger, name: str, words: str) -> None:
    protect(ledger, name)
    take(ledger, "USER@example.org", OTHER)
    assert states(ledger, USER, OTHER) == [State.ACTIVE, State.SUPPRESSED]
    (event,) = ledger.lists.events(EventFilter(USER))
    assert text(event.exclusion)
    assert text(event.exclusion).startswith(words)
    assert ledger.lists.recipients(USER)[0].protected == name
    assert ledger.lists.recipients(OTHER)[0].protected is None


def test_a_domain_is_not_those_below_it(ledger: Ledger) -> None:
    protect(ledger, "@example.org")
    take(ledger, "a@sub.example.org", "a@notexample.org")
    assert states(ledger, "a@sub.example.org", "a@notexample.org") == [State.SUPPRESSED] * 2


def test_what_stands_stays_until_it_is_released_and_a_person_may_suppress(ledger: Ledger) -> None:
    take(ledger, USER)
    protect(ledger)
    assert states(ledger, USER) == [State.SUPPRESSED]
    ledger.suppressions.release(USER, None, Actor("jo", day(2), "back"), announce=Platform())
    take(ledger, USER, at=3)
    assert states(ledger, USER) == [State.RELEASED]
    ledger.suppressions.suppress(USER, "default", Actor("jo", day(4), "asked"), announce=Platform())
    assert states(ledger, USER) == [State.SUPPRESSED]


def test_it_can_be_taken_away(ledger: Ledger) -> None:
    protect(ledger)
    take(ledger, USER)
    assert ledger.suppressions.unprotect("USER@EXAMPLE.ORG", BY)
    assert not ledger.suppressions.unprotect(USER, BY)
    take(ledger, USER, at=3)
    assert states(ledger, USER) == [State.SUPPRESSED]


def test_who_protects_whom_is_told_the_address_before_its_domain(ledger: Ledger) -> None:
    protect(ledger, "@example.org", "our own domain")
    assert ledger.lists.protection(USER) == protection("@example.org", "our own domain")
    protect(ledger)
    protect(ledger, because="said so again")
    assert ledger.lists.protection("User@example.org") == protection(because="said so again")
    assert ledger.lists.protection("@example.org") == protection("@example.org", "our own domain")
    assert ledger.lists.protection(OTHER) is None
    assert [each.name for each in ledger.lists.protections()] == ["@example.org", USER]
    assert [each.name for each in ledger.lists.protections(1)] == ["@example.org"]


def test_hostile_names_and_reasons_are_kept(ledger: Ledger) -> None:
    wanted = Protection("a\0\ud800'@example.org", START, "jo\0", "x\0;--")
    protect(ledger, wanted.name)
    take(ledger, wanted.name)
    assert states(ledger, wanted.name) == [State.ACTIVE]
    assert ledger.suppressions.unprotect(wanted.name, BY)


def test_courses_gone_through_again_know_it(ledger: Ledger) -> None:
    take(ledger, USER, OTHER)
    protect(ledger)
    then = {each.recipient: each.then for each in ledger.history.simulate(POLICY, day(9))}
    assert then[USER] is None
    assert then[OTHER] is not None
    (event,) = ledger.lists.events(EventFilter(USER))
    (told,) = ledger.history.revise([Revision(event, event)], POLICY, Platform(), day(9), dry_run=True)
    assert (told.was, told.state) == (State.SUPPRESSED, State.RELEASED)
    elsewhere = Incident(day(0), day(2), domain="elsewhere.example")
    (undone,) = ledger.suppressions.undo(elsewhere, POLICY, Platform(), Actor("jo", day(9)), subject="an incident")
    assert undone.recipient == OTHER


def test_forget_clears_it(ledger: Ledger) -> None:
    protect(ledger)
    protect(ledger, "@example.org")
    assert ledger.privacy.outline(USER).protections == 1
    assert ledger.privacy.forget(USER, BY).protections == 1
    assert [each.name for each in ledger.lists.protections()] == ["@example.org"]
    take(ledger, USER)
    ledger.privacy.forget(USER, BY)
    with pytest.raises(ValueError, match="forgotten"):
        protect(ledger)


def test_many_addresses_are_looked_up_at_once(ledger: Ledger) -> None:
    many = [f"u{n}@d{n}.example" for n in range(1300)]
    protect(ledger, many[777])
    protect(ledger, "@d888.example")
    take(ledger, *many)
    assert {each.recipient for each in ledger.lists.suppressions()} == set(many) - {many[777], many[888]}
