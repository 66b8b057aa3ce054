"""Bare addresses out of address fields and prose."""

import pytest

from bounce_watcher.parsing.address import find_addresses, is_role_of_reporter, parse_address


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("rfc822; user@example.org", "user@example.org"),
        ("RFC822;User@EXAMPLE.org", "User@example.org"),
        ("rfc822;rfc822; <user@example.org>", "user@example.org"),
        ("<user@example.org>", "user@example.org"),
        ("user@example.org", "user@example.org"),
        ("rfc822; The User <user@example.org>", "user@example.org"),
        ('rfc822; "user@example.org"', "user@example.org"),
        ('rfc822; "the user"@example.org', '"the user"@example.org'),
        ('rfc822; "a (b)"@example.org', '"a (b)"@example.org'),
        ('rfc822; "ada@example.com"@example.org', '"ada@example.com"@example.org'),
        ("rfc822; user@example.org (the user)", "user@example.org"),
        ("rfc822; user@example.org.", "user@example.org"),
        ("unknown; [SMTP:user@example.org]", "user@example.org"),
        ("utf-8; gr\\x{FC}\\x{DF}e@example.org", "grüße@example.org"),
        ("utf8; grüße@exämple.org", "grüße@exämple.org"),
        ("utf-8; a\\x{110000}b@example.org", "a\ufffdb@example.org"),
        ("rfc822; user+40example.org", "user@example.org"),
        ("rfc822; user+2Btag@example.org", "user+tag@example.org"),
        ("rfc822; returns+3Dx@example.org", "returns=x@example.org"),
        ("rfc822; user+tag@example.org", "user+tag@example.org"),
        ("rfc822; o'neil@example.org", "o'neil@example.org"),
        ("rfc822; user@[192.0.2.1]", "user@[192.0.2.1]"),
        ("rfc822; user@localhost", "user@localhost"),
        ("rfc822; user@a_b.example.org", "user@a_b.example.org"),
        ("LOCAL; user@example.org", "user@example.org"),
        ("", None),
        ("rfc822;", None),
        ("rfc822; user", None),
        ("rfc822; @example.org", None),
        ("rfc822; user@", None),
        ("x400; /PN=user/S=user/G=the/", None),
        ("X-UNIX; |/usr/bin/vacation user", None),
        ("rfc822; IMCEAEX-_O=ORG_OU=X@example.org", None),
        ("rfc822; /var/mail/user@example.org", None),
    ],
)
def test_address_fields(field: str, address: str | None) -> None:
    assert parse_address(field) == address


def test_addresses_in_prose_stand_once_and_in_order() -> None:
    text = "To <b@example.org>: and a@example.org, (c@example.org); mailto:b@example.org. @home user@ a@@b"
    assert find_addresses(text) == ("b@example.org", "a@example.org", "c@example.org")
    assert find_addresses(text, limit=1) == ("b@example.org",)


def test_a_long_word_is_no_address() -> None:
    assert find_addresses("a" * 100_000 + "@example.org") == ()


def test_a_domain_of_more_octets_than_smtp_allows_is_none() -> None:
    labels = "\u4e2d" * 40
    assert find_addresses(f"a@{labels}.{labels}.example") == (f"a@{labels}.{labels}.example",)
    assert find_addresses(f"a@{labels}.{labels}.{labels}.example b@example.org") == ("b@example.org",)


def test_mail_systems_are_told_from_people() -> None:
    assert is_role_of_reporter("MAILER-DAEMON@example.org")
    assert is_role_of_reporter("postmaster@example.org")
    assert not is_role_of_reporter("user@postmaster.example.org")
