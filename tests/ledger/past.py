"""A long history in a ledger, written straight into its tables: only so are a million events there in a minute."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from bounce_watcher.ledger.db.engine import open_engine, write
from bounce_watcher.ledger.db.migrate import upgrade
from bounce_watcher.ledger.db.statements import Insertion, columns_of
from bounce_watcher.ledger.db.tables import EVENT
from bounce_watcher.model.verdict import Reason
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
        "type": reason.bounce_type if fails else None, "provider": address.rpartition("@")[2], "evidence": "token",
        "action": "failed" if fails else "delivered", "bounce_type": reason.bounce_type if fails else None,
        "reason": reason if fails else None, "status": "5.1.1", "code": 550, "rule": "common.no-such-user",
        "diagnostic": f"550 5.1.1 <{address}>: Recipient address rejected: the words of a server are often this long",
        "recognizer": "rfc3464", "sent_message_id": f"{number}@sender.example", "mailbox": "returns",
        "forwarded": False,
    }
    return tuple(told.get(name) for name in _ADD.columns)
