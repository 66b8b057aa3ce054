"""What ties a report to our own sending."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Protocol

from bounce_watcher.model.keys import Key, KeyMark, Rotating, ValueKind

TOKEN_HEADER = "X-BW-Token"

TOKEN_MAX_AGE = timedelta(days=90)
"""Servers give up after five days (RFC 5321 section 4.5.4.1), and few people complain about a mail that is weeks old. A
token of last year comes from an archive."""


class KeyHolder(Protocol):
    """A holder of the signing keys, for processes that must not have the keys. It reveals only this about them."""

    def fits(self, data: bytes, written: str) -> bool:
        """Does the same as `return_path.fits` with the keys themselves."""


TokenKeys = tuple[bytes, ...] | KeyHolder


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Header fields of the mail that we send, which identify a returned one; None = no such field.

    `campaign` holds the id of the sending, `stream` the stream, `user` the address of the recipient.
    """

    campaign: Annotated[str | None, ValueKind.FIELD_NAME] = None
    stream: Annotated[str | None, ValueKind.FIELD_NAME] = None
    user: Annotated[str | None, ValueKind.FIELD_NAME] = None


@dataclass(frozen=True, slots=True)
class DkimKey:
    """The DNS name of a DKIM key, and its TXT record."""

    name: Annotated[str, ValueKind.DKIM_NAME]
    record: Annotated[str, ValueKind.DKIM_RECORD]


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """The settings of attribution.

    `return_path` is the plain address that tokens are added to. `token_keys` are the signing keys, newest first; if
    empty, no token is ours. `delimiter` separates address and token in new return paths; when reading, both of
    `rewriting.DELIMITERS` count. `verp_paths` are other return paths in use, whose plain VERP names a recipient; a "*"
    at the beginning of one stands for any name. `own_domains` are the From and DKIM domains of our mail.
    `token_max_age` None = tokens do not expire. `token_header` is the field of our mail that holds a token.
    `authserv_ids` maps names of mailboxes to the servers whose Authentication-Results are believed there, as
    `authenticity.server_key` writes them.
    `dkim_keys` are DKIM keys of ours; with `dkim_dns` those of `own_domains` are looked up.
    `key_holder` is asked instead of `token_keys` in a process that must not have the keys.
    """

    return_path: Annotated[str | None, ValueKind.ADDRESS] = None
    token_keys: Annotated[tuple[bytes, ...], Rotating("token_key", "token_old_keys")] = field(default=(), repr=False)
    delimiter: Annotated[str, Key("return_path_delimiter")] = "+"
    verp_paths: Annotated[tuple[str, ...], ValueKind.ADDRESS] = ()
    own_domains: Annotated[frozenset[str], ValueKind.DOMAIN] = frozenset()
    token_max_age: timedelta | None = TOKEN_MAX_AGE
    token_header: Annotated[str, ValueKind.FIELD_NAME] = TOKEN_HEADER
    headers: HeaderNames = HeaderNames()
    dkim_keys: Annotated[tuple[DkimKey, ...], Key("dkim_key")] = ()
    dkim_dns: bool = True
    authserv_ids: Annotated[tuple[tuple[str, frozenset[str]], ...], KeyMark.UNWRITTEN] = ()
    key_holder: Annotated[KeyHolder | None, KeyMark.UNWRITTEN] = None

    @property
    def verifying(self) -> TokenKeys:
        """The keys, or their holder, that verify tokens; empty: no token is ours."""
        return self.key_holder or self.token_keys

    def authserv_ids_of(self, mailbox: str | None) -> frozenset[str]:
        """Returns the servers believed about mail in `mailbox`; all of them if it is None, as for mail from a file."""
        return frozenset().union(*(ids for name, ids in self.authserv_ids if mailbox in {None, name}))
