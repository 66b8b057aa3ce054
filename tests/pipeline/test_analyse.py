"""The whole way, from bytes to an analysis."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import UNTOLD, Attribution, Evidence, Kind, Pass
from bounce_watcher.model.message import message_digest
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.pipeline import Toolkit, analyse
from tests.cost import least
from tests.examples import examples
from tests.families import for_each
from tests.parsing.samples import ORIGINAL, notice, report
from tests.parsing.test_message import HOSTILE
from tests.parsing.test_totality import SOUP
from tests.pipeline.invariant import check
from tests.pipeline.mails import mails

TOOLKIT = Toolkit(load_builtin(), AttributionSettings(return_path="bounces@example.com", token_keys=(b"k" * 32,)))


def test_a_bounce_says_who_failed_and_why() -> None:
    analysis = analyse(report(), TOOLKIT)
    (only,) = analysis.recipients
    assert analysis.kind is Kind.BOUNCE
    assert analysis.digest == message_digest(report())
    assert analysis.sent.subject == "The news of March"
    assert only.attribution.recipient == "user@example.org"
    assert only.verdict is not None
    assert only.verdict.reason is Reason.INVALID_RECIPIENT
    assert only.bounce_type is BounceType.HARD


def test_only_failed_and_delayed_are_judged() -> None:
    status = "".join(
        f"Final-Recipient: rfc822; {action}@example.org\nAction: {action}\n\n" for action in Action
    )
    analysis = analyse(report(status), TOOLKIT)
    judged = {each.finding.report.action for each in analysis.recipients if each.verdict}
    assert judged == {Action.FAILED, Action.DELAYED}
    check(analysis)


def test_addresses_that_a_token_shows_to_be_one_recipient_give_one_verdict() -> None:
    token = make_return_path(TOOLKIT.attribution, "user@example.org")
    status = "Final-Recipient: rfc822; alias@example.net\nAction: delayed\nStatus: 4.2.0\n\n" \
        "Final-Recipient: rfc822; user@example.org\nAction: failed\nStatus: 5.1.1\n"
    (only,) = analyse(report(status, headers=f"Delivered-To: {token}\n"), TOOLKIT).recipients
    assert only.attribution.recipient == "user@example.org"
    assert only.finding.report.action is Action.FAILED


FORGED = report(headers="Authentication-Results: mx.example.com; dmarc=fail header.from=example.net\n")
GENUINE = report(headers="Authentication-Results: mx.example.com; dmarc=pass header.from=example.net\n")
TRUSTING = Toolkit(TOOLKIT.ruleset, AttributionSettings(authserv_ids=(("returns", frozenset({"mx.example.com"})),)))


@pytest.mark.parametrize(("mailbox", "is_doubted"), [("returns", True), ("other", False), (None, True)])
def test_a_report_is_doubted_by_the_word_of_its_own_mailboxs_server(mailbox: str | None, is_doubted: bool) -> None:
    analysis = analyse(FORGED, TRUSTING, mailbox=mailbox)
    (only,) = analysis.recipients
    assert (only.attribution.doubt is not None, analysis.authenticity.failure is not None) == (is_doubted, is_doubted)
    assert only.attribution.doubt == analysis.authenticity.failure


def test_without_a_trusted_server_no_word_is_believed() -> None:
    assert analyse(FORGED, TOOLKIT).authenticity == UNTOLD


def test_a_genuine_report_proves_no_more_than_itself() -> None:
    analysis = analyse(GENUINE, TRUSTING, mailbox="returns")
    (only,) = analysis.recipients
    assert analysis.authenticity.passes == (Pass("dmarc", "example.net"),)
    assert only.attribution == analyse(report(), TOOLKIT).recipients[0].attribution


def test_a_complaint_of_nobody_is_about_whom_its_return_path_names() -> None:
    token = make_return_path(TOOLKIT.attribution, "user@example.org", "news")
    (only,) = analyse(complaint(f"Original-Mail-From: <{token}>\n"), TOOLKIT).recipients
    assert only.attribution == Attribution("user@example.org", Evidence.TOKEN, "news")


@pytest.mark.parametrize("sender", ["", "Original-Mail-From: <redacted@example.com>\n"])
def test_a_complaint_of_nobody_without_a_token_is_about_nobody(sender: str) -> None:
    analysis = analyse(complaint(sender), TOOLKIT)
    assert (analysis.kind, analysis.recipients) == (Kind.COMPLAINT, ())


NAMELESS = "Your message could not be delivered:\n550 5.2.2 The mailbox is full.\n"


def test_a_failure_of_nobody_is_of_whom_its_return_path_names() -> None:
    token = make_return_path(TOOLKIT.attribution, "user@example.org", "news")
    (only,) = analyse(unnamed(f"Delivered-To: {token}\n"), TOOLKIT).recipients
    assert only.attribution == Attribution("user@example.org", Evidence.TOKEN, "news")
    assert only.verdict is not None
    assert only.verdict.reason is Reason.MAILBOX_FULL


def test_a_failure_of_nobody_without_a_token_is_of_nobody() -> None:
    analysis = analyse(unnamed(""), TOOLKIT)
    assert (analysis.kind, analysis.recipients) == (Kind.BOUNCE, ())
    check(analysis)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Return-Path: <>", "Return-Path: <shop@example.net>"),  # whoever wants to be answered is no mail system
        ("Undelivered mail", "Quota warning"),
        ("550 5.2.2 The mailbox is full", "550 MB of 600 are in use"),  # neither a reply nor the mail returned
    ],
)
def test_a_failure_of_nobody_wants_every_sign_of_one(old: str, new: str) -> None:
    assert analyse(unnamed("").replace(old.encode(), new.encode()), TOOLKIT).kind is Kind.OTHER


def unnamed(headers: str) -> bytes:
    """A notice that names neither its recipient nor the mail."""
    return (
        f"Return-Path: <>\n{headers}From: Mail Delivery System <mailer-daemon@mx.example.net>\n"
        f"Subject: Undelivered mail\n\n{NAMELESS}"
    ).encode()


@pytest.mark.parametrize(
    ("mark", "reason"), [("NG", Reason.RECIPIENT_FILTERED), ("OK", Reason.INVALID_RECIPIENT)]
)
def test_the_mark_of_a_recipients_filter_goes_before_the_words(mark: str, reason: Reason) -> None:
    text = "<user@example.org>: 550 user unknown (in reply to RCPT TO command)\n" + "x" * 3_000
    analysis = analyse(notice(text, headers=f"X-SPASIGN: {mark}\n"), TOOLKIT)
    (only,) = analysis.recipients
    assert only.verdict is not None
    assert only.verdict.reason is reason
    check(analysis)


def test_a_token_has_run_out_by_the_time_that_the_report_was_received() -> None:
    token = make_return_path(TOOLKIT.attribution, "user@example.org", day=date(2026, 3, 1))
    content = report(headers=f"Delivered-To: {token}\n")
    for at, evidence in (
        (datetime(2026, 3, 9, tzinfo=UTC), Evidence.TOKEN), (datetime(2026, 9, 1, tzinfo=UTC), Evidence.PROSE),
        (None, Evidence.TOKEN),
    ):
        assert analyse(content, TOOLKIT, at).recipients[0].attribution.evidence is evidence


def complaint(sender: str) -> bytes:
    """A feedback report whose provider blacks out its user."""
    return (
        "From: feedback@provider.example\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report; boundary="b"\n\n'
        "--b\nContent-Type: text/plain\n\nThis is an email abuse report.\n"
        f"--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\n{sender}\n"
        "--b\nContent-Type: message/rfc822\n\nTo: [redacted]\nSubject: news\n\nhello\n--b--\n"
    ).encode()


def test_the_digest_does_not_change_with_line_ends() -> None:
    assert analyse(report(), TOOLKIT) == analyse(report().replace(b"\n", b"\r\n"), TOOLKIT)


def test_an_analysis_rests_on_nothing_but_its_arguments() -> None:
    assert analyse(report(), TOOLKIT) == analyse(report(), TOOLKIT)


@given(SOUP)
def test_any_bytes_give_an_analysis(content: bytes) -> None:
    check(analyse(content, TOOLKIT))
    check(analyse(notice("") + content, TOOLKIT))


@settings(max_examples=examples(600))
@given(mails())
def test_any_mail_of_the_trade_gives_an_analysis(content: bytes) -> None:
    check(analyse(content, TOOLKIT))


@given(st.binary(max_size=3_000))
def test_any_noise_gives_an_analysis(content: bytes) -> None:
    check(analyse(content, TOOLKIT))


@given(st.data())
def test_a_damaged_report_gives_an_analysis(data: st.DataObject) -> None:
    content = bytearray(report(original=ORIGINAL, text="<user@example.org>: 550 no\n"))
    for _ in range(data.draw(st.integers(0, 30))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    check(analyse(bytes(content), TOOLKIT))


FINAL = "Final-Recipient: rfc822; user@example.org"
FLOODS = {
    "recipients": report("".join(f"{FINAL}{n}\nAction: failed\n\n" for n in range(20_000))),
    "one recipient": report(f"{FINAL}\nAction: failed\n\n" * 20_000),
    "status parts": report(f"{FINAL}\n--BOUND\nContent-Type: message/delivery-status\n\n" * 9_000),
    "a diagnostic": report(f"{FINAL}\nDiagnostic-Code: smtp; " + "550 no\n " * 100_000),
    "addresses in the header": notice("x", headers="".join(f"X-Failed-Recipients: a@b{n}\n" for n in range(20_000))),
    "paragraphs": notice("<a@example.org>:\n550 no\n\n" * 30_000),
    "a line": notice("<a@example.org>: " + "a" * 1_000_000),
    "complaints": report(
        "Feedback-Type: abuse\n" + "".join(f"Original-Rcpt-To: a{n}@example.org\n" for n in range(20_000)),
        status_type="message/feedback-report",
    ),
}


@for_each("content", [*HOSTILE.values(), *FLOODS.values()], ids=[*HOSTILE, *FLOODS])
def test_hostile_mail_is_analysed_within_two_seconds(content: bytes) -> None:
    assert least(lambda _: check(analyse(content, TOOLKIT)), 2.0) <= 2.0
