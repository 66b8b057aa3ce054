"""The outbox as a queue that several senders share: delivery at least once, in order for each recipient, and never the
same row by two senders at a time.

A lease ends by itself: the row of a sender that died is due again when its lease is over. Nothing is sent to a target
that is disabled or that a person paused: its items wait, and nothing counts as failed.
All functions work in the caller's transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, update

from bounce_watcher.ledger.db.statements import DUE, IS_DUE, chunks, insert_into
from bounce_watcher.ledger.db.tables import ENDPOINT, OUTBOX, item_from_row
from bounce_watcher.ledger.db.types import storable
from bounce_watcher.ledger.outbox import superseding, tries
from bounce_watcher.ledger.outbox.settled import HAS_BODY
from bounce_watcher.model.ledger import Attempt, Disposition, OutboxItem, OutboxState

Condition = ColumnElement[bool]

_STATE_AFTER = {
    Disposition.DELIVERED: OutboxState.DELIVERED,
    Disposition.RETRY: OutboxState.DUE,
    Disposition.DEAD: OutboxState.DEAD,
    Disposition.GONE: OutboxState.DUE,
    Disposition.AGAIN: OutboxState.DUE,
}

_earlier = OUTBOX.alias("earlier")

# Rows without a recipient have no key, so nothing comes before them: in SQL, NULL equals nothing.
_IS_HEAD = ~exists().where(
    _earlier.c.recipient_key == OUTBOX.c.recipient_key,
    _earlier.c.stream == OUTBOX.c.stream,
    _earlier.c.target == OUTBOX.c.target,
    _earlier.c.sequence < OUTBOX.c.sequence,
    _earlier.c.state == DUE,
)

_IS_HEAD_OF_RECIPIENT = ~exists().where(
    _earlier.c.recipient_key == OUTBOX.c.recipient_key,
    _earlier.c.target == OUTBOX.c.target,
    _earlier.c.number + 0 < OUTBOX.c.number,  # "+ 0": otherwise SQLite reads all earlier rows of the queue
    _earlier.c.state == DUE,
)


def lease(
    connection: Connection, target: str, now: datetime, until: datetime, limit: int, token: str,
    keeps: Sequence[str] | None,
) -> list[OutboxItem]:
    """Leases up to `limit` rows that are due for `target`, those that wait longest first.

    Of each recipient and stream only the row with the lowest sequence is available: no row overtakes an earlier one,
    even while that one is leased or waits for its next try.

    `keeps` is set if the target keeps a list: the streams that make it up, () = all. Then a recipient has one row at a
    time across all streams, and rows that would change nothing become superseded: see `superseding`.
    """
    head = _IS_HEAD if keeps is None else _IS_HEAD_OF_RECIPIENT
    while rows := connection.execute(
        select(OUTBOX)
        .where(
            OUTBOX.c.target == target, IS_DUE, OUTBOX.c.next_attempt_at <= now, superseding.is_free(now), head,
            ~_is_shut(target),
        )
        .order_by(OUTBOX.c.next_attempt_at, OUTBOX.c.number)
        .limit(limit)
        .with_for_update(of=OUTBOX, skip_locked=True)
    ).all():
        pointless = set() if keeps is None else superseding.supersede(connection, [row.number for row in rows], keeps)
        wanted = [row for row in rows if row.number not in pointless]
        if wanted:
            for part in chunks([row.number for row in wanted]):
                held = update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(lease=token, leased_until=until)
                connection.execute(held)
            return [item_from_row(row) for row in wanted]
    return []


def conclude(
    connection: Connection, outcomes: Sequence[tuple[OutboxItem, Attempt]], now: datetime, tokens: Mapping[str, str]
) -> set[str]:
    """Writes the results of tries. Returns the ids of items whose lease was lost: nothing of those is changed.

    `tokens` maps ids to the tokens of their leases.
    """
    alike: dict[tuple[Attempt, str], list[OutboxItem]] = {}
    for item, attempt in outcomes:
        alike.setdefault((attempt, tokens[item.id]), []).append(item)
    held: dict[str, tuple[int, int]] = {}
    for (attempt, token), items in alike.items():
        written = _conclude(connection, [item.id for item in items], attempt, token)
        held |= written
        if attempt.disposition is Disposition.GONE:
            for target in sorted({item.target for item in items if item.id in written}):
                _disable(connection, target, storable(attempt.answer), now)
    made = [tries.Made(*held[item.id], item.target, attempt) for item, attempt in outcomes if item.id in held]
    tries.keep(connection, made, now)
    return {item.id for item, _ in outcomes} - held.keys()


def _conclude(connection: Connection, ids: Sequence[str], attempt: Attempt, token: str) -> dict[str, tuple[int, int]]:
    """Writes one outcome for all `ids`. Returns the ids written, each with the number of its row and of the try."""
    tried = attempt.disposition is not Disposition.AGAIN
    return {
        name: (number, made)
        for part in chunks(ids)
        for name, number, made in connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id.in_(part), OUTBOX.c.lease == token, IS_DUE)
            .values(
                state=_STATE_AFTER[attempt.disposition],
                attempts=OUTBOX.c.attempts + int(tried),
                tried=func.coalesce(OUTBOX.c.tried, 0) + 1,
                next_attempt_at=attempt.next_attempt_at or OUTBOX.c.next_attempt_at,
                last_answer=storable(attempt.answer),
                lease=None,
                leased_until=None,
            )
            .returning(OUTBOX.c.id, OUTBOX.c.number, OUTBOX.c.tried)
        )
    }


def end_leases(connection: Connection, leases: Mapping[str, str], state: OutboxState) -> None:
    """Ends leases without a try: the items are DUE as before, or SUPERSEDED. An item that lost its lease stays.

    `leases` maps ids to the tokens of their leases.
    """
    for part in chunks(sorted(leases)):
        connection.execute(
            update(OUTBOX)
            .where(OUTBOX.c.id.in_(part), OUTBOX.c.lease.in_({leases[each] for each in part}), IS_DUE)
            .values(state=state, lease=None, leased_until=None)
        )


def next_due(connection: Connection, target: str) -> datetime | None:
    """Returns when `lease` may next have a row for `target`; None while there is none, or it is disabled or paused."""
    waiting = (OUTBOX.c.target == target, IS_DUE, _IS_HEAD, ~_is_shut(target))
    found = [
        connection.scalar(select(at).where(*waiting, is_leased).order_by(at).limit(1))
        for at, is_leased in (
            (OUTBOX.c.next_attempt_at, OUTBOX.c.leased_until.is_(None)),
            (OUTBOX.c.leased_until, OUTBOX.c.leased_until.is_not(None)),
        )
    ]
    return min((at for at in found if at is not None), default=None)


def retry(
    connection: Connection, now: datetime, ids: Sequence[str], target: str | None, state: OutboxState,
    since: datetime | None,
) -> int:
    """Makes rows due at once, with their tries counted from zero, and enables their targets. Returns how many are due.

    A row that a newer state has made pointless becomes superseded instead: it must not overtake. A row that lost its
    body, as its recipient was forgotten or its retention time is over, stays as it is.
    """
    lately = [] if since is None else [OUTBOX.c.created_at >= since]
    parts = [(*chosen, *lately, OUTBOX.c.state == state, *_retriable(now)) for chosen in _choices(ids, target)]
    for where in parts:
        _enable(connection, set(connection.scalars(select(OUTBOX.c.target).where(*where).distinct())))
        connection.execute(update(OUTBOX).where(*where, superseding.IS_OUTDATED).values(state=OutboxState.SUPERSEDED))
    if target is not None:
        _enable(connection, {target})
    due = {"state": OutboxState.DUE, "attempts": 0, "next_attempt_at": now, "lease": None, "leased_until": None}
    # Only after all parts are checked: otherwise rows that one part makes due would outdate rows of the next part.
    still = [~superseding.IS_OUTDATED] if state is OutboxState.SUPERSEDED else []
    return sum(connection.execute(update(OUTBOX).where(*where, *still).values(due)).rowcount for where in parts)


def retried(now: datetime) -> tuple[Condition, ...]:
    """Returns the conditions for rows that a `retry` at `now` (aware) makes due, among those in the requested state."""
    return (*_retriable(now), ~superseding.IS_OUTDATED)


def _retriable(now: datetime) -> tuple[Condition, ...]:
    return HAS_BODY, superseding.is_free(now)


def discard(connection: Connection, ids: Sequence[str], target: str | None) -> int:
    """Discards due and dead rows. Returns how many."""
    return sum(
        connection.execute(
            update(OUTBOX)
            .where(*chosen, OUTBOX.c.state.in_([OutboxState.DUE, OutboxState.DEAD]))
            .values(state=OutboxState.DISCARDED, lease=None, leased_until=None)
        ).rowcount
        for chosen in _choices(ids, target)
    )


def _choices(ids: Sequence[str], target: str | None) -> Iterator[list[Condition]]:
    of_target = [] if target is None else [OUTBOX.c.target == target]
    if not ids:
        yield of_target
    for part in chunks(sorted(ids)):
        yield [*of_target, OUTBOX.c.id.in_(part)]


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Pause:
    """A pause: since when (aware), by whom and why."""

    at: datetime
    by: str
    because: str


def enroll(connection: Connection, targets: Mapping[str, str]) -> None:
    """Stores each target's fingerprint. A changed one means another endpoint, so the target is no longer disabled."""
    for target, fingerprint in sorted(targets.items()):
        statement = insert_into(connection, ENDPOINT).values(target=target, fingerprint=fingerprint)
        connection.execute(statement.on_conflict_do_update(
            index_elements=["target"],
            set_={"fingerprint": fingerprint, "disabled_at": None, "disabled_because": None},
            where=ENDPOINT.c.fingerprint != fingerprint,
        ))


def pause(connection: Connection, target: str, wanted: Pause) -> bool:
    """Pauses a target. Returns False if it is already paused: then that pause stays."""
    target = storable(target)
    _add_target(connection, target)
    running = update(ENDPOINT).where(ENDPOINT.c.target == target, ENDPOINT.c.paused_at.is_(None))
    values = {"paused_at": wanted.at, "paused_by": storable(wanted.by), "paused_because": storable(wanted.because)}
    return connection.execute(running.values(values)).rowcount > 0


def resume(connection: Connection, target: str) -> bool:
    """Ends the pause of a target, so that waiting items are sent. Returns False if it was not paused."""
    paused = update(ENDPOINT).where(ENDPOINT.c.target == storable(target), ENDPOINT.c.paused_at.is_not(None))
    ended = paused.values(paused_at=None, paused_by=None, paused_because=None)
    return connection.execute(ended).rowcount > 0


def paused(connection: Connection) -> dict[str, Pause]:
    """Returns the pauses by target."""
    chosen = select(ENDPOINT).where(ENDPOINT.c.paused_at.is_not(None)).order_by(ENDPOINT.c.target)
    return {
        row.target: Pause(row.paused_at, row.paused_by or "", row.paused_because or "")
        for row in connection.execute(chosen)
    }


def _add_target(connection: Connection, target: str) -> None:
    connection.execute(insert_into(connection, ENDPOINT).values(target=target, fingerprint="").on_conflict_do_nothing())


def _is_shut(target: str) -> Condition:
    """Returns the condition that the target is disabled or that a person paused it."""
    shut = or_(ENDPOINT.c.disabled_at.is_not(None), ENDPOINT.c.paused_at.is_not(None))
    return exists().where(ENDPOINT.c.target == target, shut)


def _disable(connection: Connection, target: str, because: str, now: datetime) -> None:
    _add_target(connection, target)
    connection.execute(
        update(ENDPOINT).where(ENDPOINT.c.target == target).values(disabled_at=now, disabled_because=because)
    )


def _enable(connection: Connection, targets: set[str]) -> None:
    for target in sorted(targets):
        connection.execute(
            update(ENDPOINT).where(ENDPOINT.c.target == target).values(disabled_at=None, disabled_because=None)
        )
