"""Bare addresses out of what reports write in their address fields (RFC 3464 section 2.3.1, RFC 6533 section 3)."""

import re
from functools import lru_cache

MAX_TRIES = 2_000
"""Signs @ in one text that are looked at."""

MAX_FIELD = 2_000
"""Characters of one address field that are looked at."""

MAX_DOMAIN = 255
"""Octets of a domain (RFC 5321 section 4.5.3.1.2, which RFC 6531 leaves in octets of UTF-8)."""

_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,38}[A-Za-z0-9])?"
_USUAL = re.compile(
    r"\s*(?:[Rr][Ff][Cc]822\s*;\s*)?<?((?![Ii][Mm][Cc][Ee])[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?@)"
    rf"({_LABEL}(?:\.{_LABEL}){{1,4}})>?\s*"
)
"""What most fields hold, found at a fraction of what the rest costs."""
_TYPE = re.compile(r"\s*[A-Za-z][\w-]{0,20}\s*;\s*")
_SMTP_PREFIX = re.compile(r"(?:smtp|mailto)[:=]", re.IGNORECASE)
_HEX = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_ENCODED_SIGN = re.compile(r"\+(2B|3D)(?=[^\s@]{0,128}@)")
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\.){1,128})"@')
_LOCAL_STOPS = re.compile(r"""[\s\x00-\x1f\x7f<>()\[\]{},;:"|\\：；，、。「」『』（）【】《》＜＞“”„«»]""")
_DOMAIN = re.compile(r"[^\W_](?:[\w-]{0,61}[^\W_])?(?:\.\w(?:[\w-]{0,61}[^\W_])?)*")
_GLUED = re.compile(r"(\.[A-Za-z]{2,24})[^\x00-\x7f][^.]*$")
_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f.:]{3,45}\]", re.IGNORECASE)
_NO_MAILBOX = ("imceaex-", "imceainvalid-", "/")
"""Starts of local parts that are X.400 or file names in disguise."""


@lru_cache(maxsize=512)
def parse_address(value: str) -> str | None:
    """The first mailbox of an address field, bare, domain in lower case; None where it holds none.

    Takes "rfc822; a@b", "<a@b>", "Name <a@b>", "utf-8; \\x{E4}@b", xtext, comments, and no type at all.
    """
    if "+2B" in value or "+3D" in value:  # what RFC 3461 section 4 makes of "+" and "=" in an address
        value = _ENCODED_SIGN.sub(_character_of_xtext, value[:MAX_FIELD])
    if usual := _USUAL.fullmatch(value, 0, MAX_FIELD):
        return usual[1] + usual[2].lower()
    text = value[:MAX_FIELD]
    while match := _TYPE.match(text):
        text = text[match.end() :]
    if "\\x{" in text:
        text = _HEX.sub(_character, text)
    if "@" not in text and "+40" in text:  # RFC 3461 section 4: xtext that nobody has decoded
        text = _XTEXT.sub(_character_of_xtext, text)
    if "(" in text and '"' not in text:
        text = _COMMENT.sub(" ", text)
    if ">" in text and "<" in text:
        inner = text[text.rfind("<") + 1 :].partition(">")[0]
        text = inner if "@" in inner else text
    return next(iter(find_addresses(text, 1)), None)


def _character_of_xtext(match: re.Match[str]) -> str:
    return chr(int(match[1], 16))


def _character(match: re.Match[str]) -> str:
    number = int(match[1], 16)
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def find_addresses(text: str, limit: int = 100) -> tuple[str, ...]:
    """Mailboxes in running text, in order, each once. Time grows with the length of the text alone."""
    found: dict[str, None] = {}
    at, tries = text.find("@"), 0
    while at != -1 and len(found) < limit and tries < MAX_TRIES:
        tries += 1
        address = _around(text, at)
        if address is not None:
            found.setdefault(address)
        at = text.find("@", at + 1)
    return tuple(found)


def _around(text: str, at: int) -> str | None:
    """The mailbox whose @ stands at `at`."""
    local = _local_before(text, at)
    tail = text[at + 1 : at + 257]
    if not local or local.lower().startswith(_NO_MAILBOX):
        return None
    if literal := _LITERAL.match(tail):
        return f"{local}@{literal[0].lower()}"
    match = _DOMAIN.match(tail)
    if match is None:
        return None
    if tail.startswith('"@', match.end()):
        return None  # inside a quoted local part: "ada@example.com"@example.org
    domain = match[0]
    if not domain.isascii() and (glued := _GLUED.search(domain)):  # "user@example.orgさん": scripts without blanks
        domain = domain[: glued.end(1)]
    if len(domain.encode("utf-8", "replace")) > MAX_DOMAIN:
        return None
    return f"{local}@{domain.lower()}"


def _local_before(text: str, at: int) -> str:
    head = text[max(0, at - 130) : at]
    if head.endswith('"') and (match := _QUOTED.search(head + "@")):
        return match[0][:-1]
    parts = _LOCAL_STOPS.split(head)
    local = _SMTP_PREFIX.sub("", parts[-1]).lstrip(".'*`=").rstrip(".'")
    return local if len(local) <= 128 and "@" not in local else ""


def is_role_of_reporter(address: str) -> bool:
    """True for the names under which mail systems themselves write: no recipient of ours fails under them."""
    return address.partition("@")[0].lower() in _ROLES


_ROLES = frozenset({"mailer-daemon", "postmaster", "mailerdaemon", "mailer_daemon", "post_master", "mdaemon", "daemon"})
