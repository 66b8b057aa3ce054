"""A person's decisions on suppressions, one or many: what they change, and which recipients are skipped. Pure."""

from collections.abc import Set
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import COMPLAINT_REASON, RecipientRecord, SuppressionSource
from bounce_watcher.policy import transitions
from bounce_watcher.policy.exclusion import protected_by
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import Transition


class Ruling(StrEnum):
    """A person's decision on recipients that an incident holds."""

    RELEASE = "release"
    CONFIRM = "confirm"


class SkipReason(StrEnum):
    """Why a decision on many recipients skips one of them."""

    COMPLAINT = "complaint"
    BY_HAND = "manual"       # a person suppressed it
    PROTECTED = "protected"  # ask the person who protects it
    FORGOTTEN = "forgotten"  # no target knows it by its hash, so a release could not be reported


INCLUDABLE = (SkipReason.COMPLAINT, SkipReason.BY_HAND, SkipReason.PROTECTED)
"""The reasons for a skip that a person may override."""


def ruled(record: RecipientRecord, ruling: Ruling, now: datetime, note: str) -> Transition:
    """Applies a ruling. A confirmed suppression counts as made by hand: neither the guard nor an undo reverts it."""
    if ruling is Ruling.RELEASE:
        return transitions.release(record, now, ByPerson(note))
    held = record.suppression
    if held is None:
        return Transition(record)
    by_hand = replace(record, suppression=replace(held, source=SuppressionSource.MANUAL))
    return transitions.confirm(by_hand, now, ByPerson(note, confirms=True))


def why_not_confirmed(record: RecipientRecord, policy: PolicySettings) -> SkipReason | None:
    return SkipReason.PROTECTED if _is_protected(record, policy) else None


def why_skipped(
    record: RecipientRecord, is_forgotten: bool, policy: PolicySettings, included: Set[SkipReason]
) -> SkipReason | None:
    """Returns why a release of many skips this suppression; None if it does not, or if the reason is `included`."""
    standing = record.suppression
    if standing is None:
        return None
    reasons = (
        (SkipReason.FORGOTTEN, is_forgotten),
        (SkipReason.COMPLAINT, standing.reason == COMPLAINT_REASON),
        (SkipReason.PROTECTED, _is_protected(record, policy)),
        (SkipReason.BY_HAND, standing.source is SuppressionSource.MANUAL),
    )
    return next((reason for reason, holds in reasons if holds and reason not in included), None)


def _is_protected(record: RecipientRecord, policy: PolicySettings) -> bool:
    return (record.protected or protected_by(record.recipient, policy)) is not None
