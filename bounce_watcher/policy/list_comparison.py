"""Explains why an address is only on our list, or only on a target's list.

We are not the only ones who write a target's list: people unsubscribe at the platform itself. So an address that is
only on the target's list is released there only if we put it there, we released it, and the target did not get to know.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from bounce_watcher.model.ledger import NoticeType, OutboxState, State
from bounce_watcher.model.list_comparison import Cause, DifferenceReason

SETTLES = timedelta(hours=1)
"""How long a target's list may still show an address after a release: platforms answer before all their parts know."""

CLOCKS_DIFFER = timedelta(minutes=5)


class SentNotice(NamedTuple):
    """One item of the outbox that reported a state to the target."""

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
    """What is known about one address: the notices to the target, in order; when it was released; its states.

    `is_theirs`: it is suppressed here only because it was once on the target's list. `was_due`: a notice about it was
    on its way when the reading of the lists began. Notices after the number `read_from` were made after that.
    """

    notices: Sequence[SentNotice] = ()
    released_at: datetime | None = None
    standing: frozenset[str] = frozenset()
    is_theirs: bool = True
    was_due: bool = False
    read_from: int = 0

    @property
    def put(self) -> SentNotice | None:
        """The last notice of a suppression that the target accepted; None if it accepted none."""
        return next((each for each in reversed(self.notices) if each.suppresses and each.is_delivered), None)

    def is_moving(self, *, suppresses: bool) -> bool:
        """Checks whether a state of this kind was decided, or on its way, when the lists were read."""
        newest = next((each for each in reversed(self.notices) if each.suppresses is suppresses), None)
        if newest is None or newest.state not in (OutboxState.DUE, OutboxState.DELIVERED):
            return False
        return newest.state is OutboxState.DUE or self.was_due or newest.number > self.read_from


def why_missing(known: AddressFacts, *, is_forgotten: bool) -> Cause:
    """Explains an address that is suppressed here and not on the target's list."""
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
    """Explains an address that is on the target's list and not suppressed here.

    `since` is when the target listed it; None if the target does not say.
    """
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
    """Explains an address that the target lists although it accepted a release."""
    if since and since > taken.created_at + CLOCKS_DIFFER:
        return Cause(DifferenceReason.LISTED_AFTER_RELEASE)
    return Cause(
        DifferenceReason.RELEASE_JUST_TAKEN if now - taken.created_at < SETTLES else DifferenceReason.RELEASE_TAKEN
    )


def _from_here(
    put: SentNotice, released_at: datetime | None, since: datetime | None, release: SentNotice | None
) -> Cause:
    """Explains an address whose suppression the target accepted, and no release after it."""
    if released_at is None or released_at < put.created_at:
        return Cause(DifferenceReason.NOT_RELEASED)
    if since and not put.created_at - CLOCKS_DIFFER <= since <= released_at + CLOCKS_DIFFER:
        return Cause(DifferenceReason.LISTED_AT_ANOTHER_TIME)
    if release is None or release.state is not OutboxState.DEAD:
        return Cause(DifferenceReason.RELEASE_NOT_TAKEN)
    return Cause(DifferenceReason.RELEASE_NOT_TAKEN, release.answer, release.id)
