"""Opt-outs: who asked for no more mail, and in which way. Each waits until a person has dealt with it."""

from collections.abc import Mapping
from itertools import islice

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.query import FilterField
from bounce_watcher.ledger.review.optouts import GID
from bounce_watcher.ledger.review.review import OPT_OUT_KEY_KINDS
from bounce_watcher.model.address import address_key, is_forgotten
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.optout import AskedBy, KeptOptOut
from bounce_watcher.service.operations.reviewing import SettleOptOuts
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.forms import OfferedChange, Preview, at_the_shell, changing, make, show
from bounce_watcher.web.pages.shared.listing import Download, one_of
from bounce_watcher.web.request import PageRequest, get, post
from bounce_watcher.web.view.mail_shown import as_file, shown_mail
from bounce_watcher.words import grounds as words
from bounce_watcher.words.explanations import MATCHED_BY
from bounce_watcher.words.formatting import counted, harmless, moment
from bounce_watcher.words.rows import opt_out_row

PATH = f"/review/{GID}"
MOST = 1000
"""The most opt-outs that a page marks as done at once."""

_WAITING, _DONE = "waiting", "done"
STATES = {_WAITING: "Open", _DONE: "Done"}
FILTERS = (one_of(FilterField.STATE, "State", STATES),)
_STAYS = "No address is suppressed: remove it from your mailing lists."

_BY: Mapping[AskedBy, str] = {AskedBy.MAIL: "Mail", AskedBy.FEEDBACK_REPORT: "Feedback report"}


# ── in words: how somebody opted out, who that was, and how far it is proven ────────────────────────────────────────

def named(address: str | None) -> str:
    if is_forgotten(address):
        return "a forgotten address"
    return harmless(address, 320) if address else "nobody named"


def proof(kept: KeptOptOut) -> str:
    """Returns how far it is proven who asks; not a full sentence."""
    asked = kept.asked
    if asked.doubt:
        return f"in doubt: {harmless(words.doubt(asked.doubt), 200)}"
    if asked.recipient is None or asked.evidence is None:
        return "unproven: based on the sender's address only"
    grade = MATCHED_BY[asked.evidence]
    return grade if asked.evidence.at_least(Evidence.SIGNATURE) else f"unproven: {grade}"


def sentence(kept: KeptOptOut, address: str) -> str:
    """Returns what an opt-out means for an address that it names, as the ledger stores it."""
    asked, at = kept.asked, moment(kept.at)
    is_mailed = asked.recipient is not None and address_key(asked.recipient) == address_key(address)
    if asked.by is AskedBy.FEEDBACK_REPORT:
        told = f"Its provider forwarded an opt-out on {at}"
    elif not is_mailed and asked.recipient is not None:
        told = f"A mail from this address opted out {named(asked.recipient)} on {at}"
    elif not is_mailed or (asked.sender and address_key(asked.sender) == address_key(address)):
        told = f"It opted out on {at}"
    else:
        told = f"It opted out on {at}, by a mail from {named(asked.sender)}"
    return f"{told} ({proof(kept)}). {dealt(kept)}"


def dealt(kept: KeptOptOut) -> str:
    """Returns in a sentence whether a person has dealt with it."""
    if kept.done_at is None:
        return "Not handled yet."
    why = f": {harmless(kept.because, 300)}" if kept.because else "."
    return f"{harmless(kept.done_by, 100)} handled it on {moment(kept.done_at)}{why}"


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

DOWNLOAD: Download[KeptOptOut] = Download("opt-outs", {
    "When": lambda kept: kept.at, "By": lambda kept: _BY[kept.asked.by], "Recipient": lambda kept: kept.asked.recipient,
    "Proof": proof, "Sender": lambda kept: kept.asked.sender, "Stream": lambda kept: kept.asked.stream,
    "Campaign": lambda kept: kept.asked.sending, "Done": lambda kept: kept.done_at,
    "Done by": lambda kept: kept.done_by, "Why": lambda kept: kept.because, "Id": lambda kept: kept.id,
}, lambda kept: {"type": "opt_out", **opt_out_row(kept)})


def everybody(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    done = asked.first(FilterField.STATE) == _DONE
    ledger = request.context.ledger
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, ledger.review.opt_outs(done=done))
    page, _, values = listing.listed(
        request, asked, lambda: ledger.review.opt_out_page(listing.place(request, OPT_OUT_KEY_KINDS), done=done)
    )
    waiting = ledger.figures.stock().opt_outs.number
    return request.page(
        "opt_outs.html", "Opt-outs", **values, heading=counted(waiting, "open opt-out"), done=done, waiting=waiting,
        rows=[_row(request, each) for each in page.rows], path=PATH, said=request.query.get("said"),
        states=[(value, text, request.link(state=value, said=None), (value == _DONE) is done)
                for value, text in STATES.items()],
    )


def _row(request: PageRequest, kept: KeptOptOut) -> dict[str, object]:
    return {"kept": kept, "recipient": _linked(request, kept.asked.recipient), "by": _BY[kept.asked.by],
            "sender": _linked(request, kept.asked.sender), "proof": proof(kept)}


def _linked(request: PageRequest, address: str | None) -> tuple[str, str | None]:
    """Returns the text, and its link if it is an address."""
    link = f"/recipients/{request.context.ledger.names.name(address)}" if address else None
    return named(address), link


def mail(request: PageRequest) -> Response:
    kept, raw = _mail(request)
    return request.page(
        "mail.html", f"Mail of {moment(kept.at)}", mail=shown_mail(raw), at=kept.at, path=PATH, back="Opt-outs",
        file=f"{PATH}/{kept.id}/mail.eml",
    )


def mail_file(request: PageRequest) -> Response:
    kept, raw = _mail(request)
    return as_file(raw, kept.message_digest)


def _mail(request: PageRequest) -> tuple[KeptOptOut, bytes]:
    kept = _one(request)
    raw = request.context.ledger.lists.message(kept.message_digest)
    if raw is None:
        raise HTTPException(404, "The message is no longer stored. Look in the mailbox's review folder.")
    return kept, raw


def _one(request: PageRequest) -> KeptOptOut:
    kept = request.context.ledger.review.opt_out(request.path["id"])
    if kept is None:
        raise HTTPException(404, "No such opt-out. It may have been deleted.")
    return kept


def _who(kept: KeptOptOut) -> str:
    asked = kept.asked
    other = f", asked by a mail from {named(asked.sender)}" if asked.recipient and asked.sender else ""
    return f"{named(asked.recipient or asked.sender)}{other}, {moment(kept.at)} ({proof(kept)})"


def done(request: PageRequest) -> OfferedChange:
    kept = _one(request)
    if kept.done_at is not None:
        raise HTTPException(409, f"{dealt(kept)} Nothing was changed.")
    operation = SettleOptOuts(*request.context.house, [kept])
    return OfferedChange(operation, Preview(
        "Mark the opt-out as done", "Mark as done", PATH, (f"{_who(kept)}: it is closed.",),
        operation.preview(request.actor(None)).seen, stays=(_STAYS,), undo="To reverse it, reopen it.",
    ), f"{PATH}?said=done")


def up(request: PageRequest) -> OfferedChange:
    kept = _one(request)
    if kept.done_at is None:
        raise HTTPException(409, "It is open already: nothing was changed.")
    operation = SettleOptOuts(*request.context.house, [kept], is_done=False)
    return OfferedChange(operation, Preview(
        "Reopen opt-out", "Reopen opt-out", f"{PATH}?state={_DONE}", (f"{_who(kept)}: it is open again.",),
        operation.preview(request.actor(None)).seen, undo="To reverse it, mark it as done.",
    ), f"{PATH}?said=up")


def all_preview(request: PageRequest) -> Response:
    change = _all(request)
    if change is None:
        return at_the_shell(request, "Mark all opt-outs as done", PATH, MOST, "bounce-watcher review done --all")
    return show(request, change.preview, change.links)


def all_done(request: PageRequest) -> Response:
    change = _all(request)
    if change is None:
        raise HTTPException(409, f"more than {MOST} are open: use the shell, nothing was changed")
    return make(request, change)


def _all(request: PageRequest) -> OfferedChange | None:
    """Returns the change of all that wait; None if they are too many for a page. Raises HTTPException if none wait."""
    waiting = list(islice(request.context.ledger.review.opt_outs(), MOST + 1))
    if not waiting:
        raise HTTPException(409, "No open opt-outs: nothing was changed.")
    if len(waiting) > MOST:
        return None
    operation, told = SettleOptOuts(*request.context.house, waiting), counted(len(waiting), "opt-out")
    return OfferedChange(operation, Preview(
        "Mark all opt-outs as done", f"Mark {told} as done", PATH, (f"{told} open now; later ones stay open.",),
        operation.preview(request.actor(None)).seen, stays=(_STAYS,), undo="To reverse it, reopen each one.",
        because_required=True, count=len(waiting),
    ), f"{PATH}?said=done", [(f"{PATH}.csv", "Download CSV")])


ROUTES = (
    *listing.routes(PATH, everybody), get(f"{PATH}/done", all_preview), post(f"{PATH}/done", all_done),
    get(f"{PATH}/{{id}}/mail", mail), get(f"{PATH}/{{id}}/mail.eml", mail_file),
    *changing(f"{PATH}/{{id}}/done", done), *changing(f"{PATH}/{{id}}/up", up),
)
"""These come before the routes of `review`, where any word may name a group."""
