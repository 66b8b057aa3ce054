"""Requests that change the ledger, as in the shell, with the sender's name in the log of actions."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.model.address import MailAddress, parse_address
from bounce_watcher.model.ledger import Actor
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations.outbox import Discard, PauseTarget, ResumeTarget, Retry
from bounce_watcher.service.operations.recipients import Release, Suppress
from bounce_watcher.service.operations.reported import usual_stream
from bounce_watcher.web.api.v1 import answers
from bounce_watcher.web.api.v1.answers import json_answer
from bounce_watcher.web.api.v1.lists import LONGEST, context_of
from bounce_watcher.web.http.access import Viewer
from bounce_watcher.words.rows import suppression_row

router = APIRouter()

MOST_IDS = 10_000


def _mail_address(text: str) -> MailAddress:
    address = parse_address(text)
    if address is None:
        raise ValueError("is not an address: write one like user@example.org")
    return address


Because = Annotated[str, Field(min_length=1, max_length=LONGEST, pattern=r"\S", description="Reason; logged and sent")]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ToSuppress(_Asked):
    recipient: Annotated[str, Field(max_length=320), AfterValidator(_mail_address)]
    because: Because
    stream: Annotated[str | None, Field(min_length=1, max_length=LONGEST)] = None
    until: Annotated[datetime | None, Field(description="RFC 3339, with a zone; permanent if omitted")] = None


class ItemSelection(_Asked):
    """Items by their ids, or all of a target."""

    ids: Annotated[list[str], Field(max_length=MOST_IDS)] = []
    target: Annotated[str | None, Field(max_length=LONGEST)] = None

    @model_validator(mode="after")
    def _chooses(self) -> "ItemSelection":
        if not self.ids and self.target is None:
            raise ValueError("selects nothing: send ids or a target")
        return self


@router.post("/suppressions", status_code=201, response_model=answers.Suppression, tags=["suppressions"])
def suppress(request: Request, asked: ToSuppress) -> Response:
    """Suppresses a recipient by hand and tells the platform."""
    context, now = context_of(request), utcnow()
    stream = asked.stream or usual_stream(context.settings)
    if stream is None:
        raise HTTPException(422, "stream: is required, as there are several")
    if asked.until is not None and (asked.until.tzinfo is None or asked.until <= now):
        raise HTTPException(422, "until: must be in the future, with a zone: write it as 2027-01-01T00:00:00Z")
    operation = Suppress(*context.house, asked.recipient, stream, asked.until)
    found = operation.carry_out(_actor(request, asked.because))
    if found is None:
        raise HTTPException(409, "the recipient was released at the same time")
    return json_answer(suppression_row(found), 201)


@router.delete(
    "/suppressions", response_model=answers.Changed, tags=["suppressions"], responses={404: {"model": answers.Problem}}
)
def release(
    request: Request,
    recipient: Annotated[str, Query(min_length=1, max_length=LONGEST)],
    because: Annotated[str, Query(min_length=1, max_length=LONGEST, pattern=r"\S")],
    stream: Annotated[str | None, Query(min_length=1, max_length=LONGEST)] = None,
) -> Response:
    """Releases a recipient, in one stream or in all, and tells the platform. 404 where nothing is suppressed."""
    released = Release(*context_of(request).house, recipient, stream).carry_out(_actor(request, because))
    if not released:
        raise HTTPException(404, "this recipient is not suppressed" + (" in this stream" if stream else ""))
    return json_answer({"changed": released})


@router.post("/outbox/retry", response_model=answers.Retried, tags=["outbox"])
def retry(request: Request, asked: ItemSelection) -> Response:
    """Makes dead items due at once, but resumes no target that a person paused."""
    operation = Retry(*context_of(request).house, ids=asked.ids, target=asked.target)
    changed = operation.carry_out(_actor(request))
    return json_answer({"changed": changed, "paused": sorted(operation.paused())})


@router.post("/outbox/discard", response_model=answers.Changed, tags=["outbox"])
def discard(request: Request, asked: ItemSelection) -> Response:
    """Gives up on items that are due or dead."""
    operation = Discard(*context_of(request).house, ids=asked.ids, target=asked.target)
    return json_answer({"changed": operation.carry_out(_actor(request))})


class ToPause(_Asked):
    target: Annotated[str, Field(min_length=1, max_length=LONGEST)]
    because: Because


class ToResume(_Asked):
    target: Annotated[str, Field(min_length=1, max_length=LONGEST)]


@router.post(
    "/outbox/pause", response_model=answers.Changed, tags=["outbox"], responses={404: {"model": answers.Problem}}
)
def pause(request: Request, asked: ToPause) -> Response:
    """Sends nothing more to a target until it is resumed; changed: 0 where it is paused already. 404: no such target"""
    operation, by = PauseTarget(*context_of(request).house, asked.target), _actor(request, asked.because)
    if not operation.preview(by).is_configured:
        raise HTTPException(404, "no configured target has this name")
    return json_answer({"changed": int(operation.carry_out(by))})


@router.post("/outbox/resume", response_model=answers.Changed, tags=["outbox"])
def resume(request: Request, asked: ToResume) -> Response:
    """Sends again to a target that was paused; changed: 0 where it was not."""
    changed = ResumeTarget(*context_of(request).house, asked.target).carry_out(_actor(request))
    return json_answer({"changed": int(changed)})


def _actor(request: Request, note: str | None = None) -> Actor:
    viewer = request.scope["viewer"]
    assert isinstance(viewer, Viewer)
    return Actor(viewer.name, utcnow(), note)
