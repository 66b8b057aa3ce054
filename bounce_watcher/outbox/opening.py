"""From a target of the configuration to a way there."""

from bounce_watcher.outbox.channel import Channel
from bounce_watcher.outbox.notifier import Notifier, NotifierChannel
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.platform_channel import PlatformChannel
from bounce_watcher.outbox.webhook.sender import Sender
from bounce_watcher.outbox.webhook.target import WebhookTarget

Receiver = WebhookTarget | Platform | Notifier


def channel_to(target: Receiver) -> Channel:
    """Raises PermanentFailure where it can't be used at all."""
    if isinstance(target, Notifier):
        return NotifierChannel(target)
    return PlatformChannel(target) if isinstance(target, Platform) else Sender(target)
