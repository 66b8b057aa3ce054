"""A message that kills or hangs its worker must not stop the mail around it."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.ledger import Misread, Unread
from bounce_watcher.model.message import Destination, RawMessage
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.pipeline import Toolkit
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.worker import analyse_one
from tests.mail import mailbag
from tests.service.taken_over import mischievous

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def page(*contents: bytes) -> list[RawMessage]:
    return [RawMessage(f"test#{number}", content, NOW) for number, content in enumerate(contents)]


@pytest.fixture
def analyser() -> Iterator[Analyser]:
    with Analyser(AttributionSettings(), workers=2, work=mischievous, limits=(3.0, 3.0)) as made:
        yield made


@pytest.mark.parametrize("poison", [b"die", b"hang"])
def test_a_poisoned_message_is_singled_out(analyser: Analyser, poison: bytes) -> None:
    ticket = analyser.submit(page(b"one", poison, b"three"))
    analysed = analyser.result(ticket)
    assert [each.error is None for each in analysed] == [True, False, True]
    assert [each.destination for each in analysed] == [
        Destination.PROCESSED, Destination.QUARANTINE, Destination.PROCESSED,
    ]


def test_pages_under_way_beside_a_poisoned_one_are_analysed(analyser: Analyser) -> None:
    tickets = [analyser.submit(page(b"a", b"die")), analyser.submit(page(b"b")), analyser.submit(page(b"c"))]
    results = [analyser.result(ticket) for ticket in tickets]
    assert [[each.error is None for each in result] for result in results] == [[True, False], [True], [True]]


def test_pages_waiting_behind_a_hung_one_are_analysed(analyser: Analyser) -> None:
    tickets = [analyser.submit(page(b"hang")), *(analyser.submit(page(b"a", b"b")) for _ in range(12))]
    first, *others = [analyser.result(ticket) for ticket in tickets]
    assert [each.error is None for each in first] == [False]
    assert all(each.error is None for result in others for each in result)


def test_one_thread_s_poison_sends_no_message_of_another_into_quarantine(analyser: Analyser) -> None:
    def drained(contents: tuple[bytes, ...]) -> list[bool]:
        return [each.error is None for each in analyser.result(analyser.submit(page(*contents)))]

    bags = [(b"die", b"a", b"die", b"b"), (b"c", b"die", b"d", b"die"), (b"e", b"f", b"g", b"h")]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(drained, bags)) == [[content != b"die" for content in bag] for bag in bags]


def test_workers_end_with_a_killed_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(textwrap.dedent("""
        import os, signal
        from datetime import UTC, datetime
        from bounce_watcher.attribution.settings import AttributionSettings
        from bounce_watcher.model.message import RawMessage
        from bounce_watcher.service.analysis import analyser as workers
        from bounce_watcher.service.analysis.analyser import Analyser

        if __name__ == "__main__":
            analyser = Analyser(AttributionSettings(), 1)
            analyser.result(analyser.submit([RawMessage("x", b"Subject: x", datetime.now(UTC))]))
            print(workers._server._process.pid, *(worker.process for worker in analyser._all), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
    """))
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False, timeout=60)
    workers = [int(pid) for pid in done.stdout.split()]
    assert len(workers) == 2, done.stderr
    deadline = time.monotonic() + 10
    while any(_alive(pid) for pid in workers):
        assert time.monotonic() < deadline, "a worker outlived its parent"
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


class BrokenRules:
    """Stands for rules with a bug in them."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError("ada@example.org")


def test_a_bug_is_told_by_its_place_and_not_by_the_mail() -> None:
    content = next(content for content, _ in mailbag(20) if b"multipart/report; report-type=delivery" in content)
    toolkit = Toolkit(BrokenRules())  # type: ignore[arg-type]
    analysed = analyse_one(RawMessage("test#1", content, NOW), toolkit)
    assert analysed.record is None
    assert analysed.destination is Destination.QUARANTINE
    assert analysed.error is not None
    assert analysed.error.startswith("RuntimeError in __getattr__, test_analyser.py line ")
    assert "ada" not in analysed.error


ODD = b"From: MAILER-DAEMON@gate.example\nSubject: Undeliverable: order 4711\n\nThe gate has no zorp for it."


def test_mail_that_is_looked_at_again_is_parsed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(content: bytes) -> ParsedMessage:
        raise AssertionError("parsed anew")

    monkeypatch.setattr("bounce_watcher.service.analysis.judging.parse", again)
    analysed = analyse_one(RawMessage("test#1", ODD, NOW), Toolkit(load_builtin()))
    assert analysed.error is None
    assert analysed.record is not None
    assert analysed.record.unread == Unread(Misread.NOTICE, "undeliverable: order # the gate has no zorp for it.")
