"""Goes through what is stored again, and deletes it once its time is over."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bounce_watcher.ledger.actions import Act, Acting, LogEntry
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.history import replaying, retention, revise, simulation
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.outbox import settled, tries
from bounce_watcher.ledger.recording import alerts, quota, report_counts, sent
from bounce_watcher.ledger.recording.record import Decide
from bounce_watcher.ledger.review import optouts
from bounce_watcher.model.ledger import Announce, BounceEvent, StateChange
from bounce_watcher.policy.settings import PolicySettings

_BY_DEFAULT = PolicySettings()


class LedgerHistory(Acting):
    """The capability that goes through what is stored again, and deletes it once its time is over."""

    def course(self, address: str, stream: str) -> list[StateChange]:
        """Returns every step of a recipient in a stream, oldest first, with its cause."""
        return replaying.course(self._engine, forget.known_as(self._engine, address), stream)

    def count_events(self) -> int:
        return replaying.count_events(self._engine)

    def stretches(self, size: int) -> Iterator[replaying.Stretch]:
        """Yields all recipients with a history, split into stretches of some `size` events each."""
        return replaying.stretches(self._engine, size)

    def simulate(
        self, decide: Decide, now: datetime, stretch: replaying.Stretch = replaying.WHOLE
    ) -> Iterator[simulation.Simulated]:
        """Yields what would be decided now on every recipient with a history under another policy. Only reads."""
        return simulation.simulate(self._engine, decide, now, stretch)

    def kept(self, since: datetime | None) -> Iterator[list[revise.Kept]]:
        """Yields messages whose raw content is kept, in pages, in the order of time."""
        return revise.kept(self._engine, since)

    def kept_one(self, digest: str) -> revise.Kept | None:
        """Returns the message with that digest; None if its raw content is no longer kept."""
        return revise.kept_one(self._engine, digest)

    def bare(self, since: datetime | None) -> Iterator[list[BounceEvent]]:
        """Yields events with a diagnostic whose message is no longer kept, in pages, in the order of time."""
        return revise.bare(self._engine, since)

    def revise(
        self, revisions: Sequence[revise.Revision], decide: Decide, announce: Announce, now: datetime, *,
        policy: PolicySettings = _BY_DEFAULT, dry_run: bool = False, act: Act | None = None,
    ) -> list[revise.Revised]:
        """Corrects verdicts and what they led to, in one transaction. New suppressions are subject to the caps of
        `policy`.

        `act` is the entry for the log, if a person asked for it.
        """
        row = None if act is None else LogEntry(self._names, act)
        return revise.revise(self._engine, revisions, decide, announce, policy, now, dry_run=dry_run, row=row)

    def purge_raw(self, raw_before: datetime) -> int:
        """Drops the raw content of messages received before `raw_before`; their events stay. Returns how many."""
        return quota.purge(self._engine, raw_before)

    def trim_raw(self, most: int) -> int:
        """Drops the oldest raw content until the rest fits into `most` bytes. Returns how many messages lost theirs."""
        return quota.trim(self._engine, most)

    def raw_bytes(self) -> int:
        """Returns how many bytes the stored raw content takes up."""
        with reading(self._engine) as connection:
            return quota.raw_bytes(connection)

    def purge_events(self, before: datetime) -> int:
        """Deletes events from before `before`, except those that current suppressions rest on. Returns how many.

        Also deletes opt-outs from before then that a person has dealt with.
        """
        return retention.purge_events(self._engine, before) + optouts.purge_done(self._engine, before)

    def purge_bodies(self, before: datetime) -> int:
        """Removes the bodies of items from before `before` that need no further try. Returns how many."""
        return settled.purge_bodies(self._engine, before)

    def purge_sent(self, before: datetime) -> int:
        """Deletes records of mail sent before `before`; its counts stay. Returns how many."""
        return sent.purge_sent(self._engine, before)

    def purge_counts(self, before: datetime) -> int:
        """Deletes hourly counts from before `before`: those of the guards, of reports and of tries. Returns how many
        counts."""
        return write(self._engine, lambda connection: sum(
            each(connection, before) for each in (alerts.forget_counts, report_counts.forget, tries.forget)
        ))
