"""Ends holds: every alert that held a recipient lets it go and counts it."""

from collections import Counter
from collections.abc import Mapping

from sqlalchemy import Connection, delete, select, update

from bounce_watcher.ledger.db.statements import RecipientKey, by_stream
from bounce_watcher.ledger.db.tables import ALERT, HELD


def end(connection: Connection, let_go: Mapping[RecipientKey, bool]) -> None:
    """Ends the holds. `let_go` says whether a recipient is suppressed now (True: the reports were right) or mailable.

    Call it under the lock of the counts (`alerts.lock`), so that no alarm begins to hold somebody in between.
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
    """Adds to the numbers of held, released and confirmed recipients of alerts. Each mapping is by alert id."""
    changes = {"held": held or {}, "released": released or {}, "confirmed": confirmed or {}}
    for alert in sorted({name for numbers in changes.values() for name in numbers}):
        connection.execute(update(ALERT).where(ALERT.c.id == alert).values({
            name: ALERT.c[name] + numbers.get(alert, 0) for name, numbers in changes.items()
        }))
