"""Addresses in text for people."""


from bounce_watcher.parsing.address import find_addresses, first_address, is_role_of_reporter
from tests.families import for_each


@for_each(
    ("text", "address"),
    [
        ("Ada Example <ada@example.org>", "ada@example.org"),
        ("rfc822;rfc822; <user@example.org>", "user@example.org"),
        ("The User (of old) user@example.org", "user@example.org"),
        ("=user@example.org", "=user@example.org"),
        ("<smtp=user@example.org>", "smtp=user@example.org"),
        ('"the user"@example.org', '"the user"@example.org'),
        ("user@example.orgさん", "user@example.org"),
        ("user+40example.org", "user@example.org"),
        ("user", None),
        ("", None),
    ],
)
def test_the_first_address_of_a_text(text: str, address: str | None) -> None:
    assert first_address(text) == address


@for_each(
    ("text", "address"),
    [
        ("the user 'ada@example.org' is unknown", "ada@example.org"),
        ("`ada@example.org' is unknown", "ada@example.org"),
        ("**ada@example.org**", "ada@example.org"),
        ("|ada@example.org|", "ada@example.org"),
        ("{ada@example.org}", "ada@example.org"),
        ("'ada@example.org is unknown", "'ada@example.org"),
        ("*ada@example.org is unknown", "*ada@example.org"),
        ("=ada@example.org is unknown", "=ada@example.org"),
        ("x|ada@example.org x{ada@example.org", "x|ada@example.org"),
        ("คน@ไทย.ไทย", "คน@ไทย.ไทย"),
    ],
)
def test_what_a_local_part_may_hold_is_taken_off_only_where_it_encloses_the_address(text: str, address: str) -> None:
    assert find_addresses(text)[0] == address


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
