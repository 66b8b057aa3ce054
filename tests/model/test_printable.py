"""What does harm as text is shown by neither face."""

import sys
import unicodedata

import pytest

from bounce_watcher.cli.framework.output import clean
from bounce_watcher.model.neutral import MOST_MARKS, UNSAFE, is_unsafe, without_piles
from bounce_watcher.words.formatting import harmless

EVERY = [chr(code) for code in range(sys.maxunicode + 1)]


def test_what_is_unsafe_is_told_by_its_category() -> None:
    assert all(is_unsafe(each) for each in EVERY if unicodedata.category(each) in UNSAFE)
    others = [each for each in EVERY if is_unsafe(each) and unicodedata.category(each) not in UNSAFE]
    assert not [each for each in others if unicodedata.category(each) not in {"Mn", "Lo", "Cn"}], "what is shown"
    assert {"\u034f", "\u3164", "\uffa0", "\U000e0100"} <= set(others), "what is shown as nothing"
    assert not is_unsafe("\ufe0f"), "it makes a heart an emoji"


@pytest.mark.parametrize("face", [clean, harmless], ids=["shell", "page"])
def test_no_face_lets_any_of_it_through(face: object) -> None:
    assert callable(face)
    unsafe = [each for each in EVERY if is_unsafe(each) and each not in "\t\n"]
    assert not [each for each in unsafe if each in face(f"a{each}b")]


@pytest.mark.parametrize("face", [clean, harmless], ids=["shell", "page"])
def test_no_face_lets_marks_cover_the_lines_around(face: object) -> None:
    assert callable(face)
    assert face("a" + "\u0301" * 50) == "a" + "\u0301" * MOST_MARKS
    assert without_piles("caf\u0065\u0301") == "caf\u0065\u0301"
