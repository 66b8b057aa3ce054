"""The outbox: the state of each target, what was not accepted and why, all deliveries; test and pause of a target."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db.query import MOST_COUNTED, Choice, FilterField
from bounce_watcher.ledger.lists.incidents import is_asked_for
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.outbox.listing import Failure, Failures
from bounce_watcher.ledger.outbox.queue import Pause
from bounce_watcher.ledger.outbox.tries import Throughput
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import Disposition, NoticeType, OutboxItem, OutboxState
from bounce_watcher.outbox.opening import Receiver
from bounce_watcher.service.operations.outbox import (
    Discard,
    PauseTarget,
    ResumeTarget,
    Retry,
    TargetOperation,
    TargetOutline,
    tried,
)
from bounce_watcher.service.setup.doctor import explained
from bounce_watcher.web.pages.outbox.delivery import DONE, error_of, outcome, paused_since
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import LONGEST_REASON, OfferedChange, Preview, changing
from bounce_watcher.web.pages.shared.listing import Download, Filter, Filters, one_of
from bounce_watcher.web.request import PageRequest, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words.faults import describe
from bounce_watcher.words.formatting import age, counted, harmless, name, number, when
from bounce_watcher.words.rows import outbox_row

MOST_GROUPS = 50
_STATES = {each.value: formatting.DELIVERIES[each][0] for each in OutboxState}
_ORDER = ("is-bad", "is-warn", "is-hold", "is-info", "is-ok", "")

FILTERS = (
    one_of(FilterField.STATE, "State", _STATES),
    Filter(FilterField.TARGET, "Target", name),
    one_of(FilterField.TYPE, "Type", {each.value: each.value for each in NoticeType}),
    Filter(FilterField.STREAM, "Stream", name),
)

DOWNLOAD: Download[OutboxItem] = Download("outbox", {
    "Id": lambda item: item.id, "Written": lambda item: item.created_at, "Type": lambda item: item.type.value,
    "Address": lambda item: item.recipient, "Stream": lambda item: item.stream, "Target": lambda item: item.target,
    "State": lambda item: formatting.DELIVERIES[item.state][0], "Tries": lambda item: item.attempts,
    "Last answer": lambda item: item.last_answer,
    "Next try": lambda item: item.next_attempt_at if item.state is OutboxState.DUE else None,
}, lambda item: {**outbox_row(item), "type": "delivery", "event": item.type.value})


# ── the state of the targets ────────────────────────────────────────────────────────────────────────────────────────

def _lines(request: PageRequest) -> list[dict[str, Any]]:
    """Returns the targets, those in trouble first: `state` is the word and class of a badge, `since` when and why."""
    ledger, now = request.context.ledger, request.now
    receivers = {each.name: each for each in request.context.settings.receivers}
    paused, disabled = ledger.outbox.paused(), ledger.outbox.deliveries.disabled()
    queues, throughput = ledger.figures.queues(), ledger.outbox.deliveries.throughput(now)
    lines = []
    for target in receivers.keys() | {each for each, queue in queues.items() if queue.due or queue.dead}:
        queue, receiver = queues.get(target, Queue()), receivers.get(target)
        state, since = _state(request, receiver, queue, paused.get(target), disabled.get(target))
        lines.append({
            "name": target, "kind": receiver.about.kind.capitalize() if receiver else "–", "state": state,
            "since": since, "queue": queue, "throughput": throughput.get(target, Throughput()),
            "oldest": age(now - queue.oldest_at) if queue.oldest_at else "–", "can_test": receiver is not None,
        })
    return sorted(lines, key=lambda line: (_ORDER.index(line["state"][1]), line["name"]))


def _state(
    request: PageRequest, receiver: Receiver | None, queue: Queue, paused: Pause | None,
    disabled: tuple[datetime, str] | None,
) -> tuple[tuple[str, str], str]:
    def since(at: datetime, text: str) -> str:
        return f"Since {when(at, request.now)} ({age(request.now - at)}): {harmless(text, 200)}"

    if receiver is None:
        return ("Not configured", "is-warn"), "Its waiting deliveries are not sent."
    if paused is not None:
        return ("Paused", "is-hold"), paused_since(paused, request.now)
    if disabled is not None:
        return ("Receiver gone", "is-bad"), since(*disabled)
    if trouble := request.context.state().troubles.get(receiver.about):
        return ("Failing", "is-bad"), since(trouble.since, describe(trouble.fault))
    return ("Delivering" if queue.due else "Idle", "is-ok"), ""


# ── what was not accepted ───────────────────────────────────────────────────────────────────────────────────────────

def groups(failures: Failures) -> list[dict[str, Any]]:
    """Returns the errors by target and text: dead letters first, then the most frequent.

    A text is an error without the numbers, ids and addresses in it.
    """
    found: defaultdict[tuple[str, OutboxState, str], list[Failure]] = defaultdict(list)
    for each in failures.found:
        found[each.target, each.state, error_of(each.answer)].append(each)
    told: list[dict[str, Any]] = [
        {"target": target, "state": state, "error": error, "number": sum(each.number for each in alike),
         "first_at": min(each.first_at for each in alike), "last_at": max(each.last_at for each in alike),
         "next_at": min(each.next_at for each in alike)}
        for (target, state, error), alike in found.items()
    ]
    return sorted(told, key=lambda group: (group["state"] is not OutboxState.DEAD, -group["number"], group["target"]))


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def outbox(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS, ("done", "on"))
    deliveries = request.context.ledger.outbox.deliveries
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, deliveries.all(asked.query))
    is_whole = not asked.chips and not request.query.get("after")
    page, failures, values = listing.listed(
        request, asked, lambda: deliveries.page(asked.query, listing.place(request, (int,))),
        lambda: deliveries.failures() if is_whole else None,
    )
    found = groups(failures) if failures else []
    return request.page(
        "outbox.html", "Outbox", **values, lines=_lines(request), error_of=error_of,
        rows=[(item, request.rid_of(item.recipient or "")) for item in page.rows], groups=found[:MOST_GROUPS],
        more_groups=len(found) - MOST_GROUPS, not_all=failures.more if failures else False, most=MOST_COUNTED,
        states=_STATES.items(), types=[(each.value, each.value) for each in NoticeType if each is not NoticeType.TEST],
        dead=OutboxState.DEAD, due=OutboxState.DUE, told=_done(request, asked),
        filtered=listing.address("", filter_of(request)),
        may_retry=_leaves(asked, FilterField.STATE, Retry.states),
        may_discard=_leaves(asked, FilterField.STATE, Discard.states),
        quote=lambda **values: listing.address("", list(values.items())),
    )


def filter_of(request: PageRequest) -> list[tuple[str, str]]:
    """Returns only the filter from the page's address."""
    return [item for item in request.query.multi_items() if item[0] not in {"after", "done", "on"}]


def _leaves(asked: Filters, by: FilterField, values: Iterable[str]) -> list[str]:
    """Returns those of the values that the filter matches; none if there is no filter."""
    choice = asked.choices.get(by, Choice())
    return [value for value in values if asked.chips and is_asked_for(value, choice)]


def _done(request: PageRequest, asked: Filters) -> tuple[str, str] | None:
    """Returns what a person has just done here, from the log: class and text of a notice."""
    on, what = request.query.get("on"), request.query.get("done")
    if not on or what not in DONE:
        return None
    done = next(iter(request.context.ledger.log.on(on, 1)), None)
    if done is None or done.action != what:
        return None
    paused, targets = request.context.ledger.outbox.paused(), {each.name for each in request.context.settings.receivers}
    return outcome(done, [on] if on in paused else _leaves(asked, FilterField.TARGET, paused), of_target=on in targets)


def test(request: PageRequest) -> Response:
    """Tests a target once, as `outbox test` does: nothing goes into the outbox."""
    target = request.form.get("target", "")
    receiver = next((each for each in request.context.settings.receivers if each.name == target), None)
    if receiver is None:
        raise HTTPException(404, "No configured target has this name.")
    try:
        attempt = tried(receiver, request.now)
        taken = attempt.disposition is Disposition.DELIVERED
        answer = (attempt.answer or "reachable") if taken else "; ".join(explained(receiver, attempt))
    except PermanentFailure as error:
        taken, answer = False, str(error)
    request.context.ledger.log.enter(Act(request.actor(answer[:LONGEST_REASON]), "test", target), int(taken))
    return see(_result("test", target))


# ── a pause ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def _found(request: PageRequest, operation: TargetOperation, *, is_paused: bool) -> TargetOutline:
    """Previews the operation. Raises HTTPException if there is no such target, or it is in that state already."""
    found = operation.preview(request.actor(None))
    if found.paused is None and not found.is_configured:
        raise HTTPException(404, "No configured target has this name.")
    if (found.paused is not None) is not is_paused:
        raise HTTPException(409, f"It is {'not paused' if is_paused else 'paused already'}: nothing was changed.")
    return found


def pause(request: PageRequest) -> OfferedChange:
    operation = PauseTarget(*request.context.house, request.query.get("target", ""))
    found, target = _found(request, operation, is_paused=False), name(operation.target)
    return OfferedChange(operation, Preview(
        f"Pause {target}", "Pause", "/outbox",
        (f"Nothing more is sent to {target} until you resume it. Deliveries in flight finish; the pause "
         "takes a few seconds to apply.",),
        found.seen, ("Nothing, until it is resumed.",),
        (f"{_waiting(found)} now. Nothing is lost, and nothing counts as failed.",
         "Addresses are still suppressed and released; the target is notified later."),
        "It can be resumed at any time.", because_required=True,
    ), _result("pause", operation.target))


def resume(request: PageRequest) -> OfferedChange:
    operation = ResumeTarget(*request.context.house, request.query.get("target", ""))
    found, target = _found(request, operation, is_paused=True), name(operation.target)
    assert found.paused is not None
    return OfferedChange(operation, Preview(
        f"Resume {target}", "Resume", "/outbox",
        (f"It is paused. {paused_since(found.paused, request.now)}.", f"{_waiting(found)}: sent from now on."),
        found.seen, (f"Waiting deliveries, in order: {number(found.queue.due)} to {target}.",),
        ("Targets that keep a list get only the newest state per address.",), "It can be paused again.",
    ), _result("resume", operation.target))


def _waiting(found: TargetOutline) -> str:
    return counted(found.queue.due, "waiting delivery", "waiting deliveries")


def _result(done: str, target: str) -> str:
    return listing.address("/outbox", [("done", done), ("on", target)])


ROUTES = (
    *listing.routes("/outbox", outbox), post("/outbox/test", test),
    *changing("/outbox/pause", pause), *changing("/outbox/resume", resume),
)
