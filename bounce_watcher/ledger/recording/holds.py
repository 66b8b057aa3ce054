"""The end of holds: who is held no longer, by whatever, is let go of by every alert that held it, and counted there."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from bounce_watcher.ledger.db.statements import RecipientKey, by_stream
from bounce_watcher.ledger.db.tables import ALERT, HELD


def end(connection: Connection, let_go: Mapping[RecipientKey, bool]) -> None:
    """`let_go` says of each recipient whether it is suppressed now (what held it was right), or may be mailed.

    To be called under the lock of the counts (`alerts.lock`), so that no alarm begins to hold somebody in between.
    """
    released, confirmed = Counter[str](), Counter[str]()
    for part in by_stream(sorted(let_go)):
        here = HELD.c.stream == part["stream"], HELD.c.recipient_key.in_(part["keys"])
        for address, alert in connection.execute(select(HELD.c.recipient_key, HELD.c.alert).where(*here)):
            (confirmed if let_go[RecipientKey(part["stream"], address)] else released)[alert] += 1
        connection.execute(delete(HELD).where(*here))
    count(connection, released=released, confirmed=confirmed)


def count(
    connection: Connection, *, held: Mapping[str, int] | None = None, released: Mapping[str, int] | None = None,
    confirmed: Mapping[str, int] | None = None,
) -> None:
    """Adds to what alerts tell of those whom they held, each by its id."""
    changes = {"held": held or {}, "released": released or {}, "confirmed": confirmed or {}}
    for alert in sorted({name for numbers in changes.values() for name in numbers}):
        connection.execute(update(ALERT).where(ALERT.c.id == alert).values({
            name: ALERT.c[name] + numbers.get(alert, 0) for name, numbers in changes.items()
        }))
