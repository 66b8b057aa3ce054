"""Changes in three steps: a preview with its own address, a form that carries what the person saw, a result.

A form carries the digest of what its preview showed. If the data has changed since, the person must look again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import Response

from bounce_watcher.service.operations.operation import Operation
from bounce_watcher.web.request import PageRequest

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

    @property
    def must_count(self) -> bool:
        return self.count > MOST_UNCOUNTED


def at_the_shell(request: PageRequest, title: str, back: str, most: int, command: str, links: Links = ()) -> Response:
    """Returns the page that replaces a preview of a change to more than `most` addresses."""
    return request.page("at_the_shell.html", title, back=back, most=most, command=command, links=list(links))


def show(request: PageRequest, what: Preview, links: Links = (), *, action: str | None = None) -> Response:
    """Returns the preview. It posts to `action`, else to its own path. `links` lead to the full list of changes."""
    return request.page(
        "preview.html", what.title, preview=what, seen=what.seen, action=action or request.url_path,
        links=list(links), longest=LONGEST_REASON,
    )


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


def carry_out(
    request: PageRequest, operation: Operation[Any, Any], seen: str = "", *, because_required: bool, count: int = 1
) -> None:
    """Carries out what the preview showed. Raises HTTPException as `because` and `demand_seen` do.

    `seen` is the digest of a preview made for this request, if there is one.
    """
    by = request.actor(because(request, required=because_required))
    demand_seen(request, seen or operation.preview(by).seen, count)
    operation.carry_out(by)
