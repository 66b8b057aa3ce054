"""Mail that somebody made to break its reader. Every attack grows with a size, so that its cost can be measured.

The heads are genuine where that makes the rest worse: a report is read further than ordinary mail.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.utils import format_datetime

from tests.mail import START, Letter, postfix

KIB, MIB = 1024, 1024 * 1024
ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31m"
"""Sets the title of a terminal, empties its screen and colours what follows."""

DAEMON = "MAILER-DAEMON@out.example.com"

Make = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Attack:
    """`make(size)` writes the mail, in LF; a size is bytes, parts, lines or levels, whatever the name says.

    `full` is the size that must be endured, `probe` one at which the growth of the time is measured. `bounces` tells
    that a genuine report is inside, which must not be lost over it.
    """

    name: str
    make: Make
    full: int
    probe: int
    bounces: bool = False

    @property
    def recipient(self) -> str:
        return recipient_of(self.name)


def recipient_of(name: str) -> str:
    return f"{name}@hostile.example.org"


def report(name: str, reply: str = "550 5.1.1 User unknown") -> str:
    """A genuine report on `recipient_of(name)`."""
    return postfix(Letter(sum(name.encode()), recipient_of(name), reply, START))


def head(name: str, *fields: str, sender: str = DAEMON) -> str:
    """The header of a report without its end: the two signs of a mail system, so that all recognizers are asked."""
    date = format_datetime(START)
    return "\n".join((
        f"Message-ID: <{name}@hostile.example.org>", "Return-Path: <>", f"From: {sender}", "To: returns@example.com",
        f"Subject: Undelivered Mail Returned to Sender ({name})", f"Date: {date}", "MIME-Version: 1.0", *fields, "",
    ))


def mixed(name: str, *parts: str) -> bytes:
    body = "".join(f"--b\n{part}\n" for part in parts)
    return (head(name, 'Content-Type: multipart/mixed; boundary="b"') + f"\n{body}--b--\n").encode()


def status_part(name: str, *fields: str) -> str:
    return "\n".join((
        "Content-Type: message/delivery-status\n", "Reporting-MTA: dns; out.example.com\n",
        f"Final-Recipient: rfc822; {recipient_of(name)}", "Action: failed", "Status: 5.1.1", *fields, "",
    ))


def status_report(name: str, *parts: str, fields: Sequence[str] = (), sender: str = DAEMON) -> bytes:
    kind = 'Content-Type: multipart/report; report-type=delivery-status; boundary="b"'
    body = "".join(f"--b\n{part}\n" for part in parts)
    return (head(name, kind, *fields, sender=sender) + f"\n{body}--b--\n").encode()


# ── size ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def attachment(size: int) -> bytes:
    line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5\n"
    before, boundary, after = report("attachment").rpartition("\n--")
    part = "Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n"
    end = boundary + after
    opening = end.removesuffix("--\n")
    return f"{before}\n--{opening}\n{part}{line * (size // len(line))}\n--{end}".encode()


def endless_line(size: int) -> bytes:
    return (head("endless-line") + "\n" + "a@b " * (size // 4)).encode()


def endless_word(size: int) -> bytes:
    return (head("endless-word") + "\n" + "x" * size).encode()


def header_bytes(size: int) -> bytes:
    return (head("header-bytes", f"X-Big: {'y' * size}") + "\nUser unknown\n").encode()


def header_lines(size: int) -> bytes:
    return (head("header-lines", *(f"X-Line-{number}: z" for number in range(size))) + "\nUser unknown\n").encode()


def folded_header(size: int) -> bytes:
    return (head("folded-header", "References:" + "\n <a@b>" * size) + "\nUser unknown\n").encode()


def received_lines(size: int) -> bytes:
    return (head("received-lines", *["Received: from a by b; now"] * size) + "\nUser unknown\n").encode()


# ── structure ───────────────────────────────────────────────────────────────────────────────────────────────────────


def many_parts(size: int) -> bytes:
    return mixed("many-parts", *["Content-Type: text/plain\n\nUser unknown\n"] * size)


def many_status_parts(size: int) -> bytes:
    parts = (status_part(f"many-status-parts-{number}") for number in range(size))
    return status_report("many-status-parts", status_part("many-status-parts"), *parts)


def deep_multiparts(size: int) -> bytes:
    opened = "".join(
        f'Content-Type: multipart/mixed; boundary="b{level}"\n\n--b{level}\n' for level in range(1, size + 1)
    )
    closed = "".join(f"--b{level}--\n" for level in range(size, 0, -1))
    return (head("deep-multiparts") + opened + "Content-Type: text/plain\n\nUser unknown\n" + closed).encode()


def same_boundary(size: int) -> bytes:
    """Levels that all name one boundary: who searches it anew in each level reads the mail as often."""
    return mixed("same-boundary", *['Content-Type: multipart/mixed; boundary="b"\n'] * size)


def unclosed_multiparts(size: int) -> bytes:
    opened = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(size))
    return (head("unclosed-multiparts") + opened).encode()


def deep_messages(size: int) -> bytes:
    return (head("deep-messages") + "Content-Type: message/rfc822\n\nSubject: in\n" * size + "\nhi\n").encode()


def wide_boundary(size: int) -> bytes:
    boundary = "w" * size
    field = f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"'
    body = f"\n--{boundary}\n{status_part('wide-boundary')}\n--{boundary}--\n"
    return (head("wide-boundary", field) + body).encode()


def many_parameters(size: int) -> bytes:
    parameters = "".join(f";\n boundary*{number}*=utf-8''b" for number in range(size))
    return (head("many-parameters", f"Content-Type: multipart/mixed{parameters}") + "\n--b\n\nhi\n--b--\n").encode()


def dashes(size: int) -> bytes:
    """What nearly is a delimiter, and nearly the line above a returned original."""
    return (head("dashes", 'Content-Type: multipart/mixed; boundary="-"') + "\n" + "-" * size + "\n--x\n").encode()


def short_delimiters(size: int) -> bytes:
    return (head("short-delimiters", "Content-Type: multipart/mixed; boundary=-") + "\n---" * size).encode()


# ── the fields of a report ──────────────────────────────────────────────────────────────────────────────────────────


def recipient_blocks(size: int) -> bytes:
    blocks = "\n".join(
        f"Final-Recipient: rfc822; r{number}@hostile.example.org\nAction: failed\nStatus: 5.1.1\n"
        for number in range(size)
    )
    return status_report("recipient-blocks", status_part("recipient-blocks", "", blocks))


def wordless_blocks(size: int) -> bytes:
    """Recipients whose words are to be sought in the text, each named there."""
    blocks = "\n".join(f"Final-Recipient: rfc822; w{n}@hostile.example.org\nAction: failed\n" for n in range(size))
    text = "\n".join(f"<w{number}@hostile.example.org>\n refused" for number in range(size))
    return status_report("wordless-blocks", f"\n{text}\n", status_part("wordless-blocks", "", blocks))


def nameless_blocks(size: int) -> bytes:
    """Recipients without an address, beside many that are to be told apart from it."""
    fields = [f"To: t{number}@example.com" for number in range(size)]
    text = "\n".join(f"<n{number}@hostile.example.org>" for number in range(size))
    blocks = "\nAction: failed\nStatus: 5.1.1\n" * size
    return status_report("nameless-blocks", f"\n{text}\n", status_part("nameless-blocks", blocks), fields=fields)


def nameless_parts(size: int) -> bytes:
    part = "Content-Type: message/delivery-status\n\nAction: failed\nStatus: 5.1.1\n"
    fields = [f"Reply-To: {'=?a?q?' * 600}"] * (size // 8)
    return status_report("nameless-parts", status_part("nameless-parts"), *[part] * size, fields=fields)


def return_paths(size: int) -> bytes:
    """As many recipients as there are return paths that could be theirs."""
    blocks = "\n".join(f"Final-Recipient: rfc822; p{n}@hostile.example.org\nAction: failed\n" for n in range(size))
    fields = [f"Delivered-To: returns+{'x' * 60}{number}@example.com" for number in range(size)]
    return status_report("return-paths", status_part("return-paths", "", blocks), fields=fields)


def wide_address(size: int) -> bytes:
    return status_report("wide-address", status_part("wide-address"), "\n".join((
        "Content-Type: message/delivery-status\n", "Reporting-MTA: dns; out.example.com\n",
        f"Final-Recipient: rfc822; {'a' * size}@hostile.example.org", "Action: failed", "Status: 5.1.1", "",
    )))


def diagnostic(size: int) -> bytes:
    words = "550 5.1.1 host mx.example.org said: " * (size // 36)
    return status_report("diagnostic", status_part("diagnostic", f"Diagnostic-Code: smtp; {words}"))


def folded_diagnostic(size: int) -> bytes:
    words = "550-5.1.1 said:\n" + " 550-5.1.1 <<<\n" * size
    return status_report("folded-diagnostic", status_part("folded-diagnostic", f"Diagnostic-Code: smtp; {words}"))


def blank_lines(size: int) -> bytes:
    return status_report("blank-lines", status_part("blank-lines", "\n" * size))


def many_signs(size: int) -> bytes:
    return (head("many-signs") + "\n" + "<@>" * (size // 3)).encode()


def prose_addresses(size: int) -> bytes:
    lines = "".join(f"<p{number}@hostile.example.org>: User unknown\n" for number in range(size))
    return (head("prose-addresses") + f"\nThe following addresses had permanent fatal errors:\n{lines}").encode()


def addresses_in_a_line(size: int) -> bytes:
    named = " ".join(f"l{number}@hostile.example.org" for number in range(size))
    words = f"The following addresses had permanent fatal errors: é {named}\n550 User unknown\n"
    return (head("addresses-in-a-line") + f"\n{words}").encode()


def exim_addresses(size: int) -> bytes:
    named = ",\n ".join(f"e{number}@hostile.example.org" for number in range(size))
    text = "".join(f"  e{number}@hostile.example.org\n    Unrouteable address\n" for number in range(size))
    return (head("exim-addresses", f"X-Failed-Recipients: {named}") + f"\nfailed:\n\n{text}").encode()


# ── encodings ───────────────────────────────────────────────────────────────────────────────────────────────────────


def encoded_words(size: int) -> bytes:
    words = "\n ".join(["=?utf-8?q?=41?= =?x-none?b?QQ==?="] * size)
    return (head("encoded-words", f"Comments: {words}", f"Reply-To: {words}") + "\nUser unknown\n").encode()


def broken_words(size: int) -> bytes:
    openings = "=?=?utf-8?q" * (size // 11)
    fields = (f"{name}: {openings}" for name in ("Reply-To", "In-Reply-To", "References"))
    return (head("broken-words", *fields) + "\nUser unknown\n").encode()


def many_broken_words(size: int) -> bytes:
    openings = "=?a?q?" * 600
    return (head("many-broken-words", *[f"To: {openings}"] * size) + "\nUser unknown\n").encode()


def base64_garbage(size: int) -> bytes:
    part = "Content-Type: text/plain; charset=x-no-such\nContent-Transfer-Encoding: base64\n\n"
    return mixed("base64-garbage", part + "=?A=#\n" * (size // 6))


def uuencoded_garbage(size: int) -> bytes:
    part = "Content-Type: text/plain\nContent-Transfer-Encoding: x-uuencode\n\nbegin 644 x\n"
    return mixed("uuencoded-garbage", part + "M~~~~~\nbegin 644 y\n" * (size // 20))


def quoted_garbage(size: int) -> bytes:
    part = "Content-Type: text/plain; charset=utf-7\nContent-Transfer-Encoding: quoted-printable\n\n"
    return mixed("quoted-garbage", part + "=\n=4=ZZ+AAA" * (size // 12))


def costly_charsets(size: int) -> bytes:
    """Codecs of Python that are no charset, or take long."""
    names = ("idna", "punycode", "zlib", "bz2", "unicode_escape", "utf-7", "hz", "iso-2022-jp-ext", "../etc", "\udcff")
    parts = (f"Content-Type: text/plain; charset={name}\n\n{'~{-' * size}\n" for name in names)
    body = "".join(f"--b\n{part}\n" for part in parts)
    text = head("costly-charsets", 'Content-Type: multipart/mixed; boundary="b"') + f"\n{body}--b--\n"
    return text.encode("utf-8", "surrogateescape")


# ── odd, but small ──────────────────────────────────────────────────────────────────────────────────────────────────


def lone_cr(size: int) -> bytes:
    return (report("lone-cr") + "x\n" * size).encode().replace(b"\n", b"\r")


def nul_bytes(size: int) -> bytes:
    return report("nul-bytes").encode().replace(b"This is the mail", b"\0" * size + b"This is the mail")


def nul_alone(size: int) -> bytes:
    return b"\0" * size


def eight_bit_header(size: int) -> bytes:
    fields = b"Subject: \xe4\xf6\xfc \xff\xfe\nX-\xe9: " + b"\xc3" * size + b"\n"
    return fields + report("eight-bit-header").encode()


def no_header(size: int) -> bytes:
    return b"\n" + b"This has no header, but a@b.example says 550 User unknown\n" * size


def empty(_: int) -> bytes:
    return b""


def blank(size: int) -> bytes:
    return b" \n" * size


def odd_years(size: int) -> bytes:
    text = report("odd-years")
    dates = "Last-Attempt-Date: Fri, 31 Dec 9999 23:59:59 -1400\nWill-Retry-Until: Sat, 1 Jan 0000 00:00:00 +1400\n"
    text = text.replace("Diagnostic-Code:", dates * size + "Diagnostic-Code:")
    arrival = "Arrival-Date: Mon, 1 Jan 0001 00:00:00 +2359"
    lines = [arrival if line.startswith("Arrival-Date:") else line for line in text.splitlines()]
    return ("Date: Fri, 31 Dec 9999 23:59:59 -2359\n" + "\n".join(lines) + "\n").encode()


def escapes(size: int) -> bytes:
    told = ESCAPES * size
    sender = f'"{told}" <mailer-daemon@out.example.com>'
    part = status_part("escapes", f"Diagnostic-Code: smtp; 550 5.1.1 {told} User unknown",
                       f"Remote-MTA: dns; mx.{told}example.org")
    return status_report("escapes", part, sender=sender)


ATTACKS = (
    Attack("attachment", attachment, 100 * MIB, 256 * KIB, bounces=True),
    Attack("endless-line", endless_line, 100 * MIB, 128 * KIB),
    Attack("endless-word", endless_word, 10 * MIB, 128 * KIB),
    Attack("header-bytes", header_bytes, 10 * MIB, 64 * KIB),
    Attack("header-lines", header_lines, 100_000, 3_000),
    Attack("folded-header", folded_header, 100_000, 8_000),
    Attack("received-lines", received_lines, 100_000, 2_000),
    Attack("many-parts", many_parts, 10_000, 64),
    Attack("many-status-parts", many_status_parts, 5_000, 64, bounces=True),
    Attack("deep-multiparts", deep_multiparts, 1_000, 250),
    Attack("same-boundary", same_boundary, 10_000, 64),
    Attack("unclosed-multiparts", unclosed_multiparts, 10_000, 500),
    Attack("deep-messages", deep_messages, 10_000, 500),
    Attack("wide-boundary", wide_boundary, MIB, 64 * KIB),
    Attack("many-parameters", many_parameters, 50_000, 1_000),
    Attack("dashes", dashes, 10 * MIB, 128 * KIB),
    Attack("short-delimiters", short_delimiters, MIB, 16 * KIB),
    Attack("recipient-blocks", recipient_blocks, 5_000, 250, bounces=True),
    Attack("wordless-blocks", wordless_blocks, 5_000, 200, bounces=True),
    Attack("nameless-blocks", nameless_blocks, 5_000, 120, bounces=True),
    Attack("nameless-parts", nameless_parts, 256, 60, bounces=True),
    Attack("return-paths", return_paths, 5_000, 200, bounces=True),
    Attack("wide-address", wide_address, MIB, 64 * KIB, bounces=True),
    Attack("diagnostic", diagnostic, 5 * MIB, 128 * KIB, bounces=True),
    Attack("folded-diagnostic", folded_diagnostic, 300_000, 4_000, bounces=True),
    Attack("blank-lines", blank_lines, MIB, 128 * KIB, bounces=True),
    Attack("many-signs", many_signs, MIB, 64 * KIB),
    Attack("prose-addresses", prose_addresses, 20_000, 250),
    Attack("addresses-in-a-line", addresses_in_a_line, 20_000, 250),
    Attack("exim-addresses", exim_addresses, 20_000, 250),
    Attack("encoded-words", encoded_words, 50_000, 1_000),
    Attack("broken-words", broken_words, 5 * MIB, 16 * KIB),
    Attack("many-broken-words", many_broken_words, 1_000, 16),
    Attack("base64-garbage", base64_garbage, 10 * MIB, 128 * KIB),
    Attack("uuencoded-garbage", uuencoded_garbage, 10 * MIB, 64 * KIB),
    Attack("quoted-garbage", quoted_garbage, 10 * MIB, 64 * KIB),
    Attack("costly-charsets", costly_charsets, 40_000, 8_000),
    Attack("lone-cr", lone_cr, 1, 64 * KIB, bounces=True),
    Attack("nul-bytes", nul_bytes, 1_000, 64 * KIB, bounces=True),
    Attack("nul-alone", nul_alone, MIB, 128 * KIB),
    Attack("eight-bit-header", eight_bit_header, 1_000, 32 * KIB, bounces=True),
    Attack("no-header", no_header, 1_000, 2_000),
    Attack("empty", empty, 0, 0),
    Attack("blank", blank, MIB, 128 * KIB),
    Attack("odd-years", odd_years, 1, 500, bounces=True),
    Attack("escapes", escapes, 1, 500, bounces=True),
)
