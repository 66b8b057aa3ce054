"""Mailboxes in fields whose address decides something: address lists (RFC 5322 section 3.4), recipients in reports.

Strict: a value that breaks the grammar names nobody, and is never searched for something that looks like an address. So
a field about one address is never read as another, whatever legal characters its local part has. Pass values as they
were written (`Headers.get_all_as_written`): what looks like an encoded word may be a local part (RFC 2047 section 5).
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from bounce_watcher.model.address import MailAddress, parse_address
from bounce_watcher.parsing.charset import decode_words, read_embedded, read_xtext

MAX_LIST = 64 * 1024  # the longest address list that is read, in characters; a longer one names nobody
MAX_FIELD = 2_000  # the longest field with one recipient that is read, in characters
_TOKEN = re.compile(
    r'"(?:[^"\\\n]|\\.)*"'             # a quoted string
    r"|\((?:[^()\\]|\\.)*\)"           # a comment; a comment within one is refused
    r"|\[[^\[\]\\\s]*\]"               # an address literal
    r'|[^"()\[\]<>,:;@\\\x00-\x20\x7f]+'
    r"|[ \t]+|[<>,:;@]"
)
_BLANK = (" ", "\t", "(")
_MAIL_TYPES = frozenset({"rfc822", "rfc-822", "rfc/822", "utf-8", "utf8", "smtp", "local", "x-local", "unknown"})
"""Address types of RFC 3464 section 2.3.1 and RFC 6533 section 3 that mean a mail address, with variants in use."""
_TYPE = re.compile(r"[ \t]*([A-Za-z][\w/-]{0,30})[ \t]*;[ \t]*")
_SCHEME = re.compile(r"(?:smtp|mailto):", re.IGNORECASE)
_WRAPPED = re.compile(r'"([^"\\]+)"|\[smtp:([^\[\]]+)\]', re.IGNORECASE)
"""The whole address in quotation marks or brackets: no mailbox is written this way, so nothing else can be meant."""
_ENCAPSULATED = re.compile(r"imceaex-_o=|imceainvalid-[^@]*\+[0-9a-f]{2}", re.IGNORECASE)
"""How Exchange writes a name of a directory, or any other name, as a local part: no mail was ever sent to it."""
_OTHER_PLACES = ("@", "|", "/", '"|', '"/')
"""The start of a bare domain, and of programs and files that mail was delivered to: such a field hides no address."""


def read_addresses(text: str) -> tuple[MailAddress | None, ...] | None:
    """Returns the mailboxes of an address list, in order, with None for an element that is no mailbox.

    Returns None for the whole list if the text cannot be split into elements, or is too long. Groups name nobody.
    Words are decoded (RFC 2047) only if the sign @ itself is encoded: otherwise they may be meant literally.
    """
    if "@" not in text and "=?" in text:
        text = decode_words(text)
    tokens = _tokens(text) if len(text) <= MAX_LIST else None
    if tokens is None:
        return None
    return tuple(_mailbox(element) for element in _elements(tokens))


@lru_cache(maxsize=512)
def only_address(text: str) -> MailAddress | None:
    """Returns the mailbox of a list that holds only that one; None for any other text."""
    found = read_addresses(text)
    return found[0] if found is not None and len(found) == 1 else None


@lru_cache(maxsize=512)
def read_recipient(value: str) -> MailAddress | None:
    """Returns the mailbox of a field such as Final-Recipient (RFC 3464 section 2.3); None if it holds none.

    Reads `rfc822; a@b`, with or without type, angle brackets and comments; `utf-8; \\x{E4}@b` (RFC 6533 section 3);
    xtext (RFC 3461 section 4) only if the sign @ itself is written that way, as `+2B` may be meant literally.
    """
    types, text = _split_type(value)
    if len(value) > MAX_FIELD or not types <= _MAIL_TYPES:
        return None
    wrapped = _WRAPPED.fullmatch(text)
    text = wrapped[1] or wrapped[2] if wrapped else text
    text = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
    if "@" not in text and "+40" in text:
        text = read_xtext(text)
    is_embedded = "\\x{" in text
    # RFC 6533 section 3: in addresses of type utf-8 a backslash is always written as a number.
    found = None if is_embedded and not types.isdisjoint({"utf-8", "utf8"}) else only_address(text)
    if found is None and is_embedded:
        found = only_address(read_embedded(text))
    return None if found and _ENCAPSULATED.match(found) else found


def is_unreadable(value: str) -> bool:
    """Checks whether a field names a mail address that cannot be read: then nothing else may replace it."""
    types, text = _split_type(value)
    names_mail = types <= _MAIL_TYPES and "@" in text
    is_elsewhere = text.startswith(_OTHER_PLACES) or _ENCAPSULATED.match(text) is not None
    return names_mail and not is_elsewhere and read_recipient(value) is None


def without_xtext(address: str) -> MailAddress | None:
    """Returns what `address` was, supposing that its + and = are xtext (RFC 3461 section 4) that nobody decoded.

    Only a proof, such as a token for that very address, shows whether that is so. None if it has no such sign.
    """
    decoded = read_xtext(address)
    return parse_address(decoded) if decoded != address else None


def _split_type(value: str) -> tuple[frozenset[str], str]:
    """Returns the address types at the front, in lower case (some reporters write one twice), and the rest."""
    types, at = set(), 0
    while match := _TYPE.match(value, at):
        types.add(match[1].lower())
        at = match.end()
    return frozenset(types), value[at:].strip(" \t")


def _tokens(text: str) -> list[str] | None:
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            return None
        tokens.append(match[0])
        at = match.end()
    return tokens


def _elements(tokens: list[str]) -> Iterator[list[str]]:
    """Returns the elements between the commas, without blanks and comments around them; leaves out empty ones."""
    elements: list[list[str]] = [[]]
    is_inside = False
    for token in tokens:
        is_inside = token == "<" or (is_inside and token != ">")
        if token == "," and not is_inside:
            elements.append([])
        else:
            elements[-1].append(token)
    return filter(None, map(_stripped, elements))


def _stripped(tokens: list[str]) -> list[str]:
    inner = [number for number, token in enumerate(tokens) if not token.startswith(_BLANK)]
    return tokens[inner[0] : inner[-1] + 1] if inner else []


def _mailbox(element: list[str]) -> MailAddress | None:
    """Reads a name and an address in angle brackets, or an address (RFC 5322 section 3.4)."""
    if "<" not in element:
        return None if _is_parted(element) else parse_address("".join(_without_route(element)))
    opens = element.index("<")
    name, inner = _stripped(element[:opens]), _stripped(element[opens + 1 : -1])
    is_name = name == inner or {*name}.isdisjoint("<>:;@")  # some repeat the address as a name, without quoting it
    if element[-1] != ">" or _is_parted(inner) or not is_name:
        return None
    return parse_address("".join(_without_route(inner)))


def _is_parted(tokens: list[str]) -> bool:
    return any(token.startswith(_BLANK) for token in tokens)


def _without_route(tokens: list[str]) -> list[str]:
    """Removes a source route at the front (RFC 5321 appendix C)."""
    return tokens[tokens.index(":") + 1 :] if tokens[:1] == ["@"] and ":" in tokens else tokens
