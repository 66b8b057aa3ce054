"""Whom no rule may suppress: an address or a domain protected by hand, and the end of that, each after a preview."""

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.model.address import address_key
from bounce_watcher.model.ledger import NoticeType, Protection, Suppression
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.operations.protecting import name_of
from bounce_watcher.web.pages.recipients.recipient import address_of
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.forms import because, demand_seen
from bounce_watcher.web.pages.shared.preview import FormField, Preview, show
from bounce_watcher.web.request import PageRequest, get, post, see
from bounce_watcher.web.view.formatting import counted, harmless, moment

_NO_RULE = "No rule will suppress {}. A person or a platform still can."
_CAN_END = "To reverse it, stop protecting here or under Settings."
_RELEASE, _STAYS = "release", "stays"


# ── an address, or its domain ───────────────────────────────────────────────────────────────────────────────────────

def protect_preview(request: PageRequest) -> Response:
    address, standing = address_of(request), _standing(request)
    domain = _domain_of(address)
    stays = ["Reports stay in the history."]
    inputs = [FormField("what", "Protect", options=(
        ("address", harmless(address, 320)), ("domain", f"every address of {harmless(domain, 255)}"),
    ))]
    listener = many.Listener(request)
    if standing:
        streams = counted(len(standing), "stream")
        stays.append(f"It stays suppressed or held in {streams}, unless you release it below.")
        inputs.append(FormField("standing", "Existing suppressions", options=(
            (_STAYS, "stay until released"), (_RELEASE, f"are released now, in {streams}"),
        )))
        listener.hear(NoticeType.RELEASED, address, standing)
    sent = listener.sentences() if standing else ("Nothing is sent.",)
    return show(request, Preview(
        f"Protect {harmless(address, 320)}", "Protect", f"/recipients/{request.path['rid']}",
        (_NO_RULE.format("it"),), _seen(request, address, standing),
        tuple(f"If it is released: {each}" for each in sent) if standing else sent, tuple(stays), _CAN_END,
        because="Why? (shown here and in the log)", because_required=True, inputs=tuple(inputs),
    ))


def protect(request: PageRequest) -> Response:
    address, standing = address_of(request), _standing(request)
    what, then = request.form.get("what"), request.form.get("standing", _STAYS)
    if what not in {"address", "domain"} or then not in {_STAYS, _RELEASE}:
        raise HTTPException(422, "Choose what to protect: nothing was changed.")
    why = because(request, required=True)
    demand_seen(request, _seen(request, address, standing), 1)
    _put(request, address_key(address) if what == "address" else f"@{_domain_of(address)}", why)
    if then == _RELEASE and standing:
        request.context.ledger.suppressions.release(
            address, None, request.actor(why), announce=announcer(request.context.settings)
        )
    return see(f"/recipients/{request.path['rid']}?done=protect")


def _standing(request: PageRequest) -> list[Suppression]:
    return list(request.context.ledger.lists.suppressions(SuppressionFilter(recipient=address_of(request))))


def _domain_of(address: str) -> str:
    return address_key(address).rpartition("@")[2]


def _seen(request: PageRequest, name: str, standing: Sequence[Suppression] = ()) -> tuple[object, ...]:
    stands = tuple((each.stream, each.state, each.since, each.grounds) for each in standing)
    return ("protect", address_key(name), request.context.ledger.lists.protection(name), stands)


def _put(request: PageRequest, name: str, why: str) -> None:
    try:
        request.context.ledger.suppressions.protect(name_of(name), request.actor(why))
    except ValueError as error:
        raise HTTPException(422, f"Can't protect it: {harmless(error, 300)}. Nothing was changed.") from None


# ── a domain ────────────────────────────────────────────────────────────────────────────────────────────────────────

def _domain_asked(request: PageRequest) -> str:
    """With its "@". Raises HTTPException for what is none."""
    text = request.query.get("domain", "").strip().removeprefix("@")
    if "@" in text:
        raise HTTPException(422, "To protect an address, search for it and open its page.")
    try:
        return name_of(f"@{text}")
    except ValueError as error:
        raise HTTPException(422, f"{harmless(error, 300)}. Nothing was changed.") from None


def domain_preview(request: PageRequest) -> Response:
    name = _domain_asked(request)
    before = request.context.ledger.lists.protection(name)
    told = (f"It is protected already, by {harmless(before.actor, 100)} since {moment(before.at)}: "
            f"{harmless(before.because)}. Your reason replaces it.",) if before else ()
    return show(request, Preview(
        f"Protect {name[1:]}", f"Protect {name[1:]}", "/settings#protected",
        (_NO_RULE.format(f"an address of {name[1:]}"), *told), _seen(request, name), stays=(
            "Addresses suppressed or held now stay so until released.", "Subdomains are not included.",
        ), undo=_CAN_END, because="Why? (shown here and in the log)", because_required=True,
    ), action=listing.address("/protect", [("domain", name[1:])]))


def domain(request: PageRequest) -> Response:
    name = _domain_asked(request)
    why = because(request, required=True)
    demand_seen(request, _seen(request, name), 1)
    _put(request, name, why)
    return see("/settings?done=protect#protected")


# ── the end of it ───────────────────────────────────────────────────────────────────────────────────────────────────

def _protection(request: PageRequest) -> Protection:
    ledger = request.context.ledger
    name = ledger.names.address(request.path["rid"])
    found = ledger.lists.protection(name) if name else None
    if found is None or name is None or address_key(found.name) != address_key(name):
        raise HTTPException(404, "This is not protected by hand: nothing was changed.")
    return found


def end_preview(request: PageRequest) -> Response:
    it = _protection(request)
    return show(request, Preview(
        f"Stop protecting {harmless(it.name, 320)}", "Stop protecting", "/settings#protected",
        (f"Protected by {harmless(it.actor, 100)} since {moment(it.at)}: {harmless(it.because)}.",
         "New reports count again."), ("unprotect", it),
        stays=("Reports received during protection do not count.",
               "Protection by the configuration stays."),
        undo="To reverse it, protect it again.", because_required=True,
    ))


def end(request: PageRequest) -> Response:
    it = _protection(request)
    why = because(request, required=True)
    demand_seen(request, ("unprotect", it), 1)
    request.context.ledger.suppressions.unprotect(it.name, request.actor(why))
    return see("/settings?done=unprotect#protected")


ROUTES = (
    get("/recipients/{rid}/protect", protect_preview), post("/recipients/{rid}/protect", protect),
    get("/protect", domain_preview), post("/protect", domain),
    get("/protected/{rid}/end", end_preview), post("/protected/{rid}/end", end),
)
