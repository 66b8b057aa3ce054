"""Secrets that the ledger generates for itself. Each is random and has a name; no export contains them."""

import secrets

from sqlalchemy import Connection, Engine, bindparam, select

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.statements import insert_into
from bounce_watcher.ledger.db.tables import KEYRING

_KEY = select(KEYRING.c.key).where(KEYRING.c.name == bindparam("name"))


def secret(engine: Engine, name: str) -> bytes:
    """Returns the secret of that name and creates it on first use."""
    with reading(engine) as connection:
        kept = existing(connection, name)
    return kept if kept is not None else write(engine, lambda connection: created(connection, name))


def existing(connection: Connection, name: str) -> bytes | None:
    """Returns the secret of that name; None if there is none yet."""
    kept = connection.scalar(_KEY, {"name": name})
    return None if kept is None else bytes(kept)


def created(connection: Connection, name: str) -> bytes:
    """Returns the secret and creates it if there is none yet. If two create it at once, the first one wins."""
    new = insert_into(connection, KEYRING).values(name=name, key=secrets.token_bytes(32))
    connection.execute(new.on_conflict_do_nothing())
    return bytes(connection.execute(_KEY, {"name": name}).scalar_one())
