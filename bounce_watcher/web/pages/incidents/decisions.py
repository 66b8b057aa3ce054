"""Decisions on an incident, after a preview: all that it holds released or confirmed, or all it led to undone.

What to undo may also be what a person enters. As in the shell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.ledger.suppressions.undo import UndoOutcome
from bounce_watcher.model.ledger import Alert, State
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.service.operations.bulk import BulkOutline, RuleHeld, UndoIncident
from bounce_watcher.web.pages.incidents.listing import alert_of
from bounce_watcher.web.pages.recipients.events import REASONS
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.forms import Preview, at_the_shell, show
from bounce_watcher.web.pages.shared.listing import Download
from bounce_watcher.web.request import PageRequest, get, post
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import command, counted, harmless, moment, number
from bounce_watcher.words.incidents import what
from bounce_watcher.words.rows import explained

_STANDS = frozenset({State.SUPPRESSED, State.PENDING})
_CHOOSES = ("from", "to", "provider", "domain", "reason")
_FOR_GOOD = ("These reports will never count again. You can suppress single addresses by hand; this can't be "
             "reversed in bulk.")


# ── a ruling on all that it holds ───────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class RulingWords:
    """The words for a ruling. `change` follows the number, `doing` precedes it."""

    verb: str
    doing: str
    change: str
    meaning: str
    stays: str
    undo: str


WORDS = {
    Ruling.RELEASE: RulingWords(
        "Release", "Releasing", "would be released",
        "The reports were not real: none so far about these addresses will count.",
        "The incident stays open until reports are normal: addresses reported later are held again.",
        "You can suppress single addresses by hand; this can't be reversed in bulk.",
    ),
    Ruling.CONFIRM: RulingWords(
        "Confirm", "Confirming", "would be suppressed",
        "The reports are real: each address is suppressed. Neither the end of the incident nor an undo reverses it.",
        "The incident stays open until reports are normal: addresses reported later are held too.",
        "To reverse it, filter the recipients and release them, including those suppressed by hand.",
    ),
}


def _ruling(request: PageRequest, alert: Alert, ruling: Ruling) -> many.BulkAction[Ruled]:
    page = f"/incidents/{alert.id}"
    return many.BulkAction(
        RuleHeld(*request.context.house, alert.id, ruling), doing=WORDS[ruling].doing,
        nothing="This incident holds no address now: nothing was changed.",
        shell=command("bounce-watcher", "alerts", ruling.value, alert.id, "--because", "…", "--dry-run"),
        leads_to=listing.address(page, [("done", ruling.value)]), again=f"{page}/{ruling.value}",
    )


def _ruling_preview(ruling: Ruling, request: PageRequest) -> Response:
    alert, told = alert_of(request), WORDS[ruling]
    back, title = f"/incidents/{alert.id}", f"{told.verb} all held: {what(alert)}"
    links = listing.file_links(f"{back}/held")
    decision = _ruling(request, alert, ruling)
    found = many.outline(request, decision)
    if found.more:
        return at_the_shell(request, title, back, found.most, decision.shell, links)
    if not found.changed:
        raise HTTPException(409, decision.nothing)
    addresses = counted(len(found.changed), "held address", "held addresses")
    stays = [told.stays] if not alert.cleared else []
    preview = Preview(
        title, f"{told.verb} {addresses}", back,
        (f"{addresses} {told.change}. {told.meaning}", *many.some(found.changed, many.ruled)), found.seen,
        many.would_hear(found.notices, len(found.changed) if ruling is Ruling.RELEASE else 0),
        (*many.spared(found), *stays, "Earlier decisions and complaints are unchanged."), told.undo,
        because="Why? (kept in the log and sent)" if ruling is Ruling.CONFIRM else "Why? (kept in the log)",
        because_required=True, count=len(found.changed), is_danger=True,
    )
    return show(request, preview, links)


def _rule(ruling: Ruling, request: PageRequest) -> Response:
    return many.carry_out(request, _ruling(request, alert_of(request), ruling))


# ── what to undo ────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class UndoRequest:
    """What to undo, its name in the log (`subject`), and where its page leads back to."""

    incident: Incident
    title: str
    subject: str
    back: str
    shell: str


def _of_alert(request: PageRequest) -> UndoRequest:
    alert = alert_of(request)
    incident = Incident.of(alert)
    if incident is None:
        raise HTTPException(409, "This incident affects no address, so there is nothing to undo.")
    shell = command("bounce-watcher", "undo", "--alert", alert.id, "--dry-run")
    return UndoRequest(incident, what(alert), alert.id, f"/incidents/{alert.id}", shell)


def _wanted(request: PageRequest) -> UndoRequest | None:
    """Returns what the address names; None if it names no time. Raises ValueError, with a text for the reader."""
    if "id" in request.path:
        return _of_alert(request)
    asked = listing.filters(request, (), _CHOOSES)
    if asked.problem:
        raise ValueError(asked.problem)
    if asked.since is None or asked.until is None:
        if any(request.query.get(each) for each in _CHOOSES):
            raise ValueError("Enter the times: from and to.")
        return None
    named = {each: request.query.get(each, "").strip() or None for each in ("provider", "domain", "reason")}
    if named["reason"] is not None and named["reason"] not in REASONS:
        raise ValueError(f"{harmless(named['reason'], 60)} is not a reason.")
    provider = named["provider"]
    incident = Incident(
        asked.since, asked.until, domain=named["domain"], reason=named["reason"],
        provider=provider and provider_of(provider, provider),
    )
    if "@" in (incident.domain or "") + (incident.provider or ""):
        raise ValueError("Enter a domain or provider. To release an address, open its page.")
    flags = {"provider": incident.provider, "domain": incident.domain, "reason": incident.reason}
    flagged = chain.from_iterable((f"--{flag}", value) for flag, value in flags.items() if value)
    times = ("--from", formatting.iso(incident.since), "--to", formatting.iso(incident.until))
    shell = command("bounce-watcher", "undo", *times, *flagged, "--dry-run")
    told = words.scene(incident.scene)
    return UndoRequest(incident, told, told, "/incidents", shell)


def _decision(request: PageRequest, wanted: UndoRequest) -> many.BulkAction[UndoOutcome]:
    here = [(name, value) for name, value in request.query.multi_items() if name != "done"]
    result = request.url_path if wanted.back == "/incidents" else wanted.back
    return many.BulkAction(
        UndoIncident(*request.context.house, wanted.subject, wanted.incident), doing="Undoing for",
        nothing="There is nothing left to undo: nothing was changed.", shell=wanted.shell,
        leads_to=listing.address(result, [*here, ("done", "undo")]), again=listing.address(request.url_path, here),
    )


def _line(each: UndoOutcome) -> str:
    was, now = formatting.STATES[each.was][0], formatting.STATES[each.state][0]
    moved = was if was == now else f"{was}, then {now}"
    return f"{many.named(each.recipient, each.stream)}: {counted(each.events, 'report')}, {moved}"


def _released(found: BulkOutline[UndoOutcome], was: State) -> int:
    return sum(each.released and each.was is was for each in found.changed)


def _changes(found: BulkOutline[UndoOutcome]) -> Iterator[str]:
    held, in_force = _released(found, State.PENDING), _released(found, State.SUPPRESSED)
    yield (
        f"{counted(held + in_force, 'suppression')} would end: {number(held)} held (targets never notified), "
        f"{number(in_force)} in force."
    )
    reports = counted(sum(each.events for each in found.changed), "report")
    yield (
        f"{reports} on {counted(len(found.changed), 'address', 'addresses')} would no longer count, alone or as "
        "confirmation."
    )
    yield from many.some(found.changed, _line)


def _stays(found: BulkOutline[UndoOutcome]) -> Iterator[str]:
    stay = sum(each.state in _STANDS for each in found.changed)
    if stay:
        yield f"{counted(stay, 'suppression')} has other grounds: it stays." if stay == 1 else (
            f"{number(stay)} suppressions have other grounds: they stay.")
    free = sum(not each.released and each.state not in _STANDS for each in found.changed)
    if free:
        yield f"{counted(free, 'address', 'addresses')} can already receive mail: only their reports are discarded."
    yield "Other reports and manual decisions are unchanged."
    yield "Later reports need another undo."


# ── the pages ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _preview(request: PageRequest, wanted: UndoRequest) -> Response:
    found = many.outline(request, _decision(request, wanted))
    if found.more or not found.changed:
        return _form(request, wanted=wanted, most=found.most if found.more else 0)
    incident = wanted.incident
    when = f"From {moment(incident.since)} to {moment(incident.until)}: {harmless(words.scene(incident.scene), 300)}."
    preview = Preview(
        f"Undo: {harmless(wanted.title, 200)}", f"Undo for {counted(len(found.changed), 'address', 'addresses')}",
        wanted.back, (when, *_changes(found)), found.seen,
        many.would_hear(found.notices, _released(found, State.PENDING)), tuple(_stays(found)), _FOR_GOOD,
        because_required=True, count=len(found.changed), is_danger=True,
    )
    files = listing.file_links(request.url_path, request.query.multi_items())
    return show(request, preview, files)


def undo_preview(request: PageRequest) -> Response:
    try:
        wanted = _wanted(request)
    except ValueError as error:
        return _form(request, problem=str(error))
    return _preview(request, wanted) if wanted else _form(request)


def undo(request: PageRequest) -> Response:
    return many.carry_out(request, _decision(request, _demanded(request, 422, " Nothing was changed.")))


def _demanded(request: PageRequest, status: int, more: str = "") -> UndoRequest:
    """Returns what to undo. Raises HTTPException with this status if the address names nothing that makes sense."""
    try:
        if wanted := _wanted(request):
            return wanted
        raise ValueError("Enter the times: from and to.")
    except ValueError as error:
        raise HTTPException(status, f"{error}{more}") from None


def _form(
    request: PageRequest, *, wanted: UndoRequest | None = None, problem: str | None = None, most: int = 0
) -> Response:
    done = request.context.ledger.log.on(wanted.subject, 1) if wanted and request.query.get("done") else []
    asked = listing.filters(request, (), (*_CHOOSES, "done"))
    return request.page(
        "undo.html", "Undo", wanted=wanted, problem=problem, most=most, done=done[0] if done else None,
        is_free=request.url_path == "/undo", times=listing.times_of(request, asked),
        chosen={each: request.query.get(each, "") for each in ("provider", "domain", "reason")},
        reasons=[(value, formatting.reason(value)) for value in REASONS], asked=asked,
    )


def download(request: PageRequest) -> Response:
    """Returns all that would change, from a rehearsal, as a file."""
    everybody = _decision(request, _demanded(request, 400)).operation.rehearse(request.actor(many.REHEARSAL))
    return listing.download(request, listing.filters(request, (), _CHOOSES), _DOWNLOAD, everybody)


_DOWNLOAD: Download[UndoOutcome] = Download("undo", {
    "Address": lambda each: each.recipient, "Stream": lambda each: each.stream, "Reports": lambda each: each.events,
    "State": lambda each: formatting.STATES[each.was][0], "Would be": lambda each: formatting.STATES[each.state][0],
    "Because": lambda each: words.text(each.grounds),
}, lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "undo", "recipient": each.recipient, "stream": each.stream,
    "events": each.events, "was": each.was, "state": each.state, "released": each.released, **explained(each.grounds),
})

ROUTES = (
    *(route for ruling in Ruling for route in (
        get(f"/incidents/{{id}}/{ruling.value}", partial(_ruling_preview, ruling)),
        post(f"/incidents/{{id}}/{ruling.value}", partial(_rule, ruling)),
    )),
    *(route for path in ("/incidents/{id}/undo", "/undo") for route in (
        get(path, undo_preview), post(path, undo), *listing.routes(path, download, page=False),
    )),
)
