"""Mail that is one thing, again and again: each unit that some step looks for, in each place where mail holds text."""

from collections.abc import Callable, Iterator

from tests.parsing.samples import STATUS, notice, report

UNITS = (
    *" \t\n-<>();\"'#=&[{:,*|", "a@", "a@b", "a@b.example ", "<a@b.example>\n", "<a@b.example>: ",
    "a@b.example\n  550 no\n", "550 ", "550-", "550 5.1.1 ", "5.1.1 ", "host ", "host a.example[", "said: ", "<<< 550 ",
    ">>> RCPT TO:<", "user unknown ", "mailbox ", "ip ", "deliver", "fail ", "original message", "wrote:\n", "\n>",
    "\n ",
    " \n", "a: b\n", "\nFinal-Recipient:", "\nFinal-Recipient: rfc822; a@b.example", "\nAction: failed\n", "=?utf-8?q?",
    "=?utf-8?b?QQ==?= ", "=3D", "\\x{", "\\", "\n--BOUND\n", "\n--", "<p", "<p>", "<!--", "</", "<br>", "&#", "&#x41;",
    "&lt;", '{"a":', "From: a\n\n", "Received: a\n", "\x1b", "\0", "é", "あ", "\u3000",
)  # fmt: skip

Place = Callable[[str], bytes]


def _in_header(name: str) -> Place:
    return lambda text: notice("<user@example.org>: 550 no\n", headers=f"{name}: {text}\n")


def _in_part(kind: str) -> Place:
    return lambda text: report(text, status_type=kind)


def _in_body(kind: str) -> Place:
    return lambda text: notice(text, headers=f"MIME-Version: 1.0\nContent-Type: {kind}\n")


MANY_WORDLESS = "".join(f"Final-Recipient: rfc822; u{n}@example.org\nAction: failed\n\n" for n in range(300))

PLACES: dict[str, Place] = {
    "a notice": notice,
    "a notice below its heading": lambda text: notice(f"Your message could not be delivered to:\n\n{text}"),
    "a notice above an address": lambda text: notice(f"{text}\n\n<user@example.org>:\n550 no\n"),
    "an ordinary mail": lambda text: f"From: user@example.org\nSubject: Hello\n\n{text}".encode("utf-8", "replace"),
    "an answer": lambda text: f"From: user@example.org\nSubject: Automatic reply: Hello\n\n{text}".encode(),
    "html": _in_body("text/html; charset=utf-8"),
    "json": _in_body("application/json"),
    "a subject": lambda text: notice("<user@example.org>: 550 no\n", subject=text),
    "a sender": lambda text: f"From: {text}\nSubject: Undelivered Mail\nReturn-Path: <>\n\nno\n".encode(),
    "addresses of the header": _in_header("X-Failed-Recipients"),
    "who got it": _in_header("Delivered-To"),
    "a type": lambda text: (
        f"From: MAILER-DAEMON@a.example\nContent-Type: multipart/mixed; boundary={text}\n\nno".encode()
    ),
    "a status part": _in_part("message/delivery-status"),
    "a feedback part": _in_part("message/feedback-report"),
    "a receipt": _in_part("message/disposition-notification"),
    "a diagnostic": lambda text: report(STATUS.replace("User unknown", text.replace("\n", "\n "))),
    "a recipient": lambda text: report(STATUS.replace("user@example.org", text.replace("\n", "\n "))),
    "a text beside a report": lambda text: report(text=text),
    "a text beside many without words": lambda text: report(MANY_WORDLESS, text=text),
    "an original": lambda text: report(original=text),
    "the header of an original": lambda text: report(original="Subject: " + text.replace("\n", "\n ")),
}
"""Where a text can stand, and the mail around it."""


def flood(unit: str, size: int, where: str) -> bytes:
    """A mail of some `size` bytes of a unit in one place."""
    return PLACES[where](unit * (size // len(unit.encode())))


def floods(size: int, where: str) -> Iterator[tuple[str, bytes]]:
    """A name and a mail for each unit in one place."""
    for unit in UNITS:
        yield f"{where}: {unit!r}", flood(unit, size, where)
