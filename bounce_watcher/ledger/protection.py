"""Protections that people have set: addresses and whole domains that no rule suppresses. Looked up by key only."""

from collections.abc import Iterator, Set
from typing import Any

from sqlalchemy import Connection, Engine, delete, select

from bounce_watcher.ledger.db.engine import reading
from bounce_watcher.ledger.db.statements import KEYS, Conflict, Insertion, chunks, columns_of
from bounce_watcher.ledger.db.tables import PROTECTED
from bounce_watcher.ledger.db.types import recipient_key
from bounce_watcher.model.ledger import Protection

_NAMES = select(PROTECTED.c.key, PROTECTED.c.name).where(PROTECTED.c.key.in_(KEYS))
_PUT = Insertion(PROTECTED, columns_of(PROTECTED), Conflict.OVERWRITE)


def of(connection: Connection, addresses: Set[str]) -> dict[str, str]:
    """Maps each protected one of `addresses` (given as recipient keys) to the name of the protection that covers it."""
    wanted = sorted({key for address in addresses for key in _keys(address)})
    names = {
        key: name for part in chunks(wanted) for key, name in connection.execute(_NAMES, {"keys": part})
    }
    if not names:  # as nearly always
        return {}
    found = ((address, next((names[key] for key in _keys(address) if key in names), None)) for address in addresses)
    return {address: name for address, name in found if name is not None}


def _keys(address: str) -> Iterator[str]:
    """Yields an address and its domain. The key of a domain starts with "@"."""
    yield address
    local, at, domain = address.rpartition("@")
    if local and at:
        yield f"@{domain}"


def put(connection: Connection, wanted: Protection) -> None:
    _PUT.execute(connection, [(recipient_key(wanted.name), wanted.name, wanted.at, wanted.actor, wanted.because)])


def drop(connection: Connection, name: str) -> bool:
    return connection.execute(delete(PROTECTED).where(PROTECTED.c.key == recipient_key(name))).rowcount > 0


def find(engine: Engine, name: str) -> Protection | None:
    keys = list(_keys(recipient_key(name)))
    with reading(engine) as connection:
        found = {row.key: row for row in connection.execute(select(PROTECTED).where(PROTECTED.c.key.in_(keys)))}
    return next((_protection(found[key]) for key in keys if key in found), None)


def everything(engine: Engine, limit: int | None) -> list[Protection]:
    with reading(engine) as connection:
        chosen = select(PROTECTED).order_by(PROTECTED.c.key).limit(limit)
        return [_protection(row) for row in connection.execute(chosen)]


def _protection(row: Any) -> Protection:
    return Protection(row.name, row.at, row.actor, row.because)
