"""One mail read again by today's rules: the old and the new verdict and the effects; then the change, as `reclassify`
makes it."""

from collections.abc import Iterator, Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.service.operations.reclassifying import ReclassifiedEvent, RereadMail, RereadOutline
from bounce_watcher.web.pages.recipients.events import event_of, path_of
from bounce_watcher.web.pages.shared import many
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import explanations, formatting
from bounce_watcher.words.formatting import counted, harmless


def _read(request: PageRequest, event: BounceEvent) -> tuple[RereadMail, RereadOutline, Sequence[ReclassifiedEvent]]:
    """Rehearses reading the mail again. Raises HTTPException if the mail is not stored or can't be analysed."""
    operation = RereadMail(*request.context.house, event)
    try:
        outline = operation.preview(request.actor(None))
    except PermanentFailure as error:
        raise HTTPException(422, f"{harmless(error, 300)}. Nothing was changed.") from None
    if outline.found is None:
        raise HTTPException(409, "The message is no longer stored, so it can't be reclassified.")
    return operation, outline, outline.found


def preview(request: PageRequest) -> Response:
    event = event_of(request)
    _, outline, found = _read(request, event)
    if not found:
        return request.page("read_again.html", "Reclassify", back=path_of(event), what=explanations.what(event),
                          rule=event.rule or event.recognizer)
    return show(request, Preview(
        f"Reclassify: {explanations.what(event)} of {formatting.moment(event.at)}",
        f"Correct {counted(len(found), 'verdict')}", path_of(event), tuple(map(_change, found)), outline.seen,
        many.would_hear(outline.notices), tuple(_stays(found)),
        "The old verdict stays with the report as text. Only other rules can reverse this.",
        because_required=True, count=len(found),
    ), action=f"{path_of(event)}/again")


def _change(found: ReclassifiedEvent) -> str:
    after = f"now “{explanations.what(found.after)}” by {harmless(found.after.rule or 'no rule', 120)}"
    whom = f"{harmless(found.after.recipient, 320)}" if found.after.recipient else "an unnamed recipient"
    if found.before is None:
        return f"{whom}: not seen before, {after}; handled as a new report"
    before = f"was “{explanations.what(found.before)}” by {harmless(found.before.rule or 'no rule', 120)}"
    return f"{whom}: {before}, {after}{_moved(found)}"


def _moved(found: ReclassifiedEvent) -> str:
    if found.was is None or found.state is None:
        return ""
    was, now = formatting.STATES[found.was][0], formatting.STATES[found.state][0]
    return f"; {was}, then {now}" if was != now else f"; {was} as before"


def _stays(found: Sequence[ReclassifiedEvent]) -> Iterator[str]:
    yield "Evidence and recipient were determined on arrival and stay."
    if any(each.before is None for each in found):
        yield "The effect on new recipients is shown only afterwards."


def correct(request: PageRequest) -> Response:
    event = event_of(request)
    why = because(request, required=True)
    operation, outline, found = _read(request, event)
    if not found:
        raise HTTPException(409, "Same result under current rules: nothing was changed.")
    demand_seen(request, outline.seen, len(found))
    operation.carry_out(request.actor(why))
    return see(f"{path_of(event)}?done=reread")


ROUTES = (get("/events/{id:path}/again", preview), post("/events/{id:path}/again", correct))
