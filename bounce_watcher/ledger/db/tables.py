"""The tables, and the functions that turn their rows into the frozen values of the model. SQLModel is used only here.
"""

from collections.abc import Sequence
from datetime import date, datetime
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
    NoticeType,
    OutboxItem,
    OutboxState,
    RecipientRecord,
    Scope,
    State,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import BounceType, Reason

_GROUNDS, _ALARM, _EXCLUSION, _DOUBT = AsJson(GROUNDS), AsJson(ALARM), AsJson(EXCLUSION), AsJson(DOUBT)
_OLDER_VERDICTS = AsJson(OLDER_VERDICTS)
_REASONS = {str(reason): reason for reason in Reason}


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

    digest: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    received_at: datetime = Field(sa_type=UtcDateTime)
    source: str = Field(sa_type=Text)
    mailbox: str | None = Field(sa_type=Text)
    size: int = Field(sa_type=BigInteger)
    packed: bytes | None = Field(sa_type=LargeBinary)
    packed_size: int | None = Field(sa_type=Integer)
    review_group: str | None = Field(sa_type=Text)


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

    recipient_key: str = Field(sa_type=Text)
    excluded_kind: str | None = Field(sa_type=Text)
    exclusion: Any = Field(sa_type=_EXCLUSION, nullable=True)
    provider: str = Field(sa_type=Text)
    type: str | None = Field(sa_type=Text)
    review_group: str | None = Field(sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    message_digest: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str = Field(sa_type=Text)
    recipient: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    action: str | None = Field(sa_type=Text)
    final_recipient: str | None = Field(sa_type=Text)
    bounce_type: str | None = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    status: str | None = Field(sa_type=Text)
    code: int | None = Field(sa_type=Integer)
    diagnostic: str | None = Field(sa_type=Text)
    remote_mta: str | None = Field(sa_type=Text)
    reporting_mta: str | None = Field(sa_type=Text)
    rule: str | None = Field(sa_type=Text)
    recognizer: str | None = Field(sa_type=Text)
    quote: str | None = Field(sa_type=Text)
    evidence: str = Field(sa_type=Text)
    doubt: Any = Field(sa_type=_DOUBT, nullable=True)
    feedback_type: str | None = Field(sa_type=Text)
    sent_message_id: str | None = Field(sa_type=Text)
    sending: str | None = Field(sa_type=Text)
    mailbox: str | None = Field(sa_type=Text)
    source: str | None = Field(sa_type=Text)
    formerly: Any = Field(sa_type=_OLDER_VERDICTS, nullable=True)
    client_ip: str | None = Field(sa_type=Text)


class RecipientRow(Row, table=True):
    """A recipient's record. Counted events before `history_from` are ignored, so that a history stays bounded."""

    __tablename__ = "recipient"

    recipient_key: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    recipient: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)
    counts: dict[str, int] = Field(sa_type=JSON)
    grounds: Any = Field(sa_type=_GROUNDS, nullable=True)
    first_event_at: datetime | None = Field(sa_type=UtcDateTime)
    last_event_at: datetime | None = Field(sa_type=UtcDateTime)
    released_at: datetime | None = Field(sa_type=UtcDateTime)
    expiry_level: int = Field(sa_type=Integer)
    expired_reason: str | None = Field(sa_type=Text)
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

    recipient_key: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    recipient: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
    grounds: Any = Field(sa_type=_GROUNDS, nullable=False)
    source: str = Field(sa_type=Text)
    bounce_type: str | None = Field(sa_type=Text)
    until: datetime | None = Field(sa_type=UtcDateTime)
    status: str | None = Field(sa_type=Text)
    diagnostic: str | None = Field(sa_type=Text)
    events: list[str] = Field(sa_type=JSON)
    scope: str = Field(sa_type=Text)


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
    recipient_key: str | None = Field(sa_type=Text)
    id: str = Field(unique=True, sa_type=Text)
    target: str = Field(sa_type=Text)
    type: str = Field(sa_type=Text)
    recipient: str | None = Field(sa_type=Text)
    stream: str | None = Field(sa_type=Text)
    sequence: int = Field(sa_type=BigInteger)
    body: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    next_attempt_at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(sa_type=Text)
    attempts: int = Field(sa_type=Integer)
    last_answer: str | None = Field(sa_type=Text)
    lease: str | None = Field(default=None, sa_type=Text)
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
    disposition: str = Field(sa_type=Text)
    answer: str = Field(sa_type=Text)
    next_at: datetime | None = Field(sa_type=UtcDateTime)


class TryCountRow(Row, table=True):
    """How many tries in an hour had the same result and took about as long (`ledger.outbox.tries.step_of`)."""

    __tablename__ = "try_count"

    slot: int = Field(primary_key=True, sa_type=BigInteger)
    target: str = Field(primary_key=True, sa_type=Text)
    disposition: str = Field(primary_key=True, sa_type=Text)
    step: int = Field(primary_key=True, sa_type=Integer)
    number: int = Field(sa_type=BigInteger)


class EndpointRow(Row, table=True):
    """A target as last enrolled, and whether a person paused it. `fingerprint` changes with its URL."""

    __tablename__ = "endpoint"

    target: str = Field(primary_key=True, sa_type=Text)
    fingerprint: str = Field(sa_type=Text)
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_because: str | None = Field(default=None, sa_type=Text)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_by: str | None = Field(default=None, sa_type=Text)
    paused_because: str | None = Field(default=None, sa_type=Text)


class SentMessageRow(Row, table=True):
    """A mail that the platform reported as sent, for one of its recipients. `at` is the time of sending."""

    __tablename__ = "sent_message"
    __table_args__ = (
        Index("sent_message_by_time", "at"),
    )

    message_id: str = Field(primary_key=True, sa_type=Text)
    recipient_key: str = Field(primary_key=True, sa_type=Text)
    recipient: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    sending: str | None = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)


class SentCountRow(Row, table=True):
    """How many mails went to a receiving domain on a UTC day: `counted` from single mails, `told` as a figure."""

    __tablename__ = "sent_count"
    __table_args__ = (
        _partial_index("sending <> ''", "sent_count_of_sending", "sending", "stream"),
    )

    day: date = Field(primary_key=True, sa_type=Date)
    stream: str = Field(primary_key=True, sa_type=Text)
    sending: str = Field(primary_key=True, sa_type=Text)
    domain: str = Field(primary_key=True, sa_type=Text)
    counted: int = Field(sa_type=BigInteger)
    told: int = Field(sa_type=BigInteger)


class ReportCountRow(Row, table=True):
    """How many reports of a type and reason came in a time slot of `scope` (`report_counts.CountScope`)."""

    __tablename__ = "report_count"
    __table_args__ = (
        Index("report_count_of_subject", "scope", "subject", "slot"),
    )

    scope: str = Field(primary_key=True, sa_type=Text)
    slot: int = Field(primary_key=True, sa_type=BigInteger)
    stream: str = Field(primary_key=True, sa_type=Text)
    subject: str = Field(primary_key=True, sa_type=Text)
    type: str = Field(primary_key=True, sa_type=Text)
    reason: str = Field(primary_key=True, sa_type=Text)
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

    gid: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    wording: str = Field(sa_type=Text)
    language: str = Field(sa_type=Text)
    state: str = Field(sa_type=Text)
    rank: int = Field(sa_type=Integer)
    mails: int = Field(sa_type=BigInteger)
    recipients: int = Field(sa_type=BigInteger)
    first_at: datetime = Field(sa_type=UtcDateTime)
    last_at: datetime = Field(sa_type=UtcDateTime)
    a_day: int | None = Field(sa_type=Integer)
    because: str | None = Field(sa_type=Text)
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

    id: str = Field(primary_key=True, sa_type=Text)
    message_digest: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    by: str = Field(sa_type=Text)
    recipient_key: str | None = Field(sa_type=Text)
    recipient: str | None = Field(sa_type=Text)
    sender_key: str | None = Field(sa_type=Text)
    sender: str | None = Field(sa_type=Text)
    evidence: str | None = Field(sa_type=Text)
    doubt: Any = Field(sa_type=_DOUBT, nullable=True)
    stream: str = Field(sa_type=Text)
    sending: str | None = Field(sa_type=Text)
    mailbox: str | None = Field(sa_type=Text)
    source: str | None = Field(sa_type=Text)
    review_group: str | None = Field(sa_type=Text)
    done_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    done_by: str | None = Field(default=None, sa_type=Text)
    because: str | None = Field(default=None, sa_type=Text)


class ActionRow(Row, table=True):
    """What a person did, and through which interface: `actor` is a token's name, a proxy's user, or the shell."""

    __tablename__ = "action"
    __table_args__ = (
        Index("action_on_subject", "subject", "number"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(sa_type=Text)
    action: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    count: int = Field(sa_type=BigInteger)
    because: str | None = Field(sa_type=Text)


class ProtectedRow(Row, table=True):
    """A Protection. Addresses and domains are compared by `key`."""

    __tablename__ = "protected"

    key: str = Field(primary_key=True, sa_type=Text)
    name: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str = Field(sa_type=Text)
    because: str = Field(sa_type=Text)


class StateChangeRow(Row, table=True):
    """A step in the course of a recipient. `number` is the order of writing."""

    __tablename__ = "state_change"
    __table_args__ = (
        Index("state_change_of_recipient", "recipient_key", "stream", "number"),
        Index("state_change_by_state", "state", "at", "number", "stream", "reason", "recipient_key"),
    )

    number: int | None = Field(default=None, primary_key=True, sa_type=BigInteger().with_variant(Integer, "sqlite"))
    recipient_key: str = Field(sa_type=Text)
    stream: str = Field(sa_type=Text)
    at: datetime = Field(sa_type=UtcDateTime)
    state: str = Field(sa_type=Text)
    grounds: Any = Field(sa_type=_GROUNDS, nullable=True)
    by: str = Field(sa_type=Text)
    reason: str | None = Field(sa_type=Text)
    until: datetime | None = Field(sa_type=UtcDateTime)


class KeyRow(Row, table=True):
    """A secret that the ledger generated for itself, with its name."""

    __tablename__ = "keyring"

    name: str = Field(primary_key=True, sa_type=Text)
    key: bytes = Field(sa_type=LargeBinary)


class WebSessionRow(Row, table=True):
    """A sign-in in a browser. `digest` is the SHA-256 of the secret that the browser holds, in hexadecimal digits."""

    __tablename__ = "web_session"

    digest: str = Field(primary_key=True, sa_type=Text)
    id: str = Field(unique=True, sa_type=Text)
    role: str = Field(sa_type=Text)
    opened_by: str = Field(sa_type=Text)
    created_at: datetime = Field(sa_type=UtcDateTime)
    seen_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
    peer: str = Field(sa_type=Text)
    agent: str = Field(sa_type=Text)


class UnfiledRow(Row, table=True):
    """A settled message that is still in its folder; see `model.filing.Unfiled`."""

    __tablename__ = "unfiled"

    source: str = Field(primary_key=True, sa_type=Text)
    uidvalidity: int = Field(primary_key=True, sa_type=BigInteger)
    uid: int = Field(primary_key=True, sa_type=BigInteger)
    destination: str = Field(sa_type=Text)
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

    name: str = Field(primary_key=True, sa_type=Text)
    done: bool = Field(sa_type=Boolean)


class GuardCountRow(Row, table=True):
    """How many of a series came in one time slot (`policy.guards.spells.slot_of`)."""

    __tablename__ = "guard_count"

    series: str = Field(primary_key=True, sa_type=Text)
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

    series: str = Field(sa_type=Text)
    id: str = Field(primary_key=True, sa_type=Text)
    kind: str = Field(sa_type=Text)
    subject_kind: str = Field(sa_type=Text)
    subject: str = Field(sa_type=Text)
    subject_reason: str | None = Field(sa_type=Text)
    subject_ip: str | None = Field(sa_type=Text)
    subject_rule: str | None = Field(sa_type=Text)
    since: datetime = Field(sa_type=UtcDateTime)
    raised_at: datetime = Field(sa_type=UtcDateTime)
    ends_at: datetime | None = Field(sa_type=UtcDateTime)
    cleared: bool = Field(sa_type=Boolean)
    most: int = Field(sa_type=BigInteger)
    alarm_from: int = Field(sa_type=BigInteger)
    usual: float = Field(sa_type=Float)
    grounds: Any = Field(sa_type=_ALARM, nullable=False)
    quote: str | None = Field(sa_type=Text)
    held: int = Field(sa_type=BigInteger)
    released: int = Field(sa_type=BigInteger)
    confirmed: int = Field(sa_type=BigInteger)


class HeldRow(Row, table=True):
    """A recipient whose suppression an alert holds. The row is deleted when the suppression is decided on."""

    __tablename__ = "held"
    __table_args__ = (
        Index("held_by_alert", "alert", "recipient_key", "stream"),
    )

    recipient_key: str = Field(primary_key=True, sa_type=Text)
    stream: str = Field(primary_key=True, sa_type=Text)
    alert: str = Field(primary_key=True, sa_type=Text)


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
