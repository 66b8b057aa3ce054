"""Rates compared with limits that receivers and relays publish. There is no rate if the number sent is unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bounce_watcher.ledger.lists.figures import Figures, Sent, Span
from bounce_watcher.web.view.ranges import Range, Unit
from bounce_watcher.words.formatting import number, share

SMALLEST = 1000
"""Below this number of mails, a rate is not compared with a limit: one bounce more would make all the difference."""
_SHOWN_FROM, _EXACT_FROM = 50, 1000
_Z = 1.96
"""The z value of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class RateThreshold:
    """A limit in percent: stay below `low`. From `high` on there are consequences, as `who` says at `source`."""

    low: float
    high: float
    who: str
    source: str


BOUNCES = RateThreshold(
    5, 10, "Amazon SES reviews accounts at 5 % hard bounces and may pause them at 10 %",
    "https://docs.aws.amazon.com/ses/latest/dg/faqs-enforcement.html",
)
COMPLAINTS = RateThreshold(
    0.1, 0.3, "Gmail and Yahoo require less than 0.1 % complaints, never 0.3 %",
    "https://support.google.com/a/answer/81126",
)


@dataclass(frozen=True, slots=True)
class RateBadge:
    """A badge: its word and its class in the style sheet."""

    word: str
    colour: str


def judged(part: int, sent: int, limit: RateThreshold) -> RateBadge:
    """Returns the badge of a rate: "Too few" below `SMALLEST` mails."""
    if sent < SMALLEST:
        return RateBadge("Too few", "")
    percent = 100 * part / sent
    if percent >= limit.high:
        return RateBadge(f"{limit.high:g}\u202f% or more", "is-bad")
    if percent >= limit.low:
        return RateBadge(f"{limit.low:g}\u202f% or more", "is-warn")
    return RateBadge(f"Under {limit.low:g}\u202f%", "is-ok")


def rate(part: int, whole: int) -> str:
    """Returns "0.74 % (1,829 of 247,300)"; below a thousand with the likely range."""
    if part == 0 or whole < _SHOWN_FROM:
        return share(part, whole)
    return f"{share(part, whole)} ({number(part)} of {number(whole)}{likely(part, whole)})"


def likely(part: int, whole: int) -> str:
    """Returns ", likely 1.0–3.9 %", Wilson's 95 % interval (1927), for small wholes; else ""."""
    if not _SHOWN_FROM <= whole < _EXACT_FROM:
        return ""
    low, high = wilson(part, whole)
    return f", likely {100 * low:.1f}–{100 * high:.1f}\u202f%"


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Returns the bounds of the true share, with 95 % confidence."""
    p, z2 = part / whole, _Z**2 / whole
    middle, reach = p + z2 / 2, _Z * ((p * (1 - p) + z2 / 4) / whole) ** 0.5
    return max(0.0, (middle - reach) / (1 + z2)), min(1.0, (middle + reach) / (1 + z2))


def sent(figures: Figures, over: Range) -> Mapping[str, Sent]:
    """Returns what was sent, by stream; nothing if the page shows hours, because numbers sent are known by day."""
    return {} if over.unit is Unit.HOUR else sent_within(figures, over.span)


def sent_within(figures: Figures, span: Span) -> Mapping[str, Sent]:
    """Returns what was sent on all days that the span touches."""
    return figures.sent(span.since.date(), (span.until - timedelta(microseconds=1)).date() + timedelta(days=1))


def sent_in_all(sent: Mapping[str, Sent], streams: frozenset[str], stream: str | None = None) -> int | None:
    """Returns how many mails were sent, in one stream or in all; None unless it is known of all that had bounces."""
    chosen = {name: each for name, each in sent.items() if stream in {None, name}}
    wanted = streams if stream is None else {stream}
    if not wanted <= chosen.keys() or not all(each.covers for each in chosen.values()):
        return None
    return sum(each.number for each in chosen.values()) or None
