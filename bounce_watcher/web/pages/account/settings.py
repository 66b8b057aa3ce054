"""The settings in force, without secrets, and the keyboard shortcuts."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import timedelta
from enum import Enum
from types import NoneType
from typing import Any

from pydantic import SecretStr
from starlette.responses import Response

from bounce_watcher.config import Settings
from bounce_watcher.config.keys import table_of
from bounce_watcher.model.url import MASK, without_url_secrets
from bounce_watcher.web.request import PageRequest, get
from bounce_watcher.words.formatting import harmless

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


@dataclass(frozen=True, slots=True)
class SettingLine:
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    lines: tuple[SettingLine, ...]


def settings(request: PageRequest) -> Response:
    ledger = request.context.ledger
    protected = ledger.lists.protections(MOST_PROTECTED + 1)
    return request.page(
        "settings.html", "Settings", sections=[*sections(request.context.settings), kept(request)], keys=KEYS,
        protected=[(each, ledger.names.name(each.name)) for each in protected[:MOST_PROTECTED]],
        more_protected=len(protected) > MOST_PROTECTED, done=request.query.get("done"),
        sign_ins=ledger.sessions.all(request.now)[:MOST_SESSIONS] if request.viewer.may_act else [],
    )


def kept(request: PageRequest) -> Section:
    """Returns how much raw mail is stored, and the quota."""
    quota = request.context.settings.raw_quota
    of = "no quota" if quota is None else f"of {volume(quota)} (raw_quota)"
    return Section(
        "Disk",
        (SettingLine("raw mail kept, compressed", f"{volume(request.context.ledger.history.raw_bytes())}, {of}"),)
    )


def volume(size: int) -> str:
    """Returns a size such as "3.4 MiB"."""
    amount, unit = float(size), 0
    while amount >= 1024 and unit < len(_UNITS) - 1:
        amount, unit = amount / 1024, unit + 1
    return f"{amount:.1f} {_UNITS[unit]}" if unit else f"{size} {_UNITS[0]}"


_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def sections(settings: Settings) -> Iterator[Section]:
    """Yields all settings by section; of secrets (by type, or kept out of `repr`) only whether they are set."""
    for title, name in _SECTIONS:
        lines = tuple(_lines("", getattr(settings, name)))
        yield Section(title, lines)
    rest = [field.name for field in fields(settings) if field.name not in {name for _, name in _SECTIONS}]
    places = table_of(Settings).places
    yield Section("Others", tuple(
        line for name in rest for line in _lines(".".join(places.get(name, (name,))), getattr(settings, name))
    ))


def _lines(key: str, value: object) -> Iterator[SettingLine]:
    if isinstance(value, SecretStr):
        yield SettingLine(key, "set")
    elif is_dataclass(value) and not isinstance(value, type):
        places = table_of(type(value)).places
        for field in fields(value):
            written = ".".join(places.get(field.name, (field.name,)))
            name, held = _under(key, written), getattr(value, field.name)
            if field.name == "url" and hasattr(value, "shown_url"):
                yield SettingLine(name, harmless(value.shown_url) or "not set")
            else:
                yield from _lines(name, held) if field.repr else [SettingLine(name, "set" if held else "not set")]
    elif isinstance(value, tuple | list) and any(map(is_dataclass, value)):
        for each in value:
            yield from _lines(_under(key, getattr(each, "name", "")), each)
    else:
        told = without_url_secrets(_plain(value))
        yield SettingLine(key, harmless(_without_query(told) if key.endswith(_CALL) else told))


def _without_query(call: str) -> str:
    """Returns the call without its query ("PUT /blocked?…"), which may hold an API's key."""
    path, mark, _ = call.partition("?")
    return f"{path}?{MASK}" if mark else path


def _under(key: str, name: str) -> str:
    return ".".join(filter(None, (key, name)))


def _plain(value: object) -> str:
    for kind, told in _TOLD:
        if isinstance(value, kind):
            return told(value) or "not set"
    return str(value)


def _span(value: timedelta) -> str:
    """Returns a duration as the configuration writes it."""
    seconds = int(value.total_seconds())
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds and seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"


_TOLD: tuple[tuple[Any, Callable[[Any], str]], ...] = (
    (NoneType, lambda _: ""),
    (bool, lambda value: "yes" if value else "no"),
    (timedelta, _span),
    (Enum, lambda value: str(value.value)),
    (SecretStr | bytes, lambda _: "set"),
    (frozenset, lambda value: ", ".join(sorted(map(_plain, value)))),
    (tuple | list, lambda value: ", ".join("never" if each is None else _plain(each) for each in value)),
    (Mapping, lambda value: ", ".join(f"{_plain(name)} = {_plain(each)}" for name, each in value.items())),
)

ROUTES = (get("/settings", settings),)
