"""Extracts the reply of the last hop from a diagnostic (RFC 3464 section 2.3.6, RFC 5321 section 4.2).

A diagnostic is often a wrapper around what the refusing server said: Postfix writes `host mx.example.org[192.0.2.1]
said: 550 5.1.1 … (in reply to RCPT TO command)`, Exim `SMTP error from remote mail server after RCPT TO:<…>:
host …: 550 …`, Exchange Online `550 5.0.350 Remote server returned an error -> 550 5.1.1 …`. The innermost reply is the
cause; the wrapper tells the stage and the host.
"""

import re
from functools import lru_cache

from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.verdict import SmtpReply
from bounce_watcher.parsing.transcript import last_refusal

MAX_DIAGNOSTIC = 4096
"""How many characters of a diagnostic are read. RFC 5321 allows 512 octets a line; a longer text is noise."""

_STATUS = r"[245]\.\d{1,3}\.\d{1,3}"
_TYPE = re.compile(r"\s*(?:e?smtp|lmtp|dns|unix|x-[\w-]{1,30})\s*;\s*", re.IGNORECASE)

_UNDERSCORED = re.compile(r"(?<!\S)[245]\d\d_[^\s@]{3,500}")
"""A reply with underscores instead of blanks, as secureserver.net writes it."""

# A reply inside a wrapper: a code or a status ("failed with: 550 …", "-> 550 …", "(host.example:550 …") whose
# neighbour on the left is one of these marks. Prose with a number ("returned 450 messages") does not count.
_REPLY_START = re.compile(
    r"[245](?<![\w.-].)(?:\d\d[ -](?!(?:seconds|minutes|hours|days|recipients|messages|k?b)\b)|\.\d{1,3}\.\d{1,3} )"
)
_MARK_BEFORE = re.compile(
    r"(?:\b(?:said|with(?: code)?|was|returned|replied|answered|follows|response|reason|attempt|error|lasterror|led"
    r"|status|smtp;)|->|<<<|[\])])"
    r"[:=]? ?(['\"(\[]?) ?$",
    re.IGNORECASE,
)
_EXIM = "SMTP error from remote mail"  # Exim puts only a colon between what it sent and the answer
_WORDY_MARKS = (" said: ", " talk to me: ", "<<< ")
"""After these the words of the other side follow, even without a code."""
_MARK_WIDTH = 24

_TAIL = re.compile(r" \(in reply to [\w ]{2,40}\)?$| (?:Giving up on \d|I'm not going to try again; ).*")
_HEAD = re.compile(
    r"(?:2\d\d-\S* )?[\s'\"(]{0,3}([45]\d\d)"
    r"(?:(?:[ :-]\s*|$)(?:[#(\[]{0,2}([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]))?)?(?!\w)"
)
_CLOSING = {"(": ")", "[": "]"}
_CODE_TOLD = re.compile(
    r"(?:(?:code|error)[ :=]{1,3}|[#\[(>] ?)([245]\d\d)(?![\w.-]|:\d| ?(?:[km]b|minutes|messages|recipients)\b)",
    re.IGNORECASE,
)
"""A separate code: "with code 550 (5.1.1) 'no'", "ERROR_CODE :550", "error 550:", "[550]", "#550", "> 550"."""
_CODE_INSIDE = re.compile(rf"([245]\d\d)(?<![\w.:/#-]...)[ -]{_STATUS}")
_REPEATED = re.compile(rf" ([245]\d\d)[ -] ?({_STATUS}(?: |$))?")
_HOSTS = (
    ("host ", re.compile(r"\bhost ([\w.-]{4,255})\s?[\[(:]")),
    ("emote system: ", re.compile(r"\b[Rr]emote system: dns; ?([\w.-]{4,255})")),
    (" gave this error", re.compile(r"(?<![\w.@-])([\w-]{1,63}(?:\.[\w-]{1,63}){1,8}) gave this error")),
    (" Remote Server returned", re.compile(r"(?<![\w.@-])([\w-]{1,63}(?:\.[\w-]{1,63}){1,8}) Remote Server returned")),
)
"""How Postfix and Exim, Oracle's servers, and Exchange Online (twice) name the host that refused; a word of each."""

_COMMAND = re.compile(
    r"(?:reply to|after|following|sending|performing|response to|sent:|>>>|error,|did not like our|failed on"
    r"|rejected command|progress was|remote server for) (?:the |pipelined |')?"
    r"(initial connection|end of data|final data|message body|[el]hlo|helo|starttls|auth|mail from"
    # Not: "the following mail to ada@example.org".
    r"|mail(?=[:;,.)\]]|$| command| failed)|rcpt to|rcpt|data|text(?= command))\b"
    r"|(refused to talk to me|initial (?:server )?greeting)|\b(rcpt to|mail from|data|ehlo) said\b"
    r"|(does not like recipient|rejected recipient|has rejected address|sender was rejected|my name was rejected"
    r"|greeting failed)"
    r"|(failed after i sent the message|body of message generated response)"
    r"|(\[(?:rcpt_to|mail_from|body)\]|\(state 1[4578]\))"
)
_STAGE_HINTS = (
    "reply to", "talk to me", "response to", "after ", "sending ", "performing ", ">>>", "greeting", "sent:", " said ",
    "does not like", "was rejected", "error, ", "following ", "did not like", "failed on ", "rejected command",
    "rejected recipient", "rejected address", "progress was", "body of message", "[rcpt_to]", "[mail_from]", "[body]",
    "(state 1", "remote server for ",
)  # fmt: skip
_HINT_DEPTH = len("initial server ")
"""How far into a match of `_COMMAND` its hint may be: nothing before that needs to be searched."""
_STAGES = {
    "initial connection": "CONNECT", "refused to talk to me": "CONNECT",
    "initial server greeting": "CONNECT", "initial greeting": "CONNECT",
    "greeting failed": "CONNECT",
    "ehlo": "EHLO", "helo": "EHLO", "lhlo": "EHLO", "my name was rejected": "EHLO",
    "starttls": "STARTTLS",
    "auth": "AUTH",
    "mail from": "MAIL", "mail": "MAIL", "sender was rejected": "MAIL",
    "rcpt to": "RCPT", "rcpt": "RCPT", "does not like recipient": "RCPT",
    "rejected recipient": "RCPT", "has rejected address": "RCPT",
    "data": "DATA",
    "body of message generated response": "DOT", "text": "DOT",
    "[rcpt_to]": "RCPT", "[mail_from]": "MAIL", "[body]": "DOT",                                       # Yahoo
    "(state 14)": "RCPT", "(state 15)": "DATA", "(state 17)": "DATA", "(state 18)": "DATA",            # old Gmail
    "end of data": "DOT", "final data": "DOT", "message body": "DOT", "failed after i sent the message": "DOT",
}  # fmt: skip

_OF_THE_SENDER = ("sender address rejected", "sender verif")
"""What Postfix and Exim print at RCPT TO around the answer of the sender's own server: it is only about the sender."""


@lru_cache(maxsize=512)  # a server that refuses our IP address says so, word for word, to every mail
def read_reply(diagnostic: str) -> SmtpReply:
    """Returns the last hop's reply in `diagnostic`, with the stage and the host if the wrapper names them. Total.

    `diagnostic` may keep its type ("smtp; 550 …"). Only the first `MAX_DIAGNOSTIC` characters are read.
    """
    whole = one_line(diagnostic)
    refusal = last_refusal(whole)
    inner = refusal.text if refusal else _innermost(whole)
    code, status = _numbers(inner)
    if code is None and inner is not whole and (outer := _HEAD.match(whole)):
        code = int(outer[1])  # `550 Backend Replied [host.example]: 5.7.1 …`
    stage = refusal.stage if refusal else read_stage(whole)
    return SmtpReply(_joined(inner, code), code, status, stage, _host(whole))


def one_line(diagnostic: str) -> str:
    """`diagnostic` on one line with single spaces, without its type, capped."""
    text = " ".join(diagnostic[:MAX_DIAGNOSTIC].split())
    if "_" in text:
        text = _UNDERSCORED.sub(lambda found: found[0].replace("_", " "), text)
    kind = _TYPE.match(text)
    return text[kind.end() :] if kind else text


def _innermost(text: str) -> str:
    """Returns the text after the last hop's mark, without what the wrapper says after it."""
    start, quote = _last_hop(text)
    if start == 0 and not text.endswith(")"):
        return text
    inner = text[start:]
    if quote:
        closing = inner.rfind(_CLOSING.get(quote, quote))
        inner = inner[:closing] if closing > 0 else inner
    return _TAIL.sub("", inner) or text


def _last_hop(text: str) -> tuple[int, str]:
    """Returns where the innermost reply starts, and the quote that opens it ("" = none). (0, "") = no wrapper."""
    start, quote = 0, ""
    for mark in _WORDY_MARKS:
        if (at := text.rfind(mark)) >= 0:
            start = max(start, at + len(mark))
    exim = _EXIM in text
    for reply in _REPLY_START.finditer(text, start + 1):
        at = reply.start()
        if mark_before := _MARK_BEFORE.search(text, max(0, at - _MARK_WIDTH), at):
            start, quote = at, mark_before[1]
        elif exim and text.endswith(": ", 0, at):
            start, quote = at, ""
    return start, quote


def _numbers(reply: str) -> tuple[int | None, EnhancedStatus | None]:
    head = _HEAD.match(reply)
    if head and head[2]:
        return int(head[1]), EnhancedStatus(int(head[2]), int(head[3]), int(head[4]))
    status = EnhancedStatus.find(reply)
    if status is not None and status.class_ == 2:
        status = None  # "250 2.1.5 ok" of an earlier recipient, a version number
    if head:
        return int(head[1]), status
    inside = (_CODE_INSIDE.search(reply) if status else None) or _CODE_TOLD.search(reply)
    return (int(inside[1]) if inside else None), status


def _joined(reply: str, code: int | None) -> str:
    """Joins a reply of several lines into one text: `550-5.1.1 a 550 5.1.1 b` becomes `550-5.1.1 a b`."""
    if code is None or reply.find(f" {code}", 4) < 0:
        return reply
    return _REPEATED.sub(lambda found: " " if found[1] == str(code) else found[0], reply)


def read_stage(text: str) -> str | None:
    """Returns the command that was refused, from the words around a reply on one line; see `SmtpReply.stage`."""
    lower = text.lower()
    if any(words in lower for words in _OF_THE_SENDER):
        return "MAIL"
    places = [at for hint in _STAGE_HINTS if (at := lower.find(hint)) >= 0]
    if not places:
        return None
    found = _COMMAND.search(lower, max(0, min(places) - _HINT_DEPTH))
    return _STAGES[found[found.lastindex or 0]] if found else None


def _host(text: str) -> str | None:
    named = (found[1].lower() for word, host in _HOSTS if word in text and (found := host.search(text)))
    return next((each for each in named if "." in each), None)
