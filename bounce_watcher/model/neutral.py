"""Functions that make a stranger's text harmless for the place where it is shown: one per place.

Any text from mail, a server's reply or a file goes through the function of its place as the last step before it is
written there. None of these functions raises, whatever the text. On top of `for_page`, the templates escape HTML.
"""

import re
import unicodedata
from collections.abc import Callable

LONGEST_IN_CHAT = 500
LONGEST_IN_LOG = 20_000
LONGEST_LABEL = 100
"""Characters; longer text is cut."""

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories of controls, direction marks and other invisible characters, surrogates, and line ends
that most programs ignore."""
MOST_MARKS = 4  # the most combining marks kept on one letter
_INVISIBLE = frozenset({
    0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2065, 0x3164, 0xFFA0,
    *range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000),
})
"""Invisible characters of other categories (Unicode's Default_Ignorable_Code_Point), except for the variation
selectors, which choose how an emoji looks, U+FE00 to U+FE0F."""


def is_unsafe(character: str) -> bool:
    """Checks whether the character repaints, reorders or hides the text around it. Tabs and line ends count, too."""
    if character.isascii() and character.isprintable():
        return False
    return unicodedata.category(character) in UNSAFE or ord(character) in _INVISIBLE


def without_piles(text: str) -> str:
    """Returns `text` without the piled-up combining marks that cover the lines above and below."""
    if text.isascii():
        return text
    kept, marks = [], 0
    for character in text:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)


def _spelled(text: str, spell: Callable[[str], str]) -> str:
    """Returns `text` with each unsafe character replaced by what `spell` returns for it."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(spell(character) if is_unsafe(character) else character for character in text)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _escape(character: str) -> str:
    """Returns the character as Python escapes it: \\n, \\x1b, \\u202e, \\U000e0041."""
    return character.encode("unicode_escape").decode("ascii")


# ── screens ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def for_terminal(text: str) -> str:
    """Returns `text` on one line. Escapes what could repaint, reorder or hide (ECMA-48 controls, bidi, zero width)."""
    return without_piles(_spelled(" ".join(text.split()), _escape))


def for_page(text: str) -> str:
    """Returns `text` with its tabs and line breaks, other unsafe characters by number. A template escapes it."""
    return without_piles(_spelled(text, _on_page))


def _on_page(character: str) -> str:
    return character if character in "\t\n" else "" if character == "\r" else f"[U+{ord(character):04X}]"


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_CALCULATED = re.compile(r"'*\s*[=+\-@＝＋－＠]")
_MARKED = re.compile(r"'+\s*[=+\-@＝＋－＠]")
_BY_NUMBER = re.compile(r"\\u\{([0-9A-F]{1,6})\}")


def for_csv(text: str) -> str:
    """Returns a cell that no spreadsheet calculates and that shows its content; `from_csv` restores the exact `text`.

    An apostrophe goes before what would be a formula (OWASP, "CSV Injection"; ASVS 1.2.10), even if apostrophes precede
    it. Full-width signs count as well, because some programs accept them. No other cell that begins with an apostrophe
    is changed. An unsafe character is written by its number, as \\u{202E}.
    """
    shown = _spelled(text.replace("\\u{", "\\u{5C}u{"), lambda character: f"\\u{{{ord(character):X}}}")
    return f"'{shown}" if _CALCULATED.match(shown) else shown


def from_csv(cell: str) -> str:
    """Returns the text that `for_csv` was given. Another program's cell without such marks stays as it is."""
    return _BY_NUMBER.sub(_numbered, cell[1:] if _MARKED.match(cell) else cell)


def _numbered(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    is_ours = number == ord("\\") or (number < 0x110000 and is_unsafe(chr(number)))
    return chr(number) if is_ours else found[0]


def for_json(document: str) -> str:
    """Makes JSON in ASCII, as `json.dumps` writes it, safe: escapes DEL, the one control character that JSON allows."""
    return document.replace("\x7f", "\\u007f")


# ── messages to people ──────────────────────────────────────────────────────────────────────────────────────────────

_LOOK_ALIKE = str.maketrans({
    "@": "＠", "<": "‹", ">": "›", "&": "＆", "[": "［", "]": "］", "*": "∗", "_": "＿", "`": "ˋ", "~": "∼", "|": "¦",
    "\\": "＼", "#": "＃",
})
_DOT_OF_HOST = re.compile(r"(?<=[\w-])\.(?=[^\W\d_]{2})")
_DOT_OF_LINK = re.compile(r"(?<=[\w-])\.(?=[\w-]{2,63}[/?:#＃])|(?<=www)\.", re.IGNORECASE)
_SCHEME = re.compile(r":(?=//)|(?<=mailto):|(?<=tel):|(?<=sms):|(?<=sip):|(?<=data):|(?<=javascript):", re.IGNORECASE)


def for_chat(text: str, longest: int = LONGEST_IN_CHAT, *, names_hosts: bool = False) -> str:
    """Returns `text` on one line for any chat or mail, which may read it as Markdown, mrkdwn, HTML or plain text.

    The result mentions nobody (@everyone, <!channel>), holds no link (hosts and schemes are written as in security
    reports: example[.]org, https[:]//) and no markup: look-alikes replace such signs.
    If a sentence of ours `names_hosts`, a bare domain name stays as it is; a link does not.
    """
    line = _spelled(" ".join(text.split()), lambda character: f"‹U+{ord(character):04X}›")
    plain = without_piles(_cut(line, longest)).translate(_LOOK_ALIKE)
    dot = _DOT_OF_LINK if names_hosts else _DOT_OF_HOST
    return _SCHEME.sub("[:]", dot.sub("[.]", plain))


# ── logs and metrics ────────────────────────────────────────────────────────────────────────────────────────────────

_ATOM = r"[^\s<>()\[\],;:\"@]"
_LOCAL_PART = rf"(?:\"(?:[^\"\\]|\\.){{0,1000}}\"|(?<!{_ATOM})('?){_ATOM}+)"
_MAIL = re.compile(rf"{_LOCAL_PART}(?:@|%40)(\[[^\]\s]{{1,255}}\]|\w(?:[\w.-]{{0,254}}\w)?)", re.DOTALL)
"""Addresses by RFC 5321 section 4.1.2 and RFC 6531, as they appear in prose and in URLs. All that precedes the @ is one
local part: so are the recipient in a VERP address (news+user=example.org@lists.example.com) and a percent-routed
address."""


def without_addresses(text: str, mask: Callable[[str, str], str]) -> str:
    """Returns `text` with each mail address replaced by `mask(address, domain)`. Linear in the length of `text`."""
    def masked(found: re.Match[str]) -> str:
        quote = found[1] or ""  # the apostrophe before an address that is quoted by it
        return quote + mask(found[0].removeprefix(quote), found[2])

    return _MAIL.sub(masked, text)


def for_log(text: str) -> str:
    """Returns `text` on one line, with every unsafe character escaped. It leaves addresses to `without_addresses`."""
    return _spelled(_cut(text, LONGEST_IN_LOG), _escape)


def for_label(text: str) -> str:
    """Returns the value of a Prometheus label: one short line, whatever name was given."""
    return _cut(for_terminal(text), LONGEST_LABEL)
