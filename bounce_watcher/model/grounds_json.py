"""Grounds as JSON: for the ledger's columns, for webhooks, the API and `--json`.

pydantic reads and writes it. It is imported on first use, because most commands show no grounds.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar, cast

from bounce_watcher.model.finding import Doubt
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, OlderVerdict, Subject

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")


class Codec(Generic[T]):
    """Converts one type of value to and from JSON. `told_by` is the field that distinguishes the members of a union."""

    def __init__(self, of: Any, told_by: str | None = None) -> None:
        self._of = of
        self._told_by = told_by
        self._adapter: "TypeAdapter[T] | None" = None  # noqa: UP037

    @property
    def adapter(self) -> "TypeAdapter[T]":
        if self._adapter is None:
            from pydantic import Field, TypeAdapter  # noqa: PLC0415 - takes longer than what most commands do

            told_apart = Annotated[self._of, Field(discriminator=self._told_by)] if self._told_by else self._of
            self._adapter = TypeAdapter(cast(Any, told_apart))
        return self._adapter

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


GROUNDS: Codec[Grounds] = Codec(Grounds, told_by="kind")
ALARM: Codec[Alarm] = Codec(Alarm, told_by="kind")
EXCLUSION: Codec[Excluded] = Codec(Excluded)
DOUBT: Codec[Doubt] = Codec(Doubt)
OLDER_VERDICTS: Codec[tuple[OlderVerdict, ...]] = Codec(tuple[OlderVerdict, ...])
SUBJECT: Codec[Subject] = Codec(Subject)
ANY: Codec[Grounds | Alarm] = Codec(Grounds | Alarm, told_by="kind")


def as_data(of: Grounds | Alarm) -> Mapping[str, object]:
    """Returns grounds of any kind, ready to go into a JSON document."""
    return ANY.to_data(of)
