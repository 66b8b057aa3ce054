"""What ties a report to our own sending."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Protocol

from bounce_watcher.model.keys import Key, KeyMark, Rotating, ValueKind

TOKEN_HEADER = "X-BW-Token"

TOKEN_MAX_AGE = timedelta(days=90)
"""Servers give up after five days (RFC 5321 section 4.5.4.1) and few complain of a mail weeks old; who shows a token of
last year has found it in an archive."""


class KeyHolder(Protocol):
    """Has the signing keys where they must not lie at hand, and says no more of them than this."""

    def fits(self, data: bytes, written: str) -> bool:
        """As `return_path.fits` does with the keys themselves."""


TokenKeys = tuple[bytes, ...] | KeyHolder


@dataclass(frozen=True, slots=True)
class HeaderNames:
    """Fields of the mail that we send, by which a returned one is known; None where there is none such.

    `campaign` holds the id of the sending, `stream` the stream, `user` the address of the recipient.
    """

    campaign: Annotated[str | None, ValueKind.FIELD_NAME] = None
    stream: Annotated[str | None, ValueKind.FIELD_NAME] = None
    user: Annotated[str | None, ValueKind.FIELD_NAME] = None


@dataclass(frozen=True, slots=True)
class DkimKey:
    """Where a DKIM key stands in the DNS, and its TXT record."""

    name: Annotated[str, ValueKind.DKIM_NAME]
    record: Annotated[str, ValueKind.DKIM_RECORD]


@dataclass(frozen=True, slots=True)
class AttributionSettings:
    """`return_path` is the plain address that tokens ride on; `token_keys` the signing keys, the newest first.

    `delimiter` parts the two in those that are made; both of `rewriting.DELIMITERS` are read. `verp_paths` are other
    return paths in use, whose plain VERP names a recipient; a "*" at the beginning of one stands for any name.
    `own_domains` are the From and DKIM domains of what we send. An empty `token_keys` means: no token is ours.
    `token_max_age` None = tokens do not run out. `token_header` is the field that holds a token in what we send.
    `authserv_ids` are the names of mailboxes and of the servers before each, as `authenticity.server_key` writes them,
    whose Authentication-Results are believed.
    `dkim_keys` are DKIM keys of ours; with `dkim_dns` those of `own_domains` are looked up.
    `key_holder` is asked in place of `token_keys` where these must not lie at hand.
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
        """What tokens are verified by; empty: no token is ours."""
        return self.key_holder or self.token_keys

    def authserv_ids_of(self, mailbox: str | None) -> frozenset[str]:
        """The servers that are believed of mail in `mailbox`; all of them where it is None, as of mail from a file."""
        return frozenset().union(*(ids for name, ids in self.authserv_ids if mailbox in {None, name}))
