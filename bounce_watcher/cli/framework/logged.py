"""Who acts at the shell: what is changed there stands in the log, as what is changed in a browser does."""

from bounce_watcher.model.ledger import Actor
from bounce_watcher.service.clock import utcnow

SHELL = "shell"


def at_the_shell(note: str | None = None) -> Actor:
    """`note` is what was typed for --because."""
    return Actor(SHELL, utcnow(), note)
