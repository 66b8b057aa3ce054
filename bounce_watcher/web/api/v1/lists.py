"""The content of the ledger, a page at a time, by the same queries as the lists in the shell."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from bounce_watcher.ledger.lists import filters
from bounce_watcher.ledger.lists.filters import GroupBy, OutboxFilter
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import OutboxState, State
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.outbox.opening import rehearse_among
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations.recipients import protector
from bounce_watcher.web.api.v1 import answers
from bounce_watcher.web.api.v1.answers import json_answer
from bounce_watcher.web.context import WebContext
from bounce_watcher.words import rows

router = APIRouter()

MOST = 1000
USUAL = 100
MOST_EVENTS_OF_ONE = 1000
"""The most events of one recipient and stream that are listed: the latest."""

LONGEST = 500
_LONGEST_PLACE = 4096
_NO_PLACE = "after: must be a `next` value of an earlier answer, or omitted"

Text = Annotated[str | None, Field(max_length=LONGEST)]
Limit = Annotated[int, Field(ge=1, le=MOST, description="Rows of one answer")]
After = Annotated[str | None, Field(max_length=_LONGEST_PLACE, description="`next` of the answer before")]


def _written(value: object) -> object:
    """Refuses numbers, which would be read as seconds since 1970. Raises ValueError."""
    if isinstance(value, str) and value.lstrip("+-").replace(".", "").isdigit():
        raise ValueError("is not a time: write it as 2026-11-24T06:00:00Z")
    return value


Moment = Annotated[datetime | None, BeforeValidator(_written), Field(description="RFC 3339, with a zone")]


def context_of(request: Request) -> WebContext:
    context: WebContext = request.app.state.context
    return context


class EventQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    recipient: Text = None
    stream: Text = None
    kind: Kind | None = None
    bounce_type: BounceType | None = None
    reason: Reason | None = None
    since: Moment = None
    until: Moment = None
    newest_first: bool = False
    limit: Limit = USUAL
    after: After = None

    def filter(self) -> filters.EventFilter:
        place = None
        if self.after is not None:
            at, event_id = _place_values(self.after, 2)
            place = filters.EventPlace(_moment(at), event_id)
        return filters.EventFilter(
            self.recipient, self.stream, self.kind, self.bounce_type, self.reason, _aware("since", self.since),
            _aware("until", self.until), self.limit, self.newest_first, place,
        )


@router.get("/events", response_model=answers.Events, tags=["events"])
def events(request: Request, asked: Annotated[EventQuery, Query()]) -> Response:
    """Every recipient of every report, in the order of time."""
    found = context_of(request).ledger.lists.some_events(asked.filter())
    behind = found.following
    return _page("events", map(rows.event_row, found.rows), (behind.at.isoformat(), behind.id) if behind else None)


@router.get("/suppressions", response_model=answers.Suppressions, tags=["suppressions"])
def suppressions(
    request: Request, recipient: Text = None, stream: Text = None, state: State | None = None, reason: Text = None,
    limit: Limit = USUAL, after: After = None,
) -> Response:
    """Whom not to mail, in the order of addresses."""
    place = filters.SuppressionPlace(*_place_values(after, 2)) if after is not None else None
    wanted = filters.SuppressionFilter(recipient, stream, state, reason, limit, place)
    found = context_of(request).ledger.lists.some_suppressions(wanted)
    behind = found.following
    following = (behind.key, behind.stream) if behind else None
    return _page("suppressions", map(rows.suppression_row, found.rows), following)


@router.get("/recipients", response_model=answers.Recipients, tags=["recipients"])
def recipients(
    request: Request, recipient: Annotated[str, Query(min_length=1, max_length=LONGEST)], stream: Text = None
) -> Response:
    """All that is known of one address, stream by stream; an empty list where nothing is."""
    context = context_of(request)
    ledger = context.ledger
    it, opt_outs = protector(context.settings, ledger, recipient), ledger.review.opt_outs_of(recipient)
    known = rows.with_streams_of(ledger.lists.recipients(recipient), opt_outs, ledger.lists.known_as(recipient))
    told = [
        rows.recipient_row(
            record,
            reversed(list(ledger.lists.events(filters.EventFilter(
                recipient, record.stream, newest_first=True, limit=MOST_EVENTS_OF_ONE
            )))),
            ledger.history.course(recipient, record.stream),
            it.row if it else None, opt_outs,
        )
        for record in known if stream in (None, record.stream)
    ]
    return json_answer({"recipients": told})


@router.get("/outbox", response_model=answers.OutboxItems, tags=["outbox"])
def outbox(
    request: Request, state: OutboxState | None = None, target: Text = None, recipient: Text = None,
    since: Moment = None, limit: Limit = USUAL, after: After = None,
) -> Response:
    """What targets are told, in the order in which it was written."""
    behind = _place_values(after, 1)[0] if after is not None else None
    wanted = OutboxFilter(state, target, recipient, limit, _aware("since", since), after=behind)
    found = list(context_of(request).ledger.lists.outbox(wanted))
    return _page("outbox", map(rows.outbox_row, found), (found[-1].id,) if len(found) == limit else None)


@router.get(
    "/outbox/{item_id}", response_model=answers.OutboxItemDetail, tags=["outbox"],
    responses={404: {"model": answers.Problem}}
)
def delivery(request: Request, item_id: Annotated[str, Path(max_length=LONGEST)]) -> Response:
    """One item with its tries. 404 where there is none of that id."""
    context = context_of(request)
    item = next(context.ledger.lists.outbox(OutboxFilter(id=item_id)), None)
    if item is None:
        raise HTTPException(404, "no item has this id")
    sent, _ = rehearse_among(context.settings.receivers, item, utcnow())
    tries = [rows.tried_row(tried) for tried in context.ledger.outbox.deliveries.tries(item.id)]
    return json_answer({**rows.outbox_row(item), "request": sent, "tries": tries})


@router.get("/stats", response_model=answers.Stats, tags=["stats"])
def told_stats(
    request: Request, since: Moment = None, until: Moment = None, stream: Text = None,
    by: Annotated[list[GroupBy], Query(max_length=len(GroupBy), description="What to tell apart")] = [GroupBy.TYPE],  # noqa: B006
) -> Response:
    """How many reports arrived, by day, type, reason, provider, stream or sending; the last 30 days unless told."""
    end = _aware("until", until) or utcnow()
    begin = _aware("since", since) or end - timedelta(days=30)
    if begin > end:
        raise HTTPException(422, "since: is after until")
    found = context_of(request).ledger.figures.stats(begin, end, by, stream)
    return json_answer({
        "since": found.since, "until": found.until, "total": found.total, "sent": found.sent,
        "opt_outs": found.opt_outs, "rows": found.rows,
    })


def _page(name: str, found: Iterable[rows.Row], following: tuple[str, ...] | None) -> JSONResponse:
    return json_answer({name: list(found), "next": place_text(*following) if following else None})


def _aware(name: str, at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise HTTPException(422, f"{name}: has no zone: write it as 2026-11-24T06:00:00Z")
    return at


def place_text(*values: str) -> str:
    """Returns the position of the next page, as a text that means nothing to clients."""
    return urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


def _place_values(place: str, size: int) -> Sequence[str]:
    """Returns the values in a position. Raises HTTPException 422 if it is not one of ours."""
    try:
        values = json.loads(urlsafe_b64decode(place[:_LONGEST_PLACE] + "=" * (-len(place) % 4)))
    except ValueError:
        values = None
    if not isinstance(values, list) or len(values) != size or not all(isinstance(each, str) for each in values):
        raise HTTPException(422, _NO_PLACE)
    return values


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise HTTPException(422, _NO_PLACE)
    return at
