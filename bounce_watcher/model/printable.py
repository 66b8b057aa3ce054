"""Characters that do harm as text wherever they are shown. How each place writes them instead stands in `neutral`."""

import unicodedata

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
