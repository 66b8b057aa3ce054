"""Finds targets of the configuration by name: webhooks, platforms and notifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bounce_watcher.cli.framework.errors import WrongUsage

if TYPE_CHECKING:
    from bounce_watcher.config import Settings
    from bounce_watcher.outbox.opening import Receiver
    from bounce_watcher.outbox.platform import Platform


def target_named(settings: Settings, name: str) -> Receiver:
    """Finds a target. Raises WrongUsage if there is none of that name."""
    for target in settings.receivers:
        if target.name == name:
            return target
    names = ", ".join(target.name for target in settings.receivers)
    raise WrongUsage(
        f"there is no [[webhook]], [[platform]] or [[notify]] named {name!r}", f"there are: {names or 'none'}"
    )


def platform_named(settings: Settings, name: str) -> Platform:
    """Finds a platform. Raises WrongUsage if there is none of that name."""
    from bounce_watcher.outbox.platform import Platform

    target = target_named(settings, name)
    if isinstance(target, Platform):
        return target
    names = ", ".join(platform.name for platform in settings.platforms)
    raise WrongUsage(f"{target.label} gets events and keeps no list", f"platforms are: {names or 'none'}")
