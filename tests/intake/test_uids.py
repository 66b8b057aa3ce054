from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.intake.imap import uids
from bounce_watcher.intake.imap.uids import FolderEntry, batches, compact, windows

SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def pages(entries: list[FolderEntry], most: int, most_bytes: int, cap: int) -> list[list[FolderEntry]]:
    return list(uids.pages(entries, lambda entry: entry.load(cap), most, most_bytes))


def _entries(*sizes: int) -> list[FolderEntry]:
    return [FolderEntry(uid, size, SOME_TIME) for uid, size in enumerate(sizes, 1)]


def _expanded(sequence_set: str) -> list[int]:
    numbers: list[int] = []
    for part in sequence_set.split(","):
        first, _, last = part.partition(":")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def test_neighbours_become_a_range() -> None:
    assert compact([1, 2, 3]) == "1:3"
    assert compact([7]) == "7"
    assert compact([9, 1, 2, 4, 2]) == "1:2,4,9"


@given(st.sets(st.integers(1, 60), min_size=1))
def test_a_compacted_set_names_just_its_numbers(numbers: set[int]) -> None:
    assert _expanded(compact(numbers)) == sorted(numbers)


def test_batches_cover_everything_in_order() -> None:
    assert [list(batch) for batch in batches([1, 2, 3, 4, 5], 2)] == [[1, 2], [3, 4], [5]]


def test_search_windows_cover_the_folder_and_only_the_last_is_open() -> None:
    assert list(windows(0)) == []
    assert list(windows(1)) == ["1:*"]
    assert list(windows(20, 10)) == ["1:10", "11:*"]
    assert list(windows(21, 10)) == ["1:10", "11:20", "21:*"]


def test_a_page_ends_at_its_number_of_messages() -> None:
    assert [len(page) for page in pages(_entries(*[1] * 5), 2, 100, 100)] == [2, 2, 1]


def test_a_page_ends_before_it_grows_too_heavy() -> None:
    assert [[entry.size for entry in page] for page in pages(_entries(60, 40, 1, 100, 1), 9, 100, 1000)] == [
        [60, 40], [1], [100], [1]
    ]


def test_a_giant_counts_with_what_is_read_of_it_and_has_a_page_of_its_own() -> None:
    assert [[entry.uid for entry in page] for page in pages(_entries(1, 10**9, 1), 9, 100, 200)] == [[1], [2], [3]]
    assert [[entry.uid for entry in page] for page in pages(_entries(1, 10**9, 1), 9, 100, 50)] == [[1, 2, 3]]
