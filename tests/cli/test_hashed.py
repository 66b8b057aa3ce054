"""`events list --hashed`: figures that tell of nobody."""

from tests.cli.conftest import Program


def test_no_address_leaves_the_house(filled: Program) -> None:
    clear, hashed = filled.ledger("events", "list", "--json"), filled.ledger("events", "list", "--json", "--hashed")
    for address in {row["recipient"] for row in clear.rows}:
        local, _, domain = address.partition("@")
        assert local not in hashed.out
        assert f"@{domain}" in hashed.out
    assert [(row["reason"], row["kind"], row["at"], row["rule"]) for row in hashed.rows] == [
        (row["reason"], row["kind"], row["at"], row["rule"]) for row in clear.rows
    ]
    assert not {row["id"] for row in clear.rows} & {row["id"] for row in hashed.rows}
    assert {row["diagnostic"] for row in hashed.rows} == {None}


def test_a_name_is_the_same_in_every_list_and_differs_by_address(filled: Program) -> None:
    once, again = (filled.ledger("events", "list", "--json", "--hashed").out for _ in range(2))
    assert once == again
    rows = filled.ledger("events", "list", "--json", "--hashed").rows
    assert len({row["recipient"] for row in rows}) == len(rows) == 3
    assert all(row["recipient"].startswith("h:") for row in rows)


def test_another_ledger_gives_other_names(filled: Program) -> None:
    before = {row["recipient"] for row in filled.ledger("events", "list", "--json", "--hashed").rows}
    (filled.folder / "ledger.db").unlink()
    assert filled.ledger("import", str(filled.folder / "mail")).status == 0
    assert not before & {row["recipient"] for row in filled.ledger("events", "list", "--json", "--hashed").rows}


def test_the_configuration_may_ask_for_it(filled: Program) -> None:
    hashed = filled.ledger("events", "list", "--json", "--hashed").rows
    filled.config.write_text(f"{filled.config.read_text()}\n[privacy]\nhashed_exports = true\n")
    assert filled.ledger("events", "list", "--json").rows == hashed
    assert "anna@" in filled.ledger("events", "list").out, "a person at the terminal sees whom it is about"


def test_a_table_is_hashed_as_well(filled: Program) -> None:
    shown = filled.ledger("events", "list", "--hashed").out
    assert "anna" not in shown
    assert "@gone.example" in shown
