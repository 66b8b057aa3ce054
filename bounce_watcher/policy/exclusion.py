"""Why an event does not count against its recipient, in words that a support agent can read.

Each check answers with a sentence, or None where it has nothing to say against counting. They stand in tuples, and the
first answer is the one that is told: what the report is, before whom it is about, before how far it is proven, before
what was counted already.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import ABUSE, TOO_WEAK, BounceEvent, CountedBounce
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.counting import DEFAULTS, CountRule, count_rule, counts_with
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.words import day, plain, utc_day


@dataclass(frozen=True, slots=True)
class Case:
    """One event before the policy: what counted before it, and until when nothing counts any more (or None).

    `answered_until`: a delivery answers for the bounces before it that are not enough by themselves.
    `protected`: what a person has protected that the recipient is of.
    """

    event: BounceEvent
    earlier: tuple[CountedBounce, ...]
    released_at: datetime | None
    answered_until: datetime | None
    settings: PolicySettings
    protected: str | None = None


def why_not(case: Case) -> str | None:
    """Why the event does not count whatever came before it; None where it does."""
    return _first_answer(_CHECKS, case)


def counted_already(case: Case) -> str | None:
    """What counted already and stands for the event too; None where nothing does."""
    return _first_answer(_REPETITIONS, case)


def _first_answer(checks: "tuple[_Check, ...]", case: Case) -> str | None:
    for check in checks:
        answer = check(case)
        if answer is not None:
            return answer
    return None


_ACTIONS = {
    Action.FAILED: None,
    Action.DELAYED: "a delay is no failure: the server is still trying",
    Action.DELIVERED: "the report says delivered",
    Action.RELAYED: "the report says relayed: no failure",
    Action.EXPANDED: "the report says expanded to a list: no failure",
}


def _no_failure(case: Case) -> str | None:
    event = case.event
    if event.kind is Kind.COMPLAINT:
        return None
    if event.action is None:
        return "the report does not say that the delivery failed"
    return _ACTIONS[event.action]


def _no_complaint(case: Case) -> str | None:
    """not-spam says the very opposite; fraud, virus and auth-failure speak of what somebody sent in our name."""
    event = case.event
    if event.kind is not Kind.COMPLAINT or event.feedback_type == ABUSE:
        return None
    return f"feedback of type {event.feedback_type or 'unknown'} is no complaint against the sender"


def _says_nothing(case: Case) -> str | None:
    event = case.event
    if event.kind is Kind.COMPLAINT:
        return None
    if event.reason is None or event.reason.bounce_type is BounceType.UNDETERMINED:
        return "undetermined: the words do not tell why"
    if event.reason.bounce_type is BounceType.BLOCK:
        return f"a block says nothing on the recipient: {plain(event.reason)}"
    if count_rule(event.reason, case.settings.reasons) is not CountRule.NEVER:
        return None
    by_default = DEFAULTS[event.reason] is CountRule.NEVER
    return f"{plain(event.reason)} never counts: " + ("the mail may still get through" if by_default else "so set")


def _protected(case: Case) -> str | None:
    name = case.protected or protected_by(case.event.recipient, case.settings)
    if name is None:
        return None
    if name.startswith("@"):
        return f"protected domain {name[1:]}: the policy never suppresses its addresses"
    return "protected address: the policy never suppresses it"


def protected_by(recipient: str, settings: PolicySettings) -> str | None:
    """By what the settings protect an address: itself, or "@" and its domain; None where they don't."""
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


def _released(case: Case) -> str | None:
    if case.released_at is None or case.event.at > case.released_at:
        return None
    return f"received before the release of {day(case.released_at)}"


def _answered(case: Case) -> str | None:
    event, until = case.event, case.answered_until
    if event.reason is None or until is None or event.at > until:
        return None
    if count_rule(event.reason, case.settings.reasons) is CountRule.SUPPRESS_NOW:
        return None
    return f"received before the delivery of {day(until)}"


def _doubtful(case: Case) -> str | None:
    """A report that is in doubt proves nothing, however little proof the settings ask for."""
    return f"forged or mixed up: {case.event.doubt}" if case.event.doubt is not None else None


def _too_weak(case: Case) -> str | None:
    asked = asked_evidence(case.event, case.settings)
    if case.event.evidence.at_least(asked):
        return None
    return f"{TOO_WEAK}{case.event.evidence}, the policy asks for {asked}"


def asked_evidence(event: BounceEvent, settings: PolicySettings) -> Evidence:
    """The lowest grade that may count against the recipient of such an event."""
    if event.kind is Kind.COMPLAINT:
        return settings.evidence_complaint
    hard = event.reason is not None and event.reason.bounce_type is BounceType.HARD
    return settings.evidence_hard if hard else settings.evidence_soft


def _same_message(case: Case) -> str | None:
    message_id = case.event.sent_message_id
    if message_id is None:
        return None
    counted = _standing_in(case, lambda bounce: bounce.sent_message_id == message_id)
    return f"the same sent message counted already on {day(counted.at)}" if counted else None


def _same_day(case: Case) -> str | None:
    today = utc_day(case.event.at)
    counted = _standing_in(case, lambda bounce: utc_day(bounce.at) == today)
    return f"counted already on {day(counted.at)}: once a day" if counted else None


def _standing_in(case: Case, alike: Callable[[CountedBounce], bool]) -> CountedBounce | None:
    """The first bounce that is `alike` and was counted together with what this event would be."""
    reason, changed = case.event.reason if case.event.kind is not Kind.COMPLAINT else None, case.settings.reasons
    matches = (bounce for bounce in case.earlier if alike(bounce) and counts_with(bounce.reason, reason, changed))
    return next(matches, None)


_Check = Callable[[Case], str | None]
_CHECKS: tuple[_Check, ...] = (
    _no_failure, _no_complaint, _says_nothing, _protected, _released, _answered, _doubtful, _too_weak,
)
_REPETITIONS: tuple[_Check, ...] = (_same_message, _same_day)
