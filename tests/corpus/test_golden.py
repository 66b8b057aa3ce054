"""Every sample says what is kept beside it; damaged, it says the same or less, never something else.

BOUNCE_WATCHER_UPDATE_GOLDEN=1 pytest tests/corpus rewrites the expectations: review the diff.
"""

import os
import re
import tomllib
from functools import cache

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.address import address_key
from bounce_watcher.model.finding import EVENT_KINDS, Analysis
from bounce_watcher.parsing.message import parse
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.recognition import DIALECTS
from bounce_watcher.recognition.recognizer import Recognizer
from bounce_watcher.recognition.signs import looks_like_failure_notice
from tests.corpus.golden import ROOT, Sample, as_toml, samples

SAMPLES = samples()
UPDATE = os.environ.get("BOUNCE_WATCHER_UPDATE_GOLDEN") == "1"

each_sample = pytest.mark.parametrize("sample", SAMPLES, ids=[sample.name for sample in SAMPLES])


@cache
def toolkit() -> Toolkit:
    return Toolkit(load_builtin(), AttributionSettings())


def told(analysis: Analysis) -> set[tuple[str, str]]:
    """Who, and what happened to the mail."""
    return {
        (address_key(each.finding.report.recipient or ""), str(each.finding.report.action))
        for each in analysis.recipients
    }


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
@pytest.mark.parametrize("line_end", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_line_ends_change_nothing(sample: Sample, line_end: bytes) -> None:
    changed = re.sub(rb"\r?\n", line_end, sample.content)
    assert as_toml(analyse(changed, toolkit())) == as_toml(analyse(sample.content, toolkit()))


@each_sample
def test_a_cut_sample_says_less_and_nothing_else(sample: Sample) -> None:
    whole = told(analyse(sample.content, toolkit()))
    for length in range(0, len(sample.content), 7):
        assert told(analyse(sample.content[:length], toolkit())) <= whole, sample.content[:length][-200:]


@each_sample
def test_a_damaged_sample_still_gives_an_analysis(sample: Sample) -> None:
    for damaged in (
        sample.content.replace(b"--", b"=="),
        sample.content.replace(b"\n\n", b"\n"),
        sample.content.replace(b":", b""),
        sample.content[::-1],
        bytes(byte | 0x80 for byte in sample.content),
    ):
        analyse(damaged, toolkit())


@each_sample
def test_a_dialect_is_silent_on_what_is_not_its_own(sample: Sample) -> None:
    family = sample.folder.parent.name
    message = parse(sample.content)
    is_notice = looks_like_failure_notice(message)
    speaking = {name_of(dialect) for dialect in DIALECTS if is_notice and dialect(message) is not None}
    assert not speaking - {family} - SHARED.get(family, set())


def name_of(dialect: Recognizer) -> str:
    return getattr(dialect, "__module__", "").rpartition(".")[2]


SHARED = {"postfix": {"qmail"}, "courier": {"qmail"}, "google": {"exim"}}
"""Forms that families share: paragraphs of the qmail form, Exim's header field."""
