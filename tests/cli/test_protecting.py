"""Whom no rule may suppress, at the shell."""

import pytest

from tests.cli.conftest import Program
from tests.cli.test_many import logged


def test_protect_keeps_the_rules_off_and_is_shown(program: Program, mail: object) -> None:
    assert program.ledger("db", "upgrade").status == 0
    done = program.ledger("recipients", "protect", "Anna@GONE.example", "--because", "our founder")
    assert (done.status, "anna@gone.example is protected" in done.out) == (0, True)
    assert program.ledger("recipients", "protect", "@cross.example", "--because", "a partner").status == 0
    assert program.ledger("import", "mail").status == 0
    assert program.ledger("suppressions", "list", "--json").rows == []
    (row,) = program.ledger("recipients", "show", "anna@gone.example", "--json").rows
    assert {name: row["protected"][name] for name in ("name", "by", "because")} == {
        "name": "anna@gone.example", "by": "shell", "because": "our founder"
    }
    assert "carla@cross.example is protected by shell, as of @cross.example" in program.ledger(
        "recipients", "show", "carla@cross.example").out
    (row,) = program.ledger("recipients", "show", "bela@full.example", "--json").rows
    assert row["protected"] is None
    assert [(actor, action, because) for actor, action, _, _, because in logged(program)] == [
        ("shell", "protect", "a partner"), ("shell", "protect", "our founder")
    ]


def test_what_stands_stays_and_is_said(filled: Program) -> None:
    done = filled.ledger("recipients", "protect", "anna@gone.example", "--because", "our founder")
    assert "stays so until `suppressions remove anna@gone.example`" in done.out
    assert len(filled.ledger("suppressions", "list", "--json").rows) == 2


def test_protected_lists_both_and_unprotect_ends_what_was_made_by_hand(filled: Program) -> None:
    filled.config.write_text(filled.config.read_text() + '\n[policy]\nprotected = ["@ours.example"]\n')
    filled.ledger("recipients", "protect", "anna@gone.example", "--because", "our founder")
    rows = filled.ledger("recipients", "protected", "--json").rows
    assert [(row["name"], row["by"], row["because"]) for row in rows] == [
        ("anna@gone.example", "shell", "our founder"), ("@ours.example", "configuration", None)
    ]
    assert filled.ledger("recipients", "unprotect", "ANNA@gone.example", "--because", "has left").status == 0
    assert [row["name"] for row in filled.ledger("recipients", "protected", "--json").rows] == ["@ours.example"]
    gone = filled.ledger("recipients", "unprotect", "@ours.example", "--because", "x")
    assert (gone.status, "not protected by hand" in gone.complaint) == (1, True)


@pytest.mark.parametrize(("words", "told"), [
    (("protect", "anna", "--because", "x"), "neither an address nor"), (("protect", "a@b.example"), "--because"),
    (("unprotect", "@", "--because", "x"), "domain"),
])
def test_what_is_no_address_is_refused(filled: Program, words: tuple[str, ...], told: str) -> None:
    done = filled.ledger("recipients", *words)
    assert (done.status, told in done.complaint) == (2, True)


def test_who_was_forgotten_is_not_written_down_again(filled: Program) -> None:
    filled.ledger("forget", "anna@gone.example")
    done = filled.ledger("recipients", "protect", "anna@gone.example", "--because", "x")
    assert (done.status, "was forgotten" in done.complaint) == (1, True)
