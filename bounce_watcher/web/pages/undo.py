"""What an incident led to, undone: by its alert, or by what a person names. As at the shell, after a preview."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Action
from bounce_watcher.ledger.undo import Incident, Undone, words
from bounce_watcher.model.ledger import COMPLAINT_REASON, NoticeType, Occurrence, OutboxItem, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.deciding import decider
from bounce_watcher.web import listing, many, shown
from bounce_watcher.web.forms import because, demand_seen
from bounce_watcher.web.listing import Column, Download
from bounce_watcher.web.pages.incidents import alert_of, what
from bounce_watcher.web.preview import Preview, show
from bounce_watcher.web.shown import command, counted, harmless, moment, number
from bounce_watcher.web.visit import Visit, get, post, see

SAMPLE = 10
REASONS = (*(each.value for each in Reason), COMPLAINT_REASON)
_CHOOSES = ("from", "to", "provider", "domain", "reason")
_FOR_GOOD = ("What was reported then never counts again. Single addresses can be suppressed again by hand; the whole "
             "cannot be undone.")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be undone, under what name it stands in the log, where a page on it leads back to."""

    incident: Incident
    title: str
    subject: str
    back: str
    shell: str


@dataclass(frozen=True, slots=True)
class Outline:
    """What an undo would come to. `seen` is a digest of all of it; `more`: it is too large, and only begun."""

    recipients: int = 0
    events: int = 0
    held: int = 0
    suppressed: int = 0
    stay: int = 0
    free: int = 0
    sample: tuple[Undone, ...] = ()
    told: tuple[tuple[NoticeType, str, int], ...] = ()
    seen: str = ""
    more: bool = False


# ── which ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def _of_alert(visit: Visit) -> Wanted:
    alert = alert_of(visit)
    incident = Incident.of(alert)
    if incident is None:
        raise HTTPException(409, "This incident counts against nobody, so there is nothing to undo.")
    shell = command("bounce-watcher", "undo", "--alert", alert.id, "--dry-run")
    return Wanted(incident, what(alert), alert.id, f"/incidents/{alert.id}", shell)


def _chosen(visit: Visit) -> Wanted | None:
    """What the address names; None where it names no time. Raises ValueError, in words."""
    asked = listing.filters(visit, (), _CHOOSES)
    if asked.problem:
        raise ValueError(asked.problem)
    if asked.since is None or asked.until is None:
        if any(visit.query.get(each) for each in _CHOOSES):
            raise ValueError("An undo needs to know when it was: fill in from and to.")
        return None
    named = {each: visit.query.get(each, "").strip() or None for each in ("provider", "domain", "reason")}
    if named["reason"] is not None and named["reason"] not in REASONS:
        raise ValueError(f"{harmless(named['reason'], 60)} is no reason.")
    provider = named["provider"]
    incident = Incident(
        asked.since, asked.until, domain=named["domain"], reason=named["reason"],
        provider=provider and provider_of(provider, provider),
    )
    if "@" in (incident.domain or "") + (incident.provider or ""):
        raise ValueError("An address is no domain and no provider: its own page releases it.")
    flags = {"provider": incident.provider, "domain": incident.domain, "reason": incident.reason}
    told = chain.from_iterable((f"--{flag}", value) for flag, value in flags.items() if value)
    times = ("--from", shown.iso(incident.since), "--to", shown.iso(incident.until))
    shell = command("bounce-watcher", "undo", *times, *told, "--dry-run")
    return Wanted(incident, words(incident), words(incident), "/incidents", shell)


# ── what it would come to ───────────────────────────────────────────────────────────────────────────────────────────

Announce = Callable[[Occurrence], Sequence[OutboxItem]]


def _rehearsed(visit: Visit, incident: Incident, announce: Announce) -> Iterator[Undone]:
    return visit.house.ledger.undo(
        incident, decider(visit.house.settings), announce, because=words(incident), now=visit.now, dry_run=True
    )


def _outline(visit: Visit, incident: Incident) -> Outline:
    told: Counter[tuple[NoticeType, str]] = Counter()
    real = announcer(visit.house.settings)

    def announce(occurrence: Occurrence) -> Sequence[OutboxItem]:
        items = real(occurrence)
        told.update((item.type, item.target) for item in items)
        return items

    found, seen = Outline(), hashlib.sha256()
    for each in islice(_rehearsed(visit, incident, announce), many.MOST_HERE + 1):
        if found.recipients == many.MOST_HERE:
            return replace(found, more=True)
        seen.update(f"{each.recipient}\0{each.stream}\0{each.events}\0{each.was}\0{each.state}\n".encode(
            "utf-8", "replace"))
        found = _with(found, each)
    sent = tuple((kind, target, many) for (kind, target), many in sorted(told.items()))
    return replace(found, told=sent, seen=seen.hexdigest())


def _with(found: Outline, each: Undone) -> Outline:
    stands = each.state in {State.SUPPRESSED, State.PENDING}
    return replace(
        found, recipients=found.recipients + 1, events=found.events + each.events,
        held=found.held + (each.released and each.was is State.PENDING),
        suppressed=found.suppressed + (each.released and each.was is State.SUPPRESSED),
        stay=found.stay + stands, free=found.free + (not each.released and not stands),
        sample=found.sample if len(found.sample) == SAMPLE else (*found.sample, each),
    )


def _changes(found: Outline) -> Iterator[str]:
    released = found.held + found.suppressed
    yield (
        f"{counted(released, 'suppression')} would end: {number(found.held)} held (nobody was told of them), "
        f"{number(found.suppressed)} in force."
    )
    yield (
        f"{counted(found.events, 'report')} on {counted(found.recipients, 'address', 'addresses')} would count no "
        "more, neither alone nor as a confirmation."
    )
    for each in found.sample:
        was, now = shown.STATES[each.was][0], shown.STATES[each.state][0]
        moved = was if was == now else f"{was}, then {now}"
        yield (
            f"{harmless(each.recipient, 320)} ({harmless(each.stream, 80)}): {counted(each.events, 'report')}, {moved}"
        )
    if found.recipients > len(found.sample):
        yield f"and {number(found.recipients - len(found.sample))} more"


def _sent(visit: Visit, found: Outline) -> tuple[str, ...]:
    if visit.house.settings.policy.mode is Mode.SHADOW:
        return ("Nothing: in watch-only mode nobody is told.",)
    told = tuple(f"{number(many)} × {kind.value} to {harmless(target, 80)}" for kind, target, many in found.told)
    held = (f"For the {number(found.held)} held nothing is sent: nobody was told of them.",) if found.held else ()
    return (*told, *held) or ("Nothing: nobody was told of it, or no target wants to hear of it.",)


def _stays(found: Outline) -> Iterator[str]:
    if found.stay:
        yield f"{counted(found.stay, 'suppression')} stands on other grounds: it stays." if found.stay == 1 else (
            f"{number(found.stay)} suppressions stand on other grounds: they stay.")
    if found.free:
        yield f"{counted(found.free, 'address', 'addresses')} may be sent to already: only the reports count no more."
    yield "Reports of other times, of others, and what was decided by hand stay as they are."
    yield "What comes late, or is imported later, needs another undo."


# ── the pages ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _preview(visit: Visit, wanted: Wanted) -> Response:
    found = _outline(visit, wanted.incident)
    if found.more or not found.recipients:
        return _form(visit, wanted=wanted, more=found.more)
    return show(
        visit, _told(visit, wanted, found),
        [(address, name) for address, name in zip(_exports(visit), ("All of it as CSV", "as JSON Lines"), strict=True)],
        action=listing.here(visit),
    )


def _told(visit: Visit, wanted: Wanted, found: Outline) -> Preview:
    incident = wanted.incident
    when = f"From {moment(incident.since)} to {moment(incident.until)}: {harmless(words(incident), 300)}."
    return Preview(
        f"Undo: {harmless(wanted.title, 200)}",
        f"Undo for {counted(found.recipients, 'address', 'addresses')}", wanted.back,
        (when, *_changes(found)), (found.seen,), _sent(visit, found), tuple(_stays(found)), _FOR_GOOD,
        because_required=True, count=found.recipients, is_danger=True,
    )


def _exports(visit: Visit) -> tuple[str, str]:
    kept = list(visit.query.multi_items())
    return (listing.address(f"{visit.url_path}.csv", kept), listing.address(f"{visit.url_path}.jsonl", kept))


def _run(visit: Visit, wanted: Wanted) -> Response:
    """Does what was seen, batch by batch; what was done is in the log, also where it broke off."""
    why = because(visit, required=True)
    found = _outline(visit, wanted.incident)
    if found.more:
        raise many.too_many("undone", wanted.shell)
    if not found.recipients:
        raise HTTPException(409, "There is nothing to undo any more: nothing was changed.")
    demand_seen(visit, (found.seen,), found.recipients)
    settings, ledger, released = visit.house.settings, visit.house.ledger, 0
    try:
        for each in ledger.undo(
            wanted.incident, decider(settings), announcer(settings), because=words(wanted.incident), now=visit.now
        ):
            released += each.released
    finally:
        ledger.log_action(Action(visit.now, visit.viewer.name, "undo", wanted.subject, released, why))
    return see(listing.address(
        f"/incidents/{wanted.subject}" if wanted.back != "/incidents" else visit.url_path,
        [*((name, value) for name, value in visit.query.multi_items() if name != "done"), ("done", "undo")],
    ))


def undo_alert_preview(visit: Visit) -> Response:
    return _preview(visit, _of_alert(visit))


def undo_alert(visit: Visit) -> Response:
    return _run(visit, _of_alert(visit))


def undo_preview(visit: Visit) -> Response:
    try:
        wanted = _chosen(visit)
    except ValueError as error:
        return _form(visit, problem=str(error))
    return _preview(visit, wanted) if wanted else _form(visit)


def undo(visit: Visit) -> Response:
    try:
        wanted = _chosen(visit)
    except ValueError as error:
        raise HTTPException(422, f"{error} Nothing was changed.") from None
    if wanted is None:
        raise HTTPException(422, "An undo needs to know when it was: nothing was changed.")
    return _run(visit, wanted)


def _form(visit: Visit, *, wanted: Wanted | None = None, problem: str | None = None, more: bool = False) -> Response:
    done = visit.house.ledger.actions_on(wanted.subject, 1) if wanted and visit.query.get("done") else []
    asked = listing.filters(visit, (), (*_CHOOSES, "done"))
    return visit.page(
        "undo.html", "Undo", wanted=wanted, problem=problem, more=more, most=many.MOST_HERE,
        done=done[0] if done else None,
        is_free=visit.url_path == "/undo", times=listing.times_of(visit, asked),
        chosen={each: visit.query.get(each, "") for each in ("provider", "domain", "reason")},
        reasons=[(value, shown.reason(value)) for value in REASONS], asked=asked,
    )


def download(visit: Visit) -> Response:
    """All that would change, rehearsed."""
    try:
        wanted = _of_alert(visit) if "id" in visit.path else _chosen(visit)
    except ValueError as error:
        raise HTTPException(400, str(error)) from None
    if wanted is None:
        raise HTTPException(400, "An undo needs to know when it was.")
    announce = announcer(visit.house.settings)
    return listing.download(visit, listing.filters(visit, (), _CHOOSES), _DOWNLOAD,
                            _rehearsed(visit, wanted.incident, announce))


_DOWNLOAD: Download[Undone] = Download("undo", (
    Column("Address", lambda each: each.recipient),
    Column("Stream", lambda each: each.stream),
    Column("Reports", lambda each: each.events),
    Column("State", lambda each: shown.STATES[each.was][0]),
    Column("Would be", lambda each: shown.STATES[each.state][0]),
    Column("Because", lambda each: each.because),
), lambda each: {
    "id": f"{each.recipient}/{each.stream}", "type": "undo", "recipient": each.recipient, "stream": each.stream,
    "events": each.events, "was": each.was, "state": each.state, "released": each.released, "because": each.because,
})

ROUTES = (
    get("/incidents/{id}/undo", undo_alert_preview), post("/incidents/{id}/undo", undo_alert),
    get("/incidents/{id}/undo.csv", download), get("/incidents/{id}/undo.jsonl", download),
    get("/undo", undo_preview), post("/undo", undo), get("/undo.csv", download), get("/undo.jsonl", download),
)
