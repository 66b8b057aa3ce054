"""The answers of the API, as its description shows them. The rows are those of `--json` in the shell."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import ChangedBy, Disposition, NoticeType, OutboxState, Scope, State, SuppressionSource
from bounce_watcher.model.optout import AskedBy
from bounce_watcher.model.verdict import BounceType, Confidence, Reason

Grounds = Annotated[dict[str, Any] | None, Field(description="why, as data: see grounds.schema.json of the package")]


class _JsonAnswer(JSONResponse):
    def render(self, content: Any) -> bytes:
        return json.dumps(content, default=_value, separators=(",", ":")).encode()  # ASCII: lone surrogates stay so


def json_answer(content: Any, status: int = 200) -> JSONResponse:
    """Returns JSON as the shell writes it: times in UTC with Z, any other value that JSON lacks as its text."""
    return _JsonAnswer(content, status)


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return str(value)


class ApiObject(BaseModel):
    model_config = ConfigDict(extra="allow")


class Problem(BaseModel):
    """What was wrong, in one line."""

    error: str


class Event(ApiObject):
    """One recipient of one report."""

    id: str
    at: datetime
    kind: Kind
    recipient: str
    final_recipient: str | None
    forwarded: Annotated[bool, Field(description="the mail for `recipient` went on to `final_recipient`, which failed")]
    stream: str
    action: Action | None
    bounce_type: BounceType | None
    reason: Reason | None
    status: str | None
    code: int | None
    diagnostic: str | None
    remote_mta: str | None
    reporting_mta: str | None
    rule: str | None
    confidence: Confidence | None
    recognizer: str | None
    quote: str | None
    evidence: Evidence
    doubt: str | None
    counted: Annotated[Literal[True] | str, Field(description="true, or the reason why it does not count")]
    grounds: Grounds
    feedback_type: str | None
    sent_message_id: str | None
    sending: str | None
    mailbox: str | None
    source: str | None
    formerly: str | None
    client_ip: Annotated[str | None, Field(description="the host that delivered the report to your mail server")]


class Suppression(ApiObject):
    recipient: str
    stream: str
    state: State
    bounce_type: BounceType | None
    reason: str | None
    since: datetime
    until: datetime | None
    because: str
    grounds: Grounds
    source: SuppressionSource
    scope: Scope
    status: str | None
    diagnostic: str | None
    events: list[str]


class StateStep(ApiObject):
    at: datetime
    state: State
    by: ChangedBy
    because: str | None
    grounds: Grounds
    reason: str | None
    until: datetime | None


class Protector(ApiObject):
    """Who keeps the rules off a recipient: `name` is the address or "@" and its domain, `by` a person or the
    configuration, which tells no time and no reason."""

    name: str
    by: str
    at: datetime | None
    because: str | None


class OptOut(ApiObject):
    """Somebody asked for no more mail: nobody is suppressed by it. It waits for a person until `done_at`."""

    id: str
    at: datetime
    by: AskedBy
    recipient: Annotated[str | None, Field(description="The recipient, if the return path or the report names it")]
    evidence: Annotated[Evidence | None, Field(description="How far `recipient` is proven")]
    doubt: str | None
    sender: Annotated[str | None, Field(description="The address in From, which proves nothing")]
    stream: str
    sending: str | None
    mailbox: str | None
    message: str
    done_at: datetime | None
    done_by: str | None
    because: str | None


class Recipient(ApiObject):
    """One stream of a recipient."""

    recipient: str
    stream: str
    state: State
    counts: dict[str, int]
    because: str | None
    grounds: Grounds
    history: list[Event]
    course: list[StateStep]
    suppression: Suppression | None
    protected: Protector | None
    opt_outs: list[OptOut]


class OutboxItem(ApiObject):
    id: str
    target: str
    type: NoticeType
    recipient: str | None
    stream: str | None
    sequence: int
    state: OutboxState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime
    last_answer: str | None


class Tried(ApiObject):
    number: int
    at: datetime
    took_ms: int | None
    disposition: Disposition
    answer: str
    next_at: datetime | None


class OutboxItemDetail(OutboxItem):
    """An item with its last tries, the last one first, and what a try would send now."""

    request: Annotated[str | None, Field(description="Secrets and signatures masked; null if nothing will be sent")]
    tries: list[Tried]


_Next = Annotated[str | None, Field(description=(
    "Ask again with this as `after`; null where nothing follows. An answer with fewer rows than `limit`, even none, "
    "is not the last: what is seldom is looked for as long as a caller likes to wait"
))]


class Events(BaseModel):
    events: list[Event]
    next: _Next


class Suppressions(BaseModel):
    suppressions: list[Suppression]
    next: _Next


class Recipients(BaseModel):
    recipients: list[Recipient]


class OutboxItems(BaseModel):
    outbox: list[OutboxItem]
    next: _Next


class Changed(BaseModel):
    """How many rows were changed."""

    changed: int


class Retried(Changed):
    paused: Annotated[list[str], Field(description=(
        "Paused targets among them: these get nothing until resumed"
    ))]


class Stats(BaseModel):
    """Reports that arrived, `since` <= time < `until`, in whole days of UTC; `sent` where the platform reported it."""

    since: datetime
    until: datetime
    total: int
    sent: Annotated[int | None, Field(description="Mails that the platform reported as sent; null: none reported")]
    opt_outs: Annotated[int, Field(description="Opt-outs, which are not reports")]
    rows: list[dict[str, str | int]]
