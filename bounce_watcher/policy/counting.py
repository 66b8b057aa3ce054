"""What counts against a recipient, and how: the `count` column of the taxonomy as a table."""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType, Reason


class CountRule(StrEnum):
    """How the bounces of a reason add up to a suppression, the weakest first."""

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
"""Hard and soft reasons only. A block or an undetermined bounce has no row to edit: see `count_rule`."""


def _choices(reason: Reason, default: CountRule) -> tuple[CountRule, ...]:
    if default is CountRule.NEVER:
        return (CountRule.NEVER,)
    hard = reason.bounce_type is BounceType.HARD
    return tuple(CountRule) if hard else (CountRule.NEVER, CountRule.THRESHOLD)


CHOICES: Mapping[Reason, tuple[CountRule, ...]] = MappingProxyType({
    reason: _choices(reason, default) for reason, default in DEFAULTS.items()
})
"""How a reason may be set to count. One soft bounce alone is never enough; what speaks of the sender never counts."""

Changed = Mapping[Reason, CountRule]
"""`PolicySettings.reasons`: the reasons that count otherwise than by default."""


_TELLING = frozenset({BounceType.HARD, BounceType.SOFT})


def speaks_of_recipient(event: BounceEvent) -> bool:
    """Whether an event may bear on where a recipient stands, under whatever settings.

    A block or an undetermined bounce may not, not even by its date: it ends no wait and no outage.
    """
    return event.kind is Kind.COMPLAINT or event.bounce_type in _TELLING


def count_rule(reason: Reason, changed: Changed) -> CountRule:
    """How bounces of `reason` count. A change that `CHOICES` does not offer is none."""
    default = DEFAULTS.get(reason, CountRule.NEVER)
    if not changed or default is CountRule.NEVER:
        return default
    chosen = changed.get(reason, default)
    return chosen if chosen in CHOICES[reason] else default


def counts_with(one: Reason | None, other: Reason | None, changed: Changed) -> bool:
    """True where two bounces are counted together: of one bounce type and by one rule.

    Of these one a day and one a sent message is enough, and never does a weaker one hide a stronger: "mailbox full" in
    the morning stands apart from "no such user" in the evening. None is a complaint, counted with complaints alone.
    """
    if one is None or other is None:
        return one is other
    return one.bounce_type is other.bounce_type and count_rule(one, changed) is count_rule(other, changed)
