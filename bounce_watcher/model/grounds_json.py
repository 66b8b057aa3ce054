"""Grounds as JSON: for the ledger's columns, for webhooks, the API and `--json`.

pydantic reads and writes it. It is imported on first use, because most commands show no grounds.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, get_args

from bounce_watcher.model.finding import Doubt
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, OlderVerdict, Subject

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


class Codec(Generic[T]):
    """Converts one type of value to and from JSON."""

    def __init__(self, of: Any) -> None:
        self._of = of

    @cached_property
    def adapter(self) -> "TypeAdapter[T]":
        from pydantic import TypeAdapter  # noqa: PLC0415 - takes longer than what most commands do

        return TypeAdapter(cast(Any, self._of))

    def to_text(self, value: T) -> str:
        """Returns one line of JSON without unset fields. Bytes that no charset explained become "?"."""
        try:
            return self.adapter.dump_json(value, exclude_none=True).decode()
        except ValueError:  # a lone surrogate is no UTF-8
            return json.dumps(self.to_data(value), ensure_ascii=False).encode("utf-8", "replace").decode()

    def from_text(self, text: str) -> T:
        """Returns the value that `text` holds. Raises ValueError if it is not a value of this type."""
        return self.adapter.validate_json(text)

    def to_data(self, value: T) -> Mapping[str, object]:
        """Returns the same data as Python values, ready to go into a larger document."""
        return cast(Mapping[str, object], self.adapter.dump_python(value, mode="json", exclude_none=True))


@cache
def _codec(of: Any) -> Codec[Any]:
    return Codec(of)


class UnionCodec(Codec[T]):
    """Converts the members of a union, which their field `kind` distinguishes.

    Each has its own codec: pydantic needs longer to prepare for all of them than a list takes that shows one kind.
    """

    def __init__(self, of: Any) -> None:
        super().__init__(of)
        self._members = {each.default: _codec(member) for member in get_args(of) for each in fields(member)
                         if each.name == "kind"}

    def _member(self, kind: object) -> Codec[Any]:
        if kind not in self._members:
            raise ValueError(f"unknown kind {kind!r}")
        return self._members[kind]

    def to_text(self, value: T) -> str:
        return self._member(cast(Any, value).kind).to_text(value)

    def from_text(self, text: str) -> T:
        data = json.loads(text)
        return cast(T, self._member(data.get("kind") if isinstance(data, dict) else None).from_text(text))

    def to_data(self, value: T) -> Mapping[str, object]:
        return self._member(cast(Any, value).kind).to_data(value)


GROUNDS: Codec[Grounds] = UnionCodec(Grounds)
ALARM: Codec[Alarm] = UnionCodec(Alarm)
EXCLUSION: Codec[Excluded] = Codec(Excluded)
DOUBT: Codec[Doubt] = Codec(Doubt)
OLDER_VERDICTS: Codec[tuple[OlderVerdict, ...]] = Codec(tuple[OlderVerdict, ...])
SUBJECT: Codec[Subject] = Codec(Subject)
ANY: Codec[Grounds | Alarm] = UnionCodec(Grounds | Alarm)


def as_data(of: Grounds | Alarm) -> Mapping[str, object]:
    """Returns grounds of any kind, ready to go into a JSON document."""
    return ANY.to_data(of)
