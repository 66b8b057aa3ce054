"""When it is unusual that no mail comes, by what came before: on both databases."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import AlertKind
from bounce_watcher.policy.guards.quiet import FEWEST, HISTORY, SHORTEST, TIMES, ArrivalRate
from tests.facts import an_alert
from tests.ledger.making import START, Platform, day, mail, record

HOUR = timedelta(hours=1)


def came(ledger: Ledger, *hours: float) -> None:
    record(ledger, [mail(digest=f"m{hour}", kind=Kind.OTHER, at=START + hour * HOUR) for hour in hours])


def test_the_longest_pause_of_late_is_the_usual_one(ledger: Ledger) -> None:
    came(ledger, *range(0, 15 * 24, 8))
    came(ledger, 15 * 24 + 22)
    last = 15 * 24 + 22
    pace = ledger.recording.paces(["returns", "other"], START + last * HOUR)["returns"]
    assert pace == ArrivalRate(START + (last + 1) * HOUR, timedelta(hours=30))
    assert pace.unusual_from == timedelta(hours=45)
    assert not pace.is_quiet(START + (last + 46) * HOUR)
    assert pace.is_quiet(START + (last + 46.1) * HOUR)


def test_a_pause_of_hours_is_none_where_mail_comes_all_the_time(ledger: Ledger) -> None:
    came(ledger, *range(15 * 24))
    pace = ledger.recording.paces(["returns"], day(15))["returns"]
    assert (pace.longest, pace.unusual_from) == (HOUR, SHORTEST)


@pytest.mark.parametrize("hours", [
    [], [0], list(range(0, 24 * 13, 2)), [n * 24.0 for n in range(FEWEST - 1)], [n * 24 * 14 for n in range(2)],
], ids=["none", "one", "young", "few", "two"])
def test_of_a_young_mailbox_nothing_is_said(ledger: Ledger, hours: list[float]) -> None:
    came(ledger, *hours)
    assert ledger.recording.paces(["returns"], day(40)) == {}
    assert ledger.recording.paces(["returns"], day(20)) == {}


def test_what_comes_twice_counts_once_and_what_is_old_not_at_all(ledger: Ledger) -> None:
    came(ledger, 0, *range(24 * 20, 24 * 35, 4))
    came(ledger, *range(24 * 20, 24 * 35, 4))
    pace = ledger.recording.paces(["returns"], day(36))["returns"]
    assert pace.longest == timedelta(hours=4), "the mail of 36 days ago is forgotten"
    assert (timedelta(days=14), 1.5) == (HISTORY, TIMES), "as the rule for Prometheus and the page on it say"


def test_what_was_usual_holds_until_mail_comes_where_an_alert_was_raised(ledger: Ledger) -> None:
    came(ledger, *range(0, 15 * 24 + 1, 8))
    usual = ArrivalRate(day(15) + HOUR, 8 * HOUR)
    assert ledger.recording.paces(["returns"], day(16)) == {"returns": usual}
    assert ledger.recording.paces(["returns"], day(99)) == {}
    alert = replace(an_alert(AlertKind.QUIET, "returns", usual.last_at), usual=8)
    ledger.recording.tell_alerts([alert], [], day(16), Platform())
    for at in (16, 32, 99):
        assert ledger.recording.paces(["returns", "other"], day(at)) == {"returns": usual}
    came(ledger, 16 * 24)
    assert ledger.recording.paces(["returns"], day(16))["returns"].last_at == day(16) + HOUR
    ledger.recording.tell_alerts([], [alert], day(17), Platform())
    assert ledger.recording.paces(["returns"], day(17))["returns"].longest == 8 * HOUR


def test_a_silence_that_was_alerted_on_is_usual_once_it_repeats(ledger: Ledger) -> None:
    """One mail ends it, as a person sends to try the way: the next silence is told as soon as the first was."""
    came(ledger, *range(0, 15 * 24 + 1, 8))
    for first, last, longest in ((15, 20, 8), (20, 22, 48), (22, 24, 48)):
        alert = an_alert(AlertKind.QUIET, "returns", day(first) + HOUR)
        ledger.recording.tell_alerts([alert], [], day(last), Platform())
        came(ledger, last * 24)
        assert ledger.recording.paces(["returns"], day(last))["returns"] == ArrivalRate(
            day(last) + HOUR, longest * HOUR
        )
        ledger.recording.tell_alerts([], [alert], day(last), Platform())
        assert ledger.recording.paces(["returns"], day(last))["returns"].longest == longest * HOUR
    came(ledger, 27 * 24)
    assert ledger.recording.paces(["returns"], day(27))["returns"].longest == 72 * HOUR, "nobody was alerted on that"
