"""The schedule: when the next try comes, and when there is none."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bounce_watcher.model.ledger import Attempt, Disposition
from bounce_watcher.outbox.backoff import LONGEST_ASKED, SCHEDULE, SPREAD, decide_attempt, retry_after
from bounce_watcher.outbox.http.exchange import Reply
from tests.families import for_each

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
ATTEMPTS = st.integers(0, len(SCHEDULE) - 1)
JITTER = st.floats(0, 1, exclude_max=True)
NO_ANSWER = Reply(None, "no answer within 20 s")


def wait(attempt: Attempt) -> timedelta:
    assert attempt.next_attempt_at is not None
    return attempt.next_attempt_at - NOW


def test_the_schedule_is_that_of_the_contract() -> None:
    told = [wait(decide_attempt(NO_ANSWER, tries, NOW, 0.0)) for tries in range(9)]
    hours = [timedelta(hours=h) for h in (2, 5, 10, 14, 20, 24)]
    assert told == [timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30), *hours]


def test_the_tenth_failure_is_the_last() -> None:
    assert decide_attempt(NO_ANSWER, 9, NOW, 0.0) == Attempt(
        Disposition.DEAD, "no answer within 20 s; given up after 10 tries"
    )


@for_each(
    ("status", "disposition"),
    [
        (200, Disposition.DELIVERED),
        (204, Disposition.DELIVERED),
        (299, Disposition.DELIVERED),
        (300, Disposition.RETRY),
        (302, Disposition.RETRY),
        (400, Disposition.RETRY),
        (401, Disposition.RETRY),
        (404, Disposition.RETRY),
        (410, Disposition.GONE),
        (429, Disposition.RETRY),
        (500, Disposition.RETRY),
        (503, Disposition.RETRY),
    ],
)
def test_what_a_status_comes_to(status: int, disposition: Disposition) -> None:
    made = decide_attempt(Reply(status, "told"), 0, NOW, 0.5)
    assert made.disposition is disposition
    assert (made.next_attempt_at is not None) == (disposition is Disposition.RETRY)


@pytest.mark.parametrize("tries", [0, 9, 40])
def test_a_success_or_a_410_is_one_however_many_tries_it_took(tries: int) -> None:
    assert decide_attempt(Reply(200, "ok"), tries, NOW, 0.5).disposition is Disposition.DELIVERED
    assert decide_attempt(Reply(410, "gone"), tries, NOW, 0.5).disposition is Disposition.GONE


@for_each(
    ("value", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        (" 7 ", 7),
        ("Tue, 24 Nov 2026 06:10:00 GMT", 600),     # IMF-fixdate
        ("Tuesday, 24-Nov-26 06:10:00 GMT", 600),   # RFC 850
        ("Tue Nov 24 06:10:00 2026", 600),          # asctime
        ("Tue, 24 Nov 2026 05:00:00 GMT", 0),       # past
        ("Tue, 24 Nov 2099 06:00:00 GMT", 86_400),
        ("9" * 60, 86_400),
        ("172800", 86_400),
    ],
)
def test_retry_after_in_seconds_and_as_a_date(value: str, seconds: int) -> None:
    assert retry_after(value, NOW) == timedelta(seconds=seconds)


@for_each("value", ["", "soon", "-5", "1.5", "²", "1e3", "Tue, 99 Foo 2026 06:10:00 GMT", "x" * 9000])
def test_a_retry_after_that_says_nothing(value: str) -> None:
    assert retry_after(value, NOW) is None


@pytest.mark.parametrize("status", [429, 503])
def test_429_and_503_are_asked_again_when_they_said(status: int) -> None:
    assert wait(decide_attempt(Reply(status, "busy", {"retry-after": "3600"}), 0, NOW, 0.0)) == timedelta(hours=1)


def test_others_are_not_heeded() -> None:
    assert wait(decide_attempt(Reply(500, "broken", {"retry-after": "3600"}), 0, NOW, 0.0)) == SCHEDULE[0]


def test_a_receiver_that_asks_for_less_than_the_schedule_gets_the_schedule() -> None:
    assert wait(decide_attempt(Reply(429, "busy", {"retry-after": "1"}), 3, NOW, 0.0)) == SCHEDULE[3]


@given(ATTEMPTS, JITTER)
def test_jitter_only_lengthens_and_keeps_its_bound(tries: int, jitter: float) -> None:
    waited = wait(decide_attempt(NO_ANSWER, tries, NOW, jitter))
    assert SCHEDULE[tries] <= waited <= SCHEDULE[tries] * (1 + SPREAD)


@given(ATTEMPTS, ATTEMPTS, JITTER, JITTER)
def test_a_later_try_never_waits_less_whatever_the_jitter(one: int, other: int, j1: float, j2: float) -> None:
    assume(one < other)
    waits = [wait(decide_attempt(NO_ANSWER, tries, NOW, j)) for tries, j in ((one, j1), (other, j2))]
    assert waits[0] <= waits[1]


@given(ATTEMPTS, JITTER, st.integers(0, 10**7))
def test_never_earlier_than_asked_up_to_the_cap(tries: int, jitter: float, seconds: int) -> None:
    waited = wait(decide_attempt(Reply(503, "busy", {"retry-after": str(seconds)}), tries, NOW, jitter))
    asked = min(timedelta(seconds=seconds), LONGEST_ASKED)
    assert max(asked, SCHEDULE[tries]) <= waited <= max(asked, SCHEDULE[tries]) * (1 + SPREAD)


@given(st.text(max_size=80))
def test_any_header_is_either_understood_or_not(value: str) -> None:
    asked = retry_after(value, NOW)
    assert asked is None or timedelta(0) <= asked <= LONGEST_ASKED
