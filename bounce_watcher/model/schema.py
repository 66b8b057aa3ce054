"""The parts of a ledger's schema, and how a ledger differs from the schema that it claims, as values."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from bounce_watcher.model.errors import PermanentFailure


class PartKind(StrEnum):
    TABLE = "table"
    COLUMN = "column"
    PRIMARY_KEY = "primary key"
    INDEX = "index"
    CONSTRAINT = "constraint"


class SchemaPart(NamedTuple):
    """A part of a schema. `name` is the part's own; that of a table or primary key is the table's."""

    table: str
    kind: PartKind
    name: str


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """A part whose definition differs. `expected` is None if the part is surplus, `found` if it is missing."""

    part: SchemaPart
    expected: str | None
    found: str | None

    @property
    def is_harmless(self) -> bool:
        """Whether it is an addition that changes no row: a table, or an index that refuses nothing."""
        if self.found is None or self.expected is not None:
            return False
        is_table, is_index = self.part.kind is PartKind.TABLE, self.part.kind is PartKind.INDEX
        return is_table or (is_index and not self.found.startswith("CREATE UNIQUE"))


class SchemaMismatch(PermanentFailure):
    """A ledger whose tables are not those of the schema that it claims, with all `differences` that matter."""

    def __init__(self, problem: str, fix: str, differences: Sequence[SchemaDifference]) -> None:
        super().__init__(problem, fix)
        self.differences = tuple(differences)
