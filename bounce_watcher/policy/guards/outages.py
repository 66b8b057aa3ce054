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
from collections.abc import Iterable, Iterator, Set
from datetime import datetime, timedelta

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Grounds, Outage, Subject, SubjectKind, Waits
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guards.limits import GuardSettings, in_hours
from bounce_watcher.policy.guards.spells import Spell, SpellThreshold
from bounce_watcher.policy.masking import ADDRESS, has_digit, names_of
from bounce_watcher.policy.providers import provider_of

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


def provider_subject(event: BounceEvent) -> Subject:
    return Subject(SubjectKind.PROVIDER, provider(event))


def provider(event: BounceEvent) -> str:
    return provider_of(event.remote_mta, event.recipient.rpartition("@")[2])


def wording_subject(event: BounceEvent) -> Subject | None:
    """The rule and the words without what differs by recipient and time; None where there are no words."""
    return Subject(SubjectKind.WORDING, wording(event), rule=event.rule) if event.diagnostic else None


def subjects(event: BounceEvent) -> Iterator[Subject]:
    """What a hard bounce is counted by."""
    yield provider_subject(event)
    if (words := wording_subject(event)) is not None:
        yield words


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


def limit(usual: float, settings: GuardSettings) -> SpellThreshold:
    return SpellThreshold(max(settings.min_bounces, math.ceil(settings.factor * usual)), usual)


def waits(rank: int, limit: SpellThreshold, settings: GuardSettings) -> bool:
    """Whether a suppression waits for an alarm: its bounce is the `rank`-th of its window."""
    return rank >= max(settings.wait_min, settings.wait_from * limit.usual)


def waiting(
    on: Grounds, subject: Subject, rank: int, limit: SpellThreshold, until: datetime, settings: GuardSettings
) -> Waits:
    return Waits(on, subject, rank, in_hours(settings.window), limit.usual, limit.count, until)


def grounds(subject: Subject, spell: Spell, settings: GuardSettings) -> Outage:
    return Outage(
        subject, spell.peak, in_hours(settings.window), spell.limit.usual, spell.limit.count, spell.since
    )
