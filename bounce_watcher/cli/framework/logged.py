"""Logs what is changed at the shell, as the dashboard logs its changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bounce_watcher.service.clock import utcnow

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger

SHELL = "shell"
"""The actor of changes made at the shell."""

CHOSEN = "chosen deliveries"


def log(ledger: Ledger, action: str, subject: str, count: int = 1, because: str | None = None) -> None:
    """Logs an action unless `count` is 0. An address as `subject` is logged under its pseudonym."""
    from bounce_watcher.ledger.actions import Action

    if count:
        named = ledger.names.name(ledger.known_as(subject)) if subject.find("@") > 0 else subject
        ledger.log_action(Action(utcnow(), SHELL, action, named, count, because))
