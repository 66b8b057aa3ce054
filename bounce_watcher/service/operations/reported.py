"""Records what a platform reports, row by row: mail that it sent, and mail that was delivered.

A row maps names to values, from a CSV or from JSON. A bad row is reported to the caller and the others are kept. A
repeated row changes nothing. No message quotes a value, which may be an address.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import MailAddress, is_mail_domain, parse_entry
from bounce_watcher.model.ledger import DEFAULT_STREAM
from bounce_watcher.model.sending import (
    LONGEST_MESSAGE_ID,
    DeliveredOutcome,
    Delivery,
    SentCount,
    SentMail,
    SentOutcome,
    bare_message_id,
)
from bounce_watcher.service.announcing import announcer, judge
from bounce_watcher.service.operations.parts import batched

AT_ONCE = 5000
"""How many rows one transaction writes."""

LONGEST_NAME = 200
"""The longest name of a stream or a sending, in characters."""
SLACK = timedelta(days=1)
"""How far another machine's clock may be ahead of ours."""

Row = Mapping[str, object]
Place = int
Rows = Iterable[tuple[Place, Row | ValueError]]
"""Each row with its place, or a ValueError if it is no row at all."""
Refuse = Callable[[Place, str], None]
"""Called for each bad row with its place, what is wrong, and how to fix it."""

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class RowOptions:
    """How rows are read. `stream` is for rows that name none; if None, they must name one. `now` is aware."""

    stream: str | None
    now: datetime


def usual_stream(settings: Settings) -> str | None:
    """Returns the stream of all mailboxes, None if they have several."""
    streams = {mailbox.stream for mailbox in settings.mailboxes} or {DEFAULT_STREAM}
    return next(iter(streams)) if len(streams) == 1 else None


# ── one row ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def sent_row(row: Row, reading: RowOptions) -> SentMail | SentCount:
    """Reads a mail (`message_id`, `recipient`) or a count (`day`, `domain`, `count`), each with `stream`, `sending`.

    `campaign` is another name for `sending`. Raises ValueError with what is wrong and how to fix it.
    """
    sending = _name(row, "sending") or _name(row, "campaign")
    if _is_absent(row.get("message_id")) and not _is_absent(row.get("count")):
        return SentCount(_day(row), _stream(row, reading), _domain(row), _number(row), sending or "")
    return SentMail(_message_id(row), _recipient(row), _stream(row, reading), _moment(row, reading), sending)


def delivery_row(row: Row, reading: RowOptions) -> Delivery:
    """Reads `recipient`, `stream`, `at`. Raises ValueError with what is wrong and how to fix it."""
    return Delivery(_recipient(row), _stream(row, reading), _moment(row, reading))


def _is_absent(value: object) -> bool:
    return value is None or value == ""


def _text(row: Row, key: str, example: str) -> str:
    value = row.get(key)
    if _is_absent(value):
        raise ValueError(f"{key}: missing; write it as {example}")
    if not isinstance(value, str):
        raise ValueError(f"{key}: must be text, such as {example}")
    return value.strip(" \t\r\n")


def _message_id(row: Row) -> str:
    text = bare_message_id(_text(row, "message_id", "<id@example.com>"))
    if not text or any(character.isspace() for character in text):
        raise ValueError("message_id: is none; write it as <id@example.com>, with or without the brackets")
    if len(text.encode(errors="replace")) > LONGEST_MESSAGE_ID:
        raise ValueError(f"message_id: is longer than {LONGEST_MESSAGE_ID} octets, which no mail can hold")
    return text


def _recipient(row: Row) -> MailAddress:
    text = _text(row, "recipient", "user@example.org")
    mailbox = parse_entry(text)
    if mailbox is None:
        raise ValueError("recipient: is no address; write it as user@example.org")
    return mailbox


def _domain(row: Row) -> str:
    text = _text(row, "domain", "example.org").lower()
    if not is_mail_domain(text):
        raise ValueError("domain: is none; write what follows the @ of the recipients, such as example.org")
    return text


def _name(row: Row, key: str) -> str | None:
    value = row.get(key)
    if _is_absent(value):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError(f"{key}: must be text")
    text = str(value).strip()
    if len(text) > LONGEST_NAME:
        raise ValueError(f"{key}: is longer than {LONGEST_NAME} characters")
    return text


def _stream(row: Row, reading: RowOptions) -> str:
    stream = _name(row, "stream") or reading.stream
    if stream is None:
        raise ValueError("stream: missing, and the mailboxes have several; name the one that the mail went in")
    return stream


def _number(row: Row) -> int:
    value = row.get("count")
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit() and len(value) < 19:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 10**18:
        raise ValueError("count: must be a whole number, such as 1200")
    return value


def _day(row: Row) -> date:
    try:
        return date.fromisoformat(_text(row, "day", "2026-11-24"))
    except ValueError:
        raise ValueError("day: is none; write it as 2026-11-24 (UTC)") from None


def _moment(row: Row, reading: RowOptions) -> datetime:
    """Returns the row's time: now if it has none, in UTC if it has no zone."""
    if _is_absent(row.get("at")):
        return reading.now
    text = _text(row, "at", "2026-11-24T06:00:00Z")
    try:
        moment = datetime.fromisoformat(text)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("at: is no time; write it as 2026-11-24T06:00:00Z (ISO 8601)") from None
    if moment > reading.now + SLACK:
        raise ValueError("at: lies in the future; look at the clock, and at the zone")
    return moment


# ── all rows ────────────────────────────────────────────────────────────────────────────────────────────────────────

def take_sent(
    settings: Settings, ledger: Ledger | None, rows: Rows, reading: RowOptions, refuse: Refuse,
    progress: Callable[[int], None] = lambda _: None,
) -> SentOutcome:
    """Writes mails and counts, some thousand per transaction. Without a ledger only reads them, and counts all as new.

    Raises TemporaryFailure or PermanentFailure. What is written by then stays, and the same rows may come again.
    """
    total, judged = SentOutcome(), judge(settings)
    for part in batched(_read(rows, lambda row: sent_row(row, reading), refuse), AT_ONCE):
        mails = [each for each in part if isinstance(each, SentMail)]
        counts = [each for each in part if isinstance(each, SentCount)]
        total += ledger.recording.add_sent(mails, judged) if ledger else SentOutcome(new=len(mails))
        total += ledger.recording.put_counts(counts) if ledger else SentOutcome(counts=len(counts))
        progress(len(part))
    return total


def take_deliveries(
    settings: Settings, ledger: Ledger | None, rows: Rows, reading: RowOptions, refuse: Refuse,
    progress: Callable[[int], None] = lambda _: None,
) -> tuple[int, DeliveredOutcome]:
    """Enters deliveries. Returns how many there were, and what they changed. Otherwise like `take_sent`."""
    announce = announcer(settings)
    taken, total = 0, DeliveredOutcome()
    for part in batched(_read(rows, lambda row: delivery_row(row, reading), refuse), AT_ONCE):
        total += ledger.recording.deliver(part, announce) if ledger else DeliveredOutcome()
        taken += len(part)
        progress(len(part))
    return taken, total


def _read(rows: Rows, read: Callable[[Row], R], refuse: Refuse) -> Iterator[R]:
    for place, row in rows:
        try:
            if isinstance(row, ValueError):
                raise row
            yield read(row)
        except ValueError as wrong:
            refuse(place, str(wrong))
