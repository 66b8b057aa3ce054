"""DKIM signatures of ours in a header that came back: what they prove, and what they never do."""

import re
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.attribution.dkim import MAX_HEADER, is_key_record, proven_fields
from bounce_watcher.parsing.headers import Headers
from tests.attribution.signing import DOMAIN, FIELDS, KEY_NAME, MAIL, rsa_key, signed
from tests.cost import least
from tests.examples import examples
from tests.families import for_each

AGE = timedelta(days=90)
ALL = frozenset(field.lower() for field in FIELDS)


def keys(name: str) -> str | None:
    return {KEY_NAME: rsa_key()[1]}.get(name)


def proven(header: bytes, at: datetime | None = None, record: str | None = None) -> frozenset[str]:
    return proven_fields(Headers(header.rstrip(b"\n")), keys if record is None else lambda _: record, at, AGE)


@pytest.mark.parametrize("form", ["relaxed/relaxed", "simple/simple", "simple/relaxed", "relaxed/simple"])
def test_a_signature_vouches_for_its_fields_without_the_body(form: str) -> None:
    assert proven(signed(form=form)) == ALL


@for_each("form", ["relaxed/relaxed", "simple/simple"])
@for_each(("old", "new"), [
    (b"user@example.org>", b"victim@example.org>"), (b"<m1@", b"<m2@"), (b"with   blanks", b"withblanks"),
    (b"bh=", b"bh=A"), (b"; s=s1", b"; s=s2"), (b"d=example.com", b"d=example.net"),
])
def test_what_was_changed_proves_nothing(form: str, old: bytes, new: bytes) -> None:
    header = signed(form=form)
    assert old in header
    assert proven(header.replace(old, new)) == frozenset()


def test_relaxed_form_survives_what_servers_do_to_blanks() -> None:
    header = signed().replace(b"To:   Ada  Lovelace\n\t<", b"to: Ada Lovelace <").replace(b"blanks \n", b"blanks\n")
    assert proven(header) == ALL
    simple = signed(form="simple/simple").replace(b"To:   Ada", b"To: Ada")
    assert proven(simple) == frozenset()


def test_a_field_that_stands_there_twice_is_not_vouched_for() -> None:
    """The lowest is the signed one; a reader may take the other."""
    assert proven(b"To: <victim@example.org>\n" + signed()) == ALL - {"to"}


def test_a_field_that_is_not_signed_is_not_vouched_for() -> None:
    assert proven(signed(fields=("From", "Subject"))) == {"from", "subject"}


def test_an_absent_field_that_is_signed_cannot_be_added() -> None:
    header = signed(fields=(*FIELDS, "Cc"))
    assert proven(header) == ALL
    assert proven(header.replace(b"Subject:", b"Cc: victim@example.org\nSubject:")) == frozenset()


def test_a_signature_of_somebody_else_beside_ours_does_no_harm() -> None:
    header = signed(MAIL)
    theirs = re.sub(rb"d=example\.com", b"d=other.example", header.partition(b"Return-Path")[0])
    assert proven(theirs + header) == ALL


@for_each("record", [
    "", "v=DKIM1; p=", "p=AAAA", "v=DKIM2; " + rsa_key()[1][9:], rsa_key()[1] + "; t=y:s", rsa_key()[1] + "; s=tlsrpt",
    rsa_key()[1] + "; h=sha1", rsa_key()[1].replace("k=rsa", "k=ed25519"), "v=DKIM1; k=ed25519; p=AAAA", "=;;=\0",
], ids=["empty", "revoked", "broken", "version", "trial", "service", "hash", "wrong-kind", "short", "noise"])
def test_keys_that_verify_nothing(record: str) -> None:
    assert not is_key_record(record)
    assert proven(signed(), record=record) == frozenset()


def test_a_key_that_anybody_could_break_proves_nothing() -> None:
    """512 bits."""
    assert not is_key_record(
        "v=DKIM1; k=rsa; p=MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAL6GvHTTE0Y6CeWI7dLvtrMQwbtmXR9BbV9FWBMZ5XZmr2O6XtpmYSRh"
        "n4OgXmmz5hVgd3ZkVzIJCB4dJtYpR28CAwEAAQ=="
    )


def test_ed25519() -> None:
    """RFC 8463. dkimpy wants another library for it, so the few lines of signing stand here."""
    key = ed25519.Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    record = f"v=DKIM1; k=ed25519; p={b64encode(public).decode()}"
    unsigned = b"v=1; a=ed25519-sha256; c=relaxed; d=example.com; s=s1; h=from:to; bh=AAAA; b="
    hashed = (b"from:News <news@example.com>\r\nto:Ada Lovelace <user@example.org>\r\n"
              b"dkim-signature:" + unsigned)
    proof = b64encode(key.sign(sha256(hashed).digest()))
    header = b"DKIM-Signature: " + unsigned + proof + b"\n" + MAIL
    assert proven(header, record=record) == {"from", "to"}
    assert proven(header.replace(b"user@", b"victim@"), record=record) == frozenset()


def test_an_old_signature_proves_nothing_by_the_time_of_the_report() -> None:
    header = signed()
    now = datetime.now(UTC)
    assert proven(header, now + AGE - timedelta(hours=1)) == ALL
    assert proven(header, now + AGE + timedelta(hours=1)) == frozenset()


@pytest.mark.parametrize("header", [
    b"DKIM-Signature: " + b"b=" + b" " * 30_000 + b"\n" + MAIL,
    (b"DKIM-Signature: v=1; a=rsa-sha256; d=example.com; s=s1; h=" + b"from:" * 8_000 + b"; b=AAAA\n") + MAIL,
    (b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed; d=example.com; s=s1; h=from; b=" + b"AAAA" * 64 + b"\n") * 200
    + MAIL + b"X: " + b" \t" * 15_000 + b"\n",
    signed() + b"X: " + b"x" * MAX_HEADER,
])
def test_hostile_signatures_cost_next_to_nothing(header: bytes) -> None:
    assert proven(header) == frozenset()
    assert least(lambda _: proven(header), 0.1) <= 0.1


@settings(max_examples=examples(200))
@given(st.binary(max_size=200), st.integers(0, 800), st.integers(0, 40))
def test_no_header_makes_it_raise_and_no_change_of_a_signed_field_is_believed(
    noise: bytes, place: int, length: int
) -> None:
    header = signed()
    changed = header[:place] + noise + header[place + length :]
    if "to" in proven(changed):
        fields = Headers(changed.rstrip(b"\n"))
        assert "".join((fields.get("to") or "").split()) == "AdaLovelace<user@example.org>"


def test_the_domain_is_the_signature_s_own() -> None:
    asked: list[str] = []

    def ask(name: str) -> None:
        asked.append(name)

    proven_fields(Headers(signed(domain="mail.example.com")), ask, None, AGE)
    assert asked == [f"s1._domainkey.mail.{DOMAIN}"]
