"""Raises alerts for lasting troubles: a mailbox that can't be read or gets no mail, a target that takes nothing.

The ledger keeps these alerts like those on reports, so a restart neither forgets nor repeats one. If the ledger itself
can't be used, it holds no alert: the notifiers are then told directly.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bounce_watcher.config import Settings
from bounce_watcher.ledger.lists.stock import Queue
from bounce_watcher.ledger.recording.alerts import alert_on
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model import grounds
from bounce_watcher.model.about import LEDGER
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import Alert, AlertKind, Announce, Disposition
from bounce_watcher.outbox.http.exchange import one_line
from bounce_watcher.outbox.notifier import Message, Notifier, NotifierChannel, quoted
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.polling import filing_of
from bounce_watcher.service.state import MailboxState, ServiceState, Trouble, Troubles, What
from bounce_watcher.words.faults import describe

Of = tuple[AlertKind, grounds.Subject]
"""What identifies an alert: its kind and its subject."""

KINDS = (AlertKind.MAILBOX, AlertKind.QUIET, AlertKind.TARGET)

SETTLED = timedelta(hours=2)
"""How long a mailbox must be read without a break before it is called quiet.

After an outage senders try their mail again later, so a server that is just back may still look quiet.
"""

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look found. `sound`: known to be well. What is in neither keeps its alert: nothing was tried yet."""

    lasting: Mapping[Of, Alert]
    sound: frozenset[Of]


class Alarms:
    """Checks for lasting troubles each minute. Never raises a BounceWatcherError."""

    def __init__(
        self, settings: Settings, ledger: Ledger, state: Callable[[], ServiceState], troubles: Troubles,
        announce: Announce,
    ) -> None:
        self._settings = settings
        self._ledger = ledger
        self._state = state
        self._troubles = troubles
        self._announce = announce
        self._of_ledger = LedgerAlarm(settings.notifiers, settings.unread_after)

    def look(self) -> None:
        state, now = self._state(), utcnow()
        try:
            with self._troubles.guard(LEDGER):
                paces = self._ledger.recording.paces([mailbox.name for mailbox in state.mailboxes], now)
                self._keep(findings(self._settings, state, self._ledger.figures.queues(), paces, now), now)
        except BounceWatcherError:
            pass  # logged by the guard
        self._of_ledger.look(self._troubles.open().get(LEDGER), utcnow())

    def _keep(self, found: Findings, now: datetime) -> None:
        under_way = _by_subject(each for each in self._ledger.lists.alerts(under_way=True) if each.kind in KINDS)
        new = sorted(found.lasting.keys() - under_way.keys(), key=lambda of: (of[0], of[1].name))
        begun = [found.lasting[each] for each in new]
        over = [alert for each, alert in under_way.items() if each not in found.lasting and self._is_over(each, found)]
        if begun or over:
            self._ledger.recording.tell_alerts(begun, over, now, self._announce)

    def _is_over(self, of: Of, found: Findings) -> bool:
        kind, about = of
        known = self._settings.receivers if kind is AlertKind.TARGET else self._settings.mailboxes
        return of in found.sound or all(each.name != about.name for each in known)


def _by_subject(alerts: Iterable[Alert]) -> dict[Of, Alert]:
    return {(alert.kind, alert.subject): alert for alert in alerts}


def _mailbox(kind: AlertKind, name: str) -> Of:
    return kind, grounds.Subject(grounds.SubjectKind.MAILBOX, name)


def _target(name: str) -> Of:
    return AlertKind.TARGET, grounds.Subject(grounds.SubjectKind.TARGET, name)


# ── what lasts ──────────────────────────────────────────────────────────────────────────────────────────────────────

def findings(
    settings: Settings, state: ServiceState, queues: Mapping[str, Queue], paces: Mapping[str, ArrivalRate],
    now: datetime
) -> Findings:
    """Returns what lasts and what is sound. Pure: the ledger's queues and arrival rates are passed in."""
    lasting = [
        *_mailboxes(settings.unread_after, state, now), *_quiet(state, paces, now),
        *_targets(settings, state, queues, now),
    ]
    sound = [
        *(_mailbox(AlertKind.MAILBOX, mailbox.name) for mailbox in state.mailboxes
          if mailbox.is_read and filing_of(mailbox.name) not in state.troubles),
        *(_mailbox(AlertKind.QUIET, mailbox.name) for mailbox in state.mailboxes
          if mailbox.name not in paces or not paces[mailbox.name].is_quiet(now)),
        *(_target(receiver.name) for receiver in settings.receivers
          if _is_told(receiver.name, state.troubles.get(receiver.about), queues.get(receiver.name, Queue()), state)),
    ]
    return Findings(_by_subject(lasting), frozenset(sound))


def _mailboxes(limit: timedelta | None, state: ServiceState, now: datetime) -> Iterator[Alert]:
    if limit is None:
        return
    for mailbox in state.mailboxes:
        trouble = mailbox.trouble
        since = mailbox.moved_at if mailbox.stopped else trouble.since if trouble else None
        if since is not None and (mailbox.stopped or now - since >= limit):
            fault = grounds.MailboxFault.STOPPED if mailbox.stopped else grounds.MailboxFault.UNREAD
            said = trouble
        elif (filing := state.troubles.get(filing_of(mailbox.name))) and now - filing.since >= limit:
            fault, since, said = grounds.MailboxFault.UNFILED, filing.since, filing
        else:
            continue
        of = _mailbox(AlertKind.MAILBOX, mailbox.name)
        yield alert_on(*of, since, grounds.MailboxFails(mailbox.name, fault, since), quote=_quote(said))


def _quote(trouble: Trouble | None) -> str | None:
    return one_line(describe(trouble.fault)) if trouble else None


def _quiet(state: ServiceState, paces: Mapping[str, ArrivalRate], now: datetime) -> Iterator[Alert]:
    for mailbox in state.mailboxes:
        pace = paces.get(mailbox.name)
        if pace is not None and mailbox.is_quiet(pace) and _is_settled(mailbox):
            of, usual = _mailbox(AlertKind.QUIET, mailbox.name), pace.longest / _HOUR
            yield replace(
                alert_on(*of, pace.last_at, grounds.MailboxQuiet(mailbox.name, pace.last_at, usual)), raised_at=now,
                count=int((now - pace.last_at) / _HOUR), alarm_from=math.ceil(pace.unusual_from / _HOUR), usual=usual,
            )


def _is_settled(mailbox: MailboxState) -> bool:
    since, until = mailbox.read_since, mailbox.last_read_at
    return since is not None and until is not None and until - since >= SETTLED


def _targets(settings: Settings, state: ServiceState, queues: Mapping[str, Queue], now: datetime) -> Iterator[Alert]:
    limit = settings.untold_after
    if limit is None:
        return
    for receiver in settings.receivers:
        queue, trouble = queues.get(receiver.name, Queue()), state.troubles.get(receiver.about)
        of = _target(receiver.name)
        if trouble is not None and queue.due and not (queue.disabled or queue.paused) and now - trouble.since >= limit:
            failing = grounds.TargetFails(receiver.label, trouble.since, queue.due)
            yield alert_on(*of, trouble.since, failing, quote=_quote(trouble), count=queue.due)
        elif queue.dead:
            yield alert_on(*of, now, grounds.TargetGaveUp(receiver.label, receiver.name, queue.dead), count=queue.dead)


def _is_told(name: str, trouble: Trouble | None, queue: Queue, state: ServiceState) -> bool:
    """Checks whether a target takes what it is sent.

    An empty queue counts as well: a trouble with nothing left to send may be over, but nobody tries.
    """
    taken = state.counted.get(What.TRIES, {}).get((name, Disposition.DELIVERED), 0) > 0
    return not queue.dead and (not queue.due or (trouble is None and taken))


# ── the ledger itself ───────────────────────────────────────────────────────────────────────────────────────────────

class LedgerAlarm:
    """Tells the notifiers once that the ledger can't be used, and once that it can be again."""

    def __init__(self, notifiers: tuple[Notifier, ...], limit: timedelta | None) -> None:
        self._channels = [NotifierChannel(notifier) for notifier in notifiers]
        self._limit = limit
        self._told: set[str] = set()

    def look(self, trouble: Trouble | None, now: datetime) -> None:
        """Tells every notifier that does not know yet. One that can't be reached is told at the next look."""
        lasts = trouble is not None and self._limit is not None and now - trouble.since >= self._limit
        if trouble is not None and not lasts:
            return
        for channel in self._channels:
            name = channel.notifier.name
            if (name in self._told) is not lasts and channel.tell(_on_ledger(trouble)) is None:
                self._told ^= {name}


def _on_ledger(trouble: Trouble | None) -> Message:
    if trouble is None:
        return Message("bounce-watcher: the database can be used again", "What waited is read and told now.",
                       is_bad=False)
    text = (f"It can't be used since {trouble.since:%Y-%m-%d %H:%M} UTC: mail waits in its mailboxes, "
            f"and nobody is told anything.\n{quoted(one_line(describe(trouble.fault)))}")
    return Message("bounce-watcher: the database can't be used", text, is_bad=True)
