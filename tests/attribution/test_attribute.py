from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.attribution.attribute import attribute
from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import Attribution, Doubt, DoubtKind, Evidence, Finding, Provenance
from bounce_watcher.parsing.message import ParsedMessage, parse
from bounce_watcher.words.grounds import doubt as said
from tests.families import for_each

SETTINGS = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(b"a key for tests.",))
WITHOUT_KEY = AttributionSettings(return_path="returns@bounces.example.com")
FOREIGN = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(b"another for them",))
LONG = "a.rather.long.local.part@mail.subdomain.example.org"

TOKEN = make_return_path(SETTINGS, "user@example.org", "news", "s1")
LONG_TOKEN = make_return_path(SETTINGS, LONG, "news", "s1")
FORGED = make_return_path(FOREIGN, "user@example.org", "news", "s1")
VERP = "returns+user=example.org@bounces.example.com"


def report(*header: str) -> ParsedMessage:
    return parse("\n".join([*header, "Subject: Undelivered", "", "text"]).encode())


def finding(final: str | None, original: str | None = None, evidence: Evidence = Evidence.REPORT) -> Finding:
    named = RecipientReport(MailAddress(original) if original else None, MailAddress(final) if final else None)
    return Finding(named, Provenance("rfc3464", "2", "words"), evidence)


@pytest.mark.parametrize("name", ["X-Original-To", "Delivered-To", "Envelope-To", "To", "delivered-to"])
def test_a_token_proves_recipient_and_sending(name: str) -> None:
    found = attribute(report(f"{name}: <{TOKEN}>"), finding("user@example.org"), SETTINGS)
    assert found == Attribution("user@example.org", Evidence.TOKEN, "news", "s1")


def test_the_recipient_is_written_as_the_report_writes_it() -> None:
    assert attribute(report(f"To: {TOKEN}"), finding("User@Example.org"), SETTINGS).recipient == "User@Example.org"


def test_a_token_proves_what_was_found_in_prose() -> None:
    found = attribute(report(f"To: {TOKEN}"), finding("user@example.org", evidence=Evidence.PROSE), SETTINGS)
    assert found.evidence is Evidence.TOKEN


@pytest.mark.parametrize("wrapped", [
    f"prvs=0123ab45cd={TOKEN}",
    "SRS0=HHHH=TT=bounces.example.com=" + TOKEN.replace("@bounces.example.com", "@forwarder.example"),
    f'"Returns" <{TOKEN.upper()}>, other@example.org',
])
def test_a_token_is_found_inside_what_others_wrote_around_it(wrapped: str) -> None:
    assert attribute(report(f"To: {wrapped}"), finding("user@example.org"), SETTINGS).evidence is Evidence.TOKEN


def test_the_token_names_the_one_who_was_mailed_where_the_report_names_where_a_forwarder_led() -> None:
    found = attribute(report(f"To: {TOKEN}"), finding("elsewhere@forwarded.example"), SETTINGS)
    assert found == Attribution("user@example.org", Evidence.TOKEN, "news", "s1", forwarded=True)


@pytest.mark.parametrize(("final", "forwarded"), [
    ("user@example.org", False), ("USER@Example.ORG", False), ("user@mx1.example.org", False), (None, False),
    ("user@other.example", True), ("user2@example.org", True), ("user@otherexample.org", True),
])
def test_a_mail_was_forwarded_if_another_mailbox_failed(final: str | None, forwarded: bool) -> None:
    assert attribute(report(f"To: {TOKEN}"), finding(final), SETTINGS).forwarded is forwarded


def test_a_lost_sub_address_is_no_forwarding() -> None:
    token = make_return_path(SETTINGS, "user+news@example.org", "news", "s1")
    assert not attribute(report(f"To: {token}"), finding("user@example.org"), SETTINGS).forwarded


def test_the_token_names_the_one_who_was_mailed_where_the_report_names_nobody() -> None:
    assert attribute(report(f"To: {TOKEN}"), finding(None), SETTINGS).recipient == "user@example.org"


def test_original_recipient_says_whose_mail_it_was() -> None:
    original = finding("f@forwarded.example", "user@example.org")
    assert attribute(report(f"To: {TOKEN}"), original, SETTINGS).evidence is Evidence.TOKEN


@pytest.mark.parametrize(("address", "found"), [
    (TOKEN, finding("victim@example.org", "victim@example.org")),
    (LONG_TOKEN, finding("victim@example.org", "victim@example.org")),
    (LONG_TOKEN, finding("victim@example.org")),
])
def test_a_token_for_another_recipient_is_doubtful_and_proves_nothing(address: str, found: Finding) -> None:
    assert attribute(report(f"To: {address}"), found, SETTINGS) == Attribution(
        "victim@example.org", Evidence.PROSE, doubt=Doubt(DoubtKind.OTHER_RECIPIENT, Evidence.TOKEN)
    )


def test_a_digest_alone_names_nobody() -> None:
    found = attribute(report(f"To: {LONG_TOKEN}"), finding(None), SETTINGS)
    assert (found.recipient, found.evidence) == ("", Evidence.PROSE)


def test_a_digest_is_checked_against_the_report() -> None:
    found = attribute(report(f"To: {LONG_TOKEN}"), finding(LONG), SETTINGS)
    assert found == Attribution(LONG, Evidence.TOKEN, "news", "s1")


def test_a_forged_token_is_doubtful_and_proves_nothing() -> None:
    found = attribute(report(f"To: {FORGED}"), finding("user@example.org"), SETTINGS)
    assert (found.recipient, found.evidence, found.stream) == ("user@example.org", Evidence.PROSE, None)
    assert found.doubt is not None
    assert "its signature matches no configured key" in said(found.doubt)


def test_a_token_of_ours_goes_before_a_forged_one() -> None:
    found = attribute(report(f"Delivered-To: {FORGED}", f"To: {TOKEN}"), finding("user@example.org"), SETTINGS)
    assert found.evidence is Evidence.TOKEN


def test_without_a_key_a_token_says_nothing() -> None:
    found = attribute(report(f"To: {TOKEN}"), finding("user@example.org"), WITHOUT_KEY)
    assert found == Attribution("user@example.org", Evidence.REPORT)


@for_each("config", [SETTINGS, WITHOUT_KEY])
@for_each("address", [
    VERP, VERP.upper(), VERP.replace("+", "-"), "returns+user==a==example.org==news@bounces.example.com",
])
def test_plain_verp_that_names_the_recipient_is_more_than_the_report(
    config: AttributionSettings, address: str
) -> None:
    found = attribute(report(f"To: <{address}>"), finding("user@example.org"), config)
    assert found == Attribution("user@example.org", Evidence.VERP)


def test_other_return_paths_name_their_recipient_and_carry_no_token() -> None:
    config = replace(SETTINGS, verp_paths=("*-bounces@lists.example.com",))
    for added, evidence in ((VERP, Evidence.VERP), (TOKEN, Evidence.REPORT)):
        address = added.replace("returns+", "news-bounces+").replace("@bounces", "@lists")
        found = attribute(report(f"To: <{address}>"), finding("user@example.org"), config)
        assert (found.evidence, found.doubt) == (evidence, None)
    alone = AttributionSettings(verp_paths=config.verp_paths)
    path = "To: news-bounces+user=example.org@lists.example.com"
    assert attribute(report(path), finding(None, evidence=Evidence.PROSE), alone) == Attribution(
        "user@example.org", Evidence.VERP
    )


def test_plain_verp_takes_nothing_from_stronger_evidence() -> None:
    known = finding("user@example.org", evidence=Evidence.KNOWN_MESSAGE)
    assert attribute(report(f"To: {VERP}"), known, SETTINGS).evidence is Evidence.KNOWN_MESSAGE


@pytest.mark.parametrize("address", ["returns+other=example.org@bounces.example.com", VERP.replace("bounces", "x")])
def test_plain_verp_of_another_recipient_or_return_path_is_no_evidence(address: str) -> None:
    found = attribute(report(f"To: {address}"), finding("user@example.org"), SETTINGS)
    assert found == Attribution("user@example.org", Evidence.REPORT)


def test_nothing_configured_is_as_the_report_says() -> None:
    found = attribute(report(f"To: {TOKEN}"), finding("user@example.org"), AttributionSettings())
    assert found == Attribution("user@example.org", Evidence.REPORT)


@given(st.binary(max_size=300), st.sampled_from([TOKEN, FORGED, VERP, "returns+"]))
def test_no_header_makes_it_raise(noise: bytes, address: str) -> None:
    header = b"To: " + noise + address.encode() + noise + b"\nX-Original-To:" + noise + b"\n\n"
    attribute(parse(header), finding("user@example.org"), SETTINGS)
