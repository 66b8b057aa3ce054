"""Changes in three steps: a preview with its own address, a form that carries what the person saw, a result.

A form carries the digest of what its preview showed. If the data has changed since, the person must look again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from bounce_watcher.service.operations.operation import Operation
from bounce_watcher.web.pages.shared.listing import here
from bounce_watcher.web.request import PageRequest, get, post, see

MOST_UNCOUNTED = 1000
"""Above this number, a person must type the number before a change."""
LONGEST_REASON = 500

Links = Iterable[tuple[str, str]]
"""Addresses and their labels."""


@dataclass(frozen=True, slots=True)
class FormField:
    """A field of the form. `options` are the values and texts of a choice; empty for a line of text."""

    name: str
    label: str
    help: str = ""
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    type: str = "text"
    required: bool = False


@dataclass(frozen=True, slots=True)
class Preview:
    """`title` and `button` begin with the same verb. `seen` is the digest of what was shown.

    `changes`, `sent` and `stays` are sentences; `undo` says whether it can be undone. `count` is how many it changes.
    """

    title: str
    button: str
    cancel: str
    changes: tuple[str, ...]
    seen: str
    sent: tuple[str, ...] = ("Nothing is sent.",)
    stays: tuple[str, ...] = ()
    undo: str = ""
    because: str = "Why? (kept in the log)"
    because_required: bool = False
    count: int = 1
    inputs: tuple[FormField, ...] = ()
    is_danger: bool = False
    cancel_first: bool = False


@dataclass(frozen=True, slots=True)
class OfferedChange:
    """A change that a page offers, its preview, and the address of its result. `links` lead to all that changes."""

    operation: Operation[Any, Any]
    preview: Preview
    leads_to: str
    links: Links = ()


def changing(path: str, change: Callable[[PageRequest], OfferedChange]) -> tuple[Route, Route]:
    """Returns the routes of a change: its preview, and the form that makes it."""
    def preview(request: PageRequest) -> Response:
        shown = change(request)
        return show(request, shown.preview, shown.links)

    return get(path, preview), post(path, lambda request: make(request, change(request)))


def at_the_shell(request: PageRequest, title: str, back: str, most: int, command: str, links: Links = ()) -> Response:
    """Returns the page that replaces a preview of a change to more than `most` addresses."""
    return request.page("at_the_shell.html", title, back=back, most=most, command=command, links=list(links))


def show(request: PageRequest, what: Preview, links: Links = ()) -> Response:
    """Returns the preview, which posts to its own address."""
    return request.page(
        "preview.html", what.title, preview=what, seen=what.seen, action=here(request), links=list(links),
        longest=LONGEST_REASON, must_count=what.count > MOST_UNCOUNTED,
    )


def make(request: PageRequest, change: OfferedChange) -> Response:
    """Makes the change that the preview showed. Raises HTTPException as `because` and `demand_seen` do."""
    why = because(request, required=change.preview.because_required)
    demand_seen(request, change.preview.seen, change.preview.count)
    change.operation.carry_out(request.actor(why))
    return see(change.leads_to)


def because(request: PageRequest, *, required: bool) -> str:
    """Returns the reason that a person gave. Raises HTTPException if it is missing or too long."""
    told = " ".join(request.form.get("because", "").split())
    if required and not told:
        raise HTTPException(422, "give a reason: it is kept in the log")
    if len(told) > LONGEST_REASON:
        raise HTTPException(422, f"the reason is longer than {LONGEST_REASON} characters")
    return told


def demand_seen(request: PageRequest, seen: str, count: int = 1) -> None:
    """Raises HTTPException 409 if the preview showed something else, 422 if the number of many was not typed."""
    if request.form.get("seen") != seen:
        raise HTTPException(409, "the data changed since this preview: reload it, nothing was changed")
    if count > MOST_UNCOUNTED and request.form.get("count", "").replace(",", "").strip() != str(count):
        raise HTTPException(422, f"type {count:,} to confirm: nothing was changed")
