"""What a person decides on suppressions, one or many: what it changes, and who is left out of it. Pure."""

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
    """What a person decides on those whom an incident holds."""

    RELEASE = "release"
    CONFIRM = "confirm"


class SkipReason(StrEnum):
    """Why one of many is left as it is."""

    COMPLAINT = "complaint"
    BY_HAND = "manual"       # a person suppressed it
    PROTECTED = "protected"  # who protects it is to be asked
    FORGOTTEN = "forgotten"  # no target knows it by its hash, so none could be told


INCLUDABLE = (SkipReason.COMPLAINT, SkipReason.BY_HAND, SkipReason.PROTECTED)
"""Who is not left out if a person says so."""


def ruled(record: RecipientRecord, ruling: Ruling, now: datetime, note: str) -> Transition:
    """What is confirmed so is a decision by hand, which neither the guard nor an undo takes back."""
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
    """Why a suppression is left out when many are released; None where it is not, or is `included`."""
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
