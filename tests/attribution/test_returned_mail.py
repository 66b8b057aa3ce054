"""What the mail that came back proves: tokens in it, DKIM signatures, fields of ours. And what never does."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from bounce_watcher.attribution.attribute import attribute
from bounce_watcher.attribution.return_path import make_header_token, make_return_path
from bounce_watcher.attribution.settings import AttributionSettings, DkimKey, HeaderNames
from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import Attribution, Evidence, Finding, Provenance
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.words.grounds import doubt as said
from tests.attribution.signing import KEY_NAME, MAIL, rsa_key, signed
from tests.families import for_each

DAY = date(2026, 11, 24)
AT = datetime(2026, 11, 25, tzinfo=UTC)
LATE = AT + timedelta(days=90)
USER, LONG = "user@example.org", "a.rather.long.local.part@mail.subdomain.example.org"
SETTINGS = AttributionSettings(
    return_path="returns@bounces.example.com", token_keys=(b"a key for tests.",),
    headers=HeaderNames(campaign="X-Campaign", stream="X-Stream", user="X-Recipient"),
    dkim_keys=(DkimKey(KEY_NAME, rsa_key()[1]),),
)
PATH = make_return_path(SETTINGS, USER, "news", "s1", day=DAY)
TOKEN = make_header_token(SETTINGS, USER, "news", "s1", day=DAY)
FORGED = make_return_path(replace(SETTINGS, token_keys=(b"another for them",)), USER, "news", "s1", day=DAY)
FORGED_TOKEN = make_header_token(replace(SETTINGS, token_keys=(b"another for them",)), USER, "news", "s1", day=DAY)


def report(*returned: str, to: str = "fbl@example.com") -> ParsedMessage:
    """A report that gives a header back."""
    return with_original("".join(f"{line}\n" for line in returned).encode(), to)


def with_original(original: bytes, to: str = "fbl@example.com") -> ParsedMessage:
    return parse(
        f"To: {to}\nContent-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\n"
        "Content-Type: text/rfc822-headers\n\n".encode() + original + b"\n--b--\n"
    )


def finding(final: str | None = None, original: str | None = None) -> Finding:
    named = RecipientReport(MailAddress(original) if original else None, MailAddress(final) if final else None)
    return Finding(named, Provenance("rfc3464", "2", "words"), Evidence.REPORT)


def found(
    message: ParsedMessage, final: str | None = USER, settings: AttributionSettings = SETTINGS,
    mail_from: str | None = None, at: datetime = AT,
) -> Attribution:
    return attribute(message, finding(final), settings, mail_from=mail_from, at=at)


# ── tokens ──────────────────────────────────────────────────────────────────────────────────────────────────────────

@for_each("line", [
    f"Return-Path: <{PATH}>",
    f"X-Envelope-From: {PATH.upper()}",
    f"Authentication-Results: mx.example.org; spf=pass smtp.mailfrom={PATH}; dkim=pass header.d=example.com",
    f"Received-SPF: pass (mx.example.org: permitted) client-ip=192.0.2.1; envelope-from={PATH};",
    f'Received-SPF: pass envelope-from="{PATH}"; helo=out.example.com',
])
@for_each("final", [USER, None])
def test_the_return_path_of_the_mail_that_came_back_proves_whom_it_went_to(line: str, final: str | None) -> None:
    expected = Attribution(USER, Evidence.TOKEN, "news", "s1")
    assert found(report(line, "To: redacted@example.org"), final) == expected


@pytest.mark.parametrize("final", [USER, None])
def test_the_sender_that_a_feedback_report_names_does_too(final: str | None) -> None:
    expected = Attribution(USER, Evidence.TOKEN, "news", "s1")
    assert found(report("Subject: x"), final, mail_from=PATH) == expected


@pytest.mark.parametrize("final", [USER, None])
def test_the_token_of_a_header_is_a_signature_of_ours(final: str | None) -> None:
    expected = Attribution(USER, Evidence.SIGNATURE, "news", "s1")
    assert found(report(f"X-BW-Token: {TOKEN}"), final) == expected


def test_the_field_of_the_token_may_have_another_name() -> None:
    settings = replace(SETTINGS, token_header="X-Ours")
    assert found(report(f"X-Ours: {TOKEN}"), settings=settings).evidence is Evidence.SIGNATURE
    assert found(report(f"X-BW-Token: {TOKEN}"), settings=settings).evidence is Evidence.REPORT


def test_the_return_path_goes_before_the_header() -> None:
    both = report(f"Return-Path: <{PATH}>", f"X-BW-Token: {TOKEN}")
    assert found(both).evidence is Evidence.TOKEN


@pytest.mark.parametrize(("message", "final", "at", "doubt"), [
    (report(to=FORGED), USER, AT, "the return path holds a token in our format, but its signature matches no"),
    (report(f"Return-Path: <{FORGED}>"), USER, AT, "the return path holds a token in our format, but"),
    (report(f"X-BW-Token: {FORGED_TOKEN}"), USER, AT, "the returned mail holds a token in our format, but"),
    (report(to=PATH), USER, LATE, "the return path holds an expired token of 2026-11-24"),
    (report(f"X-BW-Token: {TOKEN}"), USER, LATE, "the returned mail holds an expired token of 2026-11-24"),
])
def test_a_report_that_contradicts_its_token_is_doubted(
    message: ParsedMessage, final: str, at: datetime, doubt: str
) -> None:
    attribution = found(message, final, at=at)
    assert (attribution.recipient, attribution.evidence, attribution.stream) == (final, Evidence.PROSE, None)
    assert attribution.doubt is not None
    assert said(attribution.doubt).startswith(doubt)


@pytest.mark.parametrize("message", [report(to=PATH), report(f"X-BW-Token: {TOKEN}")])
def test_a_token_does_not_prove_what_is_said_of_another(message: ParsedMessage) -> None:
    attribution = attribute(message, finding(original="victim@example.org"), SETTINGS, at=AT)
    assert attribution.evidence is Evidence.PROSE
    assert attribution.doubt is not None
    assert "signed for another recipient" in said(attribution.doubt)


def test_a_token_within_its_time_or_without_end_is_believed() -> None:
    assert found(report(to=PATH), at=LATE - timedelta(days=2)).evidence is Evidence.TOKEN
    assert found(report(to=PATH), at=LATE, settings=replace(SETTINGS, token_max_age=None)).evidence is Evidence.TOKEN
    assert attribute(report(to=PATH), finding(USER), SETTINGS).evidence is Evidence.TOKEN


LONG_PATH = make_return_path(SETTINGS, LONG, "news", "s1", day=DAY)


@pytest.mark.parametrize("line", [
    f"X-BW-Token: {make_header_token(SETTINGS, LONG, day=DAY)}", f"To: other@example.org, Ada <{LONG}>",
])
@pytest.mark.parametrize("final", ["elsewhere@forwarded.example", None])
def test_a_digest_is_tried_on_whom_the_mail_itself_names(line: str, final: str | None) -> None:
    expected = Attribution(LONG, Evidence.TOKEN, "news", "s1", forwarded=final is not None)
    assert found(report(line, to=LONG_PATH), final) == expected


def test_a_digest_that_nobody_fits_names_nobody() -> None:
    assert found(report("To: redacted@example.org", to=LONG_PATH), None).recipient == ""


# ── DKIM ────────────────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("final", [USER, "User@Example.org", None])
def test_a_signature_over_to_proves_whom_the_mail_went_to(final: str | None) -> None:
    attribution = found(with_original(signed()), final)
    assert attribution == Attribution(final or USER, Evidence.SIGNATURE)


@pytest.mark.parametrize("original", [
    signed(MAIL.replace(b"user@example.org>\n", b"user@example.org>, b@example.org\n"), fields=("From", "To")),
    signed(fields=("From", "Subject")),
    b"To: victim@example.org\n" + signed(fields=("From", "To")),
    signed(domain="example.net"),
])
def test_a_signature_that_names_nobody_alone_proves_nothing(original: bytes) -> None:
    settings = replace(SETTINGS, headers=HeaderNames())
    assert found(with_original(original), settings=settings).evidence is Evidence.REPORT
    assert found(with_original(original), None, settings=settings).recipient == ""


def test_a_signature_over_the_field_of_the_recipient_proves_it_too() -> None:
    original = signed(MAIL.replace(b"user@example.org>\n", b"list@example.com>\n"))
    assert found(with_original(original)).evidence is Evidence.SIGNATURE


def test_a_signature_proves_nothing_of_somebody_else() -> None:
    attribution = found(with_original(signed()), "victim@example.org")
    assert attribution == Attribution("victim@example.org", Evidence.REPORT)


def test_keys_of_our_domains_are_looked_up_and_of_no_others() -> None:
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return rsa_key()[1]

    settings = AttributionSettings(own_domains=frozenset({"example.com"}))
    for original in (signed(), signed(domain="mail.example.com"), signed(domain="example.net")):
        for each in (settings, replace(settings, dkim_dns=False)):
            attribute(with_original(original), finding(USER), each, key_of=ask, at=AT)
    assert asked == [KEY_NAME]
    assert attribute(
        with_original(signed()), finding(USER), settings, key_of=ask, at=AT
    ).evidence is Evidence.SIGNATURE


# ── fields without a signature ──────────────────────────────────────────────────────────────────────────────────────

def test_fields_of_ours_tell_recipient_stream_and_sending() -> None:
    message = report(f"X-Recipient: {USER}", "X-Campaign: spring-26", "x-stream: offers")
    for final in (USER, None):
        assert found(message, final) == Attribution(USER, Evidence.VERP, "offers", "spring-26")
    assert found(message, "victim@example.org") == Attribution(
        "victim@example.org", Evidence.REPORT, "offers", "spring-26"
    )


LIST, FEEDBACK = "List-Id: News of March <News.example.com>", "Feedback-ID: spring-26:42:receipts:example"


@pytest.mark.parametrize(("names", "stream", "sending"), [
    (HeaderNames(campaign="Feedback-ID", stream="List-ID"), "news.example.com", "spring-26"),
    (HeaderNames(campaign="list-id", stream="feedback-id"), "receipts", "news.example.com"),
    (HeaderNames(user="X-Recipient"), None, None),
])
def test_fields_of_a_form_that_all_know_are_read_by_it(
    names: HeaderNames, stream: str | None, sending: str | None
) -> None:
    attribution = found(report(LIST, FEEDBACK), settings=replace(SETTINGS, headers=names))
    assert attribution == Attribution(USER, Evidence.REPORT, stream, sending)


@pytest.mark.parametrize("line", ["Feedback-ID: spring:example", "Feedback-ID: ::1.abc=:AmazonSES", "Feedback-ID:"])
def test_a_feedback_id_without_campaign_tells_none(line: str) -> None:
    names = HeaderNames(campaign="Feedback-ID")
    assert found(report(line), settings=replace(SETTINGS, headers=names)).sending is None


def test_an_id_is_cut() -> None:
    names = HeaderNames(stream="List-ID", campaign="X-Campaign")
    attribution = found(report(f"List-ID: <{'l' * 200}>", f"X-Campaign: {'c' * 200}"),
                        settings=replace(SETTINGS, headers=names))
    assert (attribution.stream, attribution.sending) == ("l" * 64, "c" * 64)


def test_a_token_knows_better_than_fields() -> None:
    message = report("X-Campaign: other", "X-Stream: other", to=PATH)
    assert found(message) == Attribution(USER, Evidence.TOKEN, "news", "s1")


def test_a_number_in_the_field_of_the_recipient_names_nobody() -> None:
    assert found(report("X-Recipient: 4711"), None) == Attribution("", Evidence.REPORT)


def test_two_plain_names_are_none() -> None:
    message = report("Return-Path: <returns+a=example.org@bounces.example.com>", f"X-Recipient: {USER}")
    assert found(message, None).recipient == ""
