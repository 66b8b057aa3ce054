"""Actions on one address: release, suppress, forget. Each shows first what it would change."""

from datetime import UTC, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.model.address import address_key
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    Suppression,
)
from bounce_watcher.service.operations.recipients import Forget, Release, StandingOutline, Suppress
from bounce_watcher.service.watching import warn_of_files
from bounce_watcher.web.jobs import JobProgress, Work
from bounce_watcher.web.pages.recipients.recipient import address_of
from bounce_watcher.web.pages.shared import many
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import FormField, Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import harmless

_CAN_SUPPRESS_AGAIN = "To reverse it, suppress the address again."
_CAN_RELEASE = "To reverse it, release the address."


def _back(request: PageRequest) -> str:
    return f"/recipients/{request.path['rid']}"


def _done(request: PageRequest, action: str) -> Response:
    return see(f"{_back(request)}?done={action}")


# ── release ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def release_preview(request: PageRequest) -> Response:
    found = _to_release(request)
    complaint = any(each.reason == COMPLAINT_REASON for each in found.standing)
    what = Preview(
        f"Release {harmless(address_of(request), 320)}", f"Release in {_streams(len(found.standing))}", _back(request),
        tuple(map(_told, found.standing)), found.seen, many.would_hear(found.notices),
        ("Reports stay in the history but no longer count.",), _CAN_SUPPRESS_AGAIN,
        because="Proof that the recipient wants this mail (kept in the log)" if complaint
        else "Why? (kept in the log and sent)",
        because_required=True, cancel_first=complaint,
    )
    return show(request, what)


def release(request: PageRequest) -> Response:
    found = _to_release(request)
    why = because(request, required=True)
    demand_seen(request, found.seen)
    _release(request).carry_out(request.actor(why))
    return _done(request, "release")


def _release(request: PageRequest) -> Release:
    return Release(*request.context.house, address_of(request))


def _to_release(request: PageRequest) -> StandingOutline:
    found = _release(request).preview(request.actor(None))
    if not found.standing:
        raise HTTPException(409, "This address is not suppressed, so there is nothing to release.")
    return found


def _streams(count: int) -> str:
    return f"{count} stream" if count == 1 else f"{count} streams"


def _told(each: Suppression) -> str:
    state = formatting.STATES[each.state][0]
    until = f"until {formatting.moment(each.until)}" if each.until else "permanently"
    return (
        f"{harmless(each.stream, 80)}: {state} since {formatting.moment(each.since)}, {until}: "
        f"{harmless(words.because(each.grounds), 300)}"
    )


# ── suppress ────────────────────────────────────────────────────────────────────────────────────────────────────────

def suppress_preview(request: PageRequest) -> Response:
    streams = _known_streams(request)
    found = Suppress(*request.context.house, address_of(request), streams[0]).preview(request.actor(None))
    stays = [f"{_told(each)}. A suppression that lasts longer is kept." for each in found.standing]
    what = Preview(
        f"Suppress {harmless(address_of(request), 320)}", "Suppress", _back(request),
        ("The address is suppressed by hand in the chosen stream.",), found.seen, many.would_hear(found.notices),
        tuple(stays) or ("Other streams are not affected.",), _CAN_RELEASE,
        because="Why? (kept in the log and sent)", because_required=True,
        inputs=(
            FormField("stream", "Stream", options=tuple((each, harmless(each, 80)) for each in streams)),
            FormField("until", "Until (UTC)", "A date. Empty: permanent.", type="date"),
        ),
    )
    return show(request, what)


def suppress(request: PageRequest) -> Response:
    stream = request.form.get("stream", "")
    if stream not in _known_streams(request):
        raise HTTPException(422, "Choose one of the streams: nothing was changed.")
    operation = Suppress(*request.context.house, address_of(request), stream, _day(request))
    by = request.actor(because(request, required=True))
    demand_seen(request, operation.preview(by).seen)
    operation.carry_out(by)
    return _done(request, "suppress")


def _known_streams(request: PageRequest) -> list[str]:
    """Returns the streams of the mailboxes, and those in which the address has a record."""
    records = request.context.ledger.lists.recipients(address_of(request))
    of_mailboxes = (mailbox.stream for mailbox in request.context.settings.mailboxes)
    found = sorted({*of_mailboxes, *(each.stream for each in records)})
    return found or ["default"]


def _day(request: PageRequest) -> datetime | None:
    text = request.form.get("until", "").strip()
    if not text:
        return None
    try:
        until = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        raise HTTPException(422, "Until is not a date; write it as 2026-12-31. Nothing was changed.") from None
    if until <= request.now or until > request.now + timedelta(days=36500):
        raise HTTPException(422, "Until must be in the future: nothing was changed.")
    return until


# ── forget ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def forget_preview(request: PageRequest) -> Response:
    address = address_of(request)
    found = Forget(*request.context.house, address).preview(request.actor(None))
    erased = found.what
    changes = (
        (erased.events, "event", "loses its text", "lose their text"),
        (erased.messages, "mail", "is erased", "are erased"),
        (erased.records, "record", "is kept under a keyed hash", "are kept under a keyed hash"),
        (erased.webhooks, "delivery", "loses its content", "lose their content"),
        (erased.mails, "note of a sent mail", "is erased", "are erased"),
        (erased.protections, "protection", "ends", "end"),
        (erased.opt_outs, "opt-out", "is kept under a keyed hash", "are kept under a keyed hash"),
    )
    told = tuple(
        f"{formatting.number(number)} {name if number == 1 else _plural(name)} {one if number == 1 else many}"
        for number, name, one, many in changes if number
    )
    stays = [
        "Mail in mailbox folders, logs, database backups and platform data are not erased.",
        "Manual actions stay in the log under a pseudonym.",
    ]
    if erased.suppressions:
        stays.insert(0, f"It stays suppressed in {_streams(erased.suppressions)}, under the hash.")
    if erased.due:
        stays.append(f"{_plural_of(erased.due, 'delivery')} still due: each keeps the address until it is accepted or "
                     "becomes a dead letter.")
    what = Preview(
        f"Forget {harmless(address, 320)}", "Forget address", _back(request),
        (*(told or ("No data about it remains, except in other people's mail.",)),
         "All stored mail and text is searched for the address, and the database file is cleaned. This may take "
         "minutes; you can leave the page."),
        found.seen, stays=tuple(stays), undo="This can't be reversed.", is_danger=True,
        inputs=(FormField("address", "Type the address to confirm", type="email", required=True),),
        because_required=True,
    )
    return show(request, what)


def forget(request: PageRequest) -> Response:
    address = address_of(request)
    if address_key(request.form.get("address", "").strip()) != address_key(address):
        raise HTTPException(422, "The address does not match: nothing was changed.")
    by, operation = request.actor(because(request, required=True)), Forget(*request.context.house, address)
    demand_seen(request, operation.preview(by).seen)
    back = _back(request)

    def run(hand: JobProgress) -> None:
        def looked_through(more: int) -> None:
            hand.advance(more)
            hand.step()

        operation.carry_out(by, looked_through)
        warn_of_files(operation.clean_files())

    work = Work("Forgetting an address", _looked_through, leads_to=f"{back}?done=forget", again=f"{back}/forget")
    return see(request.context.jobs.start(request.path["rid"], work, run))


def _looked_through(mails: int) -> str:
    return f"{formatting.counted(mails, 'stored mail')} searched"


def _plural(name: str) -> str:
    irregular = {"delivery": "deliveries", "note of a sent mail": "notes of sent mail", "mail": "mails"}
    return irregular.get(name, f"{name}s")


def _plural_of(count: int, name: str) -> str:
    return f"{formatting.number(count)} {name if count == 1 else _plural(name)}"


ROUTES = tuple(
    route
    for name, preview, act in (
        ("release", release_preview, release), ("suppress", suppress_preview, suppress),
        ("forget", forget_preview, forget),
    )
    for route in (get(f"/recipients/{{rid}}/{name}", preview), post(f"/recipients/{{rid}}/{name}", act))
)
