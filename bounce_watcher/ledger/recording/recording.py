"""Records reports, deliveries and sent mail as they come, and the alerts that they begin and end."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import reading, write, write_in_batches
from bounce_watcher.ledger.db.statements import chunks
from bounce_watcher.ledger.db.tables import UNFILED
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.recording import alerts, episodes, reevaluate, sent
from bounce_watcher.ledger.recording.record import Decide, record_page
from bounce_watcher.model.ledger import Alert, Announce, BounceEvent, MessageRecord, PageOutcome
from bounce_watcher.model.message import CopyBegun, Destination, Unfiled
from bounce_watcher.model.sending import DeliveredOutcome, Delivery, SentCount, SentMail, SentOutcome
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import PolicySettings

_BY_DEFAULT = PolicySettings()


class UnfiledStore(Capability):
    """Settled mail that could not be moved out of its folder, so that it is neither read again nor copied twice.

    By `source` (as in RawMessage), UIDVALIDITY and UID. Holds no personal data.
    """

    def of(self, source: str, uidvalidity: int) -> Mapping[int, Unfiled]:
        """Returns the unfiled messages of a folder by UID. Drops those of an older UIDVALIDITY: they mean nothing now.
        """
        with reading(self._engine) as connection:
            rows = connection.execute(select(UNFILED).where(UNFILED.c.source == source)).all()
        if any(row.uidvalidity != uidvalidity for row in rows):
            old = delete(UNFILED).where(UNFILED.c.source == source, UNFILED.c.uidvalidity != uidvalidity)
            write(self._engine, lambda connection: connection.execute(old))
        return {row.uid: _read(row) for row in rows if row.uidvalidity == uidvalidity}

    def keep(self, source: str, uidvalidity: int, uids: Collection[int], as_: Unfiled) -> None:
        """Stores `as_` for these messages and replaces what was stored for them."""
        begun = as_.begun
        values = {
            "source": source, "uidvalidity": uidvalidity, "destination": as_.to.value, "copied": as_.copied,
            "begun_uidvalidity": begun and begun.uidvalidity, "begun_uidnext": begun and begun.uidnext,
        }

        def work(connection: Connection) -> None:
            _delete(connection, source, uidvalidity, uids)
            connection.execute(insert(UNFILED), [{**values, "uid": uid} for uid in sorted(set(uids))])

        if uids:
            write(self._engine, work)

    def drop(self, source: str, uidvalidity: int, uids: Collection[int]) -> None:
        """Drops these messages: they have left their folder."""
        write(self._engine, lambda connection: _delete(connection, source, uidvalidity, uids))


def _delete(connection: Connection, source: str, uidvalidity: int, uids: Collection[int]) -> None:
    of_folder = (UNFILED.c.source == source) & (UNFILED.c.uidvalidity == uidvalidity)
    for part in chunks(sorted(set(uids))):
        connection.execute(delete(UNFILED).where(of_folder, UNFILED.c.uid.in_(part)))


def _read(row: Row[Any]) -> Unfiled:
    begun = row.begun_uidvalidity is not None
    return Unfiled(
        Destination(row.destination), row.copied, CopyBegun(row.begun_uidvalidity, row.begun_uidnext) if begun else None
    )


class Recording(Capability):
    """The capability that records reports, deliveries and sent mail, and the alerts that they begin and end."""

    def record(
        self, page: Sequence[MessageRecord], decide: Decide, announce: Announce, policy: PolicySettings | None = None
    ) -> PageOutcome:
        """Records a page, decides on what is new in it, and queues the notices for targets: one transaction.

        When it returns, everything survives a power cut; when it raises, nothing is written. What is already known
        changes nothing. `decide` and `announce` must be pure: they run again if another writer was in the way.
        With a `policy`, its outage guard and its alerts apply.
        """
        return write(self._engine, lambda connection: record_page(connection, page, decide, announce, policy))

    def with_recipients(self, page: Sequence[MessageRecord]) -> Sequence[MessageRecord]:
        """Returns `page` as `record` would read it: an event without a recipient gets those its Message-ID went to, or
        is left out."""
        with reading(self._engine) as connection:
            return sent.with_recipients(connection, page)

    def as_proven(self, message: MessageRecord) -> Sequence[BounceEvent]:
        """Returns the events of `message` as `record` would enter them, given what is known of sent mail."""
        with reading(self._engine) as connection:
            (named,) = sent.with_recipients(connection, [message])
            return sent.with_known_messages(connection, named.events)

    def settle_alerts(self, now: datetime, announce: Announce, policy: PolicySettings = _BY_DEFAULT) -> int:
        """Ends the alerts that are over by `now`, and decides on what they held. Returns the number of recipients
        decided on.

        Also raises and clears the alerts on disabled webhooks. What an outage held is subject to the caps of `policy`.
        """
        count = write_in_batches(
            self._engine, lambda connection: episodes.settle(connection, now, announce, policy)
        )
        write(self._engine, lambda connection: episodes.clear(connection, now, announce))
        return count

    def end_waits(self, now: datetime, wait: timedelta, announce: Announce) -> int:
        """Puts suppressions in force that by `now` have waited for an alarm as long as `wait`. Returns how many.

        `now` is the time up to which reports have been read: unread reports may still raise the alarm.
        """
        return write_in_batches(
            self._engine, lambda connection: episodes.end_waits(connection, now, wait, announce)
        )

    def tell_alerts(self, begun: Sequence[Alert], over: Sequence[Alert], now: datetime, announce: Announce) -> None:
        """Raises and clears alerts that do not follow from reports. Each only once, so the call may be repeated."""
        write(self._engine, lambda connection: alerts.keep(connection, begun, over, now, announce))

    def paces(self, mailboxes: Sequence[str], now: datetime) -> Mapping[str, ArrivalRate]:
        """Returns how often mail comes to these mailboxes, for those with enough history."""
        with reading(self._engine) as connection:
            return alerts.paces(connection, mailboxes, now)

    def add_sent(self, mails: Sequence[SentMail], judge: reevaluate.DecisionContext | None = None) -> SentOutcome:
        """Records mail that the platform has sent, a few thousand at most. What is already known changes nothing.

        With a `judge`, earlier bounces that were too weak without this mail now count: see `reevaluate`.
        """
        def enter(connection: Connection) -> SentOutcome:
            outcome = sent.add_sent(connection, mails)
            if judge is None:
                return outcome
            kept = [mail for mail in forget.unnamed_mails(connection, mails) if mail is not None]
            return replace(outcome, proven=reevaluate.take_up(connection, kept, judge))

        return write(self._engine, enter)

    def put_counts(self, counts: Sequence[SentCount]) -> SentOutcome:
        """Stores the platform's own figures of what it sent. Each replaces an earlier figure for the same key."""
        return write(self._engine, lambda connection: sent.put_counts(connection, counts))

    def deliver(self, deliveries: Sequence[Delivery], announce: Announce) -> DeliveredOutcome:
        """Enters deliveries, a few thousand at most. Bounces before them no longer count. See `reevaluate`."""
        return write(self._engine, lambda connection: reevaluate.deliver(
            connection, forget.unnamed_deliveries(connection, deliveries), announce
        ))

    @cached_property
    def unfiled(self) -> UnfiledStore:
        """The settled mail that could not be moved out of its folder."""
        return UnfiledStore(self._engine)
