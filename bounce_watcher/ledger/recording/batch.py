"""The recipients that one transaction touches. They are locked, changed in memory, and written at the end in a few
statements."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from sqlalchemy import Connection, bindparam, collate, delete, or_, select, update

from bounce_watcher.ledger import protection
from bounce_watcher.ledger.db.statements import (
    IS_DUE,
    KEYS,
    Conflict,
    Insertion,
    RecipientKey,
    Row,
    Values,
    by_stream,
    columns_of,
    is_sqlite,
)
from bounce_watcher.ledger.db.tables import (
    ALERT,
    HELD,
    OUTBOX,
    RECIPIENT,
    RECORD_COLUMNS,
    STATE_CHANGE,
    SUPPRESSION,
    record_from_rows,
)
from bounce_watcher.model.grounds import Expired
from bounce_watcher.model.ledger import (
    Announce,
    ChangedBy,
    NoticeType,
    OutboxItem,
    OutboxState,
    RecipientRecord,
    State,
)
from bounce_watcher.policy.transitions import Transition

STATES_TOLD = (NoticeType.SUPPRESSED, NoticeType.RELEASED)
"""The notices that report a recipient's state. A newer one makes an older one pointless."""

_RECORDS = select(*RECORD_COLUMNS).where(RECIPIENT.c.stream == bindparam("stream"), RECIPIENT.c.recipient_key.in_(KEYS))
_LOCKED = _RECORDS.order_by(collate(RECIPIENT.c.recipient_key, "C")).with_for_update()
"""In Python's sort order, whatever the database's collation. SQLite has neither "C" nor row locks."""

_STANDING = select(SUPPRESSION).where(
    SUPPRESSION.c.stream == bindparam("stream"), SUPPRESSION.c.recipient_key.in_(KEYS)
)
_END_SUPPRESSION = delete(SUPPRESSION).where(
    SUPPRESSION.c.recipient_key == bindparam("of_address"), SUPPRESSION.c.stream == bindparam("of_stream")
)

# A row that was ever leased may already have been sent, so it keeps its place in the order.
_SUPERSEDE = update(OUTBOX).where(
    OUTBOX.c.recipient_key == bindparam("of_address"),
    OUTBOX.c.stream == bindparam("of_stream"),
    OUTBOX.c.target == bindparam("of_target"),
    OUTBOX.c.sequence < bindparam("newest"),
    IS_DUE,
    or_(*(OUTBOX.c.type == each for each in STATES_TOLD)),
    OUTBOX.c.attempts == 0,
    OUTBOX.c.leased_until.is_(None),
).values(state=OutboxState.SUPERSEDED)

_ADD_RECIPIENT = Insertion(RECIPIENT, columns_of(RECIPIENT, "history_from"), Conflict.IGNORE)
_PUT_RECIPIENT = Insertion(RECIPIENT, columns_of(RECIPIENT, "history_from"), Conflict.OVERWRITE)
_PUT_SUPPRESSION = Insertion(SUPPRESSION, columns_of(SUPPRESSION), Conflict.OVERWRITE)
_ADD_STEP = Insertion(STATE_CHANGE, columns_of(STATE_CHANGE, "number"))
_ADD_HELD = Insertion(HELD, columns_of(HELD), Conflict.IGNORE)
_ADD_ITEM = Insertion(OUTBOX, columns_of(OUTBOX, "number", "lease", "leased_until", "tried"))

# The first column of each is the key. The others have the names of the fields.
_of_record = attrgetter(*_PUT_RECIPIENT.columns[1:])
_of_suppression = attrgetter(*_PUT_SUPPRESSION.columns[1:])
_of_item = attrgetter(*_ADD_ITEM.columns[1:])


class RecipientBatch:
    """The records of all recipients of one transaction. Open it once, `enter` each change, and `close` it to write.

    `records` always holds the latest state. `told` counts the occurrences by type.
    While the batch is open, no other writer changes these recipients.
    """

    def __init__(
        self, connection: Connection, recipients: Mapping[RecipientKey, str], announce: Announce,
        by: ChangedBy = ChangedBy.REPORT
    ) -> None:
        """`recipients` maps keys to addresses as written. A recipient that was never seen gets a record by that name.

        `by` is what the recipient's history names as the cause of each step.
        """
        self._connection = connection
        self._announce = announce
        self._by = by
        self._steps: list[Row] = []
        self._let_go: dict[RecipientKey, bool] = {}
        self._items: list[tuple[RecipientKey, OutboxItem]] = []
        self._newer_states: list[tuple[RecipientKey, OutboxItem]] = []
        self.told: Counter[NoticeType] = Counter()
        keys = sorted(recipients)
        if not is_sqlite(connection):  # SQLite has locked the whole file. Others lock rows, so the rows must exist
            fresh = [_recipient_row(key, RecipientRecord(recipients[key], key.stream)) for key in keys]
            _ADD_RECIPIENT.execute(connection, fresh)
        protected = protection.of(connection, {key.address for key in keys})
        self._found = dict(_load(connection, keys, protected))
        self.records = {
            key: self._found.get(key)
            or RecipientRecord(recipients[key], key.stream, protected=protected.get(key.address))
            for key in keys
        }

    def enter(self, key: RecipientKey, change: Transition, by: ChangedBy | None = None) -> None:
        before = self.records[key]
        self.records[key] = change.record
        if before.state is State.PENDING and change.record.state is not State.PENDING:
            self._let_go[key] = change.record.state is State.SUPPRESSED
        if _is_step(before, change.record):
            self._steps.append(_step_row(key, before, change, by or self._by))
        for occurrence in change.occurrences:
            self.told[occurrence.type] += 1
            items = [(key, item) for item in self._announce(occurrence)]
            self._items.extend(items)
            if occurrence.type in STATES_TOLD and (before.suppression or before.released_at):
                self._newer_states.extend(items)

    def close(self) -> int:
        """Writes what changed. Returns how many outbox rows were added."""
        changed = {key: record for key, record in self.records.items() if record is not self._found.get(key)}
        _PUT_RECIPIENT.execute(self._connection, [_recipient_row(key, record) for key, record in changed.items()])
        before = {key: found.suppression for key in changed if (found := self._found.get(key))}
        _PUT_SUPPRESSION.execute(self._connection, [
            (key.address, *_of_suppression(now))
            for key, record in changed.items()
            if (now := record.suppression) and now is not before.get(key)
        ])
        ended = [_of(key) for key, record in changed.items() if before.get(key) and not record.suppression]
        if ended:
            self._connection.execute(_END_SUPPRESSION, ended)
        _end_holds(self._connection, self._let_go)
        _ADD_STEP.execute(self._connection, self._steps)
        _ADD_ITEM.execute(self._connection, [
            (None if item.recipient is None else key.address, *_of_item(item)) for key, item in self._items
        ])
        if self._newer_states:
            self._connection.execute(_SUPERSEDE, [
                {**_of(key), "of_target": item.target, "newest": item.sequence} for key, item in self._newer_states
            ])
        return len(self._items)


def queue(connection: Connection, items: Sequence[OutboxItem]) -> None:
    """Adds items to the outbox that concern no recipient."""
    _ADD_ITEM.execute(connection, [(None, *_of_item(item)) for item in items])


def _load(
    connection: Connection, keys: Sequence[RecipientKey], protected: Mapping[str, str]
) -> Iterator[tuple[RecipientKey, RecipientRecord]]:
    records = _RECORDS if is_sqlite(connection) else _LOCKED
    for part in by_stream(keys):
        # Rows are locked first, in a statement of their own: a suppression read in the same one could predate the lock.
        rows = connection.execute(records, part).all()
        standing = {row.recipient_key: row for row in connection.execute(_STANDING, part)}
        for row in rows:
            address = row[0]
            yield RecipientKey(row[1], address), record_from_rows(row, standing.get(address), protected.get(address))


def _of(key: RecipientKey) -> Values:
    return {"of_address": key.address, "of_stream": key.stream}


def _recipient_row(key: RecipientKey, record: RecipientRecord) -> Row:
    return (key.address, *_of_record(record))


def _is_step(before: RecipientRecord, after: RecipientRecord) -> bool:
    return (
        before.state is not after.state
        or before.grounds != after.grounds
        or before.suppression is not after.suppression
        or before.released_at != after.released_at
    )


def _step_row(key: RecipientKey, before: RecipientRecord, change: Transition, by: ChangedBy) -> Row:
    after = change.record
    standing = after.suppression
    if isinstance(after.grounds, Expired) and before.suppression:
        by = ChangedBy.CLOCK
    return (
        key.address, key.stream, _moment(before, change), after.state, after.grounds, by,
        standing and standing.reason, standing and standing.until,
    )


def _moment(before: RecipientRecord, change: Transition) -> datetime | None:
    """Returns when a step was made: the time in its notice, else the time in the record."""
    told = [occurrence.at for occurrence in change.occurrences if occurrence.type in STATES_TOLD]
    if told:
        return told[-1]
    after = change.record
    if after.released_at != before.released_at:
        return after.released_at
    if after.suppression and after.suppression is not before.suppression:
        return after.suppression.since
    if after.delivered_at != before.delivered_at:
        return after.delivered_at
    return after.last_event_at


# ── what alerts hold ────────────────────────────────────────────────────────────────────────────────────────────────

def add_holds(connection: Connection, held: Iterable[tuple[RecipientKey, str]]) -> None:
    """Enters that alerts, given by their ids, hold the suppressions of recipients."""
    _ADD_HELD.execute(connection, sorted((key.address, key.stream, alert) for key, alert in held))


def _end_holds(connection: Connection, let_go: Mapping[RecipientKey, bool]) -> None:
    """Ends the holds. `let_go` says whether a recipient is suppressed now (True: the reports were right) or mailable.

    Call it under the lock of the counts (`alerts.lock`), so that no alarm begins to hold somebody in between.
    """
    released, confirmed = Counter[str](), Counter[str]()
    for part in by_stream(sorted(let_go)):
        here = HELD.c.stream == part["stream"], HELD.c.recipient_key.in_(part["keys"])
        for address, alert in connection.execute(select(HELD.c.recipient_key, HELD.c.alert).where(*here)):
            (confirmed if let_go[RecipientKey(part["stream"], address)] else released)[alert] += 1
        connection.execute(delete(HELD).where(*here))
    count_holds(connection, released=released, confirmed=confirmed)


def count_holds(connection: Connection, **numbers: Mapping[str, int]) -> None:
    """Adds to how many recipients were `held`, `released` and `confirmed` by alerts, each given by alert id."""
    for alert in sorted({name for by_alert in numbers.values() for name in by_alert}):
        connection.execute(update(ALERT).where(ALERT.c.id == alert).values({
            name: ALERT.c[name] + by_alert.get(alert, 0) for name, by_alert in numbers.items()
        }))
