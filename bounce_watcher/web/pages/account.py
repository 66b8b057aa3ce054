"""Who uses the dashboard, and under which settings: sign-in and sessions, the settings in force, the log of actions."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import timedelta
from enum import Enum
from types import NoneType
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from bounce_watcher.config import Settings
from bounce_watcher.config.keys import table_of
from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.db.query import FilterField
from bounce_watcher.ledger.sessions import Role
from bounce_watcher.model.url import MASK, without_url_secrets
from bounce_watcher.web.http.access import SIGN_IN
from bounce_watcher.web.pages.recipients.recipient import ACTIONS
from bounce_watcher.web.pages.shared import listing
from bounce_watcher.web.pages.shared.listing import Download, Filter
from bounce_watcher.web.request import PageRequest, ask, get, post, see
from bounce_watcher.web.view.render import html
from bounce_watcher.words.formatting import age, harmless

# ── sign-in: a wrong, an old and a foreign token get the same answer ────────────────────────────────────────────────

def sign_in_form(request: PageRequest) -> Response:
    _demand_a_token(request)
    return _form(request, _local(request.query.get("next", "/")))


def sign_in(request: PageRequest) -> Response:
    _demand_a_token(request)
    wanted, throttle = _local(request.form.get("next", "/")), request.sessions.throttle
    if wait := throttle.wait(request.peer, request.now):
        told = f"Too many tries from your address. Wait {age(timedelta(seconds=wait))}."
        answer = _form(request, wanted, told, 429)
        answer.headers["Retry-After"] = str(wait)
        return answer
    token = request.form.get("token", "").strip()
    if request.sessions.role_of(token) is None:
        throttle.failed(request.peer, request.now, way="form", wanted=Role.READER.value)
        return _form(request, wanted, "This token is not valid.", 403)
    response = RedirectResponse(wanted, 303)
    if request.viewer.session:
        request.sessions.close(request.viewer.session)
    request.sessions.open(response, token, request.now, peer=request.peer, agent=request.agent, secure=request.secure)
    return response


def sign_out(request: PageRequest) -> Response:
    if not request.viewer.session:
        raise HTTPException(404, "nobody is signed in")
    response = RedirectResponse(SIGN_IN, 303)
    request.sessions.close(request.viewer.session)
    request.sessions.forget(response)
    return response


def _demand_a_token(request: PageRequest) -> None:
    web = request.context.settings.web
    if web is None or web.token is None:
        raise HTTPException(404, "Sign-in is off: no token is set under [web] in the configuration.")


def _form(request: PageRequest, wanted: str, error: str | None = None, status: int = 200) -> Response:
    csrf = request.sessions.form_token(request.viewer.asker)
    return html("sign_in.html", {"title": "Sign in", "next": wanted, "error": error, "csrf": csrf}, status)


def _local(wanted: str) -> str:
    """Returns `wanted` if it is a path of ours, else "/"."""
    parts = urlsplit(wanted)
    is_ours = not parts.scheme and not parts.netloc and wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    return wanted if is_ours and wanted.isprintable() else "/"


def end_session(request: PageRequest) -> Response:
    """Ends a sign-in of somebody else. People end their own by signing out."""
    if not request.context.ledger.sessions.end([request.path["id"]], request.actor(None)):
        raise HTTPException(404, "This session has already ended: nothing was changed.")
    return see("/settings?done=end-session#sessions")


# ── settings, without secrets ───────────────────────────────────────────────────────────────────────────────────────

KEYS = (
    ("/", "search"), ("g then o r p s i v b e", "overview, recipients, providers, streams, incidents, review, outbox, "
     "events"), ("j, k", "next and previous row"), ("f", "first filter"), ("1 2 3 4", "time range"), ("?", "this list"),
)

MOST_PROTECTED, MOST_SESSIONS = 500, 100
"""The most shown here; the shell lists any number."""

_SECTIONS = (
    ("Mailboxes", "mailboxes"), ("Attribution", "attribution"), ("Policy", "policy"), ("Webhooks", "webhooks"),
    ("Platforms", "platforms"), ("Web", "web"),
)
_CALL = "_call"
"""The ending of keys that hold a method and a path."""
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")
Line = tuple[str, str]
"""A key and its value."""


def settings(request: PageRequest) -> Response:
    ledger, quota = request.context.ledger, request.context.settings.raw_quota
    of = "no quota" if quota is None else f"of {volume(quota)} (raw_quota)"
    disk = ("Disk", [("raw mail kept, compressed", f"{volume(ledger.history.raw_bytes())}, {of}")])
    protected = ledger.lists.protections(MOST_PROTECTED + 1)
    return request.page(
        "settings.html", "Settings", sections=[*sections(request.context.settings), disk], keys=KEYS,
        protected=[(each, ledger.names.name(each.name)) for each in protected[:MOST_PROTECTED]],
        more_protected=len(protected) > MOST_PROTECTED, done=request.query.get("done"),
        sign_ins=ledger.sessions.all(request.now)[:MOST_SESSIONS] if request.viewer.may_act else [],
    )


def volume(size: int) -> str:
    """Returns a size such as "3.4 MiB"."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} {_UNITS[0]}"


def sections(settings: Settings) -> Iterator[tuple[str, list[Line]]]:
    """Yields the title of each section, and its settings; of secrets (by type, or not in `repr`) whether they are set.
    """
    for title, name in _SECTIONS:
        yield title, list(_lines("", getattr(settings, name)))
    rest = [field.name for field in fields(settings) if field.name not in {name for _, name in _SECTIONS}]
    places = table_of(Settings).places
    yield "Others", [
        line for name in rest for line in _lines(".".join(places.get(name, (name,))), getattr(settings, name))
    ]


def _lines(key: str, value: object) -> Iterator[Line]:
    if isinstance(value, SecretStr):
        yield key, "set"
    elif is_dataclass(value) and not isinstance(value, type):
        places = table_of(type(value)).places
        for field in fields(value):
            written = ".".join(places.get(field.name, (field.name,)))
            name, held = _under(key, written), getattr(value, field.name)
            if field.name == "url" and hasattr(value, "shown_url"):
                yield name, harmless(value.shown_url) or "not set"
            else:
                yield from _lines(name, held) if field.repr else [(name, "set" if held else "not set")]
    elif isinstance(value, tuple | list) and any(map(is_dataclass, value)):
        for each in value:
            yield from _lines(_under(key, getattr(each, "name", "")), each)
    else:
        told = without_url_secrets(_plain(value))
        if key.endswith(_CALL) and "?" in told:  # the query of "PUT /blocked?…" may hold an API's key
            told = f"{told.partition('?')[0]}?{MASK}"
        yield key, harmless(told)


def _under(key: str, name: str) -> str:
    return ".".join(filter(None, (key, name)))


def _plain(value: object) -> str:
    for kind, told in _TOLD:
        if isinstance(value, kind):
            return told(value) or "not set"
    return str(value)


def _duration(value: timedelta) -> str:
    """Returns a duration as the configuration writes it."""
    seconds = int(value.total_seconds())
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


_TOLD: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (NoneType, lambda _: ""),
    (bool, lambda value: "yes" if value else "no"),
    (timedelta, _duration),
    (Enum, lambda value: str(value.value)),
    (SecretStr | bytes, lambda _: "set"),
    (frozenset, lambda value: ", ".join(sorted(map(_plain, value)))),
    (tuple | list, lambda value: ", ".join("never" if each is None else _plain(each) for each in value)),
    (Mapping, lambda value: ", ".join(f"{_plain(name)} = {_plain(each)}" for name, each in value.items())),
)


# ── the log: who did what by hand, when and why ─────────────────────────────────────────────────────────────────────

FILTERS = (
    Filter(FilterField.ACTOR, "By"),
    Filter(FilterField.ACTION, "Action", lambda value: ACTIONS.get(value, harmless(value, 60))),
)

DOWNLOAD: Download[LoggedAction] = Download("log", {
    "When": lambda done: done.at, "Who": lambda done: done.actor,
    "What": lambda done: ACTIONS.get(done.action, done.action), "To": lambda done: done.subject,
    "How many": lambda done: done.count, "Why": lambda done: done.because,
}, lambda done: {
    "id": done.number, "type": "action", "at": done.at, "by": done.actor, "action": done.action,
    "subject": done.subject, "count": done.count, "because": done.because,
})


def log(request: PageRequest) -> Response:
    asked = listing.filters(request, FILTERS)
    actions = request.context.ledger.log
    if listing.wanted_format(request):
        return listing.download(request, asked, DOWNLOAD, actions.all(asked.query))
    page, _, values = listing.listed(request, asked, lambda: actions.page(asked.query, listing.place(request, (int,))))
    return request.page(
        "log.html", "Log", **values,
        rows=[(done, ACTIONS.get(done.action, done.action), _subject(request, done)) for done in page.rows],
    )


def _subject(request: PageRequest, done: LoggedAction) -> tuple[str, str | None]:
    """Returns the subject of an action and its link: a recipient is shown as its address, anything else by its name."""
    address = request.context.ledger.names.address(done.subject)
    if address is not None and address.find("@") > 0:
        return harmless(address, 320), f"/recipients/{done.subject}"
    return harmless(done.subject, 200), None


ROUTES = (
    get(SIGN_IN, sign_in_form), ask(SIGN_IN, sign_in), ask("/logout", sign_out),
    post("/sessions/{id}/end", end_session), get("/settings", settings), *listing.routes("/log", log),
)
