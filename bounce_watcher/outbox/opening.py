"""Opens a channel to a configured target."""

from bounce_watcher.outbox.channel import Channel
from bounce_watcher.outbox.notifier import Notifier, NotifierChannel
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.platform_channel import PlatformChannel
from bounce_watcher.outbox.webhook.sender import Sender
from bounce_watcher.outbox.webhook.target import WebhookTarget

Receiver = WebhookTarget | Platform | Notifier


def channel_to(target: Receiver) -> Channel:
    """Opens a channel to `target`. Raises PermanentFailure if it can't be used at all."""
    if isinstance(target, Notifier):
        return NotifierChannel(target)
    return PlatformChannel(target) if isinstance(target, Platform) else Sender(target)
