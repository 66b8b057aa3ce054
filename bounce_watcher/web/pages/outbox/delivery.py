"""One delivery: its state, each try, the request; retried at once, or dismissed after a preview."""

import shlex
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.model.ledger import OutboxItem, OutboxState
from bounce_watcher.outbox.rehearsal import call_among, rehearse_among
from bounce_watcher.service.operations.outbox import Discard, Retry
from bounce_watcher.web.pages.outbox.deliveries import (
    FOR_GOOD,
    LONGEST_ANSWER,
    STAYS,
    outcome,
    paused_since,
    told,
)
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import counted, harmless, name, when

LONGEST_REQUEST, LONGEST_COMMAND = 20_000, 100_000
"""The most characters shown of a request, and of a command: Linux takes 128 KiB in one word."""


def _item(request: PageRequest) -> OutboxItem:
    """Returns the delivery in the path. Raises HTTPException 404 if there is none."""
    item = next(request.context.ledger.lists.outbox(OutboxFilter(id=request.path["id"])), None)
    if item is None:
        raise HTTPException(404, "No such delivery: the link is invalid or from another database.")
    return item


# ── its state ───────────────────────────────────────────────────────────────────────────────────────────────────────

def delivery(request: PageRequest) -> Response:
    item, ledger = _item(request), request.context.ledger
    sent, why_not = rehearse_among(request.context.settings.receivers, item, request.now)
    done, paused = ledger.log.on(item.id), ledger.outbox.paused().get(item.target)
    return request.page(
        "delivery.html", f"Delivery to {name(item.target)}", item=item, state=formatting.DELIVERIES[item.state],
        sentence=_sentence(item, paused, request.now), rid=request.rid_of(item.recipient or ""),
        why_not=harmless(why_not[:1].upper() + why_not[1:]),
        request=harmless(sent, LONGEST_REQUEST) if sent else None, curl=_as_curl(request, item), actions=done,
        replaced_by=ledger.outbox.deliveries.replaced_by(item), answer_longest=LONGEST_ANSWER,
        tries=ledger.outbox.deliveries.tries(item.id), heading=_request_heading(item),
        can_retry=item.state in Retry.states and item.body != "{}", can_dismiss=item.state in Discard.states,
        retry_word="Send again" if item.state is OutboxState.DELIVERED else "Retry now",
        told=outcome(done[0], [item.target] if paused else []) if done and request.query.get("done") else None,
        what_was_done={"retry": "Sent again", "discard": "Dismissed"},
    )


def _as_curl(request: PageRequest, item: OutboxItem) -> str | None:
    """Returns the request as a curl command; None if there is none or it is too long: a cut command is useless."""
    call = call_among(request.context.settings.receivers, item, request.now)
    words = call.curl() if call else None
    if not words or len(shlex.join(words)) > LONGEST_COMMAND:
        return None
    return formatting.command(*words, longest=LONGEST_COMMAND)


def _request_heading(item: OutboxItem) -> str:
    if item.state is OutboxState.DELIVERED:
        return "Sent request"
    return "Next request" if item.state is OutboxState.DUE else "Request if retried"


def _sentence(item: OutboxItem, paused: Pause | None, now: datetime) -> str:
    target, tries = name(item.target), counted(item.attempts, "try", "tries")
    if item.state is OutboxState.DUE and paused is not None:
        return f"Waits: {target} is paused. {paused_since(paused, now)}."
    if item.state is OutboxState.DUE:
        return _waits(item, target, tries, now)
    after = f", after {tries}" if item.attempts else ""
    return {
        OutboxState.DELIVERED: f"{target} accepted it" + (f"{after}." if item.attempts > 1 else " at the first try."),
        OutboxState.DEAD: f"Dead letter after {tries}: {target} did not receive it. No further tries unless you retry "
                          "it.",
        OutboxState.SUPERSEDED: f"Superseded by a newer state of the address for {target}; never sent.",
        OutboxState.DISCARDED: f"Dismissed by a person{after}: never sent to {target}.",
    }[item.state]


def _waits(item: OutboxItem, target: str, tries: str, now: datetime) -> str:
    if item.attempts:
        return f"{target} has not accepted it after {tries}; next try at {when(item.next_attempt_at, now)}."
    if item.next_attempt_at > now:
        return f"Waits until {when(item.next_attempt_at, now)} to be sent to {target}."
    return f"Waits to be sent to {target}, after earlier deliveries."


# ── what may be done ────────────────────────────────────────────────────────────────────────────────────────────────

def retry(request: PageRequest) -> Response:
    item = _item(request)
    if item.state not in Retry.states:
        raise HTTPException(409, "It is dismissed or superseded, so it can't be sent: nothing was changed.")
    by = request.actor(because(request, required=False))
    if not Retry(*request.context.house, ids=[item.id], state=item.state).carry_out(by):
        raise HTTPException(409, "It can't be sent: a newer state exists, its content is erased, or it is "
                                 "being sent now.")
    return see(f"/outbox/{item.id}?done=retry")


def dismiss_preview(request: PageRequest) -> Response:
    item, operation = _to_dismiss(request)
    return show(request, Preview(
        f"Dismiss the delivery to {name(item.target)}", "Dismiss delivery", f"/outbox/{item.id}",
        (told(item),), operation.preview(request.actor(None)).seen, ("Nothing: it is never sent.",), STAYS, FOR_GOOD,
        is_danger=True,
    ))


def dismiss(request: PageRequest) -> Response:
    item, operation = _to_dismiss(request)
    by = request.actor(because(request, required=False))
    demand_seen(request, operation.preview(by).seen)
    operation.carry_out(by)
    return see(f"/outbox/{item.id}?done=discard")


def _to_dismiss(request: PageRequest) -> tuple[OutboxItem, Discard]:
    item = _item(request)
    if item.state not in Discard.states:
        raise HTTPException(409, "It is no longer waiting, so it can't be dismissed.")
    return item, Discard(*request.context.house, items=[item])


ROUTES = (
    get("/outbox/{id}", delivery), post("/outbox/{id}/retry", retry),
    get("/outbox/{id}/dismiss", dismiss_preview), post("/outbox/{id}/dismiss", dismiss),
)
