"""Why something is as it is: facts as values, from which `words` makes sentences and JSON makes data.

Each class is one kind of ground, named by `kind` in JSON (`model.grounds_json`). Times are aware, lengths of time are
whole numbers with their unit in the name. What a person or a server wrote stays a string; nothing else is a sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Union

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Doubt, Evidence
from bounce_watcher.model.verdict import Reason


class SubjectKind(StrEnum):
    """What an alert can be about."""

    PROVIDER = "provider"  # the organisation that takes the mail of recipients
    WORDING = "wording"    # replies that say the same, whoever sent them
    FORGED = "forged"      # all reports that are in doubt
    UNPROVEN = "unproven"  # all reports that nothing proves to be about mail of ours
    MAILBOX = "mailbox"    # one of ours, by its name
    TARGET = "target"      # a webhook, platform or notifier, by its name


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about. `name`: the provider's domain, the masked words, or the name in the configuration.

    `reason` and `ip` (of our sending host, None where no reply tells it) say what a provider blocks; `rule` is the one
    by which a wording was understood.
    """

    kind: SubjectKind
    name: str = ""
    reason: Reason | None = None
    ip: str | None = None
    rule: str | None = None

    @property
    def provider(self) -> str | None:
        """Its domain; None where this is about no provider."""
        return self.name if self.kind is SubjectKind.PROVIDER else None

    @property
    def key(self) -> str:
        """By which counts and alerts on it are filed. Never taken apart."""
        return " ".join(filter(None, (self.kind, self.rule, self.name, self.reason, self.ip)))


# ── why an alert was raised ─────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Outage:
    """More new hard bounces of one provider or wording than can be believed: `count` within `within_hours`."""

    subject: Subject
    count: int
    within_hours: float
    usual: float
    alarm_from: int
    since: datetime
    kind: Literal["outage"] = "outage"


@dataclass(frozen=True, slots=True)
class Blocks:
    """A provider refuses our mail: `count` within `within_hours`, `blocked` since the beginning.

    `reports` are all that the provider reported since then; `sent` is how many mails the platform says that it sent to
    the provider's domains from that day (UTC) on, 0 where it told of none.
    """

    subject: Subject
    count: int
    within_hours: float
    blocked: int
    reports: int
    sent: int
    alarm_from: int
    since: datetime
    kind: Literal["blocks"] = "blocks"


@dataclass(frozen=True, slots=True)
class Forgeries:
    """Reports that contradict their own token, or are not from whom they say."""

    count: int
    within_hours: float
    since: datetime
    kind: Literal["forgeries"] = "forgeries"


class Cap(StrEnum):
    """What the number of unproven reports is held against, by its key in `[policy.flood]`."""

    REPORT = "report"
    SOURCE = "source"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Flood:
    """`count` reports are held: more than `limit` suppressions would rest on what nothing proves.

    `source` is the host that the cap is about, None for a cap on everybody. `usual` is 0 where nothing is.
    """

    count: int
    cap: Cap
    limit: int
    usual: int
    since: datetime
    source: str | None = None
    kind: Literal["flood"] = "flood"


@dataclass(frozen=True, slots=True)
class EndpointGone:
    """A webhook's receiver answered 410: it is told nothing more."""

    target: str
    kind: Literal["endpoint_gone"] = "endpoint_gone"


class MailboxFault(StrEnum):
    """What is wrong with a mailbox."""

    UNREAD = "unread"    # it can't be read
    STOPPED = "stopped"  # its pass makes no progress
    UNFILED = "unfiled"  # it is read, and what was read can't be filed


@dataclass(frozen=True, slots=True)
class MailboxFails:
    """A mailbox of ours has been in trouble since then."""

    mailbox: str
    fault: MailboxFault
    since: datetime
    kind: Literal["mailbox_fails"] = "mailbox_fails"


@dataclass(frozen=True, slots=True)
class MailboxQuiet:
    """No mail has come since then, for longer than the longest usual pause."""

    mailbox: str
    since: datetime
    longest_hours: float
    kind: Literal["mailbox_quiet"] = "mailbox_quiet"


@dataclass(frozen=True, slots=True)
class TargetFails:
    """A target takes nothing since then, and `due` notices wait. `label` is its kind and name."""

    label: str
    since: datetime
    due: int
    kind: Literal["target_fails"] = "target_fails"


@dataclass(frozen=True, slots=True)
class TargetGaveUp:
    """`count` notices to a target were given up."""

    label: str
    target: str
    count: int
    kind: Literal["target_gave_up"] = "target_gave_up"


Alarm = Union[  # noqa: UP007  (a name, for JSON and for type checkers)
    Outage, Blocks, Forgeries, Flood, EndpointGone, MailboxFails, MailboxQuiet, TargetFails, TargetGaveUp
]


# ── why a report does not count ─────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Scene:
    """Which reports somebody struck out: those of a time, narrowed by what is not None of the others.

    `domain` is the recipients', `provider` takes their mail, `wording` is a masked reply.
    """

    since: datetime
    until: datetime
    provider: str | None = None
    wording: str | None = None
    domain: str | None = None
    reason: str | None = None


class ExclusionKind(StrEnum):
    """Why an event does not count against its recipient."""

    NO_FAILURE = "no_failure"            # `action` tells what the report says instead
    NO_COMPLAINT = "no_complaint"        # feedback of another `feedback_type` than abuse
    UNDETERMINED = "undetermined"        # the words do not tell why
    BLOCK = "block"                      # it says nothing on the recipient; `reason`
    PACE = "pace"                        # `reason` never counts: the mail may still get through
    SET = "set"                          # `reason` never counts under `[policy.reasons]`
    PROTECTED = "protected"              # the address; or its `domain`
    BEFORE_RELEASE = "before_release"    # `at` is when it was released
    BEFORE_DELIVERY = "before_delivery"  # `at` is when mail was delivered
    IN_DOUBT = "in_doubt"                # forged or mixed up: `doubt`
    TOO_WEAK = "too_weak"                # `evidence` is less than `asked`; what proves it may come yet
    SAME_MESSAGE = "same_message"        # the same sent message counted `at`
    SAME_DAY = "same_day"                # it counted `at` already
    IN_OUTAGE = "in_outage"              # struck out by the outage guard: `outage`
    IN_FLOOD = "in_flood"                # held, as `limit` others have passed the `cap` (of `source`)
    UNDONE = "undone"                    # struck out by a person: `scene`


@dataclass(frozen=True, slots=True)
class Excluded:
    """A report does not count. Beside `why` only those fields are set that `ExclusionKind` names for it."""

    why: ExclusionKind
    action: Action | None = None
    feedback_type: str | None = None
    reason: Reason | None = None
    domain: str | None = None
    at: datetime | None = None
    doubt: Doubt | None = None
    evidence: Evidence | None = None
    asked: Evidence | None = None
    outage: Outage | None = None
    cap: Cap | None = None
    limit: int | None = None
    source: str | None = None
    scene: Scene | None = None
    kind: Literal["excluded"] = "excluded"


# ── why a recipient stands where it stands ──────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class AtOnce:
    """One report was enough. `reason` is a `Reason`'s value, or "complaint"."""

    reason: str
    at: datetime
    feedback_type: str | None = None
    kind: Literal["at_once"] = "at_once"


@dataclass(frozen=True, slots=True)
class Counted:
    """Reports added up: `counted` of `needed` on the days `dates` (of UTC), of which `days_needed` are needed.

    `span_days` lie between the first and the last, `span_needed` of them are needed (0 = any), all within
    `window_days`. `reasons` in the order of the reports; "complaint" for a complaint.
    """

    counted: int
    needed: int
    dates: tuple[date, ...]
    days_needed: int
    span_days: int
    span_needed: int
    window_days: int
    reasons: tuple[str, ...] = ()
    kind: Literal["counted"] = "counted"

    @property
    def days(self) -> int:
        return len(self.dates)


@dataclass(frozen=True, slots=True)
class Again:
    """One report was enough, for it confirms a suppression for the same reason that ended within `window_days`."""

    reason: str
    at: datetime
    ended_at: datetime
    window_days: int
    kind: Literal["again"] = "again"


@dataclass(frozen=True, slots=True)
class Extended:
    """What was suppressed already lasts longer or reaches further, for `on`. `until` was its end, None = for good."""

    on: "Grounds"
    until: datetime | None = None
    kind: Literal["extended"] = "extended"


@dataclass(frozen=True, slots=True)
class Standing:
    """Nothing changes: it is suppressed, or `held`, `since` then for `on`."""

    on: "Grounds"
    since: datetime
    held: bool
    kind: Literal["standing"] = "standing"


@dataclass(frozen=True, slots=True)
class Waits:
    """Enough, but a bounce like `count` others within `within_hours`: it waits until then whether they make an alarm.
    """

    on: "Grounds"
    subject: Subject
    count: int
    within_hours: float
    usual: float
    alarm_from: int
    until: datetime
    kind: Literal["waits"] = "waits"


@dataclass(frozen=True, slots=True)
class Held:
    """Enough, but held by an outage, or because nothing proves the report and too many others passed."""

    on: "Grounds"
    by: Outage | Excluded
    kind: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What was held is true: something else (a `Reason`'s value or "complaint") spoke against it `at`."""

    on: "Grounds"
    reason: str
    at: datetime
    kind: Literal["confirmed"] = "confirmed"


@dataclass(frozen=True, slots=True)
class OutageOver:
    """The outage ended: what was reported in it counts no more."""

    outage: Outage
    kind: Literal["outage_over"] = "outage_over"


@dataclass(frozen=True, slots=True)
class Expired:
    """A suppression's time is over."""

    kind: Literal["expired"] = "expired"


@dataclass(frozen=True, slots=True)
class Delivered:
    """The platform reported that mail was delivered."""

    at: datetime
    kind: Literal["delivered"] = "delivered"


@dataclass(frozen=True, slots=True)
class ProtectedMeanwhile:
    """A person protected it while it waited: by itself, or its `domain`."""

    domain: str | None = None
    kind: Literal["protected_meanwhile"] = "protected_meanwhile"


@dataclass(frozen=True, slots=True)
class ByPerson:
    """A person decided so; `note` is what they typed. `confirms` what was held."""

    note: str
    confirms: bool = False
    kind: Literal["by_person"] = "by_person"


@dataclass(frozen=True, slots=True)
class ByPlatform:
    """It stands on the list of a platform; `reason` is the platform's word."""

    target: str
    reason: str | None = None
    kind: Literal["by_platform"] = "by_platform"


@dataclass(frozen=True, slots=True)
class Undone:
    """The reports that it rested on were struck out."""

    scene: Scene
    kind: Literal["undone"] = "undone"


@dataclass(frozen=True, slots=True)
class Reread:
    """Today's rules understand a report otherwise."""

    kind: Literal["reread"] = "reread"


@dataclass(frozen=True, slots=True)
class StillCounts:
    """Released for `cause`, and something still counts: `on`."""

    on: "Grounds"
    cause: Undone | Reread
    kind: Literal["still_counts"] = "still_counts"


Grounds = Union[  # noqa: UP007
    AtOnce, Counted, Again, Extended, Standing, Waits, Held, Confirmed, OutageOver, Expired, Delivered,
    ProtectedMeanwhile, ByPerson, ByPlatform, Undone, Reread, StillCounts, Excluded,
]
"""Why a recipient stands where it stands, or why a report changes nothing."""

Layered = Extended | Standing | Waits | Held | Confirmed | StillCounts
"""Grounds that stand `on` others."""


def base(grounds: Grounds) -> Grounds:
    """What everything else stands on."""
    while isinstance(grounds, Layered):
        grounds = grounds.on
    return grounds


def unwaited(grounds: Grounds) -> Grounds:
    """Without the figures for which it waited."""
    return grounds.on if isinstance(grounds, Waits) else grounds


def retold(grounds: Grounds, text: Callable[[str], str]) -> Grounds:
    """With each text that a person or a server wrote passed through `text`."""
    if isinstance(grounds, Layered):
        return replace(grounds, on=retold(grounds.on, text))
    if isinstance(grounds, ByPerson):
        return replace(grounds, note=text(grounds.note))
    if isinstance(grounds, ByPlatform) and grounds.reason is not None:
        return replace(grounds, reason=text(grounds.reason))
    return grounds


@dataclass(frozen=True, slots=True)
class OlderVerdict:
    """What a report was taken for under older rules, up to the day `until`."""

    kind: str
    until: date
    action: str | None = None
    bounce_type: str | None = None
    reason: str | None = None
    rule: str | None = None
