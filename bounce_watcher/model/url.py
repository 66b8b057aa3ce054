"""How a URL is shown to people: what in it may be a secret is left out."""

import re
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

MASK = "…"

_SHORTEST_SECRET = 6
"""Characters. What is shorter would be taken out of every sentence that happens to hold it, and protects nothing."""

_IN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>]+", re.IGNORECASE)


class Hides(Enum):
    """What of a URL is kept from readers."""

    NOTHING = 0  # made by us of what is no secret
    QUERY = 1    # user, password, query and fragment: as a person wrote it into the configuration
    PATH = 2     # all but scheme and host: it was given as a secret


def shown_url(url: str, hides: Hides = Hides.QUERY, mask: str = MASK) -> str:
    """`url`, absolute or relative, with `mask` in place of each part that is hidden; `mask` alone for no URL at all."""
    if hides is Hides.NOTHING:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return mask
    user, at, host = parts.netloc.rpartition("@")
    origin = f"{parts.scheme}://{mask if user else ''}{at}{host}" if parts.netloc else ""
    if hides is Hides.PATH or (parts.scheme and not parts.netloc):
        return f"{origin}/{mask}" if origin else mask
    return f"{origin}{parts.path}" + (f"?{mask}" if parts.query or parts.fragment else "")


def url_secrets(url: str, hides: Hides) -> set[str]:
    """Each part that is hidden, so that an answer that repeats one can be shown without it."""
    if hides is Hides.NOTHING:
        return set()
    try:
        parts = urlsplit(url)
        values = {value for _, value in parse_qsl(parts.query)}
        found = {url, parts.query, parts.fragment, parts.username or "", parts.password or ""} | values
    except ValueError:
        return {url}
    if hides is Hides.PATH:
        found |= {parts.path, *parts.path.split("/")}
    return {each for each in found if len(each) >= _SHORTEST_SECRET} - {shown_url(url, hides)}


def without_url_secrets(text: str) -> str:
    """`text` with each URL in it shown by `shown_url`."""
    return _IN_TEXT.sub(lambda found: shown_url(found[0]), text)
