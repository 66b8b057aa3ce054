"""Why something was decided: facts as values. `words` turns them into sentences, JSON into data.

Each class is one kind of ground; `kind` names it in JSON (`model.grounds_json`). Times are aware. Durations are whole
numbers with the unit in the name. Texts by a person or a server stay strings; no other field holds a sentence.
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

    PROVIDER = "provider"  # the organisation that receives the recipients' mail
    WORDING = "wording"    # replies that say the same, whichever server sent them
    FORGED = "forged"      # all reports that are in doubt
    UNPROVEN = "unproven"  # all reports without proof that they are about our mail
    MAILBOX = "mailbox"    # one of ours, by its name
    TARGET = "target"      # a webhook, platform or notifier, by its name


@dataclass(frozen=True, slots=True)
class Subject:
    """What an alert is about. `name` is the provider's domain, the masked words, or the name in the configuration.

    `reason` and `ip` (of our sending host; None if no reply states it) say what a provider blocks. `rule` is the rule
    that matched a wording.
    """

    kind: SubjectKind
    name: str = ""
    reason: Reason | None = None
    ip: str | None = None
    rule: str | None = None

    @property
    def provider(self) -> str | None:
        """Returns the provider's domain; None if the subject is not a provider."""
        return self.name if self.kind is SubjectKind.PROVIDER else None

    @property
    def key(self) -> str:
        """The key under which counts and alerts about the subject are stored. It is never parsed."""
        return " ".join(filter(None, (self.kind, self.rule, self.name, self.reason, self.ip)))


# ── why an alert was raised ─────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Outage:
    """An implausible number of new hard bounces of one provider or wording: `count` within `within_hours`."""

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

    `reports` counts all that the provider reported since then. `sent` is how many mails the platform says it sent to
    the provider's domains from that day (UTC) on; 0 if it reported none.
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
    """Reports that contradict their own token, or that are not from their stated sender."""

    count: int
    within_hours: float
    since: datetime
    kind: Literal["forgeries"] = "forgeries"


class Cap(StrEnum):
    """The limits on the number of unproven reports, by their keys in `[policy.flood]`."""

    REPORT = "report"
    SOURCE = "source"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Flood:
    """`count` reports are held: without that, more than `limit` suppressions would rest on unproven reports.

    `source` is the host that the cap applies to; None for a cap on all hosts. `usual` is 0 if there is no usual number.
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
    """A webhook's receiver answered 410: nothing more is sent to it."""

    target: str
    kind: Literal["endpoint_gone"] = "endpoint_gone"


class MailboxFault(StrEnum):
    """What is wrong with a mailbox."""

    UNREAD = "unread"    # it can't be read
    STOPPED = "stopped"  # its pass makes no progress
    UNFILED = "unfiled"  # it is read, but the mail can't be filed


@dataclass(frozen=True, slots=True)
class MailboxFails:
    """A mailbox of ours has been failing since `since`."""

    mailbox: str
    fault: MailboxFault
    since: datetime
    kind: Literal["mailbox_fails"] = "mailbox_fails"


@dataclass(frozen=True, slots=True)
class MailboxQuiet:
    """No mail has arrived since `since`; that is longer than the longest usual pause."""

    mailbox: str
    since: datetime
    longest_hours: float
    kind: Literal["mailbox_quiet"] = "mailbox_quiet"


@dataclass(frozen=True, slots=True)
class TargetFails:
    """A target has accepted nothing since `since`, and `due` notices wait. `label` is its kind and name."""

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
    """The reports that a person undid: those from `since` to `until`, narrowed by each other field that is not None.

    `domain` is the recipients' domain, `provider` receives their mail, `wording` is a masked reply.
    """

    since: datetime
    until: datetime
    provider: str | None = None
    wording: str | None = None
    domain: str | None = None
    reason: str | None = None


class ExclusionKind(StrEnum):
    """Why an event does not count against its recipient."""

    NO_FAILURE = "no_failure"            # `action` is what the report says instead
    NO_COMPLAINT = "no_complaint"        # the `feedback_type` is not abuse
    UNDETERMINED = "undetermined"        # the words do not tell why
    BLOCK = "block"                      # it says nothing about the recipient; `reason`
    PACE = "pace"                        # `reason` never counts: the mail may still get through
    SET = "set"                          # `reason` never counts under `[policy.reasons]`
    PROTECTED = "protected"              # the address is protected, or its `domain`
    BEFORE_RELEASE = "before_release"    # `at` is when it was released
    BEFORE_DELIVERY = "before_delivery"  # `at` is when mail was delivered
    IN_DOUBT = "in_doubt"                # forged or mixed up: `doubt`
    TOO_WEAK = "too_weak"                # `evidence` is weaker than `asked`; proof may still come
    SAME_MESSAGE = "same_message"        # the same sent message already counted, `at`
    SAME_DAY = "same_day"                # the recipient already had a counted event that day, `at`
    IN_OUTAGE = "in_outage"              # discarded by the outage guard: `outage`
    IN_FLOOD = "in_flood"                # held: `limit` others have used up the `cap` (of `source`)
    UNDONE = "undone"                    # undone by a person: `scene`


@dataclass(frozen=True, slots=True)
class Excluded:
    """A report that does not count, and `why`. Other fields are set only if `ExclusionKind` names them for it."""

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


# ── why a recipient has its state ───────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class AtOnce:
    """One report was enough. `reason` is a `Reason`'s value, or "complaint"."""

    reason: str
    at: datetime
    feedback_type: str | None = None
    kind: Literal["at_once"] = "at_once"


class ConfirmationNeed(StrEnum):
    """Why a bounce does not suppress alone although its reason would."""

    FORWARDED = "forwarded"  # it is about a mailbox to which the mail was forwarded: an alias may have others
    GUESS = "guess"          # the verdict rests on weak words


@dataclass(frozen=True, slots=True)
class Counted:
    """Reports added up: `counted` of `needed`, on the days `dates` (UTC), of which `days_needed` are needed.

    `span_days` is the time from the first to the last, of which `span_needed` days are needed (0 = any). All reports
    lie within `window_days`. `reasons` are in the order of the reports, with "complaint" for a complaint. `confirming`
    says why the latest of the reports that never suppress alone does not; None if there is no such report.
    """

    counted: int
    needed: int
    dates: tuple[date, ...]
    days_needed: int
    span_days: int
    span_needed: int
    window_days: int
    reasons: tuple[str, ...] = ()
    confirming: ConfirmationNeed | None = None
    kind: Literal["counted"] = "counted"

    @property
    def days(self) -> int:
        return len(self.dates)


@dataclass(frozen=True, slots=True)
class Again:
    """One report was enough: it confirms a suppression for the same reason that ended within `window_days`."""

    reason: str
    at: datetime
    ended_at: datetime
    window_days: int
    kind: Literal["again"] = "again"


@dataclass(frozen=True, slots=True)
class Extended:
    """An existing suppression lasts longer or reaches further, because of `on`. It would have ended `until`; None =
    never.
    """

    on: "Grounds"
    until: datetime | None = None
    kind: Literal["extended"] = "extended"


@dataclass(frozen=True, slots=True)
class Standing:
    """Nothing changes: the recipient has been suppressed, or `held`, since `since` because of `on`."""

    on: "Grounds"
    since: datetime
    held: bool
    kind: Literal["standing"] = "standing"


@dataclass(frozen=True, slots=True)
class Waits:
    """Enough, but it waits until `until`, because `count` similar bounces within `within_hours` may raise an alarm."""

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
    """Enough, but held: by an outage, or because the report is unproven and too many others like it went through."""

    on: "Grounds"
    by: Outage | Excluded
    kind: Literal["held"] = "held"


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A held suppression is confirmed by other evidence, `reason` (a `Reason`'s value or "complaint"), `at`."""

    on: "Grounds"
    reason: str
    at: datetime
    kind: Literal["confirmed"] = "confirmed"


@dataclass(frozen=True, slots=True)
class OutageOver:
    """The outage ended: reports from it count no more."""

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
    """A person protected the recipient, or its `domain`, while its suppression waited."""

    domain: str | None = None
    kind: Literal["protected_meanwhile"] = "protected_meanwhile"


@dataclass(frozen=True, slots=True)
class ByPerson:
    """A person decided so; `note` is what they typed. `confirms` is set if this confirms a held suppression."""

    note: str
    confirms: bool = False
    kind: Literal["by_person"] = "by_person"


@dataclass(frozen=True, slots=True)
class ByPlatform:
    """The recipient is on a platform's list; `reason` is the platform's word."""

    target: str
    reason: str | None = None
    kind: Literal["by_platform"] = "by_platform"


@dataclass(frozen=True, slots=True)
class Undone:
    """A person undid the reports on which it rested."""

    scene: Scene
    kind: Literal["undone"] = "undone"


@dataclass(frozen=True, slots=True)
class Reread:
    """Today's rules read a report differently."""

    kind: Literal["reread"] = "reread"


@dataclass(frozen=True, slots=True)
class StillCounts:
    """Released because of `cause`, but something still counts: `on`."""

    on: "Grounds"
    cause: Undone | Reread
    kind: Literal["still_counts"] = "still_counts"


Grounds = Union[  # noqa: UP007
    AtOnce, Counted, Again, Extended, Standing, Waits, Held, Confirmed, OutageOver, Expired, Delivered,
    ProtectedMeanwhile, ByPerson, ByPlatform, Undone, Reread, StillCounts, Excluded,
]
"""Why a recipient has its state, or why a report changes nothing."""

Layered = Extended | Standing | Waits | Held | Confirmed | StillCounts
"""Grounds that rest `on` others."""


def base(grounds: Grounds) -> Grounds:
    """Returns the innermost grounds, on which all others rest."""
    while isinstance(grounds, Layered):
        grounds = grounds.on
    return grounds


def unwaited(grounds: Grounds) -> Grounds:
    """Returns the grounds under `Waits`; any other grounds unchanged."""
    return grounds.on if isinstance(grounds, Waits) else grounds


def retold(grounds: Grounds, text: Callable[[str], str]) -> Grounds:
    """Returns `grounds` with `text` applied to each text that a person or a platform wrote."""
    if isinstance(grounds, Layered):
        return replace(grounds, on=retold(grounds.on, text))
    if isinstance(grounds, ByPerson):
        return replace(grounds, note=text(grounds.note))
    if isinstance(grounds, ByPlatform) and grounds.reason is not None:
        return replace(grounds, reason=text(grounds.reason))
    return grounds


@dataclass(frozen=True, slots=True)
class OlderVerdict:
    """How older rules classified a report, up to the day `until`."""

    kind: str
    until: date
    action: str | None = None
    bounce_type: str | None = None
    reason: str | None = None
    rule: str | None = None
