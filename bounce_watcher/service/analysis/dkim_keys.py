"""DKIM keys of our own domains, out of the DNS (RFC 6376 section 3.6.2), for those who analyse mail."""

import time
from collections import OrderedDict
from collections.abc import Callable

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.errors import TemporaryFailure

KEPT_SECONDS = 3600.0
"""How long an answer holds, "there is no such key" too."""

MAX_KEPT = 1000

PAUSE_SECONDS = 60.0
QUESTIONS = 30
"""Questions within a pause's time. Each mail may name a selector of its own, and make us ask for it: who sends many
such mails costs us no more than that. A resolver that fails is left in peace for one pause."""


class KeyLookup:
    """Answers `KeyOf`. One in each process, which has one thread. What cannot be asked now counts as absent.

    `ask` gives a name's TXT record, None where there is none, and raises TemporaryFailure where that is not known.
    """

    def __init__(self, ask: KeyOf, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, str | None]] = OrderedDict()
        self._asked = 0
        self._pause_ends = 0.0

    def __call__(self, name: str) -> str | None:
        now = self._clock()
        until, record = self._kept.get(name, (now, None))
        if until > now or not self._may_ask(now):
            return record
        try:
            record = self._ask(name)
        except TemporaryFailure:
            self._asked = QUESTIONS
            return record
        self._kept[name] = (now + KEPT_SECONDS, record)
        self._kept.move_to_end(name)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return record

    def _may_ask(self, now: float) -> bool:
        if now >= self._pause_ends:
            self._asked, self._pause_ends = 0, now + PAUSE_SECONDS
        self._asked += 1
        return self._asked <= QUESTIONS


def key_lookup(settings: AttributionSettings) -> KeyOf:
    """Nothing is asked unless domains of ours are named."""
    if not (settings.dkim_dns and settings.own_domains):
        return no_key
    from bounce_watcher.service.analysis.resolver import txt_record  # noqa: PLC0415 - 100 ms that nobody else shall wait for

    return KeyLookup(txt_record)
