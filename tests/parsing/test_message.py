"""The MIME tree: what life does to it, and that nothing which life has not done yet can hurt."""

import base64

import pytest

from bounce_watcher.parsing.message import MAX_BODY_BYTES, MAX_PARTS, parse
from tests.cost import cpu_seconds, least
from tests.families import for_each
from tests.parsing.samples import ORIGINAL, STATUS, report

SHAPE = ["text/plain", "message/delivery-status", "message/rfc822"]


def types(content: bytes) -> list[str]:
    return [part.content_type for part in parse(content).parts]


def test_a_report_has_its_three_leaves_and_their_places() -> None:
    message = parse(report())
    assert message.content_type == "multipart/report"
    assert message.type.get("report-type") == "delivery-status"
    assert [(part.path, part.content_type) for part in message.parts] == list(zip("123", SHAPE, strict=True))
    assert message.parts[1].text == STATUS
    assert message.text == "I could not deliver your mail.\n"


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_the_tree_is_the_same_whatever_ends_a_line(line_end: bytes) -> None:
    message = parse(report().replace(b"\n", line_end))
    assert [part.content_type for part in message.parts] == SHAPE
    assert [part.text for part in message.parts] == [part.text for part in parse(report()).parts]


def test_parts_in_parts_count_as_imap_counts_them() -> None:
    content = (
        b"Content-Type: multipart/mixed; boundary=outer\n\npreamble\n"
        b"--outer\nContent-Type: multipart/alternative; boundary=outer-inner\n\n"
        b"--outer-inner\n\nplain\n--outer-inner\nContent-Type: text/html\n\n<p>rich\n--outer-inner--\n"
        b"--outer\nContent-Type: image/png\n\nx\n--outer--\nepilogue\n"
    )
    assert [(part.path, part.content_type) for part in parse(content).parts] == [
        ("1.1", "text/plain"), ("1.2", "text/html"), ("2", "image/png"),
    ]


def test_a_nested_message_is_a_leaf_that_can_be_opened() -> None:
    inner = parse(report(original=report().decode().replace("BOUND", "INNER"))).parts[-1]
    assert inner.content_type == "message/rfc822"
    assert inner.inner_headers.get("subject") == "Undelivered Mail Returned to Sender"
    assert inner.message.content_type == "multipart/report"


def test_a_part_without_header_is_plain_text() -> None:
    """Sendmail's first part begins with the empty line."""
    message = parse(b"Content-Type: multipart/report; boundary=b\n\n--b\n\nThe original message: lost\n--b--\n")
    assert message.parts[0].content_type == "text/plain"
    assert message.text == "The original message: lost"


def test_a_part_that_begins_with_prose_has_no_header() -> None:
    message = parse(b"Content-Type: multipart/mixed; boundary=b\n\n--b\nHello you\n\nthere\n--b--\n")
    assert message.text == "Hello you\n\nthere"


@pytest.mark.parametrize("boundary", ["boundary=other", "", 'boundary=""'], ids=["wrong", "absent", "empty"])
def test_a_boundary_that_is_not_told_is_guessed(boundary: str) -> None:
    content = report().replace(b'boundary="BOUND"', boundary.encode())
    assert types(content) == SHAPE


def test_a_multipart_that_cannot_be_divided_counts_as_text() -> None:
    message = parse(b"Content-Type: multipart/mixed; boundary=b\n\nSorry, no parts here.\n")
    assert message.text == "Sorry, no parts here.\n"


def test_the_last_part_runs_to_the_end_where_the_closing_line_is_missing() -> None:
    assert types(report().replace(b"--BOUND--\n", b"")) == SHAPE


@pytest.mark.parametrize("encoding", ["base64", "BASE64 ", "quoted-printable"])
def test_transfer_encodings_are_undone_on_every_leaf(encoding: str) -> None:
    encoded = base64.encodebytes(STATUS.encode()).decode() if "64" in encoding.lower() else STATUS.replace("=", "=3D")
    part = parse(report(encoded, encoding=encoding)).parts[1]
    assert part.text.strip() == STATUS.strip()


def test_a_message_without_header_is_a_body() -> None:
    message = parse(b"Hello, this mail has no header.\n\nReally.\n")
    assert message.headers.names() == ()
    assert message.text.startswith("Hello")


def test_the_line_of_an_mbox_is_no_header() -> None:
    assert parse(b"From MAILER-DAEMON Thu Jan  1 00:00:00 2026\nSubject: x\n\ny").headers.get("subject") == "x"


def test_a_header_alone_has_an_empty_body() -> None:
    message = parse(ORIGINAL.partition("\n\n")[0].encode())
    assert message.headers.get("message-id") == "<march.1@example.com>"
    assert message.text == ""


def nested(levels: int) -> bytes:
    opening = "".join(f'Content-Type: multipart/mixed; boundary="b{n}"\n\n--b{n}\n' for n in range(levels))
    return opening.encode() + b"\nhello"


HOSTILE = {
    "empty": b"",
    "NUL": b"\0" * 1_000_000,
    "1 MiB cut from a giant": report(original="x" * 2_000_000)[: 1024 * 1024],
    "10,000 parts": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nhello\n" * 10_000,
    "nesting of 1,000": nested(1_000),
    "nesting of 1,000 around 4 MB": nested(1_000) + b"\n--" * 1_300_000,
    "20 times 100 parts": b"Content-Type: multipart/mixed; boundary=a\n\n" + (
        b"--a\nContent-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100) * 20,
    "one boundary in itself": b"Content-Type: multipart/mixed; boundary=b\n\n--b\n" * 20_000,
    "8-bit header": b"Subject: \xff\xfe\xe4\nFrom: \xc3\xa4@example.org\n\nx",
    "header of 10 MB": b"Subject: " + b"x" * 10_000_000 + b"\n\nbody",
    "a million header fields": b"".join(b"X-%d: a\n" % n for n in range(1_000_000)) + b"\nbody",
    "a million folds": b"Subject: x" + b"\n " * 1_000_000,
    "blanks in a header": b"Subject:" + b" " * 1_000_000 + b"x\n\n",
    "lone CR": report().replace(b"\n", b"\r"),
    "CR only": b"\r" * 1_000_000,
    "half boundaries": b"Content-Type: multipart/mixed; boundary=b\n\n" + b"\n--bx" * 200_000,
    "encoded words": b"Subject: " + b"=?utf-8?q?a?= " * 50_000 + b"\n\n",
    "halves of encoded words": b"Subject: " + b"=?a?q?" * 50_000 + b"\n\n",
    "parameters": b"Content-Type: multipart/mixed; " + b'boundary*1*="b;' * 100_000 + b"\n\n",
    "punycode": b"Content-Type: text/plain; charset=punycode\n\n" + b"a-" * 500_000,
    "broken base64": b"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n" + b"=a*" * 500_000,
}


def test_a_byte_order_mark_in_front_of_the_header_is_skipped() -> None:
    assert parse(b"\xef\xbb\xbfFrom: user@example.org\n\nHello").headers.get("from") == "user@example.org"


@for_each("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_mail_is_read_within_bounds(content: bytes) -> None:
    assert least(lambda _: _read_all(content), 2.0) <= 2.0


def _read_all(content: bytes) -> None:
    message = parse(content)
    texts = [part.text for part in message.parts]
    _ = (message.text, [message.headers.get(name) for name in message.headers.names()[:100]])
    assert 1 <= len(message.parts) <= MAX_PARTS
    assert sum(map(len, texts)) <= len(content) + MAX_BODY_BYTES


def test_time_grows_with_size_alone() -> None:
    """Eight times the parts at eight times the depth: no more than some eight times the time."""

    def seconds(copies: int) -> float:
        content = b"".join(
            b"Content-Type: multipart/mixed; boundary=b%d\n\n" % n + b"--b%d\n\nx\n" % n * 100 for n in range(copies)
        )
        return min(cpu_seconds(lambda: parse(content)) for _ in range(5))

    assert seconds(160) < 40 * max(seconds(20), 0.0005)
