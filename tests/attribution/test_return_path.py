import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.attribution.return_path import (
    DAY_ZERO,
    Token,
    make_header_token,
    make_return_path,
    read_header_token,
    read_return_path,
    read_token,
)
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import MAX_LOCAL_PART, address_key
from bounce_watcher.model.finding import DoubtKind
from tests.examples import examples
from tests.families import for_each

RETURNS = "returns@bounces.example.com"
KEY, OTHER_KEY = b"a key for tests.", b"another for them"
SETTINGS = AttributionSettings(return_path=RETURNS, token_keys=(KEY,))
DAY = date(2026, 11, 24)
LONG = "a.rather.long.local.part@mail.subdomain.example.org"

DOT_ATOM = re.compile(r"[a-z0-9+=_-]+(?:\.[a-z0-9+=_-]+)*")
"""RFC 5322 section 3.2.3, the characters that we allow ourselves of it."""


def read(address: str, config: AttributionSettings = SETTINGS) -> Token:
    token = read_return_path(address, config)
    assert token is not None
    return token


def test_a_token_holds_recipient_stream_sending_and_day() -> None:
    address = make_return_path(SETTINGS, "User@Example.org", "marketing", "spring-26", day=DAY)
    assert re.fullmatch(
        r"returns\+r[a-z2-7]{15}=marketing=spring-26=user=example\.org@bounces\.example\.com", address
    )
    assert read(address) == Token("user@example.org", "marketing", "spring-26", is_ours=True, day=DAY)


def test_the_format_stays_what_it_is() -> None:
    """Mail sent before an update bounces after it."""
    clear = "returns+rmb5pbwmte34scox=news=s1=user=example.org@bounces.example.com"
    short = "returns+d4nteh6c3t5yccox=news=s1=uj3oc5odm5@bounces.example.com"
    assert make_return_path(SETTINGS, "user@example.org", "news", "s1", day=DAY) == clear
    assert make_return_path(SETTINGS, LONG, "news", "s1", day=DAY) == short
    header = "r6f3xras6oaamcox=news=s1=user=example.org"
    assert make_header_token(SETTINGS, "user@example.org", "news", "s1", day=DAY) == header


@pytest.mark.parametrize("day", [DAY_ZERO, DAY_ZERO - timedelta(days=1), DAY_ZERO + timedelta(days=32_768)])
def test_a_day_out_of_range_is_refused(day: date) -> None:
    with pytest.raises(ValueError, match=f"day {day} cannot be written"):
        make_return_path(SETTINGS, "user@example.org", day=day)


@for_each(("days", "at", "has_run_out"), [
    (90, datetime(2027, 2, 22, 23, 59, tzinfo=UTC), False),
    (90, datetime(2027, 2, 23, tzinfo=UTC), True),
    (90, datetime(2027, 2, 23, 1, tzinfo=UTC).astimezone(), True),
    (90, datetime(2026, 11, 1, tzinfo=UTC), False),
    (None, datetime(2099, 1, 1, tzinfo=UTC), False),
    (3_650_000, datetime(9999, 12, 31, tzinfo=UTC), False),
])
def test_a_token_runs_out_by_the_time_of_the_report(days: int | None, at: datetime, has_run_out: bool) -> None:
    age = timedelta(days=days) if days is not None else None
    assert read(make_return_path(SETTINGS, "user@example.org", day=DAY)).has_run_out(at, age) is has_run_out


def test_a_token_that_tells_no_day_never_runs_out() -> None:
    token = read(make_return_path(SETTINGS, "user@example.org"))
    assert token.day is None
    assert not token.has_run_out(datetime(2099, 1, 1, tzinfo=UTC), timedelta(days=1))


def test_a_header_holds_the_longest_recipient_in_clear() -> None:
    recipient = f"{'l' * 64}@{'d' * 60}.{'d' * 60}.{'d' * 60}.example"
    token = read_header_token(make_header_token(SETTINGS, recipient, "news", "s1", day=DAY), (KEY,))
    assert token == Token(recipient, "news", "s1", is_ours=True, day=DAY)


def test_a_folded_header_reads_as_the_whole() -> None:
    value = make_header_token(SETTINGS, "user@example.org", "news", "s1", day=DAY)
    token = read_header_token(f" {value[:20]} {value[20:]}", (KEY,))
    assert token is not None
    assert token.is_ours


def test_a_header_proves_nothing_in_a_return_path_nor_the_reverse() -> None:
    header = make_header_token(SETTINGS, "user@example.org", day=DAY)
    path = make_return_path(SETTINGS, "user@example.org", day=DAY).partition("+")[2].partition("@")[0]
    for token in (read_token(header, (KEY,)), read_header_token(path, (KEY,))):
        assert token is not None
        assert not token.is_ours


def test_a_long_recipient_is_held_as_a_digest_that_tells_it_from_others() -> None:
    token = read(make_return_path(SETTINGS, LONG, "news", "spring-26"))
    assert (token.recipient, token.stream, token.sending, token.is_ours) == (None, "news", "spring-26", True)
    assert token.names(LONG.upper(), SETTINGS.token_keys)
    assert not token.names("user@example.org", SETTINGS.token_keys)
    assert not token.names(LONG, (OTHER_KEY,))


def test_what_an_address_may_not_hold_plainly_is_escaped() -> None:
    address = make_return_path(SETTINGS, "User+x@example.org", "a..b.", "S_1")
    assert address.partition("=")[2] == "a._2eb.=_53__1=user_2bx=example.org@bounces.example.com"
    assert read(address) == Token("user+x@example.org", "a..b.", "S_1", is_ours=True)


def test_a_server_without_plus_gets_a_hyphen() -> None:
    settings = replace(SETTINGS, delimiter="-")
    path = make_return_path(settings, "user@example.org", "news", "s1")
    assert path == make_return_path(SETTINGS, "user@example.org", "news", "s1").replace("+", "-", 1)
    for each in (settings, SETTINGS):
        token = read_return_path(path, each)
        assert token is not None
        assert token.is_ours


def test_stream_and_sending_may_be_absent() -> None:
    token = read(make_return_path(SETTINGS, "user@example.org"))
    assert (token.stream, token.sending, token.is_ours) == (None, None, True)


@pytest.mark.parametrize("rewrite", [
    str.upper,
    str.lower,
    lambda address: f"prvs=0123ab45cd={address}",
    lambda address: "SRS0=HHHH=TT=bounces.example.com=" + address.replace("@bounces.example.com", "@forwarder.example"),
    lambda address: f"  {address}\t",
])
def test_it_survives_what_servers_do_to_addresses(rewrite) -> None:  # type: ignore[no-untyped-def]  # any str to str
    address = make_return_path(SETTINGS, "user@example.org", "News", "s1")
    assert read(rewrite(address)) == Token("user@example.org", "News", "s1", is_ours=True)


@pytest.mark.parametrize("recipient", ["user@example.org", LONG])
def test_no_character_of_it_can_be_changed(recipient: str) -> None:
    address = make_return_path(SETTINGS, recipient, "news", "s1", day=DAY)
    start = address.index("+") + 1
    for place in range(start, address.index("@")):
        other = "x" if address[place] != "x" else "y"
        token = read_return_path(f"{address[:place]}{other}{address[place + 1:]}", SETTINGS)
        assert token is None or not token.is_ours


def test_a_token_of_another_key_is_not_ours_and_says_so() -> None:
    foreign = AttributionSettings(return_path=RETURNS, token_keys=(OTHER_KEY,))
    token = read(make_return_path(foreign, "user@example.org", "news", "s1"))
    assert not token.is_ours
    assert token.problem is DoubtKind.FORGED_TOKEN


def test_without_a_key_no_token_is_ours() -> None:
    token = read(make_return_path(SETTINGS, "user@example.org"), AttributionSettings(return_path=RETURNS))
    assert (token.is_ours, token.problem) == (False, DoubtKind.UNCHECKED_TOKEN)


@pytest.mark.parametrize("recipient", ["user@example.org", LONG])
def test_an_old_key_verifies_and_the_newest_signs(recipient: str) -> None:
    old = make_return_path(SETTINGS, recipient)
    rotated = AttributionSettings(return_path=RETURNS, token_keys=(OTHER_KEY, KEY))
    assert read(old, rotated).is_ours
    assert read(old, rotated).names(recipient, rotated.token_keys)
    assert not read(make_return_path(rotated, recipient)).is_ours


@for_each("address", [
    "returns@bounces.example.com",
    "returns+user=example.org@bounces.example.com",
    "returns+rttzvy7pnrthkaaa@bounces.example.com",
    "other+rttzvy7pnrthkaaa=news=s1=user=example.org@bounces.example.com",
    "returns+rttzvy7pnrthkaaa=news=s1=user=example.org@elsewhere.example",
    "", "@", "\ud800",
])
def test_what_has_not_our_form_is_no_token(address: str) -> None:
    assert read_return_path(address, SETTINGS) is None


def test_nothing_configured_reads_nothing() -> None:
    assert read_return_path(make_return_path(SETTINGS, "user@example.org"), AttributionSettings()) is None


@for_each(("config", "recipient", "ids", "words"), [
    (AttributionSettings(token_keys=(KEY,)), "user@example.org", ("", ""), "attribution.return_path is None: set"),
    (AttributionSettings(return_path="returns"), "user@example.org", ("", ""), "attribution.return_path is 'returns'"),
    (AttributionSettings(return_path=RETURNS), "user@example.org", ("", ""), "attribution.token_key is not set: give"),
    (AttributionSettings(return_path=RETURNS, token_keys=(b"short",)), "user@example.org", ("", ""), "has 5 bytes"),
    (SETTINGS, "user", ("", ""), "recipient 'user' is no address: give"),
    (SETTINGS, "@example.org", ("", ""), "is no address"),
    (SETTINGS, "user@example.org", ("news", "x" * 40), "this one is 17 too long; give shorter ids"),
])
def test_what_cannot_be_made_says_how_to_mend_it(
    config: AttributionSettings, recipient: str, ids: tuple[str, str], words: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make_return_path(config, recipient, *ids)


locals_ = st.text(st.characters(exclude_characters="@", exclude_categories=["Cs"]), min_size=1, max_size=70)
domains = st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,20}){1,3}", fullmatch=True)
ids = st.text(max_size=8)
days = st.none() | st.dates(DAY_ZERO + timedelta(days=1), date(2109, 1, 1))


@settings(max_examples=examples(300))
@given(locals_, domains, ids, ids, days)
def test_whatever_is_made_is_a_legal_address_and_reads_back(
    local: str, domain: str, stream: str, sending: str, day: date | None
) -> None:
    recipient = f"{local}@{domain}"
    try:
        address = make_return_path(SETTINGS, recipient, stream, sending, day=day)
    except ValueError as refused:
        assert "no room" in str(refused) or "no address" in str(refused)
        return
    made, _, _ = address.rpartition("@")
    assert len(made.encode()) <= MAX_LOCAL_PART
    assert DOT_ATOM.fullmatch(made)
    token = read(address.upper())
    assert token.is_ours
    assert token.names(recipient, SETTINGS.token_keys)
    assert token.recipient in {None, address_key(recipient)}
    assert (token.stream or "", token.sending or "", token.day) == (stream, sending, day)


@settings(max_examples=examples(300))
@given(locals_, domains, ids, ids, days, st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"), min_size=12))
def test_what_somebody_else_signed_is_never_ours(
    local: str, domain: str, stream: str, sending: str, day: date | None, guess: str
) -> None:
    foreign = AttributionSettings(return_path=RETURNS, token_keys=(OTHER_KEY,))
    try:
        address = make_return_path(foreign, f"{local}@{domain}", stream, sending, day=day)
    except ValueError:
        return
    start = len("returns+r")
    for forged in (address, f"{address[:start]}{guess[:12]}{address[start + 12 :]}"):
        token = read_return_path(forged, SETTINGS)
        assert token is None or not token.is_ours


@given(st.text(st.characters() | st.sampled_from("=+_-.rd27"), max_size=70))
def test_any_text_may_be_read(text: str) -> None:
    token = read_return_path(f"returns+{text}@bounces.example.com", SETTINGS)
    assert token is None or not token.is_ours
