"""Actions on one address: release, suppress, forget, protect; and protection of a domain. Each is shown first."""

from datetime import UTC, datetime, timedelta

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.model.address import address_key
from bounce_watcher.model.ledger import COMPLAINT_REASON, Suppression
from bounce_watcher.service.operations.recipients import Forget, Protect, Release, Suppress, Unprotect, name_of
from bounce_watcher.service.watching import warn_of_files
from bounce_watcher.web.jobs import JobProgress, Work
from bounce_watcher.web.pages.recipients.recipient import address_of
from bounce_watcher.web.pages.shared import many
from bounce_watcher.web.pages.shared.forms import (
    FormField,
    OfferedChange,
    Preview,
    because,
    changing,
    demand_seen,
    make,
    show,
)
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, harmless, moment

_NO_RULE = "No rule will suppress {}. A person or a platform still can."
_CAN_END = "To reverse it, stop protecting here or under Settings."
_RELEASE, _STAYS = "release", "stays"


def _back(request: PageRequest) -> str:
    return f"/recipients/{request.path['rid']}"


def release(request: PageRequest) -> OfferedChange:
    operation = Release(*request.context.house, address_of(request))
    found = operation.preview(request.actor(None))
    if not found.standing:
        raise HTTPException(409, "This address is not suppressed, so there is nothing to release.")
    complaint = any(each.reason == COMPLAINT_REASON for each in found.standing)
    return OfferedChange(operation, Preview(
        f"Release {harmless(operation.address, 320)}", f"Release in {counted(len(found.standing), 'stream')}",
        _back(request), tuple(map(_told, found.standing)), found.seen, many.would_hear(found.notices),
        ("Reports stay in the history but no longer count.",), "To reverse it, suppress the address again.",
        because="Proof that the recipient wants this mail (kept in the log)" if complaint
        else "Why? (kept in the log and sent)",
        because_required=True, cancel_first=complaint,
    ), f"{_back(request)}?done=release")


def _told(each: Suppression) -> str:
    state = formatting.STATES[each.state][0]
    until = f"until {moment(each.until)}" if each.until else "permanently"
    return (
        f"{harmless(each.stream, 80)}: {state} since {moment(each.since)}, {until}: "
        f"{harmless(words.because(each.grounds), 300)}"
    )


def suppress(request: PageRequest) -> OfferedChange:
    address = address_of(request)
    records = request.context.ledger.lists.recipients(address)
    of_mailboxes = (mailbox.stream for mailbox in request.context.settings.mailboxes)
    streams = sorted({*of_mailboxes, *(each.stream for each in records)}) or ["default"]
    stream = request.form.get("stream", "") if request.form else streams[0]
    if stream not in streams:
        raise HTTPException(422, "Choose one of the streams: nothing was changed.")
    operation = Suppress(*request.context.house, address, stream, _day(request))
    found = operation.preview(request.actor(None))
    stays = tuple(f"{_told(each)}. A suppression that lasts longer is kept." for each in found.standing)
    return OfferedChange(operation, Preview(
        f"Suppress {harmless(address, 320)}", "Suppress", _back(request),
        ("The address is suppressed by hand in the chosen stream.",), found.seen, many.would_hear(found.notices),
        stays or ("Other streams are not affected.",), "To reverse it, release the address.",
        because="Why? (kept in the log and sent)", because_required=True,
        inputs=(
            FormField("stream", "Stream", options=tuple((each, harmless(each, 80)) for each in streams)),
            FormField("until", "Until (UTC)", "A date. Empty: permanent.", type="date"),
        ),
    ), f"{_back(request)}?done=suppress")


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


def forget_preview(request: PageRequest) -> Response:
    address = address_of(request)
    found = Forget(*request.context.house, address).preview(request.actor(None))
    erased = found.what
    changes = (
        (erased.events, "event loses its text", "events lose their text"),
        (erased.messages, "mail is erased", "mails are erased"),
        (erased.records, "record is kept under a keyed hash", "records are kept under a keyed hash"),
        (erased.webhooks, "delivery loses its content", "deliveries lose their content"),
        (erased.mails, "note of a sent mail is erased", "notes of sent mail are erased"),
        (erased.protections, "protection ends", "protections end"),
        (erased.opt_outs, "opt-out is kept under a keyed hash", "opt-outs are kept under a keyed hash"),
    )
    told = tuple(counted(*each) for each in changes if each[0])
    stays = [
        "Mail in mailbox folders, logs, database backups and platform data are not erased.",
        "Manual actions stay in the log under a pseudonym.",
    ]
    if erased.suppressions:
        stays.insert(0, f"It stays suppressed in {counted(erased.suppressions, 'stream')}, under the hash.")
    if erased.due:
        stays.append(f"{counted(erased.due, 'delivery', 'deliveries')} still due: each keeps the address until it is "
                     "accepted or becomes a dead letter.")
    return show(request, Preview(
        f"Forget {harmless(address, 320)}", "Forget address", _back(request),
        (*(told or ("No data about it remains, except in other people's mail.",)),
         "All stored mail and text is searched for the address, and the database file is cleaned. This may take "
         "minutes; you can leave the page."),
        found.seen, stays=tuple(stays), undo="This can't be reversed.", is_danger=True,
        inputs=(FormField("address", "Type the address to confirm", type="email", required=True),),
        because_required=True,
    ))


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

    work = Work("Forgetting an address", lambda mails: f"{counted(mails, 'stored mail')} searched",
                leads_to=f"{back}?done=forget", again=f"{back}/forget")
    return see(request.context.jobs.start(request.path["rid"], work, run))


def _protection(request: PageRequest) -> OfferedChange:
    address = address_of(request)
    domain = address_key(address).rpartition("@")[2]
    what = request.form.get("what") if request.form else "address"
    then = request.form.get("standing", _STAYS)
    if what not in {"address", "domain"} or then not in {_STAYS, _RELEASE}:
        raise HTTPException(422, "Choose what to protect: nothing was changed.")
    name = address_key(address) if what == "address" else f"@{domain}"
    operation = Protect(*request.context.house, name, of=address, release=then == _RELEASE)
    found = operation.preview(request.actor(None))
    stays = ["Reports stay in the history."]
    inputs = [FormField("what", "Protect", options=(
        ("address", harmless(address, 320)), ("domain", f"every address of {harmless(domain, 255)}"),
    ))]
    sent: tuple[str, ...] = ("Nothing is sent.",)
    if found.standing:
        streams = counted(len(found.standing), "stream")
        stays.append(f"It stays suppressed or held in {streams}, unless you release it below.")
        inputs.append(FormField("standing", "Existing suppressions", options=(
            (_STAYS, "stay until released"), (_RELEASE, f"are released now, in {streams}"),
        )))
        sent = tuple(f"If it is released: {each}" for each in many.would_hear(found.notices))
    return OfferedChange(operation, Preview(
        f"Protect {harmless(address, 320)}", "Protect", _back(request),
        (_NO_RULE.format("it"),), found.seen, sent, tuple(stays), _CAN_END,
        because="Why? (shown here and in the log)", because_required=True, inputs=tuple(inputs),
    ), f"{_back(request)}?done=protect")


def protect_preview(request: PageRequest) -> Response:
    return show(request, _protection(request).preview)


def protect(request: PageRequest) -> Response:
    change = _protection(request)
    try:
        return make(request, change)
    except ValueError as error:
        raise HTTPException(422, f"Can't protect it: {harmless(error, 300)}. Nothing was changed.") from None


def domain(request: PageRequest) -> OfferedChange:
    text = request.query.get("domain", "").strip().removeprefix("@")
    if "@" in text:
        raise HTTPException(422, "To protect an address, search for it and open its page.")
    try:
        name = name_of(f"@{text}")
    except ValueError as error:
        raise HTTPException(422, f"{harmless(error, 300)}. Nothing was changed.") from None
    operation = Protect(*request.context.house, name)
    found = operation.preview(request.actor(None))
    before = found.before
    told = (f"It is protected already, by {harmless(before.actor, 100)} since {moment(before.at)}: "
            f"{harmless(before.because)}. Your reason replaces it.",) if before else ()
    return OfferedChange(operation, Preview(
        f"Protect {name[1:]}", f"Protect {name[1:]}", "/settings#protected",
        (_NO_RULE.format(f"an address of {name[1:]}"), *told), found.seen, stays=(
            "Addresses suppressed or held now stay so until released.", "Subdomains are not included.",
        ), undo=_CAN_END, because="Why? (shown here and in the log)", because_required=True,
    ), "/settings?done=protect#protected")


def end(request: PageRequest) -> OfferedChange:
    name = request.context.ledger.names.address(request.path["rid"])
    operation = Unprotect(*request.context.house, name or "")
    found = operation.preview(request.actor(None))
    it = found.what
    if not name or it is None:
        raise HTTPException(404, "This is not protected by hand: nothing was changed.")
    return OfferedChange(operation, Preview(
        f"Stop protecting {harmless(it.name, 320)}", "Stop protecting", "/settings#protected",
        (f"Protected by {harmless(it.actor, 100)} since {moment(it.at)}: {harmless(it.because)}.",
         "New reports count again."), found.seen,
        stays=("Reports received during protection do not count.",
               "Protection by the configuration stays."),
        undo="To reverse it, protect it again.", because_required=True,
    ), "/settings?done=unprotect#protected")


ROUTES = (
    *changing("/recipients/{rid}/release", release), *changing("/recipients/{rid}/suppress", suppress),
    get("/recipients/{rid}/forget", forget_preview), post("/recipients/{rid}/forget", forget),
    get("/recipients/{rid}/protect", protect_preview), post("/recipients/{rid}/protect", protect),
    *changing("/protect", domain), *changing("/protected/{rid}/end", end),
)
