"""Signed return paths: an envelope sender of one's own for each mail, which proves what a report is about.

For the sending side:

    from bounce_watcher.attribution.return_path import make_return_path
    from bounce_watcher.attribution.settings import AttributionSettings

    settings = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(key,))
    envelope_sender = make_return_path(settings, "user@example.org", stream="marketing", sending="spring-26")
    # returns+r6f3kq2m7xw4y=marketing=spring-26=user=example.org@bounces.example.com

`key` is at least 16 random bytes, the same that the configuration names. Give the result to SMTP's MAIL FROM; the mail
server must deliver "returns+anything" to the mailbox "returns" (Postfix: recipient_delimiter = +).

Format of what stands behind the "+", 64 octets for the whole local part (RFC 5321 section 4.5.3.1.1):

    r <signature> = <stream> = <sending> = <local> = <domain>     the recipient in clear, where it fits in
    d <signature> = <stream> = <sending> = <digest>               else a digest of the recipient

- signature: 12 characters, the first 60 bits of an HMAC-SHA256 under the newest key over all that follows and the form.
- digest: 10 characters, the first 50 bits of an HMAC-SHA256 under the same key over the recipient's `address_key`.
  It cannot be turned back into an address, but tells whether an address that a report names is the right one.
- stream and sending are short ids of the sender's own; both may be empty.
- Both numbers are in base32 (RFC 4648 section 6) in lower case. In the other fields a-z, 0-9, "-" and a dot that
  follows no dot stand for themselves, "__" is "_", and any other byte of UTF-8 is "_" and two hex digits. So a token
  survives servers that fold case, and needs no quoting (RFC 5322 section 3.2.3).

What it proves: who holds a valid token has seen the return path of a mail that we sent to its recipient, that is, the
recipient and the servers on the way. They can make up a failure of that one recipient and of nobody else: each guess at
another token is right once in 2^60. A token does not run out; to end the life of the old ones drop their key from
`token_keys`. Old keys behind the first verify and never sign. Signatures are compared in constant time.
"""

import hmac
import re
from base64 import b32encode
from dataclasses import dataclass
from hashlib import sha256

from bounce_watcher.attribution.rewriting import extension, unwrap
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.model.address import address_key

MAX_LOCAL_PART = 64
"""Octets, RFC 5321 section 4.5.3.1.1."""

MIN_KEY_BYTES = 16

SIGNATURE_LENGTH = 12  # characters of 5 bits
DIGEST_LENGTH = 10

_CLEAR, _DIGEST = "r", "d"
_TOKEN = re.compile(r"([rd])([a-z2-7]{12})((?:=[a-z0-9._-]*){3,4})")
_UNSAFE = re.compile(rb"[^a-z0-9.-]|(?<=\.)\.")
_ESCAPED = re.compile(rb"_(?:(_)|([0-9a-f]{2}))")


@dataclass(frozen=True, slots=True)
class Token:
    """What a return path says. Nothing of it may be believed unless `is_ours`; `problem` says why it is not.

    `recipient` is the address under `address_key`, None where the token holds only a digest of it.
    """

    recipient: str | None
    stream: str | None
    sending: str | None
    is_ours: bool
    problem: str | None = None
    digest: str | None = None

    def names(self, recipient: str, keys: tuple[bytes, ...]) -> bool:
        """True where the token was made for `recipient`, whatever the case. `keys` are those of the settings."""
        if self.recipient is not None:
            return self.recipient == address_key(recipient)
        made = [_recipient_digest(key, recipient) for key in keys]
        return any(hmac.compare_digest(self.digest or "", digest) for digest in made)


def make_return_path(
    settings: AttributionSettings, recipient: str, stream: str | None = None, sending: str | None = None
) -> str:
    """The envelope sender for one mail to `recipient`.

    Raises ValueError, with the mend, where no return path or key is configured, the recipient is no address, or stream
    and sending leave no room.
    """
    local, domain = _base(settings)
    key = _signing_key(settings)
    room = MAX_LOCAL_PART - len(local) - 1
    return f"{local}+{_make_token(key, recipient, stream or '', sending or '', room)}@{domain}"


def read_return_path(address: str, settings: AttributionSettings) -> Token | None:
    """What the token in `address` holds and whether it is ours; None where there is no token of our form in it.

    BATV and SRS around it are taken off first. Total: any text may be given.
    """
    if settings.return_path is None:
        return None
    added = extension(unwrap(address.strip()), settings.return_path)
    return read_token(added, settings.token_keys) if added else None


def read_token(text: str, keys: tuple[bytes, ...]) -> Token | None:
    """The token that is the whole of `text`, verified under any of `keys`; None where its form is not ours."""
    match = _TOKEN.fullmatch(text.lower()) if len(text) <= MAX_LOCAL_PART else None
    if match is None:
        return None
    form, signature, fields = match[1], match[2], match[3]
    stream, sending, recipient = fields[1:].split("=", 2)
    if form == _CLEAR:
        local, _, domain = recipient.partition("=")
        held = {"recipient": f"{_unescape(local)}@{_unescape(domain)}", "digest": None}
    else:
        held = {"recipient": None, "digest": recipient}
    is_ours = _verifies(keys, signature, form + fields)
    return Token(
        **held, stream=_unescape(stream) or None, sending=_unescape(sending) or None,
        is_ours=is_ours, problem=None if is_ours else _problem(keys),
    )


def _problem(keys: tuple[bytes, ...]) -> str:
    if not keys:
        return "no attribution.token_key is configured to check it with"
    return "its signature fits none of the configured keys: forged, damaged, or signed with a key dropped since"


def _base(settings: AttributionSettings) -> tuple[str, str]:
    local, at, domain = (settings.return_path or "").rpartition("@")
    if not (local and at and domain):
        raise ValueError(
            f"attribution.return_path is {settings.return_path!r}: set the plain address that tokens ride on, "
            "such as returns@bounces.example.com"
        )
    return local, domain


def _signing_key(settings: AttributionSettings) -> bytes:
    if not settings.token_keys:
        raise ValueError("attribution.token_key is not set: give a secret of at least 16 random bytes")
    key = settings.token_keys[0]
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"attribution.token_key has {len(key)} bytes: give at least {MIN_KEY_BYTES} random ones")
    return key


def _make_token(key: bytes, recipient: str, stream: str, sending: str, room: int) -> str:
    address = address_key(recipient)
    local, at, domain = address.rpartition("@")
    if not (local and at and domain):
        raise ValueError(f"recipient {recipient!r} is no address: give one such as user@example.org")
    ids = f"={_escape(stream)}={_escape(sending)}="
    clear = _signed(key, f"{_CLEAR}{ids}{_escape(local)}={_escape(domain)}")
    if len(clear) <= room:
        return clear
    short = _signed(key, f"{_DIGEST}{ids}{_recipient_digest(key, recipient)}")
    if len(short) > room:
        raise ValueError(
            f"no room for stream {stream!r} and sending {sending!r}: the local part of a return path holds "
            f"{MAX_LOCAL_PART} octets (RFC 5321), this one is {len(short) - room} too long; give shorter ids, or a "
            "shorter name in attribution.return_path"
        )
    return short


def _signed(key: bytes, body: str) -> str:
    return f"{body[0]}{_signature(key, body)}{body[1:]}"


def _signature(key: bytes, body: str) -> str:
    return _keyed(key, b"bounce_watcher return path 1\0" + body.encode("ascii"), SIGNATURE_LENGTH)


def _recipient_digest(key: bytes, recipient: str) -> str:
    address = address_key(recipient).encode("utf-8", "surrogatepass")
    return _keyed(key, b"bounce_watcher recipient 1\0" + address, DIGEST_LENGTH)


def _keyed(key: bytes, data: bytes, length: int) -> str:
    return b32encode(hmac.digest(key, data, sha256)).decode("ascii").lower()[:length]


def _verifies(keys: tuple[bytes, ...], signature: str, body: str) -> bool:
    return any(hmac.compare_digest(signature, _signature(key, body)) for key in keys)


def _escape(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return _UNSAFE.sub(lambda match: b"__" if match[0] == b"_" else b"_%02x" % match[0][0], data).decode("ascii")


def _unescape(text: str) -> str:
    data = _ESCAPED.sub(lambda match: match[1] or bytes.fromhex(match[2].decode()), text.encode("ascii", "replace"))
    return data.decode("utf-8", "replace")
