"""Cheap signs that a mail system wrote a message, so that words alone are never enough to be taken for a bounce."""

import re

from bounce_watcher.parsing.auto_reply import auto_submitted
from bounce_watcher.parsing.message import ParsedMessage

_DAEMON = re.compile(
    r"mailer[-_]?daemon|post[-_]?master|mail[-_ ]?deliver|mail(?:er)? system|microsoftexchange|mdaemon"
    r"|mail[-_ ]?admin|system administrator|delivery (?:sub)?system|^\W*daemon@|mailsweeper|interscan"
    r"|content-filter|sieve subsystem",
    re.IGNORECASE,
)
_FAILURE_SUBJECT = re.compile(
    r"undeliver|undelivrable|return(?:ed|ing) (?:e?mail|to sender|message)"
    r"|failure notice|failed mail|mail failed|fail\w* (?:to )?deliver"
    r"|deliver\w* (?:has )?(?:fail|status|report|notification|problem|error)|(?:mail|message) delivery"
    r"|mail (?:system error|failure|could not)|(?:mail|message) (?:status|undeliver|not delivered|delayed)|non-?deliver"
    r"|could ?n[o']t (?:be )?(?:send|sent|deliver)|not be delivered|addressing error|no valid recipient|^ndn:"
    r"|delayed mail|mail delay|could not send message|rejected|^bounce|warning: message|unknown user|user unknown"
    r"|unzustellbar|nicht zugestellt|zustell|état de la distribution|non remis|no se (?:pudo|puede) entregar"
    r"|mancato recapito|onbestelbaar|退信|配信|送信でき|エラー|не доставлен|недоставлен",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(
    r"\s*(?:\[[^\[\]]{1,40}\]\s*)?(?:re|aw|sv|fwd?|wg|tr|rv|enc|antw|vs|vb|pd)\s*(?:\[\d+\])?[:：]"
    r"|\s*\[[^\[\]\d]{0,20}\d{3,10}\]",  # "[Request 4711] Mail delivery failed": the number of a ticket
    re.IGNORECASE,
)
_SUCCESS_SUBJECT = re.compile(r"(?<!not )(?<!not be )\bsuccess|\(relay\)|^(?:delivered|relayed|expanded):", re.IGNORECASE)
_MTA_MARKS = frozenset({
    "x-failed-recipients", "x-ms-exchange-message-is-ndr", "x-ahmailid", "x-mx-bounce", "x-bounceio-id",
    "x-mddsn-message",
})


def is_reply_or_forward(message: ParsedMessage) -> bool:
    """True where the subject says that a person answers or forwards something."""
    return _REPLY_SUBJECT.match(message.headers.get("subject") or "") is not None


def is_from_list(message: ParsedMessage) -> bool:
    """True for mail of lists and newsletters."""
    return "list-unsubscribe" in message.headers or "list-id" in message.headers


def is_passed_on_by_mailman(message: ParsedMessage) -> bool:
    """True where Mailman has passed something on, a report to a list's owner too: it adds the fields of its lists."""
    return "x-beenthere" in message.headers or "x-mailman-version" in message.headers


def has_daemon_sender(message: ParsedMessage) -> bool:
    """True where From or the return path is one that only mail systems use."""
    sender = (message.headers.get("from") or "")[:400]
    if _DAEMON.search(sender):
        return True
    return "daemon" in (message.headers.get("return-path") or "").lower()


def has_null_sender(message: ParsedMessage) -> bool:
    """True for the null return path (RFC 5321 section 4.5.5)."""
    return any(value.strip() in {"<>", "<@>"} for value in message.headers.get_all("return-path"))


def has_failure_subject(message: ParsedMessage) -> bool:
    return _FAILURE_SUBJECT.search((message.headers.get("subject") or "")[:400]) is not None


def looks_like_failure_notice(message: ParsedMessage) -> bool:
    """Whether text for people may be read for failed addresses at all.

    Wants two signs that a mail system wrote it: of daemon-like sender, subject of the trade and report structure one
    at least, the other may be the null return path or Auto-Submitted, which answering machines have too. A forward and
    a reply never pass, nor do a list's mail, a report of success that has lost its status part, a header without a body.
    """
    if not message.has_body:
        return False
    if message.headers.has_any(_MTA_MARKS):
        return True
    if _SUCCESS_SUBJECT.search((message.headers.get("subject") or "")[:400]):
        return False
    is_daemon = has_daemon_sender(message)
    is_list = is_from_list(message) and not (is_daemon and is_passed_on_by_mailman(message))
    if is_list or is_reply_or_forward(message):
        return False
    of_failures = is_daemon + has_failure_subject(message) + (message.content_type == "multipart/report")
    if of_failures != 1:
        return of_failures > 1
    return has_null_sender(message) or auto_submitted(message.headers)[0] in {"auto-replied", "auto-generated"}
