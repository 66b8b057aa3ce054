"""What a person does in review: set a wording aside, reopen it, and mark opt-outs as done."""

from collections.abc import Sequence
from dataclasses import dataclass

from bounce_watcher.ledger.review.groups import ReviewGroup
from bounce_watcher.model.ledger import Actor
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.service.operations.operation import Operation, Outline, digest


@dataclass(frozen=True, slots=True)
class GroupOperation(Operation[Outline[ReviewGroup], bool]):
    """An operation on unrecognised mail with one wording. Returns False if the group no longer exists."""

    group: ReviewGroup

    def preview(self, by: Actor) -> Outline[ReviewGroup]:
        return Outline(self.group, digest((self.group.gid, self.group.state)))


@dataclass(frozen=True, slots=True)
class SetAside(GroupOperation):
    """Sets a group aside until more than `a_day` mails come on one day; None = for good."""

    a_day: int | None = None

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.review.set_aside(self.group.gid, self.a_day, by)


@dataclass(frozen=True, slots=True)
class Reopen(GroupOperation):
    """Returns a group to review."""

    def carry_out(self, by: Actor) -> bool:
        return self.ledger.review.take_up(self.group.gid, by)


@dataclass(frozen=True, slots=True)
class SettleOptOuts(Operation[Outline[Sequence[KeptOptOut]], int]):
    """Marks opt-outs as done, or reopens them. It suppresses nobody and sends nothing."""

    chosen: Sequence[KeptOptOut]
    is_done: bool = True

    def preview(self, by: Actor) -> Outline[Sequence[KeptOptOut]]:
        return Outline(self.chosen, digest((each.id, each.done_at) for each in self.chosen))

    def carry_out(self, by: Actor) -> int:
        """Returns how many changed. The log names the address if there is only one."""
        asked = [each.asked.recipient or each.asked.sender for each in self.chosen]
        recipient = asked[0] if len(asked) == 1 else None
        return self.ledger.review.settle_opt_outs(
            [each.id for each in self.chosen], by, recipient=recipient, is_done=self.is_done
        )
