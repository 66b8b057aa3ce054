"""Calls are spaced as a target allows, whoever makes them. Time is the test's own."""

import threading

import pytest

from bounce_watcher.outbox import platform
from bounce_watcher.outbox.platform import CallPacer


class Clock:
    """Stands for the machine's: it moves by what is slept, and by `pass_by`."""

    def __init__(self) -> None:
        self.now, self.slept = 100.0, list[float]()
        self.lock = threading.Lock()

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(round(seconds, 6))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    it = Clock()
    monkeypatch.setattr(platform, "monotonic", it.monotonic)
    monkeypatch.setattr(platform, "sleep", it.sleep)
    return it


def test_calls_of_one_moment_are_spaced_evenly(clock: Clock) -> None:
    paced = CallPacer(4.0)
    for _ in range(4):
        paced.wait()
    assert clock.slept == [0.0, 0.25, 0.5, 0.75]


def test_time_that_passed_unused_is_not_saved_up(clock: Clock) -> None:
    paced = CallPacer(4.0)
    paced.wait()
    clock.now += 60
    paced.wait()
    paced.wait()
    assert clock.slept == [0.0, 0.0, 0.25]


def test_no_rate_never_waits(clock: Clock) -> None:
    unpaced = CallPacer(None)
    for _ in range(100):
        unpaced.wait()
    assert clock.slept == []


def test_threads_share_one_pace(clock: Clock) -> None:
    paced = CallPacer(10.0)
    threads = [threading.Thread(target=paced.wait) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(clock.slept) == [round(number / 10, 6) for number in range(20)]
