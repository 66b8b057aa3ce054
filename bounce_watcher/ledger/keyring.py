"""Secrets that the ledger generates for itself. Each is random and has a name; no export contains them."""

import secrets

from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.statements import insert_into
from bounce_watcher.ledger.db.tables import KEYRING

_BYTES = 32


def secret(engine: Engine, name: str) -> bytes:
    """Returns the secret of that name and creates it on first use. If two create it at once, the first one wins."""
    wanted = select(KEYRING.c.key).where(KEYRING.c.name == name)

    def made(connection: Connection) -> bytes:
        new = insert_into(connection, KEYRING).values(name=name, key=secrets.token_bytes(_BYTES))
        connection.execute(new.on_conflict_do_nothing())
        return bytes(connection.execute(wanted).scalar_one())

    with reading(engine) as connection:
        kept = connection.scalar(wanted)
    return bytes(kept) if kept is not None else write(engine, made)
