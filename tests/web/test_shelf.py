"""What is kept for a minute: made once in it, anew behind it, and never more than a few."""

from datetime import timedelta

from bounce_watcher.service.clock import utcnow
from bounce_watcher.web.context import KEPT_FOR, MOST, TtlCache
from tests.ledger.making import bounce
from tests.web.conftest import NOON, Web
from tests.web.looking import page, tile
from tests.web.test_overview import Make, recorded


def test_a_result_is_kept_for_a_minute() -> None:
    shelf, made = TtlCache(), []

    def make() -> int:
        made.append(1)
        return len(made)

    second = timedelta(seconds=1)
    assert [shelf.get("a", at, make) for at in (NOON, NOON + KEPT_FOR - second, NOON + KEPT_FOR)] == [1, 1, 2]
    assert shelf.get("b", NOON, make) == 3
    assert shelf.get("a", NOON - second, make) == 4, "a clock that was set back"


def test_what_was_not_asked_for_longest_goes_first() -> None:
    shelf = TtlCache()
    for n in range(MOST):
        shelf.get(n, NOON, lambda n=n: n)  # type: ignore[misc]
    assert shelf.get(0, NOON, lambda: -1) == 0
    shelf.get("more", NOON, lambda: 0)
    assert (shelf.get(0, NOON, lambda: -1), shelf.get(1, NOON, lambda: -1)) == (0, -1)


def test_a_short_range_is_always_as_it_is_now_a_long_one_a_minute_old_at_most(web: Make) -> None:
    client: Web = web()
    recorded(client, [bounce("a", at=utcnow() - timedelta(hours=1))])
    assert [tile(page(client, path), "Bounces")[0] for path in ("/", "/?range=30d")] == ["1", "1"]
    recorded(client, [bounce("b", at=utcnow() - timedelta(minutes=1))])
    assert [tile(page(client, path), "Bounces")[0] for path in ("/", "/?range=30d")] == ["2", "1"]
    assert tile(page(client, "/?range=30d&stream=default"), "Bounces")[0] == "2"
