"""Protection by hand of an address or a domain, which no rule may suppress then, and its end; each after a preview."""


from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.model.address import address_key
from bounce_watcher.model.ledger import Protection
from bounce_watcher.service.operations.operation import Outline
from bounce_watcher.service.operations.recipients import Protect, Unprotect, name_of
from bounce_watcher.web.pages.recipients.recipient import address_of
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import FormField, Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.words.formatting import counted, harmless, moment

_NO_RULE = "No rule will suppress {}. A person or a platform still can."
_CAN_END = "To reverse it, stop protecting here or under Settings."
_RELEASE, _STAYS = "release", "stays"


# ── an address, or its domain ───────────────────────────────────────────────────────────────────────────────────────

def protect_preview(request: PageRequest) -> Response:
    address = address_of(request)
    found = Protect(*request.context.house, address_key(address), of=address).preview(request.actor(None))
    domain = _domain_of(address)
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
    return show(request, Preview(
        f"Protect {harmless(address, 320)}", "Protect", f"/recipients/{request.path['rid']}",
        (_NO_RULE.format("it"),), found.seen, sent, tuple(stays), _CAN_END,
        because="Why? (shown here and in the log)", because_required=True, inputs=tuple(inputs),
    ))


def protect(request: PageRequest) -> Response:
    address, what, then = address_of(request), request.form.get("what"), request.form.get("standing", _STAYS)
    if what not in {"address", "domain"} or then not in {_STAYS, _RELEASE}:
        raise HTTPException(422, "Choose what to protect: nothing was changed.")
    name = address_key(address) if what == "address" else f"@{_domain_of(address)}"
    _carry_out(request, Protect(*request.context.house, name, of=address, release=then == _RELEASE))
    return see(f"/recipients/{request.path['rid']}?done=protect")


def _carry_out(request: PageRequest, operation: Protect) -> None:
    by = request.actor(because(request, required=True))
    demand_seen(request, operation.preview(by).seen)
    try:
        operation.carry_out(by)
    except ValueError as error:
        raise HTTPException(422, f"Can't protect it: {harmless(error, 300)}. Nothing was changed.") from None


def _domain_of(address: str) -> str:
    return address_key(address).rpartition("@")[2]


# ── a domain ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _domain_asked(request: PageRequest) -> str:
    """Returns the domain in the address, with its "@". Raises HTTPException if it is not a domain."""
    text = request.query.get("domain", "").strip().removeprefix("@")
    if "@" in text:
        raise HTTPException(422, "To protect an address, search for it and open its page.")
    try:
        return name_of(f"@{text}")
    except ValueError as error:
        raise HTTPException(422, f"{harmless(error, 300)}. Nothing was changed.") from None


def domain_preview(request: PageRequest) -> Response:
    name = _domain_asked(request)
    found = Protect(*request.context.house, name).preview(request.actor(None))
    before = found.before
    told = (f"It is protected already, by {harmless(before.actor, 100)} since {moment(before.at)}: "
            f"{harmless(before.because)}. Your reason replaces it.",) if before else ()
    return show(request, Preview(
        f"Protect {name[1:]}", f"Protect {name[1:]}", "/settings#protected",
        (_NO_RULE.format(f"an address of {name[1:]}"), *told), found.seen, stays=(
            "Addresses suppressed or held now stay so until released.", "Subdomains are not included.",
        ), undo=_CAN_END, because="Why? (shown here and in the log)", because_required=True,
    ), action=listing.address("/protect", [("domain", name[1:])]))


def domain(request: PageRequest) -> Response:
    _carry_out(request, Protect(*request.context.house, _domain_asked(request)))
    return see("/settings?done=protect#protected")


# ── the end of a protection ─────────────────────────────────────────────────────────────────────────────────────────

def _unprotect(request: PageRequest) -> tuple[Unprotect, Outline[Protection | None], Protection]:
    name = request.context.ledger.names.address(request.path["rid"])
    operation = Unprotect(*request.context.house, name or "")
    found = operation.preview(request.actor(None))
    if not name or found.what is None:
        raise HTTPException(404, "This is not protected by hand: nothing was changed.")
    return operation, found, found.what


def end_preview(request: PageRequest) -> Response:
    _, found, it = _unprotect(request)
    return show(request, Preview(
        f"Stop protecting {harmless(it.name, 320)}", "Stop protecting", "/settings#protected",
        (f"Protected by {harmless(it.actor, 100)} since {moment(it.at)}: {harmless(it.because)}.",
         "New reports count again."), found.seen,
        stays=("Reports received during protection do not count.",
               "Protection by the configuration stays."),
        undo="To reverse it, protect it again.", because_required=True,
    ))


def end(request: PageRequest) -> Response:
    operation, found, _ = _unprotect(request)
    why = because(request, required=True)
    demand_seen(request, found.seen)
    operation.carry_out(request.actor(why))
    return see("/settings?done=unprotect#protected")


ROUTES = (
    get("/recipients/{rid}/protect", protect_preview), post("/recipients/{rid}/protect", protect),
    get("/protect", domain_preview), post("/protect", domain),
    get("/protected/{rid}/end", end_preview), post("/protected/{rid}/end", end),
)
