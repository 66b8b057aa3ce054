"""Names for places where an address may not appear: links, and the logs of whatever passes them on.

A name is the encrypted address, always the same one (AES-SIV, RFC 5297), under a key that the ledger generates for
itself. So there is no table of names, and an address that was never seen has a name too.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import Engine

from bounce_watcher.ledger.keyring import secret

_LONGEST = 1000


class Names:
    """Converts addresses to names and back, with the key of one ledger."""

    def __init__(self, engine: Engine) -> None:
        self._cipher = AESSIV(secret(engine, "links"))

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
