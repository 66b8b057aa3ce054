"""Who hears of what: the webhooks and platforms of the config, in shadow mode none of them; and the operator."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace

from bounce_watcher.config import Settings
from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import Occurrence, OutboxItem
from bounce_watcher.outbox.webhook.notice import notices
from bounce_watcher.policy.settings import Mode


def announcer(settings: Settings) -> Callable[[Occurrence], Sequence[OutboxItem]]:
    """The outbox rows that an occurrence makes under these settings, each under a webhook-id of its own.

    In shadow mode the operator hears of alerts all the same.
    """
    targets = settings.receivers if settings.policy.mode is Mode.ENFORCE else settings.notifiers

    def announce(occurrence: Occurrence) -> Sequence[OutboxItem]:
        if is_forgotten(occurrence.recipient):
            return ()  # under that name nobody knows it
        return notices(occurrence, targets, _new_id)

    return announce


def enforced(settings: Settings) -> Settings:
    """The same settings, were the mode "enforce"."""
    return replace(settings, policy=replace(settings.policy, mode=Mode.ENFORCE))


def who_hears(settings: Settings) -> str:
    """What becomes of a change made just now, for the person who made it."""
    if settings.policy.mode is Mode.SHADOW:
        return "nobody is told, for the mode is shadow"
    return "targets are told with the next poll"


def _new_id() -> str:
    return f"msg_{uuid.uuid4().hex}"
