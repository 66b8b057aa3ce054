"""Masks what differs from report to report in a server's words, found by its shape, so that equal words match."""

import re
from collections.abc import Iterator, Set
from enum import StrEnum

from bounce_watcher.parsing.smtp_reply import read_reply

ADDRESS = re.compile(r"<?[^\s<>@]{1,64}@[^\s<>@]{1,255}>?")
LONGEST = 300
"""The longest wording in characters: the words that matter are at the beginning."""
_READ = 2000
_LONGEST_WORD = 24
"""The longest word without digits, in characters; a longer plain one is an id."""
_ENDS = "<>()[]{}\"'.,:;!?=*|"

_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}"
_MONTH = r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_ZONE = r"(?: ?(?:[+-]\d{4}|z|gmt|utc|[cm]es?t|[ep][sd]t))?(?: ?\([a-z]{1,5}\))?"
_CLOCK = rf"\d{{1,2}}:\d\d(?::\d\d(?:\.\d{{1,9}})?)?(?: ?(?:am|pm))?{_ZONE}"
_DATE = re.compile(
    rf"\b(?:{_DAY},? )?\d{{1,2}}[ -]{_MONTH}[ -]\d{{2,4}}(?:,? (?:at )?{_CLOCK})?(?!\w)"   # RFC 5322
    rf"|\b(?:{_DAY},? )?{_MONTH} \d{{1,2}},? {_CLOCK} \d{{4}}\b"                              # asctime
    rf"|\b{_MONTH} \d{{1,2}},? \d{{4}}(?:,? (?:at )?{_CLOCK})?(?!\w)"
    rf"|\b\d{{4}}-\d\d-\d\d(?:[t ]{_CLOCK})?"                                                # RFC 3339
)
_HOST = re.compile(r"(?:[a-z0-9_-]{1,63}\.){1,10}[a-z]{2,24}")
_PLAIN = re.compile(r"[a-z0-9+/=_-]+")


class Mark(StrEnum):
    """The placeholder for a part of a wording that varies."""

    ADDRESS = "<address>"
    HOST = "<host>"
    LINK = "<link>"
    DATE = "<date>"
    ID = "<id>"
    NAME = "<name>"
    NUMBER = "#"


_MARKS = frozenset(Mark)
_MARK = re.compile("|".join(map(re.escape, Mark)))


def names_of(recipient: str) -> Set[str]:
    """Returns the words that name a recipient: its local part and its domain, in lower case."""
    local, _, domain = recipient.casefold().rpartition("@")
    return {name for name in (local, domain) if len(name) > 2}


def has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def wording(diagnostic: str, recipient: str) -> str:
    """Returns the last hop's words in lower case, with a Mark for each part that varies; "" if there are none."""
    reply = read_reply(diagnostic[:_READ]).text or diagnostic
    text = ADDRESS.sub(f" {Mark.ADDRESS} ", _DATE.sub(f" {Mark.DATE} ", " ".join(reply[:_READ].casefold().split())))
    names = names_of(recipient)
    told: list[str] = []
    for word in text.split():
        shown = word if word in _MARKS else _mark_of(word, names) or word
        follows_mark = bool(told) and told[-1] in _MARKS
        if not (follows_mark and (shown == told[-1] or not word.strip(_ENDS))):
            told.append(shown)
    return " ".join(told)[:LONGEST].rstrip()


def _mark_of(word: str, names: Set[str]) -> Mark | None:
    bare = word.strip(_ENDS)
    is_long = len(bare) > _LONGEST_WORD and _PLAIN.fullmatch(bare) is not None
    marks = (
        (Mark.ID, not word.isprintable()),
        (Mark.NAME, bare in names),
        (Mark.LINK, bare.startswith(("http://", "https://", "www."))),
        (Mark.HOST, _HOST.fullmatch(bare) is not None),
        (Mark.NUMBER, has_digit(bare) and not any(map(str.isalpha, bare))),
        (Mark.ID, has_digit(bare) or is_long),
    )
    return next((mark for mark, holds in marks if holds), None)


def parts(text: str) -> Iterator[tuple[str, Mark | None]]:
    """Yields the pieces of a wording: words that are the same in all reports (with None), and the marks between."""
    at = 0
    for found in _MARK.finditer(text):
        if text[at : found.start()]:
            yield text[at : found.start()], None
        yield found[0], Mark(found[0])
        at = found.end()
    if text[at:]:
        yield text[at:], None


def longest_constant(text: str) -> str:
    """Returns the longest piece of a wording that does not vary, for a rule to look for; "" if everything varies."""
    pieces = (piece.strip(f" {_ENDS}-,/") for piece, mark in parts(text) if mark is None)
    return max(pieces, key=len, default="")
