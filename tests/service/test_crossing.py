"""What goes from process to process, and what is kept, comes out as it went in."""

import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.message import RawMessage, pack, unpack
from bounce_watcher.pipeline import Toolkit
from bounce_watcher.service.analysis import analyser as workers
from bounce_watcher.service.analysis.worker import Analysed, _as_json, analyse_one
from tests.any_value import any_of
from tests.mail import mailbag

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_page_of_analyses() -> None:
    toolkit = Toolkit(load_builtin(), AttributionSettings())
    page = [RawMessage("a.mbox#1", content, at, stream="news") for content, at in mailbag(30)]
    analysed = [*(analyse_one(raw, toolkit) for raw in page), Analysed(None, error="a bug")]
    assert pickle.loads(pickle.dumps(page)) == page
    assert pickle.loads(pickle.dumps(analysed)) == analysed


@given(st.lists(any_of(Analysed), max_size=2))
def test_whatever_a_worker_can_say(analysed: list[Analysed]) -> None:
    """Each kind of value that a record can hold crosses as text and is read back."""
    assert workers._DONE.validate_json(_as_json(analysed)) == analysed


@pytest.mark.parametrize("content", [b"", b"x", bytes(range(256)), b"ab" * 1_000_000])
def test_a_raw_message(content: bytes) -> None:
    assert unpack(pack(content)) == content


def test_what_is_no_packed_message() -> None:
    with pytest.raises(zstandard.ZstdError):
        unpack(b"Subject: x")


def test_raw_messages_packed_in_many_threads() -> None:
    contents = [os.urandom(50) * 40 for _ in range(400)]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(unpack, pool.map(pack, contents))) == contents
