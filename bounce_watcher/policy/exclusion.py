"""Why an event does not count against its recipient.

Each check returns an `Excluded`, or None if it has no objection. The checks are in tuples, and the first answer is the
one that is reported. The order: what the report is, whom it is about, how far it is proven, what was counted already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Excluded, ExclusionKind
from bounce_watcher.model.ledger import ABUSE, BounceEvent, CountedBounce
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.counting import DEFAULTS, CountRule, count_rule, counts_with
from bounce_watcher.policy.days import utc_day
from bounce_watcher.policy.settings import PolicySettings


@dataclass(frozen=True, slots=True)
class JudgedEvent:
    """One event for the policy to judge, with the earlier events that counted.

    Nothing up to `released_at` counts (None = no release). Up to `answered_until` bounces that are not enough by
    themselves do not count, because of a delivery. `protected`: the address or domain of the recipient that a person
    has protected.
    """

    event: BounceEvent
    earlier: tuple[CountedBounce, ...]
    released_at: datetime | None
    answered_until: datetime | None
    settings: PolicySettings
    protected: str | None = None


def why_not(case: JudgedEvent) -> Excluded | None:
    """Returns why the event does not count, whatever counted before it; None if nothing speaks against it."""
    return _first_answer(_CHECKS, case)


def counted_already(case: JudgedEvent) -> Excluded | None:
    """Returns the exclusion of an event that repeats one already counted; None if it repeats none."""
    return _first_answer(_REPETITIONS, case)


def _first_answer(checks: "tuple[_Check, ...]", case: JudgedEvent) -> Excluded | None:
    for check in checks:
        answer = check(case)
        if answer is not None:
            return answer
    return None


def _no_failure(case: JudgedEvent) -> Excluded | None:
    event = case.event
    if event.kind is Kind.COMPLAINT or event.action is Action.FAILED:
        return None
    return Excluded(ExclusionKind.NO_FAILURE, action=event.action)


def _no_complaint(case: JudgedEvent) -> Excluded | None:
    """Excludes other feedback: not-spam says the opposite; fraud, virus and auth-failure are about mail in our name."""
    event = case.event
    if event.kind is not Kind.COMPLAINT or event.feedback_type == ABUSE:
        return None
    return Excluded(ExclusionKind.NO_COMPLAINT, feedback_type=event.feedback_type)


def _says_nothing(case: JudgedEvent) -> Excluded | None:
    event = case.event
    if event.kind is Kind.COMPLAINT:
        return None
    if event.reason is None or event.reason.bounce_type is BounceType.UNDETERMINED:
        return Excluded(ExclusionKind.UNDETERMINED)
    if event.reason.bounce_type is BounceType.BLOCK:
        return Excluded(ExclusionKind.BLOCK, reason=event.reason)
    if count_rule(event.reason, case.settings.reasons) is not CountRule.NEVER:
        return None
    by_default = DEFAULTS[event.reason] is CountRule.NEVER
    return Excluded(ExclusionKind.PACE if by_default else ExclusionKind.SET, reason=event.reason)


def _protected(case: JudgedEvent) -> Excluded | None:
    name = case.protected or protected_by(case.event.recipient, case.settings)
    return None if name is None else Excluded(ExclusionKind.PROTECTED, domain=domain_protected(name))


def domain_protected(name: str) -> str | None:
    """Returns the domain if a domain is protected; None if `name` is an address."""
    return name[1:] if name.startswith("@") else None


def protected_by(recipient: str, settings: PolicySettings) -> str | None:
    """Returns what the settings protect for an address: itself, or "@" and its domain; None if neither."""
    if not (settings.protected_addresses or settings.protected_domains):
        return None
    address = address_key(recipient)
    domain = address.rpartition("@")[2]
    if address in _keys(settings.protected_addresses):
        return address
    return f"@{domain}" if domain in _keys(settings.protected_domains) else None


@lru_cache(maxsize=16)
def _keys(addresses: frozenset[str]) -> frozenset[str]:
    return frozenset(map(address_key, addresses))


def _released(case: JudgedEvent) -> Excluded | None:
    if case.released_at is None or case.event.at > case.released_at:
        return None
    return Excluded(ExclusionKind.BEFORE_RELEASE, at=case.released_at)


def _answered(case: JudgedEvent) -> Excluded | None:
    event, until = case.event, case.answered_until
    if event.reason is None or until is None or event.at > until:
        return None
    if count_rule(event.reason, case.settings.reasons) is CountRule.SUPPRESS_NOW:
        return None
    return Excluded(ExclusionKind.BEFORE_DELIVERY, at=until)


def _doubtful(case: JudgedEvent) -> Excluded | None:
    """Excludes a report in doubt: it proves nothing, however little proof the settings require."""
    doubt = case.event.doubt
    return None if doubt is None else Excluded(ExclusionKind.IN_DOUBT, doubt=doubt)


def _too_weak(case: JudgedEvent) -> Excluded | None:
    asked = asked_evidence(case.event, case.settings)
    if case.event.evidence.at_least(asked):
        return None
    return Excluded(ExclusionKind.TOO_WEAK, evidence=case.event.evidence, asked=asked)


def asked_evidence(event: BounceEvent, settings: PolicySettings) -> Evidence:
    """Returns the lowest grade of evidence at which such an event may count."""
    if event.kind is Kind.COMPLAINT:
        return settings.evidence_complaint
    hard = event.reason is not None and event.reason.bounce_type is BounceType.HARD
    return settings.evidence_hard if hard else settings.evidence_soft


WITHIN = timedelta(days=14)
"""How long before a mail is sent its bounce may have come: a sending reported without a time counts as sent now."""


def is_proven_late(event: BounceEvent, sent_at: datetime, settings: PolicySettings) -> bool:
    """Checks whether a bounce with too weak evidence counts once we know that we sent the mail, at `sent_at`."""
    is_near = event.at >= sent_at - WITHIN
    return is_near and Evidence.KNOWN_MESSAGE.at_least(asked_evidence(event, settings))


def _same_message(case: JudgedEvent) -> Excluded | None:
    message_id = case.event.sent_message_id
    if message_id is None:
        return None
    counted = _standing_in(case, lambda bounce: bounce.sent_message_id == message_id)
    return Excluded(ExclusionKind.SAME_MESSAGE, at=counted.at) if counted else None


def _same_day(case: JudgedEvent) -> Excluded | None:
    today = utc_day(case.event.at)
    counted = _standing_in(case, lambda bounce: utc_day(bounce.at) == today)
    return Excluded(ExclusionKind.SAME_DAY, at=counted.at) if counted else None


def _standing_in(case: JudgedEvent, alike: Callable[[CountedBounce], bool]) -> CountedBounce | None:
    """Returns the first earlier bounce that is `alike` and counts together with this event; None if there is none."""
    reason, changed = case.event.reason if case.event.kind is not Kind.COMPLAINT else None, case.settings.reasons
    matches = (bounce for bounce in case.earlier if alike(bounce) and counts_with(bounce.reason, reason, changed))
    return next(matches, None)


_Check = Callable[[JudgedEvent], Excluded | None]
_CHECKS: tuple[_Check, ...] = (
    _no_failure, _no_complaint, _says_nothing, _protected, _released, _answered, _doubtful, _too_weak,
)
_REPETITIONS: tuple[_Check, ...] = (_same_message, _same_day)
