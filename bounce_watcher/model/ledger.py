"""What is kept: facts (events), what they add up to (records), what follows from it (suppressions, notices)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Doubt, Evidence, Kind
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, OlderVerdict, Subject
from bounce_watcher.model.optout import OptOut
from bounce_watcher.model.verdict import BounceType, Reason

COMPLAINT_REASON = "complaint"
"""The reason of a suppression that rests on a feedback report; all others carry a `Reason`'s value, or none."""

ABUSE = "abuse"
DEFAULT_STREAM = "default"
"""The one feedback type that is a complaint against the sender (RFC 5965 section 7.3)."""


class EventType(StrEnum):
    """What reports are counted by, the sender's own failures apart from those of addresses."""

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"
    UNDETERMINED = "undetermined"
    COMPLAINT = "complaint"


@dataclass(frozen=True, slots=True)
class BounceEvent:
    """One recipient of one report, as stored. A fact: never changed by what is decided later.

    `id` is a digest of message and recipient, so the same mail read again is the same event.
    `at` is when the report was received (aware). `exclusion` is None where the event counts against the recipient,
    else why not. `doubt` says why the report is forged or mixed up. `formerly`: verdicts under older rules that
    `reclassify` has corrected, the oldest first. `client_ip` is the host that handed the report to our
    mail server, as that server saw it; None where its Received fields do not tell.
    """

    id: str
    message_digest: str
    at: datetime
    kind: Kind
    recipient: str
    stream: str
    action: Action | None = None
    final_recipient: str | None = None
    bounce_type: BounceType | None = None
    reason: Reason | None = None
    status: str | None = None
    code: int | None = None
    diagnostic: str | None = None
    remote_mta: str | None = None
    reporting_mta: str | None = None
    rule: str | None = None
    recognizer: str | None = None
    quote: str | None = None
    evidence: Evidence = Evidence.PROSE
    doubt: Doubt | None = None
    feedback_type: str | None = None
    sent_message_id: str | None = None
    sending: str | None = None
    mailbox: str | None = None
    source: str | None = None
    exclusion: Excluded | None = None
    formerly: tuple[OlderVerdict, ...] = ()
    client_ip: str | None = None

    @property
    def type(self) -> EventType | None:
        """None for what is neither a failure nor a complaint: delays, receipts, what the rules took back."""
        if self.kind is Kind.COMPLAINT:
            return EventType.COMPLAINT if self.feedback_type == ABUSE else None
        if self.action is not Action.FAILED:
            return None
        return EventType(self.bounce_type) if self.bounce_type else EventType.UNDETERMINED


class Misread(StrEnum):
    """What was not recognised, as people look through it."""

    FAILURE = "failure"  # a recipient failed, in words that tell nothing
    NOTICE = "notice"    # it looks like a mail system's, and no recipient was found in it
    ADDRESS = "address"  # it names a recipient by something that is no mailbox (RFC 5321)
    LETTER = "letter"    # it does not even look like a report
    OPT_OUT = "opt_out"  # understood, and for a person to act on: see `model.optout`


@dataclass(frozen=True, slots=True)
class Unread:
    """A message that should have been understood and was not, by its words but for what varies.

    It speaks of no recipient, but for `Misread.ADDRESS`: of several that it names some may have been read.
    """

    kind: Misread
    wording: str


@dataclass(frozen=True, slots=True)
class MessageRecord:
    """One message as it is written down, with the events that it makes (none for an auto-reply and the like).

    `packed` is the raw message under `model.message.pack`, None where it is not to be kept. `size` in bytes, unpacked.
    `unread` is set where a person should look at it and it makes no event. `language` is that of what was not
    understood in it: a code of ISO 639, None where nothing tells it. `opt_outs` are its requests for no more mail.
    """

    digest: str
    kind: Kind
    received_at: datetime
    source: str
    mailbox: str | None
    size: int
    packed: bytes | None
    events: tuple[BounceEvent, ...] = ()
    unread: Unread | None = None
    language: str | None = None
    opt_outs: tuple[OptOut, ...] = ()

    @property
    def packed_size(self) -> int | None:
        return None if self.packed is None else len(self.packed)


@dataclass(frozen=True, slots=True)
class PageOutcome:
    """What one committed page added. A duplicate message or event adds nothing.

    `named` are the digests of messages that name nobody and whose recipient the ledger knows, duplicates among them.
    `kinds` counts the messages, `verdicts` the events by type and reason: see `verdict_of`.
    """

    messages: int = 0
    events: int = 0
    suppressed: int = 0
    released: int = 0
    notices: int = 0
    named: frozenset[str] = frozenset()
    kinds: Mapping[Kind, int] = field(default_factory=dict)
    verdicts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    opt_outs: int = 0


def verdict_of(event: BounceEvent) -> tuple[str, str]:
    """Type and reason of an event, for counts: a bounce's type, else what it is; "" where it has no reason."""
    kind = event.bounce_type if event.kind is Kind.BOUNCE and event.bounce_type else event.kind
    return kind.value, event.reason.value if event.reason else ""


class State(StrEnum):
    """Where one recipient of one stream stands."""

    ACTIVE = "active"          # nothing counts against it
    WATCHING = "watching"      # something counts, not enough
    PENDING = "pending"        # enough, but held back
    SUPPRESSED = "suppressed"
    RELEASED = "released"      # was suppressed, is no more; what counted before counts no more


class Scope(StrEnum):
    """How far a suppression reaches."""

    STREAM = "stream"  # the stream in which it arose
    GLOBAL = "global"  # all streams of the recipient


class SuppressionSource(StrEnum):
    POLICY = "policy"
    MANUAL = "manual"
    IMPORT = "import"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Suppression:
    """A recipient that is not to be mailed. `until` None = for good. `state` is PENDING or SUPPRESSED.

    `reason` is a Reason's value or COMPLAINT_REASON; None where no report stands behind it but a person or a platform.
    """

    recipient: str
    stream: str
    state: State
    reason: str | None
    since: datetime
    grounds: Grounds
    source: SuppressionSource
    bounce_type: BounceType | None = None
    until: datetime | None = None
    status: str | None = None
    diagnostic: str | None = None
    events: tuple[str, ...] = ()
    scope: Scope = Scope.STREAM


@dataclass(frozen=True, slots=True)
class RecipientRecord:
    """What is known of one address in one stream. `sequence` is the last one used in a notice.

    `counts` are events by bounce type, plus "complaint", "delay" and "delivered".
    `released_at`: nothing at or before it counts any more.
    `expiry_level`: how many suppressions have expired since a person last released. `expired_reason`: the reason of the
    one that expired at `released_at`; None where something else ended it.
    `delivered_at`: when the platform last delivered, `delivered_since` when it first did after the last bounce; no
    bounce at or before `answered_until` counts any more. See `policy.deliveries`.
    `protected` is the name of what a person has protected that the recipient is of: see `Protection`.
    """

    recipient: str
    stream: str
    state: State = State.ACTIVE
    sequence: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    grounds: Grounds | None = None
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    released_at: datetime | None = None
    suppression: Suppression | None = None
    expiry_level: int = 0
    expired_reason: str | None = None
    delivered_at: datetime | None = None
    delivered_since: datetime | None = None
    answered_until: datetime | None = None
    protected: str | None = None


@dataclass(frozen=True, slots=True)
class Protection:
    """What a person has protected: no rule suppresses it. `name` is an address, or "@" and a domain; `actor` is who."""

    name: str
    at: datetime
    actor: str
    because: str


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does something by hand: a token's name, a proxy's user, or the shell. `at` is when (aware), `note` what they
    typed."""

    name: str
    at: datetime
    note: str | None = None


class ChangedBy(StrEnum):
    """What changed the state of a recipient."""

    REPORT = "report"      # an event, under the policy
    CLOCK = "clock"        # a suppression ran out
    PERSON = "person"
    PLATFORM = "platform"  # it told of a delivery, or suppressed by itself
    GUARD = "guard"        # the outage guard
    UNDO = "undo"          # an incident was struck out
    RULES = "rules"        # the same mail, understood by other rules


@dataclass(frozen=True, slots=True)
class StateChange:
    """One step in the course of a recipient in a stream: where it stood afterwards, and why.

    `reason` and `until` are those of the suppression that stood then, if any. Seldom two steps have the same `at`:
    `number` is their order of writing.
    """

    recipient: str
    stream: str
    number: int
    at: datetime
    state: State
    grounds: Grounds | None
    by: ChangedBy
    reason: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class CountedBounce:
    """An earlier event that counted, as far as the policy needs it. `sent_message_id` None = not told."""

    event_id: str
    at: datetime
    reason: Reason | None
    sent_message_id: str | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What `decide` sees of a recipient: the record and all that counted since its last release, oldest first."""

    record: RecipientRecord
    counted: tuple[CountedBounce, ...] = ()


class Step(StrEnum):
    """What a decision does."""

    NOTE = "note"          # record only
    WATCH = "watch"        # counts, not enough yet
    PEND = "pend"          # enough, but held back
    SUPPRESS = "suppress"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Decision:
    """What follows from one event, and its `grounds`: the arithmetic, or why it changes nothing.

    `exclusion` None = the event counts, else why not; it `is_duplicate` where only something that counted already
    stands against it. `until` is when a suppression ends; None = for good. `events` are the ids that a suppression
    rests on.
    """

    step: Step
    grounds: Grounds
    exclusion: Excluded | None = None
    is_duplicate: bool = False
    until: datetime | None = None
    events: tuple[str, ...] = ()
    scope: Scope = Scope.STREAM


class NoticeType(StrEnum):
    """Types of webhooks (contract)."""

    SUPPRESSED = "recipient.suppressed"
    RELEASED = "recipient.released"
    BOUNCE = "bounce.recorded"
    COMPLAINT = "complaint.recorded"
    ALERT_RAISED = "alert.raised"
    ALERT_CLEARED = "alert.cleared"
    TEST = "endpoint.test"


@dataclass(frozen=True, slots=True)
class Occurrence:
    """Something that a platform may want to hear of, before it is written for one target.

    `sequence` grows by recipient and stream; 0 where there is no recipient. `data` holds the JSON-ready rest.
    """

    type: NoticeType
    at: datetime
    recipient: str | None = None
    stream: str | None = None
    sequence: int = 0
    data: Mapping[str, object] = field(default_factory=dict)


class OutboxState(StrEnum):
    DUE = "due"                # not yet acknowledged: to be sent at `next_attempt_at`
    DELIVERED = "delivered"
    DEAD = "dead"              # retries ran out, or the receiver said that it will never take it
    SUPERSEDED = "superseded"  # a newer state of the recipient stands behind it
    DISCARDED = "discarded"    # by a person


@dataclass(frozen=True, slots=True)
class OutboxItem:
    """One webhook for one target. `id` is the webhook-id, the same on each try. `body` is the JSON text as sent.

    `attempts` counts tries made; `last_answer` is what the last of them met, in one line.
    """

    id: str
    target: str
    type: NoticeType
    recipient: str | None
    stream: str | None
    sequence: int
    body: str
    created_at: datetime
    next_attempt_at: datetime
    state: OutboxState = OutboxState.DUE
    attempts: int = 0
    last_answer: str | None = None


Announce = Callable[[Occurrence], Sequence[OutboxItem]]
"""Makes the items by which targets hear of an occurrence. Pure: it may be called again for the same."""


class Disposition(StrEnum):
    """What one try to deliver an outbox item came to."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"    # 410: the endpoint wants no more; the item stays due, the endpoint is disabled
    AGAIN = "again"  # refused together with others: it stays due and counts no try, to go with fewer


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of one try. `next_attempt_at` is set for RETRY only. `answer` is one line without secrets.

    `leave_alone` is set where the target failed as a whole: for how long it asked to be left alone, else 0.
    `took` is how long the target was waited for, with all that went in the same call; two that differ in it alone came
    to the same. Of a test, which is not kept, `status` is the last HTTP status and `failure` why nothing was sent.
    """

    disposition: Disposition
    answer: str
    next_attempt_at: datetime | None = None
    leave_alone: timedelta | None = None
    took: timedelta | None = field(default=None, compare=False)
    status: int | None = field(default=None, compare=False)
    failure: BounceWatcherError | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Tried:
    """A try that the ledger keeps. `number` counts from 1, and goes on where a delivery is sent again by hand.

    `took` as of the attempt; `next_at` is when the next try was due then, None where there was to be none.
    """

    number: int
    at: datetime
    took: timedelta | None
    disposition: Disposition
    answer: str
    next_at: datetime | None = None


class AlertKind(StrEnum):
    """What an alert is about."""

    OUTAGE = "outage"      # hard bounces of one provider or wording that are too many to be believed: they are held
    BLOCKS = "blocks"      # one provider refuses our mail for a reason of ours
    FORGED = "forged"      # reports that are in doubt: forged or mixed up
    ENDPOINT = "endpoint"  # a webhook's receiver said that it wants no more
    MAILBOX = "mailbox"    # a mailbox can't be read, or its mail can't be filed
    QUIET = "quiet"        # no mail comes to a mailbox for longer than is usual there
    TARGET = "target"      # a webhook, platform or notifier takes nothing, or something was given up
    FLOOD = "flood"        # more suppressions would rest on unproven reports than is usual: the others are held


@dataclass(frozen=True, slots=True)
class Alert:
    """Something that a person should know of, from `since` to `ends_at`.

    `ends_at` moves on while it lasts; None while no end is in sight. It is over, and told to be, when `cleared`.
    `subject` is whom or what it is about. `count` is the most within the window, `alarm_from` how many made the alert,
    `usual` what they were held against; of a quiet mailbox these are hours without mail. `quote` is one reply
    without addresses.
    `held`, `released` and `confirmed` count the recipients whose suppression an outage or a flood held back, and what
    became of them.
    """

    id: str
    kind: AlertKind
    subject: Subject
    since: datetime
    raised_at: datetime
    ends_at: datetime | None
    cleared: bool
    count: int
    alarm_from: int
    usual: float
    grounds: Alarm
    quote: str | None = None
    held: int = 0
    released: int = 0
    confirmed: int = 0

    @property
    def still_held(self) -> int:
        return self.held - self.released - self.confirmed
