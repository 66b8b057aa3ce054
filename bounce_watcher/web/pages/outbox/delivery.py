"""One delivery: its state, each try, the request; retried at once, or discarded after a preview.

Also what all pages of the outbox share: texts for a delivery, its error, a pause, and what a person has done.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import datetime

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.model.ledger import OutboxItem, OutboxState
from bounce_watcher.outbox.opening import call_among, rehearse_among
from bounce_watcher.service.operations.outbox import Discard, Retry
from bounce_watcher.web.pages.shared.forms import LONGEST_REASON, OfferedChange, Preview, because, changing
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import UNTIL_RESUMED, age, counted, harmless, moment, name, paused_target, when

LONGEST_REQUEST, LONGEST_COMMAND = 20_000, 100_000
"""The most characters shown of a request, and of a command: Linux takes 128 KiB in one word."""
LONGEST_ANSWER, LONGEST_ERROR = 2000, 160
STAYS = ("The address keeps its state; the target keeps its last known state.",)
FOR_GOOD = "This can't be reversed."
_NUMBERS = re.compile(r"(?<![\w.])(?:[0-9a-f]*\d[0-9a-f-]{7,}|\d{4,})(?!\w)", re.IGNORECASE)
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


# ── a delivery ──────────────────────────────────────────────────────────────────────────────────────────────────────

def told(item: OutboxItem) -> str:
    about = f" on {harmless(item.recipient, 320)}" if item.recipient else ""
    answer = f": {harmless(item.last_answer, 120)}" if item.last_answer else ""
    return f"{item.type.value}{about} of {moment(item.created_at)}{answer}"


def error_of(answer: str | None) -> str:
    """Returns the answer without what differs from one delivery to the next."""
    text = " ".join(harmless(answer or "", LONGEST_ANSWER).split())
    return _NUMBERS.sub("#", without_addresses(text))[:LONGEST_ERROR] or "no stored answer"


def without_addresses(text: str) -> str:
    return _ADDRESS.sub("<address>", text)


def paused_since(pause: Pause, now: datetime) -> str:
    by = f"by {harmless(pause.by, 100)}: {harmless(pause.because, LONGEST_REASON)}"
    return f"Since {when(pause.at, now)} ({age(now - pause.at)}) {by}"


# ── what a person has done ──────────────────────────────────────────────────────────────────────────────────────────

_CHANGED: Mapping[str, tuple[str, str]] = {
    "retry": ("delivery is due again", "deliveries are due again"),
    "discard": ("delivery is discarded", "deliveries are discarded"),
}
_SWITCHED = {"pause": f"is paused: {UNTIL_RESUMED}", "resume": "is resumed: waiting deliveries are sent."}
DONE = frozenset({*_CHANGED, *_SWITCHED, "test"})
"""Actions that `outcome` describes."""


def outcome(done: LoggedAction, paused: Iterable[str], *, of_target: bool = False) -> tuple[str, str]:
    """Returns the class and the text of a notice. `paused` are the affected targets that are paused.

    `of_target` is set if the subject of the action is the name of a target.
    """
    if done.action == "test":
        colour, verb = ("is-ok", "accepted") if done.count else ("is-bad", "did not accept")
        return colour, f"{name(done.subject)} {verb} the test of {moment(done.at)}: {harmless(done.because)}"
    if done.action in _SWITCHED:
        return "is-ok", f"{name(done.subject)} {_SWITCHED[done.action]}"
    changed = counted(done.count, *_CHANGED[done.action])
    if done.action == "retry" and not done.count and of_target:
        changed = f"No dead letters to retry; {name(done.subject)} is enabled"
    if done.action == "discard":
        return "is-ok", f"{changed}."
    waits = " ".join(map(paused_target, paused))
    if waits or not done.count:
        return "is-ok", f"{changed}. {waits}".rstrip()
    return "is-ok", f"{changed}, sent with the next run."


# ── its page ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _item(request: PageRequest) -> OutboxItem:
    """Returns the delivery in the path. Raises HTTPException 404 if there is none."""
    item = next(request.context.ledger.lists.outbox(OutboxFilter(id=request.path["id"])), None)
    if item is None:
        raise HTTPException(404, "No such delivery: the link is invalid or from another database.")
    return item


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
        tries=ledger.outbox.deliveries.tries(item.id),
        heading=_REQUEST.get(item.state, "Request if retried"),
        can_retry=item.state in Retry.states and item.body != "{}", can_discard=item.state in Discard.states,
        retry_word="Send again" if item.state is OutboxState.DELIVERED else "Retry now",
        told=outcome(done[0], [item.target] if paused else []) if done and request.query.get("done") else None,
        what_was_done={"retry": "Sent again", "discard": "Discarded"},
    )


def _as_curl(request: PageRequest, item: OutboxItem) -> str | None:
    """Returns the request as a curl command; None if there is none or it is too long: a cut command is useless."""
    call = call_among(request.context.settings.receivers, item, request.now)
    words = call.curl() if call else None
    if not words or len(shlex.join(words)) > LONGEST_COMMAND:
        return None
    return formatting.command(*words, longest=LONGEST_COMMAND)


_REQUEST = {OutboxState.DELIVERED: "Sent request", OutboxState.DUE: "Next request"}


def _sentence(item: OutboxItem, paused: Pause | None, now: datetime) -> str:
    target, tries = name(item.target), counted(item.attempts, "try", "tries")
    if item.state is OutboxState.DUE and paused is not None:
        return f"Waits: {target} is paused. {paused_since(paused, now)}."
    if item.state is OutboxState.DUE:
        if item.attempts:
            return f"{target} has not accepted it after {tries}; next try at {when(item.next_attempt_at, now)}."
        if item.next_attempt_at > now:
            return f"Waits until {when(item.next_attempt_at, now)} to be sent to {target}."
        return f"Waits to be sent to {target}, after earlier deliveries."
    after = f", after {tries}" if item.attempts else ""
    return {
        OutboxState.DELIVERED: f"{target} accepted it" + (f"{after}." if item.attempts > 1 else " at the first try."),
        OutboxState.DEAD: f"Dead letter after {tries}: {target} did not receive it. No further tries unless you retry "
                          "it.",
        OutboxState.SUPERSEDED: f"Superseded by a newer state of the address for {target}; never sent.",
        OutboxState.DISCARDED: f"Discarded by a person{after}: never sent to {target}.",
    }[item.state]


def retry(request: PageRequest) -> Response:
    item = _item(request)
    if item.state not in Retry.states:
        raise HTTPException(409, "It is discarded or superseded, so it can't be sent: nothing was changed.")
    by = request.actor(because(request, required=False))
    if not Retry(*request.context.house, ids=[item.id], state=item.state).carry_out(by):
        raise HTTPException(409, "It can't be sent: a newer state exists, its content is erased, or it is "
                                 "being sent now.")
    return see(f"/outbox/{item.id}?done=retry")


def discard(request: PageRequest) -> OfferedChange:
    item = _item(request)
    if item.state not in Discard.states:
        raise HTTPException(409, "It is no longer waiting, so it can't be discarded.")
    operation = Discard(*request.context.house, items=[item])
    return OfferedChange(operation, Preview(
        f"Discard the delivery to {name(item.target)}", "Discard delivery", f"/outbox/{item.id}",
        (told(item),), operation.preview(request.actor(None)).seen, ("Nothing: it is never sent.",), STAYS, FOR_GOOD,
        is_danger=True,
    ), f"/outbox/{item.id}?done=discard")


ROUTES = (
    get("/outbox/{id}", delivery), post("/outbox/{id}/retry", retry), *changing("/outbox/{id}/discard", discard),
)
