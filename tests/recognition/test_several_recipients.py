"""Reports about several recipients, and of several attempts: each recipient by its own words, action and status."""

import tomllib
from pathlib import Path
from typing import Any

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.families import for_each
from tests.parsing.samples import notice, report

SAMPLES = tomllib.loads((Path(__file__).parent / "several_recipients.toml").read_text(encoding="utf-8"))["sample"]


def told(content: bytes) -> dict[str, str]:
    """Action and reason of each recipient; the action alone of those who have got the mail."""
    found = {}
    for each in analyse(content, Toolkit(load_builtin())).recipients:
        report = each.finding.report
        outcome = (report.action, each.verdict.reason if each.verdict else None)
        found[str(report.recipient).removesuffix("@example.org")] = " ".join(each.value for each in outcome if each)
    return found


def content_of(sample: dict[str, Any]) -> bytes:
    given = {name: sample[name] for name in ("subject", "headers", "text") if name in sample}
    return report(sample["status"], **given) if "status" in sample else notice(given.pop("text"), **given)


@for_each("sample", SAMPLES, ids=lambda sample: sample["name"])
def test_each_recipient_has_its_own_outcome(sample: dict[str, Any]) -> None:
    assert told(content_of(sample)) == sample["want"]
