"""Mail at random, made of what mail of the trade is made of: for hypothesis."""

from hypothesis import strategies as st

ADDRESSES = st.sampled_from([
    "user@example.org", "<user@example.org>", "a@b.example", "Ann <ann@example.com>", '"a b"@example.org', "user@",
    "@example.org", "<>", "postmaster@example.org", "rfc822; user@example.org", "utf-8; \\x{E4}@example.org",
    "x@[192.0.2.1]", "IMCEAEX-_O=X@example.org", "bücher@bücher.example", "MAILER-DAEMON", "returns+x@example.com",
    "user+40example.org",
])  # fmt: skip
REPLIES = st.sampled_from([
    "550 5.1.1 User unknown", "452 4.2.2 Mailbox full", "550-5.7.1 Blocked\n550 5.7.1 see https://example.org/b",
    "421", "250 ok", "host mx.example.org[192.0.2.1] said: 550 5.1.1 No such user (in reply to RCPT TO command)",
    "5.1.1", "no", "", "smtp; 550 <user@example.org>: Recipient rejected", "#< #5.1.1>", "Connection timed out",
    "メールボックスがいっぱいです",
])  # fmt: skip
PROSE = st.sampled_from([
    "Your message could not be delivered to:", "This is the mail system at host out.example.com.", "The reason was:",
    "Hi. This is the qmail-send program at mail.example.org.", "Delivery has failed to these recipients or groups:",
    "   ----- The following addresses had permanent fatal errors -----",
    "   ----- Transcript of session follows -----",
    "------ This is a copy of the message, including all the headers. ------",
    "--- Below this line is a copy of the message.", "Diagnostic information for administrators:",
    "I am out of the office.", "No action is required on your part.", "On Monday, Ann wrote:",
    "Final-Recipient: rfc822; user@example.org", "Action: failed", ">>> RCPT TO:<user@example.org>",
    "<<< 550 5.1.1 User unknown", "The response was:", "Original message follows.", "Unzustellbar:", "", " ",
    "> quoted", "<b>bold</b>", "&lt;user@example.org&gt;",
])  # fmt: skip
LINES = st.one_of(PROSE, REPLIES, ADDRESSES, st.builds("{}: {}".format, ADDRESSES, REPLIES), st.text(max_size=30))
TEXTS = st.lists(LINES, max_size=12).map("\n".join)

VALUES = st.one_of(ADDRESSES, REPLIES, st.text(max_size=40), st.sampled_from([
    "failed", "delayed", "delivered", "expanded (to list)", "5.1.1", "4.2.2 (full)", "2.0.0", "dns; mx.example.org",
    "abuse", "Mon, 2 Mar 2026 09:00:00 +0000", "Undelivered Mail Returned to Sender", "Re: Hello",
    "Automatic reply: Hello", "Delivery Status Notification (Delay)", "=?utf-8?q?Unzustellbar?=", "=?utf-8?b?",
    "auto-replied", "auto-generated (failure)", "automatic-action/MDN-sent-automatically; deleted",
    "<march.1@example.com>", "bulk", "returns+x@example.com",
]))  # fmt: skip


def fields(*names: str, most: int = 12) -> st.SearchStrategy[str]:
    """Lines "Name: value", some folded, some empty lines between."""
    line = st.builds("{}: {}\n".format, st.sampled_from(names), VALUES)
    odd = st.sampled_from(["\n", " folded\n", "\tfolded\n", "no field\n", ": nameless\n"])
    return st.lists(st.one_of(line, line, line, line, odd), max_size=most).map("".join)


HEADERS = fields(
    "From", "To", "Subject", "Return-Path", "Auto-Submitted", "X-Failed-Recipients", "Message-ID", "Date",
    "Delivered-To", "List-Id", "Precedence", "References", "Received", "X-MS-Exchange-Message-Is-Ndr",
    "Content-Transfer-Encoding",
)  # fmt: skip
STATUS = fields(
    "Reporting-MTA", "Final-Recipient", "Original-Recipient", "Action", "Status", "Diagnostic-Code", "Remote-MTA",
    "Last-Attempt-Date", "Will-Retry-Until", "X-Actual-Recipient", "final-recipient ", most=25,
)  # fmt: skip
FEEDBACK = fields("Feedback-Type", "Original-Rcpt-To", "Original-Mail-From", "Source-IP", "User-Agent", "Arrival-Date")
RECEIPT = fields("Disposition", "Final-Recipient", "Original-Recipient", "Original-Message-ID", "Reporting-UA")

_TYPES = st.sampled_from([
    "text/plain", "text/plain; charset=iso-2022-jp", "text/html; charset=utf-8", "message/delivery-status",
    "message/rfc822", "text/rfc822-headers", "message/feedback-report", "message/disposition-notification",
    "message/global-delivery-status", "application/octet-stream", "application/json", "text/plain; charset=utf-7",
    "multipart/mixed", "", ";;",
])  # fmt: skip
_ENCODINGS = st.sampled_from(["", "", "", "base64", "quoted-printable", "x-uuencode", "8bit"])
_BODIES = st.one_of(TEXTS, STATUS, FEEDBACK, RECEIPT, HEADERS, st.builds("{}\n{}".format, HEADERS, TEXTS))


def _part(kind: str, encoding: str, body: str) -> str:
    transfer = f"Content-Transfer-Encoding: {encoding}\n" if encoding else ""
    return f"Content-Type: {kind}\n{transfer}\n{body}"


def _multipart(kind: str, boundary: str, parts: list[str], end: str) -> str:
    lines = "".join(f"--{boundary}\n{part}\n" for part in parts)
    return f'Content-Type: multipart/{kind}; boundary="{boundary}"\n\n{lines}{end.format(boundary)}'


_KINDS = st.sampled_from([
    "report; report-type=delivery-status", "report; report-type=feedback-report", "mixed", "alternative",
    "report; report-type=disposition-notification",
])  # fmt: skip


@st.composite
def entities(draw: st.DrawFn, depth: int = 3) -> str:
    """A tree of parts, at most so deep, with boundaries that may be those of another level."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        return _part(draw(_TYPES), draw(_ENCODINGS), draw(_BODIES))
    parts = draw(st.lists(entities(depth - 1), max_size=4))
    boundary, end = (
        draw(st.sampled_from(["b", "b", "c", "=_d"])),
        draw(st.sampled_from(["--{}--\n", "--{}--\n", "", "--{}"])),
    )
    return _multipart(draw(_KINDS), boundary, parts, end)


NOTICE_HEAD = st.sampled_from(["", "From: MAILER-DAEMON@out.example.com\nReturn-Path: <>\nSubject: Undelivered Mail\n"])
_LINE_ENDS = st.sampled_from(["\n", "\n", "\r\n", "\r"])


@st.composite
def mails(draw: st.DrawFn) -> bytes:
    """Whole and cut messages with a tree of parts."""
    head = draw(NOTICE_HEAD) + draw(HEADERS).replace("\n\n", "\n")
    text = (head + draw(entities())).replace("\n", draw(_LINE_ENDS))
    content = text.encode("utf-8", "surrogatepass")
    cut = draw(st.one_of(st.just(1.0), st.just(1.0), st.floats(0.0, 1.0)))
    return content[: int(len(content) * cut)]
