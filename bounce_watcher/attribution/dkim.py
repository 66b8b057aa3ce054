"""Verifies DKIM signatures of ours in the header of a returned mail (RFC 6376): which of its fields we wrote.

Only the header is read. A signature covers the named fields and, in bh=, a hash of the body. The fields say whom we
mailed. So a signature is verified whenever the signed fields came back unchanged, in a whole mail or a header alone. A
body that is cut, changed or missing does not weaken the proof, which says nothing about the body. That is why dkimpy is
not used here: it hashes the body first and refuses every mail of which only the header, or a part, came back, and it
has no public way around that (1.1.8, `DKIM.verify_sig_process`). The tests sign with it.

A signature counts when
- the key is in the configuration, or was looked up for one of our own domains (exactly d=: whoever runs a subdomain
  signs for itself), is not revoked (p=) or on trial (t=y), and has 1024 bits or more,
- the algorithm is rsa-sha256 or ed25519-sha256 (RFC 8301, RFC 8463); From is among the fields,
- its t= is not older than tokens may be. x= is ignored: it limits delivery, and bounces come later.

It proves those of its fields that occur in the header only once: a second To could be anybody's.

Pure: keys are requested by name. Hostile fields cost a few milliseconds at most: header, signatures and names in h= are
bounded, every step is linear, and the sender itself makes the key.
"""

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bounce_watcher.parsing.headers import Headers

KeyOf = Callable[[str], str | None]
"""Returns the TXT record of a name such as "s1._domainkey.example.com"; None if there is none."""

MAX_HEADER = 64 * 1024
"""The longest header whose signatures are verified, in bytes. Longer ones were never ours."""

MAX_SIGNATURES = 4
MAX_SIGNED_FIELDS = 200
MAX_RECORD = 4096
MIN_RSA_BITS, MAX_RSA_BITS = 1024, 4096  # RFC 8301 section 3.2; 4096 is what it asks verifiers to cope with

_FIELD = re.compile(rb"^([!-9;-~]{1,100})([ \t]*):(.*(?:\n[ \t].*)*)", re.MULTILINE)
_BLANKS = re.compile(rb"[ \t]+")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.){0,9}[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_MARK = b"dkim-signature"

_Field = tuple[bytes, bytes]
"""A field to hash, before canonicalization: its name with the blanks after it, and its value."""


@dataclass(frozen=True, slots=True)
class _Signature:
    """One DKIM-Signature. `field` is the signature field as it is hashed: with an empty b= (RFC 6376 section 3.7)."""

    algorithm: str
    domain: str
    selector: str
    is_relaxed: bool
    signed: tuple[str, ...]
    value: bytes
    field: _Field
    made_at: datetime | None


def proven_fields(headers: Headers, key_of: KeyOf, at: datetime | None, max_age: timedelta | None) -> frozenset[str]:
    """Returns the names, in lower case, of the fields that a signature of ours proves. Total.

    `key_of` answers for our own domains only. `at` is when the report was received; with None the age is not checked.
    """
    raw = headers.raw
    if len(raw) > MAX_HEADER or _MARK not in raw.lower():
        return frozenset()
    fields: dict[str, list[_Field]] = {}
    for name, blank, value in _FIELD.findall(raw):
        fields.setdefault(name.decode("ascii").lower(), []).append((name + blank, value))
    for field in fields.get("dkim-signature", ())[:MAX_SIGNATURES]:
        signature = _read(field)
        if signature and not _is_too_old(signature.made_at, at, max_age) and _verifies(signature, fields, key_of):
            return frozenset(name for name in signature.signed if len(fields.get(name, ())) == 1)
    return frozenset()


def _is_too_old(made_at: datetime | None, at: datetime | None, max_age: timedelta | None) -> bool:
    return made_at is not None and at is not None and max_age is not None and at - made_at > max_age


def _read(field: _Field) -> _Signature | None:
    """Returns the signature; None if it cannot count."""
    name, value = field
    tags = _tags(value.decode("latin-1"))
    signed = tuple(tags.get("h", "").lower().split(":")[: MAX_SIGNED_FIELDS + 1])
    domain, selector = tags.get("d", "").lower(), tags.get("s", "").lower()
    is_sound = (
        tags.get("v") == "1" and "from" in signed and len(signed) <= MAX_SIGNED_FIELDS
        and _HOST.fullmatch(domain) and _HOST.fullmatch(selector)
    )
    header_form = tags.get("c", "simple").partition("/")[0]
    if not is_sound or header_form not in {"relaxed", "simple"}:
        return None
    try:
        proof = b64decode(tags.get("b", ""), validate=True)
    except (binascii.Error, ValueError):
        return None
    return _Signature(
        tags.get("a", ""), domain, selector, header_form == "relaxed", signed, proof, (name, _without_proof(value)),
        _moment(tags.get("t", "")),
    )


def _tags(text: str) -> dict[str, str]:
    """Returns a tag list (RFC 6376 section 3.2), values without blanks. The first tag of a name counts."""
    tags: dict[str, str] = {}
    for tag in text.split(";", 64)[:64]:
        name, equals, value = tag.partition("=")
        if equals:
            tags.setdefault(name.strip(), "".join(value.split()))
    return tags


def _without_proof(value: bytes) -> bytes:
    return b";".join(
        tag.partition(b"=")[0] + b"=" if tag.partition(b"=")[0].strip() == b"b" else tag for tag in value.split(b";")
    )


def _moment(seconds: str) -> datetime | None:
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 11):
        return None
    return datetime.fromtimestamp(int(seconds), UTC)


def _verifies(signature: _Signature, fields: Mapping[str, list[_Field]], key_of: KeyOf) -> bool:
    record = key_of(f"{signature.selector}._domainkey.{signature.domain}")
    key = _public_key(record) if record else None
    digest = sha256(b"".join(_hashed(signature, fields))).digest()
    try:
        match key, signature.algorithm:
            case RSAPublicKey(), "rsa-sha256":
                key.verify(signature.value, digest, PKCS1v15(), Prehashed(SHA256()))
            case Ed25519PublicKey(), "ed25519-sha256":
                key.verify(signature.value, digest)
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _hashed(signature: _Signature, fields: Mapping[str, list[_Field]]) -> Iterator[bytes]:
    """Yields the signed fields, the lowest of a name first, and then the signature itself (section 3.7)."""
    left = {name: list(fields.get(name, ())) for name in signature.signed}
    for name in signature.signed:
        if left[name]:
            yield _canonical(left[name].pop(), is_relaxed=signature.is_relaxed) + b"\r\n"
    yield _canonical(signature.field, is_relaxed=signature.is_relaxed)


def _canonical(field: _Field, *, is_relaxed: bool) -> bytes:
    """RFC 6376 section 3.4.2, else section 3.4.1: as it came."""
    if is_relaxed:
        return field[0].strip().lower() + b":" + _BLANKS.sub(b" ", field[1].replace(b"\n", b"")).strip(b" \t")
    return field[0] + b":" + field[1].replace(b"\n", b"\r\n")


@lru_cache(maxsize=64)
def _public_key(record: str) -> RSAPublicKey | Ed25519PublicKey | None:
    """Returns the key of a TXT record (section 3.6.1); None if revoked, on trial, not for mail or of no known form."""
    tags = _tags(record[:MAX_RECORD])
    is_for_us = (
        tags.get("v", "DKIM1") == "DKIM1" and "y" not in tags.get("t", "").split(":")
        and not {"*", "email"}.isdisjoint(tags.get("s", "*").split(":")) and "sha256" in tags.get("h", "sha256")
    )
    try:
        data = b64decode(tags.get("p", ""), validate=True)
        if not (is_for_us and data):
            return None
        if tags.get("k", "rsa") == "ed25519":
            return Ed25519PublicKey.from_public_bytes(data)
        key = load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) and MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS else None


def is_key_record(record: str) -> bool:
    """Checks whether a signature could be verified with the record's key."""
    return _public_key(record) is not None
