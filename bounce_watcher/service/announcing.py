"""What a configuration means to the ledger: how recipients are decided on, and who is told what.

That is the configured webhooks and platforms (none in shadow mode), and the operator.
"""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from bounce_watcher.config import Settings
from bounce_watcher.ledger.recording.reevaluate import DecisionContext
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import Occurrence, OutboxItem
from bounce_watcher.outbox.webhook.notice import notices
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.replay import Decide
from bounce_watcher.policy.settings import Mode


def announcer(settings: Settings) -> Callable[[Occurrence], Sequence[OutboxItem]]:
    """Returns a function that makes the outbox items for an occurrence, each with its own webhook-id.

    In shadow mode the operator is still told of alerts.
    """
    targets = settings.receivers if settings.policy.mode is Mode.ENFORCE else settings.notifiers

    def announce(occurrence: Occurrence) -> Sequence[OutboxItem]:
        if is_forgotten(occurrence.recipient):
            return ()  # nobody else knows the recipient under its hashed name
        return notices(occurrence, targets, lambda: f"msg_{uuid.uuid4().hex}")

    return announce


def enforced(settings: Settings) -> Settings:
    """Returns the same settings with the mode "enforce"."""
    return replace(settings, policy=replace(settings.policy, mode=Mode.ENFORCE))


def who_hears(settings: Settings) -> str:
    """Tells the person who just made a change what becomes of it."""
    if settings.policy.mode is Mode.SHADOW:
        return "nobody is told, for the mode is shadow"
    return "targets are told with the next poll"


def decider(settings: Settings) -> Decide:
    return partial(decide, settings=settings.policy)


def judge(settings: Settings) -> DecisionContext:
    return DecisionContext(decider(settings), announcer(settings), settings.policy)
