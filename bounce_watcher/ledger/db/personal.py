"""What each column of the ledger may hold about a person. A test compares it with the tables, so none is missing."""

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from functools import lru_cache

from sqlalchemy import JSON, ColumnElement, LargeBinary, Table, Text, and_, or_, true, type_coerce

from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.ledger.db.types import AsJson
from bounce_watcher.parsing.mention import Mention


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

COLUMNS: Mapping[str, Mapping[str, ForgetAction]] = {
    "message": {
        "digest": _NOTHING, "kind": _NOTHING, "source": _WORDS, "mailbox": _NOTHING, "packed": _MAIL,
        "review_group": _NOTHING,
    },
    "event": {
        "recipient_key": _KEY, "excluded_kind": _NOTHING, "exclusion": _DOCUMENT, "provider": _NOTHING,
        "type": _NOTHING, "review_group": _NOTHING,
        "id": _NOTHING, "message_digest": _NOTHING, "kind": _NOTHING, "recipient": _NAME, "stream": _NOTHING,
        "action": _NOTHING, "final_recipient": _ADDRESS, "bounce_type": _NOTHING, "reason": _NOTHING,
        "status": _NOTHING, "diagnostic": _WORDS, "remote_mta": _WORDS, "reporting_mta": _WORDS, "rule": _NOTHING,
        "recognizer": _NOTHING, "quote": _WORDS, "evidence": _NOTHING, "doubt": _DOCUMENT, "feedback_type": _WORDS,
        "sent_message_id": _WORDS, "sending": _WORDS, "mailbox": _NOTHING, "source": _WORDS, "formerly": _DOCUMENT,
        "client_ip": _NOTHING,
    },
    "recipient": {
        "recipient_key": _KEY, "stream": _NOTHING, "recipient": _NAME, "state": _NOTHING, "counts": _NOTHING,
        "grounds": _DOCUMENT, "expired_reason": _WORDS,
    },
    "suppression": {
        "recipient_key": _KEY, "stream": _NOTHING, "recipient": _NAME, "state": _NOTHING, "reason": _NOTHING,
        "grounds": _DOCUMENT, "source": _NOTHING, "bounce_type": _NOTHING, "status": _NOTHING, "diagnostic": _WORDS,
        "events": _NOTHING, "scope": _NOTHING,
    },
    "outbox": {
        "recipient_key": _KEY, "id": _NOTHING, "target": _NOTHING, "type": _NOTHING, "recipient": _NAME,
        "stream": _NOTHING, "body": _DOCUMENT, "state": _NOTHING, "last_answer": _WORDS, "lease": _NOTHING,
    },
    "attempt": {"disposition": _NOTHING, "answer": _WORDS},
    "try_count": {"target": _NOTHING, "disposition": _NOTHING},
    "endpoint": {
        "target": _NOTHING, "fingerprint": _NOTHING, "disabled_because": _WORDS, "paused_by": _WORDS,
        "paused_because": _WORDS,
    },
    "sent_message": {
        "message_id": _PART, "recipient_key": _KEY, "recipient": _NAME, "stream": _NOTHING, "sending": _WORDS,
    },
    "sent_count": {"stream": _NOTHING, "sending": _PART, "domain": _NOTHING},
    "report_count": {"scope": _NOTHING, "stream": _NOTHING, "subject": _PART, "type": _NOTHING, "reason": _NOTHING},
    "review_group": {
        "gid": _NOTHING, "kind": _NOTHING, "wording": _WORDS, "language": _NOTHING, "state": _NOTHING,
        "because": _WORDS,
    },
    "action": {"actor": _WORDS, "action": _NOTHING, "subject": _SUBJECT, "because": _WORDS},
    "protected": {"key": _KEY, "name": _NAME, "actor": _WORDS, "because": _WORDS},
    "state_change": {
        "recipient_key": _KEY, "stream": _NOTHING, "state": _NOTHING, "grounds": _DOCUMENT, "by": _NOTHING,
        "reason": _NOTHING,
    },
    "opt_out": {
        "id": _NOTHING, "message_digest": _NOTHING, "by": _NOTHING, "recipient_key": _KEY, "recipient": _NAME,
        "sender_key": _KEY, "sender": _NAME, "evidence": _NOTHING, "doubt": _DOCUMENT, "stream": _NOTHING,
        "sending": _WORDS, "mailbox": _NOTHING, "source": _WORDS, "review_group": _NOTHING, "done_by": _WORDS,
        "because": _WORDS,
    },
    "web_session": {
        "digest": _NOTHING, "id": _NOTHING, "role": _NOTHING, "opened_by": _WORDS, "peer": _NOTHING, "agent": _WORDS,
    },
    "unfiled": {"source": _NOTHING, "destination": _NOTHING},
    "keyring": {"name": _NOTHING, "key": _NOTHING},
    "erasure": {"name": _NOTHING},
    "guard_count": {"series": _PART},
    "alert": {
        "series": _WORDS, "id": _NOTHING, "kind": _NOTHING, "subject_kind": _NOTHING, "subject": _WORDS,
        "subject_reason": _NOTHING, "subject_ip": _NOTHING, "subject_rule": _NOTHING, "grounds": _DOCUMENT,
        "quote": _WORDS,
    },
    "held": {"recipient_key": _KEY, "stream": _NOTHING, "alert": _NOTHING},
}

STRUCK = (ForgetAction.WORDS, ForgetAction.DOCUMENT, ForgetAction.ADDRESS, ForgetAction.PART)
"""The actions of columns that are searched for an address, besides raw mail."""


def may_hold(table: Table) -> set[str]:
    """Returns the columns of a table that are wide enough for an address."""
    return {column.name for column in table.columns if isinstance(column.type, (Text, JSON, LargeBinary, AsJson))}


def columns_that(table: Table, *hold: ForgetAction) -> list[str]:
    return [name for name, holds in COLUMNS[table.name].items() if holds in hold]


def tables() -> Iterable[Table]:
    """Returns the tables with texts to search."""
    return [table for table in METADATA.sorted_tables if columns_that(table, *STRUCK)]


def may_name(table: Table, mention: Mention) -> ColumnElement[bool]:
    """Returns the condition for rows that may name an address in one of the `STRUCK` columns. It matches all rows that
    do, and some that don't."""
    return or_(*(
        or_(
            and_(true(), *(text.icontains(hint, autoescape=True) for hint in mention.hints)),
            text.contains("&#", autoescape=True),
            text.contains("\\", autoescape=True),
        )
        for text in (type_coerce(table.c[name], Text) for name in columns_that(table, *STRUCK))
    ))


@lru_cache(maxsize=256)
def mention_of(address: str) -> Mention:
    return Mention.of(address)
