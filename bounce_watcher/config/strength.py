"""Estimates from its characters how hard a token is to guess.

A token that a person made up looks like words, and is worth less than its length. One that can be guessed in hours is
refused; one that only does not look random gets a warning.
"""

import string
from itertools import pairwise
from math import log2

SHORTEST = 16
"""In characters. At 10,000 guesses a second, 16 random hexadecimal digits cannot be guessed in any useful time."""
FEWEST_DIFFERENT = 6
"""How many different characters; 16 random hexadecimal digits have fewer once in about 40,000 times."""
GOOD_BITS = 80.0
"""In bits. OWASP asks for 64 bits of entropy in a session id, NIST SP 800-63B for 112 in a key that is looked up.

This is between the two, as the estimate is rough.
"""
MAKE_ONE = "make one with: openssl rand -base64 32"

_WORDS = frozenset(string.ascii_letters + " -_.")
_BITS_OF_WORDS = 1.5
"""Per character, as in English text (Shannon 1951)."""
_HEXADECIMAL = (frozenset("0123456789abcdef-"), frozenset("0123456789ABCDEF-"))
_ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_OTHERS = 32


def strong(token: str) -> str:
    """Returns `token` if it can't be guessed in hours. Raises ValueError with what to do."""
    if len(token) < SHORTEST:
        raise ValueError(f"has {len(token)} characters and can be guessed, at least {SHORTEST} are needed: {MAKE_ONE}")
    if len(set(token)) < FEWEST_DIFFERENT or token in (token * 2)[1:-1]:  # or the same text again and again
        raise ValueError(f"repeats a few characters and can be guessed: {MAKE_ONE}")
    return token


def bits(text: str) -> float:
    """Returns a rough estimate of a token's entropy. It is too high for a token that only looks random."""
    if set(text) <= _WORDS and not _mixes_cases(text):
        return len(text) * _BITS_OF_WORDS
    if any(set(text) <= alphabet for alphabet in _HEXADECIMAL):
        return len(text.replace("-", "")) * 4.0
    size = sum(len(each) for each in _ALPHABETS if set(each) & set(text))
    return len(text) * log2(size + (_OTHERS if set(text) - set("".join(_ALPHABETS)) else 0))


def _mixes_cases(text: str) -> bool:
    """Checks for a capital after a small letter: random letters mix like this, words do not."""
    return any(a.islower() and b.isupper() for a, b in pairwise(text))
