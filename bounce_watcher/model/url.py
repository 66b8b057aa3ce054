"""How a URL is shown to people: parts that may be secret are left out."""

import re
from enum import Enum
from urllib.parse import parse_qsl, urlsplit

MASK = "…"

_SHORTEST_SECRET = 6
"""Characters. Removing a shorter text would damage every sentence that happens to contain it, and protect nothing."""

_IN_TEXT = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,30}://[^\s\"'<>]+", re.IGNORECASE)


class Hides(Enum):
    """The parts of a URL that readers don't see."""

    NOTHING = 0  # we made it from parts that are not secret
    QUERY = 1    # user, password, query and fragment: as a person wrote it into the configuration
    PATH = 2     # all but scheme and host: the whole URL was given as a secret


def shown_url(url: str, hides: Hides = Hides.QUERY, mask: str = MASK) -> str:
    """Returns `url`, absolute or relative, with `mask` for each hidden part; `mask` alone if it is not a URL."""
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
    """Returns each hidden part, so that an answer that repeats one can be shown without it."""
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
    """Returns `text` with each URL in it replaced by `shown_url`."""
    return _IN_TEXT.sub(lambda found: shown_url(found[0]), text)
