from bounce_watcher.intake.imap.connection import LONGEST, SHORTEST, reconnect_delay


def test_the_ceiling_doubles_up_to_five_minutes() -> None:
    assert [reconnect_delay(attempt, 1.0) for attempt in range(1, 8)] == [10, 20, 40, 80, 160, 300, 300]


def test_no_wait_is_shorter_than_five_seconds_or_longer_than_five_minutes() -> None:
    for attempt in (0, 1, 2, 5, 99, 10**6):
        for jitter in (0.0, 0.3, 1.0):
            assert SHORTEST <= reconnect_delay(attempt, jitter) <= LONGEST


def test_jitter_parts_those_that_failed_together() -> None:
    assert reconnect_delay(6, 0.1) != reconnect_delay(6, 0.9)
