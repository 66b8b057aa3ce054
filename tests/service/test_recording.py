"""Pages are written in their order, filed once they are committed, and never one behind a page that failed."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.config import Settings, parse
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.ledger import MessageRecord, PageOutcome
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.recording import SETTLE_PAGES, Destinations, PassTotals, Recorder
from bounce_watcher.service.state import ReportedFailure, Troubles

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


@dataclass
class Book:
    """Stands for a ledger: keeps the sources in the order of writing; refuses the page with `bad`."""

    bad: str | None = None
    written: list[str] = field(default_factory=list)

    @property
    def recording(self) -> "Book":
        return self

    def record(self, page: Sequence[MessageRecord], *_: object) -> PageOutcome:
        sources = [message.source for message in page]
        if self.bad in sources:
            raise TemporaryFailure("database: gone")
        self.written += sources
        return PageOutcome(messages=len(page))


@pytest.fixture(scope="module")
def analyser() -> Iterator[Analyser]:
    with Analyser(AttributionSettings(), workers=2) as made:
        yield made


def settings() -> Settings:
    return parse('[database]\nurl = "sqlite:////tmp/unused.db"\n', "test", {})


def pages(count: int) -> Iterator[list[RawMessage]]:
    for number in range(count):
        yield [RawMessage(f"m{number}", b"Subject: hello\n\nhello\n", NOW)]


@dataclass
class Drained:
    book: Book
    filed: list[str] = field(default_factory=list)
    calls: int = 0
    total: PassTotals | None = None

    def settle(self, places: Destinations, _: PassTotals) -> None:
        assert set(self.filed) <= set(self.book.written)
        sources = [raw.source for messages in places.values() for raw in messages]
        assert set(sources) <= set(self.book.written), "filed before it was written"
        assert set(places) == {Destination.REVIEW}
        self.filed += sources
        self.calls += 1


def drain(analyser: Analyser, book: Book, count: int) -> Drained:
    drained = Drained(book)
    recorder = Recorder(settings(), book, analyser, Troubles())  # type: ignore[arg-type]
    drained.total = recorder.drain(pages(count), drained.settle, threading.Event())
    return drained


def test_all_pages_in_their_order_and_filed_some_at_a_time(analyser: Analyser) -> None:
    drained = drain(analyser, Book(), 10)
    assert drained.book.written == drained.filed == [f"m{number}" for number in range(10)]
    assert drained.calls == -(-10 // SETTLE_PAGES)
    assert drained.total == PassTotals(messages=10, new_messages=10)


def test_nothing_is_written_behind_a_page_that_failed(analyser: Analyser) -> None:
    book = Book(bad="m5")
    drained = Drained(book)
    recorder = Recorder(settings(), book, analyser, Troubles())  # type: ignore[arg-type]
    with pytest.raises(ReportedFailure):
        recorder.drain(pages(12), drained.settle, threading.Event())
    assert book.written == [f"m{number}" for number in range(5)]
    assert set(drained.filed) <= set(book.written)


def test_a_stop_finishes_what_was_fetched(analyser: Analyser) -> None:
    stop = threading.Event()
    stop.set()
    drained = Drained(Book())
    recorder = Recorder(settings(), drained.book, analyser, Troubles())  # type: ignore[arg-type]
    recorder.drain(pages(10), drained.settle, stop)
    assert drained.book.written == drained.filed == ["m0"]
