"""What was stored, gone through again, and kept no longer once its time is over."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from bounce_watcher.ledger.actions import Act, Acting, LogEntry
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.history import replaying, retention, revise, simulation
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.outbox import bodies, tries
from bounce_watcher.ledger.recording import alerts, quota, report_counts, sent
from bounce_watcher.ledger.recording.record import Decide
from bounce_watcher.ledger.review import optouts
from bounce_watcher.model.ledger import Announce, BounceEvent, StateChange
from bounce_watcher.policy.settings import PolicySettings

_BY_DEFAULT = PolicySettings()


class LedgerHistory(Acting):
    """What was stored, gone through again, and kept no longer once its time is over."""

    def course(self, address: str, stream: str) -> list[StateChange]:
        """Every step of a recipient in a stream, the oldest first, with what moved it."""
        return replaying.course(self._engine, forget.known_as(self._engine, address), stream)

    def count_events(self) -> int:
        return replaying.count_events(self._engine)

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
        row = None if act is None else LogEntry(self._names, act)
        return revise.revise(self._engine, revisions, decide, announce, policy, now, dry_run=dry_run, row=row)

    def purge_raw(self, raw_before: datetime) -> int:
        """Drops the raw content of messages received before then; what they said stays. Returns how many."""
        return quota.purge(self._engine, raw_before)

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
        return bodies.purge_bodies(self._engine, before)

    def purge_sent(self, before: datetime) -> int:
        """Forgets mail sent before then; its counts stay. Returns how many."""
        return sent.purge_sent(self._engine, before)

    def purge_counts(self, before: datetime) -> int:
        """Forgets counts of hours before then: by what outages were seen, and of tries. Returns how many counts."""
        return write(self._engine, lambda connection: sum(
            each(connection, before) for each in (alerts.forget_counts, report_counts.forget, tries.forget)
        ))
