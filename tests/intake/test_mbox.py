import io
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.intake.files import LINE, split_mbox

HEADER = b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n"


def _lines(content: bytes) -> Iterator[bytes]:
    stream = io.BytesIO(content)
    return iter(lambda: stream.readline(LINE), b"")


def _contents(content: bytes, cap: int = 10**6) -> list[bytes]:
    return [piece.content for piece in split_mbox(_lines(content), cap)]


def test_messages_end_before_the_blank_line_of_the_next() -> None:
    assert _contents(HEADER + b"Subject: a\n\nx\n\n" + HEADER + b"Subject: b\n\ny\n\n") == [
        b"Subject: a\n\nx\n", b"Subject: b\n\ny\n"
    ]


def test_offsets_lead_to_each_message_again() -> None:
    content = HEADER + b"Subject: a\n\nx\n\n" + HEADER + b"Subject: b\n\ny\n\n" + HEADER + b"z"
    for piece in split_mbox(_lines(content), 100):
        assert next(split_mbox(_lines(content[piece.offset :]), 100)).content == piece.content


@pytest.mark.parametrize("line", [
    b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n",
    b"From user@example.org Mon Jan  5 10:00 2026\r\n",
    b"From - Mon Jan  5 10:00:00 2026\n",
    b"From MAILER-DAEMON\n",
])
def test_what_separates(line: bytes) -> None:
    assert len(_contents(HEADER + b"\nx\n\n" + line + b"Subject: b\n\ny\n")) == 2


@pytest.mark.parametrize("text", [
    b"x\nFrom MAILER-DAEMON Mon Jan  5 10:00:00 2026\n",  # no blank line before it
    b"\nFrom here on there is nothing to be done\n",
    b"\n>From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n",
    b"\n From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n",
])
def test_what_does_not_separate(text: bytes) -> None:
    assert len(_contents(HEADER + b"Subject: a\n\n" + text)) == 1


def test_quoting_is_undone_by_one_level() -> None:
    assert _contents(HEADER + b"\n>From me\n>>From you\n> From\n>From") == [b"\nFrom me\n>From you\n> From\n>From"]


def test_a_message_is_cut_at_the_cap_and_its_size_is_told() -> None:
    pieces = list(split_mbox(_lines(HEADER + b"0123456789\n" * 10 + b"\n" + HEADER + b"b\n"), 25))
    assert [(piece.content, piece.size) for piece in pieces] == [(b"0123456789\n0123456789\n012", 110), (b"b\n", 2)]


def test_a_line_longer_than_the_buffer_is_one_line() -> None:
    text = b"x" * (LINE - 1) + b"From MAILER-DAEMON Mon Jan  5 10:00:00 2026\n"
    [content] = _contents(HEADER + b"\n" + text)
    assert content == b"\n" + text


def test_carriage_returns_at_the_line_ends() -> None:
    text = (HEADER + b"Subject: a\n\nx\n\n" + HEADER + b"Subject: b\n\n").replace(b"\n", b"\r\n")
    assert _contents(text) == [b"Subject: a\r\n\r\nx\r\n", b"Subject: b\r\n"]


@given(st.lists(st.lists(st.sampled_from([b"", b"x", b"From me", b">From you", b"From a 10:00", b"Subject: y"]))))
def test_what_a_writer_quotes_comes_back(bodies: list[list[bytes]]) -> None:
    """The rd variant: a quoting mark before every line that begins with any number of them and "From "."""
    contents = [b"".join(line + b"\n" for line in [b"Subject: a", b"", *body]) for body in bodies]
    box = b""
    for content in contents:
        quoted = [b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in content.splitlines(True)]
        box += HEADER + b"".join(quoted) + b"\n"
    assert _contents(box) == contents
