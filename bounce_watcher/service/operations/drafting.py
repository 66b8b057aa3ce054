"""Drafts a rule for unrecognised mail from a group, tries it on all that is stored, and saves it.

Trying changes nothing. It uses the rules' own code: the check of the files, the rules as a whole, and a rehearsal of
`reclassify`.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from time import monotonic

from bounce_watcher.classification.rule import fold
from bounce_watcher.classification.rule_check import check
from bounce_watcher.classification.ruleset import Ruleset, load_rules
from bounce_watcher.config import Settings
from bounce_watcher.config.rules import files_with, save_rule
from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.review.groups import ReviewGroup, group_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.fields import Action
from bounce_watcher.model.ledger import Actor, BounceEvent, State
from bounce_watcher.model.verdict import BounceType, Reason, Verdict
from bounce_watcher.parsing.smtp_reply import one_line, read_reply
from bounce_watcher.pipeline import Toolkit, analyse
from bounce_watcher.policy import masking
from bounce_watcher.service.announcing import decider
from bounce_watcher.service.operations.operation import Operation, digest
from bounce_watcher.service.operations.reclassifying import judged, revised

SPAN = timedelta(days=90)
WITHIN = 3.0
"""How many seconds a page's trial may look through stored reports."""
OF_GROUP, REHEARSED, KEPT_READ, SHOWN = 500, 300, 20, 20
"""Limits of a trial: reports of the group that are tried; reports that would read differently and whose recipients are
decided again; kept mails that are read as a whole; pairs that are shown."""
LONGEST_WORDS, MOST_PARTS = 300, 10
_LONGEST_EXAMPLE = 1000
_SAMPLES = 50
_SLUG = re.compile(r"[a-z0-9]+")
_STATUS = re.compile(r"[245x]\.")
_TAKEN = frozenset({Action.DELIVERED, Action.RELAYED, Action.EXPANDED})


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """A rule as a person writes it. `words` is plain text in which `*` stands for what varies.

    `code` and `remote` are lists separated by commas or spaces; an empty one matches anything.
    """

    id: str
    reason: str
    words: str
    code: str = ""
    remote: str = ""

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(part for piece in self.words.split("*") if (part := " ".join(piece.split())))

    @property
    def wanted(self) -> tuple[str, ...]:
        """The parts of the words as texts are searched for them."""
        return tuple(map(fold, self.texts))


def suggested(
    group: ReviewGroup, samples: Sequence[BounceEvent], reason: str = "", *, words: str | None = None, code: str = "",
    remote: str = "", name: str | None = None,
) -> RuleDraft:
    """Drafts a rule, and fills in what is not given from a group and its samples.

    Reports without a server's reply are matched by their code and the server. Then no reason may be hard.
    """
    if words is None and holds_no_reply(samples):
        hosts = {each.remote_mta or "" for each in samples}
        words, code = "", code or next(iter(group.codes), "")
        remote = remote or (hosts.pop() if len(hosts) == 1 else "")
    words = masking.longest_constant(group.wording) if words is None else words
    slug = "-".join(_SLUG.findall((words or remote).lower())[:5])[:50].strip("-")
    usual = Reason.INVALID_RECIPIENT if words else Reason.SYSTEM_ERROR
    return RuleDraft(name or f"own.{slug or group.gid}", reason or usual.value, words, code, remote)


def holds_no_reply(samples: Sequence[BounceEvent]) -> bool:
    """Checks whether the samples hold no words that a rule could look for."""
    return bool(samples) and not any(each.diagnostic for each in samples)


def _says(text: str | None, wanted: Sequence[str]) -> bool:
    said = fold(text or "")
    return all(part in said for part in wanted)


def toml_of(draft: RuleDraft, samples: Sequence[BounceEvent], at: datetime) -> str:
    """Returns the rule as its file holds it, with the first of `samples` that contains its words as an example."""
    codes = _listed(draft.code)
    keys: dict[str, object] = {
        "id": draft.id, "reason": draft.reason, "text": list(draft.texts),
        "status": [code for code in codes if _STATUS.match(code)],
        "code": [code for code in codes if not _STATUS.match(code)], "remote": _listed(draft.remote),
        "source": f"reports of our own that were not recognised, {at.date()}", "examples": _examples(draft, samples),
    }
    lines = [f"{key} = {_toml(value)}" for key, value in keys.items() if value not in ([], "")]
    return "\n".join(["[[rule]]", *lines, ""])


def _listed(text: str) -> list[str]:
    return text.replace(",", " ").split()


def _toml(value: object) -> str:
    """Writes a basic string, or an array of them, in visible characters. JSON's escapes are also TOML's.

    https://toml.io/en/v1.0.0#string
    """
    text = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace").decode()
    return "".join(each if each.isprintable() else f"\\U{ord(each):08X}" for each in text)


def _examples(draft: RuleDraft, samples: Sequence[BounceEvent]) -> list[str]:
    if holds_no_reply(samples) and not draft.texts:
        return [_numbers(samples[0])]
    shown = [_example(event) for event in samples if event.diagnostic]
    return [next((each for each in shown if _says(each, draft.wanted)), shown[0])] if shown else []


def _example(event: BounceEvent) -> str:
    """Returns the reply without addresses, preceded by code and status if only the report has them."""
    text = masking.ADDRESS.sub("<user@example.org>", one_line(event.diagnostic or ""))[:_LONGEST_EXAMPLE]
    reply = read_reply(text)
    if reply.code is None and event.code is not None:
        numbers = f"{event.code} {event.status}" if event.status and reply.status is None else str(event.code)
        return f"{numbers} {text}"
    return text


def _numbers(event: BounceEvent) -> str:
    """Returns a reply of numbers only, for a report that holds none."""
    status = event.status or "5.0.0"
    return f"{event.code or f'{status[0]}50'} {status}"


# ── tried ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class ChangedReading:
    """A report that today's rules read differently from the draft."""

    event: BounceEvent
    before: Verdict
    after: Verdict


@dataclass(frozen=True, slots=True)
class Consequence:
    """What would differ with the rule: `suppressed` in addition, how many of these `took_mail` since, and `released`.

    Decided for the newest `decided` of the `of` reports that would read differently.
    """

    suppressed: int = 0
    took_mail: int = 0
    released: int = 0
    decided: int = 0
    of: int = 0


@dataclass(slots=True)
class Trial:
    """The result of trying a draft. With `problems` it was not tried: it is no valid rule.

    It matched `matched` of the `tried` newest reports of the group, and `kept_matched` of its `kept` newest mails,
    which are read as a whole. `others` counts reports of other groups, by group. `taken` counts reports that today's
    rules read differently, by their former rule and reason. `passing` of the matched ones carry a code that says the
    failure may pass, though the reason is hard.
    """

    toml: str
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    matched: int = 0
    tried: int = 0
    kept_matched: int = 0
    kept: int = 0
    others: Counter[str] = field(default_factory=Counter)
    taken: Counter[tuple[str, Reason]] = field(default_factory=Counter)
    pairs: list[ChangedReading] = field(default_factory=list)
    passing: int = 0
    looked_at: int = 0
    looked_back_to: datetime | None = None
    seconds: float = 0.0
    consequence: Consequence = Consequence()

    @property
    def seen(self) -> str:
        """A digest of what a person must have seen before saving the rule."""
        return digest((self.toml, *sorted(f"{rule} {reason}" for rule, reason in self.taken)))

    def add(self, found: ChangedReading, gid: str) -> None:
        """Counts a report that the draft reads differently. `gid` is the draft's own group."""
        before, own = found.before, group_of(found.event)
        if own == gid:
            return
        if before.bounce_type is not BounceType.UNDETERMINED:
            self.taken[before.rule, before.reason] += 1
            if len(self.pairs) < SHOWN and self.taken[before.rule, before.reason] < SHOWN // 4:
                self.pairs.append(found)
        elif own is not None:
            self.others[own] += 1


def samples_of(ledger: Ledger, gid: str) -> list[BounceEvent]:
    return ledger.review.events(gid, _SAMPLES)


def tried(
    settings: Settings, ledger: Ledger, group: ReviewGroup, draft: RuleDraft, now: datetime, *, within: float = WITHIN,
    advance: Callable[[int], None] = lambda _: None,
) -> Trial:
    """Tries a draft on the reports of the last 90 days, newest first, for `within` seconds."""
    started = monotonic()
    samples = samples_of(ledger, group.gid)
    toml = toml_of(draft, samples, now)
    if problems := (*_too_much(draft), *_nowhere_said(draft, samples)):
        return Trial(toml, problems)
    files = files_with(settings.rules, settings.rules_dir, toml)
    checked = check(files)
    if checked.problems:
        # a problem with the draft itself has no place in a file yet
        return Trial(toml, tuple(each.text if each.id == draft.id else str(each) for each in checked.problems))
    trial, then = Trial(toml, warnings=checked.warnings), load_rules(files)
    own = ledger.review.events(group.gid, OF_GROUP)
    mine = [verdict for event in own if (verdict := judged(event, then)).rule == draft.id]
    trial.tried, trial.matched = len(own), len(mine)
    if any(verdict.bounce_type is BounceType.HARD for verdict in mine):
        trial.passing = sum(map(_may_pass, mine))
    revisions = []
    for found in _changed(ledger, draft, (load_rules(settings.rules), then), trial, now, within, advance):
        trial.add(found, group.gid)
        revisions.append(revised(found.event, found.after))
    digests = list(dict.fromkeys(event.message_digest for event in own))[:KEPT_READ]
    toolkit = Toolkit(then, settings.attribution)
    for raw in (raw for each in digests if (raw := ledger.lists.message(each)) is not None):
        trial.kept += 1
        trial.kept_matched += any(
            each.verdict and each.verdict.rule == draft.id for each in analyse(raw, toolkit).recipients
        )
    trial.seconds = monotonic() - started
    trial.consequence = _consequence(settings, ledger, revisions, now)
    return trial


def _changed(
    ledger: Ledger, draft: RuleDraft, rules: tuple[Ruleset, Ruleset], trial: Trial, now: datetime, within: float,
    advance: Callable[[int], None],
) -> Iterator[ChangedReading]:
    """Yields stored reports that the second of `rules` reads differently by the draft, and notes how far it looked."""
    (today, then), wanted = rules, draft.wanted
    deadline = monotonic() + within
    for page in ledger.review.said(now - SPAN):
        for event in ledger.review.events_named([name for _, name, words in page if _says(words, wanted)]):
            if event.bounce_type is None or (after := judged(event, then)).rule != draft.id:
                continue
            before = judged(event, today)
            if before.reason is not after.reason:
                yield ChangedReading(event, before, after)
        trial.looked_at += len(page)
        advance(len(page))
        if monotonic() > deadline:
            trial.looked_back_to = page[-1][0]
            return


def _too_much(draft: RuleDraft) -> tuple[str, ...]:
    if len(draft.words) > LONGEST_WORDS or len(draft.texts) > MOST_PARTS:
        return (f"the words are more than {LONGEST_WORDS} characters, or {MOST_PARTS} parts between *: take fewer",)
    if len(draft.code) > LONGEST_WORDS or len(draft.remote) > LONGEST_WORDS or len(draft.id) > LONGEST_WORDS:
        return (f"a field is longer than {LONGEST_WORDS} characters",)
    return ()


def _nowhere_said(draft: RuleDraft, samples: Sequence[BounceEvent]) -> tuple[str, ...]:
    if not draft.texts or not samples:
        return ()
    if holds_no_reply(samples):
        return ("the reports hold no reply to look for words in: leave the words empty, and name a code or a server",)
    if any(_says(each.diagnostic, draft.wanted) for each in samples):
        return ()
    return ("none of the newest reports of this wording says all of these words: take some that a sample shows",)


def _may_pass(verdict: Verdict) -> bool:
    status, code = verdict.status, verdict.code
    return status.class_ == 4 if status is not None else code is not None and 400 <= code < 500


def _consequence(settings: Settings, ledger: Ledger, revisions: Sequence[Revision], now: datetime) -> Consequence:
    part = revisions[:REHEARSED]
    if not part:
        return Consequence()
    done = ledger.history.revise(part, decider(settings), lambda _: (), now, policy=settings.policy, dry_run=True)
    places = {(each.revision.before.recipient, each.revision.before.stream): each for each in done}
    hit = [place for place, each in places.items() if _begins(each.was, each.state)]
    free = sum(_begins(each.state, each.was) for each in places.values())
    first: dict[tuple[str, str], datetime] = {}
    for each in part:
        place = each.before.recipient, each.before.stream
        first[place] = min(first.get(place, each.before.at), each.before.at)
    took = sum(_took_mail(ledger, *place, first[place]) for place in hit)
    return Consequence(len(hit), took, free, len(part), len(revisions))


def _begins(before: State, after: State) -> bool:
    return after is State.SUPPRESSED and before is not State.SUPPRESSED


def _took_mail(ledger: Ledger, address: str, stream: str, since: datetime) -> bool:
    """Checks whether the recipient is reported to have taken mail after the first report that the draft would count."""
    told = (each.delivered_at for each in ledger.lists.recipients(address) if each.stream == stream)
    if any(at is not None and at > since for at in told):
        return True
    later = ledger.lists.events(EventFilter(address, stream, since=since))
    return any(event.action in _TAKEN for event in later)


# ── saved ───────────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class SaveRule(Operation[Trial, None]):
    """Saves a draft for a group to the operator's rule file. It applies once the rules are read again."""

    group: ReviewGroup
    draft: RuleDraft

    def preview(self, by: Actor) -> Trial:
        return tried(self.settings, self.ledger, self.group, self.draft, by.at)

    def carry_out(self, by: Actor) -> None:
        """Raises PermanentFailure without a rules_dir, ConfigError where its rules are invalid, and OSError."""
        if self.settings.rules_dir is None:
            raise PermanentFailure("no rules_dir is configured, so no rule can be saved")
        save_rule(self.settings.rules_dir, toml_of(self.draft, samples_of(self.ledger, self.group.gid), by.at))
        self.ledger.review.note_rule(self.group.gid, self.draft.id, by)
