"""Classifies stored mail by today's rules, and corrects what reads differently, with all its consequences.

Messages with kept raw content are analysed as when they came. Of others only the diagnostic is left, without the words
around it and the command that was refused: there a rule may make a verdict milder, but never harder.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.ruleset import Ruleset, load_rules
from bounce_watcher.config import Settings
from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.history.history import Kept
from bounce_watcher.ledger.history.revise import Revision, differs, withdrawn
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import ProseAddress, address_key
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import DEFAULT_STREAM, Actor, Announce, BounceEvent, MessageRecord, State
from bounce_watcher.model.verdict import BounceType, Verdict
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.analysis.worker import Analysed
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.operations.operation import NoticeCounter, Notices, Operation, digest

ONE_WITHIN = 20.0
"""How many seconds one message may take while a person waits for it."""

_SEVERITY = (BounceType.UNDETERMINED, BounceType.BLOCK, BounceType.SOFT, BounceType.HARD)
_BY_PROOF = frozenset({Evidence.TOKEN, Evidence.SIGNATURE})
_NOT_BY_RULES = ("status.", "code.", "expired", "unknown")


@dataclass(frozen=True, slots=True)
class ReclassifiedEvent:
    """One event that reads differently. `before` is None if the report was not understood to name anybody.

    `was` and `state` are the recipient's state before and now. Both are None if unknown (a rehearsal of a new event).
    """

    before: BounceEvent | None
    after: BounceEvent
    was: State | None = None
    state: State | None = None


def reclassify(
    settings: Settings, ledger: Ledger, since: datetime | None, *, dry_run: bool,
    advance: Callable[[int], None] = lambda _: None,
) -> Iterator[ReclassifiedEvent]:
    """Yields what changes, page after page in order of time. A page is committed when its first change is yielded.

    What was corrected is not found again, so an interrupted run may start anew, or at the last time that it yielded.
    Raises TemporaryFailure or PermanentFailure.
    """
    with Analyser(settings.attribution, settings.workers, rules=settings.rules) as analyser:
        for page in ledger.history.kept(since):
            read = analyser.result(analyser.submit([each.raw for each in page]))
            yield from _written(settings, ledger, *_compared(page, read, settings), dry_run=dry_run)
            advance(len(page))
    ruleset = load_rules(settings.rules)
    for events in ledger.history.bare(since):
        milder = [found for event in events if (found := _milder(event, ruleset))]
        yield from _written(settings, ledger, milder, [], dry_run=dry_run)
        advance(len(events))


@dataclass(frozen=True, slots=True)
class RereadOutline:
    """What would change in one message. `found` is None if its mail is no longer kept."""

    found: Sequence[ReclassifiedEvent] | None
    notices: Notices
    seen: str


@dataclass(frozen=True, slots=True)
class RereadMail(Operation[RereadOutline, None]):
    """Reads one message again by today's rules. Finds and writes changes as `reclassify` does.

    Raises PermanentFailure if the mail breaks or stalls the analysis, and TemporaryFailure.
    """

    event: BounceEvent

    def preview(self, by: Actor) -> RereadOutline:
        counter = NoticeCounter(self.settings, self.ledger)
        found = self._read(dry_run=True, announce=counter)
        seen = digest(
            (each.before, each.after.reason, each.after.rule, each.after.recipient, each.state) for each in found or ()
        )
        return RereadOutline(found, counter.notices, seen)

    def carry_out(self, by: Actor) -> None:
        self._read(dry_run=False, act=Act(by, "reread", self.event.id))

    def _read(
        self, *, dry_run: bool, announce: Announce | None = None, act: Act | None = None
    ) -> Sequence[ReclassifiedEvent] | None:
        kept = self.ledger.history.kept_one(self.event.message_digest)
        if kept is None:
            return None
        limits = (ONE_WITHIN, ONE_WITHIN)
        with Analyser(self.settings.attribution, 1, rules=self.settings.rules, limits=limits) as analyser:
            read = analyser.result(analyser.submit([kept.raw]))
        if read[0].record is None:
            told = (read[0].error or "it broke off").splitlines()[-1]
            raise PermanentFailure(f"this mail cannot be analysed: {told}")
        found = _compared([kept], read, self.settings)
        return list(_written(self.settings, self.ledger, *found, dry_run=dry_run, announce=announce, act=act))


def _written(
    settings: Settings, ledger: Ledger, revisions: Sequence[Revision], new: Sequence[MessageRecord], *, dry_run: bool,
    announce: Announce | None = None, act: Act | None = None,
) -> Iterator[ReclassifiedEvent]:
    """Writes what was found in a page, or rehearses it. Yields it."""
    decide, announce, policy = decider(settings), announce or announcer(settings), settings.policy
    if revisions:
        done = ledger.history.revise(revisions, decide, announce, utcnow(), policy=policy, dry_run=dry_run, act=act)
        yield from (ReclassifiedEvent(it.revision.before, it.revision.after, it.was, it.state) for it in done)
    named = [each for each in ledger.recording.with_recipients(new) if each.events or each.opt_outs]
    if named and not dry_run:
        ledger.recording.record(named, decide, announce, policy)
    yield from (ReclassifiedEvent(None, event) for message in named for event in message.events)


def _compared(
    page: Sequence[Kept], read: Sequence[Analysed], settings: Settings
) -> tuple[list[Revision], list[MessageRecord]]:
    revisions: list[Revision] = []
    new: list[MessageRecord] = []
    for kept, analysed in zip(page, read, strict=True):
        if analysed.record is None or _proof_is_gone(kept, analysed.record):
            continue
        record, today, stream = analysed.record, _today(kept, analysed.record), _stream(kept, settings)
        for event in kept.events:
            after = replace(today.get(event.id) or withdrawn(event), id=event.id, recipient=event.recipient)
            if differs(event, after):
                revisions.append(Revision(event, after))
        known = {event.id for event in today.values()}
        fresh = tuple(
            event if stream is None else replace(event, stream=stream)
            for event in record.events if event.id not in known
        )
        if fresh or record.opt_outs:  # the ledger enters a message's opt-outs only once
            asked = tuple(
                replace(each, stream=stream or DEFAULT_STREAM) if each.stream == DEFAULT_STREAM else each
                for each in record.opt_outs
            )
            new.append(replace(record, digest=kept.digest, events=fresh, opt_outs=asked))
    return revisions, new


def _proof_is_gone(kept: Kept, record: MessageRecord) -> bool:
    """Checks whether the key that once proved an event is missing: that concerns the keys, not the report."""
    now = {event.id for event in record.events}
    return any(event.evidence in _BY_PROOF and event.id not in now for event in kept.events)


def _today(kept: Kept, record: MessageRecord) -> dict[str, BounceEvent]:
    """Returns what each kept event reads as today, by its id. Events that are no longer found are left out.

    Whose report it is was settled when it came. A complaint may name nobody by today's headers, or may have named
    nobody when the ledger knew whom it was about: it keeps the recipient that it has.
    """
    by_id = {event.id: event for event in record.events}
    by_recipient = {address_key(event.recipient): event for event in record.events}
    found = {
        event.id: by_id.get(event.id) or by_recipient.get(address_key(event.recipient)) or by_recipient.get("")
        for event in kept.events
    }
    return {name: event for name, event in found.items() if event is not None}


def _stream(kept: Kept, settings: Settings) -> str | None:
    """Returns the stream of the message's other events, else its mailbox's. None if there is neither."""
    if kept.events:
        return kept.events[0].stream
    return next((account.stream for account in settings.mailboxes if account.name == kept.raw.mailbox), None)


def judged(event: BounceEvent, ruleset: Ruleset) -> Verdict:
    """Returns what a stored report means by these rules, as far as its words and numbers tell."""
    report = RecipientReport(
        original_recipient=ProseAddress(event.recipient), final_recipient=ProseAddress(event.final_recipient or ""),
        action=event.action or Action.FAILED, status=EnhancedStatus.find(event.status or ""),
        remote_mta=event.remote_mta, diagnostic_code=event.diagnostic,
    )
    return classify(report, event.reporting_mta, ruleset)


def _milder(event: BounceEvent, ruleset: Ruleset) -> Revision | None:
    if event.bounce_type is None or event.diagnostic is None:
        return None
    verdict = judged(event, ruleset)
    is_milder = _SEVERITY.index(verdict.bounce_type) < _SEVERITY.index(event.bounce_type)
    if not is_milder or verdict.rule.startswith(_NOT_BY_RULES):
        return None
    return revised(event, verdict)


def revised(event: BounceEvent, verdict: Verdict) -> Revision:
    return Revision(event, replace(
        event, bounce_type=verdict.bounce_type, reason=verdict.reason, rule=verdict.rule, quote=verdict.quote,
        confidence=verdict.confidence,
    ))
