"""one_line: what may stand in a log."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.outbox.http.exchange import MAX_LINE, one_line
from tests.families import for_each


@for_each(
    ("text", "line"),
    [
        ("a\r\nb\t c\x00d", "a b c d"),
        ("no user jane.doe@example.org here", "no user …@example.org here"),
        ("<jane@example.org>: gone", "<…@example.org>: gone"),
        ("bad key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw!", "bad key whsec_…!"),
        ("bad key whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc=.", "bad key whsk_…."),
        ("see https://me:pw@host.example/a?token=1#x now", "see https://…@host.example/a?… now"),
        ('"https://host.example/a#frag"', '"https://host.example/a?…"'),
        ("HTTP 500", "HTTP 500"),
    ],
)
def test_secrets_and_people_are_masked(text: str, line: str) -> None:
    assert one_line(text) == line


def test_a_long_text_is_cut() -> None:
    cut = one_line("x" * 1_000_000)
    assert len(cut) == MAX_LINE
    assert cut.endswith("…")


@given(st.text(max_size=2000))
def test_it_is_always_one_short_line(text: str) -> None:
    line = one_line(text)
    assert len(line) <= MAX_LINE
    assert len(line.splitlines()) <= 1
