"""What holds for the analysis of any bytes."""

import json

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import EVENT_KINDS, Analysis, Kind, RecipientVerdict
from bounce_watcher.words.rows import analysis_row

MAX_RECIPIENTS = 1_001
"""Of a report's thousand, and one that a second recognizer adds."""

MAX_ADDRESS = 400
"""Characters: a local part of 130 and a domain of 256 are the longest that are read."""

MAX_WORDS = 2_000
"""Characters of a diagnostic."""


def check(analysis: Analysis) -> None:
    """Raise AssertionError where an analysis could not be stored, shown or believed."""
    keys = [address_key(each.attribution.recipient) for each in analysis.recipients]
    assert len(keys) == len(set(keys)) <= MAX_RECIPIENTS
    assert not keys or analysis.kind in EVENT_KINDS
    failed = any(each.finding.report.action is Action.FAILED for each in analysis.recipients)
    assert failed == (analysis.kind is Kind.BOUNCE and analysis.recipients != ())  # a notice may name nobody
    for each in analysis.recipients:
        _check_recipient(each)
    row = json.dumps(analysis_row("", analysis), ensure_ascii=False, default=str)
    assert json.loads(row)["kind"] == analysis.kind
    row.encode("utf-8")  # no lone surrogate, which no database and no webhook takes


def _check_recipient(each: RecipientVerdict) -> None:
    report = each.finding.report
    assert (each.verdict is not None) == (report.action in {Action.FAILED, Action.DELAYED})
    for address in filter(None, (each.attribution.recipient, report.original_recipient, report.final_recipient)):
        local, at, domain = address.rpartition("@")
        assert local and at and domain, address
        assert len(address) <= MAX_ADDRESS
        assert not set(address) & set("\r\n"), address
        assert not any(character.isspace() for character in domain), address
    assert "\n" not in (report.diagnostic_code or "")
    assert len(report.diagnostic_code or "") <= MAX_WORDS
