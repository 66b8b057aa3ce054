"""How addresses compare."""


from bounce_watcher.model.address import address_key
from tests.families import for_each


@for_each(("one", "other"), [
    ("User@example.org", "uSER@EXAMPLE.org"),
    ("user@example.org.", "user@example.org"),
    (" user@example.org ", "user@example.org"),
    ("user@Bücher.example", "user@xn--bcher-kva.example"),
    ("user@STRAßE.example", "user@xn--strae-oqa.example"),
    ("user@☃.example", "user@xn--n3h.example"),
])
def test_one_mailbox(one: str, other: str) -> None:
    assert address_key(one) == address_key(other)


@for_each(("one", "other"), [
    ("user+news@example.org", "user@example.org"),
    ("us.er@gmail.com", "user@gmail.com"),
    ("user@mail.example.org", "user@example.org"),
    ("user@bücher.example", "user@bucher.example"),
    ("user@straße.example", "user@strasse.example"),
    ("straße@example.org", "strasse@example.org"),
    ("ſmith@example.org", "smith@example.org"),
    ("oﬃce@example.org", "office@example.org"),
    ("MÜLLER@example.org", "müller@example.org"),
    ("user@b\N{IDEOGRAPHIC FULL STOP}example", "user@b.example"),
])
def test_different_mailboxes(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


@for_each("address", ["", "@", "user", "user@", "@example.org", "user@..", f"user@{'ü' * 300}.example"])
def test_anything_may_be_asked_for(address: str) -> None:
    assert address_key(address_key(address)) == address_key(address)
