"""Addresses that are being forgotten: a browser does not wait so long, so it is done beside it and told on its page.

What is under way is known to this process alone: where it ends amid the work, what was erased stays so, and whoever
asked does it again; the log names what was done to its end.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import structlog

from bounce_watcher.ledger.forget import Erased
from bounce_watcher.ledger.store import Ledger

log = structlog.get_logger()

WAITS = 2.0
"""Seconds that whoever asks waits for the end: mostly it comes at once."""
_KEPT = 100
"""How many that are done are remembered."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """How far one is: `looked_at` kept mails were looked through. `trouble` says why it broke off."""

    looked_at: int = 0
    erased: Erased | None = None
    trouble: str | None = None

    @property
    def is_over(self) -> bool:
        return self.erased is not None or self.trouble is not None


@dataclass
class Erasures:
    """Those of one service, by the name that links bear. Each in a thread of its own; of one address one at a time."""

    _by_name: dict[str, Erasure] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, name: str) -> Erasure | None:
        with self._lock:
            return self._by_name.get(name)

    def start(self, ledger: Ledger, name: str, address: str, done: Callable[[Erased], None]) -> Erasure:
        """Begins, unless it is under way, and waits a little for the end. `done` is called at that, in the thread."""
        with self._lock:
            under_way = self._by_name.get(name)
            if under_way is not None and not under_way.is_over:
                return under_way
            self._forget_oldest()
            self._by_name[name] = Erasure()
        worker = threading.Thread(target=self._work, args=(ledger, name, address, done), name="forget", daemon=True)
        worker.start()
        worker.join(WAITS)
        return self._by_name[name]

    def _forget_oldest(self) -> None:
        over = [name for name, each in self._by_name.items() if each.is_over]
        for name in over[: max(0, len(self._by_name) - _KEPT)]:
            del self._by_name[name]

    def _work(self, ledger: Ledger, name: str, address: str, done: Callable[[Erased], None]) -> None:
        try:
            erased = ledger.forget(address, advance=lambda more: self._put(name, more=more))
            done(erased)
        except Exception as error:
            log.error("an address could not be forgotten", action="forget_failed", error=type(error).__name__)
            self._put(name, trouble="the database failed amid the work: what was erased stays so, forget it again")
        else:
            self._put(name, erased=erased)

    def _put(self, name: str, *, more: int = 0, erased: Erased | None = None, trouble: str | None = None) -> None:
        with self._lock:
            before = self._by_name[name]
            self._by_name[name] = replace(
                before, looked_at=before.looked_at + more, erased=erased, trouble=trouble
            )
