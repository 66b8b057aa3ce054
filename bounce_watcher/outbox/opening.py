"""Opens a channel to a configured target, or shows what would be sent to it, with secrets and signatures masked."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from bounce_watcher.model.ledger import OutboxItem
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.channel import Channel
from bounce_watcher.outbox.http.exchange import Request
from bounce_watcher.outbox.notifier import TEST, Message, Notifier, NotifierChannel, message_of
from bounce_watcher.outbox.platform import HttpPlatform, Platform
from bounce_watcher.outbox.platform_channel import PlatformChannel
from bounce_watcher.outbox.webhook.notice import endpoint_test
from bounce_watcher.outbox.webhook.sender import Sender, webhook
from bounce_watcher.outbox.webhook.target import WebhookTarget

Receiver = WebhookTarget | Platform | Notifier


def channel_to(target: Receiver) -> Channel:
    """Opens a channel to `target`. Raises PermanentFailure if it can't be used at all."""
    if isinstance(target, Notifier):
        return NotifierChannel(target)
    return PlatformChannel(target) if isinstance(target, Platform) else Sender(target)


# ── without sending it ──────────────────────────────────────────────────────────────────────────────────────────────

def rehearse_item(item: OutboxItem, target: Receiver, now: datetime) -> str:
    """Returns what a try at `now` (aware) would send for one item; for a platform, its first call.

    Raises ValueError if there is nothing to send: the item's recipient was erased, or this kind of platform makes no
    call for the change.
    """
    if item.body == "{}":
        raise ValueError("what it told was erased")
    if isinstance(target, Notifier):
        return _shown(message_of([item]))
    if not isinstance(target, Platform):
        return webhook(item, target, now).shown()
    try:
        return target.rehearse([change_of(item)], now)
    except StopIteration:
        raise ValueError(f"a {target.kind} is asked nothing for this") from None


def rehearse_among(targets: Sequence[Receiver], item: OutboxItem, now: datetime) -> tuple[str | None, str]:
    """Returns what would be sent to the item's target among `targets`, or None and the cause if nothing would."""
    target = next((each for each in targets if each.name == item.target), None)
    if target is None:
        return None, f"nothing would be sent: no target of the configuration is named {item.target} any more"
    try:
        return rehearse_item(item, target, now), ""
    except ValueError as error:
        return None, f"nothing would be sent: {error}"


def call_among(targets: Sequence[Receiver], item: OutboxItem, now: datetime) -> Request | None:
    """Returns the request of `rehearse_among`; None if there is none, it is not HTTP, or its address is a secret."""
    target = next((each for each in targets if each.name == item.target), None)
    if item.body == "{}":
        return None
    if isinstance(target, WebhookTarget):
        return webhook(item, target, now)
    if isinstance(target, HttpPlatform):
        with suppress(StopIteration):
            return target.first_call([change_of(item)], now)
    return None


def rehearse_test(target: Receiver, now: datetime, item_id: str) -> str:
    """Returns what a test would send first. `item_id` is the webhook-id for the test of a webhook."""
    if isinstance(target, Notifier):
        return _shown(TEST)
    if isinstance(target, WebhookTarget):
        return webhook(endpoint_test(target, now, item_id), target, now).shown()
    if not isinstance(target, HttpPlatform):
        return f"connects as a {target.kind} does, and reads: it sends nothing that could be shown"
    conversation = target.check(now)
    try:
        return next(conversation).shown()
    finally:
        conversation.close()


def _shown(message: Message) -> str:
    """Returns the message as text, without its address, which is a secret."""
    return f"{message.title}\n\n{message.body}"
