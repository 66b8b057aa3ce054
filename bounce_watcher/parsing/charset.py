"""Decodes the encodings of mail: of bytes in transfer, of charsets labelled rightly or wrongly, of words, of addresses.

Total: every input gives bytes or a string (RFC 2045, 2047, 3461, 6533). From damaged input it saves what it can.
"""

import binascii
import codecs
import re
from collections.abc import Callable
from email.errors import HeaderParseError
from email.header import decode_header
from functools import lru_cache

MAX_ENCODED_WORDS = 4_000
"""How many characters of one header value are searched for encoded words: the stdlib's search is quadratic."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:+-]{0,39}")
_REFUSED = frozenset({"punycode", "idna", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
"""Codecs of Python that no mail uses; two of them take quadratic time."""
_ALIASES = {"gb2312": "gb18030", "gbk": "gb18030", "ks_c_5601-1987": "cp949", "x-sjis": "cp932", "shift_jis": "cp932"}
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_EMBEDDED = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
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


def read_xtext(text: str) -> str:
    """Decodes xtext (RFC 3461 section 4): "+40" is the sign @."""
    return _XTEXT.sub(lambda match: chr(int(match[1], 16)), text)


def read_embedded(text: str) -> str:
    """Decodes the characters of an address that RFC 6533 section 3 writes as numbers: "\\x{E4}"."""
    return _EMBEDDED.sub(lambda match: character(int(match[1], 16)), text)


def character(number: int) -> str:
    """Returns the character of Unicode with this number; U+FFFD, the mark of a lost one, if there is none."""
    return chr(number) if number < 0x110000 and not 0xD800 <= number < 0xE000 else "\ufffd"


def _base64(body: bytes) -> bytes:
    try:
        return binascii.a2b_base64(body)
    except binascii.Error:
        kept = _NOT_BASE64.sub(b"", body)
        return binascii.a2b_base64(kept[: len(kept) // 4 * 4])


def _uuencoded(body: bytes) -> bytes:
    lines = body.split(b"\n")
    start = next((n for n, line in enumerate(lines) if line.startswith(b"begin ")), -1)
    out = []
    for line in lines[start + 1 :]:
        if line.strip() == b"end":
            break
        try:
            out.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue
    return b"".join(out)


_DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "base64": _base64, "quoted-printable": binascii.a2b_qp,
    **dict.fromkeys(("x-uuencode", "uuencode", "x-uue"), _uuencoded),
}


def decode_transfer(body: bytes, encoding: str | None) -> bytes:
    """Returns `body` without its transfer encoding; unknown encodings and 7bit, 8bit, binary leave it as it is."""
    decoder = _DECODERS.get(encoding.strip().lower()) if encoding else None
    return decoder(body) if decoder else body
