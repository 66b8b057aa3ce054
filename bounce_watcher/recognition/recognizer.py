"""What recognizers are and return, and how their findings become one for each recipient."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Protocol

from bounce_watcher.model.address import address_key
from bounce_watcher.model.fields import Action, RecipientReport
from bounce_watcher.model.finding import Finding, Kind, SentMessage
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.parsing.headers import Headers
from bounce_watcher.parsing.message import ParsedMessage
from bounce_watcher.parsing.returned import sent_message

MAX_NAMED = 100  # how many addresses of a recipient's words are looked at
_RANK = {Action.FAILED: 3, Action.DELAYED: 2, Action.DELIVERED: 1, Action.RELAYED: 1, Action.EXPANDED: 0, None: -1}


@dataclass(frozen=True, slots=True)
class Recognition:
    """What kind of report a message is, and its recipients. Only kinds in EVENT_KINDS have findings.

    `unreadable` are values of address fields that name nobody because they are no mailboxes: a person has to look.
    """

    kind: Kind
    findings: tuple[Finding, ...] = ()
    sent: SentMessage = field(default_factory=SentMessage)
    feedback_type: str | None = None
    unreadable: tuple[str, ...] = ()


class Recognizer(Protocol):
    """A recognizer of one form of report. Total: never raises, whatever the message holds."""

    def __call__(self, message: ParsedMessage) -> Recognition | None:
        """Returns what the message is; None if it does not have this form."""
        ...


def recognised(findings: Iterable[Finding], original: Headers | None) -> Recognition | None:
    """Returns what findings on the mail with the header `original` make of a message; None without any."""
    found = each_once(findings)
    return Recognition(kind_of(found), found, sent_message(original)) if found else None


def each_once(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Returns one finding per recipient: the worst action wins, and of equal ones the first with a diagnostic."""
    best: dict[str, Finding] = {}
    for finding in _in_own_words(tuple(findings)):
        recipient = finding.report.recipient
        if recipient is None:
            continue
        key = address_key(recipient)
        if key not in best or weight(finding) > weight(best[key]):
            best[key] = finding
    return tuple(best.values())


def _in_own_words(findings: tuple[Finding, ...]) -> Iterator[Finding]:
    """Yields the findings; without words that name another recipient of the report, and not their own.

    Such words, and the status that came with them, got there by damage, or by a list whose reason is one member's.
    """
    if len(findings) < 2:
        yield from findings
        return
    everybody = frozenset().union(*(keys_of(each.report) for each in findings))
    for finding in findings:
        words = finding.report.diagnostic_code or ""
        named = frozenset(map(address_key, find_addresses(words, MAX_NAMED))) if "@" in words else None
        if named and not named.isdisjoint(everybody) and named.isdisjoint(keys_of(finding.report)):
            silent = replace(finding.report, status=None, diagnostic_code=None, stage=None)
            yield replace(finding, report=silent)
        else:
            yield finding


def keys_of(report: RecipientReport) -> frozenset[str]:
    """Returns the keys of the addresses by which a report names its recipient."""
    named = report.original_recipient, report.final_recipient
    return frozenset(address_key(each) for each in named if each)


def weight(finding: Finding) -> tuple[int, bool]:
    """Returns the weight of a finding: of two on one recipient the heavier one counts."""
    return _RANK[finding.report.action], finding.report.diagnostic_code is not None


def kind_of(findings: Iterable[Finding]) -> Kind:
    """Returns a bounce if any recipient failed, a delay if one is delayed and none failed, else a success report."""
    actions = {finding.report.action for finding in findings}
    if Action.FAILED in actions:
        return Kind.BOUNCE
    return Kind.DELAY if Action.DELAYED in actions else Kind.DELIVERED
