"""What a person does about what waits for one: a wording set aside or reopened, opt-outs dealt with."""

from collections.abc import Sequence
from dataclasses import dataclass

from bounce_watcher.ledger.review.groups import ReviewGroup
from bounce_watcher.model.ledger import Actor
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.service.operations.operation import Operation, digest


@dataclass(frozen=True, slots=True)
class GroupOutline:
    """The group as it stands."""

    group: ReviewGroup
    seen: str


@dataclass(frozen=True, slots=True)
class GroupOperation(Operation[GroupOutline, bool]):
    """On what was not recognised and has one wording. False where there is no such group any more."""

    group: ReviewGroup

    def preview(self, by: Actor) -> GroupOutline:
        return GroupOutline(self.group, digest((self.group.gid, self.group.state)))


@dataclass(frozen=True, slots=True)
class SetAside(GroupOperation):
    """Its mails wait for nobody until more than `a_day` come on one day; None = for good."""

    a_day: int | None = None

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.review.set_aside(self.group.gid, self.a_day, by)


@dataclass(frozen=True, slots=True)
class Reopen(GroupOperation):
    """It waits for a person again."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.review.take_up(self.group.gid, by)


@dataclass(frozen=True, slots=True)
class OptOutOutline:
    """The opt-outs as they stand."""

    chosen: Sequence[KeptOptOut]
    seen: str


@dataclass(frozen=True, slots=True)
class SettleOptOuts(Operation[OptOutOutline, int]):
    """Marks opt-outs as dealt with, or reopens them. Nobody is suppressed by it, and nothing is sent."""

    chosen: Sequence[KeptOptOut]
    is_done: bool = True

    def preview(self, by: Actor) -> OptOutOutline:
        return OptOutOutline(self.chosen, digest((each.id, each.done_at) for each in self.chosen))

    def carry_out(self, by: Actor) -> int:
        """Returns how many were changed. The log names the address where there is but one."""
        asked = [each.asked.recipient or each.asked.sender for each in self.chosen]
        recipient = asked[0] if len(asked) == 1 else None
        return self.ledger.review.settle_opt_outs(
            [each.id for each in self.chosen], by, recipient=recipient, is_done=self.is_done
        )
