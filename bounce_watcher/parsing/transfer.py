"""Decodes a Content-Transfer-Encoding (RFC 2045 section 6). Total: from damaged input it saves what it can."""

import binascii
import re
from collections.abc import Callable

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


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
    "base64": _base64,
    "quoted-printable": binascii.a2b_qp,
    "x-uuencode": _uuencoded,
    "uuencode": _uuencoded,
    "x-uue": _uuencoded,
}


def decode_transfer(body: bytes, encoding: str | None) -> bytes:
    """Returns `body` without its transfer encoding; unknown encodings and 7bit, 8bit, binary leave it as it is."""
    decoder = _DECODERS.get(encoding.strip().lower()) if encoding else None
    return decoder(body) if decoder else body
