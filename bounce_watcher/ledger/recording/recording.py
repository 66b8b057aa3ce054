"""What is reported, delivered and sent, written down as it comes; alerts that begin and end by it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property

from sqlalchemy import Connection

from bounce_watcher.ledger.capability import Capability
from bounce_watcher.ledger.db.engine import reading, write
from bounce_watcher.ledger.naming import forget
from bounce_watcher.ledger.recording import alerts, episodes, quiet, recipient_delivery, reevaluate, sent, waiting
from bounce_watcher.ledger.recording.record import Decide, load_counted, record_page
from bounce_watcher.ledger.recording.unfiled import UnfiledStore
from bounce_watcher.model.ledger import Alert, Announce, BounceEvent, MessageRecord, PageOutcome
from bounce_watcher.model.sending import DeliveredOutcome, Delivery, SentCount, SentMail, SentOutcome
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import PolicySettings

_BY_DEFAULT = PolicySettings()


class Recording(Capability):
    """What is reported, delivered and sent, written down as it comes; alerts that begin and end by it."""

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

    def settle_alerts(self, now: datetime, announce: Announce, policy: PolicySettings = _BY_DEFAULT) -> int:
        """Ends the alerts that are over by `now`, and decides on what they held back. Returns on how many recipients.

        Raises and clears the alerts on disabled endpoints as well. What an outage held passes the caps of `policy`.
        """
        return episodes.settle(self._engine, now, announce, policy)

    def end_waits(self, now: datetime, wait: timedelta, announce: Announce) -> int:
        """Puts in force what has waited for an alarm for as long as `wait` by `now`. Returns how many.

        `now` is until when reports have been read: what is still to be read may hold the alarm.
        """
        return waiting.end_waits(self._engine, now, wait, announce)

    def tell_alerts(self, begun: Sequence[Alert], over: Sequence[Alert], now: datetime, announce: Announce) -> None:
        """Raises and clears alerts that do not come of reports. Each once, so that it may be done again."""
        write(self._engine, lambda connection: alerts.keep(connection, begun, over, now, announce))

    def paces(self, mailboxes: Sequence[str], now: datetime) -> Mapping[str, ArrivalRate]:
        """How mail comes to these mailboxes, as far as enough is known."""
        return quiet.paces(self._engine, mailboxes, now)

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

    @cached_property
    def unfiled(self) -> UnfiledStore:
        """Settled mail that could not leave its folder."""
        return UnfiledStore(self._engine)
