"""Which keys there are and in which table: read off the schema, so that it cannot disagree with it."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic.fields import FieldInfo

from bounce_watcher.config.locate import Path
from bounce_watcher.config.schema import SECRET, SECRETS, ConfigFile, Table

Names = tuple[str, ...]
"""A table's place in the schema, without the indexes of arrays."""

SUFFIXES = ("", "_file", "_env", "_credential")
"""The four ways to write a secret."""


def table_of(field: FieldInfo) -> type[Table] | None:
    """The table that a field holds: alone, in a list or optionally."""
    return _table_in(field.annotation)


def _table_in(annotation: Any) -> type[Table] | None:
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return annotation
    return next((table for part in get_args(annotation) if (table := _table_in(part))), None)


def is_secret(field: FieldInfo) -> bool:
    return SECRET in field.metadata or SECRETS in field.metadata


def holds_many(field: FieldInfo) -> bool:
    return SECRETS in field.metadata


def known_keys(model: type[Table]) -> list[str]:
    """Every key of a table in every way to write it."""
    return [
        key + suffix
        for key, field in model.model_fields.items()
        for suffix in (SUFFIXES if is_secret(field) else SUFFIXES[:1])
    ]


def table_at(path: Path) -> type[Table] | None:
    """The table that stands at `path`, None where none is."""
    model: type[Table] = ConfigFile
    for part in path:
        if isinstance(part, int):
            continue
        field = model.model_fields.get(part)
        below = table_of(field) if field else None
        if below is None:
            return None
        model = below
    return model


def is_array(path: Path) -> bool:
    """Whether [[double brackets]] belong to the table at `path`."""
    model, field = table_at(path[:-1]), None
    if model and path:
        field = model.model_fields.get(str(path[-1]))
    return field is not None and table_of(field) is not None and "list[" in str(field.annotation)


def all_tables(model: type[Table] = ConfigFile, path: Names = ()) -> Iterator[tuple[Names, type[Table]]]:
    """Every table with its path, the whole file first as ()."""
    yield path, model
    for key, field in model.model_fields.items():
        if below := table_of(field):
            yield from all_tables(below, (*path, key))


def places_of(key: str) -> list[str]:
    """The headings of all tables that have a key of that name: ["[[mailbox]]", "[[webhook]]"]."""
    return [heading(path) for path, model in all_tables() if path and key in known_keys(model)]


def heading(path: Names) -> str:
    """How a table is headed in the file: [policy.soft], [[mailbox]]."""
    name = ".".join(path)
    return f"[[{name}]]" if is_array(path) else f"[{name}]"
