"""Suppressions as CSV: out of one ledger, into another, and back."""

from pathlib import Path

import pytest

from bounce_watcher.model.neutral import for_csv
from tests.cli.conftest import Program

TOLD = ("recipient", "stream", "state", "bounce_type", "reason", "since", "until", "because", "source", "scope")


def told(program: Program) -> list[dict[str, object]]:
    rows = program.ledger("suppressions", "list", "--json").rows
    return [{name: row[name] for name in TOLD} for row in rows]


def anew(program: Program) -> None:
    for file in program.folder.glob("ledger.db*"):
        file.unlink()
    assert program.ledger("db", "upgrade").status == 0


def test_what_goes_out_comes_in_as_it_was(program: Program, mail: Path) -> None:
    program.config.write_text(program.config.read_text() + '[policy]\nhard_scope = "global"\n')
    assert program.ledger("import", str(mail)).status == 0
    filled = program
    for options in (("edda@by.example", "--until", "30d"), ("ines@by.example", "--stream", "other")):
        filled.ledger("suppressions", "add", *options, "--because", 'asked "by phone", twice')
    before, csv = told(filled), filled.ledger("suppressions", "export").out
    assert len(before) == 4
    assert {row["source"] for row in before} == {"policy", "manual"}
    assert {row["scope"] for row in before} == {"stream", "global"}
    anew(filled)
    done = filled.ledger("suppressions", "import", "-", stdin=csv)
    assert (done.status, told(filled)) == (0, before)
    assert "4 of them new or longer" in done.out
    assert "0 of them new or longer" in filled.ledger("suppressions", "import", "-", stdin=csv).out
    assert len(filled.ledger("outbox", "list", "--json").rows) == 4


ODD = ("=ceo@corp.example", "+x@example.org", "-x@example.org", "'ceo@corp.example", "'=ceo@corp.example",
       "=cmd|'/c'!A0@corp.example")


def test_odd_addresses_go_out_as_no_formula_and_come_in_as_they_were(program: Program) -> None:
    for address in ODD:
        added = program.ledger("suppressions", "import", "-", stdin=f"recipient\n{for_csv(address)}\n")
        assert added.status == 0, added.err
    assert program.ledger("suppressions", "add", "a@corp.example", "--because", "=1+1; \u202eit").status == 0
    before, csv = told(program), program.ledger("suppressions", "export").out
    assert {row["recipient"] for row in before} == {*ODD, "a@corp.example"}
    assert not [line for line in csv.splitlines() if line.startswith(tuple("=+-@"))]
    assert "\u202e" not in csv
    assert '"\'=1+1; \\u{202E}it"' in csv, "where semicolons part the cells, it is still one"
    anew(program)
    assert program.ledger("suppressions", "import", "-", stdin=csv).status == 0
    assert told(program) == before


def test_a_list_of_addresses_is_enough(program: Program) -> None:
    done = program.ledger("suppressions", "import", "-", stdin="Recipient\r\nAnna@Gone.example\r\n")
    assert done.status == 0
    (row,) = told(program)
    assert (row["recipient"], row["stream"], row["state"], row["until"]) == (
        "Anna@gone.example", "news", "suppressed", None,
    )
    assert (row["source"], row["reason"], row["because"]) == ("import", None, "imported from -")


def test_what_was_held_back_stays_so_and_what_is_over_stays_out(program: Program) -> None:
    csv = "recipient,state,until\na@b.example,pending,\nb@b.example,,2020-01-01\n"
    assert program.ledger("suppressions", "import", "-", stdin=csv).status == 0
    assert [(row["recipient"], row["state"]) for row in told(program)] == [("a@b.example", "pending")]
    assert program.ledger("outbox", "list", "--json").rows == []


@pytest.mark.parametrize(("row", "problem"), [
    ("nobody,,", "'nobody' is not an address"),
    ("a@b.example,gone,", "state: 'gone' must be one of suppressed, pending"),
    ("a@b.example,,tomorrow", "until: 'tomorrow' is not a time"),
    ("a@b.example,,0001-01-01T00:00:00+14:00", "until: '0001-01-01T00:00:00+14:00' is not a time"),
    ("a@b.example,,,,", "has more columns than the first line names"),
])
def test_a_bad_line_is_told_and_left_out(program: Program, row: str, problem: str) -> None:
    done = program.ledger("suppressions", "import", "-", stdin=f"recipient,state,until\n{row}\nc@d.example,,\n")
    assert done.status == 1
    assert f"-:2: {problem}" in done.complaint
    assert [each["recipient"] for each in told(program)] == ["c@d.example"]


def test_a_dry_run_writes_nothing(program: Program, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("recipient\na@b.example\n")
    done = program.ledger("suppressions", "import", "--dry-run", str(tmp_path / "list.csv"))
    assert "would import 1 suppression; nothing was written" in done.out
    assert told(program) == []


def test_a_file_that_is_not_there(program: Program) -> None:
    done = program.ledger("suppressions", "import", "nowhere.csv")
    assert done.status == 1
    assert "nowhere.csv" in done.complaint
