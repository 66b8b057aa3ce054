"""Signed return paths: an envelope sender of one's own for each mail, which proves what a report is about.

For the sending side:

    from datetime import UTC, datetime

    from bounce_watcher.attribution.return_path import make_header_token, make_return_path
    from bounce_watcher.attribution.settings import AttributionSettings

    settings = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(key,))
    today = datetime.now(UTC).date()
    envelope_sender = make_return_path(settings, "user@example.org", "marketing", "spring-26", day=today)
    # returns+r6f3kq2m7xw4ydqo=marketing=spring-26=user=example.org@bounces.example.com
    header = make_header_token(settings, "user@example.org", "marketing", "spring-26", day=today)

`key` is at least 16 random bytes, the same that the configuration names. Give the first to SMTP's MAIL FROM; the mail
server must deliver "returns+anything" to the mailbox "returns" (Postfix: recipient_delimiter = +). The second is the
value of a header field of the mail (X-BW-Token, unless `token_header` says otherwise), for reports that come to no
return path of ours and give the mail back, as feedback loops do.

Format of what stands behind the "+" (or "-", with `delimiter="-"` in the settings), 64 octets for the whole local part
(RFC 5321 section 4.5.3.1.1):

    r <signature> <day> = <stream> = <sending> = <local> = <domain>     the recipient in clear, where it fits in
    d <signature> <day> = <stream> = <sending> = <digest>               else a digest of the recipient

- signature: 12 characters, the first 60 bits of an HMAC-SHA256 under the newest key over all that follows and the form.
  In a header it is made for that place, and proves nothing in a return path.
- day: 3 characters, when it was made: days since 1 January 2020, up to 2109. "aaa" tells no day: it never runs out.
- digest: 10 characters, the first 50 bits of an HMAC-SHA256 under the same key over the recipient's `address_key`.
  It cannot be turned back into an address, but tells whether an address that a report names is the right one.
- stream and sending are short ids of the sender's own; both may be empty.
- Both numbers are in base32 (RFC 4648 section 6) in lower case. In the other fields a-z, 0-9, "-" and a dot that
  follows no dot stand for themselves, "__" is "_", and any other byte of UTF-8 is "_" and two hex digits. So a token
  survives servers that fold case, and needs no quoting (RFC 5322 section 3.2.3).

What it proves: who holds a valid token has seen the return path of a mail that we sent to its recipient, that is, the
recipient and the servers on the way. They can make up a failure of that one recipient and of nobody else: each guess at
another token is right once in 2^60. A token runs out `token_max_age` after its day, by the time of the report; to end
the life of all old ones at once drop their key from `token_keys`. Old keys behind the first verify and never sign.
Signatures are compared in constant time.
"""

import hmac
import re
from base64 import b32encode
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256

from bounce_watcher.attribution.rewriting import extension, unwrap
from bounce_watcher.attribution.settings import AttributionSettings, TokenKeys
from bounce_watcher.model.address import address_key, parse_address
from bounce_watcher.model.finding import DoubtKind

MAX_LOCAL_PART = 64
"""Octets, RFC 5321 section 4.5.3.1.1."""

MIN_KEY_BYTES = 16

SIGNATURE_LENGTH = 12  # characters of 5 bits
DIGEST_LENGTH = 10

MAX_HEADER_TOKEN = 400
"""Characters of a token in a header that are read. The longest address has 254 (RFC 5321 section 4.5.3.1)."""

MAX_SEEN = 256 * 1024
"""Bytes of a mail in which tokens are looked for ahead."""

DAY_ZERO = date(2020, 1, 1)
"""Stands for a token that tells no day."""

_DAY_BITS = 15
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_RETURN_PATH, _HEADER = b"bounce_watcher return path 2\0", b"bounce_watcher header 2\0"
"""What a signature is made for."""

_RECIPIENT = b"bounce_watcher recipient 1\0"
"""What a digest is made for."""

_CLEAR, _DIGEST = "r", "d"
_TOKEN = re.compile(r"([rd])([a-z2-7]{12})([a-z2-7]{3}(?:=[a-z0-9._-]*){3,4})")
_SEEN = re.compile(rb"(?<![a-z2-7])([rd])([a-z2-7]{12})([a-z2-7]{3}(?:=[a-z0-9._-]*){3,4})")
_UNSAFE = re.compile(rb"[^a-z0-9.-]|(?<=\.)\.")
_ESCAPED = re.compile(rb"_(?:(_)|([0-9a-f]{2}))")


@dataclass(frozen=True, slots=True)
class Token:
    """What a return path or a header of ours says. Nothing of it may be believed unless `is_ours`.

    `recipient` is the address under `address_key`, None where the token holds only a digest of it. `day` is the one on
    which it was made (UTC); None where it tells none. `problem` says why it is not ours.
    """

    recipient: str | None
    stream: str | None
    sending: str | None
    is_ours: bool
    problem: DoubtKind | None = None
    digest: str | None = None
    day: date | None = None

    def names(self, recipient: str, keys: TokenKeys) -> bool:
        """True where the token was made for `recipient`, whatever the case. `keys` are those of the settings."""
        if self.recipient is not None:
            return self.recipient == address_key(recipient)
        return _held(keys, _digested(recipient), self.digest or "")

    def last_day(self, max_age: timedelta | None) -> date | None:
        """The last day on which it proves something. None: it does not run out."""
        if self.day is None or max_age is None:
            return None
        return self.day + min(max_age, date.max - self.day)

    def has_run_out(self, at: datetime, max_age: timedelta | None) -> bool:
        """Whether it is too old to be believed in a report that was received `at` (aware)."""
        last = self.last_day(max_age)
        return last is not None and at.astimezone(UTC).date() > last


def make_return_path(
    settings: AttributionSettings,
    recipient: str,
    stream: str | None = None,
    sending: str | None = None,
    *,
    day: date | None = None,
) -> str:
    """The envelope sender for one mail to `recipient`. `day` is today in UTC; without one the token never runs out.

    Raises ValueError, with the fix, where no return path or key is configured, the recipient is no address, the day is
    not of this century, or stream and sending leave no room.
    """
    local, domain = _base(settings)
    body = _Body(recipient, stream or "", sending or "", day)
    key = _signing_key(settings)
    room = MAX_LOCAL_PART - len(local) - 1
    return f"{local}{settings.delimiter}{_make_token(key, body, room)}@{domain}"


def make_header_token(
    settings: AttributionSettings,
    recipient: str,
    stream: str | None = None,
    sending: str | None = None,
    *,
    day: date | None = None,
) -> str:
    """The value of the header field `settings.token_header` for one mail to `recipient`. As `make_return_path`."""
    body = _Body(recipient, stream or "", sending or "", day)
    return _signed(_signing_key(settings), body.clear(), _HEADER)


def read_return_path(address: str, settings: AttributionSettings) -> Token | None:
    """What the token in `address` holds and whether it is ours; None where there is no token of our form in it.

    BATV and SRS around it are taken off first. Total: any text may be given.
    """
    if settings.return_path is None:
        return None
    added = extension(unwrap(address.strip()), settings.return_path)
    return read_token(added, settings.verifying) if added else None


def read_token(text: str, keys: TokenKeys) -> Token | None:
    """The token of a return path that is the whole of `text`, verified under any of `keys`; None if there is none.
    """
    return _read(text, keys, _RETURN_PATH) if len(text) <= MAX_LOCAL_PART else None


def read_header_token(text: str, keys: TokenKeys) -> Token | None:
    """The same for the value of a header field, which `make_header_token` made."""
    return _read("".join(text.split()), keys, _HEADER) if len(text) <= MAX_HEADER_TOKEN else None


def claims(content: bytes) -> Iterator[tuple[bytes, str]]:
    """What `fits` will be asked when this mail is read, as far as tokens stand there in plain sight: data and writing.

    For those to whom one question with many answers costs less than many.
    """
    for form, signature, body in _SEEN.findall(content[:MAX_SEEN].lower()):
        for purpose in (_RETURN_PATH, _HEADER):
            yield purpose + form + body, signature.decode("ascii")


def _read(text: str, keys: TokenKeys, purpose: bytes) -> Token | None:
    match = _TOKEN.fullmatch(text.lower())
    if match is None:
        return None
    form, signature, body = match[1], match[2], match[3]
    day, stream, sending, recipient = body.split("=", 3)
    if form == _CLEAR:
        local, _, domain = recipient.partition("=")
        held = {"recipient": f"{_unescape(local)}@{_unescape(domain)}", "digest": None}
    else:
        held = {"recipient": None, "digest": recipient}
    is_ours = _held(keys, purpose + (form + body).encode("ascii"), signature)
    return Token(
        **held, stream=_unescape(stream) or None, sending=_unescape(sending) or None,
        is_ours=is_ours, problem=None if is_ours else _problem(keys), day=_day(day),
    )


def _problem(keys: TokenKeys) -> DoubtKind:
    return DoubtKind.FORGED_TOKEN if keys else DoubtKind.UNCHECKED_TOKEN


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


@dataclass(frozen=True, slots=True)
class _Body:
    """What is signed, in its two forms. Raises ValueError for what cannot be written."""

    recipient: str
    stream: str
    sending: str
    day: date | None

    def clear(self) -> str:
        if parse_address(self.recipient) is None:
            raise ValueError(f"recipient {self.recipient!r} is no address: give one such as user@example.org")
        local, _, domain = address_key(self.recipient).rpartition("@")
        return f"{_CLEAR}{self._start()}{_escape(local)}={_escape(domain)}"

    def short(self, key: bytes) -> str:
        return f"{_DIGEST}{self._start()}{_recipient_digest(key, self.recipient)}"

    def _start(self) -> str:
        return f"{_digits(self.day)}={_escape(self.stream)}={_escape(self.sending)}="


def _make_token(key: bytes, body: _Body, room: int) -> str:
    clear = _signed(key, body.clear(), _RETURN_PATH)
    if len(clear) <= room:
        return clear
    short = _signed(key, body.short(key), _RETURN_PATH)
    if len(short) > room:
        raise ValueError(
            f"no room for stream {body.stream!r} and sending {body.sending!r}: the local part of a return path holds "
            f"{MAX_LOCAL_PART} octets (RFC 5321), this one is {len(short) - room} too long; give shorter ids, or a "
            "shorter name in attribution.return_path"
        )
    return short


def _digits(day: date | None) -> str:
    number = (day - DAY_ZERO).days if day else 0
    if not (0 <= number < 1 << _DAY_BITS) or (day and not number):
        raise ValueError(f"day {day} cannot be written: give today's date, which is behind {DAY_ZERO}")
    return "".join(_DIGITS[number >> shift & 31] for shift in (10, 5, 0))


def _day(digits: str) -> date | None:
    number = sum(_DIGITS.index(digit) << shift for digit, shift in zip(digits, (10, 5, 0), strict=True))
    return DAY_ZERO + timedelta(days=number) if number else None


def _signed(key: bytes, body: str, purpose: bytes) -> str:
    return f"{body[0]}{_signature(key, body, purpose)}{body[1:]}"


def _signature(key: bytes, body: str, purpose: bytes) -> str:
    return _keyed(key, purpose + body.encode("ascii"), SIGNATURE_LENGTH)


def _recipient_digest(key: bytes, recipient: str) -> str:
    return _keyed(key, _digested(recipient), DIGEST_LENGTH)


def _digested(recipient: str) -> bytes:
    return _RECIPIENT + address_key(recipient).encode("utf-8", "surrogatepass")


def _keyed(key: bytes, data: bytes, length: int) -> str:
    return b32encode(hmac.digest(key, data, sha256)).decode("ascii").lower()[:length]


def _held(keys: TokenKeys, data: bytes, written: str) -> bool:
    return fits(keys, data, written) if isinstance(keys, tuple) else keys.fits(data, written)


def fits(keys: tuple[bytes, ...], data: bytes, written: str) -> bool:
    """Whether `written` is the whole signature or digest of `data` under one of the keys; of a part nothing is said.

    Safe to be asked by who must not learn the keys: each guess is right once in 2^60 (a digest's: 2^50). Constant time.
    """
    length = DIGEST_LENGTH if data.startswith(_RECIPIENT) else SIGNATURE_LENGTH
    if len(written) != length or not written.isascii():
        return False
    return any(hmac.compare_digest(written, _keyed(key, data, length)) for key in keys)


def _escape(text: str) -> str:
    data = text.encode("utf-8", "surrogatepass")
    return _UNSAFE.sub(lambda match: b"__" if match[0] == b"_" else b"_%02x" % match[0][0], data).decode("ascii")


def _unescape(text: str) -> str:
    data = _ESCAPED.sub(lambda match: match[1] or bytes.fromhex(match[2].decode()), text.encode("ascii", "replace"))
    return data.decode("utf-8", "replace")
