"""How words are compared: ignoring case, accents, spacing and the addresses between them."""

import re
import string
import unicodedata

_WORD = frozenset(string.ascii_lowercase + string.digits)
_ADDRESS = re.compile(r"[\w.+=~!#$%&*/?^`{|}-]{1,64}@[\w.-]{1,255}")
_PLAIN_QUOTES = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00b4": "'"})


def fold(text: str) -> str:
    """Returns `text` in the form in which phrases are compared: no case, no accents, straight quotes, single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    text = text.encode("utf-8", "replace").decode("utf-8")  # the search for phrases accepts no lone surrogates
    decomposed = unicodedata.normalize("NFKD", text.translate(_PLAIN_QUOTES).casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFC", bare).split())


def mask_addresses(text: str) -> str:
    """Returns `text` with each e-mail address overwritten by as many @ signs.

    `no-spam@virus.example` in a reply says nothing about spam or viruses.
    """
    if "@" not in text:
        return text
    return _ADDRESS.sub(lambda found: "@" * len(found[0]), text)


def starts_word(text: str, at: int) -> bool:
    """Checks whether position `at` of the folded `text` begins a word; scripts without spaces begin one anywhere."""
    return at == 0 or not (text[at] in _WORD and text[at - 1] in _WORD)
