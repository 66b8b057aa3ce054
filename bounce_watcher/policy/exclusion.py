"""Why an event does not count against its recipient.

Of several reasons the first is reported. The order: what the report is, whom it is about, how far it is proven, what
was counted already.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Excluded, ExclusionKind
from bounce_watcher.model.ledger import ABUSE, BounceEvent, CountedBounce
from bounce_watcher.model.times import utc_day
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.counting import DEFAULTS, CountRule, count_rule, counts_with, rule_of
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
    return _without_failure(case.event, case.settings.reasons) or next(_objections(case), None)


def counted_already(case: JudgedEvent) -> Excluded | None:
    """Returns the exclusion of an event that repeats one already counted; None if it repeats none."""
    event, changed = case.event, case.settings.reasons
    this = CountedBounce.of(event)
    alike = [bounce for bounce in case.earlier if counts_with(bounce, this, changed)]
    if event.sent_message_id is not None:
        for bounce in alike:
            if bounce.sent_message_id == event.sent_message_id:
                return Excluded(ExclusionKind.SAME_MESSAGE, at=bounce.at)
    today = utc_day(event.at)
    same_day = next((bounce.at for bounce in alike if utc_day(bounce.at) == today), None)
    return None if same_day is None else Excluded(ExclusionKind.SAME_DAY, at=same_day)


def _without_failure(event: BounceEvent, changed: Mapping[Reason, CountRule]) -> Excluded | None:
    """Excludes what says nothing against the recipient.

    Of feedback only abuse counts: not-spam says the opposite; fraud, virus and auth-failure are about mail in our name.
    """
    reason = event.reason
    if event.kind is Kind.COMPLAINT:
        is_abuse = event.feedback_type == ABUSE
        return None if is_abuse else Excluded(ExclusionKind.NO_COMPLAINT, feedback_type=event.feedback_type)
    if event.action is not Action.FAILED:
        return Excluded(ExclusionKind.NO_FAILURE, action=event.action)
    if reason is None or reason.bounce_type is BounceType.UNDETERMINED:
        return Excluded(ExclusionKind.UNDETERMINED)
    if reason.bounce_type is BounceType.BLOCK:
        return Excluded(ExclusionKind.BLOCK, reason=reason)
    if count_rule(reason, changed) is not CountRule.NEVER:
        return None
    by_default = DEFAULTS[reason] is CountRule.NEVER
    return Excluded(ExclusionKind.PACE if by_default else ExclusionKind.SET, reason=reason)


def _objections(case: JudgedEvent) -> Iterator[Excluded]:
    event, settings, until = case.event, case.settings, case.answered_until
    name = case.protected or protected_by(event.recipient, settings)
    if name is not None:
        yield Excluded(ExclusionKind.PROTECTED, domain=domain_protected(name))
    if case.released_at is not None and event.at <= case.released_at:
        yield Excluded(ExclusionKind.BEFORE_RELEASE, at=case.released_at)
    if (
        event.reason is not None and until is not None and event.at <= until
        and rule_of(event, settings.reasons) is not CountRule.SUPPRESS_NOW
    ):
        yield Excluded(ExclusionKind.BEFORE_DELIVERY, at=until)
    if event.doubt is not None:  # it proves nothing, however little proof the settings require
        yield Excluded(ExclusionKind.IN_DOUBT, doubt=event.doubt)
    asked = asked_evidence(event, settings)
    if not event.evidence.at_least(asked):
        yield Excluded(ExclusionKind.TOO_WEAK, evidence=event.evidence, asked=asked)


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
