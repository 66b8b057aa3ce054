"""Splits messages into pages, as they are analysed and recorded."""

from collections.abc import Iterable, Iterator, Sequence

from bounce_watcher.model.message import RawMessage

PAGE_MESSAGES = 500
PAGE_BYTES = 16 * 1024 * 1024


def pages(messages: Iterable[RawMessage]) -> Iterator[Sequence[RawMessage]]:
    """Yields pages, bounded in messages and bytes. A page holds at least one message."""
    page: list[RawMessage] = []
    size = 0
    for raw in messages:
        if page and (len(page) >= PAGE_MESSAGES or size + len(raw.content) > PAGE_BYTES):
            yield page
            page, size = [], 0
        page.append(raw)
        size += len(raw.content)
    if page:
        yield page
