"""How a ledger's schema differs from what it should be, in English sentences."""

from collections.abc import Mapping

from bounce_watcher.model.schema import PartKind, SchemaDifference, SchemaPart


def told(it: SchemaDifference) -> str:
    """Returns what is wrong and, if it has a fix of its own, the fix."""
    return "; ".join(filter(None, (problem(it), fix(it))))


def problem(it: SchemaDifference) -> str:
    """Returns what is missing, surplus or different."""
    name = _name(it.part)
    if it.found is None:
        return f"{name} is missing"
    if it.expected is None:
        return f"{name} is surplus: {it.found}"
    return f"{name} is {it.found} instead of {it.expected}"


def fix(it: SchemaDifference) -> str:
    """Returns the statements that repair an index; "" for all that no statement repairs without loss."""
    if it.part.kind is not PartKind.INDEX:
        return ""
    drop = it.found and f"DROP INDEX {it.part.name}"
    return f"run: {'; '.join(filter(None, (drop, it.expected)))}"


def addition(it: SchemaDifference) -> str:
    """Returns what somebody added without harm (`SchemaDifference.is_harmless`)."""
    return f"{_name(it.part)} is not the ledger's own"


def _name(part: SchemaPart) -> str:
    return _NAMES[part.kind].format(kind=part.kind, table=part.table, name=part.name)


_NAMES: Mapping[PartKind, str] = {
    PartKind.TABLE: "{kind} {table}",
    PartKind.COLUMN: "{kind} {table}.{name}",
    PartKind.PRIMARY_KEY: "{kind} of table {table}",
    PartKind.INDEX: "{kind} {name} of table {table}",
    PartKind.CONSTRAINT: "{kind} {name} of table {table}",
}
