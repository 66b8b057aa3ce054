"""Where numbers lead: addresses of pages with their filters."""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.words.formatting import iso

NO_NAME = "-"
"""Stands in a path for a provider or a stream without a name."""
_NO_VALUE = "none"
"""Stands in a filter for what has no value."""


def events(span: Span, of: Of) -> str:
    """The bounces that a number counts; without a type all that are one."""
    told = [("from", iso(span.since)), ("to", iso(span.until))]
    told.append(("type", of.type) if of.type is not None else ("-type", "other"))
    if of.reason is not None:
        told.append(("reason", of.reason or _NO_VALUE))
    told.extend(("provider", each or _NO_VALUE) for each in of.providers or ())
    told.extend(("campaign", each or _NO_VALUE) for each in of.sendings or ())
    if of.stream is not None:
        told.append(("stream", of.stream or _NO_VALUE))
    return f"/events?{urlencode(told)}"


def provider(name: str, query: Mapping[str, str] | None = None) -> str:
    return _with(f"/providers/{_segment(name)}", query)


def stream(name: str, query: Mapping[str, str] | None = None) -> str:
    return _with(f"/streams/{_segment(name)}", query)


def campaign(of_stream: str, name: str) -> str:
    return f"{stream(of_stream)}/campaigns/{_segment(name)}"


def named(segment: str) -> str:
    """What a segment of a path, as the route hands it over, stands for."""
    return "" if segment == NO_NAME else unquote(segment)


def _segment(name: str) -> str:
    """Quoted twice where a path could not hold it, or a browser would resolve it: "/", ".", "..", what is empty."""
    told = name.replace("%", "%25").replace("/", "%2F")
    if not name.strip("."):
        told = told.replace(".", "%2E") or NO_NAME
    return quote("%2D" if name == NO_NAME else told, safe="")


def _with(path: str, query: Mapping[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path


def with_query(link: str, **more: str) -> str:
    """A link with more parameters behind those that it has."""
    return f"{link}{'&' if '?' in link else '?'}{urlencode(more)}"
