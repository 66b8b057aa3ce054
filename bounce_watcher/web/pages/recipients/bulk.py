"""All recipients that a filter shows, released by one decision, after a preview.

Those about whom a person should think twice are left out, unless the address of the page includes them.
"""

from collections.abc import Iterator
from itertools import chain

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason
from bounce_watcher.service.operations.bulk import BulkOutline, ReleaseListed
from bounce_watcher.web.pages.recipients.listing import FILTERS
from bounce_watcher.web.pages.shared import listing, many
from bounce_watcher.web.pages.shared.listing import Filters
from bounce_watcher.web.pages.shared.preview import Preview, at_the_shell, show
from bounce_watcher.web.request import PageRequest, get, post
from bounce_watcher.words import formatting
from bounce_watcher.words.formatting import command, counted, number

PATH = "/recipients/release"
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


def _query(asked: Filters) -> Query:
    return Query(asked.choices, asked.since, asked.until)


def _decision(request: PageRequest, asked: Filters) -> many.BulkAction[Ruled]:
    here = _without(request, _DONE)
    return many.BulkAction(
        ReleaseListed(*request.context.house, subject_of(asked), _query(asked), _included(request)), many.ruled,
        doing="Releasing",
        nothing="There is nothing left to release: nothing was changed.", shell=_shell(request, asked),
        leads_to=listing.address(PATH, [*here, (_DONE, "release")]), again=listing.address(PATH, here),
    )


def _shell(request: PageRequest, asked: Filters) -> str:
    """Returns the shell command. It has the page's filters, except several values for one and excluded values."""
    words = ["bounce-watcher", "suppressions", "release", "--because", "…", "--dry-run"]
    wanted = _query(asked)
    for by, choice in wanted.choices.items():
        value = wanted.only(by)
        if choice.none_of or not value:
            return command("bounce-watcher", "suppressions", "release", "--help")
        words += [f"--{by}", value]
    times = {"--from": asked.since, "--to": asked.until}
    words += chain.from_iterable((name, formatting.iso(at)) for name, at in times.items() if at)
    return command(*words, *chain.from_iterable(("--with", left) for left in sorted(_included(request))))


def release_preview(request: PageRequest) -> Response:
    asked = _asked(request)
    title = f"Release {subject_of(asked)}"
    decision = _decision(request, asked)
    found = many.outline(request, decision)
    if found.more:
        return at_the_shell(request, title, _back(request), found.most, decision.shell, _exports(request))
    if not found.changed:
        return _nothing(request, asked, found)
    here = listing.here(request)
    suppressions = counted(len(found.changed), "suppression")
    preview = Preview(
        title, f"Release {suppressions}", _back(request),
        (f"{suppressions} would end. Past reports about these addresses no longer count.",
         *many.some(found.changed, many.ruled)), found.seen, many.would_hear(found.notices, many.held(found)),
        (*many.spared(found), "Other streams of these addresses, and later matches of the filter."),
        "This can't be reversed in bulk: suppress addresses one by one.",
        because="Why? (kept in the log and sent)", because_required=True, count=len(found.changed), is_danger=True,
    )
    return show(request, preview, [*_exports(request), *_to_include(request, found)], action=here)


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
            address = listing.address(request.url_path, [*_without(request, _DONE), (_WITH, left.value)])
            yield address, f"Release {_WORDS[left]} too ({number(how_many)})"


def _exports(request: PageRequest) -> Iterator[tuple[str, str]]:
    kept = _without(request, _DONE)
    yield listing.address(f"{request.url_path}.csv", kept), "Download CSV"
    yield listing.address(f"{request.url_path}.jsonl", kept), "Download JSON Lines"


def _back(request: PageRequest) -> str:
    return listing.address("/recipients", _without(request, _DONE, _WITH))


def _without(request: PageRequest, *names: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in listing.kept(request) if name not in names]


def download(request: PageRequest) -> Response:
    """Returns all that would change and all that would not, from a rehearsal, as a file."""
    asked = _asked(request)
    everybody = many.rehearsed(request, _decision(request, asked))
    return listing.download(request, asked, many.DOWNLOAD, everybody)


ROUTES = (
    get(PATH, release_preview), post(PATH, release), get(f"{PATH}.csv", download), get(f"{PATH}.jsonl", download),
)
