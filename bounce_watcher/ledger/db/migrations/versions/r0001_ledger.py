"""The ledger: messages, events, recipients, suppressions, outbox, endpoints.

At 10⁷ events: nothing to do, as it begins a new ledger.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Type = tuple[sa.types.TypeEngine[Any], bool]

# The type of a column, and whether it may be NULL.
_TEXT, _MAYBE_TEXT = ((sa.Text(), nullable) for nullable in (False, True))
_TIME, _MAYBE_TIME = ((sa.DateTime(timezone=True), nullable) for nullable in (False, True))
_INT, _MAYBE_INT = ((sa.Integer(), nullable) for nullable in (False, True))
_BIG, _MAYBE_BIG = ((sa.BigInteger(), nullable) for nullable in (False, True))
_BYTES, _MAYBE_BYTES = ((sa.LargeBinary(), nullable) for nullable in (False, True))
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite"), False
_BOOL, _FLOAT, _DATE, _JSON = (sa.Boolean(), False), (sa.Float(), False), (sa.Date(), False), (sa.JSON(), False)


def upgrade() -> None:
    _facts()
    _recipients()
    _outbox()
    _sent()
    _alerts()
    _course()


def _facts() -> None:
    op.create_table(
        "message",
        *_columns(digest=_TEXT, kind=_TEXT, received_at=_TIME, source=_TEXT, mailbox=_MAYBE_TEXT, size=_BIG,
                  packed=_MAYBE_BYTES, packed_size=_MAYBE_INT, review_group=_MAYBE_TEXT),
        sa.PrimaryKeyConstraint("digest", name="pk_message"),
    )
    _index("message_kept", "message", "received_at", where="packed IS NOT NULL")
    _index("message_packed", "message", "packed_size", where="packed_size IS NOT NULL")
    _index("message_by_group", "message", "review_group", "received_at", "digest", where="review_group IS NOT NULL")
    op.create_table(
        "event",
        *_columns(recipient_key=_TEXT, excluded_kind=_MAYBE_TEXT, exclusion=_MAYBE_TEXT, provider=_TEXT,
                  type=_MAYBE_TEXT, review_group=_MAYBE_TEXT, id=_TEXT, message_digest=_TEXT, at=_TIME, kind=_TEXT,
                  recipient=_TEXT, stream=_TEXT, action=_MAYBE_TEXT, final_recipient=_MAYBE_TEXT,
                  bounce_type=_MAYBE_TEXT, reason=_MAYBE_TEXT, status=_MAYBE_TEXT, code=_MAYBE_INT,
                  diagnostic=_MAYBE_TEXT, remote_mta=_MAYBE_TEXT, reporting_mta=_MAYBE_TEXT, rule=_MAYBE_TEXT,
                  recognizer=_MAYBE_TEXT, quote=_MAYBE_TEXT, evidence=_TEXT, doubt=_MAYBE_TEXT,
                  feedback_type=_MAYBE_TEXT, sent_message_id=_MAYBE_TEXT, sending=_MAYBE_TEXT, mailbox=_MAYBE_TEXT,
                  source=_MAYBE_TEXT, formerly=_MAYBE_TEXT, client_ip=_MAYBE_TEXT,
                  confidence=_MAYBE_TEXT, forwarded=_BOOL),
        sa.PrimaryKeyConstraint("id", name="pk_event"),
    )
    _index("event_by_time", "event", "at", "id", "type", "reason", "provider", "stream", "status", "code", "rule",
           "mailbox", "evidence", "recipient_key")
    _index("event_by_recipient", "event", "recipient_key", "at")
    _index("event_by_reason", "event", "reason", "at", "id")
    _index("event_by_provider", "event", "provider", "at", "id")
    _index("event_by_sending", "event", "sending", "at", "id", "type", "reason", "stream", where="sending IS NOT NULL")
    _index("event_by_group", "event", "review_group", "at", "id", where="review_group IS NOT NULL")
    _index("event_of_group", "event", "review_group", "recipient_key", where="review_group IS NOT NULL")
    _index("event_of_group_by_provider", "event", "review_group", "provider", where="review_group IS NOT NULL")
    op.create_table(
        "review_group",
        *_columns(gid=_TEXT, kind=_TEXT, wording=_TEXT, language=_TEXT, state=_TEXT, rank=_INT, mails=_BIG,
                  recipients=_BIG, first_at=_TIME, last_at=_TIME, a_day=_MAYBE_INT, because=_MAYBE_TEXT,
                  decided_at=_MAYBE_TIME),
        sa.PrimaryKeyConstraint("gid", name="pk_review_group"),
    )
    _index("review_group_by_reach", "review_group", "rank", "recipients", "last_at", "gid")
    _index("review_group_open", "review_group", "gid", where="state IN ('new', 'back')")
    _opt_outs()
    op.create_table(
        "report_count",
        *_columns(scope=_TEXT, slot=_BIG, stream=_TEXT, subject=_TEXT, type=_TEXT, reason=_TEXT, number=_BIG),
        sa.PrimaryKeyConstraint("scope", "slot", "stream", "subject", "type", "reason", name="pk_report_count"),
    )
    _index("report_count_of_subject", "report_count", "scope", "subject", "slot")


def _opt_outs() -> None:
    op.create_table(
        "opt_out",
        *_columns(id=_TEXT, message_digest=_TEXT, at=_TIME, by=_TEXT, recipient_key=_MAYBE_TEXT, recipient=_MAYBE_TEXT,
                  sender_key=_MAYBE_TEXT, sender=_MAYBE_TEXT, evidence=_MAYBE_TEXT, doubt=_MAYBE_TEXT, stream=_TEXT,
                  sending=_MAYBE_TEXT, mailbox=_MAYBE_TEXT, source=_MAYBE_TEXT, review_group=_MAYBE_TEXT,
                  done_at=_MAYBE_TIME, done_by=_MAYBE_TEXT, because=_MAYBE_TEXT),
        sa.PrimaryKeyConstraint("id", name="pk_opt_out"),
    )
    _index("opt_out_by_time", "opt_out", "at", "id")
    _index("opt_out_of_message", "opt_out", "message_digest")
    _index("opt_out_of_recipient", "opt_out", "recipient_key", "at", where="recipient_key IS NOT NULL")
    _index("opt_out_of_sender", "opt_out", "sender_key", "at", where="sender_key IS NOT NULL")
    _index("opt_out_by_group", "opt_out", "review_group", "at", "id", where="review_group IS NOT NULL")


def _recipients() -> None:
    op.create_table(
        "recipient",
        *_columns(recipient_key=_TEXT, stream=_TEXT, recipient=_TEXT, state=_TEXT, sequence=_BIG, counts=_JSON,
                  grounds=_MAYBE_TEXT, first_event_at=_MAYBE_TIME, last_event_at=_MAYBE_TIME, released_at=_MAYBE_TIME,
                  expiry_level=_INT, expired_reason=_MAYBE_TEXT, delivered_at=_MAYBE_TIME, delivered_since=_MAYBE_TIME,
                  answered_until=_MAYBE_TIME, history_from=_MAYBE_TIME),
        sa.PrimaryKeyConstraint("recipient_key", "stream", name="pk_recipient"),
    )
    op.create_table(
        "suppression",
        *_columns(recipient_key=_TEXT, stream=_TEXT, recipient=_TEXT, state=_TEXT, reason=_MAYBE_TEXT, since=_TIME,
                  grounds=_TEXT, source=_TEXT, bounce_type=_MAYBE_TEXT, until=_MAYBE_TIME, status=_MAYBE_TEXT,
                  diagnostic=_MAYBE_TEXT, events=_JSON, scope=_TEXT),
        sa.PrimaryKeyConstraint("recipient_key", "stream", name="pk_suppression"),
    )
    _index("suppression_end", "suppression", "until", where="until IS NOT NULL")
    _index("suppression_in_force", "suppression", "since", "recipient_key", "stream", where="state = 'suppressed'")
    _index("suppression_pending", "suppression", "since", where="state = 'pending'")


def _outbox() -> None:
    op.create_table(
        "outbox",
        *_columns(number=_NUMBER, recipient_key=_MAYBE_TEXT, id=_TEXT, target=_TEXT, type=_TEXT, recipient=_MAYBE_TEXT,
                  stream=_MAYBE_TEXT, sequence=_BIG, body=_TEXT, created_at=_TIME, next_attempt_at=_TIME, state=_TEXT,
                  attempts=_INT, last_answer=_MAYBE_TEXT, lease=_MAYBE_TEXT, leased_until=_MAYBE_TIME,
                  tried=_MAYBE_INT),
        sa.PrimaryKeyConstraint("number", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    _index("outbox_due", "outbox", "target", "next_attempt_at", "number", where="state = 'due'")
    _index("outbox_leased", "outbox", "target", "leased_until", where="leased_until IS NOT NULL")
    _index("outbox_dead", "outbox", "target", "number", where="state = 'dead'")
    _index("outbox_order", "outbox", "recipient_key", "target", "state", "stream", "sequence")
    _index("outbox_by_state", "outbox", "state", "number")
    _index("outbox_with_body", "outbox", "created_at", where="body <> '{}'")
    of_forgotten = "substr(recipient_key, 1, 10) = 'forgotten:'"
    _index("outbox_of_forgotten", "outbox", "recipient_key", where=f"{of_forgotten} AND body <> '{{}}'")
    op.create_table(
        "endpoint",
        *_columns(target=_TEXT, fingerprint=_TEXT, disabled_at=_MAYBE_TIME, disabled_because=_MAYBE_TEXT,
                  paused_at=_MAYBE_TIME, paused_by=_MAYBE_TEXT, paused_because=_MAYBE_TEXT),
        sa.PrimaryKeyConstraint("target", name="pk_endpoint"),
    )
    op.create_table(
        "attempt",
        *_columns(delivery=_BIG, number=_INT, at=_TIME, took=_MAYBE_BIG, disposition=_TEXT, answer=_TEXT,
                  next_at=_MAYBE_TIME),
        sa.PrimaryKeyConstraint("delivery", "number", name="pk_attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "try_count",
        *_columns(slot=_BIG, target=_TEXT, disposition=_TEXT, step=_INT, number=_BIG),
        sa.PrimaryKeyConstraint("slot", "target", "disposition", "step", name="pk_try_count"),
    )


def _sent() -> None:
    op.create_table(
        "sent_message",
        *_columns(message_id=_TEXT, recipient_key=_TEXT, recipient=_TEXT, stream=_TEXT, sending=_MAYBE_TEXT, at=_TIME),
        sa.PrimaryKeyConstraint("message_id", "recipient_key", name="pk_sent_message"),
    )
    _index("sent_message_by_time", "sent_message", "at")
    op.create_table(
        "sent_count",
        *_columns(day=_DATE, stream=_TEXT, sending=_TEXT, domain=_TEXT, counted=_BIG, told=_BIG),
        sa.PrimaryKeyConstraint("day", "stream", "sending", "domain", name="pk_sent_count"),
    )
    _index("sent_count_of_sending", "sent_count", "sending", "stream", where="sending <> ''")


def _course() -> None:
    op.create_table(
        "state_change",
        *_columns(number=_NUMBER, recipient_key=_TEXT, stream=_TEXT, at=_TIME, state=_TEXT, grounds=_MAYBE_TEXT,
                  by=_TEXT, reason=_MAYBE_TEXT, until=_MAYBE_TIME),
        sa.PrimaryKeyConstraint("number", name="pk_state_change"),
    )
    _index("state_change_of_recipient", "state_change", "recipient_key", "stream", "number")
    _index("state_change_by_state", "state_change", "state", "at", "number", "stream", "reason", "recipient_key")
    op.create_table(
        "action",
        *_columns(number=_NUMBER, at=_TIME, actor=_TEXT, action=_TEXT, subject=_TEXT, count=_BIG, because=_MAYBE_TEXT),
        sa.PrimaryKeyConstraint("number", name="pk_action"),
    )
    _index("action_on_subject", "action", "subject", "number")
    op.create_table(
        "protected",
        *_columns(key=_TEXT, name=_TEXT, at=_TIME, actor=_TEXT, because=_TEXT),
        sa.PrimaryKeyConstraint("key", name="pk_protected"),
    )
    op.create_table(
        "keyring",
        *_columns(name=_TEXT, key=_BYTES),
        sa.PrimaryKeyConstraint("name", name="pk_keyring"),
    )
    op.create_table(
        "web_session",
        *_columns(digest=_TEXT, id=_TEXT, role=_TEXT, opened_by=_TEXT, created_at=_TIME, seen_at=_TIME,
                  expires_at=_TIME, peer=_TEXT, agent=_TEXT),
        sa.PrimaryKeyConstraint("digest", name="pk_web_session"),
        sa.UniqueConstraint("id", name="uq_web_session_id"),
    )
    op.create_table(
        "unfiled",
        *_columns(source=_TEXT, uidvalidity=_BIG, uid=_BIG, destination=_TEXT, copied=_BOOL,
                  begun_uidvalidity=_MAYBE_BIG, begun_uidnext=_MAYBE_BIG),
        sa.PrimaryKeyConstraint("source", "uidvalidity", "uid", name="pk_unfiled"),
    )
    op.create_table(
        "erasure",
        *_columns(name=_TEXT, done=_BOOL),
        sa.PrimaryKeyConstraint("name", name="pk_erasure"),
    )
    _index("erasure_under_way", "erasure", "name", where="NOT done")


def _alerts() -> None:
    op.create_table(
        "guard_count",
        *_columns(series=_TEXT, slot=_BIG, number=_BIG),
        sa.PrimaryKeyConstraint("series", "slot", name="pk_guard_count"),
    )
    op.create_table(
        "alert",
        *_columns(series=_TEXT, id=_TEXT, kind=_TEXT, subject_kind=_TEXT, subject=_TEXT, subject_reason=_MAYBE_TEXT,
                  subject_ip=_MAYBE_TEXT, subject_rule=_MAYBE_TEXT, since=_TIME, raised_at=_TIME, ends_at=_MAYBE_TIME,
                  cleared=_BOOL, most=_BIG, alarm_from=_BIG, usual=_FLOAT, grounds=_TEXT, quote=_MAYBE_TEXT, held=_BIG,
                  released=_BIG, confirmed=_BIG),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    _index("alert_by_series", "alert", "series", "since")
    _index("alert_by_time", "alert", "since", "id")
    _index("alert_open", "alert", "ends_at", where="NOT cleared")
    op.create_table(
        "held",
        *_columns(recipient_key=_TEXT, stream=_TEXT, alert=_TEXT),
        sa.PrimaryKeyConstraint("recipient_key", "stream", "alert", name="pk_held"),
    )
    _index("held_by_alert", "held", "alert", "recipient_key", "stream")


def _columns(**types: _Type) -> list[sa.Column[Any]]:
    return [sa.Column(name, type_, nullable=nullable) for name, (type_, nullable) in types.items()]


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
