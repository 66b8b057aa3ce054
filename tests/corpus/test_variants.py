"""Every sample, damaged in the ways of variants.py, says the same or less, never something else."""

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from operator import attrgetter

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Analysis, RecipientVerdict
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.pipeline import Toolkit, analyse
from tests.corpus.golden import Sample, as_toml, samples
from tests.corpus.variants import DAMAGES, Damage, line_ends, lost_header_lines
from tests.families import for_each
from tests.pipeline.invariant import check

TOOLKIT = Toolkit(load_builtin(), AttributionSettings())
SAMPLES = samples()
ONE_IN = 24
"""Of so many variants of a sample one is tried where not `--all` are."""

SEVERITY: dict[Action | None, int] = {
    Action.FAILED: 2,
    Action.DELAYED: 1,
    Action.DELIVERED: 0,
    Action.RELAYED: 0,
    Action.EXPANDED: 0,
}
OTHER_NAME = re.compile(rb"^x-actual-recipient:([^\n]*)", re.MULTILINE | re.IGNORECASE)

each_sample = for_each("sample", SAMPLES, ids=attrgetter("name"))


def damages_of(sample: Sample) -> Mapping[str, Damage]:
    """All, but for that of the header of ordinary mail.

    There one line may be the only sign by which a person's or a list's mail is told from a mail system's.
    """
    is_report = "[[recipient]]" in sample.expectation.read_text(encoding="utf-8")
    return {name: damage for name, damage in DAMAGES.items() if is_report or damage is not lost_header_lines}


def named(sample: bytes, whole: Analysis) -> dict[str, RecipientVerdict]:
    """What is told of each recipient, under each of its names: the one mailed, and where an alias led."""
    found: dict[str, RecipientVerdict] = {}
    for each in whole.recipients:
        report = each.finding.report
        for address in filter(None, (report.original_recipient, report.final_recipient)):
            found[address_key(address)] = each
    if len(whole.recipients) == 1:
        for field in OTHER_NAME.findall(sample):
            found |= {address_key(a): whole.recipients[0] for a in find_addresses(field.decode("latin-1"))}
    return found


def others(whole: dict[str, RecipientVerdict], damaged: Analysis) -> Iterator[str]:
    """What a damaged message says that is *other* than the whole one, and not merely less.

    Less is: nothing at all, some of the recipients, a recipient under another of its own names, a failure as a delay, a
    verdict that is not hard where it was. Other is:

    - a recipient that the whole message does not tell of (that a mail arrived is no news: nothing follows from it);
    - worse news of one: a failure where it was a delay or a success, a delay where it was a success; but for a failure
      without any reason, which counts nothing: the words that told of a delay are lost;
    - good news where it had failed, or news of delivery where it was a complaint, or the reverse;
    - a hard verdict where there was none: this is what suppresses an address.
    """
    for each in damaged.recipients:
        address, action = each.finding.report.recipient or "", each.finding.report.action
        before = whole.get(address_key(address))
        if before is None and SEVERITY.get(action, 1) == 0:
            continue
        if before is None:
            yield f"{address} is not told of by the whole"
            continue
        was = before.finding.report.action
        if (was is None) != (action is None):
            yield f"{address}: {was} has become {action}"
        is_worse = was and action and SEVERITY[action] > SEVERITY[was]
        is_empty = was is Action.DELAYED and each.bounce_type is BounceType.UNDETERMINED
        if (is_worse and not is_empty) or (was and action and SEVERITY[action] == 0 < SEVERITY[was]):
            yield f"{address}: {was} has become {action}"
        if each.bounce_type is BounceType.HARD is not before.bounce_type:
            yield f"{address}: {before.bounce_type} has become hard"


@each_sample
def test_line_ends_change_nothing(sample: Sample) -> None:
    expected = as_toml(analyse(sample.content, TOOLKIT))
    for changed in line_ends(sample.content):
        assert as_toml(analyse(changed, TOOLKIT)) == expected


def variants(sample: Sample) -> Iterator[tuple[str, bytes]]:
    for name, damage in damages_of(sample).items():
        for damaged in damage(sample.content):
            yield name, damaged


def assert_says_nothing_else(sample: Sample, tried: Iterable[tuple[str, bytes]]) -> None:
    whole = named(sample.content, analyse(sample.content, TOOLKIT))
    for name, damaged in tried:
        found = analyse(damaged, TOOLKIT)
        check(found)
        assert list(others(whole, found)) == [], f"{name}: {damaged.decode('latin-1')}"


@pytest.mark.timeout(900)  # one test for all samples
@each_sample
def test_a_damaged_sample_says_nothing_else(sample: Sample) -> None:
    """In some of the variants, with another sample in others."""
    assert_says_nothing_else(sample, islice(variants(sample), SAMPLES.index(sample) % ONE_IN, None, ONE_IN))


@pytest.mark.whole
@pytest.mark.timeout(1800)
@each_sample
def test_a_sample_damaged_in_any_way_says_nothing_else(sample: Sample) -> None:
    assert_says_nothing_else(sample, variants(sample))


def test_what_is_other_is_told_from_what_is_less() -> None:
    """The judge itself, on one sample: less passes, each kind of other does not."""
    content = next(sample for sample in SAMPLES if sample.name == "sendmail/0002-mixed-actions").content
    whole = named(content, analyse(content, TOOLKIT))

    def judged(old: bytes, new: bytes) -> str:
        return "; ".join(others(whole, analyse(content.replace(old, new), TOOLKIT)))

    assert judged(b"", b"") == ""
    assert judged(b"a@example.org", b"b@example.org") != ""
    assert "is not told of" in judged(b"; a@", b"; z@")
    assert "delayed has become failed" in judged(b"Action: delayed", b"Action: failed")
    assert "failed has become relayed" in judged(b"Action: failed", b"Action: relayed")
    assert "has become hard" in judged(b"4.2.0", b"5.1.1")
    assert judged(b"Action: failed", b"Action: delayed") == ""
