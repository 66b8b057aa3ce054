"""Whatever the fields of a value hold: it has its words, on one line, and comes back from the ledger as it was."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any, get_args

from hypothesis import assume, given

from bounce_watcher.model import grounds as grounds_module
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.faults import Fault, FilingBlocked, Obstacle
from bounce_watcher.model.finding import Doubt
from bounce_watcher.model.grounds import Alarm, Excluded, Grounds, OlderVerdict, Scene, Subject
from bounce_watcher.model.grounds_json import ALARM, DOUBT, EXCLUSION, GROUNDS, OLDER_VERDICTS, SUBJECT, Codec, as_data
from bounce_watcher.model.list_comparison import Cause, DifferenceKind
from bounce_watcher.words import faults, obstacles
from bounce_watcher.words import grounds as words
from bounce_watcher.words.grounds import difference
from tests.any_value import any_of


def in_one_line(render: Callable[[Any], str | None], value: Any) -> None:
    told = render(value)
    assert told is None or len(told.splitlines()) <= 1, told


def comes_back(codec: Codec[Any], value: Any) -> None:
    text = codec.to_text(value)
    assert codec.from_text(text) == value


@given(any_of(Grounds))
def test_grounds(grounds: Grounds) -> None:
    for render in (words.because, words.brief, words.text):
        in_one_line(render, grounds)
    comes_back(GROUNDS, grounds)
    assert as_data(grounds)["kind"] == grounds.kind


@given(any_of(Alarm))
def test_alarms(alarm: Alarm) -> None:
    for render in (words.because, words.text):
        in_one_line(render, alarm)
    comes_back(ALARM, alarm)
    assert as_data(alarm)["kind"] == alarm.kind


@given(any_of(Excluded))
def test_exclusions(exclusion: Excluded) -> None:
    in_one_line(words.because, exclusion)
    comes_back(EXCLUSION, exclusion)


@given(any_of(Doubt))
def test_doubts(doubt: Doubt) -> None:
    in_one_line(words.doubt, doubt)
    comes_back(DOUBT, doubt)


@given(any_of(Subject))
def test_subjects(subject: Subject) -> None:
    in_one_line(words.subject, subject)
    comes_back(SUBJECT, subject)


@given(any_of(Scene))
def test_scenes(scene: Scene) -> None:
    in_one_line(words.scene, scene)


@given(any_of(tuple[OlderVerdict, ...]))
def test_older_verdicts(older: tuple[OlderVerdict, ...]) -> None:
    in_one_line(words.formerly, older)
    comes_back(OLDER_VERDICTS, older)


@given(any_of(Cause))
def test_causes_of_a_difference(cause: Cause) -> None:
    in_one_line(difference, cause)
    assert cause.case in DifferenceKind


@given(any_of(Obstacle))
def test_obstacles(obstacle: Obstacle) -> None:
    problem, fix = obstacles.explained(obstacle)
    assert problem and fix
    in_one_line(lambda it: obstacles.told(About(AboutKind.MAILBOX, "returns"), [it]), obstacle)


@given(any_of(Fault))
def test_faults(fault: Fault) -> None:
    assume(not isinstance(fault, FilingBlocked) or fault.obstacles)
    in_one_line(faults.describe, fault)


def test_each_kind_is_among_them() -> None:
    """A class that is in no union is one that no renderer and no codec was asked for."""
    classes = (each for each in vars(grounds_module).values() if isinstance(each, type) and is_dataclass(each))
    kinds = {each for each in classes for it in fields(each) if it.name == "kind" and isinstance(it.default, str)}
    assert {*get_args(Grounds), *get_args(Alarm)} == kinds
