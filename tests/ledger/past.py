"""A long history in a ledger, written straight into its tables: only so are a million events there in a minute."""

import random
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from bounce_watcher.ledger import review, tally
from bounce_watcher.ledger.engine import open_engine, write
from bounce_watcher.ledger.migrate import upgrade
from bounce_watcher.ledger.statements import Conflict, Insertion, columns_of
from bounce_watcher.ledger.tables import EVENT, RECIPIENT, SENT_COUNT, STATE_CHANGE, SUPPRESSION
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import ABUSE, BounceEvent
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guard import provider
from tests.ledger.making import START

DAYS = 120
_ADD = Insertion(EVENT, columns_of(EVENT))
_REASONS = (Reason.INVALID_RECIPIENT, *[Reason.MAILBOX_FULL] * 3, *[Reason.RATE_LIMITED] * 2, Reason.NETWORK_ERROR)


def fill_history(url: str, events: int, recipients: int, seed: int = 4) -> None:
    """Events of failures and deliveries at random over 120 days, each recipient's far apart in the table."""
    engine = open_engine(url)
    upgrade(engine)
    rows = _rows(events, recipients, random.Random(seed))
    while part := list(islice(rows, 20_000)):
        write(engine, partial(_ADD.execute, rows=part))
    engine.dispose()


def _rows(events: int, recipients: int, chance: random.Random) -> Iterator[tuple[Any, ...]]:
    for number in range(events):
        who = chance.randrange(recipients)
        address = f"user{who}@host{who % 8}.example"
        yield _row(number, address, START + timedelta(days=DAYS * number / events), chance.choice(_REASONS))


def _row(number: int, address: str, at: datetime, reason: Reason) -> tuple[Any, ...]:
    fails = number % 10 > 0
    told: dict[str, Any] = {
        "recipient_key": address, "recipient": address, "id": f"{number:032x}", "message_digest": f"{number:064x}",
        "at": at, "kind": "bounce" if fails else "delivered", "stream": "news",
        "provider": address.rpartition("@")[2], "evidence": "token",
        "action": "failed" if fails else "delivered", "bounce_type": reason.bounce_type if fails else None,
        "reason": reason if fails else None, "status": "5.1.1", "code": 550, "rule": "common.no-such-user",
        "diagnostic": f"550 5.1.1 <{address}>: Recipient address rejected: the words of a server are often this long",
        "recognizer": "rfc3464", "sent_message_id": f"{number}@sender.example", "mailbox": "returns",
    }
    return tuple(told.get(name) for name in _ADD.columns)


# ── with all that pages show ────────────────────────────────────────────────────────────────────────────────────────

STREAMS, WEEKS = ("news", "news", "shop", "receipts"), timedelta(days=7)
_BIG = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "mail.ru")
_SHARES = {
    Reason.INVALID_RECIPIENT: 40, Reason.MAILBOX_FULL: 14, Reason.MESSAGE_EXPIRED: 8, Reason.INVALID_DOMAIN: 5,
    Reason.BAD_REPUTATION: 6, Reason.AUTH_FAILURE: 4, Reason.SPAM: 4, Reason.RATE_LIMITED: 4, Reason.NETWORK_ERROR: 4,
    Reason.MAILBOX_DISABLED: 3, Reason.POLICY: 2, Reason.GREYLISTED: 2, Reason.UNKNOWN: 3,
}
_ONE_IN = {"complaint": 100, "delay": 12, "suppressed": 8}
_ADD_CHANGE = Insertion(STATE_CHANGE, columns_of(STATE_CHANGE, "number"))
_ADD_RECIPIENT = Insertion(RECIPIENT, columns_of(RECIPIENT), Conflict.IGNORE)
_ADD_SUPPRESSION = Insertion(SUPPRESSION, columns_of(SUPPRESSION), Conflict.IGNORE)
_ADD_SENT = Insertion(SENT_COUNT, columns_of(SENT_COUNT))


def fill_pages(url: str, events: int, until: datetime, seed: int = 4) -> None:
    """120 days of events until then, with their counts, states, suppressions and what was sent.

    Six providers have four fifths of them, a thousand domains the rest; each stream has a campaign a week.
    """
    engine = open_engine(url)
    upgrade(engine)
    chance = random.Random(seed)
    times = (until - timedelta(days=DAYS) * (1 - number / events) for number in range(1, events + 1))
    numbered = enumerate(times)
    while part := [_event(number, at, events, chance) for number, at in islice(numbered, 20_000)]:
        write(engine, partial(_put_part, part=part))
    write(engine, partial(_ADD_SENT.execute, rows=list(_sent(until))))
    engine.dispose()


def _event(number: int, at: datetime, events: int, chance: random.Random) -> BounceEvent:
    domain = chance.choice(_BIG) if chance.random() < 0.8 else f"d{int(1000 * chance.random() ** 2)}.example"
    address, stream = f"user{chance.randrange(1 + events // 4)}@{domain}", chance.choice(STREAMS)
    complains, waits = number % _ONE_IN["complaint"] == 0, number % _ONE_IN["delay"] == 0
    (reason,) = chance.choices(tuple(_SHARES), tuple(_SHARES.values()))
    kind = Kind.COMPLAINT if complains else Kind.DELAY if waits else Kind.BOUNCE
    fails = kind is Kind.BOUNCE
    return BounceEvent(
        id=f"{number:032x}", message_digest=f"{number:064x}", at=at, kind=kind, recipient=address, stream=stream,
        action=Action.FAILED if fails else None if complains else Action.DELAYED,
        bounce_type=reason.bounce_type if not complains else None, reason=reason if not complains else None,
        status="5.1.1", code=550, rule="common.no-such-user", recognizer="rfc3464", evidence=Evidence.TOKEN,
        diagnostic=f"550 5.1.1 <{address}>: Recipient address rejected by [192.0.2.{number % 9}]: words of a server",
        feedback_type=ABUSE if complains else None, sent_message_id=f"{number}@sender.example",
        sending=f"week {(at - START) // WEEKS}" if number % 3 else None, mailbox="returns",
    )


def _put_part(connection: Connection, part: Sequence[BounceEvent]) -> None:
    _ADD.execute(connection, [_event_row(event) for event in part])
    tally.add(connection, part)
    review.add(connection, part)
    gone = part[::_ONE_IN["suppressed"]]
    _ADD_RECIPIENT.execute(connection, [_recipient_row(event) for event in part if event.action is Action.FAILED])
    _ADD_CHANGE.execute(connection, [_change_row(event) for event in gone])
    _ADD_SUPPRESSION.execute(connection, [_suppression_row(event) for event in gone])


def _event_row(event: BounceEvent) -> tuple[Any, ...]:
    told = {
        "recipient_key": event.recipient, "provider": provider(event), "review_group": review.group_of(event),
    }
    return tuple(told[name] if name in told else getattr(event, name) for name in _ADD.columns)


def _recipient_row(event: BounceEvent) -> tuple[Any, ...]:
    told: dict[str, Any] = {
        "recipient_key": event.recipient, "stream": event.stream, "recipient": event.recipient, "state": "watching",
        "sequence": 1, "counts": {"hard": 1}, "because": "1 of 3 on 1 day", "first_event_at": event.at,
        "last_event_at": event.at, "rung": 0,
    }
    return tuple(told.get(name) for name in _ADD_RECIPIENT.columns)


def _change_row(event: BounceEvent) -> tuple[Any, ...]:
    told = {
        "recipient_key": event.recipient, "stream": event.stream, "at": event.at, "state": "suppressed", "by": "report",
        "because": "1 of 1 on 1 day", "reason": event.reason or "complaint",
    }
    return tuple(told.get(name) for name in _ADD_CHANGE.columns)


def _suppression_row(event: BounceEvent) -> tuple[Any, ...]:
    told: dict[str, Any] = {
        "recipient_key": event.recipient, "stream": event.stream, "recipient": event.recipient, "state": "suppressed",
        "reason": event.reason or "complaint", "since": event.at, "because": "1 of 1 on 1 day", "source": "policy",
        "bounce_type": event.bounce_type, "events": [event.id], "scope": "stream",
    }
    return tuple(told.get(name) for name in _ADD_SUPPRESSION.columns)


def _sent(until: datetime) -> Iterator[tuple[Any, ...]]:
    for n in range(DAYS + 40):
        day = until - timedelta(days=n)
        for stream in sorted(set(STREAMS)):
            for domain in _BIG:
                yield day.date(), stream, f"week {(day - START) // WEEKS}", domain, 0, 40_000
