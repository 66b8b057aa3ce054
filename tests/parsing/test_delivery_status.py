"""RFC 3464 bodies, clean and as they are."""

from datetime import UTC, datetime, timedelta, timezone
from textwrap import dedent

import pytest

from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.delivery_status import MAX_RECIPIENTS, parse_delivery_status, parse_host, split_diagnostic
from tests.families import for_each


def recipients(text: str) -> tuple[RecipientReport, ...]:
    return parse_delivery_status(dedent(text)).recipients


def only(text: str) -> RecipientReport:
    found = recipients(text)
    assert len(found) == 1
    return found[0]


def test_the_clean_form() -> None:
    report = parse_delivery_status(
        dedent("""\
        Reporting-MTA: dns; out.example.com
        Original-Envelope-Id: env-1
        Arrival-Date: Mon, 2 Mar 2026 08:00:00 +0100

        Original-Recipient: rfc822;list@example.org
        Final-Recipient: rfc822; user@example.org
        Action: failed
        Status: 5.1.1
        Remote-MTA: dns; mx.example.org
        Diagnostic-Code: smtp; 550 5.1.1 User unknown
        Last-Attempt-Date: Mon, 2 Mar 2026 08:00:10 +0100
        Will-Retry-Until: Sat, 7 Mar 2026 08:00:00 +0100
        """)
    )
    zone = timezone(timedelta(hours=1))
    assert report.reporting_mta == "out.example.com"
    assert report.original_envelope_id == "env-1"
    assert report.arrival_date == datetime(2026, 3, 2, 8, tzinfo=zone)
    assert report.recipients == (
        RecipientReport(
            original_recipient=MailAddress("list@example.org"),
            final_recipient=MailAddress("user@example.org"),
            action=Action.FAILED,
            status=EnhancedStatus(5, 1, 1),
            remote_mta="mx.example.org",
            diagnostic_type="smtp",
            diagnostic_code="550 5.1.1 User unknown",
            last_attempt_date=datetime(2026, 3, 2, 8, 0, 10, tzinfo=zone),
            will_retry_until=datetime(2026, 3, 7, 8, tzinfo=zone),
        ),
    )


BLOCKS = {
    "blank line between": "Final-Recipient: rfc822; a@example.org\nAction: failed\n\n"
    "Final-Recipient: rfc822; b@example.org\nAction: failed\n",
    "no blank line": "Reporting-MTA: dns; x\nFinal-Recipient: rfc822; a@example.org\nAction: failed\n"
    "Final-Recipient: rfc822; b@example.org\nAction: failed\n",
    "Action first (Exim)": "Reporting-MTA: dns; x\n\nAction: failed\nFinal-Recipient: rfc822;a@example.org\n\n"
    "Action: failed\nFinal-Recipient: rfc822;b@example.org\n",
    "blank lines inside": "Final-Recipient: rfc822; a@example.org\n\n\nAction: failed\n\nStatus: 5.0.0\n\n"
    "Final-Recipient: rfc822; b@example.org\n\nAction: failed\n",
    "blank lines of blanks": "Reporting-MTA: dns; x\n \t\nFinal-Recipient: rfc822; a@example.org\nAction: failed\n\t\n"
    "Final-Recipient: rfc822; b@example.org\nAction: failed\n",
    "message fields last": "Final-Recipient: rfc822; a@example.org\nAction: failed\n\n"
    "Final-Recipient: rfc822; b@example.org\nAction: failed\n\nReporting-MTA: dns; x\n",
    "message fields in each": "Reporting-MTA: dns; x\nFinal-Recipient: rfc822; a@example.org\nAction: failed\n\n"
    "Reporting-MTA: dns; x\nFinal-Recipient: rfc822; b@example.org\nAction: failed\n",
    "indented": "  Reporting-MTA: dns; x\n\n  Final-Recipient: rfc822; a@example.org\n  Action: failed\n\n"
    "  Final-Recipient: rfc822; b@example.org\n  Action: failed\n",
    "odd names": "final-recipient : rfc822; a@example.org\nACTION: failed\n\n"
    "FINAL-RECIPIENT:rfc822; b@example.org\naction:failed\n",
    "second has an original": "Final-Recipient: rfc822; a@example.org\nAction: failed\n\n"
    "Original-Recipient: rfc822; b@example.org\nFinal-Recipient: rfc822; b@example.org\n"
    "Action: failed\n",
}


@for_each("text", BLOCKS.values(), ids=BLOCKS.keys())
def test_blocks_are_told_apart(text: str) -> None:
    found = parse_delivery_status(text).recipients
    assert [r.recipient for r in found] == ["a@example.org", "b@example.org"]
    assert {r.action for r in found} == {Action.FAILED}


@for_each(
    ("fields", "action"),
    [
        ("Action: delayed", Action.DELAYED),
        ("Action: expanded (to multi-recipient alias)", Action.EXPANDED),
        ("Action: Failed (permanently)", Action.FAILED),
        ("Action: failure", Action.FAILED),
        ("Action: expired\nStatus: 4.4.7", Action.FAILED),
        ("Action: error", Action.FAILED),
        ("Action: undeliverable", Action.FAILED),
        ("Action: bounced", Action.FAILED),
        ("Action: failed\nStatus: 2.0.0", Action.FAILED),
        ("Action: failed\nStatus: 4.4.7", Action.FAILED),
        ("Action: delayed\nStatus: 5.4.1", Action.DELAYED),
        ("Status: 5.1.1", Action.FAILED),
        ("Status: 4.4.1", Action.DELAYED),
        ("Status: 2.1.5", Action.DELIVERED),
        ("Action:\nDiagnostic-Code: smtp; 550 no", Action.FAILED),
        ("Action: fehlgeschlagen\nDiagnostic-Code: smtp; 451 later", Action.DELAYED),
        ("X-Other: 1", None),
    ],
)
def test_what_was_done(fields: str, action: Action | None) -> None:
    assert only(f"Final-Recipient: rfc822; a@example.org\n{fields}\n").action == action


@for_each(
    ("text", "status"),
    [
        ("5.1.1", "5.1.1"),
        ("5.1.1 (bad destination mailbox address)", "5.1.1"),
        ("550 5.7.520 Access denied", "5.7.520"),
        ("4.4.316", "4.4.316"),
        ("5.x.0", "5.0.0"),
        ("550", None),
        ("unknown", None),
        ("", None),
    ],
)
def test_status(text: str, status: str | None) -> None:
    found = only(f"Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: {text}\n").status
    assert (str(found) if found else None) == status


@for_each(
    ("field", "told"),
    [
        ("smtp; 550 5.1.1 User unknown", ("smtp", "550 5.1.1 User unknown")),
        ('X-Postfix; unknown user: "a"', ("x-postfix", 'unknown user: "a"')),
        ("550 5.1.1 no type; but a semicolon", (None, "550 5.1.1 no type; but a semicolon")),
        ("smtp;550-5.1.1 one\n    two\n 550 5.1.1 three", ("smtp", "550-5.1.1 one two 550 5.1.1 three")),
        (
            "smtp; 550 one\nhttps://example.org/why\nnot indented: at all",
            ("smtp", "550 one https://example.org/why not indented: at all"),
        ),
        (r"smtp; 550 one\n550 two<br>three", ("smtp", "550 one 550 two three")),
        ("smtp; =?utf-8?Q?550_f=C3=BCr?=", ("smtp", "550 für")),
        ("smtp;", ("smtp", None)),
        ("", (None, None)),
    ],
)
def test_diagnostics(field: str, told: tuple[str | None, str | None]) -> None:
    found = only(f"Final-Recipient: rfc822; a@example.org\nAction: failed\nDiagnostic-Code: {field}\n")
    assert found.diagnostic_code == told[1]
    assert found.diagnostic_type == (told[0] if told[1] else None)


def test_of_several_diagnostics_the_smtp_one_goes_first() -> None:
    found = only("""\
        Final-Recipient: rfc822; a@example.org
        Action: failed
        Diagnostic-Code: X-Exim; all hosts failed
        Diagnostic-Code: smtp; 550 no such user
        Remote-MTA:
        Remote-MTA: dns; mx.example.org
        """)
    assert (found.diagnostic_type, found.diagnostic_code) == ("smtp", "550 no such user all hosts failed")
    assert found.remote_mta == "mx.example.org"


def test_a_sentence_as_status_is_the_diagnostic_where_there_is_no_other() -> None:
    found = only("Final-Recipient: rfc822; a@example.org\nAction: failed\nStatus: 550 5.1.1 <a@example.org> unknown\n")
    assert found.diagnostic_code == "550 5.1.1 <a@example.org> unknown"


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("X-Network-Error: Connection timed out", "Connection timed out"),
        ("X-Supplementary-Info: < #5.1.1 smtp;550 5.1.1 no such user>", "#5.1.1 smtp;550 5.1.1 no such user"),
        ("X-Network-Error: Connection timed out\nDiagnostic-Code: smtp; 550 no", "550 no"),
        ("X-Other-Field: 550 no", None),
    ],
)
def test_where_some_write_the_diagnostic(field: str, words: str | None) -> None:
    assert only(f"Final-Recipient: rfc822; a@example.org\nAction: failed\n{field}\n").diagnostic_code == words


@pytest.mark.parametrize(
    "name", ["x-notes; CN=Ada Ex/O=Example@Example", "x-lotus; CN=Ada/O=Example@example.org", "x400; /G=A/S=B/"]
)
def test_a_name_of_a_directory_is_no_mailbox(name: str) -> None:
    assert only(f"Final-Recipient: {name}\nAction: failed\n").recipient is None


def test_a_diagnostic_is_bounded() -> None:
    found = only("Final-Recipient: rfc822; a@example.org\nDiagnostic-Code: smtp; 550" + " x" * 100_000)
    assert found.diagnostic_code is not None
    assert 1_000 < len(found.diagnostic_code) <= 2_000


def test_the_number_of_recipients_is_bounded() -> None:
    text = "".join(f"Final-Recipient: rfc822; a{n}@example.org\nAction: failed\n\n" for n in range(5_000))
    assert len(recipients(text)) <= MAX_RECIPIENTS + 1


@for_each(
    ("value", "host"),
    [
        ("dns; mx.example.org", "mx.example.org"),
        ("dns;MX.example.org.", "mx.example.org"),
        ("dns; mx.example.org. (192.0.2.1, the server for the domain example.org.)", "mx.example.org"),
        ("mx.example.org", "mx.example.org"),
        ("dns; [192.0.2.1]", "192.0.2.1"),
        ("<mx.example.org>", "mx.example.org"),
        ("rfc822; user@example.org", None),
        ("dns;", None),
        (None, None),
    ],
)
def test_hosts(value: str | None, host: str | None) -> None:
    assert parse_host(value) == host


@for_each(
    ("original", "actual", "mailed", "final"),
    [
        (None, "ada@elsewhere.example", "team@example.org", "ada@elsewhere.example"),
        ("all@example.com", "ada@elsewhere.example", "all@example.com", "ada@elsewhere.example"),
        (None, "team@mx1.example.org", None, "team@example.org"),
        (None, "team@example.org", None, "team@example.org"),
    ],
)
def test_an_alias_is_what_was_mailed(original: str | None, actual: str, mailed: str | None, final: str) -> None:
    before = f"Original-Recipient: rfc822; {original}\n" if original else ""
    found = only(
        f"{before}Final-Recipient: RFC822; team@example.org\nX-Actual-Recipient: RFC822; {actual}\nAction: failed\n"
    )
    assert (found.original_recipient, found.final_recipient) == (mailed, final)


def test_a_body_without_recipients_has_none() -> None:
    assert recipients("Reporting-MTA: dns; x\n") == ()
    assert recipients("") == ()


def test_split_diagnostic_leaves_a_reply_whole() -> None:
    assert split_diagnostic("550; odd") == (None, "550; odd")


@for_each(
    ("text", "date"),
    [
        ("Mon, 2 Mar 2026 08:00:00 +0000", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("2 Mar 2026 08:00 -0130 (a comment)", datetime(2026, 3, 2, 9, 30, tzinfo=UTC)),
        ("Mon, 02 Mar 2026 08:00:60 +0000", datetime(2026, 3, 2, 8, 0, 59, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 08:00:00 -0000", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("Mon, 2 Mar 2026 08:00:00 GMT", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("2026-03-02 08-00-00", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("2026-03-02T08:00:00Z", datetime(2026, 3, 2, 8, tzinfo=UTC)),
        ("Mon, 31 Feb 2026 08:00:00 +0000", None),
        ("Mon, 2 Mär 2026 08:00:00 +0000", None),
        ("Mon, 2 Mar 2026 08:00:00 +9999", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates(text: str, date: datetime | None) -> None:
    assert parse_date(text) == date
