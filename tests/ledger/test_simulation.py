"""A stored history under another policy."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from bounce_watcher.ledger.history import replaying
from bounce_watcher.ledger.history.replaying import Simulated
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, State
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings, Threshold
from bounce_watcher.words.grounds import text
from tests.ledger.making import USER, Platform, bounce, day, page

USUAL = PolicySettings()
AT_ONCE = PolicySettings(soft=Threshold(1, 1, timedelta(0), timedelta(days=60)), soft_expiry=(None,))
FULL = Reason.MAILBOX_FULL


def delivered(digest: str, at: float, recipient: str = USER) -> object:
    return bounce(digest, recipient, at=day(at), reason=None, kind=Kind.DELIVERED, action=Action.DELIVERED)


def simulate(ledger: Ledger, settings: PolicySettings, now: float = 50) -> dict[str, Simulated]:
    found = ledger.history.simulate(partial(decide, settings=settings), day(now))
    return {f"{each.recipient}/{each.stream}": each for each in found}


def record(ledger: Ledger, *events: object) -> None:
    ledger.recording.record(page(*events), partial(decide, settings=USUAL), Platform())  # type: ignore[arg-type]


def state(ledger: Ledger, address: str) -> State:
    (record,) = ledger.lists.recipients(address)
    return record.state


def test_the_same_policy_comes_to_the_same(ledger: Ledger) -> None:
    record(ledger, *(bounce(f"f{n}", "full@example.org", at=day(n * 9), reason=FULL) for n in range(3)))
    record(ledger, bounce("g", "gone@example.org"), bounce("b", "blocked@example.org", reason=Reason.SPAM))
    ledger.suppressions.expire(day(30), Platform())
    for each in simulate(ledger, USUAL, 30).values():
        assert (each.now is None) == (each.then is None)
        if each.now and each.then:
            assert (each.now.since, each.now.until, text(each.now.grounds)) == (
                each.then.since, each.then.until, text(each.then.grounds))


def test_what_only_waits_for_confirmation_waits_in_a_replay_too(ledger: Ledger) -> None:
    guess, alias = bounce("g", "guess@example.org"), bounce("f", "alias@example.org")
    record(ledger, replace(guess, confidence=Confidence.GUESS), replace(alias, forwarded=True))
    assert state(ledger, "guess@example.org") is state(ledger, "alias@example.org") is State.WATCHING
    assert [each.then for each in simulate(ledger, USUAL).values()] == [None, None]
    later = bounce("f2", "alias@example.org", at=day(7))
    record(ledger, replace(later, forwarded=True))
    assert state(ledger, "guess@example.org") is State.WATCHING
    assert state(ledger, "alias@example.org") is State.SUPPRESSED


def test_who_would_be_suppressed_and_took_mail_later(ledger: Ledger) -> None:
    record(ledger, bounce("m1", at=day(1), reason=FULL), delivered("m2", 9), delivered("m3", 0, "b@example.org"),
           bounce("m4", "b@example.org", at=day(3), reason=FULL))
    found = simulate(ledger, AT_ONCE)
    mine, other = found[f"{USER}/default"], found["b@example.org/default"]
    assert mine.now is None
    assert mine.then is not None
    assert (mine.then.since, mine.took_mail_at, mine.events) == (day(1), day(9), 2)
    assert other.then is not None
    assert other.took_mail_at is None


def test_who_would_be_suppressed_no_more(ledger: Ledger) -> None:
    record(ledger, bounce("m1"))
    (found,) = simulate(ledger, PolicySettings(protected_domains=frozenset({"example.org"}))).values()
    assert found.now is not None
    assert found.then is None


def test_a_release_by_hand_holds_in_a_simulation_too(ledger: Ledger) -> None:
    record(ledger, bounce("m1", at=day(1)), bounce("m2", "b@example.org", at=day(1)))
    ledger.suppressions.release(USER, None, Actor("jo", day(2), "is back"), announce=Platform())
    found = simulate(ledger, USUAL)
    assert found[f"{USER}/default"].then is None
    assert found["b@example.org/default"].then is not None


def test_a_suppression_by_hand_is_no_policy_s(ledger: Ledger) -> None:
    record(ledger, bounce("m1", at=day(1), reason=FULL))
    ledger.suppressions.suppress(USER, "default", Actor("jo", day(2), "asked"), announce=Platform())
    (found,) = simulate(ledger, USUAL).values()
    assert (found.now, found.then) == (None, None)


def test_streams_are_apart_and_pages_do_not_matter(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(5):
        record(ledger, *(bounce(f"{n}{m}{s}", f"{m}@example.org", at=day(n), reason=FULL, stream=s)
                         for m in "abc" for s in ("one", "two")))
    whole = simulate(ledger, AT_ONCE)
    assert len(whole) == 6
    for size in (1, 3, 10):
        monkeypatch.setattr(replaying, "_PAGE", size)
        assert simulate(ledger, AT_ONCE) == whole
