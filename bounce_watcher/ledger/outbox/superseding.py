"""Supersedes items that a newer state of the recipient has made pointless to send.

All functions work in the caller's transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select, true, update

from bounce_watcher.ledger.db.statements import DUE, IS_DUE, chunks
from bounce_watcher.ledger.db.tables import OUTBOX, SUPPRESSION
from bounce_watcher.ledger.recording.batch import STATES_TOLD
from bounce_watcher.model.ledger import NoticeType, OutboxState, Scope, State

_newer = OUTBOX.alias("newer")
_in_force = SUPPRESSION.alias("in_force")


def _has_newer(*states: OutboxState) -> ColumnElement[bool]:
    """Returns the condition for items with a state for which there is a newer state, in one of `states`, in the stream.
    """
    return and_(
        OUTBOX.c.type.in_(STATES_TOLD),
        exists().where(
            _newer.c.recipient_key == OUTBOX.c.recipient_key, _newer.c.stream == OUTBOX.c.stream,
            _newer.c.target == OUTBOX.c.target, _newer.c.sequence > OUTBOX.c.sequence,
            _newer.c.type.in_(STATES_TOLD), _newer.c.state.in_(states),
        ),
    )


IS_OUTDATED = _has_newer(OutboxState.DUE, OutboxState.DELIVERED)
_IS_OVERTAKEN = and_(_has_newer(OutboxState.DUE), OUTBOX.c.attempts == 0)
"""The item was never tried, and a newer one is due."""


def supersede(connection: Connection, numbers: Sequence[int], keeps: Sequence[str]) -> set[int]:
    """Supersedes the pointless ones among the rows of a target that keeps a list. Returns their numbers."""
    pointless = [
        number
        for part in chunks(numbers)
        for number in connection.scalars(select(OUTBOX.c.number).where(OUTBOX.c.number.in_(part), _is_pointless(keeps)))
    ]
    _give_up(connection, pointless)
    return set(pointless)


def _give_up(connection: Connection, numbers: Sequence[int]) -> None:
    for part in chunks(numbers):
        connection.execute(update(OUTBOX).where(OUTBOX.c.number.in_(part)).values(
            state=OutboxState.SUPERSEDED, lease=None, leased_until=None,
        ))


def _is_pointless(keeps: Sequence[str]) -> ColumnElement[bool]:
    """Returns the condition for a state that a newer due row changes again, or a release of a recipient who is still
    suppressed in a stream of the list."""
    of_list = or_(_in_force.c.scope == Scope.GLOBAL, *([_in_force.c.stream.in_(keeps)] if keeps else [true()]))
    return or_(
        and_(
            OUTBOX.c.type.in_(STATES_TOLD),
            exists().where(
                _newer.c.recipient_key == OUTBOX.c.recipient_key,
                _newer.c.target == OUTBOX.c.target,
                _newer.c.number + 0 > OUTBOX.c.number,  # "+ 0": otherwise SQLite reads all later rows of the queue
                _newer.c.type.in_(STATES_TOLD),
                _newer.c.state == DUE,
            ),
        ),
        and_(
            OUTBOX.c.type == NoticeType.RELEASED,
            exists().where(
                _in_force.c.recipient_key == OUTBOX.c.recipient_key, _in_force.c.state == State.SUPPRESSED, of_list
            ),
        ),
    )


def is_free(now: datetime) -> ColumnElement[bool]:
    """Returns the condition for items that nobody holds a lease on."""
    return or_(OUTBOX.c.leased_until.is_(None), OUTBOX.c.leased_until <= now)


def thin(connection: Connection, target: str, now: datetime, keeps: Sequence[str]) -> int:
    """Supersedes rows that a newer state has made pointless in the queue of a target that keeps a list. Returns how
    many.

    So a release does not wait behind a suppression whose next try is hours away.
    """
    pointless = select(OUTBOX.c.number).where(OUTBOX.c.target == target, IS_DUE, is_free(now), _is_pointless(keeps))
    numbers = connection.scalars(pointless.with_for_update(of=OUTBOX, skip_locked=True)).all()
    _give_up(connection, numbers)
    return len(numbers)


def overtaken(connection: Connection, ids: Iterable[str], keeps: Sequence[str] | None) -> set[str]:
    """Returns which of these ids no longer need to be sent. `keeps` is as for `queue.lease`. Only reads."""
    is_pointless = _IS_OVERTAKEN if keeps is None else _is_pointless(keeps)
    return {
        name
        for part in chunks(sorted(ids))
        for name in connection.scalars(select(OUTBOX.c.id).where(OUTBOX.c.id.in_(part), is_pointless))
    }
