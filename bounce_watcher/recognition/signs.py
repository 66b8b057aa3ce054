"""Cheap signs that a mail system wrote a message, so that words alone are never enough to be taken for a bounce."""

import re
from functools import lru_cache

from bounce_watcher.parsing.address import first_address
from bounce_watcher.parsing.auto_reply import auto_submitted
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.recognition.vocabulary import folded, states_failure

_DAEMON = re.compile(
    r"mail(?:er)?[-_]?daemon|post[-_]?master|mail[-_ ]?deliver|mail(?:er)? system|microsoftexchange|mdaemon"
    r"|mail[-_ ]?admin|system administrator|delivery (?:sub)?system|^\W*daemon@|mailsweeper|interscan"
    r"|content-filter|sieve subsystem|courier mail server|mailmarshal|mimesweeper|mail security|spam firewall"
    r"|virus ?wall|memo service|posta-certificata@|^\W*[mp]mdf@|scanmail|mailguard|groupshield"
    r"|webshield|amavis|mailscanner",
    re.IGNORECASE,
)
_SYSTEM_NAME = re.compile(
    r"\W*(?:microsoft (?:outlook|exchange)|system ?administrat|administrat\w{1,4} (?:del? |di )?s[iy]st"
    r"|administrador del? |systeembeheer|administrator systemu|systemadministrat|jarjestelmanvalvoja|spravce syst"
    r"|rendszergazda|sistem yoneticisi|системный администратор|システム管理者|系统管理员|系統管理員|시스템 관리자)"
)
"""The names that mail systems give themselves where a copy shows no address: anybody may have them beside one."""
_FAILURE_SUBJECT = re.compile(
    r"undeliver|undelivrable|return(?:ed|ing) (?:e?mail|to sender|message)"
    r"|failure notice|failed mail|mail failed|fail\w{0,10} (?:to )?deliver"
    r"|deliver\w{0,10} (?:has )?(?:fail|status|report|notification|problem|error)|(?:mail|message) delivery"
    r"|mail (?:(?:system )?error|failure|could not)|(?:mail|message) (?:status|undeliver|not delivered|delayed)"
    r"|non-?deliver"
    r"|could ?n[o']t (?:be )?(?:send|sent|deliver)|not be delivered|addressing error|no valid recipient|^ndn:"
    r"|delayed mail|mail delay|could not send message|rejected|^bounce|warning: message|unknown user|user unknown"
    r"|unzustellbar|nicht zugestellt|zustell|état de la distribution|non remis|no se (?:pudo|puede) entregar"
    r"|mancato recapito|mancata consegna|onbestelbaar|退信|配信|送信でき|エラー|не доставлен|недоставлен",
    re.IGNORECASE,
)
_REPLY_SUBJECT = re.compile(
    r"\s*(?:\[[^\[\]]{1,40}\]\s*)?(?:re|aw|sv|fwd?|wg|tr|rv|enc|antw|vs|vb|pd)\s*(?:\[\d+\])?[:：]"
    r"|\s*\[(?:[^\[\]\d]{0,20}\d{3,10}|[^\[\]\d]{2,20}[ #]\d{1,10})\]",
    re.IGNORECASE,
)
"""Also the number of a ticket or a bug: "[Request 4711] Mail delivery failed"."""
_SUCCESS_SUBJECT = re.compile(
    r"(?<!not )(?<!not be )\bsuccess|\(relay\)|^(?:delivered|relayed|expanded):", re.IGNORECASE
)
_SESSION_SUBJECT = re.compile(r"\bsmtp (?:server|client): ?errors from ", re.IGNORECASE)
"""What Postfix tells its postmaster about a session with somebody else."""
_MACHINE = re.compile(
    r"no-?_?reply|do-?not-?reply|anti-?_?virus|gateway|notif|bounce|robot|smtp|mail-?(?:er|server|gate|relay|hub)\b"
    r"|delivery|system|filter|secur|admin|e-?mail",
    re.IGNORECASE,
)
_ROLE = re.compile(
    r"(?<![\w.-])(?:info|mail|office|contact|kontakt|service|support|web|post|it|edv|team)@", re.IGNORECASE
)
"""A mailbox of an organisation and of nobody in person."""

_MONITOR = re.compile(
    r"monitor|nagios|icinga|zabbix|logwatch|\bcron|jenkins|\bbuild|\bci\b|pipeline|service alert|\bdigest\b"
    r"|bugzilla|\bbugs?[@.]|\bjira\b|campaign|campagne|kampagne|campana\b"
    r"|statistic|summary|report for (?:last|this|the)|\bqueue\b|backup|ticket|help ?desk"
    r"|majordomo|listserv|\bsympa\b|-(?:owner|request)@|\bowner-",
    re.IGNORECASE,
)
_COUNTS = re.compile(r"statistic|summary|report for (?:last|this|the)|\bqueue\b|logwatch|\bcron", re.IGNORECASE)
"""What a daemon tells of many mails at once, unless the subject or the return path says that one has failed."""
_FAILED_AT_END = re.compile(
    r"\S ?(?:[:;(\[|/-]|\u2013) ?(?:undeliver\w{1,6}|delivery (?:failed|failure|error)|not delivered|mail failure"
    r"|unzustellbar|nicht zugestellt|zustellung fehlgeschlagen|non remis|non distribu[eé]|no entregado"
    r"|n[aã]o entregue|non consegnato)\b[^:]{0,40}$",
    re.IGNORECASE,
)
"""The outcome behind the subject of the mail, as gateways answer: "Re: The news of March: not delivered"."""

_CARRIER = re.compile(
    r"parcel|paket|courier(?! mail)|ship(?:ping|ment)|\bcolis|livraison|fedex|\b(?:dhl|ups|usps|dpd|gls|hermes)\b"
    r"|@correos",
    re.IGNORECASE,
)
MAX_HEADER = 8_000  # how many bytes are searched for a header that was damaged
_FIELD = re.compile(
    rb"^(?:(?:return-path|message-id|mime-version|received)\b|(?:from|date)[ \t]*:)", re.IGNORECASE | re.MULTILINE
)
_AUTHORS = frozenset({"from", "sender", "list-id"})
_AUTOMATIC = frozenset({"auto-replied", "auto-generated"})
_MTA_MARKS = frozenset({
    "x-failed-recipients", "x-ms-exchange-message-is-ndr", "x-ahmailid", "x-mx-bounce", "x-bounceio-id",
    "x-mddsn-message",
})


def is_reply_or_forward(message: ParsedMessage) -> bool:
    """Checks whether the subject says that a person answers or forwards something."""
    return _REPLY_SUBJECT.match(message.headers.get("subject") or "") is not None


def is_from_list(message: ParsedMessage) -> bool:
    """Checks for mail of lists and newsletters."""
    return "list-unsubscribe" in message.headers or "list-id" in message.headers


def is_passed_on_by_mailman(message: ParsedMessage) -> bool:
    """Checks whether Mailman passed the mail on. It adds the fields of its lists even to reports to a list's owner."""
    return "x-beenthere" in message.headers or "x-mailman-version" in message.headers


@lru_cache(maxsize=1)  # several recognizers need it
def has_daemon_sender(message: ParsedMessage) -> bool:
    """Checks whether From or the return path is one that only mail systems use."""
    sender = (message.headers.get("from") or "")[:400]
    is_daemon = _DAEMON.search(sender) is not None or ("@" not in sender and _SYSTEM_NAME.match(folded(sender)))
    return bool(is_daemon) or "daemon" in (message.headers.get("return-path") or "").lower()


def lacks_sender(message: ParsedMessage) -> bool:
    """Checks for a copy without From: people paste a notice with half of its header, or with none.

    Some systems write the null return path there as well. A header that was damaged, and so was not read, does not
    lack it.
    """
    if message.headers.raw:
        return not message.headers.has_any(_AUTHORS) or (message.headers.get("from") or "").strip() == "<>"
    return _FIELD.search(message.content.lstrip()[:MAX_HEADER].partition(b"\n\n")[0]) is None


def has_null_sender(message: ParsedMessage) -> bool:
    """Checks for the null return path (RFC 5321 section 4.5.5)."""
    return any(value.strip() in {"<>", "<@>"} for value in message.headers.get_all("return-path"))


def is_of_daemon(message: ParsedMessage) -> bool:
    """Checks for a mailer daemon with the null return path: a postmaster also writes about other things."""
    return has_null_sender(message) and _is_from_daemon(message)


def _is_from_daemon(message: ParsedMessage) -> bool:
    return "daemon" in (message.headers.get("from") or "")[:400].lower()


@lru_cache(maxsize=1)
def has_failure_subject(message: ParsedMessage) -> bool:
    """Checks whether the subject says that something was not delivered."""
    subject = (message.headers.get("subject") or "")[:400]
    return _FAILURE_SUBJECT.search(subject) is not None or states_failure(folded(subject))


def is_from_itself(message: ParsedMessage) -> bool:
    """Checks that return path and From do not differ in domain: an impostor keeps its own return path."""
    path = first_address(message.headers.get("return-path") or "")
    sender = first_address(message.headers.get("from") or "")
    if path is None or sender is None or "daemon" in path.lower():
        return True
    return path.rpartition("@")[2] == sender.rpartition("@")[2]


def looks_like_failure_notice(message: ParsedMessage) -> bool:
    """Checks whether text for people may be read for failed addresses at all.

    A mark of a mail system in the header is enough. Otherwise it needs two signs that a mail system wrote it. At least
    one must be a daemon-like sender, a failure subject or the report structure. The other may be the null return path
    or, beside sender or structure, Auto-Submitted, which answering machines and monitors use as well. It rejects
    forwards, replies, mail of lists and of monitors, reports of success without their status part, and headers without
    a body.
    """
    if not message.has_body:
        return False
    if message.headers.has_any(_MTA_MARKS):
        return True
    is_daemon = has_daemon_sender(message)
    is_list = is_from_list(message) and not (is_daemon and is_passed_on_by_mailman(message))
    is_passed_on = is_reply_or_forward(message) and not _is_from_daemon(message)
    if is_list or is_passed_on or _is_of_another_trade(message, is_daemon=is_daemon):
        return False
    of_system = is_daemon + lacks_sender(message) + (message.content_type == "multipart/report")
    signs = of_system + has_failure_subject(message)
    if signs != 1:
        return signs > 1
    return has_null_sender(message) or (of_system > 0 and auto_submitted(message.headers)[0] in _AUTOMATIC)


def may_be_failure_notice(message: ParsedMessage) -> bool:
    """Checks for at least one sign that a mail system wrote it, so that a text of that form may be believed.

    Subject and null return path are no signs if From has a person's name: people write about bounces too, and their
    mailboxes send automatic answers.
    """
    is_daemon = has_daemon_sender(message)
    is_list = is_from_list(message) or is_passed_on_by_mailman(message)
    if not message.has_body or is_list or _is_of_another_trade(message, is_daemon=is_daemon):
        return False
    if is_daemon or is_reply_or_forward(message):
        return is_daemon
    if message.content_type == "multipart/report" or lacks_sender(message):
        return True
    is_machine = _MACHINE.search((message.headers.get("from") or "")[:400]) is not None
    return is_machine and (has_failure_subject(message) or has_null_sender(message))


def has_one_sign(message: ParsedMessage) -> bool:
    """Checks for the weakest sign that a mail system wrote it: what the text says must then be plain by itself."""
    is_list = is_from_list(message) or is_passed_on_by_mailman(message)
    if not message.has_body or is_list or _is_of_another_trade(message, is_daemon=False):
        return False
    sender = (message.headers.get("from") or "")[:400]
    if "<" not in sender and _FAILED_AT_END.search((message.headers.get("subject") or "")[:400]):
        return True  # people have a name
    if is_reply_or_forward(message):
        return False
    if _MACHINE.search(sender):
        return True
    return _ROLE.search(sender) is not None and (has_failure_subject(message) or has_null_sender(message))


@lru_cache(maxsize=1)
def _is_of_another_trade(message: ParsedMessage, *, is_daemon: bool) -> bool:
    """Checks for reports of success, for monitors and digests, which quote dozens of failures, and for parcels."""
    subject = (message.headers.get("subject") or "")[:400]
    if _SUCCESS_SUBJECT.search(subject) or _SESSION_SUBJECT.search(subject):
        return True
    if is_daemon:
        return _COUNTS.search(subject) is not None and not (has_failure_subject(message) or has_null_sender(message))
    sender = (message.headers.get("from") or "")[:400]
    return _CARRIER.search(sender) is not None or _MONITOR.search(f"{sender}\n{_own_words(subject)}") is not None


def _own_words(subject: str) -> str:
    """Returns a subject without that of the original: "Undeliverable: your ticket 4711" is not from a help desk."""
    head, colon, _ = subject.partition(":")
    is_of_failure = colon and (_FAILURE_SUBJECT.search(head) or states_failure(folded(head)))
    return head if is_of_failure else subject
