"""One request to a page, as its handler sees it, and the routes to handlers.

A handler is a plain function from a PageRequest to a Response. It runs in a thread, because it queries the ledger.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from anyio import CapacityLimiter, to_thread
from starlette.datastructures import ImmutableMultiDict
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.ledger import Actor
from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.context import WebContext
from bounce_watcher.web.http.access import NOBODY, Viewer
from bounce_watcher.web.http.body import whole_body
from bounce_watcher.web.http.peers import is_secure, peer_of
from bounce_watcher.web.http.session import BrowserSessions
from bounce_watcher.web.view.render import html

MOST_FORM_BYTES = 1024 * 1024
FORM_WITHIN = 20
"""Seconds within which a form must arrive."""
MOST_SIGN_IN_BYTES = 16 * 1024
SIGN_IN_WITHIN = 5
"""The same for unknown senders."""
LOOKERS = 4
"""Pages made at a time; other requests wait."""

Fields = ImmutableMultiDict[str, str]

_STALE = "this form has expired or is invalid: reload the page, nothing was changed"


@dataclass(frozen=True, slots=True)
class Badges:
    """The numbers in the menu: current `problems` of the service, open `incidents`, deliveries that `gave_up`, and
    groups of unrecognised messages that wait for `review`."""

    problems: int
    incidents: int
    gave_up: int
    review: int


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request to a page.

    `query` and `form` may hold a name several times; `path` holds the values of {…} in the route.
    `peer` is the address of the client, `agent` the name that the browser gives itself.
    """

    context: WebContext
    sessions: BrowserSessions
    viewer: Viewer
    secure: bool
    now: datetime
    url_path: str
    path: Mapping[str, str]
    query: Fields
    form: Fields = field(default_factory=Fields)
    peer: str = ""
    agent: str = ""

    def page(self, template: str, title: str, status: int = 200, **values: Any) -> Response:
        """Returns the page. `title` is the page's own; the number of problems and incidents is put in front of it."""
        to_do = self.context.ledger.lists.to_do()
        badges = Badges(len(self.context.state().troubles), to_do.alerts, to_do.dead, to_do.review)
        return html(template, {
            "title": _with_trouble(title, badges), "viewer": self.viewer, "now": self.now, "badges": badges,
            "csrf": self.sessions.form_token(self.viewer.asker), "here": self.url_path,
            "shadow": self.context.settings.policy.mode.value == "shadow",
            "can_sign_out": bool(self.viewer.session), **values,
        }, status)

    def actor(self, note: str | None) -> Actor:
        """Returns the person who asks, with what they typed."""
        return Actor(self.viewer.name, self.now, note or None)

    def rid_of(self, recipient: str) -> str | None:
        """Returns the name of an address in links; None if it was forgotten or is empty."""
        return None if not recipient or is_forgotten(recipient) else self.context.ledger.names.name(recipient)

    def link(self, **changes: str | Sequence[str] | None) -> str:
        """Returns the address of this page with other filters; None removes one. It starts at the newest rows."""
        kept = [(name, value) for name, value in self.query.multi_items() if name not in changes and name != "after"]
        for name, value in changes.items():
            values = [value] if isinstance(value, str) else value or ()
            kept.extend((name, each) for each in values)
        return f"{self.url_path}?{urlencode(kept)}" if kept else self.url_path


Handler = Callable[[PageRequest], Response]


def get(path: str, handler: Handler) -> Route:
    return Route(path, _endpoint(handler, changes=False), methods=["GET"])


def post(path: str, handler: Handler) -> Route:
    """Returns a route for forms that change something: it refuses readers, with a reason, and forged forms."""
    return Route(path, _endpoint(handler, changes=True), methods=["POST"])


def ask(path: str, handler: Handler) -> Route:
    """Returns a route for forms that change nothing, but hold values that must not appear in a URL."""
    return Route(path, _endpoint(handler, changes=False), methods=["POST"])


def see(where: str) -> Response:
    """Returns the answer to a form: the browser continues with a GET."""
    return RedirectResponse(where, 303)


def _endpoint(handler: Handler, *, changes: bool) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        page_request = await _page_request(request)
        if request.method == "POST" and not page_request.sessions.is_form_token(
            page_request.form.get("csrf", ""), page_request.viewer.asker
        ):
            raise HTTPException(403, _STALE)
        if changes and not page_request.viewer.may_act:
            raise HTTPException(403, page_request.viewer.limit.error)
        state = request.app.state  # unknown senders wait only for each other
        limiter: CapacityLimiter = state.strangers if page_request.viewer is NOBODY else state.lookers
        return await to_thread.run_sync(handler, page_request, limiter=limiter)

    return endpoint


async def _page_request(request: Request) -> PageRequest:
    state, web = request.app.state, request.app.state.context.settings.web
    viewer: Viewer = request.scope["viewer"] or NOBODY
    limits = (MOST_SIGN_IN_BYTES, SIGN_IN_WITHIN) if viewer is NOBODY else (MOST_FORM_BYTES, FORM_WITHIN)
    form = await _form(request, *limits) if request.method == "POST" else Fields()
    return PageRequest(
        state.context, state.sessions, viewer, is_secure(request, web), utcnow(), request.url.path,
        dict(request.path_params), Fields(request.query_params.multi_items()), form, peer_of(request, web),
        request.headers.get("user-agent", ""),
    )


async def _form(request: Request, most: int, within: float) -> Fields:
    """Returns the fields of a form. Raises HTTPException unless it is at most `most` bytes and comes `within` seconds.
    """
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        raise HTTPException(415, "forms must be sent as application/x-www-form-urlencoded")
    body = await whole_body(request, "the form", most, within, "the form is too large")
    try:
        return Fields(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=2000))
    except ValueError:
        raise HTTPException(400, "the form has too many fields") from None


def _with_trouble(title: str, told: Badges) -> str:
    parts = [
        f"{number} {word if number == 1 else word + 's'}"
        for number, word in ((told.problems, "problem"), (told.incidents, "incident")) if number
    ]
    return f"{', '.join(parts)} – {title}" if parts else title
