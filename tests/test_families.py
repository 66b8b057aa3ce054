"""How a family of cases is tried."""

import os
from pathlib import Path

import pytest

from tests.families import for_each

tried = list[int]()


@for_each("number", [1, 2, 3])
def test_every_case_is_tried(number: int) -> None:
    tried.append(number)
    assert tried == list(range(1, number + 1))


@for_each(("word", "length"), [("a", 1), pytest.param("bb", 2, id="two")])
@for_each("more", [0, 1], ids=["none", "one"])
def test_families_are_combined(word: str, length: int, more: int) -> None:
    assert len(word + more * "x") == length + more


@for_each("number", [1, 2])
def test_no_case_finds_what_another_left(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "left").touch()
    assert "LEFT" not in os.environ
    monkeypatch.setenv("LEFT", "1")
    print(number)
    assert capsys.readouterr().out == f"{number}\n"


def test_each_failure_is_named_and_shown_and_the_others_are_tried() -> None:
    seen = list[str]()

    @for_each("word", ["good", "bad", "skipped", "worse", "fine"])
    def test(word: str) -> None:
        seen.append(word)
        if word == "skipped":
            pytest.skip("not here")
        assert word not in {"bad", "worse"}, f"{word} is refused"

    with pytest.raises(pytest.fail.Exception) as told:
        test()
    assert seen == ["good", "bad", "skipped", "worse", "fine"]
    assert str(told.value).startswith("3 of 5 fail: bad, skipped, worse\n")
    assert "bad is refused" in str(told.value)
    assert "worse is refused" in str(told.value)
    assert "good" not in str(told.value)


def test_an_empty_family_is_no_success() -> None:
    @for_each("word", [])
    def test(word: str) -> None:
        raise AssertionError(word)

    with pytest.raises(AssertionError, match="no case is left"):
        test()
