"""A ledger, a configuration and a deliverer with one platform behind them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from bounce_watcher.config import Settings
from bounce_watcher.config.loading import load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import Actor, OutboxItem, OutboxState, State, Suppression, SuppressionSource
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.delivering import Deliverer, DispatchReport
from bounce_watcher.service.state import Troubles
from tests.ledger.conftest import new_file

NAME = "newsletter"


def now() -> datetime:
    return datetime.now(UTC)


class Desk:
    """What a test does with one platform: decide, send, look into the outbox."""

    def __init__(self, ledger: Ledger, settings: Settings) -> None:
        self.ledger, self.settings = ledger, settings
        (self.platform,) = settings.platforms
        self._announce = announcer(settings)

    def suppress(
        self, *addresses: str, stream: str = "news", bounce_type: BounceType | None = BounceType.HARD,
        reason: str | None = Reason.INVALID_RECIPIENT,
    ) -> None:
        self.ledger.suppressions.adopt(
            [
                Suppression(
                    address, stream, state=State.SUPPRESSED, reason=reason, since=now(), bounce_type=bounce_type,
                    grounds=ByPerson("1 of 1"), source=SuppressionSource.POLICY,
                )
                for address in addresses
            ],
            now(), self._announce,
        )

    def release(self, *addresses: str, stream: str = "news") -> None:
        for address in addresses:
            self.ledger.suppressions.release(address, stream, Actor("jo", now(), "asked for"), announce=self._announce)

    def send(self, rounds: int = 1) -> DispatchReport:
        """A fresh deliverer, as after a restart: what is due goes out."""
        deliverer = Deliverer(self.ledger, self.platform, Troubles(), jitter=lambda: 0.0)
        try:
            for _ in range(rounds):
                report = deliverer.round(threading.Event())
        finally:
            deliverer.close()
        return report

    def hurry(self) -> None:
        """What waits for its next try is due now."""
        self.ledger.outbox.retry(Actor("jo", now()), target=NAME, state=OutboxState.DUE)

    def items(self, state: OutboxState | None = None) -> list[OutboxItem]:
        return [item for item in self.ledger.lists.outbox() if state in (None, item.state)]

    def states(self) -> set[OutboxState]:
        return {item.state for item in self.items()}


def configuration(kind: str, keys: str, url: str | None, folder: Path, *, more: str = "") -> Settings:
    where = f'url = "{url}"' if url else ""
    text = f'''
[database]
url = "sqlite:///{folder}/ledger.db"

[[platform]]
name = "{NAME}"
kind = "{kind}"
{where}
{keys}
{more}
'''
    (folder / "config.toml").write_text(text)
    (folder / "config.toml").chmod(0o600)
    return load(folder / "config.toml", {})


@contextmanager
def desk_of(settings: Settings) -> Iterator[Desk]:
    url = settings.database_url.get_secret_value()
    path = Path(url.removeprefix("sqlite:///"))
    if not path.exists():
        path.write_bytes(new_file())
    with Ledger.connect(url) as ledger:
        ledger.check()
        yield Desk(ledger, settings)
