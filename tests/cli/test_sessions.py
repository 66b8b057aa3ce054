"""Sign-ins, seen and ended at the shell."""

import pytest

from bounce_watcher.ledger.sessions import IDLE, Role
from bounce_watcher.service.clock import utcnow
from tests.cli.conftest import Program
from tests.cli.test_many import logged, open_ledger


@pytest.fixture
def ids(filled: Program) -> list[str]:
    """Two sessions that are open, the last used first; a third one is over."""
    now = utcnow()
    with open_ledger(filled) as ledger:
        made = [
            ledger.sessions.open(role, "print", at, peer="203.0.113.7", agent="Fire\x1b[2Jfox")[0]
            for role, at in ((Role.READER, now), (Role.OPERATOR, now - IDLE / 2), (Role.OPERATOR, now - IDLE))
        ]
    return [each.id for each in made[:2]]


def test_they_are_listed_without_what_opens_them(filled: Program, ids: list[str]) -> None:
    rows = filled.ledger("sessions", "list", "--json").rows
    assert [(row["id"], row["role"], row["peer"]) for row in rows] == [
        (ids[0], "reader", "203.0.113.7"), (ids[1], "operator", "203.0.113.7")
    ]
    assert set(rows[0]) == {"id", "role", "peer", "created_at", "seen_at", "ends_at", "agent"}
    shown = filled.ledger("sessions", "list")
    assert (ids[0] in shown.out, "\x1b[2J" in shown.out) == (True, False)


def test_one_is_ended(filled: Program, ids: list[str]) -> None:
    done = filled.ledger("sessions", "end", ids[0])
    assert (done.status, done.out) == (0, "1 session ended\n")
    assert [row["id"] for row in filled.ledger("sessions", "list", "--json").rows] == ids[1:]
    assert ("shell", "end-session", ids[0]) in [done[:3] for done in logged(filled)]
    again = filled.ledger("sessions", "end", ids[0], ids[1])
    assert (again.status, f"no such session, or already ended: {ids[0]}" in again.complaint) == (1, True)
    assert filled.ledger("sessions", "list", "--json").rows == []


def test_all_are_ended(filled: Program, ids: list[str]) -> None:
    assert filled.ledger("sessions", "end", "--all").status == 0
    assert filled.ledger("sessions", "list", "--json").rows == []
    assert filled.ledger("sessions", "end", "--all").out == "0 sessions ended\n"


@pytest.mark.parametrize("words", [(), ("x", "--all")])
def test_which_must_be_said(filled: Program, words: tuple[str, ...]) -> None:
    done = filled.ledger("sessions", "end", *words)
    assert (done.status, "name the ids of sessions, or use --all" in done.complaint) == (2, True)
