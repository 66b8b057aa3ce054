"""What of a stranger's text does harm as text, on a page or a terminal: one table for all who show it.

How it is written instead is theirs: the shell escapes it, pages name its number.
"""

import unicodedata

UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's general categories of controls, marks of direction and what cannot be seen, surrogates, and ends of lines
that are none to most programs."""
MOST_MARKS = 4
"""Combining marks upon one letter."""


def is_unsafe(character: str) -> bool:
    """Whether it repaints, reorders or hides what stands around it. Tabs and ends of lines do, too."""
    return not (character.isascii() and character.isprintable()) and unicodedata.category(character) in UNSAFE


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
