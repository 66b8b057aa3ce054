"""A stranger's text, made harmless for the place where it is shown: one function a place.

Whatever stands in mail, in a server's reply or in a file goes through the function of its place as the last thing
before it is written there. None of them raises for any text. HTML is escaped by the templates on top of `for_page`.
"""

import re
import unicodedata
from collections.abc import Callable

LONGEST_IN_CHAT = 500
LONGEST_IN_LOG = 20_000
LONGEST_LABEL = 100
"""Characters; what is longer is cut."""

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories of controls, marks of direction and what cannot be seen, surrogates, and ends of lines
that are none to most programs."""
MOST_MARKS = 4
"""Combining marks upon one letter."""

_INVISIBLE = frozenset({
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x3164, 0xFFA0,
    *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
})
"""What is shown as nothing and has another category (Unicode's Default_Ignorable_Code_Point), but for the two selectors
of how an emoji looks, U+FE00 to U+FE0F."""


def is_unsafe(character: str) -> bool:
    """Whether it repaints, reorders or hides what stands around it. Tabs and ends of lines do, too."""
    if character.isascii() and character.isprintable():
        return False
    return unicodedata.category(character) in UNSAFE or ord(character) in _INVISIBLE


def without_piles(text: str) -> str:
    """Without the combining marks that cover the lines above and below."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    """`text` with each unsafe character as `spell` writes it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(spell(character) if is_unsafe(character) else character for character in text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _escape(character: str) -> str:
    """As Python writes it: \\n, \\x1b, \\u202e, \\U000e0041."""
    return character.encode("unicode_escape").decode("ascii")


# ── screens ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def for_terminal(text: str) -> str:
    """On one line; what could repaint, reorder or hide is escaped (ECMA-48 control functions, bidi, zero width)."""
    return without_piles(_spelled(" ".join(text.split()), _escape))


def for_page(text: str) -> str:
    """With its tabs and line breaks; any other unsafe character is shown by its number. A template escapes it."""
    return without_piles(_spelled(text, _on_page))


def _on_page(character: str) -> str:
    return character if character in "\t\n" else "" if character == "\r" else f"[U+{ord(character):04X}]"


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_CALCULATED = re.compile(r"'*\s*[=+\-@＝＋－＠]")
_MARKED = re.compile(r"'+\s*[=+\-@＝＋－＠]")
_BY_NUMBER = re.compile(r"\\u\{([0-9A-F]{1,6})\}")


def for_csv(text: str) -> str:
    """A cell that no spreadsheet calculates and that shows what it holds; `from_csv` gives the very `text` back.

    An apostrophe goes before what would be a formula, behind any apostrophes too (OWASP, "CSV Injection"; ASVS 1.2.10;
    some take the full-width signs for the others), so none of the other cells that begin with one is changed. An unsafe
    character is written by its number, as \\u{202E}.
    """
    shown = _spelled(text.replace("\\u{", "\\u{5C}u{"), lambda character: f"\\u{{{ord(character):X}}}")
    return f"'{shown}" if _CALCULATED.match(shown) else shown


def from_csv(cell: str) -> str:
    """What `for_csv` was given. A cell of another program's that holds none of its marks stays as it is."""
    return _BY_NUMBER.sub(_numbered, cell[1:] if _MARKED.match(cell) else cell)


def _numbered(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    is_ours = number == ord("\\") or (number < 0x110000 and is_unsafe(chr(number)))
    return chr(number) if is_ours else found[0]


def for_json(document: str) -> str:
    """JSON in ASCII, as `json.dumps` writes it: DEL, the one control character that JSON leaves, is escaped too."""
    return document.replace("\x7f", "\\u007f")


# ── messages to people ──────────────────────────────────────────────────────────────────────────────────────────────

_LOOK_ALIKE = str.maketrans({
    "@": "＠", "<": "‹", ">": "›", "&": "＆", "[": "［", "]": "］", "*": "∗", "_": "＿", "`": "ˋ", "~": "∼", "|": "¦",
    "\\": "＼", "#": "＃",
})
_DOT_OF_HOST = re.compile(r"(?<=[\w-])\.(?=[^\W\d_]{2})")
_DOT_OF_LINK = re.compile(r"(?<=[\w-])\.(?=[\w-]{2,63}[/?:#＃])|(?<=\bwww)\.(?=\w)", re.IGNORECASE)
_SCHEME = re.compile(r":(?=//)|(?<=mailto):|(?<=tel):|(?<=sms):|(?<=sip):|(?<=data):|(?<=javascript):", re.IGNORECASE)


def for_chat(text: str, longest: int = LONGEST_IN_CHAT, *, names_hosts: bool = False) -> str:
    """On one line, for a chat or mail of any kind, which may read it as Markdown, mrkdwn, HTML or text.

    Nobody is called by it (@everyone, <!channel>), nothing is a link (hosts and schemes are written as in security
    reports: example[.]org, https[:]//) and nothing is markup: such signs are replaced by others that look alike.
    In a sentence of ours that `names_hosts`, the bare name of a domain stays as it is; a link does not.
    """
    line = _spelled(" ".join(text.split()), lambda character: f"‹U+{ord(character):04X}›")
    plain = without_piles(_cut(line, longest)).translate(_LOOK_ALIKE)
    dot = _DOT_OF_LINK if names_hosts else _DOT_OF_HOST
    return _SCHEME.sub("[:]", dot.sub("[.]", plain))


# ── logs and metrics ────────────────────────────────────────────────────────────────────────────────────────────────

_ATOM = r"[^\s<>()\[\],;:\"@]"
_LOCAL_PART = rf"(?:\"(?:[^\"\\]|\\.){{0,1000}}\"|(?<!{_ATOM})('?){_ATOM}+)"
_MAIL = re.compile(rf"{_LOCAL_PART}(?:@|%40)(\[[^\]\s]{{1,255}}\]|\w(?:[\w.-]{{0,254}}\w)?)", re.DOTALL)
"""RFC 5321 section 4.1.2 and RFC 6531, as they stand in prose and in URLs. All in front of the @ is one local part: so
are the recipient of a VERP address (news+user=example.org@lists.example.com) and what a percent sign routes on."""


def without_addresses(text: str, mask: Callable[[str, str], str]) -> str:
    """`text` with `mask(address, domain)` in place of each mail address. Linear in the length of `text`."""
    return _MAIL.sub(lambda found: _quote(found) + mask(found[0].removeprefix(_quote(found)), found[2]), text)


def _quote(found: re.Match[str]) -> str:
    """The apostrophe before an address that is quoted by it."""
    return found[1] or ""


def for_log(text: str) -> str:
    """On one line, every unsafe character escaped. Addresses are the business of `without_addresses`."""
    return _spelled(_cut(text, LONGEST_IN_LOG), _escape)


def for_label(text: str) -> str:
    """The value of a Prometheus label: one short line, whatever name was given."""
    return _cut(for_terminal(text), LONGEST_LABEL)
