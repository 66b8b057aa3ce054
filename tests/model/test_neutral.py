"""Whatever a stranger wrote is harmless in each place that it goes to."""

import csv
import io
import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bounce_watcher.model.neutral import (
    LONGEST_IN_CHAT,
    LONGEST_LABEL,
    for_chat,
    for_csv,
    for_json,
    for_label,
    for_log,
    for_page,
    for_terminal,
    from_csv,
    is_unsafe,
    without_addresses,
)
from tests.cost import least
from tests.families import for_each

HOSTILE = (
    "\x1b]52;c;x\x07", "\x9b31m", "\u202egnp.exe", "zero\u200bwidth", "\u2066a\u2069", "a\u2028b", "\ud800",
    "\U000e0041",    "[click](https://evil.example/?x)", "https://evil.example", "www.evil.example", "<https://evil.example|here>",
    "@everyone @here <!channel> <@U123>", "<a href='//evil.example'>x</a>", "![x](//evil.example/p.png)", "a\r\nb",
    "\u202e](//evil.example)", "[a]: http://evil.example", "=cmd|'/c calc'!A0@example.org", "''=1", "\\u{202E}", "\\u{",
    "\t=1", " =1", "\u00a0=1", "'", "mailto:x@evil.example", "javascript:alert(1)", "evil.example/path",
    "`x` *b* _i_ ~s~ |t|", "\x00", "\x7f", "e" + "\u0301" * 7,
)
TEXTS = st.one_of(st.text(), st.lists(st.sampled_from(HOSTILE)).map("".join),
                  st.text("[](){}<>@:/.\\\"'=+-*_`~#|&!?\u202e\x1b\r\n ahtpsw1"))
ATEXT = "abcXYZ019!#$%&'*+-/=?^_`{|}~"
DOT_STRINGS = st.lists(st.text(ATEXT + "äß漢", min_size=1, max_size=12), min_size=1, max_size=4).map(".".join)
QUOTED_STRINGS = st.text(st.characters(codec="utf-8", min_codepoint=32, exclude_characters='"\\\x7f'), max_size=20).map(
    lambda text: f'"{text}"') | st.sampled_from(['"a b"', '"a\\"b"', '"\\\\u{202E}"', '"a;=b,c"', '"\\\\"', '"@"'])
ADDRESSES = st.builds("{}@{}".format, DOT_STRINGS | QUOTED_STRINGS,
                      st.sampled_from(["example.org", "corp.example", "bücher.example", "[192.0.2.1]"]))
"""Valid ones, the odd among them: RFC 5321 section 4.1.2, RFC 6531."""


def unsafe(text: str, but: str = "") -> list[str]:
    return [character for character in text if is_unsafe(character) and character not in but]


@for_each(("place", "keeps"), [
    (for_terminal, ""), (for_page, "\t\n"), (for_csv, ""), (for_chat, ""), (for_log, ""), (for_label, ""),
], ids=lambda value: getattr(value, "__name__", ""))
def test_no_place_gets_what_repaints_reorders_or_hides(place: object, keeps: str) -> None:
    assert callable(place)

    @given(TEXTS)
    def holds(text: str) -> None:
        assert unsafe(place(text), keeps) == []

    holds()


# ── CSV ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

@given(TEXTS)
@example("''=1").via("what was marked already")
@example("\\u{5C}u{").via("what was escaped already")
def test_any_text_comes_back_out_of_a_csv_file(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([for_csv(text)])
    ((cell,),) = csv.reader(io.StringIO(file.getvalue(), newline=""))
    assert not re.match(r"\s*[=+\-@＝＋－＠]", cell), "a spreadsheet would calculate it"
    assert from_csv(cell) == text


@given(ADDRESSES)
@example("=ceo@corp.example")
@example("+x@example.org")
@example("'=ceo@corp.example")
@example("'ceo@corp.example")
@example("=cmd|'/c calc'!A0@example.org")
def test_any_address_comes_back_out_of_a_csv_file(address: str) -> None:
    assert from_csv(for_csv(address)) == address
    assert for_csv(address).lstrip("' ")[:1] == address.lstrip("' ")[:1], "nothing else stands before it"


@pytest.mark.parametrize("address", ["'ceo@corp.example", "''ceo@corp.example", "ceo@corp.example", "=ceo@corp.example",
                                     '"\\u{61}"@x.example'])
def test_an_address_in_a_file_of_another_program_stays_itself(address: str) -> None:
    """Whose bounce list holds 'ceo@… must not stop mail to ceo@…."""
    assert from_csv(address) == address


# ── chat and mail ───────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize("names_hosts", [False, True])
def test_nothing_in_a_chat_is_a_link_a_call_or_markup(names_hosts: bool) -> None:
    commonmark = MarkdownIt("commonmark")

    @given(TEXTS)
    def holds(text: str) -> None:
        line = for_chat(text, names_hosts=names_hosts)
        assert not set(line.replace("[.]", "").replace("[:]", "")) & set("@<>&[]*_`~|\\#\r\n")
        assert "](" not in line
        assert "://" not in line
        assert not re.search(r"(?i)www\.|\.[a-z]{2,}/|(?:mailto|javascript|tel|data):", line)
        assert names_hosts or not re.search(r"\w\.[^\W\d_]{2}", line)
        assert len(line) <= 3 * LONGEST_IN_CHAT
        framed = f"RAISED: {line}"  # where it stands in a message
        html = commonmark.render(framed)
        assert set(re.findall(r"<\s*(\w+)", html)) <= {"p"}, html

    holds()


def test_an_ordinary_reply_can_still_be_read() -> None:
    said = "550-5.1.1 The email account that you tried to reach (mx1) does not exist; 3 of 40, 12:30 UTC"
    assert for_chat(said) == said
    assert for_chat("see https://evil.example/a") == "see https[:]//evil[.]example/a"
    assert for_chat("40 hard bounces of example.net", names_hosts=True) == "40 hard bounces of example.net"


# ── logs and labels ─────────────────────────────────────────────────────────────────────────────────────────────────

@given(TEXTS)
def test_a_log_line_is_one_line(text: str) -> None:
    assert len(for_log(text).splitlines()) <= 1


@given(st.text(max_size=1000))
def test_a_label_is_short(text: str) -> None:
    assert len(for_label(text)) <= LONGEST_LABEL
    assert len(for_label(text).splitlines()) <= 1


def masked(text: str) -> str:
    return without_addresses(text, lambda _, domain: f"…@{domain}")


@for_each(("text", "shown"), [
    ("to <user@example.org>: no", "to <…@example.org>: no"),
    ('to "jo doe"@example.org now', "to …@example.org now"),
    ('to "a\\"b@c"@example.org', "to …@example.org"),
    ("from news+user=example.org@lists.example.com", "from …@lists.example.com"),
    ("prvs=0123abc=user@example.org", "…@example.org"),
    ("user%example.org@relay.example", "…@relay.example"),
    ("https://x.example/unsubscribe?a=user%40example.org", "https:…@example.org"),
    ("rfc822;user@example.org.", "rfc822;…@example.org."),
    ("jürgen@bücher.example ü", "…@bücher.example ü"),
    ("用户@例子.测试", "…@例子.测试"),
    ("user@localhost user@[192.0.2.1]", "…@localhost …@[192.0.2.1]"),
    ("'user@example.org' is no address", "'…@example.org' is no address"),
    ("o'brien@example.org", "…@example.org"),
    ("<@relay.example:user@example.org>", "<@relay.example:…@example.org>"),
    ("x" * 400 + "@example.org", "…@example.org"),
    ("a/b{c}|d!e@example.org", "…@example.org"),
    ("no address: 5 @ 3", "no address: 5 @ 3"),
])
def test_no_form_of_an_address_is_shown(text: str, shown: str) -> None:
    assert masked(text) == shown


@given(ADDRESSES, st.sampled_from(["<{}>", "to {} now", "{}", "rfc822;{}", "={}", "({})", "'{}'", 'said "x" {}']))
def test_no_local_part_is_shown(address: str, around: str) -> None:
    local = address.rpartition("@")[0]
    assert f"{local}@" not in masked(around.format(address))
    if len(local) > 8:
        assert local not in masked(around.format(address)).replace("…", "")


@for_each("piece", ["a", '"', '"a', "a%40", "a@", "'", "%40", '"\\', "a.", "@"])
def test_masking_takes_time_in_proportion_to_the_text(piece: str) -> None:
    """Twenty times as much takes not much more than twenty times as long: quadratic would be four hundred times."""
    def taken(length: int, enough: float = 0) -> float:
        text = piece * (length // len(piece))
        return least(lambda _: masked(text), enough)

    most = 100 * max(taken(10_000), 0.02)
    assert taken(200_000, most / 2) < most


def test_json_holds_no_control_characters() -> None:
    assert for_json('{"a": "\x7f"}') == '{"a": "\\u007f"}'
