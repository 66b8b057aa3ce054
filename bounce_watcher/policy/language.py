"""The language of a wording, as far as a few words tell it: CLD2 says so clearly, or nobody does.

It is asked without its guesses (`bestEffort`), and what varies is taken out before: `<address>` would be English.
https://github.com/CLD2Owners/cld2
"""

from collections.abc import Iterator, Mapping

try:
    import pycld2
except ImportError:  # the extra is missing, or there is no wheel for this machine: then no language is told
    pycld2 = None

from bounce_watcher.policy.masking import parts

UNKNOWN = "unknown"
_LEAST_BYTES = 12
"""Of a wording: a single word is of several languages."""
_LEAST_PERCENT = 85
"""Of its bytes, in one language."""
_TODAY = {"iw": "he"}
"""What ISO 639 calls otherwise since."""
_WRITTEN = {"zh": "Chinese, simplified", "zh-Hant": "Chinese, traditional", "nn": "Norwegian Nynorsk"}
_NOT_SPOKEN = ("xx", "zz", "un", "tlh")


def language(wording: str) -> str | None:
    """The code of ISO 639 ("de", "zh-Hant"), None where it is not told clearly."""
    words = " ".join(piece for piece, mark in parts(wording) if mark is None)
    text = "".join(each if each.isprintable() else " " for each in words).strip().encode("utf-8", "ignore")
    if pycld2 is None or len(text) < _LEAST_BYTES:
        return None
    try:
        is_sure, _, ((_, code, percent, _), *_) = pycld2.detect(text, isPlainText=True)
    except pycld2.error:  # characters that it takes for no text
        return None
    code = _TODAY.get(code, code)
    return code if is_sure and percent >= _LEAST_PERCENT and code in NAMES else None


def _names() -> Iterator[tuple[str, str]]:
    """Spoken languages: the codes of CLD2's scripts and jokes begin otherwise."""
    for name, code in pycld2.LANGUAGES if pycld2 else ():
        if not code.startswith(_NOT_SPOKEN):
            yield _TODAY.get(code, code), _WRITTEN.get(code) or name.replace("_", " ").title()


NAMES: Mapping[str, str] = dict(_names())
"""What a code is called in English; empty where no language can be told."""


def told(code: str) -> str:
    """A code as a person reads it."""
    return "Unknown" if code == UNKNOWN else NAMES.get(code, code)
