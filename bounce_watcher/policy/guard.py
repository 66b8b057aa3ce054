"""The outage guard: which hard bounces are too many at once to be believed. Pure.

A receiver that has lost its directory answers "no such user" for everybody: Gmail on 14 and 15 December 2020, Yahoo in
March 2018, Outlook.com in April 2016. No rule can tell such an answer from a true one; the number of them can. New
hard bounces are counted by receiving provider, and by wording where the provider has no spell, and each group is held
against its own past (`limits.GuardSettings`). What is reported in a spell suppresses nobody; what comes before it, and
is more than quite ordinary, waits for it a while, so that nearly nobody is told and taken back.

New is a recipient whose first hard bounce is no older than `ECHO`: the dead of a list that is mailed again are counted
no more, those that one outage hits on two days are.
"""

import math
from collections.abc import Iterable, Set
from datetime import datetime, timedelta

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.limits import GuardSettings
from bounce_watcher.policy.masking import ADDRESS, has_digit, names_of
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.spells import Limit, Spell
from bounce_watcher.policy.words import day

ECHO = timedelta(hours=48)
RANK = 3
"""The day whose busiest window is usual: two outages in a baseline do not make a third one look usual."""

_WORDING = 160


def is_hard(event: BounceEvent) -> bool:
    return (event.kind is Kind.BOUNCE and event.action is Action.FAILED and event.bounce_type is BounceType.HARD
            and event.doubt is None)


def is_believed(event: BounceEvent, evidence: Evidence) -> bool:
    """A hard bounce that could suppress, were it not for the guard: a forged flood raises no alarm."""
    return is_hard(event) and event.evidence.at_least(evidence)


def is_new(at: datetime, hard_bounces: Iterable[datetime], quiet: timedelta) -> bool:
    """Whether a hard bounce at `at` counts for the guard, given the recipient's others: once in each outage."""
    others = list(hard_bounces)
    return all(at - other < ECHO for other in others) and all(abs(at - other) >= quiet for other in others)


_BY_PROVIDER = "provider "


def provider_series(event: BounceEvent) -> str:
    return f"{_BY_PROVIDER}{provider(event)}"


def provider_of_series(series: str) -> str | None:
    """None where it is the series of a wording."""
    return series.removeprefix(_BY_PROVIDER) if series.startswith(_BY_PROVIDER) else None


def provider(event: BounceEvent) -> str:
    return provider_of(event.remote_mta, event.recipient.rpartition("@")[2])


def wording_series(event: BounceEvent) -> str | None:
    """The rule and the words without what differs by recipient and time; None where there are no words."""
    return f"wording {event.rule} {wording(event)}" if event.diagnostic else None


def wording(event: BounceEvent) -> str:
    """What the server said, fit to be shown to anybody: no address, no name of a mailbox, no number, no id.

    In lower case, and cut: the words that tell stand at the beginning.
    """
    text = ADDRESS.sub("<address>", (event.diagnostic or "")[:1000].casefold())
    names = names_of(event.recipient)
    words = (_masked(word, names) for word in text.split())
    return " ".join(words)[:_WORDING]


def _masked(word: str, names: Set[str]) -> str:
    if has_digit(word):
        return "#"
    return "…" if word.strip("<>()[]\"'.,:;") in names else word


def limit(usual: float, settings: GuardSettings) -> Limit:
    return Limit(max(settings.min_bounces, math.ceil(settings.factor * usual)), usual)


def waits(rank: int, limit: Limit, settings: GuardSettings) -> bool:
    """Whether a suppression waits for an alarm: its bounce is the `rank`-th of its window."""
    return rank >= max(settings.wait_min, settings.wait_from * limit.usual)


def why_wait(subject: str, rank: int, limit: Limit, until: datetime, settings: GuardSettings) -> str:
    """`14 new hard bounces of provider google.com within 3 h; usual 12, alarm from 36; waits for it until …`"""
    hours = settings.window / timedelta(hours=1)
    return (
        f"{rank} new hard bounces of {subject} within {hours:g} h; usual {limit.usual:g}, alarm from {limit.count}; "
        f"waits for it until {day(until)} {until:%H:%M} UTC"
    )


def because(subject: str, spell: Spell, settings: GuardSettings) -> str:
    """`212 new hard bounces of provider google.com within 3 h; usual 9, alarm from 27; held since 2 March 2026 …`"""
    hours = settings.window / timedelta(hours=1)
    return (
        f"{spell.peak} new hard bounces of {subject} within {hours:g} h; usual {spell.limit.usual:g}, alarm from "
        f"{spell.limit.count}; held since {day(spell.since)} {spell.since:%H:%M} UTC"
    )
