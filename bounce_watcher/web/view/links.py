"""Links behind numbers: addresses of pages with their filters."""

from collections.abc import Mapping
from urllib.parse import quote, unquote, urlencode

from bounce_watcher.ledger.lists.figures import Of, Span
from bounce_watcher.words.formatting import iso

NO_NAME = "-"
"""Represents a provider or stream without a name in a path."""
_NO_VALUE = "none"
"""Represents a missing value in a filter."""


def events(span: Span, of: Of) -> str:
    """Returns the link to the events that a number counts; without a type, to all that have one."""
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
    return with_query(f"/providers/{_segment(name)}", **query or {})


def stream(name: str, query: Mapping[str, str] | None = None) -> str:
    return with_query(f"/streams/{_segment(name)}", **query or {})


def campaign(of_stream: str, name: str) -> str:
    return f"{stream(of_stream)}/campaigns/{_segment(name)}"


def named(segment: str) -> str:
    """Returns the name behind a path segment, as the route passes it."""
    return "" if segment == NO_NAME else unquote(segment)


def _segment(name: str) -> str:
    """Returns the name as a path segment.

    It is quoted twice where a path could not hold it or a browser would resolve it: "/", ".", "..", an empty name.
    """
    told = name.replace("%", "%25").replace("/", "%2F")
    if not name.strip("."):
        told = told.replace(".", "%2E") or NO_NAME
    return quote("%2D" if name == NO_NAME else told, safe="")


def with_query(link: str, **more: str) -> str:
    """Returns the link with more parameters after its own."""
    return f"{link}{'&' if '?' in link else '?'}{urlencode(more)}" if more else link
