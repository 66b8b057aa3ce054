"""Requests for no more mail, at the shell: listed, shown with their addresses, explained, marked as done."""

from datetime import date
from pathlib import Path

import pytest

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from tests.cli.conftest import TOKENS, Program
from tests.cli.test_many import logged

OURS = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(b"0123456789abcdef" * 2,))
USER, PRIVATE = "user@example.org", "private@example.net"
ASKS = """From: Somebody <{sender}>
To: {to}
Date: Mon, 2 Mar 2026 10:0{number}:00 +0000
Subject: unsubscribe
Message-ID: <u{number}@example.net>

"""


def token() -> str:
    return make_return_path(OURS, USER, "shop", "s1", day=date(2026, 3, 2))


@pytest.fixture
def desk(program: Program) -> Program:
    program.config.write_text(program.config.read_text() + TOKENS)
    folder = program.folder / "mail"
    folder.mkdir()
    for number, (to, sender) in enumerate(((token(), PRIVATE), ("news@example.com", PRIVATE), (token(), USER))):
        (folder / f"{number}.eml").write_text(ASKS.format(to=to, sender=sender, number=number))
    done = program.ledger("import", str(folder))
    assert (done.status, "3 new opt-outs (review show opt-outs)" in done.out) == (0, True)
    return program


def ids(desk: Program) -> list[str]:
    (group,) = desk.ledger("review", "show", "opt-outs", "--json").rows
    return [each["id"] for each in group["opt_outs"]]


def test_they_are_a_group_of_review_until_each_is_done(desk: Program) -> None:
    (group,) = desk.ledger("review", "list", "--json").rows
    assert (group["id"], group["kind"], group["mails"], group["recipients"]) == ("opt-outs", "opt_out", 3, 2)
    shown = desk.ledger("review", "show", "opt").out
    assert "an opt-out suppresses nobody" in shown
    assert [line.split("\t")[3:6] for line in shown.splitlines() if line.count("\t") > 3][1:] == [
        [USER, "token", USER], ["", "", PRIVATE], [USER, "token", PRIVATE]]
    newest, _, oldest = ids(desk)
    assert desk.ledger("review", "done", oldest[:10], "--because", "by hand").out == "marked as done: 1 opt-out\n"
    assert len(ids(desk)) == 2
    assert desk.ledger("review", "done", "--all").out == "marked as done: 2 opt-outs\n"
    assert desk.ledger("review", "list", "--all", "--json").rows == []
    assert desk.ledger("review", "done", "--all").out == "marked as done: 0 opt-outs\n"
    assert [(actor, action, count, because) for actor, action, _, count, because in logged(desk)] == [
        ("shell", "opt-out done", 2, None), ("shell", "opt-out done", 1, "by hand")]
    assert newest


@pytest.mark.parametrize(("words", "told"), [
    ((), "--all"), (("--all", "x"), "--all"), (("zzz",), "no open opt-out has this id"), (("",), "no open opt-out"),
])
def test_what_is_to_be_done_must_be_named(desk: Program, words: tuple[str, ...], told: str) -> None:
    refused = desk.ledger("review", "done", *words)
    assert (refused.status, told in refused.complaint) == (2, True)
    assert len(ids(desk)) == 3


def test_an_address_shows_what_it_asked(desk: Program) -> None:
    (row,) = desk.ledger("recipients", "show", USER, "--json").rows
    assert (row["stream"], row["state"], row["counts"]) == ("shop", "active", {})
    assert [(each["by"], each["sender"], each["done_at"]) for each in row["opt_outs"]] == [
        ("mail", USER, None), ("mail", PRIVATE, None)]
    told = desk.ledger("recipients", "show", USER).out
    assert "asked for no more mail: open" in told
    rows = desk.ledger("recipients", "show", PRIVATE, "--json").rows
    assert [(row["stream"], [each["recipient"] for each in row["opt_outs"]]) for row in rows] == [
        ("news", [None]), ("shop", [USER])]
    assert desk.ledger("suppressions", "list", "--json").rows == []
    desk.ledger("review", "done", "--all")
    assert "asked for no more mail: dealt with" in desk.ledger("recipients", "show", USER).out


def test_they_are_counted_apart_from_reports(desk: Program) -> None:
    assert "0 reports, 2026-03-01 to 2026-03-02 (UTC); 3 opt-outs" in desk.ledger(
        "stats", "--since", "2026-03-01", "--until", "2026-03-03").out


def test_a_mail_is_explained(desk: Program, tmp_path: Path) -> None:
    told = desk.ledger("explain", str(desk.folder / "mail" / "0.eml")).out
    assert f"asked from: {PRIVATE}" in " ".join(told.split())
    assert f"recipient: {USER}" in " ".join(told.split())
    assert "not named" in desk.ledger("explain", str(desk.folder / "mail" / "1.eml")).out


def test_who_asked_is_forgotten(desk: Program) -> None:
    told = desk.ledger("forget", USER).out
    assert "2 opt-outs" in told
    assert USER not in desk.ledger("review", "show", "opt-outs", "--json").out
    assert PRIVATE in desk.ledger("review", "show", "opt-outs", "--json").out
