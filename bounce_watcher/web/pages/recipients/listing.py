"""Addresses whose state has changed: their list, the release of all that it shows, and the search field.

Released are all that a filter shows, by one decision, after a preview. Those about whom a person should think twice are
left out, unless the address of the page includes them.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from email.utils import parseaddr
from itertools import chain

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.query import FilterField
from bounce_watcher.ledger.lists.browse import RecipientStanding
from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.model.ledger import State
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason
from bounce_watcher.service.operations.bulk import BulkOutline, ReleaseListed
from bounce_watcher.web.pages.recipients.events import BY_REASON, REASONS
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.forms import Preview, at_the_shell, show
from bounce_watcher.web.pages.shared.listing import Download, Filter, Filters, one_of
from bounce_watcher.web.request import PageRequest, ask, get, post, see
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import command, counted, number
from bounce_watcher.words.rows import explained

_STATES = {each.value: formatting.STATES[each][0] for each in State}

FILTERS = (
    one_of(FilterField.STATE, "State", _STATES),
    BY_REASON,
    Filter(FilterField.STREAM, "Stream"),
    Filter(FilterField.PROVIDER, "Provider", formatting.provider),
    Filter(FilterField.DOMAIN, "Domain"),
)


def _until(row: RecipientStanding) -> object:
    return "for good" if row.until is None and row.state in {State.SUPPRESSED, State.PENDING} else row.until


DOWNLOAD: Download[RecipientStanding] = Download("recipients", {
    "Address": lambda row: row.recipient, "State": lambda row: formatting.STATES[row.state][0],
    "Because": lambda row: words.text(row.grounds), "Reason": lambda row: row.reason, "Stream": lambda row: row.stream,
    "Since": lambda row: row.at, "Until": _until, "Bounces, 30 days": lambda row: row.bounces,
}, lambda row: {
    "id": f"{row.recipient}/{row.stream}", "type": "recipient", "recipient": row.recipient, "stream": row.stream,
    "state": row.state, **explained(row.grounds), "reason": row.reason, "since": row.at, "until": row.until,
    "scope": row.scope, "bounces": row.bounces,
})


def recipients(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    browsing = request.context.ledger.browsing
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, browsing.all_recipients(asked.query, request.now))
    page, found, values = listing.listed(
        request, asked,
        lambda: browsing.recipient_page(asked.query, listing.place(request, (datetime, int)), request.now),
        lambda: browsing.recipient_facets(asked.query),
    )
    return request.page(
        "recipients.html", "Recipients", **values,
        **listing.narrowing(request, asked, FILTERS, found, "recipient", "recipients"),
        rows=[(each, request.rid_of(each.recipient)) for each in page.rows], states=_STATES.items(),
        reasons=[(value, formatting.reason(value)) for value in REASONS],
        release=listing.address(RELEASE, listing.kept(request)), domain=asked.query.only(FilterField.DOMAIN),
    )


# ── the release of all shown ────────────────────────────────────────────────────────────────────────────────────────

RELEASE = "/recipients/release"
_WITH, _DONE = "with", "done"
_WORDS = {
    SkipReason.COMPLAINT: "addresses with complaints", SkipReason.BY_HAND: "manually suppressed addresses",
    SkipReason.PROTECTED: "protected",
}


def _asked(request: PageRequest) -> Filters:
    """Reads the filter. Raises HTTPException if it makes no sense or is missing."""
    asked = listing.filters(request, FILTERS, (_WITH, _DONE))
    if asked.problem:
        raise HTTPException(400, f"{asked.problem} Nothing was changed.")
    if asked.unknown:
        raise HTTPException(400, f"Unknown filter {', '.join(asked.unknown)}: nothing was changed.")
    if not asked.chips:
        raise HTTPException(422, "Set a filter first: without one, every recipient would be included.")
    return asked


def _included(request: PageRequest) -> frozenset[SkipReason]:
    told = {left.value: left for left in INCLUDABLE}
    return frozenset(told[each] for each in request.query.getlist(_WITH) if each in told)


def subject_of(asked: Filters) -> str:
    """Returns the filter in words, for the log. It holds no address, because there is no filter by address."""
    return f"recipients with {'; '.join(chip.text for chip in asked.chips)}"


def _decision(request: PageRequest, asked: Filters) -> many.BulkAction[Ruled]:
    here = listing.kept(request, _DONE)
    return many.BulkAction(
        ReleaseListed(*request.context.house, subject_of(asked), asked.query, _included(request)), doing="Releasing",
        nothing="There is nothing left to release: nothing was changed.", shell=_shell(request, asked),
        leads_to=listing.address(RELEASE, [*here, (_DONE, "release")]), again=listing.address(RELEASE, here),
    )


def _shell(request: PageRequest, asked: Filters) -> str:
    """Returns the shell command. It has the page's filters, except several values for one and excluded values."""
    words = ["bounce-watcher", "suppressions", "release", "--because", "…", "--dry-run"]
    for by, choice in asked.choices.items():
        value = asked.query.only(by)
        if choice.none_of or not value:
            return command("bounce-watcher", "suppressions", "release", "--help")
        words += [f"--{by}", value]
    times = {"--from": asked.since, "--to": asked.until}
    words += chain.from_iterable((name, formatting.iso(at)) for name, at in times.items() if at)
    return command(*words, *chain.from_iterable(("--with", left) for left in sorted(_included(request))))


def release_preview(request: PageRequest) -> Response:
    asked = _asked(request)
    title, back = f"Release {subject_of(asked)}", _back(request)
    decision = _decision(request, asked)
    found = many.outline(request, decision)
    links = listing.file_links(request.url_path, listing.kept(request, _DONE))
    if found.more:
        return at_the_shell(request, title, back, found.most, decision.shell, links)
    if not found.changed:
        return _nothing(request, asked, found)
    suppressions = counted(len(found.changed), "suppression")
    held = sum(each.was is State.PENDING for each in found.changed)  # no target was notified of them
    preview = Preview(
        title, f"Release {suppressions}", back,
        (f"{suppressions} would end. Past reports about these addresses no longer count.",
         *many.some(found.changed, many.ruled)), found.seen, many.would_hear(found.notices, held),
        (*many.spared(found), "Other streams of these addresses, and later matches of the filter."),
        "This can't be reversed in bulk: suppress addresses one by one.",
        because="Why? (kept in the log and sent)", because_required=True, count=len(found.changed), is_danger=True,
    )
    return show(request, preview, [*links, *_to_include(request, found)])


def release(request: PageRequest) -> Response:
    return many.carry_out(request, _decision(request, _asked(request)))


def _nothing(request: PageRequest, asked: Filters, found: BulkOutline[Ruled]) -> Response:
    done = request.context.ledger.log.on(subject_of(asked), 1) if request.query.get(_DONE) else []
    return request.page(
        "released.html", "Released" if done else "Nothing to release", done=done[0] if done else None,
        subject=subject_of(asked), spared=list(many.spared(found)), links=list(_to_include(request, found)),
        back=_back(request),
    )


def _to_include(request: PageRequest, found: BulkOutline[Ruled]) -> Iterator[tuple[str, str]]:
    """Yields links to the preview that also releases those left out here."""
    for left, how_many in many.left_out(found).items():
        if left in _WORDS:
            address = listing.address(request.url_path, [*listing.kept(request, _DONE), (_WITH, left.value)])
            yield address, f"Release {_WORDS[left]} too ({number(how_many)})"


def _back(request: PageRequest) -> str:
    return listing.address("/recipients", listing.kept(request, _DONE, _WITH))


def download(request: PageRequest) -> Response:
    """Returns all that would change and all that would not, from a rehearsal, as a file."""
    asked = _asked(request)
    everybody = _decision(request, asked).operation.rehearse(request.actor(many.REHEARSAL))
    return listing.download(request, asked, many.DOWNLOAD, everybody)


# ── the search field on top of every page ───────────────────────────────────────────────────────────────────────────

LONGEST = 320
"""The most characters of a search: those of an address (RFC 5321 section 4.5.3.1)."""
_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}|[245]\d\d")
_DOMAIN = re.compile(r"@?(?=.{1,253}\Z)([^\s@:/<>\"']+\.)+[^\s@:/<>\"'.\d]{2,}\.?")
_EVENT = re.compile(r"[0-9a-f]{32,128}(?:/[0-9a-f]{8,64})?")
_MAILBOX = re.compile(r"[^\s@]+@[^\s@]+")


def find(request: PageRequest) -> Response:
    """Looks for an address, a domain, a code, the id of an event, or words: posted, so that no link or log holds them.
    """
    text = " ".join(request.form.get("q", "").split())
    if not text:
        return see("/recipients")
    if len(text) > LONGEST:
        raise HTTPException(422, f"The search text is longer than {LONGEST} characters: shorten it.")
    return see(_where(request, text))


def _where(request: PageRequest, text: str) -> str:
    bare = parseaddr(text)[1] if "<" in text else text.removeprefix("mailto:")
    ledger = request.context.ledger
    if _MAILBOX.fullmatch(bare) and ":" not in bare:
        return f"/recipients/{ledger.names.name(bare)}"
    if _EVENT.fullmatch(text) and ledger.browsing.event(text):
        return f"/events/{text}"
    if _CODE.fullmatch(text):
        return listing.address("/events", [("code", text)])
    if _DOMAIN.fullmatch(text):
        return listing.address("/events", [("domain", text.strip("@.").lower())])
    return listing.address("/events", [("q", text)])


ROUTES = (
    *listing.routes("/recipients", recipients),
    get(RELEASE, release_preview), post(RELEASE, release), *listing.routes(RELEASE, download, page=False),
    ask("/find", find),
)
