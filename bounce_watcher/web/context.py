"""What pages and API work with: one ledger, and the service that runs beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.cache import TtlCache
from bounce_watcher.web.jobs import JobRunner


@dataclass(frozen=True, slots=True)
class WebContext:
    """What pages and API work with. `stuck` returns mailboxes without progress for too long, `state` that of all."""

    settings: Settings
    ledger: Ledger
    stuck: Callable[[], list[str]]
    state: Callable[[], ServiceState]
    cache: TtlCache = field(default_factory=TtlCache)
    jobs: JobRunner = field(default_factory=JobRunner)

    @property
    def house(self) -> tuple[Settings, Ledger]:
        """Returns the settings and the ledger, as an operation takes them."""
        return self.settings, self.ledger
