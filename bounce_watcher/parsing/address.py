"""Finds addresses in text for people, leniently: a result is a guess, and its type says so.

If an address decides something, read it with `parsing.address_fields` or `model.address.parse_address`.
"""

import re
from functools import lru_cache

from bounce_watcher.model.address import ProseAddress, parse_address
from bounce_watcher.parsing.charset import read_embedded, read_xtext

MAX_TRIES = 2_000  # how many signs @ in one text are examined
MAX_FIELD = 2_000  # how many characters of one address field are read
MAX_DOMAIN = 255  # octets of a domain (RFC 5321 section 4.5.3.1.2, which RFC 6531 leaves in octets of UTF-8)
_TYPE = re.compile(r"\s*[A-Za-z][\w-]{0,20}\s*;\s*")
_COMMENT = re.compile(r"\([^()]*\)")
_QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\.){1,128})"@')
_LOCAL_STOPS = re.compile(r"""[\s\x00-\x1f\x7f<>()\[\],;:"\\：；，、。「」『』（）【】《》＜＞“”„«»]""")
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u0670\u0900-\u0fff\u1000-\u109f\u1780-\u17ff"
"""Blocks with vowel signs: words of many scripts need them, but Python's \\w does not match them."""
_LETTER = rf"(?:[^\W_]|[{_MARKS}])"
_INNER = rf"(?:[\w{_MARKS}-]{{0,61}}{_LETTER})?"
_DOMAIN = re.compile(rf"{_LETTER}{_INNER}(?:\.[\w{_MARKS}]{_INNER})*")
_GLUED = re.compile(r"(\.[A-Za-z]{2,24})[^\x00-\x7f][^.]*$")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff"
"""Scripts without blanks between words, or that put words beside an address without one."""
_GLUED_BEFORE = re.compile(rf"[{_UNSPACED}]([A-Za-z0-9][!-~]*)$")
_BESIDE = rf"[{_UNSPACED}\u3000-\u303f\uff00-\uff65]"
_BEGINS = re.compile(rf"(?<={_BESIDE})(?=[A-Za-z0-9][!-?A-~]{{0,63}}@[A-Za-z0-9])")
_ENDS = re.compile(rf"(@[A-Za-z0-9.-]{{1,250}}\.[A-Za-z]{{2,24}})(?={_BESIDE})")
_LITERAL = re.compile(r"\[(?:IPv6:)?[0-9A-Fa-f.:]{3,45}\]", re.IGNORECASE)
_NO_MAILBOX = ("imceaex-", "imceainvalid-", "/")
"""Starts of local parts that are X.400 or file names in disguise."""
_ORNAMENTS = {"'": "'", "`": "'`", "*": "*", "_": "_", "|": "|", "{": "}", "~": "~"}
"""Signs that a local part may hold but that prose also puts around an address, each with what closes it."""
_MOST_ORNAMENTS = 3
_ROLES = frozenset({"mailer-daemon", "postmaster", "mailerdaemon", "mailer_daemon", "post_master", "mdaemon", "daemon"})


@lru_cache(maxsize=512)
def first_address(value: str) -> ProseAddress | None:
    """Returns the first mailbox of a text such as a From field or the content of angle brackets; None if it holds none.

    A text that is a mailbox as a whole is taken as it is. Otherwise it reads "rfc822; a@b", "Name <a@b>", comments, and
    `\\x{E4}@b`.
    """
    text = value[:MAX_FIELD]
    if text.isascii() and (mailbox := parse_address(text.strip(" \t<>"))):
        return ProseAddress(mailbox)
    while match := _TYPE.match(text):
        text = text[match.end() :]
    text = read_embedded(text)
    if "@" not in text and "+40" in text:
        text = read_xtext(text)
    if "(" in text and '"' not in text:
        text = _COMMENT.sub(" ", text)
    if ">" in text and "<" in text:
        inner = text[text.rfind("<") + 1 :].partition(">")[0]
        text = inner if "@" in inner else text
    return next(iter(find_addresses(text, 1)), None)


def find_addresses(text: str, limit: int = 100) -> tuple[ProseAddress, ...]:
    """Returns the mailboxes in running text, in order, each once. Time grows only with the length of the text.

    Every character that a local part may hold counts as part of it, except signs that enclose the whole address. The
    inside of a quoted local part ("ada@example.com"@example.org) is no address.
    """
    found: dict[ProseAddress, None] = {}
    quoted = [match.span(1) for match in _QUOTED.finditer(text)] if '"@' in text else []
    at, tries = text.find("@"), 0
    while at != -1 and len(found) < limit and tries < MAX_TRIES:
        tries += 1
        while quoted and quoted[0][1] <= at:
            quoted.pop(0)
        is_quoted = bool(quoted) and quoted[0][0] <= at
        address = None if is_quoted else _around(text, at)
        if address is not None:
            found.setdefault(ProseAddress(address))
        at = text.find("@", at + 1)
    return tuple(found)


def set_apart(text: str) -> str:
    """Returns `text` with blanks around the ASCII addresses that Chinese, Japanese and the like write without any."""
    if text.isascii() or "@" not in text:
        return text
    return _ENDS.sub(r"\1 ", _BEGINS.sub(" ", text))


def addresses_within(text: str, limit: int = 100) -> frozenset[ProseAddress]:
    """Returns what looks like a mailbox in a quoted local part ("<ada@example.com>"@example.org) and only there."""
    if '"@' not in text:
        return frozenset()
    inner = {each for match in _QUOTED.finditer(text) for each in find_addresses(match[1], limit)}
    return frozenset(inner.difference(find_addresses(text, limit))) if inner else frozenset()


def _around(text: str, at: int) -> str | None:
    """Returns the mailbox whose @ is at `at`; None if there is none."""
    local = _local_before(text, at)
    if not local or local.lower().startswith(_NO_MAILBOX):
        return None
    tail = text[at + 1 : at + 257]
    match = _LITERAL.match(tail) or _DOMAIN.match(tail)
    if match is None:
        return None
    domain = match[0]
    if not domain.isascii() and (glued := _GLUED.search(domain)):  # "user@example.orgさん": scripts without blanks
        domain = domain[: glued.end(1)]
    if len(domain.encode("utf-8", "replace")) > MAX_DOMAIN:
        return None
    if domain.isascii() and not local.isascii() and (glued := _GLUED_BEFORE.search(local)):  # "收件人ada@example.org"
        local = glued[1]
    local = _without_ornaments(local, tail[len(domain) : len(domain) + _MOST_ORNAMENTS])
    return f"{local}@{domain.lower()}" if local else None


def _without_ornaments(local: str, behind: str) -> str:
    """Returns `local` without the signs that the characters after the address close."""
    for sign in behind:
        if not local or sign not in _ORNAMENTS.get(local[0], ""):
            break
        local = local[1:]
    return local


def _local_before(text: str, at: int) -> str:
    head = text[max(0, at - 130) : at]
    if head.endswith('"') and (match := _QUOTED.search(head + "@")):
        return match[0][:-1]
    local = _LOCAL_STOPS.split(head)[-1].lstrip(".")
    return local if len(local) <= 128 and "@" not in local else ""


def is_role_of_reporter(address: str) -> bool:
    """Checks for names under which mail systems themselves write: no recipient of ours fails under them."""
    return address.partition("@")[0].lower() in _ROLES
