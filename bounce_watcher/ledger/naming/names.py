"""Names for places where an address may not appear: links, and the logs of whatever passes them on.

A name is the encrypted address, always the same one (AES-SIV, RFC 5297), under a key that the ledger generates for
itself. So there is no table of names, and an address that was never seen has a name too.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from functools import partial

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import Connection, Engine, select

from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.db.statements import insert_into
from bounce_watcher.ledger.db.tables import KEYRING

_NAME, _BYTES = "links", 32
_KEY = select(KEYRING.c.key).where(KEYRING.c.name == _NAME)
_LONGEST = 1000


class Names:
    """Converts addresses to names and back, with the key of one ledger."""

    def __init__(self, engine: Engine) -> None:
        with reading(engine) as connection:
            key = connection.scalar(_KEY)
        self._cipher = AESSIV(bytes(key or write(engine, partial(_made, key=secrets.token_bytes(_BYTES)))))

    def name(self, address: str) -> str:
        """Returns the name of an address: letters, digits, "-" and "_"."""
        sealed = self._cipher.encrypt(address.encode("utf-8", "surrogatepass"), None)
        return urlsafe_b64encode(sealed).rstrip(b"=").decode()

    def address(self, name: str) -> str | None:
        """Returns the address of a name; None if this is not a name of this ledger."""
        try:
            sealed = urlsafe_b64decode(name[:_LONGEST] + "=" * (-len(name[:_LONGEST]) % 4))
            return self._cipher.decrypt(sealed, None).decode("utf-8", "surrogatepass")
        except (ValueError, InvalidTag):
            return None


def _made(connection: Connection, key: bytes) -> bytes:
    """Stores the key and returns it. If two processes create one at once, the first one wins."""
    connection.execute(insert_into(connection, KEYRING).values(name=_NAME, key=key).on_conflict_do_nothing())
    return bytes(connection.scalar(_KEY) or key)
