"""What a report shows of our own sending, the same for all of its recipients.

Three places can show something:

- the return path that the report came to: our own server records it on delivery, and many reporters repeat it in To;
- the return path of the sent mail, as a feedback report names it (Original-Mail-From, RFC 5965 section 3.2) or as
  servers on the way recorded it in the returned header;
- the fields of the returned header: the token in it, DKIM signatures, and the fields that the configuration names.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import chain

from bounce_watcher.attribution.dkim import KeyOf, proven_fields
from bounce_watcher.attribution.return_path import Token, read_header_token, read_token
from bounce_watcher.attribution.rewriting import extension, extension_of_any, unwrap, verp_recipients
from bounce_watcher.attribution.settings import AttributionSettings, TokenKeys
from bounce_watcher.model.address import address_key
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.charset import decode_words
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import only_addressee, original_headers
from bounce_watcher.parsing.sending_ids import parse_feedback_id, parse_list_id

_ENVELOPE_HEADERS = ("X-Original-To", "Delivered-To", "Envelope-To", "To")
"""Postfix, Dovecot and Exim write the first three on delivery; the first holds the address before an alias."""

_SENDER_FIELDS = (
    "return-path", "x-return-path", "x-original-return-path", "envelope-from", "x-envelope-from", "x-envelope-sender",
    "x-mailfrom", "received-spf", "authentication-results", "arc-authentication-results",
)
"""Fields of a delivered mail that name its envelope sender. Feedback loops redact To, but seldom these."""

MAX_FIELDS = 4
MAX_FIELD_LENGTH = 2000
MAX_ADDRESSES = 16
"""Limits: fields of one name, characters of each, addresses in each. A report has one recipient."""

MAX_HINTS = 8  # how many addresses of the sent mail are compared with a digest: each costs an HMAC per key
MAX_ID = 64  # the longest stream or sending from an unsigned field, in characters

Form = Callable[[str], str | None]

_STREAM_IN: Mapping[str, Form] = {
    "list-id": parse_list_id, "feedback-id": lambda value: parse_feedback_id(value).mail_type,
}
_SENDING_IN: Mapping[str, Form] = {
    "list-id": parse_list_id, "feedback-id": lambda value: parse_feedback_id(value).campaign,
}
"""Fields with a format of their own, if the configuration names one. Of any other field the whole value counts."""

_BETWEEN = r"\s<>\"(),;:\[\]"
_ADDRESS = re.compile(rf"(?<![^{_BETWEEN}])[^{_BETWEEN}]{{1,320}}@[a-z0-9.-]{{1,255}}", re.IGNORECASE)
_PROPERTY = re.compile(r"\b(?:smtp\.mailfrom|smtp\.mail|envelope-from)=", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Traces:
    """The traces. `token` is from a return path, `header_token` from a header field: each is ours or pretends to be.

    `signed` are the addresses that a DKIM signature of ours says were mailed. `named` are those that plain VERP or a
    field of ours names without any proof; it holds every reading of an ambiguous return path. Both are under
    `address_key`. `stream` and `sending` are from fields of ours. `hints` are addresses to try on a token that holds
    only a digest: nothing says that they were mailed.
    """

    token: Token | None = None
    header_token: Token | None = None
    signed: frozenset[str] = frozenset()
    named: frozenset[str] = frozenset()
    stream: str | None = None
    sending: str | None = None
    hints: tuple[str, ...] = ()


@lru_cache(maxsize=1)  # a report may name a thousand recipients, and its header hold a thousand return paths
def traces(
    message: ParsedMessage, mail_from: str | None, settings: AttributionSettings, key_of: KeyOf, at: datetime | None
) -> Traces:
    """Returns all traces. `mail_from` is the sender that a feedback report names; `key_of` looks up DKIM keys."""
    if not _looks_for_anything(settings):
        return Traces()
    original = original_headers(message)
    told = original.firsts(_fields(settings), as_written=True) if original else {}
    texts = (text[:MAX_FIELD_LENGTH] for text in _senders(message, mail_from, told))
    senders = [unwrap(found) for text in texts for found in _ADDRESS.findall(text)[:MAX_ADDRESSES]]
    base = settings.return_path
    extensions = [added for each in senders if (added := extension(each, base))] if base else []
    keys, name = settings.verifying, settings.headers.user
    header_token = read_header_token(_named_field(told, settings.token_header), keys) if keys else None
    others = (added for path in settings.verp_paths for each in senders if (added := extension_of_any(each, path)))
    verp = chain.from_iterable(map(verp_recipients, (*extensions, *others)))
    by_field = only_addressee(original, name) if name else None
    return Traces(
        token=_first_token(extensions, keys) if keys else None,
        header_token=header_token,
        signed=_signed_addresses(original, settings, key_of, at) if original else frozenset(),
        named=frozenset(map(address_key, (*verp, by_field) if by_field else verp)),
        stream=_id(told, settings.headers.stream, _STREAM_IN),
        sending=_id(told, settings.headers.campaign, _SENDING_IN),
        hints=_hints(header_token, told),
    )


def _hints(header_token: Token | None, told: Mapping[str, str]) -> tuple[str, ...]:
    first = header_token.recipient if header_token else None
    mailed = find_addresses(told.get("to", "")[:MAX_FIELD_LENGTH], MAX_HINTS)
    return (first, *mailed) if first else mailed


@lru_cache(maxsize=16)
def _looks_for_anything(settings: AttributionSettings) -> bool:
    return settings != AttributionSettings()


@lru_cache(maxsize=16)
def _fields(settings: AttributionSettings) -> tuple[str, ...]:
    names = settings.headers
    own = (settings.token_header, names.user, names.stream, names.campaign)
    return ("to", *_SENDER_FIELDS, *(name.lower() for name in own if name))


def _named_field(told: Mapping[str, str], name: str | None) -> str:
    return told.get(name.lower(), "")[:MAX_FIELD_LENGTH] if name else ""


def _id(told: Mapping[str, str], name: str | None, forms: Mapping[str, Form]) -> str | None:
    value = decode_words(_named_field(told, name)).strip()
    form = forms.get((name or "").lower())
    return ((form(value) if form else value) or "")[:MAX_ID] or None


# ── return paths ────────────────────────────────────────────────────────────────────────────────────────────────────

def _senders(message: ParsedMessage, mail_from: str | None, told: Mapping[str, str]) -> Iterator[str]:
    """Yields the texts that may hold our return path, most trusted first."""
    for name in _ENVELOPE_HEADERS:
        yield from message.headers.get_all_as_written(name)[:MAX_FIELDS]
    yield mail_from or ""
    for name in _SENDER_FIELDS:
        if value := told.get(name):
            yield _PROPERTY.sub(" ", value[:MAX_FIELD_LENGTH])


def _first_token(extensions: list[str], keys: TokenKeys) -> Token | None:
    """Returns the first token of ours; if there is none, the first that pretends to be."""
    tokens = [token for each in extensions if (token := read_token(each, keys))]
    return next((token for token in tokens if token.is_ours), tokens[0] if tokens else None)


# ── DKIM ────────────────────────────────────────────────────────────────────────────────────────────────────────────

def _signed_addresses(
    original: Headers, settings: AttributionSettings, key_of: KeyOf, at: datetime | None
) -> frozenset[str]:
    """Returns whom signed fields say that we mailed: the only address in To, and in the field of the recipient."""
    if not (settings.dkim_keys or settings.own_domains):
        return frozenset()
    def own_key(name: str) -> str | None:
        known = _configured(settings).get(name)
        is_looked_up = settings.dkim_dns and name.partition("._domainkey.")[2] in settings.own_domains
        return key_of(name) if known is None and is_looked_up else known

    proven = proven_fields(original, own_key, at, settings.token_max_age)
    fields = {"to", (settings.headers.user or "to").lower()} & proven
    found = (only_addressee(original, name) for name in fields)
    return frozenset(address_key(address) for address in found if address)


@lru_cache(maxsize=16)
def _configured(settings: AttributionSettings) -> dict[str, str]:
    return {key.name: key.record for key in settings.dkim_keys}
