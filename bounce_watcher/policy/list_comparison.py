"""Why an address stands on our list alone, or on a target's alone.

A list there is not ours alone: people unsubscribe at the platform itself. So an address that stands there and not here
is released there only where we are known to have put it there, to have released it, and to have failed to say so.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bounce_watcher.model.ledger import NoticeType, OutboxState, State
from bounce_watcher.model.list_comparison import Cause, DifferenceReason

SETTLES = timedelta(hours=1)
"""So long a list there may still show whom it was told to release: platforms answer before all of them has heard."""

CLOCKS_DIFFER = timedelta(minutes=5)


class SentNotice(NamedTuple):
    """One row of the outbox that told the target of a state."""

    number: int
    id: str
    stream: str
    type: NoticeType
    state: OutboxState
    created_at: datetime
    answer: str | None

    @property
    def suppresses(self) -> bool:
        return self.type is NoticeType.SUPPRESSED

    @property
    def is_delivered(self) -> bool:
        return self.state is OutboxState.DELIVERED


class AddressFacts(NamedTuple):
    """What is known of one address: what the target was told, in order; when it was released; how it stands.

    `is_theirs`: all that suppresses it here is that it once stood on the list there. `was_due`: a notice on it was on
    its way when the lists began to be read; notices after the number `read_from` were made after that.
    """

    notices: Sequence[SentNotice] = ()
    released_at: datetime | None = None
    standing: frozenset[str] = frozenset()
    is_theirs: bool = True
    was_due: bool = False
    read_from: int = 0

    @property
    def put(self) -> SentNotice | None:
        """The last notice by which the target took a suppression."""
        return next((each for each in reversed(self.notices) if each.suppresses and each.is_delivered), None)

    def is_moving(self, *, suppresses: bool) -> bool:
        """Whether a state of this kind was decided, or on its way, when the lists were read."""
        newest = next((each for each in reversed(self.notices) if each.suppresses is suppresses), None)
        if newest is None or newest.state not in (OutboxState.DUE, OutboxState.DELIVERED):
            return False
        return newest.state is OutboxState.DUE or self.was_due or newest.number > self.read_from


def why_missing(known: AddressFacts, *, is_forgotten: bool) -> Cause:
    """It is suppressed here and does not stand there."""
    if is_forgotten:
        return Cause(DifferenceReason.ERASED)
    if known.is_theirs:
        return Cause(DifferenceReason.STOOD_THERE)
    if known.is_moving(suppresses=True):
        return Cause(DifferenceReason.ON_ITS_WAY, known.notices[-1].answer)
    if not known.notices:
        return Cause(DifferenceReason.NEVER_TOLD)
    newest = known.notices[-1]
    if newest.suppresses and newest.state is OutboxState.DEAD:
        return Cause(DifferenceReason.REFUSED, newest.answer, newest.id)
    return Cause(DifferenceReason.TOLD_AND_NOT_LISTED if known.put else DifferenceReason.NEVER_TAKEN)


def why_unknown(known: AddressFacts, since: datetime | None, now: datetime) -> Cause:
    """It stands there, `since` then as far as it tells, and is not suppressed here."""
    if State.PENDING in known.standing:
        return Cause(DifferenceReason.HELD_BACK)
    if known.is_moving(suppresses=False):
        return Cause(DifferenceReason.RELEASE_ON_ITS_WAY, known.notices[-1].answer)
    if known.put is None:
        return Cause(DifferenceReason.NOT_OURS)
    behind = [each for each in known.notices if each.number > known.put.number and not each.suppresses]
    if taken := next((each for each in behind if each.is_delivered), None):
        return _after_release(taken, since, now)
    if State.SUPPRESSED in known.standing:
        return Cause(DifferenceReason.OTHER_STREAM)
    return _from_here(known.put, known.released_at, since, behind[-1] if behind else None)


def _after_release(taken: SentNotice, since: datetime | None, now: datetime) -> Cause:
    """It took a release, and lists the address."""
    if since and since > taken.created_at + CLOCKS_DIFFER:
        return Cause(DifferenceReason.LISTED_AFTER_RELEASE)
    return Cause(
        DifferenceReason.RELEASE_JUST_TAKEN if now - taken.created_at < SETTLES else DifferenceReason.RELEASE_TAKEN
    )


def _from_here(
    put: SentNotice, released_at: datetime | None, since: datetime | None, release: SentNotice | None
) -> Cause:
    """It took a suppression, and no release after it."""
    if released_at is None or released_at < put.created_at:
        return Cause(DifferenceReason.NOT_RELEASED)
    if since and not put.created_at - CLOCKS_DIFFER <= since <= released_at + CLOCKS_DIFFER:
        return Cause(DifferenceReason.LISTED_AT_ANOTHER_TIME)
    if release is None or release.state is not OutboxState.DEAD:
        return Cause(DifferenceReason.RELEASE_NOT_TAKEN)
    return Cause(DifferenceReason.RELEASE_NOT_TAKEN, release.answer, release.id)
