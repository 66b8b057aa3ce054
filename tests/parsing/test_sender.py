"""Who wrote a message: one mailbox, or nobody."""


from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.returned import only_addressee
from tests.families import for_each


def sender(*fields: str) -> str | None:
    return only_addressee(Headers("".join(f"From: {each}\n" for each in fields).encode()), "from")


@for_each(("field", "address"), [
    ("user@example.org", "user@example.org"),
    ("The User <User@Example.ORG>", "User@example.org"),
    ("J. R. User <user@example.org> (at work)", "user@example.org"),
    ('"User, The" <user@example.org>', "user@example.org"),
    ("user@example.org <user@example.org>", "user@example.org"),
    ('"the user"@example.org', '"the user"@example.org'),
    ("=?utf-8?q?J=C3=B6rg?=\n <joerg@example.org>", "joerg@example.org"),
    ("jörg@bücher.example", "jörg@bücher.example"),
])
def test_the_one_mailbox_is_read(field: str, address: str) -> None:
    assert sender(field) == address


@for_each(("field", "address"), [
    ('"ceo@example.org" <other@example.com>', "other@example.com"),
    ('"x <ceo@example.org>" <other@example.com>', "other@example.com"),
    ("=?utf-8?q?=3Cceo=40example=2Eorg=3E?= <other@example.com>", "other@example.com"),
    ("=ceo@example.org", "=ceo@example.org"),
    ("ceo@example.org <other@example.com>", None),
    ("ceo@example.org, other@example.com", None),
    ("<ceo@example.org> <other@example.com>", None),
    ("ceo(x)@example.org", None), ("ceo@example.org other", None), ("ceo@", None),
    ("undisclosed-recipients:;", None), ("", None),
    (f"{'a' * 65}@example.org", None), (f"a@{'b.' * 130}org", None),
    (f"{'x' * 70_000} <ceo@example.org>", None),
])
def test_what_is_hidden_in_a_name_is_no_address(field: str, address: str | None) -> None:
    assert sender(field) == address


def test_several_fields_name_nobody() -> None:
    assert sender("ceo@example.org", "other@example.com") is None
    assert only_addressee(Headers(b"Subject: x\n"), "from") is None
