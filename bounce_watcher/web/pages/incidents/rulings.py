"""All held suppressions of an incident, released or confirmed by one ruling of a person, after a preview."""

from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.model.ledger import Alert
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.service.operations.bulk import RuleHeld
from bounce_watcher.web.pages.incidents.listing import alert_of
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.preview import Preview, at_the_shell, show
from bounce_watcher.web.request import PageRequest, get, post
from bounce_watcher.words.formatting import command, counted
from bounce_watcher.words.incidents import what


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


def _decision(request: PageRequest, alert: Alert, ruling: Ruling) -> many.BulkAction[Ruled]:
    page = f"/incidents/{alert.id}"
    return many.BulkAction(
        RuleHeld(*request.context.house, alert.id, ruling), many.ruled, doing=WORDS[ruling].doing,
        nothing="This incident holds no address now: nothing was changed.",
        shell=command("bounce-watcher", "alerts", ruling.value, alert.id, "--because", "…", "--dry-run"),
        leads_to=listing.address(page, [("done", ruling.value)]), again=f"{page}/{ruling.value}",
    )


def _preview(request: PageRequest, ruling: Ruling) -> Response:
    alert, told = alert_of(request), WORDS[ruling]
    back = f"/incidents/{alert.id}"
    title, links = f"{told.verb} all held: {what(alert)}", [
        (f"{back}/held.csv", "Download CSV"), (f"{back}/held.jsonl", "Download JSON Lines")
    ]
    decision = _decision(request, alert, ruling)
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


def _run(request: PageRequest, ruling: Ruling) -> Response:
    return many.carry_out(request, _decision(request, alert_of(request), ruling))


def release_preview(request: PageRequest) -> Response:
    return _preview(request, Ruling.RELEASE)


def release(request: PageRequest) -> Response:
    return _run(request, Ruling.RELEASE)


def confirm_preview(request: PageRequest) -> Response:
    return _preview(request, Ruling.CONFIRM)


def confirm(request: PageRequest) -> Response:
    return _run(request, Ruling.CONFIRM)


ROUTES = (
    get("/incidents/{id}/release", release_preview), post("/incidents/{id}/release", release),
    get("/incidents/{id}/confirm", confirm_preview), post("/incidents/{id}/confirm", confirm),
)
