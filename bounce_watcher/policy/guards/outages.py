"""The outage guard: which hard bounces are too many at once to be believed. Pure.

A receiver that has lost its directory answers "no such user" for everybody: Gmail on 14 and 15 December 2020, Yahoo in
March 2018, Outlook.com in April 2016. No rule can tell such an answer from a true one; the number of them can. New
hard bounces are counted by receiving provider, and by wording if the provider has no spell. Each group is compared
with its own past (`limits.GuardSettings`). Reports in a spell suppress nobody. A suppression just before a spell waits
for a while if the number of bounces is more than ordinary, so hardly any suppression is reported and then reverted.

A recipient is new if its first hard bounce is no older than `ECHO`. So dead addresses of a list that is mailed again
no longer count, but recipients that one outage hits on two days do.
"""

import math
from collections.abc import Iterable, Iterator, Set
from datetime import datetime, timedelta

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Outage, Subject, SubjectKind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guards.limits import GuardSettings, in_hours
from bounce_watcher.policy.guards.spells import Spell, SpellThreshold
from bounce_watcher.policy.masking import ADDRESS, has_digit, names_of
from bounce_watcher.policy.providers import provider_of

ECHO = timedelta(hours=48)
RANK = 3
"""The rank of the day whose busiest window is usual: two outages in a baseline do not make a third look usual."""

_WORDING = 160


def is_hard(event: BounceEvent) -> bool:
    return (event.kind is Kind.BOUNCE and event.action is Action.FAILED and event.bounce_type is BounceType.HARD
            and event.doubt is None)


def is_believed(event: BounceEvent, evidence: Evidence) -> bool:
    """Checks whether a hard bounce could suppress without the guard: a forged flood raises no alarm."""
    return is_hard(event) and event.evidence.at_least(evidence)


def is_new(at: datetime, hard_bounces: Iterable[datetime], quiet: timedelta) -> bool:
    """Checks whether a hard bounce at `at` counts for the guard, given the recipient's others: once per outage."""
    others = list(hard_bounces)
    return all(at - other < ECHO for other in others) and all(abs(at - other) >= quiet for other in others)


def provider_subject(event: BounceEvent) -> Subject:
    return Subject(SubjectKind.PROVIDER, provider(event))


def provider(event: BounceEvent) -> str:
    return provider_of(event.remote_mta, event.recipient.rpartition("@")[2])


def wording_subject(event: BounceEvent) -> Subject | None:
    """Returns the rule and the words without parts that vary by recipient and time; None if there are no words."""
    return Subject(SubjectKind.WORDING, wording(event), rule=event.rule) if event.diagnostic else None


def subjects(event: BounceEvent) -> Iterator[Subject]:
    """Yields the subjects by which a hard bounce is counted."""
    yield provider_subject(event)
    if (words := wording_subject(event)) is not None:
        yield words


def wording(event: BounceEvent) -> str:
    """Returns the server's words in a form that anybody may see: no address, no mailbox name, no number, no id.

    They are in lower case and cut: the words that matter are at the beginning.
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


def grounds(subject: Subject, spell: Spell, settings: GuardSettings) -> Outage:
    return Outage(
        subject, spell.peak, in_hours(settings.window), spell.limit.usual, spell.limit.count, spell.since
    )
