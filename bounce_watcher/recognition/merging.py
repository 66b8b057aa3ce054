"""Merges the findings on each recipient into one, and derives the kind of a report from its findings."""

from collections.abc import Iterable

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Finding, Kind

_RANK = {Action.FAILED: 3, Action.DELAYED: 2, Action.DELIVERED: 1, Action.RELAYED: 1, Action.EXPANDED: 0, None: -1}


def each_once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns one finding per recipient: the worst action wins, and of equal ones the first with a diagnostic."""
    best: dict[str, Finding] = {}
    for finding in findings:
        recipient = finding.report.recipient
        if recipient is None:
            continue
        key = address_key(recipient)
        if key not in best or weight(finding) > weight(best[key]):
            best[key] = finding
    return tuple(best.values())


def weight(finding: Finding) -> tuple[int, bool]:
    """Returns the weight of a finding: of two on one recipient the heavier one counts."""
    return _RANK[finding.report.action], finding.report.diagnostic_code is not None


def kind_of(findings: Iterable[Finding]) -> Kind:
    """Returns a bounce if any recipient failed, a delay if one is delayed and none failed, else a success report."""
    actions = {finding.report.action for finding in findings}
    if Action.FAILED in actions:
        return Kind.BOUNCE
    return Kind.DELAY if Action.DELAYED in actions else Kind.DELIVERED
