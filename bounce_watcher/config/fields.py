"""Reads the value of a key as its field needs it, by the field's type and marks (model/keys.py).

Raises ValueError for a bad value, and a group of them for several bad elements of a list.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, Literal, TypeVar, Union, get_args, get_origin

from pydantic import SecretStr

from bounce_watcher.config.values import ELSEWHERE, duration, kind_of, known, plain_text, quoted, size, spell, text_of
from bounce_watcher.model.keys import Between, KeyMark, ValueKind

T = TypeVar("T")

_NAMES: Final[Mapping[type, str]] = {
    str: "text in quotes", int: "a whole number without quotes", float: "a number without quotes",
    bool: "true or false without quotes", list: 'a list in brackets, such as ["…", "…"]', dict: "a table",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """Limits a key to some members of an enum."""

    choices: Sequence[StrEnum]


def as_field(hint: Any, marks: Sequence[object], value: object, folder: Path) -> Any:
    """Converts `value` of a TOML file to the field's type. Relative file names start from `folder`."""
    outer, parts = get_origin(hint), get_args(hint)
    if outer is Annotated:
        return as_field(parts[0], (*marks, *parts[1:]), value, folder)
    if outer in (Union, UnionType):
        none = "unlimited" if KeyMark.SIZE in marks else "never" if timedelta in parts else None
        return _or_none(none, parts[0], marks, value, folder) if none else as_field(parts[0], marks, value, folder)
    if outer in (tuple, frozenset):
        return outer(_elements(parts[0], marks, value, folder))
    read = _single(hint, marks, value, folder)
    for bounds in (mark for mark in marks if isinstance(mark, Between)):
        if bounds.high is None and read < bounds.low:
            raise ValueError(f"{spell(read)} is too short: at least {spell(bounds.low)}")
        if bounds.high is not None and not bounds.low <= read <= bounds.high:
            raise ValueError(f"{spell(read)} is out of range: from {spell(bounds.low)} to {spell(bounds.high)}")
    return read


def _or_none(none: str, hint: Any, marks: Sequence[object], value: object, folder: Path) -> Any:
    try:
        return None if value == none else as_field(hint, marks, value, folder)
    except ValueError as fault:
        raise ValueError(f'{fault}; "{none}" is allowed too') from None


def _elements(hint: Any, marks: Sequence[object], value: object, folder: Path) -> list[Any]:
    """Reads the elements of a list. Leaves out those that belong to another field of the same key."""
    elements = [value] if KeyMark.SINGLE in marks and not isinstance(value, list) else of_type(list, value)
    read, faults = [], []
    for element in elements:
        try:
            read.append(as_field(hint, marks, element, folder))
        except ValueError as fault:
            faults.append(fault)
    if faults:
        raise ExceptionGroup("elements", faults)
    if not elements and KeyMark.FILLED in marks:
        raise ValueError("is an empty list: name at least one")
    for index, each in enumerate(read if KeyMark.ONCE in marks else ()):
        if each in read[:index]:
            raise ValueError(f"{quoted(each)} is in the list twice: remove one")
    if KeyMark.RISING in marks:
        _check_rise(read)
    return [each for each in read if each is not ELSEWHERE]


def _check_rise(steps: Sequence[timedelta | None]) -> None:
    """Refuses durations that don't increase. None = for ever."""
    for shorter, longer in pairwise(steps):
        if shorter is None or (longer is not None and longer <= shorter):
            here, there = (spell(each) if each else "never" for each in (shorter, longer))
            raise ValueError(f'{there} comes after {here}: each must be longer than the one before, "never" the last')


def _single(hint: Any, marks: Sequence[object], value: object, folder: Path) -> Any:
    kind = next((mark for mark in marks if isinstance(mark, ValueKind)), None)
    if kind:
        text = text_of(kind, of_type(str, value), folder)
        return SecretStr(str(text)) if hint is SecretStr else text
    if get_origin(hint) is Literal:
        return known(value, get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _member(hint, marks, value)
    if KeyMark.SIZE in marks:
        return size(value)
    read = _READERS.get(hint)
    return read(value, folder) if read else of_type(getattr(hint, "__supertype__", hint), value)


def _member(enum: type[Enum], marks: Sequence[object], value: object) -> Enum:
    member = enum(known(value, [each.value for each in enum]))
    for offer in marks:
        if isinstance(offer, Offered) and member not in offer.choices:
            choices = " or ".join(f'"{choice}"' for choice in reversed(offer.choices))
            raise ValueError(f"{quoted(member)} would suppress too soon: a soft reason can be {choices}")
    return member


def of_type(wanted: type[T], value: object) -> T:
    """Returns `value` if TOML has it as that type. A whole number is accepted as a number too."""
    if wanted is float and type(value) is int:
        return wanted(value)  # type: ignore[call-arg]
    if type(value) is not wanted:
        raise ValueError(f"must be {_NAMES.get(wanted, 'something else')}, not {kind_of(value)}")
    return value


_READERS: Final[Mapping[Any, Callable[[Any, Path], Any]]] = {
    Any: lambda value, _: value,
    Mapping[str, str]: lambda value, _: {
        plain_text(name): plain_text(of_type(str, each)) for name, each in of_type(dict, value).items()
    },
    Path: lambda value, folder: folder / plain_text(of_type(str, value)),
    SecretStr: lambda value, _: SecretStr(of_type(str, value)),
    bytes: lambda value, _: of_type(str, value).encode(),
    str: lambda value, _: plain_text(of_type(str, value)),
    timedelta: lambda value, _: duration(value),
}
"""How types are read that TOML lacks. A NewType of a type that TOML has is read as that type, unchecked."""
