"""All that an incident holds, released or put in force by one decision of a person, after a preview."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Action
from bounce_watcher.ledger.rulings import Ruled, Ruling
from bounce_watcher.model.ledger import Alert
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web import listing, many
from bounce_watcher.web.forms import because, demand_seen
from bounce_watcher.web.pages.incidents import alert_of, what
from bounce_watcher.web.preview import Preview, at_the_shell, show
from bounce_watcher.web.shown import command, counted
from bounce_watcher.web.visit import Visit, get, post, see


@dataclass(frozen=True, slots=True)
class Words:
    """How a decision is told. `change` stands behind how many there are."""

    verb: str
    change: str
    meaning: str
    stays: str
    undo: str


WORDS = {
    Ruling.RELEASE: Words(
        "Release", "would be released",
        "They were not real: nothing that was reported of these addresses until now counts any more.",
        "The incident goes on until its reports are usual again: who is reported after this is held anew.",
        "Single addresses can be suppressed by hand; the whole cannot be undone.",
    ),
    Ruling.CONFIRM: Words(
        "Confirm", "would be suppressed",
        "They are real: each is suppressed by your decision, which neither the end of the incident nor an undo takes "
        "back.",
        "The incident goes on until its reports are usual again: who is reported after this is held as before.",
        "It can be undone: filter the recipients, and release what the filter shows, those suppressed by hand too.",
    ),
}


def _rehearsed(visit: Visit, alert: Alert, ruling: Ruling, announce: many.Announce) -> Iterator[Ruled]:
    wanted = many.wanted(visit, "a rehearsal", announce)
    return visit.house.ledger.rule(alert.id, ruling, wanted, dry_run=True)


def _preview(visit: Visit, ruling: Ruling) -> Response:
    alert, listener = alert_of(visit), many.Listener(visit)
    told, back = WORDS[ruling], f"/incidents/{alert.id}"
    title, links = f"{told.verb} all held: {what(alert)}", [
        (f"{back}/held.csv", "All of them as CSV"), (f"{back}/held.jsonl", "as JSON Lines")
    ]
    found = many.outline(_rehearsed(visit, alert, ruling, listener))
    if found.more:
        return at_the_shell(visit, title, back, many.MOST_HERE, _shell(alert, ruling), links)
    _demand_some(found)
    addresses = counted(found.changed, "held address", "held addresses")
    stays = [told.stays] if not alert.cleared else []
    preview = Preview(
        title, f"{told.verb} {addresses}", back,
        (f"{addresses} {told.change}. {told.meaning}", *many.sampled(found)), (found.seen,),
        listener.sentences(found.changed if ruling is Ruling.RELEASE else 0),
        (*many.spared(found), *stays, "What was decided before, and complaints, stay as they are."), told.undo,
        because="Why? (kept in the log, and told)" if ruling is Ruling.CONFIRM else "Why? (kept in the log)",
        because_required=True, count=found.changed, is_danger=True,
    )
    return show(visit, preview, links)


def _shell(alert: Alert, ruling: Ruling) -> str:
    return command("bounce-watcher", "alerts", ruling.value, alert.id, "--because", "…", "--dry-run")


def _demand_some(found: many.Outline) -> None:
    if not found.changed:
        raise HTTPException(409, "This incident holds nobody any more: nothing was changed.")


def _run(visit: Visit, ruling: Ruling) -> Response:
    """Does what was seen, batch by batch; what was done is in the log, also where it broke off."""
    alert = alert_of(visit)
    why = because(visit, required=True)
    found = many.outline(_rehearsed(visit, alert, ruling, many.Listener(visit)))
    if found.more:
        raise many.too_many("decided on", _shell(alert, ruling))
    _demand_some(found)
    demand_seen(visit, (found.seen,), found.changed)
    ledger, done = visit.house.ledger, 0
    try:
        for each in ledger.rule(alert.id, ruling, many.wanted(visit, why, announcer(visit.house.settings))):
            done += each.left is None
    finally:
        if done:
            ledger.log_action(Action(visit.now, visit.viewer.name, ruling.value, alert.id, done, why))
    return see(listing.address(f"/incidents/{alert.id}", [("done", ruling.value)]))


def release_preview(visit: Visit) -> Response:
    return _preview(visit, Ruling.RELEASE)


def release(visit: Visit) -> Response:
    return _run(visit, Ruling.RELEASE)


def confirm_preview(visit: Visit) -> Response:
    return _preview(visit, Ruling.CONFIRM)


def confirm(visit: Visit) -> Response:
    return _run(visit, Ruling.CONFIRM)


ROUTES = (
    get("/incidents/{id}/release", release_preview), post("/incidents/{id}/release", release),
    get("/incidents/{id}/confirm", confirm_preview), post("/incidents/{id}/confirm", confirm),
)
