"""The [[platform]] tables: what all have stands in schema.py, what each kind adds is read off the kind itself."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import Field as DataclassField
from dataclasses import fields
from datetime import timedelta
from enum import Enum
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import Field, SecretStr, ValidationError, create_model
from pydantic_core import ErrorDetails

from bounce_watcher.config.keys import known_keys
from bounce_watcher.config.problems import MISSING, Notes, translate
from bounce_watcher.config.schema import SECRET, PlatformTable, Table
from bounce_watcher.config.secrets import Sources, fill_in
from bounce_watcher.config.values import Duration, FilePath, Text, nearest, one_of
from bounce_watcher.outbox.platform import HttpPlatform, Misfit, Platform
from bounce_watcher.outbox.platforms import kinds, platform_class

_TYPES: dict[object, Any] = {
    str: Text,
    timedelta: Duration,
    SecretStr: Annotated[SecretStr, SECRET],
    Path: FilePath,
    tuple[str, ...]: list[Text],
    tuple[int, ...]: list[int],
    frozenset[str]: list[Text],
    Mapping[str, str]: dict[Text, Text],
}
"""How a field of a kind is written in the file. What is not here is written as TOML has it: numbers, true and false."""


def platforms(data: Mapping[str, Any], sources: Sources, notes: Notes) -> tuple[Platform, ...]:
    """Every [[platform]] of a file that can be used; what is wrong with the others goes to `notes`."""
    elements = data.get("platform")
    named = enumerate(elements if isinstance(elements, list) else ())
    made = (_platform(element, index, sources, notes) for index, element in named if isinstance(element, dict))
    return tuple(each for each in made if each)


def _platform(element: Mapping[str, Any], index: int, sources: Sources, notes: Notes) -> Platform | None:
    place = ("platform", index)
    if element.get("kind") not in kinds():
        return None  # the schema tells of it
    kind = platform_class(element["kind"])
    model = table_of_kind(kind)
    own = {key: value for key, value in element.items() if key not in PlatformTable.model_fields}
    try:
        common = PlatformTable.model_validate(element, context={"folder": sources.folder})
    except ValidationError:
        common = None  # the schema tells of it
    filled = fill_in(model, own, place, sources, notes)
    try:
        special = model.model_validate(filled, context={"folder": sources.folder})
    except ValidationError as refusal:
        _tell(refusal, model, kind.kind, place, notes)
        return None
    if common is None:
        return None
    return _made(kind, common, special, index, notes)


def _made(kind: type[Platform], common: PlatformTable, special: Table, index: int, notes: Notes) -> Platform | None:
    """Tells of a common key that this kind has no use for, such as the url of a program."""
    known = {each.name: each for each in fields(kind)}
    values: dict[str, Any] = {}
    shared = common.model_fields_set & set(PlatformTable.model_fields) - {"kind"}
    for key in (*sorted(shared), *special.model_fields_set):
        source: Table = common if key in shared else special
        if key not in known:
            notes.problem(("platform", index, key), f'means nothing to kind = "{kind.kind}": take it out')
            return None
        values[key] = _as_field(getattr(source, key), known[key])
    try:
        made = kind(**values)
        if isinstance(made, HttpPlatform) and "?" in made.url:
            raise Misfit("url", "holds a query, behind which no path of an API can stand: take it out")
    except Misfit as misfit:
        path = ("platform", index, misfit.key)
        notes.problem(notes.aliases.get(path, path), str(misfit))
        return None
    return made


def _as_field(value: object, field: "DataclassField[Any]") -> object:
    if isinstance(value, list):
        return frozenset(value) if "frozenset" in str(field.type) else tuple(value)
    return value


@cache
def table_of_kind(kind: type[Platform]) -> type[Table]:
    """The keys that a kind adds to those of every [[platform]]."""
    return create_model(f"{kind.__name__}Table", __base__=Table, **cast(Any, dict(_own_fields(kind))))


def _own_fields(kind: type[Platform]) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(kind)
    for each in fields(kind):
        if each.name in PlatformTable.model_fields:
            continue
        shown = [each.metadata["example"]] if "example" in each.metadata else None
        written, default = _written(hints[each.name]), _default(each)
        if default is ...:
            yield each.name, (written, Field(examples=shown))
        else:
            yield each.name, (written, Field(default=default, examples=shown))


def _default(field: "DataclassField[Any]") -> Any:
    """`...` where there is none."""
    if field.default is not NO_DEFAULT:
        return field.default
    return field.default_factory() if field.default_factory is not NO_DEFAULT else ...


def _written(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        inner = [each for each in get_args(hint) if each is not type(None)]
        return Annotated[SecretStr | None, SECRET] if inner == [SecretStr] else _written(inner[0]) | None
    if isinstance(hint, type) and issubclass(hint, Enum):
        return Annotated[hint, one_of(hint)]  # type: ignore[type-var]
    return _TYPES.get(hint, hint)


def _tell(refusal: ValidationError, model: type[Table], kind: str, place: tuple[str, int], notes: Notes) -> None:
    errors = refusal.errors(include_url=False)
    unknown = [str(error["loc"][0]) for error in errors if error["type"] == "extra_forbidden"]
    misspelt = {nearest(name, known_keys(model)) for name in unknown}
    for error in errors:
        if error["type"] == "missing" and error["loc"][0] in misspelt:
            continue  # told of with the key that was meant for it
        path = (*place, *error["loc"])
        notes.problem(notes.aliases.get(path, path), _told(error, model, kind))


def _told(error: ErrorDetails, model: type[Table], kind: str) -> str:
    name = str(error["loc"][0]) if error["loc"] else ""
    match error["type"]:
        case "missing":
            examples = model.model_fields[name].examples
            return MISSING + (f": add {name} = {examples[0]}" if examples else f': kind = "{kind}" needs it')
        case "extra_forbidden":
            here = known_keys(model)
            near = nearest(name, [*here, *known_keys(PlatformTable)])
            if near:
                return f"unknown: did you mean {near}?"
            return f'unknown: take it out. Known to kind = "{kind}": ' + (", ".join(here) or "nothing of its own")
        case _:
            return translate(error)
