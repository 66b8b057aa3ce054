"""Decodes bytes of any charset, labelled rightly or wrongly. Total: every input gives a string (RFC 2045, 2047)."""

import codecs
import re
from email.errors import HeaderParseError
from email.header import decode_header
from functools import lru_cache

MAX_ENCODED_WORDS = 4_000
"""How many characters of one header value are searched for encoded words: the stdlib's search is quadratic."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_REFUSED = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
"""Codecs of Python that no mail uses; two of them take quadratic time."""
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "x-sjis": "cp932", "shift_jis": "cp932"}


_OCTAL = re.compile(r"(?:\\[23][0-7]{2})+")


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    """Returns the Python codec for a charset label; None for ASCII, UTF-8 and unknown labels."""
    name = charset.strip().lower()
    if not _NAME.fullmatch(name):
        return None
    try:
        found = codecs.lookup(_ALIASES.get(name, name)).name
    except (LookupError, ValueError):
        return None
    return None if found in _REFUSED or found in {"ascii", "utf-8"} else found


def decode(content: bytes, charset: str | None = None) -> str:
    """Returns `content` as text: by its label, else UTF-8, else Latin-1, which accepts anything."""
    codec = _codec(charset) if charset else None
    if codec is not None:
        try:
            text = content.decode(codec, "replace")
            return text if codec != "utf-7" else text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
        except (LookupError, ValueError):  # not a text encoding after all ("hex", "rot13")
            pass
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def decode_words(value: str) -> str:
    """Decodes the encoded words (RFC 2047) of a header value; returns it unchanged if they are broken."""
    if "=?" not in value:
        return value
    try:
        chunks = decode_header(value[:MAX_ENCODED_WORDS])
    except (HeaderParseError, ValueError):
        return value
    return "".join(chunk if isinstance(chunk, str) else decode(chunk, charset) for chunk, charset in chunks)


def one_line(text: str) -> str:
    """Returns `text` with each run of white space, including CJK and no-break blanks, as one blank."""
    return " ".join(text.split())


def read_octal(text: str) -> str:
    """Decodes the bytes in `text` that Exim writes as octal digits ("Empf\\303\\244nger")."""
    if "\\" not in text:
        return text
    return _OCTAL.sub(lambda run: decode(bytes(int(digits, 8) for digits in run[0].split("\\")[1:])), text)
