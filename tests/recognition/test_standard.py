"""Reports with a status part: who is named, what was done, in which words."""

import base64

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Finding, Kind
from bounce_watcher.parsing.message import parse
from bounce_watcher.recognition import recognise
from bounce_watcher.recognition.prose import MAX_WORDS
from bounce_watcher.recognition.recognizer import Recognition
from tests.families import for_each
from tests.parsing.samples import ORIGINAL, STATUS, notice, report


def read(content: bytes) -> Recognition:
    return recognise(parse(content))


def block(recipient: str, action: str, status: str = "5.0.0", more: str = "") -> str:
    return f"Final-Recipient: rfc822; {recipient}\nAction: {action}\nStatus: {status}\n{more}\n"


def actions(recognition: Recognition) -> dict[str | None, Action | None]:
    return {finding.report.recipient: finding.report.action for finding in recognition.findings}


def only(content: bytes) -> Finding:
    found = read(content)
    assert len(found.findings) == 1
    return found.findings[0]


def test_a_report_is_evidence_in_its_own_words() -> None:
    found = read(report())
    finding = only(report())
    assert found.kind is Kind.BOUNCE
    assert found.sent.message_id == "march.1@example.com"
    assert finding.evidence is Evidence.REPORT
    assert finding.reporting_mta == "out.example.com"
    assert (finding.provenance.recognizer, finding.provenance.part) == ("rfc3464", "2")
    assert finding.provenance.quote == finding.report.diagnostic_code == "550 5.1.1 User unknown"


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        (("failed", "delayed", "delivered"), Kind.BOUNCE),
        (("delayed", "relayed"), Kind.DELAY),
        (("expanded", "delivered", "relayed"), Kind.DELIVERED),
    ],
)
def test_the_kind_follows_the_worst_action(told: tuple[str, ...], kind: Kind) -> None:
    found = read(report("".join(block(f"{action}@example.org", action) for action in told)))
    assert found.kind is kind
    assert actions(found) == {f"{action}@example.org": Action(action) for action in told}


@pytest.mark.parametrize("order", [("failed", "delayed"), ("delayed", "failed"), ("delivered", "failed")])
def test_a_recipient_told_twice_stands_once_at_its_worst(order: tuple[str, str]) -> None:
    status = block("User@Example.org", order[0]) + block("user@example.org", order[1])
    assert list(actions(read(report(status))).values()) == [Action.FAILED]


def test_of_two_equal_ones_the_one_with_words_stays() -> None:
    told = block("user@example.org", "failed", more="Diagnostic-Code: smtp; 550 x\n")
    status = block("user@example.org", "failed") + told
    assert only(report(status, text="")).report.diagnostic_code == "550 x"


@for_each(
    "changes",
    [
        {"outer": "multipart/mixed"},
        {"outer": "multipart/report"},
        {"outer": "multipart/report; report-type=disposition-notification"},
        {"status_type": "message/global-delivery-status"},
        {"status_type": "message/xdelivery-status"},
        {"status_type": 'application/octet-stream; name="status.dat"'},
        {"status_type": "text/plain"},
        {"status": base64.encodebytes(STATUS.encode()).decode(), "encoding": "base64"},
    ],
    ids=str,
)
def test_the_status_part_is_found_in_any_dress(changes: dict[str, str]) -> None:
    assert actions(read(report(**changes))) == {"user@example.org": Action.FAILED}


def test_several_status_parts_are_all_read() -> None:
    second = "\n--BOUND\nContent-Type: message/delivery-status\n\n" + block("other@example.org", "failed")
    assert set(actions(read(report(STATUS + second)))) == {"user@example.org", "other@example.org"}


@for_each(
    ("text", "words"),
    [
        ("  user@example.org\n    host mx [192.0.2.1]:\n    550 gone\n", "host mx [192.0.2.1]: 550 gone"),
        ("user@example.org: 550 5.1.1 unknown\n\nBye.\n", "550 5.1.1 unknown"),
        (
            "Not delivered to user@example.org because it is gone.\n\nThe response was:\n\n550 5.1.1 gone\n",
            "550 5.1.1 gone",
        ),
        ("Your message was not delivered.\n\nThe response was:\n\n550 gone\n", "550 gone"),
        ("  user@example.org\n    Unrouteable address\n  other@example.org\n    550 no\n", "Unrouteable address"),
        ("Nothing of use.\n", None),
    ],
)
def test_words_that_the_status_part_lacks_are_taken_from_the_text(text: str, words: str | None) -> None:
    finding = only(report(block("user@example.org", "failed"), text=text))
    assert finding.report.diagnostic_code == words


def test_the_words_of_a_transcript_beside_bare_numbers_are_bounded_too() -> None:
    numbers = block("ada@example.org", "failed", more="Diagnostic-Code: smtp; 550\n")
    text = "   ----- Transcript of session follows -----\nno such user " + "zorp " * 1_000
    assert len(only(report(numbers, text=text)).report.diagnostic_code or "") == MAX_WORDS


def test_words_of_a_quoted_original_are_none_of_the_report() -> None:
    quoted = "Sorry.\n\n--- Original message ---\n\nTo: user@example.org\nSubject: 550 ways to cook\n"
    content = report(block("user@example.org", "failed"), text=quoted).replace(b"message/rfc822", b"image/png")
    assert only(content).report.diagnostic_code is None


def test_a_delivery_needs_no_words() -> None:
    finding = only(report(block("user@example.org", "delivered", "2.0.0"), text="user@example.org: 250 fine\n"))
    assert finding.report.diagnostic_code is None


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        ("Final-Recipient: rfc822; user\nAction: failed\nDiagnostic-Code: smtp; 550 <user@example.org> unknown\n", {}),
        ("Final-Recipient: rfc822;\nAction: failed\n", {"headers": "X-Failed-Recipients: user@example.org\n"}),
        ("Action: failed\nStatus: 5.1.1\n", {"text": "Sorry, <user@example.org> is unknown to bounces@example.com.\n"}),
        ("Action: failed\nStatus: 5.1.1\n", {}),
        ("", {}),
    ],
    ids=["diagnostic", "header", "text", "To of the original", "empty status part"],
)
def test_a_recipient_that_is_not_named_is_looked_for_elsewhere(status: str, changes: dict[str, str]) -> None:
    assert actions(read(report(status, **changes))) == {"user@example.org": Action.FAILED}


NO_MAILBOX = [
    "x400; /G=Ada/S=User/O=Example/",
    "LOCAL; user",
    "X-LOCAL; user",
    "x-notes; CN=Ada User/O=Example@Example",
    "X-UNIX; |/usr/local/bin/filter user",
    "rfc822; /var/mail/user",
    "rfc822; @mx.example.org",
    "rfc822; IMCEAEX-_O=EXAMPLE_CN=USER@host.example.org",
    "",
]


@for_each("value", NO_MAILBOX)
@for_each(
    ("more", "text"),
    [
        ("Original-Recipient: rfc822;user@example.org", "Sorry.\n"),
        ("Diagnostic-Code: smtp; 550 <user@example.org>... unknown", "Sorry.\n"),
        ("X-Other: 1", "Not delivered:\n\n  <user@example.org>\n    550 unknown\n"),
    ],
    ids=["Original-Recipient", "diagnostic", "text"],
)
def test_a_final_recipient_that_is_no_mailbox_is_told_by_what_stands_beside_it(
    value: str, more: str, text: str
) -> None:
    status = f"Final-Recipient: {value}\nAction: failed\nStatus: 5.1.1\n{more}\n"
    assert actions(read(report(status, text=text))) == {"user@example.org": Action.FAILED}


@for_each(
    "damage",
    [
        (b"--BOUND--\n", b""),
        (b'boundary="BOUND"', b"boundary=OTHER"),
        (b"message/rfc822", b"text/plain"),
        (b"message/rfc822", b"text/rfc822-header"),
        (b"Final-Recipient:", b"final-recipient :"),
        (b"Final-Recipient: rfc822; ", "Empfänger: ".encode()),
        (b"Reporting-MTA: dns; out.example.com", b"Reporting-MTA: postmaster@example.net"),
        (b"\nStatus: 5.1.1", b""),
        (b"Remote-MTA: dns; mx.example.org", b"Remote-MTA:"),
    ],
    ids=str,
)
def test_what_is_missing_or_misspelt_does_not_hide_the_rest(damage: tuple[bytes, bytes]) -> None:
    assert actions(read(report().replace(*damage))) == {"user@example.org": Action.FAILED}


def test_what_an_alias_made_of_the_address_stands_in_exims_text() -> None:
    text = "failed:\n\n  ada@example.net\n    (generated from user@example.org)\n    550 no such user\n"
    told = only(report(block("user@example.org", "failed"), text=text)).report
    assert (told.recipient, told.final_recipient) == ("user@example.org", "ada@example.net")


def test_each_recipient_of_a_transcript_has_its_own_answer() -> None:
    transcript = (
        "   ----- Transcript of session follows -----\n... while talking to mx.example.org.:\n>>> DATA\n"
        "<<< 550 5.7.1 <a@example.org>: not from you\n550 5.1.1 <a@example.org>... User unknown\n"
        "<<< 552 5.2.2 <b@example.org>: over quota\n554 5.0.0 Service unavailable\n<<< 503 Need RCPT\n"
    )
    found = read(report(block("a@example.org", "failed") + block("b@example.org", "failed"), text=transcript))
    assert [(each.report.diagnostic_code, each.report.stage) for each in found.findings] == [
        ("550 5.7.1 <a@example.org>: not from you", "RCPT"),
        ("552 5.2.2 <b@example.org>: over quota", "RCPT"),
    ]


def test_without_action_the_subject_decides() -> None:
    content = report("Final-Recipient: rfc822; user@example.org\n")
    assert read(content).kind is Kind.BOUNCE
    assert read(content.replace(b"Undelivered Mail Returned to Sender", b"Delayed Mail")).kind is Kind.DELAY


def test_a_report_in_a_forwarded_mail_is_none_of_ours() -> None:
    inner = report().decode().replace("BOUND", "INNER")
    forward = (
        "From: The User <user@example.org>\nSubject: strange mail\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\n\nLook at this.\n--b\nContent-Type: message/rfc822\n\n{inner}\n--b--\n"
    )
    assert read(forward.encode()) == Recognition(Kind.OTHER)


def test_a_report_that_a_gateway_has_wrapped_is_opened() -> None:
    inner = report().decode().replace("BOUND", "INNER")
    wrapped = (
        "Return-Path: <>\nFrom: postmaster@example.org\nSubject: Undelivered Mail Returned to Sender\n"
        "Content-Type: multipart/mixed; boundary=b\n\n"
        f"--b\nContent-Type: message/rfc822\n\n{inner}\n--b\n\nThis mail is confidential.\n--b--\n"
    )
    assert actions(read(wrapped.encode())) == {"user@example.org": Action.FAILED}


def test_fields_that_a_person_quotes_are_no_report() -> None:
    quoted = f"From: The User <user@example.org>\nSubject: What is this?\n\nThe server wrote:\n\n{STATUS}"
    assert read(quoted.encode()).kind is Kind.OTHER


def test_fields_amid_the_text_of_a_notice_are_a_report() -> None:
    found = read(notice(f"Technical report:\n\n{STATUS}\nOriginal message headers\n\n{ORIGINAL}"))
    assert actions(found) == {"user@example.org": Action.FAILED}


def test_an_unlabelled_recipient_without_any_action_has_not_failed() -> None:
    assert read(notice("Final-Recipient: rfc822; user@example.org\n")).findings == ()


def test_a_report_whose_boundary_occurs_nowhere_is_read_as_text() -> None:
    content = report().replace(b"--BOUND", b"...")
    assert actions(read(content)) == {"user@example.org": Action.FAILED}


def test_the_number_of_recipients_is_bounded() -> None:
    status = "".join(block(f"a{n}@example.org", "failed") for n in range(3_000))
    assert 900 <= len(read(report(status)).findings) <= 1_001
