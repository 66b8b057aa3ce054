"""`stats` and `top`: the counts of what arrived, as people and as scripts read them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Program
from tests.mail import START

PERIOD = ("--since", f"{START - timedelta(days=2):%Y-%m-%d}", "--until", f"{START + timedelta(days=9):%Y-%m-%d}")


def test_stats_are_the_sums_of_the_events(filled: Program) -> None:
    rows = filled.ledger("stats", *PERIOD, "--json").rows
    events = filled.ledger("events", "list", "--json").rows
    assert sum(row["number"] for row in rows) == len(events)
    assert {row["type"] for row in rows} == {row["bounce_type"] or "complaint" for row in events}
    assert {datetime.fromisoformat(row["since"]).tzinfo for row in rows} == {UTC}


def test_stats_told_apart_by_several(filled: Program) -> None:
    rows = filled.ledger("stats", *PERIOD, "--by", "day", "--by", "reason", "--json").rows
    assert all(set(row) == {"day", "reason", "number", "since", "until", "opt_outs"} for row in rows)
    assert rows == sorted(rows, key=lambda row: row["day"])


def test_stats_for_a_person(filled: Program) -> None:
    told = filled.ledger("stats", *PERIOD).out.splitlines()
    assert told[0] == "type\tnumber"
    assert told[-1].startswith("3 reports, ")


@pytest.mark.parametrize("what", ["providers", "reasons", "streams", "types"])
def test_top_begins_with_the_most(filled: Program, what: str) -> None:
    rows = filled.ledger("top", what, *PERIOD, "--json").rows
    numbers = [row["number"] for row in rows]
    assert numbers == sorted(numbers, reverse=True)
    assert sum(numbers) == 3
    assert {row["before"] for row in rows} == {0}
    assert len(filled.ledger("top", what, *PERIOD, "--limit", "1", "--json").rows) == 1


def test_top_tells_what_was_before(filled: Program) -> None:
    after = ("--since", f"{START + timedelta(days=9):%Y-%m-%d}", "--until", f"{START + timedelta(days=30):%Y-%m-%d}")
    assert filled.ledger("top", "types", *after, "--json").rows == []
    assert filled.ledger("top", "sendings", *PERIOD, "--json").rows == []


@pytest.mark.parametrize(("arguments", "error"), [
    (("stats", "--since", "2026-02-01", "--until", "2026-01-01"), "--since is later than --until"),
    (("stats", "--by", "provider", "--by", "sending"), "counted apart"),
    (("top", "everything"), "everything"),
])
def test_what_is_asked_wrongly(filled: Program, arguments: tuple[str, ...], error: str) -> None:
    done = filled.ledger(*arguments)
    assert done.status == 2
    assert error in done.err
