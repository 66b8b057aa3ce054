"""Looks up the DKIM keys of our own domains in the DNS (RFC 6376 section 3.6.2) for analysing processes."""

import time
from collections import OrderedDict
from collections.abc import Callable

from bounce_watcher.attribution.attribute import no_key
from bounce_watcher.attribution.dkim import KeyOf
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.errors import TemporaryFailure

KEPT_SECONDS = 3600.0
"""How long an answer is kept, including "there is no such key"."""

MAX_KEPT = 1000

PAUSE_SECONDS = 60.0
QUESTIONS = 30
"""How many questions are asked within PAUSE_SECONDS.

A mail may name a selector of its own and so make us ask for it. This limits what a sender of many such mails costs us.
A resolver that fails is not asked again until the pause ends.
"""


class KeyLookup:
    """Answers `KeyOf`. One in each process, which has one thread. A key that can't be asked for now counts as absent.

    `ask` returns a name's TXT record, None if there is none, and raises TemporaryFailure if that is unknown.
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
    """Returns a lookup that asks nothing unless we have own domains and `dkim_dns` is set."""
    if not (settings.dkim_dns and settings.own_domains):
        return no_key
    from bounce_watcher.service.analysis.resolver import txt_record  # noqa: PLC0415 - 100 ms that nobody else shall wait for

    return KeyLookup(txt_record)
