"""Estimates how hard a token is to guess from its characters.

What a person made up looks like words: it is worth less than its length. What can be guessed in hours is refused, what
merely does not look random is warned of.
"""

import string
from itertools import pairwise
from math import log2

SHORTEST = 16
"""Characters. At 10,000 guesses a second 16 random hexadecimal digits outlast whoever guesses."""
FEWEST_DIFFERENT = 6
"""Characters that differ; 16 random hexadecimal digits hold fewer once in some 40,000 times."""
GOOD_BITS = 80.0
"""OWASP asks for 64 bits of entropy in a session's id, NIST SP 800-63B 112 in a key that is looked up; this is between,
as the estimate is rough."""
MAKE_ONE = "make one with: openssl rand -base64 32"

_WORDS = frozenset(string.ascii_letters + " -_.")
_BITS_OF_WORDS = 1.5
"""A character, as in English text (Shannon 1951)."""
_HEXADECIMAL = (frozenset("0123456789abcdef-"), frozenset("0123456789ABCDEF-"))
_ALPHABETS = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
_OTHERS = 32


def strong(token: str) -> str:
    """`token`, if it can't be guessed in hours. Raises ValueError with what to do."""
    if len(token) < SHORTEST:
        raise ValueError(f"has {len(token)} characters and can be guessed, at least {SHORTEST} are needed: {MAKE_ONE}")
    if len(set(token)) < FEWEST_DIFFERENT or token in (token * 2)[1:-1]:  # or the same text again and again
        raise ValueError(f"repeats a few characters and can be guessed: {MAKE_ONE}")
    return token


def bits(text: str) -> float:
    """A rough estimate of the entropy of a token; too high for what is random in no way and looks as if."""
    if set(text) <= _WORDS and not _mixes_cases(text):
        return len(text) * _BITS_OF_WORDS
    if any(set(text) <= alphabet for alphabet in _HEXADECIMAL):
        return len(text.replace("-", "")) * 4.0
    size = sum(len(each) for each in _ALPHABETS if set(each) & set(text))
    return len(text) * log2(size + (_OTHERS if set(text) - set("".join(_ALPHABETS)) else 0))


def _mixes_cases(text: str) -> bool:
    """A capital behind a small letter: so are random letters mixed, and words are not."""
    return any(a.islower() and b.isupper() for a, b in pairwise(text))
