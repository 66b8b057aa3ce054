"""The tables, and the functions that turn their rows into the frozen values of the model. SQLModel is used only here.
"""

from collections.abc import Sequence
from datetime import date, datetime
from enum import Enum, auto
from typing import Any, cast

from sqlalchemy import JSON, BigInteger, Boolean, Date, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text
from sqlalchemy import Row as Fetched
from sqlmodel import Field, SQLModel

from bounce_watcher.ledger.db.types import AsJson, UtcDateTime
from bounce_watcher.model.address import FORGOTTEN
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Subject, SubjectKind
from bounce_watcher.model.grounds_json import ALARM, DOUBT, EXCLUSION, GROUNDS, OLDER_VERDICTS
from bounce_watcher.model.ledger import (
    Alert,
    AlertKind,
    BounceEvent,
    ChangedBy,
    NoticeType,
    OutboxItem,
    OutboxState,
    RecipientRecord,
    Scope,
    State,
    StateChange,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import BounceType, Confidence, Reason

_GROUNDS, _ALARM, _EXCLUSION, _DOUBT = AsJson(GROUNDS), AsJson(ALARM), AsJson(EXCLUSION), AsJson(DOUBT)
_OLDER_VERDICTS = AsJson(OLDER_VERDICTS)
_REASONS = {str(reason): reason for reason in Reason}


class ForgetAction(Enum):
    """What happens to a column when an address is forgotten."""

    KEY = auto()       # the address by which rows are found: replaced by the hash
    NAME = auto()      # the address as it was written: replaced by the hash
    ADDRESS = auto()   # a second address beside the row's own: dropped if it is the forgotten one
    WORDS = auto()     # text of mail, servers and people: the address is struck out
    DOCUMENT = auto()  # JSON: the address is struck out of its texts
    PART = auto()      # part of a row's key: the row is deleted if it names the address
    MAIL = auto()      # a raw message, packed: dropped if it names the address anywhere
    SUBJECT = auto()   # the encrypted name of an address: replaced by the name of the hash
    NOTHING = auto()   # closed vocabularies, digests, ids of ours, names of the configuration, hosts, domains


_KEY, _NAME, _ADDRESS, _WORDS, _DOCUMENT, _PART, _MAIL, _SUBJECT, _NOTHING = ForgetAction


def _holding(type_: Any, holds: ForgetAction, **options: Any) -> Any:
    """Returns a field that is wide enough for an address. `holds` says what it may hold about a person."""
    return Field(sa_type=type_, sa_column_kwargs={"info": {"holds": holds}}, **options)


def _text(holds: ForgetAction, **options: Any) -> Any:
    return _holding(Text, holds, **options)


def _partial_index(where: str, name: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


OF_FORGOTTEN = f"substr(recipient_key, 1, {len(FORGOTTEN)}) = '{FORGOTTEN}'"
"""The condition for rows of forgotten recipients, written as an index needs it."""


class Row(SQLModel):
    """The base of the tables. It has its own metadata, so that nobody else's SQLModel tables get into our schema.

    Rows are never validated: building the validators took a tenth of the program's start.
    """

    model_config = {"defer_build": True}
    metadata = MetaData(naming_convention={"pk": "pk_%(table_name)s", "uq": "uq_%(table_name)s_%(column_0_name)s"})


class MessageRow(Row, table=True):
    """A message. `review_group` is set if it is kept, names no recipient, and should have been understood.
    `packed_size` is the size of `packed` in bytes: the sum is read from an index."""

    __tablename__ = "message"
    __table_args__ = (
        _partial_index("packed IS NOT NULL", "message_kept", "received_at"),
        _partial_index("packed_size IS NOT NULL", "message_packed", "packed_size"),
        _partial_index("review_group IS NOT NULL", "message_by_group", "review_group", "received_at", "digest"),
    )

    digest: str = _text(_NOTHING, primary_key=True)
    kind: str = _text(_NOTHING)
    received_at: datetime = Field(sa_type=UtcDateTime)
    source: str = _text(_WORDS)
    mailbox: str | None = _text(_NOTHING)
    size: int = Field(sa_type=BigInteger)
    packed: bytes | None = _holding(LargeBinary, _MAIL)
    packed_size: int | None = Field(sa_type=Integer)
    review_group: str | None = _text(_NOTHING)


class EventRow(Row, table=True):
    """A whole BounceEvent with its `type`. Recipients are compared by `recipient_key`. `provider` takes the recipient's
    mail. `review_group` is set for a failure that was not recognised.

    The index by time holds what lists are filtered by, so that a long past is searched without reading its rows.
    """

    __tablename__ = "event"
    __table_args__ = (
        Index("event_by_time", "at", "id", "type", "reason", "provider", "stream", "status", "code", "rule", "mailbox",
              "evidence", "recipient_key"),
        Index("event_by_recipient", "recipient_key", "at"),
        Index("event_by_reason", "reason", "at", "id"),
        Index("event_by_provider", "provider", "at", "id"),
        _partial_index("sending IS NOT NULL", "event_by_sending", "sending", "at", "id", "type", "reason", "stream"),
        _partial_index("review_group IS NOT NULL", "event_by_group", "review_group", "at", "id"),
        _partial_index("review_group IS NOT NULL", "event_of_group", "review_group", "recipient_key"),
        _partial_index("review_group IS NOT NULL", "event_of_group_by_provider", "review_group", "provider"),
    )

    recipient_key: str = _text(_KEY)
    excluded_kind: str | None = _text(_NOTHING)
    exclusion: Any = _holding(_EXCLUSION, _DOCUMENT, nullable=True)
    provider: str = _text(_NOTHING)
    type: str | None = _text(_NOTHING)
    review_group: str | None = _text(_NOTHING)
    id: str = _text(_NOTHING, primary_key=True)
    message_digest: str = _text(_NOTHING)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = _text(_NOTHING)
    recipient: str = _text(_NAME)
    stream: str = _text(_NOTHING)
    action: str | None = _text(_NOTHING)
    final_recipient: str | None = _text(_ADDRESS)
    bounce_type: str | None = _text(_NOTHING)
    reason: str | None = _text(_NOTHING)
    status: str | None = _text(_NOTHING)
    code: int | None = Field(sa_type=Integer)
    diagnostic: str | None = _text(_WORDS)
    remote_mta: str | None = _text(_WORDS)
    reporting_mta: str | None = _text(_WORDS)
    rule: str | None = _text(_NOTHING)
    recognizer: str | None = _text(_NOTHING)
    quote: str | None = _text(_WORDS)
    evidence: str = _text(_NOTHING)
    doubt: Any = _holding(_DOUBT, _DOCUMENT, nullable=True)
    feedback_type: str | None = _text(_WORDS)
    sent_message_id: str | None = _text(_WORDS)
    sending: str | None = _text(_WORDS)
    mailbox: str | None = _text(_NOTHING)
    source: str | None = _text(_WORDS)
    formerly: Any = _holding(_OLDER_VERDICTS, _DOCUMENT, nullable=True)
    client_ip: str | None = _text(_NOTHING)
    confidence: str | None = _text(_NOTHING)
    forwarded: bool = Field(sa_type=Boolean)


class RecipientRow(Row, table=True):
    """A recipient's record. Counted events before `history_from` are ignored, so that a history stays bounded."""

    __tablename__ = "recipient"

    recipient_key: str = _text(_KEY, primary_key=True)
    stream: str = _text(_NOTHING, primary_key=True)
    recipient: str = _text(_NAME)
    state: str = _text(_NOTHING)
    sequence: int = Field(sa_type=BigInteger)
    counts: dict[str, int] = _holding(JSON, _NOTHING)
    grounds: Any = _holding(_GROUNDS, _DOCUMENT, nullable=True)
    first_event_at: datetime | None = Field(sa_type=UtcDateTime)
    last_event_at: datetime | None = Field(sa_type=UtcDateTime)
    released_at: datetime | None = Field(sa_type=UtcDateTime)
    expiry_level: int = Field(sa_type=Integer)
    expired_reason: str | None = _text(_WORDS)
    delivered_at: datetime | None = Field(sa_type=UtcDateTime)
    delivered_since: datetime | None = Field(sa_type=UtcDateTime)
    answered_until: datetime | None = Field(sa_type=UtcDateTime)
    history_from: datetime | None = Field(default=None, sa_type=UtcDateTime)


class SuppressionRow(Row, table=True):
    """A suppression in force or held. One that has ended has no row: the events and the outbox still show it."""

    __tablename__ = "suppression"
    __table_args__ = (
        _partial_index("until IS NOT NULL", "suppression_end", "until"),
        _partial_index("state = 'suppressed'", "suppression_in_force", "since", "recipient_key", "stream"),
        _partial_index("state = 'pending'", "suppression_pending", "since"),
    )

    recipient_key: str = _text(_KEY, primary_key=True)
    stream: str = _text(_NOTHING, primary_key=True)
    recipient: str = _text(_NAME)
    state: str = _text(_NOTHING)
    reason: str | None = _text(_NOTHING)
    since: datetime = Field(sa_type=UtcDateTime)
    grounds: Any = _holding(_GROUNDS, _DOCUMENT, nullable=False)
    source: str = _text(_NOTHING)
    bounce_type: str | None = _text(_NOTHING)
    until: datetime | None = Field(sa_type=UtcDateTime)
    status: str | None = _text(_NOTHING)
    diagnostic: str | None = _text(_WORDS)
    events: list[str] = _holding(JSON, _NOTHING)
    scope: str = _text(_NOTHING)


class OutboxRow(Row, table=True):
    """An item. `number` is the order of writing, `id` the webhook-id. `lease` names a sender's lease on the row.

    `tried` counts all tries ever (None = none); `attempts` counts those since a person last had it sent again.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        _partial_index("state = 'due'", "outbox_due", "target", "next_attempt_at", "number"),
        _partial_index("leased_until IS NOT NULL", "outbox_leased", "target", "leased_until"),
        _partial_index("state = 'dead'", "outbox_dead", "target", "number"),
        Index("outbox_order", "recipient_key", "target", "state", "stream", "sequence"),
        Index("outbox_by_state", "state", "number"),
        _partial_index("body <> '{}'", "outbox_with_body", "created_at"),
        _partial_index(f"{OF_FORGOTTEN} AND body <> '{{}}'", "outbox_of_forgotten", "recipient_key"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    recipient_key: str | None = _text(_KEY)
    id: str = _text(_NOTHING, unique=True)
    target: str = _text(_NOTHING)
    type: str = _text(_NOTHING)
    recipient: str | None = _text(_NAME)
    stream: str | None = _text(_NOTHING)
    sequence: int = Field(sa_type=BigInteger)
    body: str = _text(_DOCUMENT)
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    state: str = _text(_NOTHING)
    attempts: int = Field(sa_type=Integer)
    last_answer: str | None = _text(_WORDS)
    lease: str | None = _text(_NOTHING, default=None)
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    tried: int | None = Field(default=None, sa_type=Integer)


class AttemptRow(Row, table=True):
    """One of the last tries of an item. `delivery` is the item's `outbox.number`; `took` is in ms."""

    __tablename__ = "attempt"
    __table_args__ = ({"sqlite_with_rowid": False},)

    delivery: int = Field(primary_key=True, sa_type=BigInteger)
    number: int = Field(primary_key=True, sa_type=Integer)
    at: datetime = Field(sa_type=UtcDateTime)
    took: int | None = Field(sa_type=BigInteger)
    disposition: str = _text(_NOTHING)
    answer: str = _text(_WORDS)
    next_at: datetime | None = Field(sa_type=UtcDateTime)


class TryCountRow(Row, table=True):
    """How many tries in an hour had the same result and took about as long (`ledger.outbox.tries.step_of`)."""

    __tablename__ = "try_count"

    slot: int = Field(primary_key=True, sa_type=BigInteger)
    target: str = _text(_NOTHING, primary_key=True)
    disposition: str = _text(_NOTHING, primary_key=True)
    step: int = Field(primary_key=True, sa_type=Integer)
    number: int = Field(sa_type=BigInteger)


class EndpointRow(Row, table=True):
    """A target as last enrolled, and whether a person paused it. `fingerprint` changes with its URL."""

    __tablename__ = "endpoint"

    target: str = _text(_NOTHING, primary_key=True)
    fingerprint: str = _text(_NOTHING)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_because: str | None = _text(_WORDS, default=None)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_by: str | None = _text(_WORDS, default=None)
    paused_because: str | None = _text(_WORDS, default=None)


class SentMessageRow(Row, table=True):
    """A mail that the platform reported as sent, for one of its recipients. `at` is the time of sending."""

    __tablename__ = "sent_message"
    __table_args__ = (
        Index("sent_message_by_time", "at"),
    )

    message_id: str = _text(_PART, primary_key=True)
    recipient_key: str = _text(_KEY, primary_key=True)
    recipient: str = _text(_NAME)
    stream: str = _text(_NOTHING)
    sending: str | None = _text(_WORDS)
    at: datetime = Field(sa_type=UtcDateTime)


class SentCountRow(Row, table=True):
    """How many mails went to a receiving domain on a UTC day: `counted` from single mails, `told` as a figure."""

    __tablename__ = "sent_count"
    __table_args__ = (
        _partial_index("sending <> ''", "sent_count_of_sending", "sending", "stream"),
    )

    day: date = Field(primary_key=True, sa_type=Date)
    stream: str = _text(_NOTHING, primary_key=True)
    sending: str = _text(_PART, primary_key=True)
    domain: str = _text(_NOTHING, primary_key=True)
    counted: int = Field(sa_type=BigInteger)
    told: int = Field(sa_type=BigInteger)


class ReportCountRow(Row, table=True):
    """How many reports of a type and reason came in a time slot of `scope` (`report_counts.CountScope`)."""

    __tablename__ = "report_count"
    __table_args__ = (
        Index("report_count_of_subject", "scope", "subject", "slot"),
    )

    scope: str = _text(_NOTHING, primary_key=True)
    slot: int = Field(primary_key=True, sa_type=BigInteger)
    stream: str = _text(_NOTHING, primary_key=True)
    subject: str = _text(_PART, primary_key=True)
    type: str = _text(_NOTHING, primary_key=True)
    reason: str = _text(_NOTHING, primary_key=True)
    number: int = Field(sa_type=BigInteger)


class ReviewGroupRow(Row, table=True):
    """A group of unrecognised mail with the same wording. `kind` is a `Misread`, `language` that of the wording
    (`policy.language`), `state` a `GroupState`. `rank` is 1 for a group that came back, else 0. A group that was set
    aside comes back if it gets more than `a_day` on one UTC day (None = never)."""

    __tablename__ = "review_group"
    __table_args__ = (
        Index("review_group_by_reach", "rank", "recipients", "last_at", "gid"),
        _partial_index("state IN ('new', 'back')", "review_group_open", "gid"),
    )

    gid: str = _text(_NOTHING, primary_key=True)
    kind: str = _text(_NOTHING)
    wording: str = _text(_WORDS)
    language: str = _text(_NOTHING)
    state: str = _text(_NOTHING)
    rank: int = Field(sa_type=Integer)
    mails: int = Field(sa_type=BigInteger)
    recipients: int = Field(sa_type=BigInteger)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    a_day: int | None = Field(sa_type=Integer)
    because: str | None = _text(_WORDS)
    decided_at: datetime | None = Field(sa_type=UtcDateTime)


class OptOutRow(Row, table=True):
    """A KeptOptOut. `review_group` is that of opt-outs while it waits for a person, then None. Addresses are compared
    by the keys. Both keys and addresses are None if nothing names one."""

    __tablename__ = "opt_out"
    __table_args__ = (
        Index("opt_out_by_time", "at", "id"),
        Index("opt_out_of_message", "message_digest"),
        _partial_index("recipient_key IS NOT NULL", "opt_out_of_recipient", "recipient_key", "at"),
        _partial_index("sender_key IS NOT NULL", "opt_out_of_sender", "sender_key", "at"),
        _partial_index("review_group IS NOT NULL", "opt_out_by_group", "review_group", "at", "id"),
    )

    id: str = _text(_NOTHING, primary_key=True)
    message_digest: str = _text(_NOTHING)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = _text(_NOTHING)
    recipient_key: str | None = _text(_KEY)
    recipient: str | None = _text(_NAME)
    sender_key: str | None = _text(_KEY)
    sender: str | None = _text(_NAME)
    evidence: str | None = _text(_NOTHING)
    doubt: Any = _holding(_DOUBT, _DOCUMENT, nullable=True)
    stream: str = _text(_NOTHING)
    sending: str | None = _text(_WORDS)
    mailbox: str | None = _text(_NOTHING)
    source: str | None = _text(_WORDS)
    review_group: str | None = _text(_NOTHING)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str | None = _text(_WORDS, default=None)
    because: str | None = _text(_WORDS, default=None)


class ActionRow(Row, table=True):
    """What a person did, and through which interface: `actor` is a token's name, a proxy's user, or the shell."""

    __tablename__ = "action"
    __table_args__ = (
        Index("action_on_subject", "subject", "number"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = _text(_WORDS)
    action: str = _text(_NOTHING)
    subject: str = _text(_SUBJECT)
    count: int = Field(sa_type=BigInteger)
    because: str | None = _text(_WORDS)


class ProtectedRow(Row, table=True):
    """A Protection. Addresses and domains are compared by `key`."""

    __tablename__ = "protected"

    key: str = _text(_KEY, primary_key=True)
    name: str = _text(_NAME)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = _text(_WORDS)
    because: str = _text(_WORDS)


class StateChangeRow(Row, table=True):
    """A step in the course of a recipient. `number` is the order of writing."""

    __tablename__ = "state_change"
    __table_args__ = (
        Index("state_change_of_recipient", "recipient_key", "stream", "number"),
        Index("state_change_by_state", "state", "at", "number", "stream", "reason", "recipient_key"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    recipient_key: str = _text(_KEY)
    stream: str = _text(_NOTHING)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = _text(_NOTHING)
    grounds: Any = _holding(_GROUNDS, _DOCUMENT, nullable=True)
    by: str = _text(_NOTHING)
    reason: str | None = _text(_NOTHING)
    until: datetime | None = Field(sa_type=UtcDateTime)


class KeyRow(Row, table=True):
    """A secret that the ledger generated for itself, with its name."""

    __tablename__ = "keyring"

    name: str = _text(_NOTHING, primary_key=True)
    key: bytes = _holding(LargeBinary, _NOTHING)


class WebSessionRow(Row, table=True):
    """A sign-in in a browser. `digest` is the SHA-256 of the secret that the browser holds, in hexadecimal digits."""

    __tablename__ = "web_session"

    digest: str = _text(_NOTHING, primary_key=True)
    id: str = _text(_NOTHING, unique=True)
    role: str = _text(_NOTHING)
    opened_by: str = _text(_WORDS)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    peer: str = _text(_NOTHING)
    agent: str = _text(_WORDS)


class UnfiledRow(Row, table=True):
    """A settled message that is still in its folder; see `model.message.Unfiled`."""

    __tablename__ = "unfiled"

    source: str = _text(_NOTHING, primary_key=True)
    uidvalidity: int = Field(primary_key=True, sa_type=BigInteger)
    uid: int = Field(primary_key=True, sa_type=BigInteger)
    destination: str = _text(_NOTHING)
    copied: bool = Field(sa_type=Boolean)
    begun_uidvalidity: int | None = Field(sa_type=BigInteger)
    begun_uidnext: int | None = Field(sa_type=BigInteger)


class ErasureRow(Row, table=True):
    """A forgotten recipient, under the hash. Not `done` while an unsent notice, or a copy in the database files, may
    still hold the address."""

    __tablename__ = "erasure"
    __table_args__ = (
        _partial_index("NOT done", "erasure_under_way", "name"),
    )

    name: str = _text(_NOTHING, primary_key=True)
    done: bool = Field(sa_type=Boolean)


class GuardCountRow(Row, table=True):
    """How many of a series came in one time slot (`policy.guards.spells.slot_of`)."""

    __tablename__ = "guard_count"

    series: str = _text(_PART, primary_key=True)
    slot: int = Field(primary_key=True, sa_type=BigInteger)
    number: int = Field(sa_type=BigInteger)


class AlertRow(Row, table=True):
    """An Alert, and the `series` of counts behind it."""

    __tablename__ = "alert"
    __table_args__ = (
        Index("alert_by_series", "series", "since"),
        Index("alert_by_time", "since", "id"),
        _partial_index("NOT cleared", "alert_open", "ends_at"),
    )

    series: str = _text(_WORDS)
    id: str = _text(_NOTHING, primary_key=True)
    kind: str = _text(_NOTHING)
    subject_kind: str = _text(_NOTHING)
    subject: str = _text(_WORDS)
    subject_reason: str | None = _text(_NOTHING)
    subject_ip: str | None = _text(_NOTHING)
    subject_rule: str | None = _text(_NOTHING)
    since: datetime = Field(sa_type=UtcDateTime)
    raised_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime | None = Field(sa_type=UtcDateTime)
    cleared: bool = Field(sa_type=Boolean)
    most: int = Field(sa_type=BigInteger)
    alarm_from: int = Field(sa_type=BigInteger)
    usual: float = Field(sa_type=Float)
    grounds: Any = _holding(_ALARM, _DOCUMENT, nullable=False)
    quote: str | None = _text(_WORDS)
    held: int = Field(sa_type=BigInteger)
    released: int = Field(sa_type=BigInteger)
    confirmed: int = Field(sa_type=BigInteger)


class HeldRow(Row, table=True):
    """A recipient whose suppression an alert holds. The row is deleted when the suppression is decided on."""

    __tablename__ = "held"
    __table_args__ = (
        Index("held_by_alert", "alert", "recipient_key", "stream"),
    )

    recipient_key: str = _text(_KEY, primary_key=True)
    stream: str = _text(_NOTHING, primary_key=True)
    alert: str = _text(_NOTHING, primary_key=True)


METADATA = Row.metadata


def _table(row: type[Row]) -> Table:
    return cast(Table, cast(Any, row).__table__)


MESSAGE = _table(MessageRow)
EVENT = _table(EventRow)
RECIPIENT = _table(RecipientRow)
SUPPRESSION = _table(SuppressionRow)
OUTBOX = _table(OutboxRow)
ENDPOINT = _table(EndpointRow)
ATTEMPT = _table(AttemptRow)
TRY_COUNT = _table(TryCountRow)
PROTECTED = _table(ProtectedRow)
STATE_CHANGE = _table(StateChangeRow)
KEYRING = _table(KeyRow)
WEB_SESSION = _table(WebSessionRow)
UNFILED = _table(UnfiledRow)
ERASURE = _table(ErasureRow)
SENT_MESSAGE = _table(SentMessageRow)
SENT_COUNT = _table(SentCountRow)
GUARD_COUNT = _table(GuardCountRow)
REPORT_COUNT = _table(ReportCountRow)
REVIEW_GROUP = _table(ReviewGroupRow)
OPT_OUT = _table(OptOutRow)
ACTION = _table(ActionRow)
ALERT = _table(AlertRow)
HELD = _table(HeldRow)


def reason_named(value: str | None) -> Reason | None:
    return _REASONS[value] if value else None


def confidence_named(value: str | None) -> Confidence | None:
    return Confidence(value) if value else None


def event_from_row(row: EventRow | Fetched[Any]) -> BounceEvent:
    return BounceEvent(
        id=row.id, message_digest=row.message_digest, at=row.at, kind=Kind(row.kind), recipient=row.recipient,
        stream=row.stream, action=Action(row.action) if row.action else None, final_recipient=row.final_recipient,
        bounce_type=BounceType(row.bounce_type) if row.bounce_type else None, reason=reason_named(row.reason),
        status=row.status, code=row.code, diagnostic=row.diagnostic, remote_mta=row.remote_mta,
        reporting_mta=row.reporting_mta, rule=row.rule, recognizer=row.recognizer, quote=row.quote,
        evidence=Evidence(row.evidence), doubt=row.doubt, feedback_type=row.feedback_type,
        sent_message_id=row.sent_message_id, sending=row.sending, mailbox=row.mailbox, source=row.source,
        exclusion=row.exclusion, formerly=row.formerly or (), client_ip=row.client_ip,
        confidence=confidence_named(row.confidence), forwarded=row.forwarded,
    )


def suppression_from_row(row: SuppressionRow | Fetched[Any]) -> Suppression:
    return Suppression(
        recipient=row.recipient, stream=row.stream, state=State(row.state), reason=row.reason, since=row.since,
        grounds=row.grounds, source=SuppressionSource(row.source),
        bounce_type=BounceType(row.bounce_type) if row.bounce_type else None, until=row.until, status=row.status,
        diagnostic=row.diagnostic, events=tuple(row.events), scope=Scope(row.scope),
    )


RECORD_COLUMNS = tuple(column for column in RECIPIENT.columns if column.name != "history_from")
"""The columns that `record_from_rows` takes, in order."""


def record_from_rows(
    row: Sequence[Any], suppression: SuppressionRow | Fetched[Any] | None, protected: str | None = None
) -> RecipientRecord:
    """Builds a record from a row of `RECORD_COLUMNS` and the row of its suppression."""
    _, stream, recipient, state, sequence, counts, grounds, first, last, released, *rest = row
    expiry_level, expired_reason, delivered_at, delivered_since, answered_until = rest
    return RecipientRecord(
        recipient, stream, State(state), sequence, counts, grounds, first, last, released,
        suppression_from_row(suppression) if suppression else None, expiry_level, expired_reason, delivered_at,
        delivered_since, answered_until, protected,
    )


def item_from_row(row: OutboxRow | Fetched[Any]) -> OutboxItem:
    return OutboxItem(
        id=row.id, target=row.target, type=NoticeType(row.type), recipient=row.recipient, stream=row.stream,
        sequence=row.sequence, body=row.body, created_at=row.created_at, next_attempt_at=row.next_attempt_at,
        state=OutboxState(row.state), attempts=row.attempts, last_answer=row.last_answer,
    )


def state_change_from_row(row: Fetched[Any]) -> StateChange:
    return StateChange(
        row.recipient_key, row.stream, row.number, row.at, State(row.state), row.grounds, ChangedBy(row.by), row.reason,
        row.until,
    )


def alert_from_row(row: AlertRow | Fetched[Any]) -> Alert:
    return Alert(
        id=row.id, kind=AlertKind(row.kind),
        subject=Subject(
            SubjectKind(row.subject_kind), row.subject, reason_named(row.subject_reason), row.subject_ip,
            row.subject_rule,
        ),
        since=row.since, raised_at=row.raised_at, ends_at=row.ends_at, cleared=bool(row.cleared), count=row.most,
        alarm_from=row.alarm_from, usual=row.usual, grounds=row.grounds, quote=row.quote, held=row.held,
        released=row.released, confirmed=row.confirmed,
    )
