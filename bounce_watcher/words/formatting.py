"""How values are written for a person, the same everywhere. A stranger's text is made harmless here.

Templates escape on top of it. This module handles text that is harmful even so (controls, direction marks, sheer size).
All times are shown in UTC.
"""

import shlex
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import zip_longest

from bounce_watcher.model.ledger import AlertKind, ChangedBy, Disposition, EventType, OutboxState, State
from bounce_watcher.model.neutral import for_page
from bounce_watcher.model.verdict import Reason

LONGEST = 600
"""The most characters of a mail's text that a page shows."""
LONGEST_NAME = 120
"""The most characters of a name (of a stream, a provider, a campaign) that a page shows."""
_NEARLY_ALL = 99.5
"""The percentage from which rounding would give 100."""

TYPES: Mapping[EventType, str] = {
    EventType.HARD: "About the address",
    EventType.COMPLAINT: "Complaints",
    EventType.SOFT: "Temporary",
    EventType.BLOCK: "About the sender",
    EventType.UNDETERMINED: "Not recognised",
}
"""In stacking order: types that change addresses come first."""

CSV_TYPES: Mapping[EventType, str] = {**TYPES, EventType.SOFT: "May pass"}
"""Column names of downloads, on which scripts rely."""

COLOURS: Mapping[EventType, str] = {
    EventType.HARD: "address", EventType.COMPLAINT: "complaint", EventType.SOFT: "counting",
    EventType.BLOCK: "sender", EventType.UNDETERMINED: "unknown",
}
"""Classes of the style sheet."""

STATES: Mapping[State, tuple[str, str, str]] = {
    State.ACTIVE: ("Active", "is-ok", "Mail may be sent."),
    State.WATCHING: ("Watching", "is-warn", "Some bounces, too few to suppress. Mail may be sent."),
    State.PENDING: ("Held", "is-hold", "Suppression held back for now. Targets are not notified."),
    State.SUPPRESSED: ("Suppressed", "is-bad", "Not to be mailed in this stream."),
    State.RELEASED: ("Released", "is-info", "Allowed again. The counter is reset."),
}
"""Word, class of the badge, and what it means."""

DELIVERIES: Mapping[OutboxState, tuple[str, str]] = {
    OutboxState.DUE: ("Waiting", "is-warn"),
    OutboxState.DELIVERED: ("Delivered", "is-ok"),
    OutboxState.DEAD: ("Dead letter", "is-bad"),
    OutboxState.SUPERSEDED: ("Superseded", ""),
    OutboxState.DISCARDED: ("Discarded", ""),
}

TRIES: Mapping[Disposition, tuple[str, str]] = {
    Disposition.DELIVERED: ("Accepted", "is-ok"),
    Disposition.RETRY: ("Failed", "is-warn"),
    Disposition.DEAD: ("Dead letter", "is-bad"),
    Disposition.GONE: ("Receiver gone", "is-bad"),
    Disposition.AGAIN: ("Rate limited", ""),
}

BY: Mapping[ChangedBy, str] = {
    ChangedBy.REPORT: "by a report", ChangedBy.CLOCK: "automatically", ChangedBy.PERSON: "by a person",
    ChangedBy.PLATFORM: "by the platform",
    ChangedBy.GUARD: "by the outage guard", ChangedBy.UNDO: "by an undo", ChangedBy.RULES: "by current rules",
}

ALERTS: Mapping[AlertKind, str] = {
    AlertKind.OUTAGE: "Outage guard", AlertKind.BLOCKS: "Blocked", AlertKind.FORGED: "Forged reports",
    AlertKind.ENDPOINT: "Webhook disabled", AlertKind.MAILBOX: "Mailbox failing", AlertKind.QUIET: "No incoming mail",
    AlertKind.TARGET: "Target failing", AlertKind.FLOOD: "Flood",
}

REASONS: Mapping[str, str] = {
    "complaint": "Complaint",
    Reason.INVALID_RECIPIENT: "Mailbox does not exist",
    Reason.INVALID_DOMAIN: "Domain does not exist",
    Reason.MAILBOX_MOVED: "Mailbox moved",
    Reason.MAILBOX_DISABLED: "Mailbox disabled",
    Reason.MAILBOX_FULL: "Mailbox full",
    Reason.MESSAGE_EXPIRED: "Delivery timed out",
    Reason.NETWORK_ERROR: "Server not responding",
    Reason.RECIPIENT_FILTERED: "Recipient's own filter",
    Reason.SYSTEM_ERROR: "Receiving server error",
    Reason.SYSTEM_FULL: "Server full",
    Reason.RATE_LIMITED: "Sending too fast",
    Reason.SPAM: "Content judged as spam",
    Reason.BLOCKLISTED: "Blocked: on a blocklist",
    Reason.BAD_REPUTATION: "Blocked: reputation",
    Reason.AUTH_FAILURE: "Authentication failed (SPF, DKIM, DMARC)",
    Reason.MISSING_PTR: "Sender lacks reverse DNS",
    Reason.POLICY: "Refused by a policy",
    Reason.NOT_RFC_COMPLIANT: "Message breaks a standard",
    Reason.CONTENT_REJECTED: "Content refused",
    Reason.MESSAGE_TOO_LARGE: "Too large",
    Reason.RELAY_DENIED: "Relaying refused",
    Reason.TLS_FAILURE: "Encryption failed",
    Reason.SECURITY: "Refused by a security feature",
    Reason.ALREADY_SUPPRESSED: "Already suppressed by relay",
    Reason.UNKNOWN: "Not recognised",
}
"""Texts for reasons whose names alone are not clear enough."""

PROVIDERS: Mapping[str, tuple[str, str]] = {
    "google.com": ("Google", "gmail.com, Workspace"),
    "outlook.com": ("Microsoft", "outlook.com, hotmail.com, Microsoft 365"),
    "yahoo.com": ("Yahoo", "yahoo.com, aol.com"),
    "icloud.com": ("Apple", "icloud.com, me.com, mac.com"),
    "gmx.net": ("GMX / WEB.DE", "gmx.net, web.de, mail.com"),
    "ionos.com": ("IONOS", "hosted domains"),
    "qq.com": ("Tencent QQ", "qq.com, foxmail.com"),
    "163.com": ("NetEase", "163.com, 126.com"),
    "mail.ru": ("Mail.ru", "mail.ru, inbox.ru, list.ru, bk.ru"),
    "yandex.ru": ("Yandex", "yandex.ru, yandex.com"),
    "proofpoint.com": ("Proofpoint", "filtered domains"),
    "mimecast.com": ("Mimecast", "filtered domains"),
    "messagelabs.com": ("Broadcom Email Security", "filtered domains"),
    "barracuda.com": ("Barracuda", "filtered domains"),
    "orange.fr": ("Orange", "orange.fr, wanadoo.fr"),
    "t-online.de": ("Telekom", "t-online.de"),
}
"""Receiving providers that are known by a name other than their domain, and the domains whose mail they receive."""


def provider(value: str) -> str:
    """Returns a provider's common name: "Microsoft" for `outlook.com`."""
    known = PROVIDERS.get(value)
    return known[0] if known else harmless(value, LONGEST_NAME) or "Provider unknown"


def reason(value: str | None) -> str:
    """Returns a reason in words: "Mailbox full" for `mailbox_full`."""
    if not value:
        return "Reason unknown"
    return REASONS.get(value) or value.replace("_", " ").capitalize()


# ── a stranger's text ───────────────────────────────────────────────────────────────────────────────────────────────

def harmless(text: object, longest: int = LONGEST) -> str:
    """Returns `text` with controls, direction marks and invisible characters shown by number. Long text is cut."""
    whole = "" if text is None else str(text)
    shown = for_page(whole[:longest])
    return shown if len(whole) <= longest else f"{shown}… (cut here, {size(len(whole))} in total)"


UNTIL_RESUMED = "nothing is sent until it is resumed."


def paused_target(target: str) -> str:
    return f"{name(target)} is paused: {UNTIL_RESUMED}"


def command(*words: str, longest: int = LONGEST) -> str:
    """Returns a shell command to be copied from a page, quoted so that the shell takes each word for one word only."""
    return harmless(shlex.join(words), longest)


def name(text: str) -> str:
    """Returns the name of a stream, a campaign or a mailbox, made harmless."""
    return harmless(text, LONGEST_NAME)


def size(characters: int) -> str:
    """Returns a size in words: "600 characters", "18 KB"."""
    return f"{characters:,} characters" if characters < 2000 else f"{characters // 1024:,} KB"


# ── numbers ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def number(value: int) -> str:
    return f"{value:,}".replace("-", "−")


def counted(value: int, thing: str, things: str | None = None) -> str:
    """Returns a number with its noun: "1 event", "1,204 events"."""
    return f"{number(value)} {thing if value == 1 else things or thing + 's'}"


def difference(now: int, before: int | None) -> str:
    """Returns "+455", "new" or "–". `before` None = unknown."""
    if before is None or (now < 10 and before < 10):
        return "–"
    if before == 0:
        return "new"
    return f"{now - before:+,}".replace("-", "−") if now != before else "±0"


def change(now: int, before: int | None) -> str:
    """Returns "+455 (+33 %)", "new" or "–"; a percentage only if `before` is 50 or more."""
    told = difference(now, before)
    if before is None or before < 50 or now == before:
        return told
    return f"{told} ({100 * (now - before) / before:+.0f} %)".replace("-", "−").replace(" %", "\u202f%")


def share(part: int, whole: int) -> str:
    """Returns a percentage if the whole is 50 or more, below that "3 of 17"; "–" for a whole of 0."""
    if whole == 0:
        return "–"
    if part == 0 or whole < 50:
        return f"{number(part)} of {number(whole)}"
    percent = 100 * part / whole
    if percent < 0.01:
        return "under 0.01\u202f%"
    if part < whole and percent >= _NEARLY_ALL:
        return "over 99\u202f%"
    decimals = 2 if percent < 1 else 1 if percent < 10 else 0
    return f"{percent:.{decimals}f}\u202f%"


def is_unusual(now: int, before: int) -> bool:
    """Checks whether two counts differ by more than chance: 3 times the spread of two Poisson counts' difference."""
    return now + before >= 30 and abs(now - before) > 3 * (now + before) ** 0.5


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def plain(name: str) -> str:
    """Returns a reason for scripts in words: `mailbox full`."""
    return name.replace("_", " ")


def listing(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def number_of_days(number: int) -> str:
    """`1 day`, `14 days`."""
    return f"{number} day" if number == 1 else f"{number} days"


# ── times ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def when(at: datetime, now: datetime) -> str:
    """Returns "14:02" for today, "17 Mar, 14:02" for this year, else "17 Mar 2025, 14:02"."""
    at, now = at.astimezone(UTC), now.astimezone(UTC)
    if at.date() == now.date():
        return f"{at:%H:%M}"
    year = "" if at.year == now.year else f" {at.year}"
    return f"{at.day} {at:%b}{year}, {at:%H:%M}"


def day(at: datetime, now: datetime) -> str:
    """Returns "17 Mar" for this year, else "17 Mar 2025"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b}" if at.year == now.year else f"{at.day} {at:%b} {at.year}"


def moment(at: datetime) -> str:
    """Returns a time such as "17 March 2026 at 14:02"."""
    at = at.astimezone(UTC)
    return f"{at.day} {at:%B %Y} at {at:%H:%M}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)
"""In English under every locale."""


def full_day(at: datetime) -> str:
    """`2 March 2026`."""
    return days([at.astimezone(UTC).date()])


def minute(at: datetime) -> str:
    """`2 March 2026 09:30 UTC`."""
    return f"{full_day(at)} {at.astimezone(UTC):%H:%M} UTC"


def days(dates: Iterable[date]) -> str:
    """`2, 9 and 17 March 2026`: each distinct date once, in order, month and year where they change."""
    ordered, told = sorted(set(dates)), list[str]()
    for this, after in zip_longest(ordered, ordered[1:]):
        is_last_of_year = after is None or after.year != this.year
        month = f" {_MONTHS[this.month - 1]}" if is_last_of_year or after.month != this.month else ""
        told.append(f"{this.day}{month}{f' {this.year}' if is_last_of_year else ''}")
    return listing(told)


def took(span: timedelta | None) -> str:
    """Returns a duration such as "180 ms", "2.4 s" or "3 min"; "–" if it is unknown."""
    if span is None:
        return "–"
    seconds = span.total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else age(span)


def age(span: timedelta) -> str:
    """Returns a duration such as "20 s", "42 min", "6 h" or "3 d"."""
    seconds = max(0, int(span.total_seconds()))
    for length, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
