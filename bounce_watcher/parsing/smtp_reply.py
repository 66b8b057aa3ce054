"""The reply of the last hop, dug out of a diagnostic (RFC 3464 section 2.3.6, RFC 5321 section 4.2).

A diagnostic is often a wrapper around what the refusing server said: Postfix writes `host mx.example.org[192.0.2.1]
said: 550 5.1.1 … (in reply to RCPT TO command)`, Exim `SMTP error from remote mail server after RCPT TO:<…>:
host …: 550 …`, Exchange Online `550 5.0.350 Remote server returned an error -> 550 5.1.1 …`. The innermost reply is the
cause; the wrapper tells the stage and the host.
"""

import re

from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.verdict import SmtpReply

MAX_DIAGNOSTIC = 8192
"""Characters of a diagnostic that are read. RFC 5321 allows 512 octets a line; what is longer than this is noise."""

_STATUS = r"[245]\.\d{1,3}\.\d{1,3}"
_TYPE = re.compile(r"\s*(?:e?smtp|lmtp|dns|unix|x-[\w-]{1,30})\s*;\s*", re.IGNORECASE)

# What stands between a wrapper and the reply that it wraps. Words that people also use in prose ("returned") count only
# where a reply code or a status follows.
_HOP = re.compile(
    r"(?:\bsaid:|\btalk to me:|<<<)\s*"
    rf"|(?:\bsaid|\bresponded(?: with)?|\bresponse(?: was)?|\breturned|->|\bsmtp;|\]|\)|\berror|\bfailed with|\blasterror)"
    rf"[:=]?\s*(?P<quote>['\"])?\s*(?=[245]\d\d[ -](?!seconds|minutes|hours|days|recipients|messages|bytes|kb|mb)|{_STATUS}\s)",
    re.IGNORECASE,
)
_TAIL = re.compile(r"\s\(in reply to [\w ]{2,40}\)?$|\sGiving up on [\d.]+\.?.*$", re.IGNORECASE)
_HEAD = re.compile(rf"[\s'\"(]{{0,3}}([245]\d\d)(?:(?:[ :-]\s*|$)(?:[#(\[]{{0,2}}({_STATUS})(?![\d.]))?)?(?!\w)")
_CODE_INSIDE = re.compile(rf"(?<![\w.:/#-])([245]\d\d)[ -](?={_STATUS})|\b(?:error|code|reply)[ :=]{{1,2}}([245]\d\d)\b", re.IGNORECASE)
_REPEATED = re.compile(rf"\s([245]\d\d)[ -]\s?({_STATUS}(?:\s|$))?")
_HOST = re.compile(r"\bhost ([\w.-]{4,255})\s?[\[(:]", re.IGNORECASE)

_STAGE = re.compile(
    r"(?:in reply to|after|while sending|while performing(?: the)?|in response to|sent:|>>>|error,)\s(?:the |pipelined )?"
    r"(initial connection|end of data|message body|ehlo|helo|lhlo|starttls|auth|mail from|mail|rcpt to|rcpt|data)\b"
    r"|(refused to talk to me|initial (?:server )?greeting)|\b(rcpt to|mail from|data|ehlo) said\b"
    r"|(does not like recipient|failed after i sent the message|does not like sender)",
    re.IGNORECASE,
)
_STAGES = {
    "initial connection": "CONNECT", "refused to talk to me": "CONNECT",
    "initial server greeting": "CONNECT", "initial greeting": "CONNECT",
    "ehlo": "EHLO", "helo": "EHLO", "lhlo": "EHLO",
    "starttls": "STARTTLS",
    "auth": "AUTH",
    "mail from": "MAIL", "mail": "MAIL", "does not like sender": "MAIL",
    "rcpt to": "RCPT", "rcpt": "RCPT", "does not like recipient": "RCPT",
    "data": "DATA",
    "end of data": "DOT", "message body": "DOT", "failed after i sent the message": "DOT",
}  # fmt: skip


def read_reply(diagnostic: str) -> SmtpReply:
    """The last hop's reply in `diagnostic`, with the stage and the host where the wrapper tells them. Total.

    `diagnostic` may keep its type ("smtp; 550 …"). Only the first `MAX_DIAGNOSTIC` characters are read.
    """
    whole = one_line(diagnostic)
    inner = _innermost(whole)
    code, status = _numbers(inner)
    return SmtpReply(_joined(inner, code), code, status, _stage(whole), _host(whole))


def one_line(diagnostic: str) -> str:
    """`diagnostic` on one line with single spaces, without its type, capped."""
    text = " ".join(diagnostic[:MAX_DIAGNOSTIC].split())
    kind = _TYPE.match(text)
    return text[kind.end() :] if kind else text


def _innermost(text: str) -> str:
    """What follows the last hop's mark, cut before what the wrapper says behind it."""
    last = None
    for last in _HOP.finditer(text):
        pass
    if last is None:
        return text
    inner = text[last.end() :]
    if quote := last["quote"]:
        closing = inner.rfind(quote)
        inner = inner[:closing] if closing > 0 else inner
    return _TAIL.sub("", inner) or text


def _numbers(reply: str) -> tuple[int | None, EnhancedStatus | None]:
    head = _HEAD.match(reply)
    if head and head[2]:
        return int(head[1]), EnhancedStatus.find(head[2])
    status = EnhancedStatus.find(reply)
    if status is not None and status.class_ == 2:
        status = None  # "250 2.1.5 ok" of an earlier recipient, a version number
    if head:
        return int(head[1]), status
    inside = _CODE_INSIDE.search(reply)
    return (int(inside[1] or inside[2]) if inside else None), status


def _joined(reply: str, code: int | None) -> str:
    """One text out of a reply of several lines: `550-5.1.1 a 550 5.1.1 b` reads `550-5.1.1 a b`."""
    if code is None or reply.find(str(code), 4) < 0:
        return reply
    return _REPEATED.sub(lambda found: " " if found[1] == str(code) else found[0], reply)


def _stage(text: str) -> str | None:
    found = _STAGE.search(text)
    return _STAGES[(found[1] or found[2] or found[3] or found[4]).lower()] if found else None


def _host(text: str) -> str | None:
    found = _HOST.search(text)
    return found[1].lower() if found and "." in found[1] else None
