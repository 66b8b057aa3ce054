"""No bytes make a parser raise."""

import encodings.aliases

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.parsing.address import find_addresses, first_address
from bounce_watcher.parsing.charset import decode, decode_transfer, decode_words
from bounce_watcher.parsing.dates import parse_date
from bounce_watcher.parsing.delivery_status import parse_delivery_status, parse_disposition
from bounce_watcher.parsing.feedback_report import parse_feedback_report
from bounce_watcher.parsing.headers import parse_content_type
from bounce_watcher.parsing.message import parse
from bounce_watcher.parsing.returned import original_headers, sent_message, split_text
from tests.families import for_each
from tests.parsing.samples import report

SCRAPS = st.sampled_from([
    b"Content-Type: multipart/report; boundary=b\n", b"Content-Type: message/rfc822\n", b"\n", b"\n\n", b"--b\n",
    b"--b--\n", b"\r", b"\r\n", b"\0", b"\xff", b": ", b"Final-Recipient: ", b"rfc822; a@example.org", b"Subject: ",
    b"Action: failed\n", b"Status: 5.1.1\n", b"Diagnostic-Code: smtp; 550\n 5.1.1", b"=?utf-8?Q?=E4?=", b"@", b"<",
    b"Content-Transfer-Encoding: base64\n", b"Received: x\n\ty", b"From a@b\n", b"charset=utf-7", b'"', b";", b"'",
    b">", b"%", b"\\x{E4}",
])
SOUP = st.lists(SCRAPS | st.binary(max_size=12), max_size=40).map(b"".join)
WORDS = SOUP.map(lambda soup: soup.decode("latin-1")) | st.text(max_size=200)


def read_all(content: bytes) -> None:
    message = parse(content)
    for name in message.headers.names():
        message.headers.get_all(name)
    for part in message.parts:
        assert part.text is not None
        assert part.inner_headers is not None
        assert part.message is not None
    sent_message(original_headers(message))


@given(SOUP)
def test_any_bytes_are_a_message(content: bytes) -> None:
    read_all(content)


@given(st.data())
def test_a_damaged_report_is_still_a_message(data: st.DataObject) -> None:
    content = bytearray(report())
    for _ in range(data.draw(st.integers(0, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    read_all(bytes(content[:cut]))


@given(WORDS)
def test_any_text_is_a_field_or_a_body(text: str) -> None:
    parse_delivery_status(text)
    parse_feedback_report(text)
    parse_disposition(text)
    parse_date(text)
    parse_content_type(text)
    decode_words(text)
    split_text(text)
    found = find_addresses(text)
    assert all("@" in address for address in found)
    address = first_address(text)
    assert address is None or address.count("@") >= 1


@given(SOUP, WORDS)
def test_any_encoding_of_any_bytes_is_text(content: bytes, label: str) -> None:
    assert isinstance(decode(content, label), str)
    assert isinstance(decode_transfer(content, label), bytes)
    for encoding in ("base64", "quoted-printable", "x-uuencode"):
        assert isinstance(decode_transfer(content, encoding), bytes)


@for_each("label", sorted({*encodings.aliases.aliases, *encodings.aliases.aliases.values()}))
def test_no_label_makes_lone_surrogates(label: str) -> None:
    """No database, no webhook and nothing that looks for phrases takes them."""
    for content in (b"+2AA-", b"\\ud800", b"\xed\xa0\x80", b"\x00\xd8\xd8\x00\x00\x00"):
        decode(content, label).encode("utf-8")
