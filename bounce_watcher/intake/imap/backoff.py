"""How long to wait before the next try to connect."""

SHORTEST = 5.0
LONGEST = 300.0


def reconnect_delay(attempt: int, jitter: float) -> float:
    """Seconds to wait before try number `attempt` + 1, after `attempt` failures in a row.

    `jitter` is a random number from 0 to 1. The ceiling doubles from 10 s to 5 min. The wait is anywhere between 5 s
    and the ceiling, so that mailboxes that lose one server together do not reconnect together.
    """
    ceiling = min(LONGEST, SHORTEST * 2.0 ** min(max(attempt, 1), 16))
    return SHORTEST + jitter * (ceiling - SHORTEST)
