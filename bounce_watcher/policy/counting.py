"""Which reasons count against a recipient, and how: the `count` column of the taxonomy as a table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import ConfirmationNeed
from bounce_watcher.model.ledger import BounceEvent, CountedBounce
from bounce_watcher.model.verdict import BounceType, Confidence, Reason


class CountRule(StrEnum):
    """How the bounces of a reason add up to a suppression, weakest first."""

    NEVER = "never"
    THRESHOLD = "threshold"        # several, over several days: `PolicySettings.soft`
    CONFIRM = "confirm"            # a second one on another day: `PolicySettings.confirm`
    SUPPRESS_NOW = "suppress-now"


DEFAULTS: Mapping[Reason, CountRule] = MappingProxyType({
    Reason.INVALID_RECIPIENT: CountRule.SUPPRESS_NOW,
    Reason.INVALID_DOMAIN: CountRule.CONFIRM,
    Reason.DOMAIN_REFUSES_MAIL: CountRule.CONFIRM,
    Reason.MAILBOX_MOVED: CountRule.SUPPRESS_NOW,
    Reason.MAILBOX_DISABLED: CountRule.CONFIRM,
    Reason.MAILBOX_FULL: CountRule.THRESHOLD,
    Reason.MAILBOX_UNAVAILABLE: CountRule.THRESHOLD,
    Reason.RECIPIENT_FILTERED: CountRule.THRESHOLD,
    Reason.MESSAGE_EXPIRED: CountRule.THRESHOLD,
    Reason.NETWORK_ERROR: CountRule.THRESHOLD,
    Reason.MAIL_LOOP: CountRule.THRESHOLD,
    Reason.SYSTEM_ERROR: CountRule.THRESHOLD,
    Reason.SYSTEM_FULL: CountRule.THRESHOLD,
    Reason.GREYLISTED: CountRule.NEVER,
    Reason.RATE_LIMITED: CountRule.NEVER,
})
"""Hard and soft reasons only. Blocks and undetermined bounces have no row to edit: see `count_rule`."""


def _choices(reason: Reason, default: CountRule) -> tuple[CountRule, ...]:
    if default is CountRule.NEVER:
        return (CountRule.NEVER,)
    hard = reason.bounce_type is BounceType.HARD
    return tuple(CountRule) if hard else (CountRule.NEVER, CountRule.THRESHOLD)


CHOICES: Mapping[Reason, tuple[CountRule, ...]] = MappingProxyType({
    reason: _choices(reason, default) for reason, default in DEFAULTS.items()
})
"""How a reason may be set to count. One soft bounce alone is never enough; a reason about the sender never counts."""

Changed = Mapping[Reason, CountRule]
"""`PolicySettings.reasons`: the reasons that do not count as by default."""


_TELLING = frozenset({BounceType.HARD, BounceType.SOFT})


def speaks_of_recipient(event: BounceEvent) -> bool:
    """Checks whether an event can affect a recipient's state under any settings.

    A block or an undetermined bounce cannot, not even by its date: it ends no wait and no outage.
    """
    return event.kind is Kind.COMPLAINT or event.bounce_type in _TELLING


def count_rule(reason: Reason, changed: Changed) -> CountRule:
    """Returns how bounces of `reason` count. Ignores a change that `CHOICES` does not offer."""
    default = DEFAULTS.get(reason, CountRule.NEVER)
    if not changed or default is CountRule.NEVER:
        return default
    chosen = changed.get(reason, default)
    return chosen if chosen in CHOICES[reason] else default


def needs_confirmation(bounce: BounceEvent | CountedBounce) -> ConfirmationNeed | None:
    """Returns why a bounce never suppresses alone, whatever its reason; None if it may.

    An alias may stand for several people: that one of the mailboxes behind it is dead does not make it dead.
    """
    if bounce.reason is None or bounce.reason.bounce_type is not BounceType.HARD:
        return None
    if bounce.forwarded:
        return ConfirmationNeed.FORWARDED
    return ConfirmationNeed.GUESS if bounce.confidence is Confidence.GUESS else None


def rule_of(bounce: BounceEvent | CountedBounce, changed: Changed) -> CountRule:
    """Returns how one bounce counts: as its reason does, but never at once if it needs confirmation."""
    rule = CountRule.NEVER if bounce.reason is None else count_rule(bounce.reason, changed)
    at_once = rule is CountRule.SUPPRESS_NOW
    return CountRule.CONFIRM if at_once and needs_confirmation(bounce) is not None else rule


def counts_with(one: CountedBounce, other: CountedBounce, changed: Changed) -> bool:
    """Checks whether two bounces are counted together: they have the same bounce type and the same rule.

    Of those only one a day and one per sent message counts. A weaker bounce never hides a stronger one: "mailbox full"
    in the morning is separate from "no such user" in the evening. A complaint has no reason and counts with complaints.
    """
    if one.reason is None or other.reason is None:
        return one.reason is other.reason
    is_same_type = one.reason.bounce_type is other.reason.bounce_type
    return is_same_type and rule_of(one, changed) is rule_of(other, changed)
