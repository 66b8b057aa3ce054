"""What was not recognised, at the shell: listed, and a rule for it drafted, put into its file and applied."""

from pathlib import Path

import pytest

from tests.cli.conftest import Program, letter
from tests.mail import postfix

ZORP = "554 5.0.0 <{}>: zorp gate has been closed for this one"
SOFT = "450 4.0.0 <{}>: zorp gate has been closed for this one"


@pytest.fixture
def desk(program: Program, mail: Path) -> Program:
    """Four messages that are understood, three that are not; a folder for rules."""
    for number, reply in enumerate((ZORP, ZORP, "550 quux \x1b]52;c;eA== {}"), 5):
        (mail / f"{number}.eml").write_text(postfix(letter(number, f"user{number}@zorp.example", reply)))
    (program.folder / "rules").mkdir()
    program.config.write_text(f'rules_dir = "{program.folder}/rules"\n{program.config.read_text()}')
    assert program.ledger("import", str(mail)).status == 0
    return program


def test_what_was_not_recognised_is_listed_by_its_wording(desk: Program) -> None:
    first, other = desk.ledger("review", "list", "--json").rows
    assert (first["mails"], first["recipients"], first["state"], first["codes"]) == (2, 2, "new", "5.0.0")
    assert "zorp gate has been closed" in first["wording"]
    assert "user5" not in first["wording"]
    assert (other["mails"], desk.ledger("review", "list", "--limit", "1", "--json").rows) == (1, [first])
    shown = desk.ledger("review", "list")
    assert shown.out.splitlines()[0].split("\t")[0] == "id"
    assert "\x1b" not in shown.out


def test_a_language_is_asked_for(desk: Program) -> None:
    first, other = desk.ledger("review", "list", "--json").rows
    assert (first["language"], other["language"]) == ("en", "unknown")
    assert desk.ledger("review", "list", "--language", "unknown", "--json").rows == [other]
    assert desk.ledger("review", "list", "--language", "de", "--json").rows == []
    refused = desk.ledger("review", "list", "--language", "german")
    assert (refused.status, "such as de, or unknown" in refused.complaint) == (2, True)


ODD = """From: Mail Delivery System <mailer-daemon@gate.example>
Subject: Undeliverable: order 47{0}
Date: Mon, 2 Mar 2026 12:0{0}:00 +0000

The gate \x1b]52;c;eA== has no zorp for it.
"""


def test_mail_in_which_nobody_was_found_is_listed_and_shown(desk: Program, mail: Path) -> None:
    for number in (1, 2):
        (mail / f"odd{number}.eml").write_text(ODD.format(number))
    assert desk.ledger("import", str(mail)).status == 0
    odd = desk.ledger("review", "list", "--json").rows[-1]
    assert (odd["kind"], odd["mails"], odd["recipients"]) == ("notice", 2, 0)
    gid = str(odd["id"])
    (shown,) = desk.ledger("review", "show", gid[:8], "--json").rows
    assert [each["subject"] for each in shown["samples"]] == ["Undeliverable: order 472", "Undeliverable: order 471"]
    assert len(shown["days"]) == 28
    text = desk.ledger("review", "show", gid).out
    assert "subject:     Undeliverable: order 471" in text
    assert "has no zorp for it" in text
    assert "no rule can recognise it" in text
    assert "\x1b" not in text
    refused = desk.ledger("review", "draft-rule", gid, "--reason", "spam")
    assert (refused.status, "no rule can recognise it" in refused.complaint) == (2, True)


def test_a_group_of_failures_is_shown(desk: Program) -> None:
    gid = str(desk.ledger("review", "list", "--json").rows[0]["id"])
    shown = desk.ledger("review", "show", gid)
    assert shown.status == 0
    assert shown.out.count("recipient:   user") == 2
    assert "days:" in shown.out
    assert "no rule can" not in shown.out
    assert desk.ledger("review", "show", "zzz").status == 2


def test_a_draft_is_tried_put_into_its_file_and_applied(desk: Program) -> None:
    gid = str(desk.ledger("review", "list", "--json").rows[0]["id"])
    shown = desk.ledger("review", "draft-rule", gid[:6], "--reason", "mailbox_disabled", "--id", "own.zorp")
    assert shown.status == 0
    assert "matches 2 of 2 reports of this wording, and 2 of 2 of its kept mails read as a whole" in shown.out
    assert "takes 0 away from other rules" in shown.out
    assert desk.ledger("review", "list", "--json").rows[0]["mails"] == 2, "nothing was changed"
    (desk.folder / "rules" / "zorp.toml").write_text(f"[[rule]]{shown.out.partition('[[rule]]')[2]}")
    corrected = desk.ledger("reclassify", "--json")
    assert {row["rule"] for row in corrected.rows} == {"own.zorp"}
    rows = {row["id"]: row["state"] for row in desk.ledger("review", "list", "--all", "--json").rows}
    assert rows[gid] == "ruled"
    assert gid not in {row["id"] for row in desk.ledger("review", "list", "--json").rows}


SILENT = """\
From: MAILER-DAEMON@gate.example
Subject: Delivery status
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

See the report.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; gate.example

Final-Recipient: rfc822; user9@silent.example
Action: failed
Status: 5.0.0
Remote-MTA: dns; mx.silent.example

--b--
"""


def test_a_report_without_words_gets_a_rule_by_code_and_server(desk: Program, mail: Path) -> None:
    (mail / "silent.eml").write_text(SILENT)
    assert desk.ledger("import", str(mail)).status == 0
    (gid,) = (str(row["id"]) for row in desk.ledger("review", "list", "--json").rows if row["wording"] == "")
    asked = ("review", "draft-rule", gid, "--reason", "system_error", "--json")
    (drafted,) = desk.ledger(*asked).rows
    assert (drafted["problems"], drafted["matched"], drafted["kept_matched"]) == ([], 1, 1)
    assert 'status = ["5.0.0"]\nremote = ["mx.silent.example"]' in str(drafted["rule"])
    assert desk.ledger(*asked, "--remote", "mx.example.org").rows[0]["matched"] == 0
    hard = desk.ledger("review", "draft-rule", gid, "--reason", "invalid_recipient")
    assert (hard.status, "by numbers or hosts alone" in hard.out) == (1, True)


def test_what_it_takes_from_other_rules_is_told(desk: Program) -> None:
    gid = str(desk.ledger("review", "list", "--json").rows[0]["id"])
    (row,) = desk.ledger("review", "draft-rule", gid, "--reason", "mailbox_full", "--text", "554 * zorp", "--json").rows
    assert (row["matched"], row["taken"], row["problems"]) == (2, [], [])
    wide = desk.ledger("review", "draft-rule", gid, "--reason", "mailbox_full", "--text", "e", "--json")
    assert wide.status == 1
    assert "too short" in wide.rows[0]["problems"][0]


def test_what_makes_no_sense_is_refused_with_the_mend(desk: Program) -> None:
    gid = str(desk.ledger("review", "list", "--json").rows[0]["id"])
    for arguments, told in (
        ((gid, "--reason", "nonsense"), "is none of: "),
        (("zzz", "--reason", "spam"), "no such group; `review list --all` names them"),
        (("", "--reason", "spam"), "no such group"),
    ):
        done = desk.ledger("review", "draft-rule", *arguments)
        assert done.status == 2
        assert told in done.complaint
    shown = desk.ledger("review", "draft-rule", gid, "--reason", "spam", "--text", "not in it")
    assert shown.status == 1
    assert "this is not a valid rule yet" in shown.out
