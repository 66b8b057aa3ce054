"""What counts against a recipient, and how: the `count` column of the taxonomy as a table."""

from enum import StrEnum
from types import MappingProxyType

from bounce_watcher.model.verdict import BounceType, Reason


class CountRule(StrEnum):
    """How the bounces of a reason add up to a suppression, the weakest first."""

    NEVER = "never"
    THRESHOLD = "threshold"        # several, over several days: `PolicySettings.soft`
    CONFIRM = "confirm"            # a second one on another day: `PolicySettings.confirm`
    SUPPRESS_NOW = "suppress-now"

    def at_least(self, other: "CountRule") -> bool:
        order = list(CountRule)
        return order.index(self) >= order.index(other)


_RULES = MappingProxyType({
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


def count_rule(reason: Reason) -> CountRule:
    """How bounces of `reason` count. It takes no settings: no configuration can make a block count."""
    match reason.bounce_type:
        case BounceType.HARD | BounceType.SOFT:
            return _RULES[reason]
        case BounceType.BLOCK | BounceType.UNDETERMINED:
            return CountRule.NEVER


def stands_for(earlier: Reason | None, later: Reason | None) -> bool:
    """True where one counted bounce makes a second one of the same day or the same sent message needless.

    That is inside one bounce type and only for a reason that weighs no more: "mailbox full" in the morning never
    hides "no such user" in the evening. None is a complaint, which stands for complaints alone.
    """
    if earlier is None or later is None:
        return earlier is later
    return earlier.bounce_type is later.bounce_type and count_rule(earlier).at_least(count_rule(later))
