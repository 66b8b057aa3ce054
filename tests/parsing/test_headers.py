"""Header fields, charsets, transfer encodings."""


from bounce_watcher.parsing.charset import decode, decode_transfer, decode_words, one_line, read_octal
from bounce_watcher.parsing.headers import MAX_HEADER_BYTES, Headers, parse_content_type
from tests.families import for_each


def test_names_compare_without_case_and_values_are_unfolded() -> None:
    headers = Headers(b"SUBJECT: one\n\ttwo\n   three\nX-A : padded \nx-a: again")
    assert headers.get("Subject") == "one two three"
    assert headers.get_all("X-A") == ("padded", "again")
    assert "x-A" in headers
    assert "x-b" not in headers
    assert headers.get("x-b") is None
    assert headers.names() == ("subject", "x-a")


@for_each(
    ("raw", "told"),
    [
        (b"=?utf-8?Q?Gel=C3=B6scht?=", "Gelöscht"),
        (b"=?iso-2022-jp?B?GyRCJDMkcxsoQg==?=", "こん"),
        (b"=?utf-8?B?w6Q=?=\n =?utf-8?B?w7Y=?= end", "äö end"),
        (b"=?no-such-charset?Q?abc?=", "abc"),
        (b"=?utf-8?B?broken", "=?utf-8?B?broken"),
        (b"=?utf-8?B?====?=", ""),
        ("grüße".encode(), "grüße"),
        ("grüße".encode("latin-1"), "grüße"),
    ],
)
def test_values_are_readable(raw: bytes, told: str) -> None:
    assert Headers(b"Subject: " + raw).get("subject") == told


def test_lines_that_are_no_fields_are_passed_over() -> None:
    headers = Headers(b"Subject: x\ngarbage in between\nTo: y")
    assert headers.get("subject") == "x"
    assert headers.get("to") == "y"


def test_the_cap_on_a_block_is_far_above_what_mail_needs() -> None:
    assert MAX_HEADER_BYTES >= 64 * 1024


@for_each(
    ("text", "value", "parameters"),
    [
        ("text/plain", "text/plain", {}),
        ('TEXT/Plain; Charset="utf-8"', "text/plain", {"charset": "utf-8"}),
        ("multipart/report; boundary=a=b/c; report-type=delivery-status", "multipart/report",
         {"boundary": "a=b/c", "report-type": "delivery-status"}),
        (r'multipart/mixed; boundary="a\"b"', "multipart/mixed", {"boundary": 'a"b'}),
        ('multipart/mixed; boundary="never closed', "multipart/mixed", {"boundary": "never closed"}),
        ("multipart/mixed;boundary=x;boundary=y", "multipart/mixed", {"boundary": "x"}),
        ('text/plain charset="iso-2022-jp"', "text/plain", {"charset": "iso-2022-jp"}),
        ("a/b; name*=utf-8''%C3%A4.txt", "a/b", {"name": "ä.txt"}),
        ("a/b; name*0=one; name*1=two", "a/b", {"name": "onetwo"}),
        ("", "text/plain", {}),
        (";;;", "text/plain", {}),
        ("text/plain (a comment)", "text/plain", {}),
    ],
)
def test_content_types(text: str, value: str, parameters: dict[str, str]) -> None:
    found = parse_content_type(text)
    assert (found.value, found.parameters) == (value, parameters)


@for_each(
    ("content", "charset", "told"),
    [
        (b"abc", None, "abc"),
        ("ä".encode(), None, "ä"),
        ("ä".encode(), "us-ascii", "ä"),
        ("ä".encode("latin-1"), "utf-8", "ä"),
        ("退信".encode("gbk"), "gb2312", "退信"),
        (b"+AOQ-", "utf-7", "ä"),
        (b"\xe4", "x-unknown", "ä"),
        (b"abc", "../../etc/passwd", "abc"),
        (b"abc", "hex", "abc"),
        (b"a-b", "punycode", "a-b"),
        (b"\xff", "\0", "ÿ"),
    ],
)
def test_any_charset_gives_text(content: bytes, charset: str | None, told: str) -> None:
    assert decode(content, charset) == told


def test_words_without_marks_are_left_alone() -> None:
    assert decode_words("a = b ? c") == "a = b ? c"


def test_blanks_of_every_script_are_one_blank() -> None:
    assert one_line(" a\t\u3000b\u00a0\r\n c ") == "a b c"


@for_each(
    ("encoding", "body", "told"),
    [
        (None, b"as is", b"as is"),
        ("8bit", b"as is", b"as is"),
        ("x-unheard-of", b"as is", b"as is"),
        ("base64", b"aGVsbG8=", b"hello"),
        ("base64", b"aGVs\nbG8=\n", b"hello"),
        ("base64", b"aGVsb", b"hel"),
        ("base64", b"aGVsbG8=\n-- a list's footer", b"hello"),
        ("Quoted-Printable", b"a=3Db=\nc", b"a=bc"),
        ("quoted-printable", b"50% =ZZ", b"50% =ZZ"),
        ("x-uuencode", b"begin 644 x\n%:&5L;&\\\nend\n", b"hello"),
        ("x-uuencode", b"begin 644 x\n\xff\xff\n%:&5L;&\\\nend\n", b"hello"),
    ],
)
def test_transfer_encodings(encoding: str | None, body: bytes, told: bytes) -> None:
    assert decode_transfer(body, encoding)[: len(told)] == told


def test_octal_digits_of_exim_are_bytes() -> None:
    assert read_octal(r"Empf\303\244nger \320\275\320\265 unbekannt") == "Empfänger не unbekannt"
    assert read_octal(r"Empf\344nger") == "Empfänger"
    assert read_octal(r"C:\101 \8 \\ \37") == r"C:\101 \8 \\ \37"
