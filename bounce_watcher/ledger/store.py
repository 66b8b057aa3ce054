"""The ledger as the rest of the program sees it: facts in, decisions and notices written with them, lists out.

Safe to use from several threads, and from several processes on one database.
Every method raises TemporaryFailure or PermanentFailure where the database does not do its part.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TypeVar
from uuid import uuid4

from sqlalchemy import Connection, Engine

from bounce_watcher.ledger import actions
from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db import files
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.history import replaying, retention, revise, simulation
from bounce_watcher.ledger.lists import browse, parts, stock
from bounce_watcher.ledger.lists.figures import Figures
from bounce_watcher.ledger.lists.filters import (
    EventFilter,
    EventPlace,
    OutboxFilter,
    SuppressionFilter,
    SuppressionPlace,
)
from bounce_watcher.ledger.lists.incidents import Incidents
from bounce_watcher.ledger.lists.paging import Page, PagePosition
from bounce_watcher.ledger.lists.reading import Lists
from bounce_watcher.ledger.lists.stock import Queue, Stock
from bounce_watcher.ledger.outbox import backfill, pausing, queue, settled, superseding, tries
from bounce_watcher.ledger.outbox.list_comparison import ListComparison
from bounce_watcher.ledger.outbox.listing import Deliveries
from bounce_watcher.ledger.privacy import erasure, forget
from bounce_watcher.ledger.privacy.names import Names
from bounce_watcher.ledger.recording import (
    alerts,
    episodes,
    quiet,
    quota,
    recipient_delivery,
    reevaluate,
    report_counts,
    sent,
    waiting,
)
from bounce_watcher.ledger.recording.batch import Announce
from bounce_watcher.ledger.recording.record import Decide, load_counted, record_page
from bounce_watcher.ledger.recording.unfiled import UnfiledStore
from bounce_watcher.ledger.review import browsing, optouts
from bounce_watcher.ledger.review import groups as review
from bounce_watcher.ledger.sessions import Sessions
from bounce_watcher.ledger.suppressions import protection, rulings, standing, undo
from bounce_watcher.ledger.suppressions.adopt import adopt
from bounce_watcher.logs import log
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Actor,
    Alert,
    Attempt,
    BounceEvent,
    Disposition,
    MessageRecord,
    OutboxItem,
    OutboxState,
    PageOutcome,
    Protection,
    State,
    StateChange,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.optout import KeptOptOut
from bounce_watcher.model.sending import DeliveredOutcome, Delivery, SentCount, SentMail, SentOutcome
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.rulings import Ruling
from bounce_watcher.policy.settings import PolicySettings

__all__ = ["Announce", "Decide", "EventFilter", "Ledger", "OutboxFilter", "SuppressionFilter"]

CHOSEN = "chosen deliveries"
_BY_DEFAULT = PolicySettings()
T = TypeVar("T")


class Ledger(Lists):
    """Open with `Ledger.connect`, and `close` when done; or use it as a context manager."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._leases: dict[str, str] = {}
        self._lock = threading.Lock()

    def enroll(self, targets: Mapping[str, str]) -> None:
        """Notes the targets in use, name to fingerprint. One whose fingerprint changed is no longer disabled."""
        write(self._engine, lambda connection: queue.enroll(connection, targets))

    def record(
        self,
        page: Sequence[MessageRecord],
        decide: Decide,
        announce: Announce,
        policy: PolicySettings | None = None,
    ) -> PageOutcome:
        """Writes a page down, decides on what is new in it, and queues what is to be told: one transaction.

        When it returns, all of it survives a power cut; when it raises, nothing of it was written. What is known
        already changes nothing. `decide` and `announce` must be pure: they run again where another writer was in the
        way. With a `policy`, its outage guard and its alerts are at work.
        """
        return write(self._engine, lambda connection: record_page(connection, page, decide, announce, policy))

    def with_recipients(self, page: Sequence[MessageRecord]) -> Sequence[MessageRecord]:
        """`page` as `record` would read it: events that name nobody with whom their Message-ID went to, or left out."""
        with reading(self._engine) as connection:
            return sent.with_recipients(connection, page)

    def as_proven(self, message: MessageRecord) -> Sequence[BounceEvent]:
        """The events of `message` as `record` would enter them, by what is known of the mail that was sent."""
        with reading(self._engine) as connection:
            (named,) = sent.with_recipients(connection, [message])
            return sent.with_known_messages(connection, named.events)

    def settle(self, now: datetime, announce: Announce, policy: PolicySettings = _BY_DEFAULT) -> int:
        """Ends the alerts that are over by `now`, and decides on what they held back. Returns on how many recipients.

        Raises and clears the alerts on disabled endpoints as well. What an outage held passes the caps of `policy`.
        """
        return episodes.settle(self._engine, now, announce, policy)

    def end_waits(self, now: datetime, wait: timedelta, announce: Announce) -> int:
        """Puts in force what has waited for an alarm for as long as `wait` by `now`. Returns how many.

        `now` is until when reports have been read: what is still to be read may hold the alarm.
        """
        return waiting.end_waits(self._engine, now, wait, announce)

    def stock(self) -> Stock:
        """How much of what stands here just now: cheap however large the ledger is."""
        return stock.stock(self._engine)

    def paces(self, mailboxes: Sequence[str], now: datetime) -> Mapping[str, ArrivalRate]:
        """How mail comes to these mailboxes, as far as enough is known."""
        return quiet.paces(self._engine, mailboxes, now)

    def queues(self) -> dict[str, Queue]:
        """What each target is still to be told."""
        return stock.queues(self._engine)

    def tell_alerts(self, begun: Sequence[Alert], over: Sequence[Alert], now: datetime, announce: Announce) -> None:
        """Raises and clears alerts that do not come of reports. Each once, so that it may be done again."""
        write(self._engine, lambda connection: alerts.keep(connection, begun, over, now, announce))

    def expire(self, now: datetime, announce: Announce) -> int:
        """Releases the suppressions whose `until` has come. Returns how many."""
        return standing.expire(self._engine, now, announce)

    def purge(self, raw_before: datetime) -> int:
        """Drops the raw content of messages received before then; what they said stays. Returns how many."""
        return standing.purge(self._engine, raw_before)

    def trim_raw(self, most: int) -> int:
        """Drops the oldest raw content until the rest fits into `most` bytes. Returns of how many messages."""
        return quota.trim(self._engine, most)

    def raw_bytes(self) -> int:
        """What the raw content that is kept takes up."""
        with reading(self._engine) as connection:
            return quota.raw_bytes(connection)

    def purge_events(self, before: datetime) -> int:
        """Deletes events from before then; what suppressions in force rest on stays. Returns how many.

        Opt-outs from before then go as well, once a person has dealt with them.
        """
        return retention.purge_events(self._engine, before) + optouts.purge_done(self._engine, before)

    def purge_bodies(self, before: datetime) -> int:
        """Takes the bodies off notices from before then that need no further try. Returns how many."""
        return retention.purge_bodies(self._engine, before)

    def add_sent(self, mails: Sequence[SentMail], judge: reevaluate.DecisionContext | None = None) -> SentOutcome:
        """Writes down mail that the platform has sent, some thousand at most. What is known changes nothing.

        With a `judge`, bounces count that came before and were too weak without it: see `late`.
        """
        def enter(connection: Connection) -> SentOutcome:
            outcome = sent.add_sent(connection, mails)
            if judge is None:
                return outcome
            kept = [mail for mail in forget.unnamed_mails(connection, mails) if mail is not None]
            return replace(outcome, proven=reevaluate.take_up(connection, kept, judge))

        return write(self._engine, enter)

    def put_counts(self, counts: Sequence[SentCount]) -> SentOutcome:
        """The platform's own figures of what it sent, each in the place of an earlier one for the same."""
        return write(self._engine, lambda connection: sent.put_counts(connection, counts))

    def deliver(self, deliveries: Sequence[Delivery], announce: Announce) -> DeliveredOutcome:
        """Enters deliveries, some thousand at most: bounces before them count no longer. See `delivered`."""
        return write(self._engine, lambda connection: recipient_delivery.deliver(
            connection, forget.unnamed_deliveries(connection, deliveries), announce, load_counted
        ))

    def purge_sent(self, before: datetime) -> int:
        """Forgets mail sent before then; its counts stay. Returns how many."""
        return sent.purge_sent(self._engine, before)

    def purge_counts(self, before: datetime) -> int:
        """Forgets counts of hours before then: by what outages were seen, and of tries. Returns how many counts."""
        return write(self._engine, lambda connection: sum(
            each(connection, before) for each in (alerts.forget_counts, report_counts.forget, tries.forget)
        ))

    def sent_by_day(self, since: date, until: date, stream: str | None = None) -> dict[tuple[date, str], int]:
        """How many mails went to each receiving domain on each day (UTC), `since` <= day < `until`."""
        return sent.sent_by_day(self._engine, since, until, stream)

    def suppress(
        self, recipient: str, stream: str, by: Actor, *, announce: Announce, until: datetime | None = None
    ) -> None:
        """Suppresses a recipient by hand. Changes nothing where a suppression stands already that lasts as long."""
        tell = forget.telling(announce, recipient)

        def work(connection: Connection) -> None:
            name, note = self._filed(connection, recipient), forget.unnamed(connection, by.note or "")
            standing.suppress(connection, Suppression(
                name, stream, State.SUPPRESSED, None, by.at, ByPerson(note), SuppressionSource.MANUAL, until=until
            ), tell)

        self._act(Act(by, "suppress", recipient=recipient), work, lambda _: 1)

    def adopt(self, wanted: Iterable[Suppression], now: datetime, announce: Announce) -> int:
        """Enters suppressions from elsewhere as they are, but those over by `now`. Returns how many changed anything.

        What stands already stays unless one goes further.
        """
        return adopt(self._engine, wanted, now, announce)

    def release(self, recipient: str, stream: str | None, by: Actor, *, announce: Announce) -> int:
        """Lifts the suppressions of a recipient by hand, in all streams where `stream` is None. Returns how many."""
        tell = forget.telling(announce, recipient)

        def work(connection: Connection) -> int:
            name, note = self._filed(connection, recipient), forget.unnamed(connection, by.note or "")
            return standing.release(connection, name, stream, ByPerson(note), by.at, tell)

        return self._act(Act(by, "release", recipient=recipient), work, _if_any)

    def protect(self, name: str, by: Actor) -> None:
        """From now on no rule suppresses an address, or those of a domain ("@" and its name); what stands stays.

        In the place of an earlier one on the same. Raises ValueError for an address that was forgotten.
        """
        def work(connection: Connection) -> None:
            if self._filed(connection, name) != name:
                raise ValueError("this address was forgotten: nothing may be stored on it")
            alerts.lock(connection)  # or a page that is being decided on would not know of it
            actor, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            protection.put(connection, Protection(name, by.at, actor, note))

        self._act(_on_name(by, "protect", name), work, lambda _: 1)

    def unprotect(self, name: str, by: Actor) -> bool:
        """Ends the protection of that name. False where there is none."""
        return self._act(
            _on_name(by, "unprotect", name), lambda connection: protection.drop(connection, name), _if_any
        )

    def announce_untold(
        self, announce: Announce, now: datetime, *, dry_run: bool = False
    ) -> Iterator[backfill.Announced]:
        """Tells each target of the states that it was never told of; see `untold`."""
        return backfill.announce_untold(self._engine, announce, now, dry_run=dry_run)

    def undo(
        self, incident: Incident, decide: Decide, announce: Announce, by: Actor, *, subject: str,
        dry_run: bool = False, step: Callable[[], None] | None = None,
    ) -> Iterator[undo.UndoOutcome]:
        """Strikes an incident's events out for good and releases what rested on them alone; see `undo.undo`.

        `subject` is what the log names.
        """
        act = Act(by, "undo", subject)
        return undo.undo(
            self._engine, self.names, incident, decide, announce, act, dry_run=dry_run, step=step
        )

    def rule(
        self, alert: str, ruling: Ruling, wanted: rulings.BulkRequest, *, dry_run: bool = False
    ) -> Iterator[rulings.Ruled]:
        """A person's decision on all that the alert of that id holds back; see `rulings.rule`."""
        return rulings.rule(self._engine, self.names, alert, ruling, self._bulk(wanted), dry_run=dry_run)

    def release_all(
        self, shown: browse.Query, wanted: rulings.BulkRequest, *, dry_run: bool = False
    ) -> Iterator[rulings.Ruled]:
        """Releases all whom a list of recipients shows; see `rulings.release_all`."""
        return rulings.release_all(self._engine, self.names, shown, self._bulk(wanted), dry_run=dry_run)

    def _bulk(self, wanted: rulings.BulkRequest) -> rulings.BulkRequest:
        """With the note as it may be kept with each recipient."""
        return replace(wanted, by=replace(wanted.by, note=self._kept(wanted.by.note or "")))

    def _filed(self, connection: Connection, recipient: str) -> str:
        """The name under which an address is filed: the hash where it was forgotten."""
        return forget.names(connection, {recipient}).get(recipient, recipient)

    def stretches(self, size: int) -> Iterator[replaying.Stretch]:
        """All who have a history, cut into stretches of some `size` events each."""
        return replaying.stretches(self._engine, size)

    def simulate(
        self, decide: Decide, now: datetime, stretch: replaying.Stretch = replaying.WHOLE
    ) -> Iterator[simulation.Simulated]:
        """Where everybody with a history would stand now under another policy. Reads only."""
        return simulation.simulate(self._engine, decide, now, stretch)

    def kept(self, since: datetime | None) -> Iterator[list[revise.Kept]]:
        """Messages whose raw content is kept, in pages, in the order of time."""
        return revise.kept(self._engine, since)

    def kept_one(self, digest: str) -> revise.Kept | None:
        """The message of that digest, None where its raw content is kept no longer."""
        return revise.kept_one(self._engine, digest)

    def bare(self, since: datetime | None) -> Iterator[list[BounceEvent]]:
        """Events with a diagnostic whose message is kept no longer, in pages, in the order of time."""
        return revise.bare(self._engine, since)

    def revise(
        self, revisions: Sequence[revise.Revision], decide: Decide, announce: Announce, now: datetime, *,
        policy: PolicySettings = _BY_DEFAULT, dry_run: bool = False, act: Act | None = None,
    ) -> list[revise.Revised]:
        """Corrects verdicts, and what they led to: one transaction. What begins by that passes the caps of `policy`.

        `act` is what the log says of it, where a person asked for it.
        """
        row = None if act is None else actions.LogEntry(self.names, act)
        return revise.revise(self._engine, revisions, decide, announce, policy, now, dry_run=dry_run, row=row)

    def forget_outline(self, address: str) -> erasure.Erased:
        """What `forget` would erase, told at once: but for what names the address only in its text."""
        return erasure.outline(self._engine, address)

    def forgotten_name(self, address: str) -> str:
        """The hash that stands for an address once it is forgotten."""
        return forget.forgotten_name(self._engine, address)

    def forget(
        self, address: str, by: Actor, *, dry_run: bool = False, advance: Callable[[int], None] = lambda _: None
    ) -> erasure.Erased:
        """Erases what is stored on an address in rows; where it is suppressed, it stays so under a keyed hash.

        Of the files of the database see `clean_files`.
        """
        return erasure.erase(self._engine, self.names, address, by, dry_run=dry_run, advance=advance)

    def finish_forgetting(self) -> files.Files | None:
        """`clean_files`, where somebody is being forgotten of whom nothing is due any more. None where nobody is."""
        while write(self._engine, settled.erase):
            pass
        return self.clean_files() if self._erased() else None

    def clean_files(self) -> files.Files:
        """Takes off the files of the database what they hold of erased rows, as far as may be done beside others."""
        return self._clean(files.clean)

    def vacuum(self) -> files.Files:
        """Writes the whole database anew, so that its files hold nothing of what was erased. Others wait meanwhile."""
        return self._clean(files.rewrite)

    def _clean(self, cleaned: Callable[[Engine], files.Files]) -> files.Files:
        erased = self._erased()  # before: what is erased meanwhile is for the next time
        left = cleaned(self._engine)
        if erased and left in (files.Files.CLEAN, files.Files.DEAD_ROWS):
            write(self._engine, lambda connection: settled.finish(connection, erased))
        return left

    def _erased(self) -> list[str]:
        with reading(self._engine) as connection:
            return settled.under_way(connection)

    def _kept(self, text: str) -> str:
        """What somebody typed, without addresses of those who were forgotten."""
        return forget.kept(self._engine, text)

    def count_reports(self, asked: report_counts.Asked, *by: report_counts.CountBy) -> dict[tuple[str | int, ...], int]:
        """How many reports there were, by the values of `by`: months are answered without reading their events."""
        return report_counts.count(self._engine, asked, *by)

    @cached_property
    def figures(self) -> Figures:
        """What pages show of bounces, addresses and sent mail, by time."""
        return Figures(self._engine)

    @cached_property
    def incidents(self) -> Incidents:
        """Alerts as a person looks through them, and whom one holds."""
        return Incidents(self._engine)

    @cached_property
    def deliveries(self) -> Deliveries:
        """The outbox as a person looks through it."""
        return Deliveries(self._engine)

    @cached_property
    def unfiled(self) -> UnfiledStore:
        """Settled mail that could not leave its folder."""
        return UnfiledStore(self._engine)

    @cached_property
    def sessions(self) -> Sessions:
        """Sign-ins of people in a browser."""
        return Sessions(self._engine)

    def count_events(self) -> int:
        return replaying.count_events(self._engine)

    def course(self, address: str, stream: str) -> list[StateChange]:
        """Every step of a recipient in a stream, the oldest first, with what moved it."""
        return replaying.course(self._engine, forget.known_as(self._engine, address), stream)

    def some_events(self, wanted: EventFilter) -> parts.Portion[BounceEvent, EventPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return parts.events(self._engine, self._as_known(wanted))

    def some_suppressions(self, wanted: SuppressionFilter) -> parts.Portion[Suppression, SuppressionPlace]:
        """As many of them as are found at once, and where to go on. Raises TookTooLong."""
        return parts.suppressions(self._engine, self._as_known(wanted))

    def event(self, name: str) -> BounceEvent | None:
        """The event of that id."""
        return browse.event(self._engine, name)

    def event_page(self, wanted: browse.Query, place: PagePosition) -> Page[BounceEvent]:
        """Some events for a person, the newest first. Raises TookTooLong where they are not found in time."""
        return browse.event_page(self._engine, self._asked_as_known(wanted), place)

    def all_events(self, wanted: browse.Query) -> Iterator[BounceEvent]:
        """Any number, the newest first."""
        return browse.all_events(self._engine, self._asked_as_known(wanted))

    def event_facets(self, wanted: browse.Query) -> browse.Facets | None:
        """How many by type, reason and so on; None where counting took too long."""
        return browse.event_facets(self._engine, self._asked_as_known(wanted))

    def recipient_page(
        self, wanted: browse.Query, place: PagePosition, now: datetime
    ) -> Page[browse.RecipientStanding]:
        """Some recipients for a person, the last changed first. Raises TookTooLong."""
        return browse.recipient_page(self._engine, wanted, place, now)

    def all_recipients(self, wanted: browse.Query, now: datetime) -> Iterator[browse.RecipientStanding]:
        """Any number, the last changed first."""
        return browse.all_recipients(self._engine, wanted, now)

    def recipient_facets(self, wanted: browse.Query) -> browse.Facets | None:
        """How many by state, reason and stream; None where counting took too long."""
        return browse.recipient_facets(self._engine, wanted)

    def holding(self, address: str) -> dict[str, list[Alert]]:
        """By stream the alerts that hold a suppression of an address back."""
        return browse.holding(self._engine, forget.known_as(self._engine, address))

    def _asked_as_known(self, wanted: browse.Query) -> browse.Query:
        if wanted.recipient is None:
            return wanted
        return replace(wanted, recipient=forget.known_as(self._engine, wanted.recipient))

    def lease(
        self, target: str, now: datetime, lease_for: timedelta, limit: int, keeps: Sequence[str] | None = None
    ) -> list[OutboxItem]:
        """Up to `limit` rows due for `target` that nobody else will send before `now + lease_for`.

        Only the earliest row of each recipient and stream; none where the endpoint is disabled or paused. `keeps` is
        given where the target keeps a list, as the streams that make it up (() = all): then only the newest state of a
        recipient is to be had, and no release while another of its streams, or a global suppression, still holds.
        """
        token = uuid4().hex
        until = now + lease_for
        items = write(self._engine, lambda connection: queue.lease(connection, target, now, until, limit, token, keeps))
        with self._lock:
            self._leases.update((item.id, token) for item in items)
        return items

    def thin(self, target: str, now: datetime, keeps: Sequence[str]) -> int:
        """Supersedes what a newer state made pointless for a target that keeps a list: see `lease`. How many."""
        return write(self._engine, lambda connection: superseding.thin(connection, target, now, keeps))

    def still_wanted(self, items: Sequence[OutboxItem], keeps: Sequence[str] | None) -> list[OutboxItem]:
        """Of leased items those that no newer state has made pointless since; the others become superseded."""
        with reading(self._engine) as connection:
            overtaken = superseding.overtaken(connection, (item.id for item in items), keeps)
        if overtaken:
            tokens = self._take_tokens([item for item in items if item.id in overtaken])
            write(self._engine, lambda connection: superseding.give_up(connection, tokens))
        return [item for item in items if item.id not in overtaken]

    def conclude(self, outcomes: Sequence[tuple[OutboxItem, Attempt]], now: datetime) -> None:
        """Writes what tries came to, unless a lease has passed to somebody else. GONE disables the endpoint."""
        tokens = self._take_tokens([item for item, _ in outcomes])

        def work(connection: Connection) -> set[str]:
            kept = [(item, replace(attempt, answer=forget.unnamed(connection, attempt.answer)))
                    for item, attempt in outcomes]
            lost = queue.conclude(connection, kept, now, tokens)
            settled.erase(connection)
            return lost

        lost = write(self._engine, work)
        for item, attempt in outcomes:
            if item.id in lost:
                log.warning("lease lost, outcome dropped", action="lease_lost", id=item.id, target=item.target)
            elif attempt.disposition is Disposition.GONE:
                log.warning("endpoint disabled", action="endpoint_disabled", target=item.target, answer=attempt.answer)

    def give_back(self, items: Sequence[OutboxItem]) -> None:
        """Ends the leases of what was not tried: it is due as before."""
        tokens = self._take_tokens(items)
        write(self._engine, lambda connection: queue.give_back(connection, tokens))

    def _take_tokens(self, items: Sequence[OutboxItem]) -> dict[str, str]:
        with self._lock:
            return {item.id: self._leases.pop(item.id, "") for item in items}

    def list_comparison(self, target: str, streams: Sequence[str], now: datetime) -> ListComparison:
        """To hold the list of a target that keeps one against what it was to be told; see there. Close it."""
        return ListComparison(self._engine, target, streams, now)

    @cached_property
    def names(self) -> Names:
        """Of addresses, for links. Raises TemporaryFailure while the database is away."""
        return Names(self._engine)

    def log_act(self, act: Act, count: int = 1) -> None:
        """The row of what changes nothing in the ledger: a test of a target."""
        self._act(act, lambda _: None, lambda _: count)

    def _act(self, act: Act, work: Callable[[Connection], T], counted: Callable[[T], int | None]) -> T:
        """What somebody does by hand, and its row in the log: one transaction. `counted` as in `actions.Row.write`."""
        return actions.LogEntry(self.names, act).write(self._engine, work, counted)

    def actions_on(self, subject: str, limit: int = 50) -> Sequence[actions.LoggedAction]:
        """What people did to one subject, the newest first."""
        return actions.on(self._engine, subject, limit)

    def action_page(self, wanted: browse.Query, place: PagePosition) -> Page[actions.LoggedAction]:
        """Some of what people did, the newest first."""
        return browse.action_page(self._engine, wanted, place)

    def all_actions(self, wanted: browse.Query) -> Iterator[actions.LoggedAction]:
        """Any number, the newest first."""
        return browse.all_actions(self._engine, wanted)

    def actions(self, before: int | None = None, limit: int = 50) -> Sequence[actions.LoggedAction]:
        """What people did, the newest first; `before` is the number behind which to go on."""
        return actions.page(self._engine, before, limit)

    def review_page(
        self, wanted: browse.Query, place: PagePosition, now: datetime | None = None
    ) -> Page[review.ReviewGroup]:
        """Some groups of what was not recognised, those that came back first; with `now` their last days are told.

        Raises TookTooLong.
        """
        return browsing.page(self._engine, wanted, place, now)

    def all_groups(self, wanted: browse.Query) -> Iterator[review.ReviewGroup]:
        """Any number, in the same order."""
        return browsing.everything(self._engine, wanted)

    def review_facets(self, wanted: browse.Query) -> browse.Facets | None:
        """How many groups by state, kind and provider; None where counting took too long."""
        return browsing.facets(self._engine, wanted)

    def review_group(self, gid: str, now: datetime | None = None) -> review.ReviewGroup | None:
        """The group of that id; with `now` its last days are told."""
        return browsing.group(self._engine, gid, now)

    def group_events(self, gid: str, limit: int, *, newest_first: bool = True) -> list[BounceEvent]:
        """Some reports of a group, from one end of it."""
        return browsing.events(self._engine, gid, limit, newest_first=newest_first)

    def group_mails(self, gid: str, limit: int, *, newest_first: bool = True) -> list[browsing.UnreadMail]:
        """Some messages of a group in which no recipient was found, from one end of it."""
        return browsing.mails(self._engine, gid, limit, newest_first=newest_first)

    def group_mail(self, gid: str, digest: str) -> browsing.UnreadMail | None:
        """One message of a group in which no recipient was found."""
        return browsing.mail(self._engine, gid, digest)

    def said(self, since: datetime) -> Iterator[Sequence[tuple[datetime, str, str | None]]]:
        """When, by which event, and what servers said since then, the newest first, in pages."""
        return browsing.said(self._engine, since)

    def events_named(self, ids: Sequence[str]) -> list[BounceEvent]:
        """The events of these ids, the newest first."""
        return browsing.named(self._engine, ids)

    def set_aside(self, gid: str, a_day: int | None, by: Actor) -> bool:
        """A group, until more than `a_day` come on one day; None = for good. False where there is none."""
        return self._on_group(gid, "set aside", by, lambda connection, note: review.set_aside(
            connection, gid, a_day, note, by.at
        ))

    def note_rule(self, gid: str, rule: str, by: Actor) -> bool:
        """That a rule of that id was saved for a group. False where there is none."""
        return self._on_group(gid, f"saved the rule {rule}", by, lambda connection, note: review.note_rule(
            connection, gid, f"{rule}: {note}", by.at
        ))

    def take_up(self, gid: str, by: Actor) -> bool:
        """A group that was dealt with waits for a person again. False where there is none."""
        return self._on_group(gid, "taken up again", by, lambda connection, note: review.take_up(
            connection, gid, note, by.at
        ))

    def _on_group(self, gid: str, action: str, by: Actor, work: Callable[[Connection, str], int | None]) -> bool:
        def noted(connection: Connection) -> int | None:
            return work(connection, forget.unnamed(connection, by.note or ""))

        return self._act(Act(by, action, gid), noted, lambda mails: mails) is not None

    def opt_out_page(self, place: PagePosition, *, done: bool = False) -> Page[KeptOptOut]:
        """Opt-outs that wait, or that were dealt with, the newest first. Raises TookTooLong."""
        return optouts.page(self._engine, place, done=done)

    def all_opt_outs(self, *, done: bool = False) -> Iterator[KeptOptOut]:
        """Any number, in that order."""
        return optouts.everything(self._engine, done=done)

    def opt_out(self, name: str) -> KeptOptOut | None:
        """The opt-out of that id."""
        return optouts.one(self._engine, name)

    def opt_outs_of(self, address: str) -> list[KeptOptOut]:
        """Those that name an address as the one mailed, or came from it; the newest first."""
        return optouts.of_address(self._engine, forget.known_as(self._engine, address))

    def opt_outs_came(self, since: datetime, until: datetime, stream: str | None = None) -> int:
        """How many opt-outs came, `since` <= time < `until`."""
        return optouts.came(self._engine, since, until, stream)

    def settle_opt_outs(
        self, ids: Sequence[str], by: Actor, *, recipient: str | None = None, is_done: bool = True
    ) -> int:
        """Marks opt-outs as dealt with, or takes them up again. Returns how many were changed.

        The log names `recipient`, where they are of one, else their group.
        """
        def work(connection: Connection) -> int:
            note = by.note and forget.unnamed(connection, by.note)
            kept = replace(by, name=forget.unnamed(connection, by.name), note=note)
            return optouts.settle(connection, ids, kept, is_done=is_done)

        action = "opt-out done" if is_done else "opt-out up"
        return self._act(Act(by, action, optouts.GID, recipient), work, _if_any)

    def pause(self, target: str, by: Actor) -> bool:
        """From now on nothing is sent to a target, until `resume`. False where it is paused already."""
        def work(connection: Connection) -> bool:
            name, note = forget.unnamed(connection, by.name), forget.unnamed(connection, by.note or "")
            return pausing.pause(connection, target, pausing.Pause(by.at, name, note))

        return self._act(Act(by, "pause", target), work, _if_any)

    def resume(self, target: str, by: Actor) -> bool:
        """Ends a pause: what waits is due as it was. False where there was none."""
        return self._act(Act(by, "resume", target), lambda connection: pausing.resume(connection, target), _if_any)

    def paused(self) -> dict[str, pausing.Pause]:
        """The targets that a person paused."""
        return pausing.paused(self._engine)

    def retry(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, everything: bool = False,
        state: OutboxState = OutboxState.DEAD, since: datetime | None = None, subject: str | None = None,
    ) -> int:
        """Makes rows in `state` due at once: those of `ids`, of `target`, of both, or `everything`.

        Of these just what happened at or after `since` (aware), where it is given.
        Enables the endpoints of what it finds, and `target`'s. Returns how many rows are due now.
        Raises ValueError where nothing is chosen: an empty list of ids must not stand for all.
        """
        if not everything:
            _demand_a_choice(ids, target)
        return self._act(Act(by, "retry", subject or _chosen(ids, target)), lambda connection: queue.retry(
            connection, by.at, ids, target, state, since
        ), int)

    def retry_chosen(self, by: Actor, chosen: Mapping[OutboxState, Sequence[str]], subject: str) -> int:
        """As `retry`, for ids in several states at once."""
        return self._act(Act(by, "retry", subject), lambda connection: sum(
            queue.retry(connection, by.at, ids, None, state, None) for state, ids in chosen.items()
        ), int)

    def discard(
        self, by: Actor, *, ids: Sequence[str] = (), target: str | None = None, subject: str | None = None
    ) -> int:
        """Gives up on due and dead rows: those of `ids`, of `target`, or of both. Returns how many.

        Raises ValueError where nothing is chosen.
        """
        _demand_a_choice(ids, target)

        def work(connection: Connection) -> int:
            count = queue.discard(connection, ids, target)
            settled.erase(connection)
            return count

        return self._act(Act(by, "discard", subject or _chosen(ids, target)), work, _if_any)

    def next_due(self, target: str) -> datetime | None:
        """When `lease` may next have something for `target`; None while there is nothing, or it is shut."""
        with reading(self._engine) as connection:
            return queue.next_due(connection, target)


def _demand_a_choice(ids: Sequence[str], target: str | None) -> None:
    if not ids and target is None:
        raise ValueError("neither ids nor a target")


def _if_any(changed: int) -> int | None:
    return int(changed) or None


def _on_name(by: Actor, action: str, name: str) -> Act:
    """On what is protected: an address, or a domain behind an "@"."""
    return Act(by, action, name) if name.startswith("@") else Act(by, action, recipient=name)


def _chosen(ids: Sequence[str], target: str | None) -> str:
    """What the log names of deliveries: the one, the target, or that they were picked out."""
    return target or (ids[0] if len(ids) == 1 else CHOSEN)
