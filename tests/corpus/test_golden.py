"""Every sample says what is kept beside it.

BOUNCE_WATCHER_UPDATE_GOLDEN=1 pytest tests/corpus rewrites the expectations: review the diff.
"""

import os
import tomllib
from functools import cache
from operator import attrgetter

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import EVENT_KINDS
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.recognition import DIALECTS
from bounce_watcher.recognition.recognizer import Recognizer
from bounce_watcher.recognition.signs import looks_like_failure_notice
from tests.corpus.golden import ROOT, Sample, as_toml, samples
from tests.families import for_each

SAMPLES = samples()
UPDATE = os.environ.get("BOUNCE_WATCHER_UPDATE_GOLDEN") == "1"

each_sample = for_each("sample", SAMPLES, ids=attrgetter("name"))


@cache
def toolkit() -> Toolkit:
    return Toolkit(load_builtin(), AttributionSettings())


def test_every_folder_is_a_case() -> None:
    folders = {path.parent for path in ROOT.rglob("message.eml")}
    assert {sample.folder for sample in SAMPLES} == folders
    assert len(SAMPLES) >= 40


@each_sample
def test_a_sample_says_what_is_expected(sample: Sample) -> None:
    found = as_toml(analyse(sample.content, toolkit()))
    if UPDATE:
        sample.expectation.write_text(found, encoding="utf-8")
    assert tomllib.loads(found) == tomllib.loads(sample.expectation.read_text(encoding="utf-8"))
    assert (sample.folder / "README").read_text().strip()


@each_sample
def test_only_events_have_recipients(sample: Sample) -> None:
    analysis = analyse(sample.content, toolkit())
    assert not analysis.recipients or analysis.kind in EVENT_KINDS
    keys = [address_key(each.finding.report.recipient or "") for each in analysis.recipients]
    assert len(keys) == len(set(keys))


@each_sample
def test_a_dialect_is_silent_on_what_is_not_its_own(sample: Sample) -> None:
    family = sample.folder.parent.name
    message = parse(sample.content)
    is_notice = looks_like_failure_notice(message)
    speaking = {name_of(dialect) for dialect in DIALECTS if is_notice and dialect(message) is not None}
    assert not speaking - {family} - SHARED.get(family, set())


def name_of(dialect: Recognizer) -> str:
    return getattr(dialect, "__module__", "").rpartition(".")[2]


SHARED = {
    "aol": {"qmail"},
    "chasquid": {"exim"},
    "courier": {"qmail"},
    "france": {"qmail"},
    "google": {"exim"},
    "haraka": {"qmail"},
    "messagelabs": {"qmail"},
    "newmail-ru": {"qmail"},
    "postfix": {"qmail"},
    "shapes": {"qmail"},
    "unnamed": {"qmail"},
    "yahoo": {"qmail"},
    "yandex": {"qmail"},
    "zonemta": {"exim"},
}
"""Whose notices are in the form of another system's."""
"""Forms that families share: paragraphs of the qmail form, Exim's header field."""
