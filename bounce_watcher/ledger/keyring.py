"""Secrets that the ledger makes for itself: random, each under a name, in no export."""

import secrets

from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.statements import insert_into
from bounce_watcher.ledger.db.tables import KEYRING

_BYTES = 32


def secret(engine: Engine, name: str) -> bytes:
    """The secret of that name, made when it is first asked for. Of two that make it at once the first one's holds."""
    wanted = select(KEYRING.c.key).where(KEYRING.c.name == name)

    def made(connection: Connection) -> bytes:
        new = insert_into(connection, KEYRING).values(name=name, key=secrets.token_bytes(_BYTES))
        connection.execute(new.on_conflict_do_nothing())
        return bytes(connection.execute(wanted).scalar_one())

    with reading(engine) as connection:
        kept = connection.scalar(wanted)
    return bytes(kept) if kept is not None else write(engine, made)
