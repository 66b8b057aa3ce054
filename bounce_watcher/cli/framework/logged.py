"""What is changed at the shell stands in the log of actions, as what is changed in a browser does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bounce_watcher.service.clock import utcnow

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger

SHELL = "shell"
"""Who did it."""

CHOSEN = "chosen deliveries"


def log(ledger: Ledger, action: str, subject: str, count: int = 1, because: str | None = None) -> None:
    """`subject` may be an address: it is logged under its name. Where nothing was changed nothing is logged."""
    from bounce_watcher.ledger.actions import Action

    if count:
        named = ledger.names.name(ledger.known_as(subject)) if subject.find("@") > 0 else subject
        ledger.log_action(Action(utcnow(), SHELL, action, named, count, because))
