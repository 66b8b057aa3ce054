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
from bounce_watcher.ledger.history.revise import Revised, Revision, differs, withdrawn
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.address import ProseAddress, address_key
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.fields import Action, EnhancedStatus, RecipientReport
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import DEFAULT_STREAM, Actor, Announce, BounceEvent, MessageRecord, State
from bounce_watcher.model.optout import OptOut
from bounce_watcher.model.verdict import BounceType, Verdict
from bounce_watcher.service.analysis.analyser import Analysed, Analyser
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.deciding import decider
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
    write = _Writer(settings, ledger, dry_run)
    with Analyser(settings.attribution, settings.workers, rules=settings.rules) as analyser:
        for page in ledger.history.kept(since):
            read = analyser.result(analyser.submit([each.raw for each in page]))
            yield from write(*_compared(page, read, settings))
            advance(len(page))
    ruleset = load_rules(settings.rules)
    for events in ledger.history.bare(since):
        yield from write([found for event in events if (found := _milder(event, ruleset))], [])
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
        found = self._read(_Writer(self.settings, self.ledger, dry_run=True, announce=counter))
        seen = digest(
            (each.before, each.after.reason, each.after.rule, each.after.recipient, each.state) for each in found or ()
        )
        return RereadOutline(found, counter.notices, seen)

    def carry_out(self, by: Actor) -> None:
        self._read(_Writer(self.settings, self.ledger, dry_run=False, act=Act(by, "reread", self.event.id)))

    def _read(self, write: "_Writer") -> Sequence[ReclassifiedEvent] | None:
        kept = self.ledger.history.kept_one(self.event.message_digest)
        if kept is None:
            return None
        limits = (ONE_WITHIN, ONE_WITHIN)
        with Analyser(self.settings.attribution, 1, rules=self.settings.rules, limits=limits) as analyser:
            read = analyser.result(analyser.submit([kept.raw]))
        if read[0].record is None:
            told = (read[0].error or "it broke off").splitlines()[-1]
            raise PermanentFailure(f"this mail cannot be analysed: {told}")
        return list(write(*_compared([kept], read, self.settings)))


class _Writer:
    """Writes what was found in a page, or rehearses it."""

    def __init__(
        self, settings: Settings, ledger: Ledger, dry_run: bool, announce: Announce | None = None,
        act: Act | None = None,
    ) -> None:
        self._act = act
        self._ledger = ledger
        self._dry_run = dry_run
        self._policy = settings.policy
        self._decide = decider(settings)
        self._announce = announce or announcer(settings)

    def __call__(self, revisions: Sequence[Revision], new: Sequence[MessageRecord]) -> Iterator[ReclassifiedEvent]:
        if revisions:
            done = self._ledger.history.revise(
                revisions, self._decide, self._announce, utcnow(), policy=self._policy, dry_run=self._dry_run,
                act=self._act,
            )
            yield from map(_found, done)
        named = [each for each in self._ledger.recording.with_recipients(new) if each.events or each.opt_outs]
        if named and not self._dry_run:
            self._ledger.recording.record(named, self._decide, self._announce, self._policy)
        yield from (ReclassifiedEvent(None, event) for message in named for event in message.events)


def _found(done: Revised) -> ReclassifiedEvent:
    return ReclassifiedEvent(done.revision.before, done.revision.after, done.was, done.state)


def _compared(
    page: Sequence[Kept], read: Sequence[Analysed], settings: Settings
) -> tuple[list[Revision], list[MessageRecord]]:
    revisions: list[Revision] = []
    new: list[MessageRecord] = []
    for kept, analysed in zip(page, read, strict=True):
        if analysed.record is None or _proof_is_gone(kept, analysed.record):
            continue
        today = _today(kept, analysed.record)
        revisions += _revisions(kept, today)
        fresh = _fresh(kept, analysed.record, today, settings)
        if fresh or analysed.record.opt_outs:  # the ledger enters a message's opt-outs only once
            asked = _asked(kept, analysed.record, settings)
            new.append(replace(analysed.record, digest=kept.digest, events=fresh, opt_outs=asked))
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


def _revisions(kept: Kept, today: dict[str, BounceEvent]) -> Iterator[Revision]:
    for event in kept.events:
        after = replace(today.get(event.id) or withdrawn(event), id=event.id, recipient=event.recipient)
        if differs(event, after):
            yield Revision(event, after)


def _fresh(
    kept: Kept, record: MessageRecord, today: dict[str, BounceEvent], settings: Settings
) -> tuple[BounceEvent, ...]:
    known = {event.id for event in today.values()}
    fresh = [event for event in record.events if event.id not in known]
    stream = _stream(kept, settings)
    return tuple(event if stream is None else replace(event, stream=stream) for event in fresh)


def _asked(kept: Kept, record: MessageRecord, settings: Settings) -> tuple[OptOut, ...]:
    """Returns a message's opt-outs, in its mailbox's stream if they name none."""
    stream = _stream(kept, settings) or DEFAULT_STREAM
    return tuple(
        replace(each, stream=stream) if each.stream == DEFAULT_STREAM else each for each in record.opt_outs
    )


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
    return Revision(event, replace(
        event, bounce_type=verdict.bounce_type, reason=verdict.reason, rule=verdict.rule, quote=verdict.quote
    ))
