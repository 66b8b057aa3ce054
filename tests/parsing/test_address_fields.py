"""Mailboxes in fields whose address decides something: read strictly, or not at all."""


from bounce_watcher.parsing.address_fields import (
    is_unreadable,
    only_address,
    read_addresses,
    read_recipient,
    without_xtext,
)
from tests.families import for_each


@for_each(
    ("field", "address"),
    [
        ("rfc822; user@example.org", "user@example.org"),
        ("RFC822;User@EXAMPLE.org", "User@example.org"),
        ("rfc/822;user@example.org", "user@example.org"),
        ("rfc822;rfc822; <user@example.org>", "user@example.org"),
        ("<user@example.org>", "user@example.org"),
        ("user@example.org", "user@example.org"),
        ("rfc822; The User <user@example.org>", "user@example.org"),
        ('rfc822; "user@example.org"', "user@example.org"),
        ('rfc822; "the user"@example.org', '"the user"@example.org'),
        ('rfc822; "the  user"@example.org', '"the  user"@example.org'),
        ('rfc822; "a (b)"@example.org', '"a (b)"@example.org'),
        ('rfc822; "ada@example.com"@example.org', '"ada@example.com"@example.org'),
        ("rfc822; user@example.org (the user)", "user@example.org"),
        ("rfc822; user@example.org.", "user@example.org"),
        ("unknown; [SMTP:user@example.org]", "user@example.org"),
        ("rfc822;@relay.example.net:user@example.org", "user@example.org"),
        ("utf-8; gr\\x{FC}\\x{DF}e@example.org", "grüße@example.org"),
        ("utf8; grüße@exämple.org", "grüße@exämple.org"),
        ('utf-8; "a\\x{5C}\\x{22}b"@example.org', '"a\\"b"@example.org'),
        ("rfc822; user+40example.org", "user@example.org"),
        ("rfc822; user+2Btag@example.org", "user+2Btag@example.org"),
        ("rfc822; user+tag@example.org", "user+tag@example.org"),
        ("rfc822; o'neil@example.org", "o'neil@example.org"),
        ("rfc822; user@[192.0.2.1]", "user@[192.0.2.1]"),
        ("rfc822; user@localhost", "user@localhost"),
        ("rfc822; user@a_b.example.org", "user@a_b.example.org"),
        ("LOCAL; user@example.org", "user@example.org"),
        ("rfc822; a..b.@example.org", "a..b.@example.org"),
        *((f"rfc822; {sign}ceo@corp.example", f"{sign}ceo@corp.example") for sign in "=*'`|{}/!#$%&^_~-?+"),
        *((f"rfc822; {start}ceo@corp.example", f"{start}ceo@corp.example") for start in ("x|", "x{", "smtp=", "/a/")),
        ("rfc822; =?utf-8?q?ceo?=@corp.example", "=?utf-8?q?ceo?=@corp.example"),
    ],
)
def test_a_field_names_the_mailbox_that_it_holds(field: str, address: str) -> None:
    assert read_recipient(field) == address
    assert not is_unreadable(field)


@for_each(
    "field",
    [
        "rfc822; the user@example.org", "rfc822; user@example.org>", "rfc822; user@example.org was unknown",
        "rfc822; user@example.org, other@example.org", "rfc822; user@",
        "rfc822; user@example..org", "rfc822; user@-example.org", "rfc822; user@example.org\nmore",
        'rfc822; "the user@example.org', "utf-8; a\\x{110000}b@example.org", "rfc822;  ceo@corp.example",
        "rfc822; ceo@corp。example", "rfc822; ceo@Korp.example", "rfc822; ceo@(x)corp.example",
        f"rfc822; {'a' * 65}@example.org", f"rfc822; {'a' * 3000}@example.org", "rfc822; ceo@ﬀ.example",
    ],
)
def test_a_field_that_is_no_mailbox_names_nobody_and_is_called_unreadable(field: str) -> None:
    assert read_recipient(field) is None
    assert is_unreadable(field)


@for_each(
    "field",
    [
        "", "rfc822;", "rfc822; user", "rfc822; @example.org", "x400; /PN=user/S=user/G=the/",
        "X-UNIX; |/usr/bin/vacation user",
        "rfc822;|/usr/bin/vacation user@example.org -x", "rfc822; IMCEAEX-_O=ORG_OU=X@example.org",
        "x-notes; CN=Ada/O=Example@Example",
    ],
)
def test_a_field_of_something_else_than_mail_names_nobody_and_hides_nobody(field: str) -> None:
    assert read_recipient(field) is None
    assert not is_unreadable(field)


@for_each(
    ("text", "found"),
    [
        ("user@example.org", "user@example.org"),
        ("Ada Q. Example <ada@example.org>", "ada@example.org"),
        ('"Example, Ada" <ada@example.org>', "ada@example.org"),
        ("(c) ada@example.org (d)", "ada@example.org"),
        ("<@relay.example,@other.example:ada@example.org>", "ada@example.org"),
        ('"ceo@victim.example" <=@evil.example>', "=@evil.example"),
        ("=?utf-8?q?ceo=40victim.example?= <x@evil.example>", "x@evil.example"),
        ("=?UTF-8?B?YWRhQGV4YW1wbGUub3Jn?=", "ada@example.org"),
        ('"a\\" <ceo@victim.example>" <x@evil.example>', "x@evil.example"),
        ("ceo@victim.example, /x@evil.example", None),
        ("ceo@victim.example, IMCEAEX-x@evil.example", None),
        ("ceo@victim.example, x@_sub.evil.example", None),
        ("ceo@victim.example <x@evil.example>", None),
        ("ceo@victim.example (x@evil.example), y@evil.example", None),
        ("ceo@victim.example, <x@evil.example", None),
        ("friends: ceo@victim.example;", None),
        ("undisclosed-recipients:;", None),
        ("ceo @victim.example", None),
        ("<<ceo@victim.example>>", None),
        ("ceo@victim.example ceo@victim.example", None),
        ("", None),
    ],
)
def test_a_list_names_somebody_alone_only_where_it_is_one_mailbox(text: str, found: str | None) -> None:
    assert only_address(text) == found


def test_a_list_keeps_the_place_of_what_is_no_mailbox() -> None:
    assert read_addresses("a@example.org, nobody,, <b@example.org>") == ("a@example.org", None, "b@example.org")
    assert read_addresses('a@example.org, "b') is None
    assert read_addresses("a@example.org," * 10_000) is None


def test_xtext_is_decoded_for_whoever_has_a_proof() -> None:
    assert without_xtext("user+2Btag@example.org") == "user+tag@example.org"
    assert without_xtext("user+tag@example.org") is None
    assert without_xtext("user+20x@example.org") is None
