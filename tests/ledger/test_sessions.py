"""Sign-ins in the ledger: what opens them, what ends them, and what is kept of them."""

from datetime import timedelta

import pytest

from bounce_watcher.ledger import sessions
from bounce_watcher.ledger.sessions import IDLE, LASTS, Role, WebSession
from bounce_watcher.ledger.store import Ledger
from tests.facts import BY
from tests.ledger.making import START

SECOND = timedelta(seconds=1)


def opened(ledger: Ledger, *, role: Role = Role.OPERATOR, by: str = "print", after: timedelta = timedelta(0),
           agent: str = "Firefox") -> tuple[WebSession, str]:
    return ledger.sessions.open(role, by, START + after, peer="203.0.113.7", agent=agent)


def test_only_its_secret_opens_it(ledger: Ledger) -> None:
    made, shown = opened(ledger)
    assert ledger.sessions.find(shown, START) == made
    for other in (made.id, shown[:-1], shown + "A", "", made.opened_by):
        assert ledger.sessions.find(other, START) is None
    assert made.ends_at == START + IDLE


def test_it_ends_when_it_is_not_used_and_at_the_latest_after_its_time(ledger: Ledger) -> None:
    made, shown = opened(ledger)
    assert ledger.sessions.find(shown, START + IDLE - SECOND) is not None
    assert ledger.sessions.find(shown, START + IDLE) is None
    now = START
    while now + IDLE < START + LASTS:
        now += IDLE - SECOND
        found = ledger.sessions.find(shown, now)
        assert found is not None
        ledger.sessions.touch(found, now)
    assert ledger.sessions.find(shown, START + LASTS - SECOND) is not None
    assert ledger.sessions.find(shown, START + LASTS) is None
    assert [each.id for each in ledger.sessions.all(START + LASTS - SECOND)] == [made.id]
    assert ledger.sessions.all(START + LASTS) == []


def test_they_are_ended_one_by_one_and_all_at_once_and_that_is_logged(ledger: Ledger) -> None:
    (a, one), (b, other), (c, third) = (opened(ledger) for _ in range(3))
    assert ledger.sessions.end([a.id, "none"], BY) == [a.id]
    assert ledger.sessions.find(one, START) is None
    assert ledger.sessions.find(other, START) == b
    assert ledger.sessions.end([], BY) == []
    assert ledger.sessions.end(None, BY) == sorted([b.id, c.id])
    assert (ledger.sessions.find(other, START), ledger.sessions.find(third, START)) == (None, None)
    done = [(each.actor, each.action, each.subject) for each in ledger.log.newest()]
    assert sorted(done) == sorted((BY.name, "end-session", each.id) for each in (a, b, c))


def test_those_stay_whose_token_stands_for_the_same_role(ledger: Ledger) -> None:
    kept, _ = opened(ledger, by="a")
    opened(ledger, by="b")
    opened(ledger, by="a", role=Role.READER)
    assert ledger.sessions.keep([(Role.OPERATOR, "a"), (Role.READER, "b")]) == 2
    assert ledger.sessions.all(START) == [kept]
    assert ledger.sessions.keep([]) == 1


def test_what_is_over_is_deleted(ledger: Ledger) -> None:
    opened(ledger)
    kept, _ = opened(ledger, after=timedelta(hours=1))
    assert ledger.sessions.sweep(START + IDLE) == 1
    assert ledger.sessions.all(START + IDLE) == [kept]


def test_there_are_never_too_many(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST", 3)
    made = [opened(ledger, after=number * SECOND)[0] for number in range(5)]
    assert [each.id for each in ledger.sessions.all(START)] == [each.id for each in reversed(made[2:])]


def test_what_a_browser_calls_itself_is_cut_and_stored_whatever_it_is(ledger: Ledger) -> None:
    _, shown = opened(ledger, agent="\0\ud800" + "x" * 5000)
    found = ledger.sessions.find(shown, START)
    assert found is not None
    assert len(found.agent) == 200


def test_the_key_is_random_and_the_same_for_all_who_share_a_ledger(ledger: Ledger) -> None:
    assert len(ledger.sessions.key) == 32
    assert Ledger(ledger._engine).sessions.key == ledger.sessions.key
