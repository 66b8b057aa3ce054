"""Names who acts at the shell: changes made there are logged like changes made in a browser."""

from bounce_watcher.model.ledger import Actor
from bounce_watcher.service.clock import utcnow

SHELL = "shell"
"""The name under which the log lists what was done at the shell."""


def at_the_shell(note: str | None = None) -> Actor:
    """Returns the actor. `note` is what was typed for --because."""
    return Actor(SHELL, utcnow(), note)
