"""Reads the demo's result from the mailbox, the ledger and the receiver, and checks whether it is as expected."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent, NoticeType, RecipientRecord, State, Suppression
from bounce_watcher.model.message import message_digest
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.service.demo.imap import contents
from bounce_watcher.service.demo.receiver import Hook
from bounce_watcher.service.demo.samples import RELEASED, SUPPRESSED, Sample
from bounce_watcher.service.demo.stage import Stage
from bounce_watcher.service.opening import open_ledger


@dataclass(frozen=True, slots=True)
class JudgedMessage:
    """One message: its kind, the events that it made, and the folder where it is now."""

    sample: Sample
    kind: Kind
    events: tuple[BounceEvent, ...]
    folder: str


@dataclass(frozen=True, slots=True)
class DemoOutcome:
    """The result. `standing`: recipients with events that count. `problems`: what is not as expected, one line each."""

    judged: tuple[JudgedMessage, ...]
    suppressions: tuple[Suppression, ...]
    standing: tuple[RecipientRecord, ...]
    hooks: tuple[Hook, ...]
    problems: tuple[str, ...]


def outcome(stage: Stage) -> DemoOutcome:
    with open_ledger(stage.settings) as ledger:
        judged = tuple(_judged(stage, ledger))
        suppressions = tuple(ledger.lists.suppressions())
        standing = tuple(_standing(judged, ledger))
    hooks = stage.receiver.hooks
    return DemoOutcome(judged, suppressions, standing, hooks, tuple(_problems(judged, suppressions, hooks)))


def _standing(judged: tuple[JudgedMessage, ...], ledger: Ledger) -> Iterator[RecipientRecord]:
    """Yields the recipients with events that count or counted, the suppressed ones first."""
    addresses = sorted({event.recipient for each in judged for event in each.events})
    records = [record for address in addresses for record in ledger.lists.recipients(address)]
    for state in (State.SUPPRESSED, State.PENDING, State.RELEASED, State.WATCHING):
        yield from (record for record in records if record.state is state)


def _judged(stage: Stage, ledger: Ledger) -> Iterator[JudgedMessage]:
    toolkit = Toolkit(load_builtin(), stage.settings.attribution)
    folders = _folders(stage)
    events: dict[str, list[BounceEvent]] = {}
    for event in ledger.lists.events(EventFilter()):
        events.setdefault(event.message_digest, []).append(event)
    for sample in stage.mail:
        digest = message_digest(sample.content)
        kind = analyse(sample.content, toolkit).kind
        yield JudgedMessage(sample, kind, tuple(events.get(digest, ())), folders.get(digest, "nowhere"))


def _folders(stage: Stage) -> dict[str, str]:
    """Returns the folder of each message, by its digest."""
    account = stage.settings.mailboxes[0]
    names = (*account.folders, account.processed_folder, account.review_folder, account.quarantine_folder)
    return {message_digest(content): name for name in names for content in contents(stage.imap_port, name)}


def _problems(
    judged: tuple[JudgedMessage, ...], suppressions: tuple[Suppression, ...], hooks: tuple[Hook, ...]
) -> Iterator[str]:
    for each in judged:
        if each.folder in ("INBOX", "nowhere"):
            yield f"the mail of {each.sample.at:%d %B %H:%M} lies {each.folder}"
    found = {each.recipient: each.reason for each in suppressions}
    for recipient in sorted(found.keys() | SUPPRESSED.keys()):
        if found.get(recipient) != SUPPRESSED.get(recipient):
            yield f"{recipient}: suppressed for {found.get(recipient)}, expected {SUPPRESSED.get(recipient)}"
    yield from _missing_hooks(hooks)


def _missing_hooks(hooks: tuple[Hook, ...]) -> Iterator[str]:
    for hook in hooks:
        if not hook.verified:
            yield f"webhook {hook.id}: its signature is not good"
    came = Counter((hook.type, str(hook.data.get("recipient"))) for hook in hooks if hook.verified)
    for type_, recipient in expected_hooks():
        if came[type_, recipient] != 1:
            yield f"{type_} of {recipient}: arrived {came[type_, recipient]} times, expected once"


def expected_hooks() -> list[tuple[str, str]]:
    """Returns type and recipient of each expected webhook."""
    suppressed = [(NoticeType.SUPPRESSED.value, recipient) for recipient in SUPPRESSED]
    released = [(NoticeType.RELEASED.value, recipient) for recipient in sorted(RELEASED)]
    complained = [
        (NoticeType.COMPLAINT.value, recipient) for recipient, reason in SUPPRESSED.items() if reason == "complaint"
    ]
    return suppressed + released + complained
