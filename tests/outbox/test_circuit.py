"""A target that fails as a whole is left alone, longer each time, and believed again at the first success."""

from datetime import UTC, datetime, timedelta

import pytest

from bounce_watcher.outbox.backoff import FAILURES, FIRST, LONGEST_OPEN, Circuit

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def failed(times: int, circuit: Circuit | None = None, now: datetime = NOW) -> Circuit:
    circuit = circuit or Circuit()
    for _ in range(times):
        circuit = circuit.after(failed=True, now=now)
    return circuit


def test_it_stays_closed_until_enough_failed_in_a_row() -> None:
    almost = failed(FAILURES - 1)
    assert (almost.is_closed, almost.allows(NOW)) == (True, True)
    opened = failed(1, almost)
    assert (opened.is_closed, opened.allows(NOW)) == (False, False)


def test_a_success_in_between_begins_the_count_anew() -> None:
    circuit = failed(FAILURES - 1).after(failed=False, now=NOW)
    assert circuit == Circuit()
    assert failed(FAILURES - 1, circuit).is_closed


def test_when_its_time_has_come_one_more_try_is_allowed_and_it_is_open_still() -> None:
    circuit = failed(FAILURES)
    assert not circuit.allows(NOW + FIRST - SECOND)
    assert circuit.allows(NOW + FIRST)
    assert not circuit.is_closed, "half-open: the caller sends a single batch"
    assert circuit.after(failed=False, now=NOW + FIRST) == Circuit()


def test_each_failed_try_doubles_the_wait_up_to_the_longest() -> None:
    waits = [failed(number).retry_at - NOW for number in range(FAILURES, FAILURES + 12)]  # type: ignore[operator]
    assert waits[:3] == [FIRST, 2 * FIRST, 4 * FIRST]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_OPEN


@pytest.mark.parametrize("jitter", [0.0, 0.5, 0.999])
def test_jitter_lengthens_by_a_fifth_at_most(jitter: float) -> None:
    circuit = failed(FAILURES - 1).after(failed=True, now=NOW, jitter=jitter)
    assert circuit.retry_at is not None
    assert FIRST * (1 + 0.2 * jitter) == circuit.retry_at - NOW


def test_what_asks_to_be_left_alone_is_left_alone_at_the_first_failure_for_as_long() -> None:
    asked = timedelta(minutes=15)
    circuit = Circuit().after(failed=True, now=NOW, asked=asked)
    assert circuit.retry_at == NOW + asked
    assert Circuit().after(failed=True, now=NOW, asked=timedelta(0)).is_closed
    many = failed(FAILURES + 10).after(failed=True, now=NOW, asked=SECOND)
    assert many.retry_at == NOW + LONGEST_OPEN, "it never shortens our own wait"
