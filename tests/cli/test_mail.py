"""classify, explain, classify-reply: what is said of mail, in the forms that scripts rely on."""

import json
from pathlib import Path

from bounce_watcher.cli.framework.output import clean
from tests.cli.conftest import TOKENS, Program, letter
from tests.families import for_each
from tests.mail import mailbag, postfix

ROW = {"source", "kind", "recipients", "sent", "feedback_type", "unreadable"}
RECIPIENT = {
    "recipient", "final_recipient", "action", "bounce_type", "reason", "status", "code", "diagnostic", "remote_mta",
    "reporting_mta", "rule", "recognizer", "quote", "confidence", "forwarded",
}


def test_classify_json_has_the_fields_of_the_contract(program: Program, mail: Path) -> None:
    done = program.call("classify", "--json", str(mail))
    assert (done.status, done.err) == (0, "")
    assert [row["kind"] for row in done.rows] == ["bounce", "bounce", "complaint", "auto_reply"]
    for row in done.rows:
        assert set(row) == ROW
        assert set(row["sent"]) == {"message_id", "from", "subject", "list_id", "feedback_id"}
        for recipient in row["recipients"]:
            assert set(recipient) == RECIPIENT
    bounce, full, complaint, _ = done.rows
    assert bounce["source"] == str(mail / "1.eml")
    assert bounce["sent"]["message_id"] == "1.news@example.com"
    first = bounce["recipients"][0]
    assert (first["recipient"], first["action"], first["bounce_type"], first["reason"], first["status"],
            first["code"]) == ("anna@gone.example", "failed", "hard", "invalid_recipient", "5.1.1", 550)
    assert full["recipients"][0]["reason"] == "mailbox_full"
    assert complaint["feedback_type"] == "abuse"
    assert complaint["recipients"][0]["recipient"] == "carla@cross.example"


def test_classify_needs_no_configuration(program: Program, mail: Path) -> None:
    program.config.unlink()
    assert program.call("classify", str(mail)).status == 0
    assert not list(program.folder.glob("*.db"))


def test_classify_as_lines(program: Program, mail: Path) -> None:
    heading, *lines = program.call("classify", str(mail)).out.splitlines()
    assert heading.split("\t")[:3] == ["source", "kind", "recipient"]
    assert len(lines) == 4
    assert "anna@gone.example" in lines[0]


def test_classify_reads_standard_input_and_mbox(program: Program) -> None:
    message = postfix(letter(1, "anna@gone.example"))
    assert program.call("classify", "--json", "-", stdin=message).rows[0]["source"] == "-"
    box = program.folder / "box.mbox"
    box.write_text(f"From MAILER-DAEMON Mon Mar  2 08:00:00 2026\n{message}\n" * 3)
    assert [row["source"] for row in program.call("classify", "--json", str(box)).rows] == [
        f"{box}#1", f"{box}#2", f"{box}#3"
    ]


def test_a_backlog_is_classified_in_its_order(program: Program) -> None:
    folder = program.folder / "backlog"
    folder.mkdir()
    for number, (content, _) in enumerate(mailbag(600)):
        (folder / f"{number:04d}.eml").write_bytes(content)
    rows = program.call("classify", "--json", str(folder)).rows
    assert [row["source"] for row in rows] == [str(folder / f"{number:04d}.eml") for number in range(600)]
    alone = program.call("classify", "--json", str(folder / "0300.eml")).rows
    assert rows[300] == alone[0]


def test_classify_reads_no_farther_than_told(program: Program) -> None:
    message = postfix(letter(1, "anna@gone.example")) + "x" * 2_000_000
    assert program.call("classify", "--json", "--max-message-bytes", "8192", "-", stdin=message).status == 0


def test_explain_tells_words_rule_evidence_and_policy(program: Program, mail: Path) -> None:
    done = program.call("explain", str(mail / "1.eml"))
    assert done.status == 0
    for words in ("anna@gone.example", "invalid_recipient, no such mailbox", "User unknown", "rule:", "evidence:",
                  "report: the address stands in the report's own fields", "suppress the recipient", "1 of 1"):
        assert words in done.out, words


FORWARDED = """From: MAILER-DAEMON@mx.example.net
To: returns@example.org
Subject: Undelivered Mail
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

Original-Recipient: rfc822;team@example.org
Final-Recipient: rfc822;anna@elsewhere.example
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--b--
"""


def test_explain_tells_that_a_mail_was_forwarded_and_how_sure_the_verdict_is(program: Program) -> None:
    out = " ".join(program.call("explain", "-", stdin=FORWARDED).out.split())
    for words in ("forwarded: the mail went on to anna@elsewhere.example, which failed", "confidence: sure: clear",
                  "not enough to suppress", "needs confirmation: the mail was forwarded to another address"):
        assert words in out, words


def test_explain_goes_through_an_mbox(program: Program) -> None:
    box = program.folder / "box.mbox"
    reports = [postfix(letter(number, f"user{number}@gone.example")) for number in (1, 2)]
    box.write_text("\n".join(f"From MAILER-DAEMON Mon Mar  2 08:00:00 2026\n{report}" for report in reports))
    told = program.call("explain", str(box)).out
    first, second = told.split(f"\n{box}#2: bounce")
    assert first.startswith(f"{box}#1: bounce")
    assert "user1@gone.example" in first
    assert "user2@gone.example" not in first
    assert "user2@gone.example" in second


def test_a_file_named_eml_is_one_message(program: Program) -> None:
    file = program.folder / "kept.eml"
    file.write_text(f"From MAILER-DAEMON Mon Mar  2 08:00:00 2026\n{postfix(letter(1, 'anna@gone.example'))}")
    row, = program.call("classify", "--json", str(file)).rows
    assert (row["source"], row["kind"]) == (str(file), "bounce")


def test_explain_uses_the_policy_and_history_of_a_configuration(filled: Program) -> None:
    full = str(filled.folder / "mail" / "2.eml")
    assert "count it; not enough" in filled.ledger("explain", full).out
    filled.config.write_text(filled.config.read_text() + TOKENS)
    assert "only record it" in filled.ledger("explain", full).out


def test_explain_does_without_a_ledger(program: Program, mail: Path) -> None:
    program.config.write_text(program.config.read_text().replace("sqlite:///ledger.db", "sqlite:///none/ledger.db"))
    done = program.ledger("explain", str(mail / "1.eml"))
    assert done.status == 0
    assert "empty history" in done.complaint


def test_classify_reply(program: Program) -> None:
    lines = [{"id": 1, "text": "552 5.2.2 mailbox is over quota"}, {"id": "b", "text": "550 5.1.1 no such user",
                                                                 "remote": "mx.example.org"}]
    done = program.call("classify-reply", "--jsonl", stdin="\n".join(map(json.dumps, lines)))
    assert done.status == 0
    assert [set(row) for row in done.rows] == [{"id", "reason", "bounce_type", "rule", "code", "status"}] * 2
    assert [(row["id"], row["reason"], row["bounce_type"], row["code"], row["status"]) for row in done.rows] == [
        (1, "mailbox_full", "soft", 552, "5.2.2"), ("b", "invalid_recipient", "hard", 550, "5.1.1"),
    ]


def test_classify_reply_of_arguments_and_lines(program: Program) -> None:
    assert program.call("classify-reply", "--json", "550 5.1.1 no such user").rows[0]["reason"] == "invalid_recipient"
    done = program.call("classify-reply", "-", stdin="550 5.1.1 no such user\n\n552 5.2.2 over quota\n")
    assert [line.split("\t")[0] for line in done.out.splitlines()] == ["reason", "invalid_recipient", "mailbox_full"]


def test_a_line_that_is_no_reply_is_told_of_and_left_out(program: Program) -> None:
    done = program.call("classify-reply", "--jsonl", stdin='{"id": 1}\n{"id": 2, "text": "550 no such user"}\n')
    assert done.status == 1
    assert "line 1" in done.complaint
    assert [row["id"] for row in done.rows] == [2]


@for_each("hostile", [
    "\x1b]0;owned\x07", "\x9b31m", "a\rb", "\u202egnp.exe", "\x00", "\ud800", "\u2028",
])
def test_what_stood_in_a_mail_cannot_paint(hostile: str) -> None:
    assert all(character.isprintable() for character in clean(f"x {hostile} y"))


def test_markup_in_mail_is_text(program: Program) -> None:
    message = postfix(letter(1, "anna@gone.example", "550 5.0.0 [bold red]{}[/] \x1b[31m refused"))
    for command in ("classify", "explain"):
        out = program.call(command, "-", stdin=message).out
        assert "[bold red]" in out
        assert "\x1b" not in out
