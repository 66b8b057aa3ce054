import locale
from datetime import UTC, date, datetime, timedelta, timezone

from bounce_watcher.model.times import utc_day
from bounce_watcher.words.formatting import days, full_day, listing, number_of_days
from tests.families import for_each


@for_each(
    ("dates", "expected"),
    [
        ([date(2026, 3, 2)], "2 March 2026"),
        ([date(2026, 3, 17), date(2026, 3, 2), date(2026, 3, 9)], "2, 9 and 17 March 2026"),
        ([date(2026, 3, 2), date(2026, 3, 2)], "2 March 2026"),
        ([date(2026, 2, 28), date(2026, 3, 9), date(2026, 3, 17)], "28 February, 9 and 17 March 2026"),
        ([date(2025, 12, 30), date(2026, 1, 9)], "30 December 2025 and 9 January 2026"),
        ([date(2025, 3, 2), date(2026, 3, 2)], "2 March 2025 and 2 March 2026"),
    ],
)
def test_dates_name_month_and_year_where_they_change(dates: list[date], expected: str) -> None:
    assert days(dates) == expected


def test_a_day_is_that_of_utc() -> None:
    late_in_new_york = datetime(2026, 3, 2, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert utc_day(late_in_new_york) == date(2026, 3, 3)
    assert full_day(late_in_new_york) == "3 March 2026"


def test_no_locale_changes_the_words() -> None:
    before = locale.setlocale(locale.LC_TIME)
    try:
        locale.setlocale(locale.LC_TIME, "")
        assert full_day(datetime(2026, 5, 1, tzinfo=UTC)) == "1 May 2026"
    finally:
        locale.setlocale(locale.LC_TIME, before)


def test_small_words() -> None:
    assert listing([]) == ""
    assert listing(["a", "b"]) == "a and b"
    assert (number_of_days(1), number_of_days(14)) == ("1 day", "14 days")
