"""Decisions on many at once, at the shell: all that an outage holds, all that a filter shows."""

from datetime import timedelta
from functools import partial

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.service.clock import utcnow
from tests.cli.conftest import Program
from tests.ledger.making import page
from tests.ledger.test_guard import gone


def held(program: Program) -> str:
    """The id of an outage under way that holds twelve."""
    began, policy = utcnow() - timedelta(hours=2), PolicySettings()
    events = [gone(f"dead{n}", began - timedelta(days=n)) for n in range(4, 0, -1)]
    events += [gone(f"u{n}", began + timedelta(minutes=n)) for n in range(12)]
    with open_ledger(program) as ledger:
        ledger.recording.record(page(*events), partial(decide, settings=policy), lambda _: (), policy)
    (alert,) = program.ledger("alerts", "list", "--json").rows
    assert len(program.ledger("suppressions", "list", "--state", "pending", "--json").rows) == 12
    return str(alert["id"])


def open_ledger(program: Program) -> Ledger:
    return Ledger.connect(f"sqlite:///{program.folder}/ledger.db")


def logged(program: Program) -> list[tuple[str, str, str, int, str | None]]:
    """What stands in the log of actions, the newest first."""
    with open_ledger(program) as ledger:
        return [(each.actor, each.action, each.subject, each.count, each.because) for each in ledger.log.newest()]


def test_alerts_release_lets_go_of_all_that_are_held(filled: Program) -> None:
    alert = held(filled)
    rehearsed = filled.ledger("alerts", "release", alert, "--because", "a directory lost", "--dry-run")
    assert "would be released: 12 suppressions" in rehearsed.out
    assert len(filled.ledger("suppressions", "list", "--state", "pending", "--json").rows) == 12
    done = filled.ledger("alerts", "release", alert, "--because", "a directory lost", "--json")
    assert done.status == 0
    assert {(row["was"], row["state"], row["because"]) for row in done.rows} == {
        ("pending", "active", "a directory lost")
    }
    assert {row["recipient"] for row in done.rows} == {f"u{n}@gmail.com" for n in range(12)}
    assert filled.ledger("suppressions", "list", "--state", "pending", "--json").rows == []
    assert "released: 0 suppressions" in filled.ledger("alerts", "release", alert, "--because", "again").out
    (row,) = filled.ledger("alerts", "list", "--json").rows
    assert (row["held"], row["released"], row["confirmed"]) == (12, 12, 0)


def test_alerts_confirm_suppresses_them_by_hand_and_logs_it(filled: Program) -> None:
    alert = held(filled)
    done = filled.ledger("alerts", "confirm", alert, "--because", "an old list")
    assert (done.status, "suppressed: 12 suppressions" in done.out) == (0, True)
    (row,) = filled.ledger("suppressions", "show", "u4@gmail.com", "--json").rows
    assert (row["state"], row["source"], row["because"]) == ("suppressed", "manual", "confirmed by hand: an old list")
    assert logged(filled) == [("shell", "confirm", alert, 12, "an old list")]


@pytest.mark.parametrize(("words", "told"), [
    (("release", "none", "--because", "x"), "there is no alert 'none'"), (("confirm", "none"), "--because"),
])
def test_alerts_release_refuses(filled: Program, words: tuple[str, ...], told: str) -> None:
    done = filled.ledger("alerts", *words)
    assert (done.status, told in done.complaint) == (2, True)


def test_suppressions_release_lets_go_of_all_that_a_filter_finds(filled: Program) -> None:
    words = ("suppressions", "release", "--from", "2020-01-01", "--because", "a false alarm")
    rehearsed = filled.ledger(*words, "--dry-run")
    assert "would be released: 1 suppression; 1 skipped: complaint" in rehearsed.out
    assert len(filled.ledger("suppressions", "list", "--json").rows) == 2
    done = {row["recipient"]: (row["state"], row["left"]) for row in filled.ledger(*words, "--json").rows}
    assert done == {"anna@gone.example": ("released", None), "carla@cross.example": ("suppressed", "complaint")}
    assert logged(filled) == [("shell", "release", "recipients with from: 2020-01-01", 1, "a false alarm")]
    again = filled.ledger(*words, "--with", "complaint", "--domain", "cross.example")
    assert "released: 1 suppression" in again.out
    assert filled.ledger("suppressions", "list", "--json").rows == []


@pytest.mark.parametrize(("words", "found"), [
    (("--reason", "invalid_recipient"), 1), (("--reason", "mailbox_full"), 0), (("--provider", "gone.example"), 1),
    (("--domain", "cross.example"), 0), (("--stream", "news"), 1), (("--stream", "other"), 0),
    (("--state", "pending"), 0), (("--to", "2020-01-01"), 0),
])
def test_suppressions_release_narrows(filled: Program, words: tuple[str, ...], found: int) -> None:
    rows = filled.ledger("suppressions", "release", *words, "--because", "x", "--dry-run", "--json").rows
    assert sum(row["left"] is None for row in rows) == found


@pytest.mark.parametrize(("words", "told"), [
    ((), "this would release everybody"), (("--reason", "bad_luck"), "is not a reason"),
    (("--state", "active"), "are not suppressed"),
    (("--stream", "news", "--with", "all"), "use one of complaint, manual, protected"),
])
def test_suppressions_release_refuses(filled: Program, words: tuple[str, ...], told: str) -> None:
    done = filled.ledger("suppressions", "release", *words, "--because", "x")
    assert (done.status, told in done.complaint) == (2, True)
    assert len(filled.ledger("suppressions", "list", "--json").rows) == 2
