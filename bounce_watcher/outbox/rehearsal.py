"""What would be sent, shown and not sent; secrets and signatures are masked."""

from datetime import datetime

from bounce_watcher.model.ledger import OutboxItem
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.notice import endpoint_test
from bounce_watcher.outbox.platform import HttpPlatform, Platform
from bounce_watcher.outbox.sender import webhook
from bounce_watcher.outbox.target import WebhookTarget


def rehearse_item(item: OutboxItem, target: WebhookTarget | Platform, now: datetime) -> str:
    """What a try at `now` (aware) would send for one item: for a platform its first call.

    Raises ValueError where the item tells nothing any more, for whom it was about is forgotten.
    """
    if item.body == "{}":
        raise ValueError("what it told was erased")
    if isinstance(target, Platform):
        return target.rehearse([change_of(item)], now)
    return webhook(item, target, now).shown()


def rehearse_test(target: WebhookTarget | Platform, now: datetime, item_id: str) -> str:
    """What a test would send at first. `item_id` is the webhook-id of one that is sent to a webhook."""
    if isinstance(target, WebhookTarget):
        return webhook(endpoint_test(target, now, item_id), target, now).shown()
    if not isinstance(target, HttpPlatform):
        return f"connects as a {target.kind} does, and reads: it sends nothing that could be shown"
    conversation = target.check(now)
    try:
        return next(conversation).shown()
    finally:
        conversation.close()
