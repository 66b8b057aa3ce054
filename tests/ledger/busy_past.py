"""A long past with all that pages show, written straight into the tables: a million events in some minutes.

As unevenly spread as the post is: a few providers, campaigns and reasons have most of it, and some values of every
filter hardly occur, or never together.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from sqlalchemy import Connection, Table, text

from bounce_watcher.ledger.db.engine import open_engine, write
from bounce_watcher.ledger.db.migrate import upgrade
from bounce_watcher.ledger.db.statements import Conflict, Insertion, columns_of
from bounce_watcher.ledger.db.tables import (
    ACTION,
    ALERT,
    EVENT,
    HELD,
    MESSAGE,
    OUTBOX,
    RECIPIENT,
    SENT_COUNT,
    STATE_CHANGE,
    SUPPRESSION,
)
from bounce_watcher.ledger.recording import report_counts
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import AtOnce, ByPerson, Counted, Outage, Subject, SubjectKind
from bounce_watcher.model.ledger import ABUSE, AlertKind, BounceEvent
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.outages import provider
from tests.ledger.making import START

DAYS = 120
STREAMS, WEEKS = ("news", "news", "shop", "receipts"), timedelta(days=7)
RARE = 50_000
"""One in so many events has a rule, and one has a stream, that hardly occur."""
OPEN, OVER, ACTIONS = 2, 400, 5000
HELD_BACK, WAITING, DEAD, MAILS = 3000, 500, 300, 2000
"""What an incident under way holds; what is due and what gave up; whose mail is kept."""
_BIG = ("gmail.com", "outlook.com", "yahoo.com", "gmx.net", "icloud.com", "mail.ru")
_SHARES = {
    Reason.INVALID_RECIPIENT: 40, Reason.MAILBOX_FULL: 14, Reason.MESSAGE_EXPIRED: 8, Reason.INVALID_DOMAIN: 5,
    Reason.BAD_REPUTATION: 6, Reason.AUTH_FAILURE: 4, Reason.SPAM: 4, Reason.RATE_LIMITED: 4, Reason.NETWORK_ERROR: 4,
    Reason.MAILBOX_DISABLED: 3, Reason.POLICY: 2, Reason.GREYLISTED: 2, Reason.UNKNOWN: 3,
}
NEVER = ("gmail.com", Reason.POLICY)
"""A provider's domain and a reason that both occur, but never together."""
_CODES = {reason: (f"{5 - n % 2}.{1 + n % 7}.{n % 4}", 550 - 100 * (n % 2) + n) for n, reason in enumerate(_SHARES)}
_ONE_IN = {"complaint": 100, "delay": 12, "suppressed": 8, "released": 10, "rule of a provider": 10, "prose": 7}
_LETTERS = "abcdefghijklmnopqrst"
_MAIL = pack(b"From: postmaster@example.org\r\nSubject: Undeliverable\r\n\r\nIt could not be delivered.\r\n")


def fill_pages(url: str, events: int, until: datetime, seed: int = 4) -> None:
    """120 days of events until then, with their counts, states, suppressions and what was sent.

    Six providers have four fifths of them, a thousand domains the rest; each stream has a campaign a week.
    """
    engine = open_engine(url)
    upgrade(engine)
    past = _Past(events, random.Random(seed))
    times = (until - timedelta(days=DAYS) * (1 - number / events) for number in range(1, events + 1))
    numbered = enumerate(times)
    while part := [past.event(number, at) for number, at in islice(numbered, 20_000)]:
        write(engine, partial(past.put, part=part))
    write(engine, partial(_put_end, until=until))
    engine.dispose()


@dataclass
class _Past:
    events: int
    chance: random.Random
    known: set[tuple[str, str]] = field(default_factory=set)

    def event(self, number: int, at: datetime) -> BounceEvent:
        chance = self.chance
        domain = chance.choice(_BIG) if chance.random() < 0.8 else f"d{int(1000 * chance.random() ** 2)}.example"
        address, stream = f"user{chance.randrange(1 + self.events // 4)}@{domain}", chance.choice(STREAMS)
        complains, waits = number % _ONE_IN["complaint"] == 0, number % _ONE_IN["delay"] == 0
        (reason,) = chance.choices(tuple(_SHARES), tuple(_SHARES.values()))
        reason = Reason.SPAM if (domain, reason) == NEVER else reason
        kind = Kind.COMPLAINT if complains else Kind.DELAY if waits else Kind.BOUNCE
        fails, is_rare = kind is Kind.BOUNCE, number % RARE == 1
        family = "common" if number % _ONE_IN["rule of a provider"] else "vendor"
        status, code = _CODES[reason]
        words = " ".join(chance.choice(_LETTERS) * 5 for _ in range(2)) if reason is Reason.UNKNOWN else "words"
        return BounceEvent(
            id=f"{number:032x}", message_digest=f"{number:064x}", at=at, kind=kind, recipient=address,
            stream="seldom" if is_rare else stream,
            action=Action.FAILED if fails else None if complains else Action.DELAYED,
            bounce_type=reason.bounce_type if not complains else None, reason=reason if not complains else None,
            status=status, code=code, rule=f"{'seldom' if is_rare else family}.{reason.value}", recognizer="rfc3464",
            evidence=Evidence.PROSE if number % _ONE_IN["prose"] == 0 else Evidence.TOKEN,
            diagnostic=f"{code} {status} <{address}>: Recipient refused by [192.0.2.{number % 9}]: {words} of a server",
            feedback_type=ABUSE if complains else None, sent_message_id=f"{number}@sender.example",
            sending=f"{stream} {(at - START) // WEEKS}" if number % 3 else None,
            mailbox="complaints" if complains else "returns",
        )

    def put(self, connection: Connection, part: Sequence[BounceEvent]) -> None:
        _ADD[MESSAGE].execute(connection, _rows(MESSAGE, map(_message, part)))
        _ADD[EVENT].execute(connection, _rows(EVENT, map(_event, part)))
        report_counts.add(connection, part)
        review.add(connection, part, {})
        failed = [event for event in part if event.action is Action.FAILED]
        new = [event for event in failed if (event.recipient, event.stream) not in self.known]
        self.known.update((event.recipient, event.stream) for event in new)
        gone = failed[:: _ONE_IN["suppressed"]]
        released = gone[:: _ONE_IN["released"]]
        _ADD[RECIPIENT].execute(connection, _rows(RECIPIENT, map(_recipient, new)))
        _ADD[STATE_CHANGE].execute(connection, _rows(STATE_CHANGE, (
            *(_step(event, "watching") for event in new), *(_step(event, "suppressed", 1) for event in gone),
            *(_step(event, "released", 2) for event in released),
        )))
        kept = [event for n, event in enumerate(gone) if n % _ONE_IN["released"]]
        _ADD[SUPPRESSION].execute(connection, _rows(SUPPRESSION, map(_suppression, kept)))
        _ADD[OUTBOX].execute(connection, _rows(OUTBOX, map(_delivery, gone)))


Told = Mapping[str, Any]
_WATCHED = Counted(1, 3, (START.date(),), 3, 0, 14, 60, ("mailbox_full",))
_ADD = {
    table: Insertion(table, columns_of(table, *(["number"] if table in {STATE_CHANGE, OUTBOX, ACTION} else [])), how)
    for table, how in {
        MESSAGE: Conflict.REFUSE, EVENT: Conflict.REFUSE, RECIPIENT: Conflict.IGNORE, STATE_CHANGE: Conflict.REFUSE,
        SUPPRESSION: Conflict.IGNORE, OUTBOX: Conflict.REFUSE, SENT_COUNT: Conflict.REFUSE, ALERT: Conflict.REFUSE,
        HELD: Conflict.REFUSE, ACTION: Conflict.REFUSE,
    }.items()
}


def _rows(table: Table, told: Iterator[Told] | Sequence[Told]) -> list[tuple[Any, ...]]:
    return [tuple(each.get(name) for name in _ADD[table].columns) for each in told]


def _message(event: BounceEvent) -> Told:
    return {
        "digest": event.message_digest, "kind": event.kind, "received_at": event.at, "source": "returns/INBOX",
        "mailbox": event.mailbox, "size": 4000,
    }


def _event(event: BounceEvent) -> Told:
    own = {
        "recipient_key": event.recipient, "excluded_kind": None, "provider": provider(event),
        "review_group": review.group_of(event),
    }
    return {name: own[name] if name in own else getattr(event, name) for name in _ADD[EVENT].columns}


def _grounds(event: BounceEvent) -> AtOnce:
    return AtOnce(event.reason or "complaint", event.at)


def _recipient(event: BounceEvent) -> Told:
    return {
        "recipient_key": event.recipient, "stream": event.stream, "recipient": event.recipient, "state": "watching",
        "sequence": 1, "counts": {"hard": 1}, "grounds": _WATCHED, "first_event_at": event.at,
        "last_event_at": event.at, "expiry_level": 0,
    }


def _step(event: BounceEvent, state: str, minutes: int = 0) -> Told:
    return {
        "recipient_key": event.recipient, "stream": event.stream, "at": event.at + timedelta(minutes=minutes),
        "state": state, "by": "report", "grounds": _grounds(event),
        "reason": event.reason or "complaint",
    }


def _suppression(event: BounceEvent) -> Told:
    return {
        "recipient_key": event.recipient, "stream": event.stream, "recipient": event.recipient, "state": "suppressed",
        "reason": event.reason or "complaint", "since": event.at, "grounds": _grounds(event),
        "source": "policy",
        "bounce_type": event.bounce_type, "events": [event.id], "scope": "stream",
    }


def _delivery(event: BounceEvent) -> Told:
    return {
        "recipient_key": event.recipient, "id": f"msg_{event.id}", "target": "crm" if event.code == 550 else "shop",
        "type": "recipient.suppressed", "recipient": event.recipient, "stream": event.stream, "sequence": 1,
        "body": json.dumps({"type": "recipient.suppressed", "data": {
            "recipient": event.recipient, "events": [event.id], "diagnostic": event.diagnostic,
        }}),
        "created_at": event.at, "next_attempt_at": event.at, "state": "delivered", "attempts": 1, "last_answer": "204",
    }


# ── what is there but once ──────────────────────────────────────────────────────────────────────────────────────────

_STAND = (
    "UPDATE recipient SET state = 'suppressed' WHERE EXISTS (SELECT 1 FROM suppression s WHERE "
    "s.recipient_key = recipient.recipient_key AND s.stream = recipient.stream)",
    f"UPDATE outbox SET state = 'dead', attempts = 9, last_answer = '500 Internal Server Error' "
    f"WHERE number IN (SELECT number FROM outbox ORDER BY number DESC LIMIT {DEAD})",
    f"UPDATE outbox SET state = 'due', attempts = 2, last_answer = '503 Service Unavailable' "
    f"WHERE number IN (SELECT number FROM outbox WHERE state = 'delivered' ORDER BY number DESC LIMIT {WAITING})",
    "UPDATE outbox SET state = 'superseded' WHERE state = 'delivered' AND number % 50 = 0",
)
_KEEP_MAIL = (
    f"UPDATE message SET packed = :mail "
    f"WHERE digest IN (SELECT digest FROM message ORDER BY digest DESC LIMIT {MAILS})"
)
_HOLD = text(
    "UPDATE suppression SET state = 'pending' WHERE recipient_key = :recipient_key AND stream = :stream"
)
_HELD = text(f"SELECT recipient_key, stream FROM suppression ORDER BY since DESC LIMIT {HELD_BACK}")


def _put_end(connection: Connection, until: datetime) -> None:
    for each in _STAND:
        connection.execute(text(each))
    connection.execute(text(_KEEP_MAIL), {"mail": _MAIL})
    _ADD[SENT_COUNT].execute(connection, list(_sent(until)))
    _ADD[ACTION].execute(connection, _rows(ACTION, [_action(n, until) for n in range(ACTIONS, 0, -1)]))
    alerts = [_alert(n, until) for n in range(OPEN + OVER)]
    _ADD[ALERT].execute(connection, _rows(ALERT, alerts))
    held = [{"recipient_key": key, "stream": stream, "alert": "0"} for key, stream in connection.execute(_HELD)]
    connection.execute(_HOLD, held)
    _ADD[HELD].execute(connection, _rows(HELD, held))
    _ADD[STATE_CHANGE].execute(connection, _rows(STATE_CHANGE, [
        {
            **each, "at": until, "state": "pending", "by": "guard", "grounds": ByPerson("held back"),
            "reason": "invalid_recipient",
        }
        for each in held
    ]))


def _alert(n: int, until: datetime) -> Told:
    since, is_open = until - timedelta(hours=1 + 7 * n), n < OPEN
    kind = AlertKind.OUTAGE if n % 2 == 0 else AlertKind.BLOCKS
    name = ("google.com", "yahoodns.net", f"d{n}.example")[n % 3]
    subject = Subject(SubjectKind.PROVIDER, name, None if kind is AlertKind.OUTAGE else Reason.BAD_REPUTATION)
    grounds = Outage(subject, 100 + n, 3, 3.5, 50, since)
    return {
        "series": subject.key, "id": str(n), "kind": kind, "subject_kind": subject.kind, "subject": subject.name,
        "subject_reason": subject.reason, "since": since, "raised_at": since,
        "ends_at": since + timedelta(hours=2), "cleared": not is_open, "most": 100 + n, "alarm_from": 50, "usual": 3.5,
        "grounds": grounds, "held": HELD_BACK if n == 0 else 0, "released": 0,
        "confirmed": 0,
    }


def _action(n: int, until: datetime) -> Told:
    return {
        "at": until - timedelta(minutes=30 * n), "actor": ("mara", "proxy:jo", "shell")[n % 3],
        "action": ("release", "suppress", "retry")[n % 7 % 3], "subject": f"rid{n % 99}", "count": 1,
        "because": "as they asked",
    }


def _sent(until: datetime) -> Iterator[tuple[Any, ...]]:
    for n in range(DAYS + 40):
        day = until - timedelta(days=n)
        for stream in sorted(set(STREAMS)):
            for domain in _BIG:
                yield day.date(), stream, f"{stream} {(day - START) // WEEKS}", domain, 0, 40_000
