"""What one analysed message becomes: events with effective codes, and a place for the mail."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.ledger.review.groups import group_of_mail
from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import (
    Analysis,
    Attribution,
    Authenticity,
    Doubt,
    Evidence,
    Finding,
    Kind,
    Provenance,
    RecipientVerdict,
    SentMessage,
)
from bounce_watcher.model.ledger import MessageRecord, Misread, Unread
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.model.optout import AskedBy, OptOut
from bounce_watcher.model.verdict import Confidence, Reason, Verdict
from bounce_watcher.parsing.delivery_status import MAX_RECIPIENTS
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.analysis.judging import destination, event_id, message_record
from tests.facts import DOUBT
from tests.families import for_each

RAW = RawMessage(
    "returns/INBOX#7", b"Subject: x\r\n\r\n", datetime(2026, 3, 2, tzinfo=UTC), mailbox="returns", stream="news", uid=7,
    uidvalidity=1, size=9000,
)
OTHER = MailAddress("b@example.org")
FAILED = RecipientReport(
    MailAddress("Ada@example.org"), MailAddress("a.l@host.example"), Action.FAILED,
    status=EnhancedStatus(5, 0, 0), remote_mta="mx.example.org", diagnostic_code="550 5.1.1 no such user",
)
VERDICT = Verdict(Reason.INVALID_RECIPIENT, "common.no-such-user", "RFC 3463", "no such user", 550,
                  EnhancedStatus(5, 1, 1), confidence=Confidence.SURE)


DIGEST = "d" * 64
FORGED = Authenticity(failure=DOUBT)


def judged(
    report: RecipientReport = FAILED, verdict: Verdict | None = VERDICT, **attribution: str | Doubt | None
) -> RecipientVerdict:
    finding = Finding(report, Provenance("rfc3464", "2", "Action: failed"), Evidence.REPORT, "out.example.com")
    recipient = report.recipient
    assert recipient is not None
    return RecipientVerdict(finding, replace(Attribution(recipient, Evidence.REPORT), **attribution), verdict)  # type: ignore[arg-type]


def bounce(*recipients: RecipientVerdict, kind: Kind = Kind.BOUNCE) -> Analysis:
    return Analysis(kind, DIGEST, recipients, SentMessage("m1@example.com"))


def test_an_event_carries_what_the_last_hop_said() -> None:
    (event,) = message_record(RAW, bounce(judged()), b"packed").events
    assert (event.recipient, event.final_recipient) == ("Ada@example.org", "a.l@host.example")
    assert (event.status, event.code, event.diagnostic) == ("5.1.1", 550, "550 5.1.1 no such user")
    assert (event.stream, event.mailbox, event.at) == ("news", "returns", RAW.received_at)
    assert (event.sent_message_id, event.rule, event.evidence) == (
        "m1@example.com", "common.no-such-user", Evidence.REPORT,
    )


def test_an_event_carries_the_doubt_that_its_report_raises() -> None:
    (event,) = message_record(RAW, bounce(judged(doubt=DOUBT)), None).events
    assert event.doubt == DOUBT


def test_the_same_mail_and_recipient_are_one_event_whatever_the_case() -> None:
    assert event_id("d", "Ada@example.org") == event_id("d", "ada@EXAMPLE.org")
    assert event_id("d", "ada@example.org") != event_id("e", "ada@example.org")


def test_a_token_names_the_stream_before_the_mailbox() -> None:
    (event,) = message_record(RAW, bounce(judged(stream="receipts")), None).events
    assert event.stream == "receipts"


def test_a_final_recipient_that_is_the_recipient_is_not_repeated() -> None:
    (event,) = message_record(RAW, bounce(judged(replace(FAILED, original_recipient=None))), None).events
    assert event.final_recipient is None


@pytest.mark.parametrize("kind", [Kind.AUTO_REPLY, Kind.OTHER, Kind.DISPOSITION, Kind.CHALLENGE, Kind.UNSUBSCRIBE])
def test_mail_that_is_no_report_makes_no_event(kind: Kind) -> None:
    assert message_record(RAW, bounce(judged(), kind=kind), None).events == ()


def odd(text: str) -> MessageRecord:
    return message_record(replace(RAW, content=text.encode()), Analysis(Kind.OTHER, DIGEST), b"packed")


def test_what_nobody_understood_tells_its_words_but_for_what_varies() -> None:
    notice = odd("From: MAILER-DAEMON@gate.example\nSubject: Undeliverable: order 4711\n\nZorp of u@example.org: no")
    assert notice.unread == Unread(Misread.NOTICE, "undeliverable: order # zorp of <address> no")
    letter = odd("From: kim@example.org\nSubject: Re: spring sale\n\nHello Jo, not for me, thanks")
    assert letter.unread == Unread(Misread.LETTER, "re: spring sale"), "answers to one mailing are one group"
    bare = odd("From: kim@example.org\nSubject: 4711\n\nNot for me")
    assert bare.unread == Unread(Misread.LETTER, "# not for me")
    assert odd("").unread == Unread(Misread.LETTER, "")


def test_what_is_understood_or_speaks_of_somebody_is_not_unread() -> None:
    for analysis in (bounce(judged()), bounce(judged(doubt=DOUBT)), Analysis(Kind.AUTO_REPLY, DIGEST)):
        assert message_record(RAW, analysis, None).unread is None
    nobody = message_record(RAW, Analysis(Kind.BOUNCE, DIGEST), None).unread
    assert nobody is not None
    assert nobody.kind is Misread.NOTICE, "a report is one, whatever it looks like"


def test_a_complaint_of_nobody_is_left_to_who_knows_its_message_id() -> None:
    complaint = replace(bounce(kind=Kind.COMPLAINT), feedback_type="abuse")
    (event,) = message_record(RAW, complaint, None).events
    assert (event.recipient, event.sent_message_id, event.evidence) == ("", "m1@example.com", Evidence.PROSE)
    assert message_record(RAW, replace(complaint, sent=SentMessage()), None).events == ()


def test_a_complaint_of_nobody_that_is_forged_stays_in_doubt() -> None:
    forged = replace(bounce(kind=Kind.COMPLAINT), feedback_type="abuse", authenticity=FORGED)
    (event,) = message_record(RAW, forged, None).events
    assert event.doubt == DOUBT


UNKNOWN = replace(VERDICT, reason=Reason.UNKNOWN)
DELAYED = replace(FAILED, action=Action.DELAYED)


@for_each(
    ("analysis", "place"),
    [
        (bounce(judged()), Destination.PROCESSED),
        (bounce(judged(DELAYED, UNKNOWN), kind=Kind.DELAY), Destination.PROCESSED),
        (bounce(kind=Kind.AUTO_REPLY), Destination.PROCESSED),
        (bounce(kind=Kind.DISPOSITION), Destination.PROCESSED),
        (bounce(*[judged()] * (MAX_RECIPIENTS - 1)), Destination.PROCESSED),
        (bounce(*[judged()] * MAX_RECIPIENTS), Destination.REVIEW),
        (bounce(kind=Kind.OTHER), Destination.REVIEW),
        (replace(bounce(kind=Kind.COMPLAINT), feedback_type="abuse"), Destination.REVIEW),
        (replace(bounce(kind=Kind.COMPLAINT), feedback_type="not-spam"), Destination.PROCESSED),
        (replace(bounce(kind=Kind.COMPLAINT), feedback_type="not-spam", authenticity=FORGED), Destination.REVIEW),
        (replace(bounce(kind=Kind.AUTO_REPLY), authenticity=FORGED), Destination.PROCESSED),
        (bounce(), Destination.REVIEW),
        (bounce(judged(verdict=UNKNOWN)), Destination.REVIEW),
        (bounce(judged(), judged(replace(FAILED, original_recipient=OTHER), UNKNOWN)), Destination.REVIEW),
        (bounce(judged(doubt=DOUBT)), Destination.REVIEW),
    ],
)
def test_where_the_mail_goes(analysis: Analysis, place: Destination) -> None:
    assert destination(analysis) is place


def test_what_nobody_understood_has_a_language() -> None:
    """Told in the process that analyses, which may die of a mail: whoever writes it down asks no library for it."""
    assert odd("From: MAILER-DAEMON@gate.example\nSubject: Unzustellbar\n\n"
               "Dieses Postfach wurde vom Inhaber aufgegeben").language == "de"
    french = replace(FAILED, diagnostic_code="550 cette adresse ne reçoit plus de courrier depuis longtemps")
    unknown = replace(VERDICT, reason=Reason.UNKNOWN)
    assert message_record(RAW, bounce(judged(french, unknown)), None).language == "fr"
    assert message_record(RAW, bounce(judged(french)), None).language is None
    guess = replace(VERDICT, confidence=Confidence.GUESS)
    assert message_record(RAW, bounce(judged(french, guess)), None).language == "fr"


def unreadable(*fields: str) -> tuple[Analysis, MessageRecord]:
    blocks = "".join(f"Final-Recipient: rfc822; {field}\nAction: failed\nStatus: 5.1.1\n\n" for field in fields)
    content = (
        "From: MAILER-DAEMON@mx.example.net\nSubject: Undelivered Mail\nContent-Type: multipart/report; boundary=b\n\n"
        f"--b\n\nIt failed for ceo@corp.example.\n--b\nContent-Type: message/delivery-status\n\n{blocks}--b--\n"
    ).encode()
    raw = replace(RAW, content=content)
    analysis = analyse(content, Toolkit(load_builtin()))
    return analysis, message_record(raw, analysis, content)


def test_a_report_whose_recipient_is_no_mailbox_names_nobody_and_goes_to_review_as_such() -> None:
    analysis, record = unreadable("the ceo@corp.example")
    assert (analysis.kind, analysis.recipients) == (Kind.BOUNCE, ())
    assert analysis.unreadable == ("rfc822; the ceo@corp.example",)
    assert destination(analysis) is Destination.REVIEW
    assert record.events == ()
    assert record.unread is not None
    assert record.unread.kind is Misread.ADDRESS


def test_of_several_recipients_those_that_can_be_read_count_and_the_report_still_goes_to_review() -> None:
    analysis, record = unreadable("the ceo@corp.example", "ada@example.org")
    assert [event.recipient for event in record.events] == ["ada@example.org"]
    assert destination(analysis) is Destination.REVIEW
    assert group_of_mail(record) is not None


TO_THE_TOKEN = Attribution("ada@example.org", Evidence.TOKEN, "receipts", "s1")


def test_an_opt_out_by_mail_goes_to_review_with_both_addresses() -> None:
    analysis = Analysis(Kind.UNSUBSCRIBE, DIGEST, sender=MailAddress("ada@home.example"), opt_out=TO_THE_TOKEN)
    record = message_record(RAW, analysis, b"packed")
    assert (destination(analysis), record.events, record.unread) == (Destination.REVIEW, (), None)
    assert record.opt_outs == (OptOut(
        AskedBy.MAIL, "receipts", "ada@home.example", "ada@example.org", Evidence.TOKEN, None, "s1"),)
    nobody = replace(analysis, opt_out=Attribution("", Evidence.PROSE, doubt=DOUBT))
    assert message_record(RAW, nobody, b"packed").opt_outs == (
        OptOut(AskedBy.MAIL, "news", "ada@home.example", doubt=DOUBT),)


@pytest.mark.parametrize(("feedback_type", "asks"), [
    ("opt-out", True), ("opt-out-list", True), ("abuse", False), ("not-spam", False), (None, False),
])
def test_feedback_of_type_opt_out_keeps_its_event_and_goes_to_review(feedback_type: str | None, asks: bool) -> None:
    named = bounce(judged(RecipientReport(final_recipient=MailAddress("ada@example.org")), None), kind=Kind.COMPLAINT)
    named = replace(named, feedback_type=feedback_type)
    record = message_record(RAW, named, b"packed")
    assert [event.feedback_type for event in record.events] == [feedback_type]
    assert [(each.by, each.recipient, each.evidence) for each in record.opt_outs] == (
        [(AskedBy.FEEDBACK_REPORT, "ada@example.org", Evidence.REPORT)] if asks else [])
    assert (destination(named) is Destination.REVIEW) is asks


def test_feedback_of_nobody_is_one_opt_out_and_no_wording_to_look_through() -> None:
    nobody = Analysis(Kind.COMPLAINT, DIGEST, feedback_type="opt-out", sender=MailAddress("fbl@example.net"))
    record = message_record(RAW, nobody, b"packed")
    assert (destination(nobody), record.unread) == (Destination.REVIEW, None)
    assert record.opt_outs == (OptOut(AskedBy.FEEDBACK_REPORT, "news", "fbl@example.net"),)
