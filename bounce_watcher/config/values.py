"""Reads single values: how they are written and what is allowed. A ValueError says what is wrong with one."""

import ipaddress
import re
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

from bounce_watcher.attribution.authenticity import server_key
from bounce_watcher.config.strength import strong
from bounce_watcher.extras import missing
from bounce_watcher.model.address import address_key, parse_address
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.outbox.http.reach import host_fault, normal_host
from bounce_watcher.outbox.webhook.signature import check_secret

_DURATION = re.compile(r"(\d{1,9})\s?([smhd])", re.ASCII)
_UNITS = {"s": timedelta(seconds=1), "m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_SIZE = re.compile(r"(\d{1,9})\s?([KMG])iB", re.ASCII)
_FACTORS = {"K": 1024, "M": 1024**2, "G": 1024**3}
_LABEL = re.compile(r"(?!-)[^\W_](?:[\w-]{0,62})(?<!-)")
_AUTHSERV_ID = re.compile(r"[^\s@<>()\[\],;:\\\"=?]{1,253}")
_LOCAL_PART = re.compile(r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}")
_URI_REFERENCE = re.compile(r"(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2}){1,1000}")
_POSTGRESQL = "postgresql+psycopg"
_DATABASES = "write sqlite:////absolute/path/ledger.db or postgresql+psycopg://user@host/database"
ELSEWHERE: Final = object()
_LONGEST = timedelta(days=36_500)
_KINDS = {
    bool: "true or false", str: "text", int: "a whole number", float: "a number with a point", list: "a list",
    dict: "a table",
}


def kind_of(value: object) -> str:
    """Names the type of a TOML value in words."""
    return _KINDS.get(type(value), "a date or time")


def nearest(word: object, names: Iterable[str]) -> str | None:
    """Returns the name that `word` was probably meant to be, None if none is close."""
    close = get_close_matches(str(word).casefold().replace("-", "_"), list(names), n=1, cutoff=0.6)
    return close[0] if close else None


# ── durations and sizes ─────────────────────────────────────────────────────────────────────────────────────────────

def duration(value: object) -> timedelta:
    """Reads `45s`, `10m`, `6h`, `14d`."""
    if not isinstance(value, str):
        raise ValueError(f'must be a duration in quotes with its unit, such as "45s", "10m", "6h" or "14d", not '
                         f"{kind_of(value)}")
    match = _DURATION.fullmatch(value.strip())
    if not match:
        raise ValueError(f'{quoted(value)} is not a duration: write a whole number and one unit, such as "45s", "10m", '
                         '"6h" or "14d"')
    if int(match[1]) > _LONGEST / _UNITS[match[2]]:
        raise ValueError(f"{quoted(value)} is longer than a hundred years: write a shorter one")
    return int(match[1]) * _UNITS[match[2]]


def size(value: object) -> int:
    """Reads bytes as a number, or `"64KiB"`, `"1MiB"`, `"1GiB"`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if not match:
        what = quoted(value) if isinstance(value, str) else kind_of(value)
        raise ValueError(f'{what} is not a size: write a number of bytes, or "512KiB", "1MiB", "1GiB"')
    return int(match[1]) * _FACTORS[match[2]]


def spell(value: float | timedelta) -> str:
    """Writes a bound as a person would write it in the file."""
    if isinstance(value, timedelta):
        unit = next(u for u in ("d", "h", "m", "s") if not value % _UNITS[u]) if value else "s"
        return f"{value // _UNITS[unit]}{unit}"
    for letter in ("G", "M", "K"):
        if value and isinstance(value, int) and value % _FACTORS[letter] == 0:
            return f"{value // _FACTORS[letter]}{letter}iB"
    return str(value)


# ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────

def quoted(value: object) -> str:
    """Shows `value` in a message: on one line and short. A file's path may take more room."""
    text, room = str(value), 300 if isinstance(value, Path) else 60
    shown = text if len(text) <= room else text[: room - 1] + "…"
    return '"' + "".join(c if c.isprintable() else "�" for c in shown) + '"'


def known(value: object, names: Sequence[str]) -> str:
    """Returns `value` if it is one of the given words. The refusal names the nearest one."""
    if isinstance(value, str) and value in names:
        return value
    shown = quoted(value) if isinstance(value, str) else kind_of(value)
    near = nearest(value, names)
    hint = f'did you mean "{near}"?' if near else "write one of " + ", ".join(f'"{name}"' for name in names)
    raise ValueError(f"{shown} is not known here: {hint}")


def plain_text(value: str) -> str:
    if not value.strip():
        raise ValueError("is empty")
    if not value.isprintable():
        raise ValueError("contains a line break or another control character: remove it")
    return value


def _folder(value: str) -> str:
    if value.startswith("/") or value.endswith("/"):
        raise ValueError(f'{quoted(value)} begins or ends with "/": write the levels as "Bounces/Processed"')
    return "INBOX" if value.casefold() == "inbox" else value


# ── the network ─────────────────────────────────────────────────────────────────────────────────────────────────────

def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1."""
    if host.casefold().rstrip(".") == "localhost":
        return True
    address = _ip_address(host.strip("[]"))
    return address is not None and address.is_loopback


def _ip_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _peer(value: str) -> str:
    address = _ip_address(value)
    if address is None:
        raise ValueError(f'{quoted(value)} is not an IP address: write it as "127.0.0.1" or "::1"')
    return str(address)


def _is_domain(text: str) -> bool:
    labels = text.removesuffix(".").split(".")
    return len(text) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _is_host(text: str) -> bool:
    return _ip_address(text) is not None or _is_domain(text)


def _host(value: str) -> str:
    if "://" in value or "/" in value:
        raise ValueError('must be the host alone, without "imaps://" or a path, such as "imap.example.com"')
    if _is_host(value):
        return value
    if ":" in value:
        raise ValueError('must be the host alone: the port goes into its own key, such as port = 993')
    raise ValueError(f'{quoted(value)} is not a host name: write it as "imap.example.com"')


def split_listen(value: str) -> tuple[str, int]:
    """Splits `127.0.0.1:8025` or `[::1]:8025` into host and port."""
    host, colon, port = value.rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not bare or (":" in host and bare == host) or not port.isascii() or not port.isdigit():
        raise ValueError(f'{quoted(value)} is not an address and port: write them as "127.0.0.1:8025" or "[::1]:8025"')
    if not 1 <= int(port) <= 65535:
        raise ValueError(f"{port} is not a port: use 1 to 65535")
    return bare, int(port)


def web_address(value: str) -> str:
    """Accepts https, or http to loopback. A refusal never quotes the text: it may hold a token."""
    url = _split(plain_text(value))
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ValueError('is not a web address: write it as "https://host.example.com/path"')
    if url.username is not None or url.password is not None:
        raise ValueError("contains a user name or password: remove the part before the @")
    if url.fragment:
        raise ValueError("contains a #fragment, which is never sent: remove it")
    if fault := host_fault(url.hostname):
        raise ValueError(f"names an address in disguise, which programs read differently: {fault}")
    if not _is_host(url.hostname):
        raise ValueError('contains no valid host name: write it as "https://host.example.com/path"')
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise ValueError("plain http is allowed only for this machine (127.0.0.1, ::1, localhost): use https://")
    return value


def _allowed_host(value: str) -> str:
    """Returns a name or an address in the form that is used for comparison."""
    if fault := host_fault(value):
        raise ValueError(f"{quoted(value)} is an address in disguise, which programs read differently: {fault}")
    if not _is_host(value):
        raise ValueError(f"{quoted(value)} is neither a host name nor an address: write each host alone, without port, "
                         'path, * or /24, such as "hooks.internal.example" or "10.1.2.3"')
    return normal_host(value)


def _uri_reference(value: str) -> str:
    """Checks RFC 3986 section 4.1, as far as its characters and brackets go."""
    with suppress(ValueError):
        urlsplit(value)
        if _URI_REFERENCE.fullmatch(value):
            return value
    raise ValueError(f'{quoted(value)} is not a URI: write it as "https://bounces.example.com/" or "/bounce-watcher"')


def _split(value: str) -> SplitResult:
    try:
        url = urlsplit(value)
        url.port  # noqa: B018  # the property is what checks it
    except ValueError:
        raise ValueError("is not a valid web address: check its host and port") from None
    if any(c.isspace() for c in value):
        raise ValueError("contains white space: remove it")
    return url


# ── addresses ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _domain(value: str) -> str:
    bare = value.removesuffix(".")
    if "@" in value:
        raise ValueError(f'{quoted(value)} is not a domain: leave out the part up to the @, as in "example.com"')
    if not _is_domain(bare):
        raise ValueError(f'{quoted(value)} is not a domain: write it as "example.com"')
    return address_key(f"@{bare}")[1:]


def _address(value: str) -> str:
    local, at, domain = value.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local) or not _is_domain(domain):
        raise ValueError(f'{quoted(value)} is not a mail address: write it as "returns@bounces.example.com"')
    return value


def _authserv_id(value: str) -> str:
    """Returns a server's name in Authentication-Results (RFC 8601 section 2.5), in the form used for comparison."""
    if not (_AUTHSERV_ID.fullmatch(value) and server_key(value)):
        raise ValueError(f'{quoted(value)} is not a server name: write what comes before the first ";" of '
                         'Authentication-Results in mail of this mailbox, such as "mx.example.com"')
    return server_key(value)


def _protected(value: str) -> str:
    """Reads an address, or "@example.org" for every address of a domain. Returns it as `address_key` writes it."""
    if value.startswith("@"):
        return f"@{_domain(value[1:])}"
    if parse_address(value) is None:
        raise ValueError(f'{quoted(value)} is neither an address nor "@domain": write "ceo@example.com" or '
                         '"@example.org"')
    return address_key(value)


def _key_name(value: str) -> str:
    """Returns the DNS name of a DKIM key (RFC 6376 section 3.6.2.1), in lower case."""
    selector, between_them, domain = value.partition("._domainkey.")
    if not (between_them and all(map(_is_domain, (f"{selector}.example", domain)))):
        raise ValueError(f'{quoted(value)} is not a DKIM key name: write it as "s1._domainkey.example.com"')
    return f"{selector.lower()}._domainkey.{_domain(domain)}"


def _key_record(value: str) -> str:
    from bounce_watcher.attribution.dkim import is_key_record  # noqa: PLC0415 - cryptography, that few commands need

    if not is_key_record(value):
        raise ValueError('contains no usable DKIM key: write the whole TXT record, as in '
                         '"v=DKIM1; k=rsa; p=MIIB…"')
    return value


# ── secrets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

def _signing_secret(value: str) -> str:
    if wrong := check_secret(value):
        raise ValueError(wrong)
    return value


def _apprise_url(value: str) -> str:
    if lack := missing("notify"):
        raise ValueError(lack)
    if "://" not in value:
        raise ValueError('is not a URL: write it as Apprise does, such as "mailtos://user:password@example.com" or '
                         '"slack://…"; see https://appriseit.com/services/')
    return value


# ── files and databases ──────────────────────────────────────────────────────────────────────────────────────────────

def _certificates(value: str, folder: Path) -> str:
    """Checks a file of CA certificates in PEM. A relative name starts from `folder`."""
    path = folder / value
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError:
        raise ValueError(f"{quoted(path)} holds no certificate in PEM form (-----BEGIN …)") from None
    except OSError as error:
        raise ValueError(f"{quoted(path)} cannot be read: {reason(error)}") from None
    return str(path)


def database_url(text: str, folder: Path) -> str:
    """Returns the URL in SQLAlchemy's form. A refusal never quotes the text: it may hold a password."""
    scheme = text.partition("://")[0].casefold()
    if scheme == "sqlite":
        return _sqlite(text, folder)
    if scheme in ("postgresql", "postgres", _POSTGRESQL):
        return _postgresql(text)
    if scheme.startswith(("postgresql+", "sqlite+")):
        raise ValueError(f"names an unsupported driver: {_DATABASES}")
    raise ValueError(f"is not a supported database: {_DATABASES}")


def _sqlite(text: str, folder: Path) -> str:
    """Makes the path absolute. A relative one starts from the folder of the configuration file."""
    path, mark, query = text.partition("://")[2].partition("?")
    if not path.startswith("/"):
        raise ValueError("needs three slashes and a path, four for an absolute one: sqlite:////var/lib/…/ledger.db")
    file = path.removeprefix("/")
    if file in ("", ":memory:"):
        raise ValueError("is an in-memory database, which loses all suppressions at every stop: name a file")
    if file.startswith("file:"):
        return text
    return f"sqlite:///{(folder / file).absolute()}{mark}{query}"


def _postgresql(text: str) -> str:
    rest = text.partition("://")[2]
    try:
        url = urlsplit(f"//{rest}")
        url.port  # noqa: B018  # the property is what checks it
    except ValueError:
        raise ValueError("is not a valid URL: check its host and port, and write @ : / # in a password as %40 %3A %2F "
                         "%23") from None
    if not url.path.strip("/"):
        raise ValueError(f"has no database name after the host: {_DATABASES}")
    return f"{_POSTGRESQL}://{rest}"


def reason(error: OSError) -> str:
    """Says why a file could not be read, without its name."""
    return (error.strerror or type(error).__name__).casefold()


# ── by their kind ───────────────────────────────────────────────────────────────────────────────────────────────────

_PATTERNS: Mapping[ValueKind, tuple[re.Pattern[str], str]] = {
    ValueKind.FIELD_NAME: (  # RFC 5322 section 2.2
        re.compile(r"[!-9;-~]{1,76}"), 'is not a header field name: leave out the colon, as in "X-Campaign"'),
    ValueKind.NAME: (
        re.compile(r"[A-Za-z0-9_.-]{1,64}"),
        "is not a valid name: use 1 to 64 letters (a-z, A-Z), digits, dots, hyphens or _"),
    ValueKind.TYPE_PREFIX: (
        re.compile(r"[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,20}"),
        'is not a reversed domain: write it as "com.example.mail"'),
}
"""How a text must look, and what is said of one that does not."""
_TEXTS: Mapping[ValueKind, Callable[[str], object]] = {
    ValueKind.ADDRESS: _address,
    ValueKind.ALLOWED_HOST: _allowed_host,
    ValueKind.APPRISE_URL: _apprise_url,
    ValueKind.AUTHSERV_ID: _authserv_id,
    ValueKind.DKIM_NAME: _key_name,
    ValueKind.DKIM_RECORD: _key_record,
    ValueKind.DOMAIN: _domain,
    ValueKind.FOLDER: _folder,
    ValueKind.HOST: _host,
    ValueKind.IP_ADDRESS: _peer,
    ValueKind.LISTEN_HOST: lambda value: split_listen(value)[0],
    ValueKind.LISTEN_PORT: lambda value: split_listen(value)[1],
    ValueKind.PROTECTED: _protected,
    ValueKind.PROTECTED_ADDRESS: lambda value: ELSEWHERE if value.startswith("@") else _protected(value),
    ValueKind.PROTECTED_DOMAIN: lambda value: _domain(value[1:]) if value.startswith("@") else ELSEWHERE,
    ValueKind.SIGNING_SECRET: _signing_secret,
    ValueKind.STRONG: strong,
    ValueKind.URI_REFERENCE: _uri_reference,
    ValueKind.URL: web_address,
}
_FILES: Mapping[ValueKind, Callable[[str, Path], str]] = {
    ValueKind.CA_FILE: _certificates, ValueKind.DATABASE: database_url
}
_AS_THEY_ARE = frozenset({ValueKind.APPRISE_URL, ValueKind.DATABASE, ValueKind.SIGNING_SECRET, ValueKind.STRONG})
"""Secrets, which may contain anything."""


def text_of(kind: ValueKind | None, value: str, folder: Path = Path()) -> object:
    """Returns a text as it is kept, ELSEWHERE if it is for another field. Relative file names start from `folder`."""
    if kind not in _AS_THEY_ARE:
        value = plain_text(value)
    if kind is None:
        return value
    if kind in _FILES:
        return _FILES[kind](value, folder)
    if kind in _PATTERNS:
        pattern, refusal = _PATTERNS[kind]
        if not pattern.fullmatch(value):
            raise ValueError(f"{quoted(value)} {refusal}")
        return value
    return _TEXTS[kind](value)
