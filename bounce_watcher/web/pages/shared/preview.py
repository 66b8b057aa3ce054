"""The preview that a page shows before a change, with the form that makes the change: see `preview.html`."""

from collections.abc import Iterable
from dataclasses import dataclass

from starlette.responses import Response

from bounce_watcher.web.pages.shared import forms
from bounce_watcher.web.request import PageRequest

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
        return self.count > forms.MOST_UNCOUNTED


def at_the_shell(request: PageRequest, title: str, back: str, most: int, command: str, links: Links = ()) -> Response:
    """Returns the page that replaces a preview of a change to more than `most` addresses."""
    return request.page("at_the_shell.html", title, back=back, most=most, command=command, links=list(links))


def show(
    request: PageRequest, what: Preview, links: Links = (), *, action: str | None = None
) -> Response:
    """Returns the preview. It posts to `action`, else to its own path. `links` lead to the full list of changes."""
    return request.page(
        "preview.html", what.title, preview=what, seen=what.seen, action=action or request.url_path,
        links=list(links), longest=forms.LONGEST_REASON,
    )
