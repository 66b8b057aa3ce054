"""Derives which keys and tables there are from the settings' own classes, so that it cannot disagree with them."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from pydantic import SecretStr

from bounce_watcher.config.fields import Offered
from bounce_watcher.config.locate import Path
from bounce_watcher.config.settings import Settings
from bounce_watcher.model.keys import Choices, Key, KeyMark, Rotating
from bounce_watcher.outbox.platform import HttpPlatform, Platform

Names = tuple[str, ...]
"""A table's place in the file, without the indexes of arrays."""

SUFFIXES = ("", "_file", "_env", "_credential")
"""The four ways to write a secret."""


@dataclass(frozen=True, slots=True)
class Use:
    """A field that a key sets. `default` is MISSING if it has none."""

    field: str
    hint: Any
    marks: tuple[Any, ...] = ()
    default: Any = None


@dataclass(frozen=True, slots=True)
class ConfigKey:
    """A key and the fields that it sets. `example` is shown if the key is missing."""

    uses: tuple[Use, ...]
    is_secret: bool = False
    is_list: bool = False
    example: str | None = None

    @property
    def is_needed(self) -> bool:
        return any(use.default is MISSING for use in self.uses)


@dataclass(frozen=True, slots=True)
class Table:
    """A table that becomes `settings`, or only a heading above some keys of the settings around it.

    It `fills` a field of the settings around it, by default with `default`. `joined` are fields that two keys fill
    together. `places` are the keys of each field.
    """

    keys: dict[str, "ConfigKey | Table"] = field(default_factory=dict)
    settings: type | None = None
    fills: str = ""
    default: Any = None
    is_array: bool = False
    choices: Choices | None = None
    joined: dict[str, Rotating] = field(default_factory=dict)
    places: dict[str, Names] = field(default_factory=dict)

    @property
    def kind(self) -> str | None:
        """The kind of a [[platform]] that has the keys of its kind, else None."""
        return getattr(self.settings, "kind", None)

    @property
    def is_open(self) -> bool:
        """A [[platform]] of unknown kind may have any keys."""
        return self.settings is HttpPlatform


@cache
def table_of(settings: type) -> Table:
    """Returns the table that becomes `settings`."""
    table = Table(settings=settings)
    hints = get_type_hints(settings, include_extras=True)
    if issubclass(settings, Platform):  # a kind may change the default of a shared key, and nothing else of it
        common = get_type_hints(HttpPlatform, include_extras=True)
        hints |= {name: hint for name, hint in common.items() if name in hints}
        table.keys["kind"] = ConfigKey(())
    for each in fields(settings):
        hint, marks = hints[each.name], ()
        if get_origin(hint) is Annotated:
            hint, marks = hint.__origin__, hint.__metadata__
        if KeyMark.UNWRITTEN not in marks:
            _add(table, each, hint, marks)
    return table


def _add(table: Table, each: "Field[Any]", hint: Any, marks: tuple[Any, ...]) -> None:
    rotating = next((mark for mark in marks if isinstance(mark, Rotating)), None)
    if rotating:
        default = MISSING if _default(each) is MISSING else None
        table.joined[each.name] = rotating
        one = get_args(hint)[0]
        table.keys[rotating.current] = ConfigKey((Use(rotating.current, one, marks, default),), is_secret=True)
        table.keys[rotating.older] = ConfigKey((Use(rotating.older, hint, marks, ()),), is_secret=True, is_list=True)
        table.places.update({name: (name,) for name in (rotating.current, rotating.older)})
        return
    written = next((mark.name for mark in marks if isinstance(mark, Key)), each.name)
    *above, name = table.places[each.name] = tuple(written.split("."))
    place = table
    for heading_of in above:
        below = place.keys.setdefault(heading_of, Table())
        assert isinstance(below, Table)
        place = below
    place.keys[name] = _entry(place.keys.get(name), each, hint, marks)


def _entry(
    before: ConfigKey | Table | None, each: "Field[Any]", hint: Any, marks: tuple[Any, ...]
) -> ConfigKey | Table:
    choices = next((mark for mark in marks if isinstance(mark, Choices)), None)
    if choices:
        _, rule = get_args(hint)
        keys: dict[str, ConfigKey | Table] = {
            str(name): ConfigKey((Use(name, rule, (Offered(offered),), choices.usual[name]),))
            for name, offered in choices.offered.items() if len(offered) > 1
        }
        return Table(keys, fills=each.name, choices=choices, default=_default(each))
    inner = next((part for part in (hint, *get_args(hint)) if isinstance(part, type) and is_dataclass(part)), None)
    if inner:
        of = table_of(HttpPlatform if inner is Platform else inner)
        return replace(of, fills=each.name, default=_default(each), is_array=get_origin(hint) is tuple)
    uses = before.uses if isinstance(before, ConfigKey) else ()
    is_secret = KeyMark.SECRET in marks or SecretStr in (hint, *get_args(hint))
    return ConfigKey(
        (*uses, Use(each.name, hint, marks, _default(each))), is_secret, example=each.metadata.get("example")
    )


def _default(each: "Field[Any]") -> Any:
    return each.default if each.default_factory is MISSING else each.default_factory()


def own_keys(kind: type[Platform]) -> dict[str, ConfigKey]:
    """Returns the keys that a kind adds to those of every [[platform]]."""
    common = table_of(HttpPlatform).keys
    return {name: key for name, key in table_of(kind).keys.items() if name not in common and isinstance(key, ConfigKey)}


# ── what there is ───────────────────────────────────────────────────────────────────────────────────────────────────

def known_keys(table: Table) -> list[str]:
    """Lists every key of a table in every way to write it."""
    return [
        name + suffix
        for name, key in table.keys.items()
        for suffix in (SUFFIXES if isinstance(key, ConfigKey) and key.is_secret else SUFFIXES[:1])
    ]


def table_at(path: Path) -> Table | None:
    """Returns the table at `path`, None if there is none."""
    table = table_of(Settings)
    for part in (part for part in path if isinstance(part, str)):
        below = table.keys.get(part)
        if not isinstance(below, Table):
            return None
        table = below
    return table


def all_tables(table: Table | None = None, path: Names = ()) -> Iterator[tuple[Names, Table]]:
    """Yields every table with its path, the whole file first as ()."""
    table = table or table_of(Settings)
    yield path, table
    for name, below in table.keys.items():
        if isinstance(below, Table):
            yield from all_tables(below, (*path, name))


def places_of(key: str) -> list[str]:
    """Returns the headings of all tables that have a key of that name: ["[[mailbox]]", "[[webhook]]"]."""
    return [heading(path) for path, table in all_tables() if path and key in known_keys(table)]


def heading(path: Path) -> str:
    """Returns a table's heading in the file: [policy.soft], [[mailbox]]."""
    name = ".".join(part for part in path if isinstance(part, str))
    table = table_at(path)
    return f"[[{name}]]" if table and table.is_array else f"[{name}]"
