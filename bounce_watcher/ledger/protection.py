"""Protections that people have set: addresses and whole domains that no rule suppresses. Looked up by key only."""

from collections.abc import Iterator, Set

from sqlalchemy import Connection, select

from bounce_watcher.ledger.db.statements import KEYS, chunks
from bounce_watcher.ledger.db.tables import PROTECTED

_NAMES = select(PROTECTED.c.key, PROTECTED.c.name).where(PROTECTED.c.key.in_(KEYS))


def of(connection: Connection, addresses: Set[str]) -> dict[str, str]:
    """Maps each protected one of `addresses` (given as recipient keys) to the name of the protection that covers it."""
    wanted = sorted({key for address in addresses for key in keys_of(address)})
    names = {key: name for part in chunks(wanted) for key, name in connection.execute(_NAMES, {"keys": part})}
    if not names:  # as nearly always
        return {}
    found = ((address, next((names[key] for key in keys_of(address) if key in names), None)) for address in addresses)
    return {address: name for address, name in found if name is not None}


def keys_of(address: str) -> Iterator[str]:
    """Yields an address and its domain. The key of a domain starts with "@"."""
    yield address
    local, at, domain = address.rpartition("@")
    if local and at:
        yield f"@{domain}"
