"""Applies the outage guard and the checks for own trouble to a page of events before anything is decided on it.

The whole page is counted first, so that a spike within one page is seen at its first event. What was suppressed in the
spell before it was detected is held as well. When a spell is over, recipients with bounces that count outside of it
are suppressed after all, and all others are released: nothing at or before the end of the spell counts any more.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, bindparam, or_, select, update

from bounce_watcher.ledger.db.statements import KEYS, RecipientKey, by_stream, chunks
from bounce_watcher.ledger.db.tables import ALERT, EVENT, HELD, event_from_row
from bounce_watcher.ledger.recording import alerts
from bounce_watcher.ledger.recording.alerts import Followed, Topic
from bounce_watcher.ledger.recording.batch import RecipientBatch, add_holds, count_holds
from bounce_watcher.ledger.recording.flood import Gate
from bounce_watcher.ledger.recording.sent import sent_to
from bounce_watcher.model.grounds import Blocks, ExclusionKind, Subject
from bounce_watcher.model.ledger import (
    Alert,
    AlertKind,
    Announce,
    BounceEvent,
    ChangedBy,
    CountedBounce,
    Decision,
    RecipientRecord,
    State,
)
from bounce_watcher.model.times import in_utc
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy import holding, transitions
from bounce_watcher.policy.counting import speaks_of_recipient
from bounce_watcher.policy.guards import flood, outages, trouble
from bounce_watcher.policy.guards.limits import AlertSettings
from bounce_watcher.policy.guards.spells import SLOTS_A_DAY, Spell, SpellThreshold, Window, slot_of
from bounce_watcher.policy.guards.waits import SubjectCounts, WaitingRoom
from bounce_watcher.policy.holding import Holder, holder_of, struck_out_by
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import Transition

Keyed = Sequence[tuple[RecipientKey, BounceEvent]]
_Slots = defaultdict[str, Counter[int]]

_HARD_TIMES = select(EVENT.c.recipient_key, EVENT.c.at).where(
    EVENT.c.recipient_key.in_(KEYS), EVENT.c.bounce_type == BounceType.HARD.value, EVENT.c.doubt.is_(None)
)
_AT = EVENT.c.at.type
_COUNTED_IN = update(EVENT).where(
    EVENT.c.recipient_key == bindparam("of_address"), EVENT.c.stream == bindparam("of_stream"),
    EVENT.c.at.between(bindparam("since", type_=_AT), bindparam("ends_at", type_=_AT)), EVENT.c.excluded_kind.is_(None),
).values(
    excluded_kind=ExclusionKind.IN_OUTAGE.value, exclusion=bindparam("new_exclusion", type_=EVENT.c.exclusion.type)
)
_IS_HARD, _IS_SOFT = (EVENT.c.bounce_type == each.value for each in (BounceType.HARD, BounceType.SOFT))
_STRIKE_HARD, _STRIKE = _COUNTED_IN.where(_IS_HARD), _COUNTED_IN.where(or_(_IS_HARD, _IS_SOFT))


@dataclass(frozen=True, slots=True)
class Watched:
    """What was found in a page: the spells of each subject of hard bounces, and who had such a bounce in them before.

    `room` says who waits for an alarm, and `wait` for how long; None while the guard is off.
    """

    spells: Mapping[Subject, Sequence[Followed]] = field(default_factory=dict)
    before: Mapping[RecipientKey, tuple[str, Alert]] = field(default_factory=dict)
    room: WaitingRoom | None = None
    wait: timedelta | None = None

    def cover(self, event: BounceEvent) -> Iterator[Alert]:
        """Yields the outages that a hard bounce falls into."""
        if not any(self.spells.values()):  # as nearly always
            return
        for subject in outages.subjects(event):
            for each in self.spells.get(subject, ()):
                if each.spell.covers(event.at):
                    yield each.alert


NOTHING = Watched()


def watch(connection: Connection, keyed: Keyed, policy: PolicySettings, announce: Announce) -> Watched:
    """Counts the new events of a page, raises the alerts that are due, and returns what must be held.

    Call it before the RecipientBatch is opened: the lock on the counts comes before the locks on recipients.
    """
    if not keyed:
        return NOTHING
    alerts.lock(connection)
    alerts.add_days(connection, (event.at for _, event in keyed if speaks_of_recipient(event)))
    if policy.alerts.enabled:
        _watch_trouble(connection, [event for _, event in keyed], policy, announce)
    return _Outages(connection, policy, announce).watch(keyed) if policy.guard.enabled else NOTHING


# ── outages ─────────────────────────────────────────────────────────────────────────────────────────────────────────

class _Outages:
    def __init__(self, connection: Connection, policy: PolicySettings, announce: Announce) -> None:
        self._connection = connection
        self._policy = policy
        self._announce = announce
        self._quotes: dict[Subject, str] = {}
        self._days: dict[int, int] = {}
        self._limits: dict[tuple[Subject, int], SpellThreshold] = {}

    def watch(self, keyed: Keyed) -> Watched:
        """Counts by provider first. What falls into no provider's outage is counted by its wording."""
        wait = self._policy.guard.wait
        hard = [(key, event) for key, event in keyed if outages.is_believed(event, self._policy.evidence_hard)]
        if not hard:
            return Watched(wait=wait)
        new = self._new(hard)
        span = min(event.at for _, event in hard), max(event.at for _, event in hard)
        groups: dict[Subject, SubjectCounts] = {}
        providers = self._round([(outages.provider_subject(event), event) for _, event in hard], new, span, groups)
        found = Watched(providers)
        covered, words = _Slots(Counter), list[tuple[Subject, BounceEvent]]()
        for _, event in hard:
            subject = outages.wording_subject(event)
            if subject and not any(found.cover(event)):
                words.append((subject, event))
            elif subject and event.id in new:
                covered[alerts.covered_by_others(subject.key)][slot_of(event.at)] += 1
        alerts.add(self._connection, covered)
        spells = {**providers, **self._round(words, new, span, groups)}
        return Watched(spells, self._before(spells), WaitingRoom(groups, self._limit_at, self._policy.guard), wait)

    def _new(self, hard: Keyed) -> set[str]:
        """Returns the ids of the events that count."""
        new: set[str] = set()
        earlier: defaultdict[str, list[datetime]] = defaultdict(list)
        for part in chunks(sorted({key.address for key, _ in hard})):
            for address, at in self._connection.execute(_HARD_TIMES, {"keys": part}):
                earlier[address].append(at)
        for key, event in hard:
            if outages.is_new(event.at, earlier[key.address], self._policy.guard.quiet):
                new.add(event.id)
            earlier[key.address].append(event.at)
        return new

    def _round(
        self, events: Sequence[tuple[Subject, BounceEvent]], new: set[str], span: tuple[datetime, datetime],
        groups: dict[Subject, SubjectCounts],
    ) -> dict[Subject, Sequence[Followed]]:
        """Counts subjects of one sort and returns their spells. `groups` gets a group for each subject."""
        for subject, event in events:
            if subject not in groups:
                self._quotes[subject], groups[subject] = outages.wording(event), SubjectCounts()
            groups[subject].add(event, counts=event.id in new)
        fresh = {subject: Counter(groups[subject].new) for subject in dict.fromkeys(subject for subject, _ in events)}
        settings = self._policy.guard
        topic = Topic(
            AlertKind.OUTAGE, settings.window, settings.quiet,
            # Too few do not matter, so there is no need to look up what is usual.
            lambda subject, window: (
                None if window.count < settings.min_bounces else self._limit_at(subject, window.last)
            ),
            grounds=lambda subject, spell: outages.grounds(subject, spell, settings),
            quote=lambda subject: self._quotes.get(subject) or None,
        )
        seen = alerts.watch(self._connection, topic, fresh, *span, self._announce)
        for subject, each in seen.items():
            groups[subject].counts = each.counts
        return {subject: each.spells for subject, each in seen.items()}

    def _limit_at(self, subject: Subject, slot: int) -> SpellThreshold | None:
        """Returns the limit for a subject, the same all day; None while the ledger is learning."""
        settings, today = self._policy.guard, slot // SLOTS_A_DAY
        if today not in self._days:
            self._days[today] = alerts.days_before(self._connection, slot, settings.baseline)
        if self._days[today] < settings.learning:
            return None
        if (subject, today) not in self._limits:
            usual = alerts.usual(self._connection, subject.key, slot, settings.window, settings.baseline, outages.RANK)
            self._limits[subject, today] = outages.limit(usual, settings)
        return self._limits[subject, today]

    def _before(self, spells: Mapping[Subject, Sequence[Followed]]) -> dict[RecipientKey, tuple[str, Alert]]:
        """Returns who had a hard bounce of the subject since a spell began or grew, from events already in the ledger.
        """
        found: dict[RecipientKey, tuple[str, Alert]] = {}
        grown = ((subject, each) for subject, followed in spells.items() for each in followed if each.grown_from)
        for subject, each in grown:
            within = EVENT.c.at.between(each.grown_from, each.spell.ends_at)
            for row in self._connection.execute(select(EVENT).where(within, EVENT.c.bounce_type == BounceType.HARD)):
                event = event_from_row(row)
                if subject in outages.subjects(event):
                    found[RecipientKey(row.stream, row.recipient_key)] = event.recipient, each.alert
        return found


# ── own trouble ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _watch_trouble(
    connection: Connection, events: Sequence[BounceEvent], policy: PolicySettings, announce: Announce
) -> None:
    settings = policy.alerts
    reports, blocked, forged = _Slots(Counter), defaultdict[Subject, Counter[int]](Counter), Counter[int]()
    quotes: dict[Subject, str] = {}
    for event in events:
        slot = slot_of(event.at)
        if series := trouble.reports_series(event):
            reports[series][slot] += 1
        if subject := trouble.block_subject(event):
            blocked[subject][slot] += 1
            if subject not in quotes:
                quotes[subject] = outages.wording(event)
        if event.doubt is not None:
            forged[slot] += 1
    alerts.add(connection, reports)
    first, last = min(event.at for event in events), max(event.at for event in events)

    def limit_of_blocks(subject: Subject, window: Window) -> SpellThreshold | None:
        if window.count < settings.min_blocks:
            return None
        return trouble.limit(window, alerts.counted(connection, trouble.reports_of(subject.name), window), settings)

    blocks = Topic(
        AlertKind.BLOCKS, settings.window, settings.quiet, limit_of_blocks,
        lambda subject, spell: _blocks(connection, subject, spell, last, settings), quotes.get,
    )
    alerts.watch(connection, blocks, blocked, first, last, announce)
    forgeries = Topic(
        AlertKind.FORGED, settings.window, settings.quiet, lambda *_: SpellThreshold(settings.min_blocks, 0),
        lambda _, spell: trouble.forged_grounds(spell, settings), quotes.get,
    )
    alerts.watch(connection, forgeries, {trouble.FORGED: forged} if forged else {}, first, last, announce)


def _blocks(
    connection: Connection, subject: Subject, spell: Spell, last: datetime, settings: AlertSettings
) -> Blocks:
    """Returns the grounds for the spell up to its end, or up to `last`, the time of the latest report."""
    until = max(spell.since, min(spell.ends_at, last))
    whole = Window(slot_of(spell.since), slot_of(until), 0)
    return trouble.blocks_grounds(
        subject, spell, settings,
        blocked=alerts.counted(connection, subject.key, whole),
        reports=alerts.counted(connection, trouble.reports_of(subject.name), whole),
        sent=sent_to(
            connection, in_utc(spell.since).date(), in_utc(until).date(),
            lambda domain: provider_of(None, domain) == subject.name,
        ),
    )


# ── holding, and the end of it ──────────────────────────────────────────────────────────────────────────────────────

class Holding:
    """Which suppressions that a page touches are held, and by what. Opened after the RecipientBatch."""

    def __init__(self, connection: Connection, watched: Watched, books: RecipientBatch, gate: Gate) -> None:
        self._connection = connection
        self._watched = watched
        self._books = books
        self._gate = gate
        self._added: set[tuple[RecipientKey, str]] = set()
        self._fresh: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        pending = [key for key, record in books.records.items() if record.state is State.PENDING]
        self._holders = holders(connection, pending)
        self._results = Results(connection, gate)
        for key, (_, alert) in sorted(watched.before.items()):
            self._hold_back(key, alert)
        self._watched_in = {
            key: alert for key, (_, alert) in watched.before.items() if books.records[key].state is State.WATCHING
        }
        _strike(connection, _STRIKE_HARD, ((key, holder_of(alert)) for key, alert in self._watched_in.items()))

    def end_watches(self, still_counts: Callable[[RecipientKey, datetime], bool]) -> None:
        """Ends the watch on recipients who were watched for a hard bounce in an outage before the alarm, if nothing
        else counts against them.

        Call it when the history is loaded: such bounces are struck out by then.
        """
        for key, alert in sorted(self._watched_in.items()):
            if not still_counts(key, alert.raised_at):
                grounds = struck_out_by(holder_of(alert))
                self._books.enter(key, transitions.reset(self._books.records[key], grounds), ChangedBy.GUARD)

    def end_wait(self, key: RecipientKey, at: datetime) -> None:
        """Puts a suppression in force that has waited long enough for an alarm."""
        if self._watched.wait is not None and key not in self._holders:
            self._books.enter(
                key, holding.wait_ended(self._books.records[key], at, self._watched.wait), ChangedBy.GUARD
            )

    def settle(self, key: RecipientKey, at: datetime, counted: Iterable[CountedBounce]) -> None:
        """Decides on a recipient's held suppression if everything that holds it was over before `at`."""
        held_by = self._holders.get(key)
        if held_by and not self.in_flood(key) and all(each.ends_at < at for each in held_by):
            change = self._results.settle(key, self._books.records[key], held_by, counted)
            self._books.enter(key, change, ChangedBy.GUARD)
            self._let_go(key, is_true=change.record.state is State.SUPPRESSED)

    def in_flood(self, key: RecipientKey) -> bool:
        """Checks whether a flood holds a recipient. If so, the policy judges further reports as if nothing were held.
        """
        held_by = self._holders.get(key)
        return held_by is not None and held_by[0].kind is AlertKind.FLOOD

    def adjust(self, key: RecipientKey, event: BounceEvent, decision: Decision) -> Decision:
        """Adjusts a decision to what else is reported at the same time: an outage, or a flood of unproven reports."""
        covering = list(self._watched.cover(event))
        decision, alerts_on_it = holding.in_outages(event, decision, covering, in_flood=self.in_flood(key))
        for alert in alerts_on_it:
            self._add(key, alert)
        if self._watched.room is not None and self._books.records[key].suppression is None:
            decision = self._watched.room.admit(event, decision)
        return self._in_flood(key, event, decision)

    def _in_flood(self, key: RecipientKey, event: BounceEvent, decision: Decision) -> Decision:
        if not holding.needs_room(decision, is_held=key in self._holders):
            return decision
        refusal = self._gate.refuses(event)
        if refusal is None:
            if self.in_flood(key):
                self._let_go(key, is_true=True)
            return decision
        record = self._books.records[key]
        if record.state is not State.SUPPRESSED and key not in self._holders:
            self._add(key, refusal.alert)
        return holding.without_room(record, decision, flood.exclusion(refusal.over))

    def close(self) -> None:
        self._gate.close()
        self._results.close()
        count_holds(
            self._connection, held=Counter(alert for _, alert in self._added), released=self._fresh[False],
            confirmed=self._fresh[True],
        )
        add_holds(self._connection, self._added.intersection(
            (key, each.alert) for key, held_by in self._holders.items() for each in held_by
        ))

    def _hold_back(self, key: RecipientKey, alert: Alert) -> None:
        self.end_wait(key, alert.raised_at)
        record = self._books.records[key]
        current = record.suppression
        if current is None or not holding.is_taken_back(current, alert) or self.in_flood(key):
            return
        if key not in self._holders:
            self._gate.give_back(current)
            self._books.enter(key, holding.taken_back(record, alert), ChangedBy.GUARD)
        self._add(key, alert)

    def _let_go(self, key: RecipientKey, *, is_true: bool) -> None:
        """Ends the holds of a recipient. The RecipientBatch counts those from before this page; this counts those that
        the page itself made."""
        held_by = self._holders.pop(key)
        self._fresh[is_true].update(each.alert for each in held_by if (key, each.alert) in self._added)

    def _add(self, key: RecipientKey, alert: Alert) -> None:
        held_by = self._holders.setdefault(key, [])
        if all(each.alert != alert.id for each in held_by):
            held_by.append(holder_of(alert))
            self._added.add((key, alert.id))


class Results:
    """Decides on what outages held, and strikes out the events reported in them."""

    def __init__(self, connection: Connection, gate: Gate) -> None:
        """What is suppressed after all goes through `gate`. What may not pass is released with the others."""
        self._connection = connection
        self._gate = gate
        self._struck: list[tuple[RecipientKey, Holder]] = []

    def settle(
        self, key: RecipientKey, record: RecipientRecord, held_by: Sequence[Holder], counted: Iterable[CountedBounce]
    ) -> Transition:
        """Returns what `policy.holding.settled` decides on a recipient that nothing holds any more."""
        found = holding.settled(record, held_by, counted, self._gate.lets_pass)
        if not found.is_true:
            self._struck.extend((key, each) for each in held_by)
        return found.change

    def close(self) -> None:
        _strike(self._connection, _STRIKE, self._struck)


def holders(connection: Connection, keys: Iterable[RecipientKey]) -> dict[RecipientKey, list[Holder]]:
    """Returns what holds the suppressions of these recipients."""
    found: dict[RecipientKey, list[Holder]] = {}
    for part in by_stream(sorted(keys)):
        rows = connection.execute(
            select(HELD.c.recipient_key, ALERT)
            .join(ALERT, ALERT.c.id == HELD.c.alert)
            .where(HELD.c.stream == part["stream"], HELD.c.recipient_key.in_(part["keys"]))
            .order_by(HELD.c.recipient_key, ALERT.c.since)
        )
        for row in rows:
            held_by = found.setdefault(RecipientKey(part["stream"], row[0]), [])
            held_by.append(Holder(row.id, row.since, row.ends_at, row.grounds, AlertKind(row.kind)))
    return found


def _strike(connection: Connection, statement: Update, struck: Iterable[tuple[RecipientKey, Holder]]) -> None:
    """Marks events that were reported in an outage as no longer counting."""
    values = [
        {"of_address": key.address, "of_stream": key.stream, "since": each.since, "ends_at": each.ends_at,
         "new_exclusion": struck_out_by(each)}
        for key, each in sorted(struck, key=lambda pair: (pair[0], pair[1].since))
    ]
    if values:
        connection.execute(statement, values)
