"""What the faces look at: one ledger, and the service that runs beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.cache import Shelf
from bounce_watcher.web.jobs import Works


@dataclass(frozen=True, slots=True)
class House:
    """`stuck` names mailboxes that have made no progress for too long, `state` tells of all."""

    settings: Settings
    ledger: Ledger
    stuck: Callable[[], list[str]]
    state: Callable[[], ServiceState]
    shelf: Shelf = field(default_factory=Shelf)
    works: Works = field(default_factory=Works)
