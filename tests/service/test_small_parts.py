"""Troubles said once, progress told by the monotonic clock, sd_notify's datagrams."""

import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from bounce_watcher.model.about import LEDGER, About, AboutKind
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.service.app import notify, watchdog_interval
from bounce_watcher.service.state import ReportedFailure, Troubles
from bounce_watcher.service.watching import Progress
from bounce_watcher.words.faults import describe
from tests.families import for_each
from tests.troubles import failed

OURS = About(AboutKind.MAILBOX, "a")


@pytest.fixture(autouse=True)
def plain_structlog() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def fail(troubles: Troubles, about: About, error: Exception) -> None:
    with pytest.raises(ReportedFailure), troubles.guard(about):
        raise error


def test_a_trouble_is_logged_when_it_begins_changes_and_ends() -> None:
    troubles = Troubles()
    with capture_logs() as logged:
        for _ in range(3):
            fail(troubles, OURS, TemporaryFailure("refused"))
        fail(troubles, OURS, TemporaryFailure("timed out"))
        for _ in range(2):
            with troubles.guard(OURS):
                pass
    assert [(each["action"], each.get("trouble")) for each in logged] == [
        ("trouble_raised", "refused"), ("trouble_raised", "timed out"), ("trouble_cleared", None),
    ]
    assert troubles.open() == {}


def test_a_failure_is_logged_under_its_nearest_name_only() -> None:
    troubles = Troubles()
    with capture_logs() as logged, pytest.raises(ReportedFailure), troubles.guard(OURS):
        fail(troubles, LEDGER, PermanentFailure("no schema"))
        with troubles.guard(LEDGER):
            raise PermanentFailure("no schema")
    assert [each["about"] for each in logged] == ["ledger"]
    assert {about: describe(trouble.fault) for about, trouble in troubles.open().items()} == {LEDGER: "no schema"}


def test_a_trouble_that_changes_its_words_goes_on_and_one_that_comes_back_is_new() -> None:
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    times = (noon + timedelta(hours=hours) for hours in range(3))
    troubles = Troubles(lambda: next(times))
    for text in ("refused", "timed out"):
        fail(troubles, OURS, TemporaryFailure(text))
    assert troubles.open() == {OURS: failed("timed out", noon)}
    troubles.cleared(OURS)
    fail(troubles, OURS, TemporaryFailure("refused"))
    assert troubles.open() == {OURS: failed("refused", noon + timedelta(hours=1))}


def test_other_exceptions_pass_unchanged() -> None:
    with pytest.raises(ZeroDivisionError), Troubles().guard(OURS):
        raise ZeroDivisionError


def test_progress_names_what_has_not_moved() -> None:
    progress = Progress()
    progress.expect("patient", timedelta(hours=1))
    progress.expect("stuck", timedelta(0))
    assert progress.stuck() == ["stuck"]
    assert progress.ages().keys() == {"patient", "stuck"}
    assert 0 <= progress.ages()["patient"] <= progress.ages()["stuck"] + 1


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


def test_notify_reaches_the_manager(manager: socket.socket) -> None:
    notify("READY=1", "STATUS=watching")
    assert manager.recv(1024) == b"READY=1\nSTATUS=watching"


def test_notify_in_the_abstract_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"bounce-watcher-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{name}")
        listening.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("READY=1")
        assert listening.recv(64) == b"READY=1"


def test_notify_without_or_with_a_dead_manager_is_silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "nobody"))
    notify("READY=1")


@for_each(
    ("limit", "owner", "expected"),
    [
        ("30000000", "ours", timedelta(seconds=15)),
        ("30000000", "", timedelta(seconds=15)),
        ("30000000", "1", None),
        ("0", "", None),
        ("", "", None),
        ("soon", "", None),
    ],
)
def test_watchdog_interval(
    monkeypatch: pytest.MonkeyPatch, limit: str, owner: str, expected: timedelta | None
) -> None:
    monkeypatch.setenv("WATCHDOG_USEC", limit)
    monkeypatch.setenv("WATCHDOG_PID", owner.replace("ours", str(os.getpid())))
    assert watchdog_interval() == expected
