"""Sequence sets short enough for a line, that name just the UIDs they should."""

from hypothesis import given
from hypothesis import strategies as st

from bounce_watcher.intake.imap.uids import commands, compact


def named(sequence_set: str) -> set[int]:
    found: set[int] = set()
    for part in sequence_set.split(","):
        first, _, last = part.partition(":")
        found.update(range(int(first), int(last or first) + 1))
    return found


@given(st.sets(st.integers(1, 2**32 - 1), min_size=1, max_size=200), st.integers(1, 300))
def test_each_uid_once_and_no_other(uids: set[int], longest: int) -> None:
    parts = list(commands(uids, longest))
    assert sorted(uid for part in parts for uid in part) == sorted(uids)
    sets = [compact(part) for part in parts]
    assert all(named(text) == set(part) for text, part in zip(sets, parts, strict=True))
    assert all(len(each) <= longest or "," not in each for each in sets)


def test_a_run_of_any_length_is_one_command() -> None:
    assert [compact(part) for part in commands(range(1, 100_001))] == ["1:100000"]


def test_no_uid_makes_no_command() -> None:
    assert list(commands([])) == []
    assert compact([]) == ""
