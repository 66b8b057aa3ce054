"""What the faces look at: one ledger, and the service that runs beside them."""

from collections.abc import Callable
from dataclasses import dataclass, field

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.service.state import ServiceState
from bounce_watcher.web.cache import TtlCache
from bounce_watcher.web.jobs import JobRunner


@dataclass(frozen=True, slots=True)
class WebContext:
    """`stuck` names mailboxes that have made no progress for too long, `state` tells of all."""

    settings: Settings
    ledger: Ledger
    stuck: Callable[[], list[str]]
    state: Callable[[], ServiceState]
    cache: TtlCache = field(default_factory=TtlCache)
    jobs: JobRunner = field(default_factory=JobRunner)

    @property
    def house(self) -> tuple[Settings, Ledger]:
        """What an operation works on."""
        return self.settings, self.ledger
