"""Signed return paths: each mail gets its own envelope sender, which proves what a report is about.

For the sending side:

    from datetime import UTC, datetime

    from bounce_watcher.attribution.return_path import make_header_token, make_return_path
    from bounce_watcher.attribution.settings import AttributionSettings

    settings = AttributionSettings(return_path="returns@bounces.example.com", token_keys=(key,))
    today = datetime.now(UTC).date()
    envelope_sender = make_return_path(settings, "user@example.org", "marketing", "spring-26", day=today)
    # returns+r6f3kq2m7xw4ydqo=marketing=spring-26=user=example.org@bounces.example.com
    header = make_header_token(settings, "user@example.org", "marketing", "spring-26", day=today)

`key` is at least 16 random bytes, the same as in the configuration. Use `envelope_sender` in SMTP's MAIL FROM; the mail
server must deliver "returns+anything" to the mailbox "returns" (Postfix: recipient_delimiter = +). `header` is the
value of a header field of the mail (X-BW-Token, unless `token_header` says otherwise). It is for reports that do not
come to a return path of ours but include the mail, as feedback loops do.

Format of the text after the "+" (or "-", with `delimiter="-"` in the settings), 64 octets for the whole local part
(RFC 5321 section 4.5.3.1.1):

    r <signature> <day> = <stream> = <sending> = <local> = <domain>     the recipient in clear, where it fits in
    d <signature> <day> = <stream> = <sending> = <digest>               else a digest of the recipient

- signature: 12 characters, the first 60 bits of an HMAC-SHA256 under the newest key over all that follows and the form.
  The signature of a header is made for that place, and proves nothing in a return path.
- day: 3 characters, when the token was made: days since 1 January 2020, up to 2109. "aaa" means no day: the token never
  expires.
- digest: 10 characters, the first 50 bits of an HMAC-SHA256 under the same key over the recipient's `address_key`.
  It cannot be turned back into an address, but shows whether an address that a report names is the right one.
- stream and sending are short ids of the sender's own; both may be empty.
- Both numbers are in base32 (RFC 4648 section 6) in lower case. In the other fields a-z, 0-9, "-" and a dot that does
  not follow a dot are written as they are, "__" is "_", and any other byte of UTF-8 is "_" and two hex digits. So a
  token survives servers that fold case, and needs no quoting (RFC 5322 section 3.2.3).

What it proves: whoever holds a valid token has seen the return path of a mail that we sent to its recipient. Only the
recipient and the servers on the way have. They can forge a failure of that one recipient and of nobody else: each guess
at another token is right once in 2^60. A token expires `token_max_age` after its day, by the time of the report. To
expire all old tokens at once, remove their key from `token_keys`. The keys after the first only verify and never sign.
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
from bounce_watcher.model.address import MAX_LOCAL_PART, address_key, parse_address
from bounce_watcher.model.finding import DoubtKind

MIN_KEY_BYTES = 16

SIGNATURE_LENGTH = 12  # characters of 5 bits
DIGEST_LENGTH = 10

MAX_HEADER_TOKEN = 400
"""The longest token in a header that is read, in characters. The longest address has 254 (RFC 5321 section 4.5.3.1)."""

MAX_SEEN = 256 * 1024  # how many bytes of a mail `claims` searches for tokens
DAY_ZERO = date(2020, 1, 1)  # means that a token has no day
_DAY_BITS = 15
_DIGITS = "abcdefghijklmnopqrstuvwxyz234567"
_RETURN_PATH, _HEADER = b"bounce_watcher return path 2\0", b"bounce_watcher header 2\0"
"""The purposes of signatures."""

_RECIPIENT = b"bounce_watcher recipient 1\0"  # the purpose of a digest
_CLEAR, _DIGEST = "r", "d"
_TOKEN = re.compile(r"([rd])([a-z2-7]{12})([a-z2-7]{3}(?:=[a-z0-9._-]*){3,4})")
_SEEN = re.compile(rf"(?<![a-z2-7]){_TOKEN.pattern}".encode())
_UNSAFE = re.compile(rb"[^a-z0-9.-]|(?<=\.)\.")
_ESCAPED = re.compile(rb"_(?:(_)|([0-9a-f]{2}))")


@dataclass(frozen=True, slots=True)
class Token:
    """The content of a token in a return path or a header. Believe none of it unless `is_ours`.

    `recipient` is the address under `address_key`; None if the token holds only a digest of it. `day` is the day on
    which it was made (UTC); None if it names none. `problem` says why it is not ours.
    """

    recipient: str | None
    stream: str | None
    sending: str | None
    is_ours: bool
    problem: DoubtKind | None = None
    digest: str | None = None
    day: date | None = None

    def names(self, recipient: str, keys: TokenKeys) -> bool:
        """Checks whether the token was made for `recipient`, ignoring case. `keys` are those of the settings."""
        if self.recipient is not None:
            return self.recipient == address_key(recipient)
        return _held(keys, _digested(recipient), self.digest or "")

    def last_day(self, max_age: timedelta | None) -> date | None:
        """Returns the last day on which the token proves something; None: it does not expire."""
        if self.day is None or max_age is None:
            return None
        return self.day + min(max_age, date.max - self.day)

    def has_run_out(self, at: datetime, max_age: timedelta | None) -> bool:
        """Checks whether the token is too old to be believed in a report received `at` (aware)."""
        last = self.last_day(max_age)
        return last is not None and at.astimezone(UTC).date() > last


def make_return_path(
    settings: AttributionSettings, recipient: str, stream: str | None = None, sending: str | None = None, *,
    day: date | None = None,
) -> str:
    """Returns the envelope sender for one mail to `recipient`. `day` is today in UTC; if None, the token never expires.

    Raises ValueError, with the fix, if no return path or key is configured, the recipient is no address, the day is
    not between 2020 and 2109, or stream and sending leave no room.
    """
    local, at, domain = (settings.return_path or "").rpartition("@")
    if not (local and at and domain):
        raise ValueError(
            f"attribution.return_path is {settings.return_path!r}: set the plain address that tokens ride on, "
            "such as returns@bounces.example.com"
        )
    body = _Body(recipient, stream or "", sending or "", day)
    token = _make_token(_signing_key(settings), body, MAX_LOCAL_PART - len(local) - 1)
    return f"{local}{settings.delimiter}{token}@{domain}"


def make_header_token(
    settings: AttributionSettings, recipient: str, stream: str | None = None, sending: str | None = None, *,
    day: date | None = None,
) -> str:
    """Returns the value of the header field `settings.token_header` for one mail to `recipient`.

    Arguments and errors are those of `make_return_path`.
    """
    body = _Body(recipient, stream or "", sending or "", day)
    return _signed(_signing_key(settings), body.clear(), _HEADER)


def read_return_path(address: str, settings: AttributionSettings) -> Token | None:
    """Returns the token in `address`, and whether it is ours; None if it has no token in our format.

    Removes BATV and SRS around the address first. Total: accepts any text.
    """
    if settings.return_path is None:
        return None
    added = extension(unwrap(address.strip()), settings.return_path)
    return read_token(added, settings.verifying) if added else None


def read_token(text: str, keys: TokenKeys) -> Token | None:
    """Returns the token of a return path if `text` is one, verified under any of `keys`; None if it is none."""
    return _read(text, keys, _RETURN_PATH) if len(text) <= MAX_LOCAL_PART else None


def read_header_token(text: str, keys: TokenKeys) -> Token | None:
    """Does the same as `read_token` for the value of a header field from `make_header_token`."""
    return _read("".join(text.split()), keys, _HEADER) if len(text) <= MAX_HEADER_TOKEN else None


def claims(content: bytes) -> Iterator[tuple[bytes, str]]:
    """Yields the arguments of `fits` (data and writing) for the tokens that are in plain sight in this mail.

    With them a caller can ask in advance, in one request, for all tokens of a mail.
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
    problem = DoubtKind.FORGED_TOKEN if keys else DoubtKind.UNCHECKED_TOKEN
    return Token(
        **held, stream=_unescape(stream) or None, sending=_unescape(sending) or None,
        is_ours=is_ours, problem=None if is_ours else problem, day=_day(day),
    )


def _signing_key(settings: AttributionSettings) -> bytes:
    if not settings.token_keys:
        raise ValueError("attribution.token_key is not set: give a secret of at least 16 random bytes")
    key = settings.token_keys[0]
    if len(key) < MIN_KEY_BYTES:
        raise ValueError(f"attribution.token_key has {len(key)} bytes: give at least {MIN_KEY_BYTES} random ones")
    return key


@dataclass(frozen=True, slots=True)
class _Body:
    """The signed content, in its two forms. Raises ValueError if it cannot be written."""

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
        return f"{_DIGEST}{self._start()}{_keyed(key, _digested(self.recipient), DIGEST_LENGTH)}"

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
    return f"{body[0]}{_keyed(key, purpose + body.encode('ascii'), SIGNATURE_LENGTH)}{body[1:]}"


def _digested(recipient: str) -> bytes:
    return _RECIPIENT + address_key(recipient).encode("utf-8", "surrogatepass")


def _keyed(key: bytes, data: bytes, length: int) -> str:
    return b32encode(hmac.digest(key, data, sha256)).decode("ascii").lower()[:length]


def _held(keys: TokenKeys, data: bytes, written: str) -> bool:
    return fits(keys, data, written) if isinstance(keys, tuple) else keys.fits(data, written)


def fits(keys: tuple[bytes, ...], data: bytes, written: str) -> bool:
    """Checks whether `written` is the whole signature or digest of `data` under one of the keys. A part never fits.

    Callers who must not learn the keys may call it: each guess is right once in 2^60 (a digest's: 2^50). Constant time.
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
