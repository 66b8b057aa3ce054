"""All recipients that a filter shows, released by one decision, after a preview. Whom a person should think of twice is
left out, unless the address of the page says so."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.ledger.lists.browse import Query
from bounce_watcher.ledger.suppressions.rulings import Ruled
from bounce_watcher.policy.rulings import INCLUDABLE, SkipReason
from bounce_watcher.service.announcing import announcer
from bounce_watcher.web import many
from bounce_watcher.web.pages.recipients.listing import FILTERS
from bounce_watcher.web.request import Visit, get, post
from bounce_watcher.web.view import formatting, listing
from bounce_watcher.web.view.formatting import command, counted, number
from bounce_watcher.web.view.listing import Filters
from bounce_watcher.web.view.preview import Preview, at_the_shell, show

PATH = "/recipients/release"
_WITH, _DONE = "with", "done"
_WORDS = {
    SkipReason.COMPLAINT: "those who complained", SkipReason.BY_HAND: "those suppressed by hand",
    SkipReason.PROTECTED: "protected",
}


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


def _included(visit: Visit) -> frozenset[SkipReason]:
    told = {left.value: left for left in INCLUDABLE}
    return frozenset(told[each] for each in visit.query.getlist(_WITH) if each in told)


def subject_of(asked: Filters) -> str:
    """The filter in words, for the log. It holds no address: none can be filtered by."""
    return f"recipients with {'; '.join(chip.text for chip in asked.chips)}"


def _query(asked: Filters) -> Query:
    return Query(asked.choices, asked.since, asked.until)


def _decision(visit: Visit, asked: Filters) -> many.Decision[Ruled]:
    ledger, included = visit.house.ledger, _included(visit)
    here = _without(visit, _DONE)
    return many.Decision(
        many.RULED, lambda wanted, dry_run: ledger.release_all(
            _query(asked), replace(wanted, included=included), dry_run=dry_run
        ),
        subject_of(asked), doing="Releasing", done="released",
        nothing="There is nothing to release any more: nothing was changed.", shell=_shell(visit, asked),
        leads_to=listing.address(PATH, [*here, (_DONE, "release")]), again=listing.address(PATH, here),
    )


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
    words += chain.from_iterable((name, formatting.iso(at)) for name, at in times.items() if at)
    return command(*words, *chain.from_iterable(("--with", left) for left in sorted(_included(visit))))


def release_preview(visit: Visit) -> Response:
    asked, listener = _asked(visit), many.Listener(visit)
    title = f"Release what the filter shows: {subject_of(asked)}"
    decision = _decision(visit, asked)
    found = many.outline(visit, decision, listener)
    if found.more:
        return at_the_shell(visit, title, _back(visit), many.MOST_HERE, decision.shell, _exports(visit))
    if not found.changed:
        return _nothing(visit, asked, found)
    here = listing.here(visit)
    suppressions = counted(len(found.changed), "suppression")
    preview = Preview(
        title, f"Release {suppressions}", _back(visit),
        (f"{suppressions} would end. What was reported of these addresses until now counts no more.",
         *many.some(found.changed, many.RULED.line)), (found.seen,), listener.sentences(many.held(found)),
        (*many.spared(found), "Other streams of these addresses, and who comes under the filter later."),
        "It can be undone one by one only: suppress an address again.",
        because="Why? (kept in the log, and told)", because_required=True, count=len(found.changed), is_danger=True,
    )
    return show(visit, preview, [*_exports(visit), *_to_include(visit, found)], action=here)


def release(visit: Visit) -> Response:
    return many.carry_out(visit, _decision(visit, _asked(visit)))


def _nothing(visit: Visit, asked: Filters, found: many.Outline[Ruled]) -> Response:
    done = visit.house.ledger.actions_on(subject_of(asked), 1) if visit.query.get(_DONE) else []
    return visit.page(
        "released.html", "Released" if done else "Nothing to release", done=done[0] if done else None,
        subject=subject_of(asked), spared=list(many.spared(found)), links=list(_to_include(visit, found)),
        back=_back(visit),
    )


def _to_include(visit: Visit, found: many.Outline[Ruled]) -> Iterator[tuple[str, str]]:
    """Addresses of the preview in which those are released too that are left out here."""
    for left, how_many in many.left_out(found).items():
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
    everybody = many.rehearsed(visit, _decision(visit, asked), announcer(visit.house.settings))
    return listing.download(visit, asked, many.DOWNLOAD, everybody)


ROUTES = (
    get(PATH, release_preview), post(PATH, release), get(f"{PATH}.csv", download), get(f"{PATH}.jsonl", download),
)
