"""What enhanced status codes (RFC 3463, IANA's registry) and reply codes (RFC 5321) mean if no words decide."""

from bounce_watcher.model.fields import EnhancedStatus
from bounce_watcher.model.verdict import BounceType, Reason

# subject.detail -> reason, the same for classes 4 and 5; in _BY_CLASS (reason of class 4, reason of class 5). Codes
# that servers use for anything at all, above all 5.7.1, have their most frequent meaning, and never a hard reason.
_DETAILS = {
    Reason.SYSTEM_ERROR: "1.4 2.4 3.2 3.5 8.1",
    Reason.SENDER_REJECTED: "1.7 1.8 7.27",
    Reason.NOT_RFC_COMPLIANT: "1.20 6.11",
    Reason.MAILBOX_FULL: "2.2",
    Reason.MESSAGE_TOO_LARGE: "2.3 3.4 7.16",
    Reason.RATE_LIMITED: "2.121 2.122 7.28",
    Reason.SYSTEM_FULL: "3.1",
    Reason.CONTENT_REJECTED: "3.3 6.0 6.1 6.2 6.3 6.4 6.5 6.6 6.7 6.8 6.9 6.10",
    Reason.NETWORK_ERROR: "4.0 4.1 4.2 4.3 4.4 4.312 4.315 4.316",
    Reason.MAIL_LOOP: "4.6 4.14",
    Reason.MESSAGE_EXPIRED: "4.7 4.300",
    Reason.PROTOCOL_ERROR: "5.0 5.1 5.2 5.4 5.5 5.6",
    Reason.TOO_MANY_RECIPIENTS: "5.3",
    Reason.POLICY: "7.2 7.15 7.19",
    Reason.SECURITY: "7.3 7.6 7.7 7.8 7.9 7.11 7.13 7.14",
    Reason.TLS_FAILURE: "7.4 7.5 7.10 7.30",
    Reason.AUTH_FAILURE: "7.20 7.21 7.22 7.23 7.24 7.26 7.29 7.32 7.40 7.509 7.515",
    Reason.MISSING_PTR: "7.25",
    Reason.RELAY_DENIED: "7.54",
}
_BOTH = {detail: reason for reason, details in _DETAILS.items() for detail in details.split()}
_BY_CLASS = {
    "1.1": (Reason.MAILBOX_UNAVAILABLE, Reason.INVALID_RECIPIENT),
    "1.2": (Reason.NETWORK_ERROR, Reason.INVALID_DOMAIN),
    "1.3": (Reason.UNKNOWN, Reason.INVALID_RECIPIENT),
    "1.6": (Reason.UNKNOWN, Reason.MAILBOX_MOVED),
    # The registry's 5.1.10 is a null MX, Exchange Online's an unknown recipient: the words decide; both are hard.
    "1.10": (Reason.UNKNOWN, Reason.INVALID_RECIPIENT),
    # RFC 3463: "The mailbox exists, but something about the destination mailbox has caused the sending of this DSN."
    "2.0": (Reason.MAILBOX_UNAVAILABLE, Reason.RECIPIENT_FILTERED),
    "2.1": (Reason.MAILBOX_UNAVAILABLE, Reason.MAILBOX_DISABLED),
    "3.0": (Reason.SYSTEM_ERROR, Reason.UNKNOWN),
    "4.5": (Reason.SYSTEM_ERROR, Reason.RATE_LIMITED),
    "7.0": (Reason.RATE_LIMITED, Reason.POLICY),
    "7.1": (Reason.UNKNOWN, Reason.POLICY),
    "7.12": (Reason.SECURITY, Reason.POLICY),
    "7.17": (Reason.UNKNOWN, Reason.INVALID_RECIPIENT),
    "7.18": (Reason.UNKNOWN, Reason.INVALID_DOMAIN),
}
# Microsoft's ranges (Exchange Online): subject, first and last detail, reason.
_RANGES = (
    (1, 90, 90, Reason.RATE_LIMITED),
    (4, 14, 20, Reason.MAIL_LOOP),
    (4, 22, 28, Reason.SYSTEM_ERROR),
    (4, 62, 62, Reason.SYSTEM_ERROR),
    (7, 57, 57, Reason.SECURITY),
    (7, 60, 60, Reason.SENDER_REJECTED),
    (7, 64, 64, Reason.RELAY_DENIED),
    (7, 124, 136, Reason.POLICY),
    (7, 193, 193, Reason.POLICY),
    (7, 232, 236, Reason.RATE_LIMITED),
    (7, 320, 325, Reason.TLS_FAILURE),
    (7, 367, 367, Reason.RELAY_DENIED),
    (7, 750, 750, Reason.SENDER_REJECTED),
    (7, 900, 999, Reason.POLICY),
)
# The same numbers mean a temporary restriction in class 4 and a specific refusal in class 5.
_RANGES_OF_CLASS = {
    4: ((7, 500, 649, Reason.RATE_LIMITED), (7, 650, 651, Reason.BAD_REPUTATION), (7, 652, 899, Reason.RATE_LIMITED)),
    5: (
        (7, 501, 503, Reason.SENDER_REJECTED),
        (7, 506, 506, Reason.PROTOCOL_ERROR),
        (7, 507, 507, Reason.BLOCKLISTED),
        (7, 508, 508, Reason.RATE_LIMITED),
        (7, 510, 510, Reason.POLICY),
        (7, 511, 511, Reason.BLOCKLISTED),
        (7, 512, 512, Reason.NOT_RFC_COMPLIANT),
        (7, 513, 513, Reason.BLOCKLISTED),
        (7, 606, 649, Reason.BLOCKLISTED),
        (7, 700, 711, Reason.SENDER_REJECTED),
    ),
}
_AFTER_DATA = {"1.1": Reason.RECIPIENT_FILTERED, "2.1": Reason.RECIPIENT_FILTERED}
"""RCPT TO was accepted, so a refusal after the data comes from the recipient's own filter or forward target."""

_CODES = {
    420: Reason.MAILBOX_UNAVAILABLE, 421: Reason.SYSTEM_ERROR, 422: Reason.MAILBOX_FULL, 430: Reason.SYSTEM_ERROR,
    431: Reason.SYSTEM_FULL, 432: Reason.SYSTEM_ERROR, 441: Reason.NETWORK_ERROR, 442: Reason.NETWORK_ERROR,
    446: Reason.MAIL_LOOP, 447: Reason.MESSAGE_EXPIRED, 449: Reason.NETWORK_ERROR, 450: Reason.MAILBOX_UNAVAILABLE,
    451: Reason.SYSTEM_ERROR, 452: Reason.SYSTEM_FULL, 454: Reason.SECURITY, 455: Reason.PROTOCOL_ERROR,
    499: Reason.MESSAGE_EXPIRED,
    500: Reason.PROTOCOL_ERROR, 501: Reason.PROTOCOL_ERROR, 502: Reason.PROTOCOL_ERROR, 503: Reason.PROTOCOL_ERROR,
    504: Reason.PROTOCOL_ERROR, 517: Reason.SENDER_REJECTED, 522: Reason.MAILBOX_FULL, 523: Reason.MESSAGE_TOO_LARGE,
    525: Reason.SECURITY, 530: Reason.SECURITY, 534: Reason.SECURITY, 535: Reason.SECURITY, 538: Reason.SECURITY,
    541: Reason.POLICY, 555: Reason.PROTOCOL_ERROR, 571: Reason.POLICY, 599: Reason.MESSAGE_EXPIRED,
}  # fmt: skip
"""Only codes with a meaning. 550 to 554 have none: a code alone never suppresses."""

# RFC 7504: a server answers 521 or 556 for a domain that takes no mail. Either code alone is also used by blocklists.
_NO_MAIL_CODES = frozenset({521, 556})
_NO_MAIL_STATUSES = frozenset({EnhancedStatus(5, 3, 2), EnhancedStatus(5, 1, 10)})


def reason_of_status(status: EnhancedStatus, code: int | None = None, stage: str | None = None) -> Reason:
    """Returns the reason that RFC 3463 and the registry give `status`; `UNKNOWN` if it says nothing.

    An unregistered detail counts as x.y.0 of its subject, and never as hard.
    """
    if code in _NO_MAIL_CODES and status in _NO_MAIL_STATUSES:
        return Reason.DOMAIN_REFUSES_MAIL
    key = f"{status.subject}.{status.detail}"
    if stage in ("DATA", "DOT") and status.class_ == 5 and key in _AFTER_DATA:
        return _AFTER_DATA[key]
    if reason := _registered(key, status.class_) or _in_range(status):
        return reason
    reason = _registered(f"{status.subject}.0", status.class_) or Reason.UNKNOWN
    return Reason.UNKNOWN if reason.bounce_type is BounceType.HARD else reason


def reason_of_code(code: int) -> Reason:
    """Returns the reason of a reply code alone; never a hard one (RFC 5321 section 4.2.3: 550 means a dozen things)."""
    return _CODES.get(code, Reason.UNKNOWN)


def _registered(key: str, class_: int) -> Reason | None:
    if key in _BY_CLASS:
        return _BY_CLASS[key][class_ == 5]
    return _BOTH.get(key)


def _in_range(status: EnhancedStatus) -> Reason | None:
    for subject, first, last, reason in (*_RANGES, *_RANGES_OF_CLASS.get(status.class_, ())):
        if status.subject == subject and first <= status.detail <= last:
            return reason
    return None
