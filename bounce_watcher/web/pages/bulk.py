"""All recipients that a filter shows, released by one decision, after a preview. Whom a person should think of twice is
left out, unless the address of the page says so."""

from collections.abc import Iterator
from itertools import chain

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.actions import Action
from bounce_watcher.ledger.browse import Query
from bounce_watcher.ledger.paging import TookTooLong
from bounce_watcher.ledger.rulings import INCLUDABLE, Left, Ruled
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web import listing, many, shown
from bounce_watcher.web.forms import because, demand_seen
from bounce_watcher.web.listing import Filters
from bounce_watcher.web.pages.recipients import FILTERS
from bounce_watcher.web.preview import Preview, at_the_shell, show
from bounce_watcher.web.shown import command, counted, number
from bounce_watcher.web.visit import Visit, get, post, see

_WITH, _DONE = "with", "done"
_WORDS = {Left.COMPLAINT: "those who complained", Left.BY_HAND: "those suppressed by hand", Left.PROTECTED: "protected"}


def _asked(visit: Visit) -> Filters:
    """Raises HTTPException where the filter makes no sense, or is none."""
    asked = listing.filters(visit, FILTERS, (_WITH, _DONE))
    if asked.problem:
        raise HTTPException(400, f"{asked.problem} Nothing was changed.")
    if asked.unknown:
        raise HTTPException(400, f"There is no filter {', '.join(asked.unknown)}: nothing was changed.")
    if not asked.chips:
        raise HTTPException(422, "Narrow the list down first: without a filter this would be everybody.")
    return asked


def _included(visit: Visit) -> frozenset[Left]:
    told = {left.value: left for left in INCLUDABLE}
    return frozenset(told[each] for each in visit.query.getlist(_WITH) if each in told)


def subject_of(asked: Filters) -> str:
    """The filter in words, for the log. It holds no address: none can be filtered by."""
    return f"recipients with {'; '.join(chip.text for chip in asked.chips)}"


def _rehearsed(visit: Visit, asked: Filters, announce: many.Announce) -> Iterator[Ruled]:
    wanted = many.wanted(visit, "a rehearsal", announce, _included(visit))
    return visit.house.ledger.release_all(_query(asked), wanted, dry_run=True)


def _query(asked: Filters) -> Query:
    return Query(asked.choices, asked.since, asked.until)


def _outline(visit: Visit, asked: Filters, announce: many.Announce) -> many.Outline:
    try:
        found = many.outline(_rehearsed(visit, asked, announce))
    except TookTooLong:
        raise HTTPException(503, "Looking took too long: narrow the list down. Nothing was changed.") from None
    return found


def _shell(visit: Visit, asked: Filters) -> str:
    """The same at the shell, which knows the page's filters but for several values of one and values not wanted."""
    words = ["bounce-watcher", "suppressions", "release", "--because", "…", "--dry-run"]
    wanted = _query(asked)
    for by, choice in wanted.choices.items():
        value = wanted.only(by)
        if choice.none_of or not value:
            return command("bounce-watcher", "suppressions", "release", "--help")
        words += [f"--{by}", value]
    times = {"--from": asked.since, "--to": asked.until}
    words += chain.from_iterable((name, shown.iso(at)) for name, at in times.items() if at)
    return command(*words, *chain.from_iterable(("--with", left) for left in sorted(_included(visit))))


def release_preview(visit: Visit) -> Response:
    asked, listener = _asked(visit), many.Listener(visit)
    title = f"Release what the filter shows: {subject_of(asked)}"
    found = _outline(visit, asked, listener)
    if found.more:
        return at_the_shell(visit, title, _back(visit), many.MOST_HERE, _shell(visit, asked), _exports(visit))
    if not found.changed:
        return _nothing(visit, asked, found)
    here = listing.here(visit)
    suppressions = counted(found.changed, "suppression")
    preview = Preview(
        title, f"Release {suppressions}", _back(visit),
        (f"{suppressions} would end. What was reported of these addresses until now counts no more.",
         *many.sampled(found)), (found.seen,), listener.sentences(found.held),
        (*many.spared(found), "Other streams of these addresses, and who comes under the filter later."),
        "It can be undone one by one only: suppress an address again.",
        because="Why? (kept in the log, and told)", because_required=True, count=found.changed, is_danger=True,
    )
    return show(visit, preview, [*_exports(visit), *_to_include(visit, found)], action=here)


def release(visit: Visit) -> Response:
    """Does what was seen, batch by batch; what was done is in the log, also where it broke off."""
    asked = _asked(visit)
    why = because(visit, required=True)
    found = _outline(visit, asked, many.Listener(visit))
    if found.more:
        raise many.too_many("released", _shell(visit, asked))
    if not found.changed:
        raise HTTPException(409, "There is nothing to release any more: nothing was changed.")
    demand_seen(visit, (found.seen,), found.changed)
    ledger, done = visit.house.ledger, 0
    wanted = many.wanted(visit, why, announcer(visit.house.settings), _included(visit))
    try:
        for each in ledger.release_all(_query(asked), wanted):
            done += each.left is None
    finally:
        if done:
            ledger.log_action(Action(visit.now, visit.viewer.name, "release", subject_of(asked), done, why))
    return see(listing.address(visit.url_path, [*_without(visit, _DONE), (_DONE, "release")]))


def _nothing(visit: Visit, asked: Filters, found: many.Outline) -> Response:
    done = visit.house.ledger.actions_on(subject_of(asked), 1) if visit.query.get(_DONE) else []
    return visit.page(
        "released.html", "Released" if done else "Nothing to release", done=done[0] if done else None,
        subject=subject_of(asked), spared=list(many.spared(found)), links=list(_to_include(visit, found)),
        back=_back(visit),
    )


def _to_include(visit: Visit, found: many.Outline) -> Iterator[tuple[str, str]]:
    """Addresses of the preview in which those are released too that are left out here."""
    for left, how_many in found.left.items():
        if left in _WORDS:
            address = listing.address(visit.url_path, [*_without(visit, _DONE), (_WITH, left.value)])
            yield address, f"Release {_WORDS[left]} too ({number(how_many)})"


def _exports(visit: Visit) -> Iterator[tuple[str, str]]:
    kept = _without(visit, _DONE)
    yield listing.address(f"{visit.url_path}.csv", kept), "All of it as CSV"
    yield listing.address(f"{visit.url_path}.jsonl", kept), "as JSON Lines"


def _back(visit: Visit) -> str:
    return listing.address("/recipients", _without(visit, _DONE, _WITH))


def _without(visit: Visit, *names: str) -> list[tuple[str, str]]:
    return [(name, value) for name, value in listing.kept(visit) if name not in names]


def download(visit: Visit) -> Response:
    """All that would change, and all that would not, rehearsed."""
    asked = _asked(visit)
    return listing.download(visit, asked, many.DOWNLOAD, _rehearsed(visit, asked, announcer(visit.house.settings)))


ROUTES = (
    get("/recipients/release", release_preview), post("/recipients/release", release),
    get("/recipients/release.csv", download), get("/recipients/release.jsonl", download),
)
