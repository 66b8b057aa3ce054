"""Detects the language of a wording from a few words: only a clear answer of CLD2 counts.

CLD2 runs without its guesses (`bestEffort`). The masked parts are removed first: `<address>` would count as English.
https://github.com/CLD2Owners/cld2
"""

from collections.abc import Iterator, Mapping

try:
    import pycld2
except ImportError:  # the extra is missing, or there is no wheel for this machine: then no language is detected
    pycld2 = None

from bounce_watcher.policy.masking import parts

UNKNOWN = "unknown"
_LEAST_BYTES = 12
"""The shortest text that is tried: a single word may belong to several languages."""
_LEAST_PERCENT = 85  # the share of the bytes that must be in one language
_TODAY = {"iw": "he"}  # codes that ISO 639 has since replaced
_WRITTEN = {"zh": "Chinese, simplified", "zh-Hant": "Chinese, traditional", "nn": "Norwegian Nynorsk"}
_NOT_SPOKEN = ("xx", "zz", "un", "tlh")


def language(wording: str) -> str | None:
    """Returns the ISO 639 code ("de", "zh-Hant"); None if the language is not clear."""
    words = " ".join(piece for piece, mark in parts(wording) if mark is None)
    text = "".join(each if each.isprintable() else " " for each in words).strip().encode("utf-8", "ignore")
    if pycld2 is None or len(text) < _LEAST_BYTES:
        return None
    try:
        is_sure, _, ((_, code, percent, _), *_) = pycld2.detect(text, isPlainText=True)
    except pycld2.error:  # characters that it does not accept as text
        return None
    code = _TODAY.get(code, code)
    return code if is_sure and percent >= _LEAST_PERCENT and code in NAMES else None


def _names() -> Iterator[tuple[str, str]]:
    """Yields the spoken languages, without the codes of CLD2's scripts and jokes."""
    for name, code in pycld2.LANGUAGES if pycld2 else ():
        if not code.startswith(_NOT_SPOKEN):
            yield _TODAY.get(code, code), _WRITTEN.get(code) or name.replace("_", " ").title()


NAMES: Mapping[str, str] = dict(_names())  # the English name of each code; empty if no language can be detected


def told(code: str) -> str:
    """Returns a code's name for display."""
    return "Unknown" if code == UNKNOWN else NAMES.get(code, code)
