from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.attribution.rewriting import extension, extension_of_any, unwrap, verp_recipients
from tests.families import for_each

RETURNS = "returns@bounces.example.com"


@for_each(
    ("address", "inner"),
    [
        ("prvs=0123ab45cd=user@example.com", "user@example.com"),
        ("PRVS=0123AB45CD=User@example.com", "User@example.com"),
        ("btv1==0123ab45cdef==user@example.com", "user@example.com"),
        ("SRS0=HHHH=TT=example.com=user@forwarder.example", "user@example.com"),
        ("srs0+hhhh=tt=example.com=user@forwarder.example", "user@example.com"),
        ("SRS0=HHHH=TT=example.com=user+tag=x@forwarder.example", "user+tag=x@example.com"),
        ("SRS1=GGGG=first.example==HHHH=TT=example.com=user@second.example", "user@example.com"),
        ("SRS0=HHHH=TT=example.com=prvs=0123ab45cd=user@forwarder.example", "user@example.com"),
        ("prvs=0123ab45cd=SRS0=HHHH=TT=example.com=user@forwarder.example", "user@example.com"),
        ("prvs=user@example.com", "prvs=user@example.com"),
        ("SRS0=HHHH=TT@forwarder.example", "SRS0=HHHH=TT@forwarder.example"),
        ("user@example.com", "user@example.com"),
        ("", ""),
    ],
)
def test_batv_and_srs_are_taken_off(address: str, inner: str) -> None:
    assert unwrap(address) == inner


@for_each(
    ("address", "added"),
    [
        ("returns+x@bounces.example.com", "x"),
        ("Returns+X@Bounces.Example.COM", "X"),
        ("returns-x@bounces.example.com", "x"),
        ("returns+a+b@bounces.example.com", "a+b"),
        ("returns@bounces.example.com", None),
        ("returns+@bounces.example.com", None),
        ("returnsx@bounces.example.com", None),
        ("returns+x@example.com", None),
        ("returns+x", None),
        ("", None),
    ],
)
def test_an_extension_is_what_stands_behind_our_own_address(address: str, added: str | None) -> None:
    assert extension(address, RETURNS) == added


@for_each(("address", "pattern", "added"), [
    ("news-bounces+user=example.org@lists.example.com", "*-bounces@lists.example.com", "user=example.org"),
    ("News-Bounces-user=example.org@LISTS.example.com", "*-bounces@lists.example.com", "user=example.org"),
    ("a-bounces+b-bounces+x=y.example@lists.example.com", "*-bounces@lists.example.com", "b-bounces+x=y.example"),
    ("-bounces+user=example.org@lists.example.com", "*-bounces@lists.example.com", None),
    ("news-bounces@lists.example.com", "*-bounces@lists.example.com", None),
    ("news-bounces+user=example.org@lists.example.net", "*-bounces@lists.example.com", None),
    ("news-owner+user=example.org@lists.example.com", "*-bounces@lists.example.com", None),
    ("bounce+user==a==example.org==news@example.com", "bounce@example.com", "user==a==example.org==news"),
    ("xbounce+user==a==example.org==news@example.com", "bounce@example.com", None),
])
def test_a_star_stands_for_the_name_of_any_list(address: str, pattern: str, added: str | None) -> None:
    assert extension_of_any(address, pattern) == added


@for_each(
    ("added", "recipients"),
    [
        ("user=example.org", ["user@example.org"]),
        ("user+tag=example.org", ["user+tag@example.org"]),
        ("a=b=example.org", ["a=b@example.org"]),
        ("=user=example.org", ["=user@example.org"]),
        ("=?utf-8?q?user?==example.org", ["=?utf-8?q?user?=@example.org"]),
        ("user==a==example.org", ["user==a=@example.org", "user@example.org"]),
        ("user==a==example.org==news", ["user@example.org"]),
        ("user==a==example.org==x=evil.example", ["user==a==example.org==x@evil.example", "user@example.org"]),
        ("bounce", []),
        ("user=localhost", []),
        ("=example.org", []),
        ("us er=example.org", []),
        ("user=exa_mple..org", []),
    ],
)
def test_plain_verp_names_its_recipient_in_each_reading(added: str, recipients: list[str]) -> None:
    assert list(verp_recipients(added)) == recipients


@given(st.text(st.characters() | st.sampled_from("=+-@.srsprvs01"), max_size=200))
def test_any_text_may_be_given(text: str) -> None:
    unwrap(text)
    verp_recipients(text)
    extension(text, RETURNS)
    extension_of_any(text, f"*-{RETURNS}")
