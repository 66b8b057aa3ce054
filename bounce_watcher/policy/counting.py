"""Which reasons count against a recipient, and how: the `count` column of the taxonomy as a table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType, Reason


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


def counts_with(one: Reason | None, other: Reason | None, changed: Changed) -> bool:
    """Checks whether two bounces are counted together: they have the same bounce type and the same rule.

    Of those only one a day and one per sent message counts. A weaker bounce never hides a stronger one: "mailbox full"
    in the morning is separate from "no such user" in the evening. None is a complaint, counted only with complaints.
    """
    if one is None or other is None:
        return one is other
    return one.bounce_type is other.bounce_type and count_rule(one, changed) is count_rule(other, changed)
