"""The ledger: messages, events, recipients, suppressions, outbox, endpoints."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


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
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("mailbox", sa.Text()),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("packed", sa.LargeBinary()),
        sa.Column("packed_size", sa.Integer()),
        sa.Column("review_group", sa.Text()),
        sa.PrimaryKeyConstraint("digest", name="pk_message"),
    )
    _index("message_kept", "message", "received_at", where="packed IS NOT NULL")
    _index("message_packed", "message", "packed_size", where="packed_size IS NOT NULL")
    _index("message_by_group", "message", "review_group", "received_at", "digest", where="review_group IS NOT NULL")
    op.create_table(
        "event",
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("excluded_kind", sa.Text()),
        sa.Column("exclusion", sa.Text()),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("type", sa.Text()),
        sa.Column("review_group", sa.Text()),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("message_digest", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("action", sa.Text()),
        sa.Column("final_recipient", sa.Text()),
        sa.Column("bounce_type", sa.Text()),
        sa.Column("reason", sa.Text()),
        sa.Column("status", sa.Text()),
        sa.Column("code", sa.Integer()),
        sa.Column("diagnostic", sa.Text()),
        sa.Column("remote_mta", sa.Text()),
        sa.Column("reporting_mta", sa.Text()),
        sa.Column("rule", sa.Text()),
        sa.Column("recognizer", sa.Text()),
        sa.Column("quote", sa.Text()),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("doubt", sa.Text()),
        sa.Column("feedback_type", sa.Text()),
        sa.Column("sent_message_id", sa.Text()),
        sa.Column("sending", sa.Text()),
        sa.Column("mailbox", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("formerly", sa.Text()),
        sa.Column("client_ip", sa.Text()),
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
        sa.Column("gid", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("wording", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("mails", sa.BigInteger(), nullable=False),
        sa.Column("recipients", sa.BigInteger(), nullable=False),
        sa.Column("first_at", _TIME, nullable=False),
        sa.Column("last_at", _TIME, nullable=False),
        sa.Column("a_day", sa.Integer()),
        sa.Column("because", sa.Text()),
        sa.Column("decided_at", _TIME),
        sa.PrimaryKeyConstraint("gid", name="pk_review_group"),
    )
    _index("review_group_by_reach", "review_group", "rank", "recipients", "last_at", "gid")
    _index("review_group_open", "review_group", "gid", where="state IN ('new', 'back')")
    _opt_outs()
    op.create_table(
        "report_count",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "slot", "stream", "subject", "type", "reason", name="pk_report_count"),
    )
    _index("report_count_of_subject", "report_count", "scope", "subject", "slot")


def _opt_outs() -> None:
    op.create_table(
        "opt_out",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("message_digest", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("recipient_key", sa.Text()),
        sa.Column("recipient", sa.Text()),
        sa.Column("sender_key", sa.Text()),
        sa.Column("sender", sa.Text()),
        sa.Column("evidence", sa.Text()),
        sa.Column("doubt", sa.Text()),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sending", sa.Text()),
        sa.Column("mailbox", sa.Text()),
        sa.Column("source", sa.Text()),
        sa.Column("review_group", sa.Text()),
        sa.Column("done_at", _TIME),
        sa.Column("done_by", sa.Text()),
        sa.Column("because", sa.Text()),
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
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("grounds", sa.Text()),
        sa.Column("first_event_at", _TIME),
        sa.Column("last_event_at", _TIME),
        sa.Column("released_at", _TIME),
        sa.Column("expiry_level", sa.Integer(), nullable=False),
        sa.Column("expired_reason", sa.Text()),
        sa.Column("delivered_at", _TIME),
        sa.Column("delivered_since", _TIME),
        sa.Column("answered_until", _TIME),
        sa.Column("history_from", _TIME),
        sa.PrimaryKeyConstraint("recipient_key", "stream", name="pk_recipient"),
    )
    op.create_table(
        "suppression",
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("bounce_type", sa.Text()),
        sa.Column("until", _TIME),
        sa.Column("status", sa.Text()),
        sa.Column("diagnostic", sa.Text()),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_key", "stream", name="pk_suppression"),
    )
    _index("suppression_end", "suppression", "until", where="until IS NOT NULL")
    _index("suppression_in_force", "suppression", "since", "recipient_key", "stream", where="state = 'suppressed'")
    _index("suppression_pending", "suppression", "since", where="state = 'pending'")


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("recipient_key", sa.Text()),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text()),
        sa.Column("stream", sa.Text()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("next_attempt_at", _TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_answer", sa.Text()),
        sa.Column("lease", sa.Text()),
        sa.Column("leased_until", _TIME),
        sa.Column("tried", sa.Integer()),
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
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("disabled_at", _TIME),
        sa.Column("disabled_because", sa.Text()),
        sa.Column("paused_at", _TIME),
        sa.Column("paused_by", sa.Text()),
        sa.Column("paused_because", sa.Text()),
        sa.PrimaryKeyConstraint("target", name="pk_endpoint"),
    )
    op.create_table(
        "attempt",
        sa.Column("delivery", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("took", sa.BigInteger()),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("next_at", _TIME),
        sa.PrimaryKeyConstraint("delivery", "number", name="pk_attempt"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "try_count",
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("slot", "target", "disposition", "step", name="pk_try_count"),
    )


def _sent() -> None:
    op.create_table(
        "sent_message",
        sa.Column("message_id", sa.Text(), nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("recipient", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sending", sa.Text()),
        sa.Column("at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "recipient_key", name="pk_sent_message"),
    )
    _index("sent_message_by_time", "sent_message", "at")
    op.create_table(
        "sent_count",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("sending", sa.Text(), nullable=False),
        sa.Column("domain", sa.Text(), nullable=False),
        sa.Column("counted", sa.BigInteger(), nullable=False),
        sa.Column("told", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "stream", "sending", "domain", name="pk_sent_count"),
    )
    _index("sent_count_of_sending", "sent_count", "sending", "stream", where="sending <> ''")


def _course() -> None:
    op.create_table(
        "state_change",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("grounds", sa.Text()),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("until", _TIME),
        sa.PrimaryKeyConstraint("number", name="pk_state_change"),
    )
    _index("state_change_of_recipient", "state_change", "recipient_key", "stream", "number")
    _index("state_change_by_state", "state_change", "state", "at", "number", "stream", "reason", "recipient_key")
    op.create_table(
        "action",
        sa.Column("number", _NUMBER, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("because", sa.Text()),
        sa.PrimaryKeyConstraint("number", name="pk_action"),
    )
    _index("action_on_subject", "action", "subject", "number")
    op.create_table(
        "protected",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_protected"),
    )
    op.create_table(
        "keyring",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_keyring"),
    )
    op.create_table(
        "web_session",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("opened_by", sa.Text(), nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("peer", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_web_session"),
        sa.UniqueConstraint("id", name="uq_web_session_id"),
    )
    op.create_table(
        "unfiled",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("uidvalidity", sa.BigInteger(), nullable=False),
        sa.Column("uid", sa.BigInteger(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("copied", sa.Boolean(), nullable=False),
        sa.Column("begun_uidvalidity", sa.BigInteger()),
        sa.Column("begun_uidnext", sa.BigInteger()),
        sa.PrimaryKeyConstraint("source", "uidvalidity", "uid", name="pk_unfiled"),
    )
    op.create_table(
        "erasure",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_erasure"),
    )
    _index("erasure_under_way", "erasure", "name", where="NOT done")


def _alerts() -> None:
    op.create_table(
        "guard_count",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("slot", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("series", "slot", name="pk_guard_count"),
    )
    op.create_table(
        "alert",
        sa.Column("series", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject_kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_reason", sa.Text()),
        sa.Column("subject_ip", sa.Text()),
        sa.Column("subject_rule", sa.Text()),
        sa.Column("since", _TIME, nullable=False),
        sa.Column("raised_at", _TIME, nullable=False),
        sa.Column("ends_at", _TIME),
        sa.Column("cleared", sa.Boolean(), nullable=False),
        sa.Column("most", sa.BigInteger(), nullable=False),
        sa.Column("alarm_from", sa.BigInteger(), nullable=False),
        sa.Column("usual", sa.Float(), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("quote", sa.Text()),
        sa.Column("held", sa.BigInteger(), nullable=False),
        sa.Column("released", sa.BigInteger(), nullable=False),
        sa.Column("confirmed", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert"),
    )
    _index("alert_by_series", "alert", "series", "since")
    _index("alert_by_time", "alert", "since", "id")
    _index("alert_open", "alert", "ends_at", where="NOT cleared")
    op.create_table(
        "held",
        sa.Column("recipient_key", sa.Text(), nullable=False),
        sa.Column("stream", sa.Text(), nullable=False),
        sa.Column("alert", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("recipient_key", "stream", "alert", name="pk_held"),
    )
    _index("held_by_alert", "held", "alert", "recipient_key", "stream")


def _index(name: str, table: str, *columns: str, where: str | None = None) -> None:
    condition = sa.text(where) if where else None
    op.create_index(name, table, list(columns), sqlite_where=condition, postgresql_where=condition)
