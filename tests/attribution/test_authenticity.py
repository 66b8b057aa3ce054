"""Whom a report is from, by the mailbox's own server: what is believed of it, what follows, and what never does."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.attribution.attribute import attribute
from bounce_watcher.attribution.authenticity import MAX_FIELDS, authenticity, server_key
from bounce_watcher.attribution.return_path import make_header_token, make_return_path
from bounce_watcher.attribution.settings import AttributionSettings, DkimKey, HeaderNames
from bounce_watcher.model.address import MailAddress
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.finding import (
    UNTOLD,
    Attribution,
    Authenticity,
    Doubt,
    DoubtKind,
    Evidence,
    Finding,
    Pass,
    Provenance,
)
from bounce_watcher.parsing.message import parse
from bounce_watcher.words.grounds import doubt as said
from bounce_watcher.words.grounds import passed
from tests.attribution.signing import KEY_NAME, rsa_key, signed
from tests.families import for_each

OURS = frozenset({"mx.example.com"})
DMARC = Doubt(DoubtKind.DMARC, domain="example.org", result="fail")
SPF = Doubt(DoubtKind.SPF, domain="example.org", result="fail")


def told(*fields: str, ids: frozenset[str] = OURS, name: str = "Authentication-Results") -> Authenticity:
    header = "".join(f"{name}: {field}\n" for field in fields)
    return authenticity(parse(f"{header}Subject: x\n\n".encode()).headers, ids)


def failure(results: str) -> Doubt | None:
    return told(f"mx.example.com; {results}").failure


# ── what a field says ───────────────────────────────────────────────────────────────────────────────────────────────

@for_each(("results", "doubt"), [
    ("dmarc=fail header.from=example.org", DMARC),
    ("DMARC=FAIL (p=REJECT) header.from=Example.ORG", DMARC),
    ("dkim=pass header.d=list.example; spf=pass smtp.mailfrom=list.example; dmarc=fail header.from=example.org", DMARC),
    ("dmarc=pass header.from=example.com; dmarc=fail header.from=example.org", DMARC),
    ("dmarc=fail", Doubt(DoubtKind.DMARC, domain="", result="fail")),
    ("spf=fail smtp.mailfrom=a@example.org", SPF),
    ("spf=fail smtp.helo=example.org; dkim=none", SPF),
    ("spf=fail smtp.mailfrom=@example.org; dkim=fail header.d=example.org; dmarc=none header.from=example.org", SPF),
    ("spf=hardfail smtp.mailfrom=example.org", replace(SPF, result="hardfail")),
    ("dmarc=temperror header.from=example.org; spf=fail smtp.mailfrom=example.org", SPF),
])
def test_what_makes_a_report_doubtful(results: str, doubt: Doubt) -> None:
    assert failure(results) == doubt


@for_each("results", [
    "none",
    "spf=none smtp.helo=example.org",
    "spf=softfail smtp.mailfrom=example.org",
    "spf=neutral smtp.mailfrom=example.org",
    "spf=temperror smtp.mailfrom=example.org",
    "spf=permerror smtp.mailfrom=example.org",
    "dkim=fail header.d=example.org",
    "dkim=none; spf=none; dmarc=none header.from=example.org",
    "dmarc=permerror header.from=example.org",
    "spf=fail smtp.mailfrom=example.org; dkim=pass header.d=example.net",
    "spf=fail smtp.mailfrom=example.org; spf=pass smtp.helo=example.net",
    "spf=fail smtp.mailfrom=example.org; dmarc=pass header.from=example.net",
    "arc=fail; iprev=fail policy.iprev=192.0.2.1; auth=fail",
])
def test_what_does_not(results: str) -> None:
    assert failure(results) is None


def test_a_pass_is_told_in_words_without_addresses() -> None:
    field = (
        "mx.example.com; dkim=pass header.i=@example.org header.s=s1; dkim=pass header.d=example.net;"
        "dkim=pass header.d=example.net; spf=pass smtp.mailfrom=someone@bounce.example.org; "
        "dmarc=pass header.from=example.org"
    )
    assert [passed(each) for each in told(field).passes] == [
        "signed by example.org", "signed by example.net", "sent by a server of bounce.example.org",
        "its From is that of example.org",
    ]


@for_each("value", [
    '"a b"', "<script>", "someone", "\x1b[2J.example", "a..b", "." * 300, "x" * 64 + ".example", "example.org/",
    "\u202egro.elpmaxe", '"a\\"b"',
])
def test_no_hostile_value_gets_into_words(value: str) -> None:
    shown = told(f"mx.example.com; dmarc=fail header.from=a@{value}; dkim=pass header.d=a@{value}")
    domain = "someone" if value == "someone" else "the domain that it names"
    assert shown.failure is not None
    assert said(shown.failure) == f"the mailbox's server says its From is not {domain} (dmarc=fail)"
    assert [passed(each) for each in shown.passes] == [f"signed by {domain}"]


def test_who_sends_cannot_write_results_through_what_the_server_repeats() -> None:
    """An address may hold what RFC 2047 calls an encoded word; in this field there is none."""
    sender = "=?utf-8?q?=3Bdmarc=3Dfail_header.from=3Dexample.net=3B?="
    assert told(f"mx.example.com; spf=pass smtp.mailfrom={sender}@example.org").failure is None
    hiding = "=?utf-8?q?=28?="
    assert failure(f"spf=fail smtp.mailfrom={hiding}@example.org; dmarc=fail header.from=example.org") == DMARC


# ── which fields count ──────────────────────────────────────────────────────────────────────────────────────────────

FAIL = "mx.example.com; dmarc=fail header.from=example.org"
PASS = "mx.example.com; dmarc=pass header.from=example.org"


@for_each(("fields", "ids"), [
    ((FAIL,), frozenset[str]()),
    ((), OURS),
    (("other.example; none", FAIL), OURS),
    (("spf=pass smtp.mailfrom=example.org", FAIL), OURS),
    (("mx.example.com 2; none", FAIL), OURS),
    (("mx.example.com.other.example; dmarc=fail",), OURS),
    (("other.example; dmarc=fail header.from=example.org",), OURS),
])
def test_what_another_says_or_what_stands_below_it_counts_for_nothing(
    fields: tuple[str, ...], ids: frozenset[str]
) -> None:
    assert told(*fields, ids=ids) == UNTOLD


@pytest.mark.parametrize("name", ["X-Authentication-Results", "ARC-Authentication-Results"])
def test_other_fields_are_not_believed(name: str) -> None:
    assert told(FAIL, name=name) == UNTOLD


def test_of_one_method_the_topmost_field_tells() -> None:
    assert told(FAIL, PASS).failure == DMARC
    assert told(PASS, FAIL) == Authenticity((Pass("dmarc", "example.org"),))


def test_of_other_methods_a_field_below_of_the_same_or_another_trusted_server_tells() -> None:
    assert told("mx.example.com; spf=none", FAIL).failure == DMARC
    assert told("filter.example.com; spf=none", FAIL, ids=OURS | {"filter.example.com"}).failure == DMARC
    assert told("filter.example.com; spf=none", FAIL).failure is None


def test_no_more_fields_are_read_than_a_server_writes() -> None:
    none = "mx.example.com; none"
    assert told(*[none] * (MAX_FIELDS - 1), FAIL).failure == DMARC
    assert told(*[none] * MAX_FIELDS, FAIL).failure is None


@for_each(("written", "configured"), [
    ("MX.Example.Com", "mx.example.com"),
    ("mx.example.com", "MX.EXAMPLE.COM"),
    ("mx.example.com.", "mx.example.com"),
    ("mx.bücher.example", "mx.xn--bcher-kva.example"),
    ("mx.xn--BCHER-kva.example", "mx.Bücher.example"),
    ('"mx.example.com"', "mx.example.com"),
])
def test_names_of_servers_compare_as_domains_do(written: str, configured: str) -> None:
    field = f"{written}; dmarc=fail header.from=example.org"
    assert told(field, ids=frozenset({server_key(configured)})).failure == DMARC


def test_a_folded_field_is_read() -> None:
    assert told("mx.example.com;\n\tdmarc=fail\n  (p=REJECT)\n\theader.from=example.org").failure == DMARC


def test_each_mailbox_believes_its_own_server() -> None:
    settings = AttributionSettings(authserv_ids=(("a", frozenset({"mx.a"})), ("b", frozenset({"mx.b", "f.b"}))))
    assert settings.authserv_ids_of("a") == {"mx.a"}
    assert settings.authserv_ids_of("b") == {"mx.b", "f.b"}
    assert settings.authserv_ids_of("c") == frozenset()
    assert settings.authserv_ids_of(None) == {"mx.a", "mx.b", "f.b"}
    assert AttributionSettings().authserv_ids_of(None) == frozenset()


@given(st.lists(st.binary(max_size=200), max_size=5), st.sampled_from([b"mx.example.com;", b"mx.example.com; dkim="]))
def test_it_is_total(noise: list[bytes], before: bytes) -> None:
    header = b"".join(b"Authentication-Results: " + before + each + b"\n" for each in noise)
    authenticity(parse(header + b"\n").headers, OURS)


# ── what follows ────────────────────────────────────────────────────────────────────────────────────────────────────

USER = "user@example.org"
SETTINGS = AttributionSettings(
    return_path="returns@bounces.example.com", token_keys=(b"a key for tests.",),
    headers=HeaderNames(user="X-Recipient"), dkim_keys=(DkimKey(KEY_NAME, rsa_key()[1]),),
)
NOT_GENUINE = Authenticity(failure=DMARC)
GENUINE = Authenticity((Pass("dkim", "example.org"),))


def found(
    genuine: Authenticity, *, to: str = "returns@bounces.example.com", original: bytes = b"Subject: x\n",
    evidence: Evidence = Evidence.REPORT, settings: AttributionSettings = SETTINGS,
) -> Attribution:
    message = parse(
        f"To: {to}\nContent-Type: multipart/report; boundary=b\n\n--b\n\nIt failed.\n--b\n"
        "Content-Type: text/rfc822-headers\n\n".encode() + original + b"\n--b--\n"
    )
    finding = Finding(RecipientReport(final_recipient=MailAddress(USER)), Provenance("rfc3464", "2", "words"), evidence)
    return attribute(message, finding, settings, genuine=genuine)


@pytest.mark.parametrize(("to", "original", "evidence"), [
    ("returns@bounces.example.com", b"Subject: x\n", Evidence.REPORT),
    ("returns+user=example.org@bounces.example.com", b"Subject: x\n", Evidence.VERP),
    ("returns@bounces.example.com", b"X-Recipient: user@example.org\n", Evidence.VERP),
])
def test_without_proof_a_report_that_is_not_genuine_is_doubted(to: str, original: bytes, evidence: Evidence) -> None:
    assert found(NOT_GENUINE, to=to, original=original) == Attribution(USER, Evidence.PROSE, doubt=DMARC)
    for genuine in (GENUINE, UNTOLD):  # a pass is worth no more than nothing
        assert found(genuine, to=to, original=original) == Attribution(USER, evidence)


def test_a_pass_does_not_lift_prose() -> None:
    assert found(GENUINE, evidence=Evidence.PROSE).evidence is Evidence.PROSE


@pytest.mark.parametrize(("to", "original", "evidence"), [
    (make_return_path(SETTINGS, USER), b"Subject: x\n", Evidence.TOKEN),
    ("x@example.com", b"X-BW-Token: " + make_header_token(SETTINGS, USER).encode() + b"\n", Evidence.SIGNATURE),
    ("x@example.com", signed(), Evidence.SIGNATURE),
])
def test_what_is_proven_by_us_needs_no_word_of_the_server(to: str, original: bytes, evidence: Evidence) -> None:
    attribution = found(NOT_GENUINE, to=to, original=original)
    assert (attribution.recipient, attribution.evidence, attribution.doubt) == (USER, evidence, None)


def test_a_forged_token_is_doubted_for_itself() -> None:
    foreign = replace(SETTINGS, token_keys=(b"another for them",))
    doubt = found(NOT_GENUINE, to=make_return_path(foreign, USER)).doubt
    assert doubt is not None
    assert said(doubt).startswith("the return path holds a token in our format")


def test_nothing_else_need_be_configured() -> None:
    assert found(NOT_GENUINE, settings=AttributionSettings()).doubt == DMARC
