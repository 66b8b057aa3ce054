"""The state of the service in sentences: what is wrong (the worst first), each mailbox, and what waits for delivery."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType

from bounce_watcher.ledger.lists.stock import NONE, Queue, WaitingOptOuts
from bounce_watcher.model.about import AboutKind
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.service.state import MailboxState, ServiceState, Trouble
from bounce_watcher.words import faults, formatting
from bounce_watcher.words.formatting import age, counted, name, number, when
from bounce_watcher.words.risk import danger, remedy

LATE = timedelta(minutes=15)
"""The longest time that anything should wait to be read or delivered."""
_LATELY = timedelta(minutes=5)

_RANKS = ("is-bad", "is-hold", "is-warn", "is-info")


@dataclass(frozen=True, slots=True)
class StatusNotice:
    """A notice. `colour` is a class of the style sheet and shows the severity. `strong` begins the sentence."""

    colour: str
    strong: str
    text: str
    link: str | None = None
    link_text: str = ""


def notices(
    state: ServiceState, alerts: Sequence[Alert], queues: Mapping[str, Queue], now: datetime,
    paces: Mapping[str, ArrivalRate] = MappingProxyType({}), opt_outs: WaitingOptOuts = NONE,
) -> list[StatusNotice]:
    """Returns what a person should know, the worst first."""
    found = [
        *_of_mailboxes(state, now), *_of_quiet(state, paces, alerts, now), *_of_others(state, queues, now),
        *_of_alerts(alerts, now), *_of_queues(queues, now), *_of_opt_outs(opt_outs, now),
    ]
    return sorted(found, key=lambda notice: _RANKS.index(notice.colour))


def _since(at: datetime, now: datetime) -> str:
    """Returns a time such as "since 08:12 (6 h)"."""
    return f"since {when(at, now)} ({age(now - at)})"


def _why(trouble: Trouble, now: datetime) -> str:
    return f"{_since(trouble.since, now)}: {_ended(faults.describe(trouble.fault))}"


_MAILBOXES, _OUTBOX = ("/#mailboxes", "View mailboxes"), ("/outbox", "Open outbox")


def _of_mailboxes(state: ServiceState, now: datetime) -> Iterator[StatusNotice]:
    for each in state.mailboxes:
        mailbox = f"Mailbox {name(each.name)}"
        if each.trouble is not None:
            told = _why(each.trouble, now)
            yield StatusNotice("is-bad", f"{mailbox} can't be read",
                               f"{told} New mail stays in the mailbox, not counted yet.", *_MAILBOXES)
        elif each.stopped:
            told = f"{_since(each.moved_at, now) if each.moved_at else ''}. New mail stays in the mailbox."
            yield StatusNotice("is-bad", f"{mailbox} makes no progress", told, *_MAILBOXES)
        elif each.oldest_waiting_at is not None and now - each.oldest_waiting_at > LATE:
            waiting = counted(each.waiting, "unfiled message", "unfiled messages")
            yield StatusNotice("is-warn", f"{mailbox} is behind:",
                               f"{waiting}, the oldest {_since(each.oldest_waiting_at, now)}.", *_MAILBOXES)


def _of_quiet(
    state: ServiceState, paces: Mapping[str, ArrivalRate], alerts: Sequence[Alert], now: datetime
) -> Iterator[StatusNotice]:
    incidents = {alert.subject.name: _incident(alert) for alert in alerts if alert.kind is AlertKind.QUIET}
    for each in state.mailboxes:
        pace = paces.get(each.name)
        if pace is not None and each.is_quiet(pace):
            yield StatusNotice("is-warn", f"No incoming mail in {name(each.name)}",
                               f"{_since(pace.last_at, now)}; the longest usual pause was {age(pace.longest)}. Is its "
                               f"return path still in use?", *incidents.get(each.name, _MAILBOXES))


def _incident(alert: Alert) -> tuple[str, str]:
    return f"/incidents/{alert.id}", "Open incident"


def _of_others(state: ServiceState, queues: Mapping[str, Queue], now: datetime) -> Iterator[StatusNotice]:
    """Yields other troubles. That of a paused target is skipped: it predates the pause, since nothing is tried."""
    for about, trouble in sorted(state.troubles.items()):
        if about.kind is AboutKind.MAILBOX or queues.get(about.name, Queue()).paused:
            continue
        told = _why(trouble, now)
        if about.kind is AboutKind.WEBHOOK:
            yield StatusNotice("is-bad", f"{name(about.name)} is not accepting webhooks", f"{told} Nothing is lost.",
                               *_OUTBOX)
        elif about.kind is AboutKind.FILING:
            yield StatusNotice("is-warn", f"Can't file mail of mailbox {name(about.name)}",
                               f"{told} It is read and counted. Messages stay in place until they can be filed.",
                               *_MAILBOXES)
        else:
            yield StatusNotice("is-bad", f"Problem with {name(str(about))}", told)


def _of_alerts(alerts: Sequence[Alert], now: datetime) -> Iterator[StatusNotice]:
    """Yields alerts; the other functions report mailboxes and targets."""
    for alert in alerts:
        subject, since = alert.subject, _since(alert.since, now)
        where = formatting.provider(subject.provider) if subject.provider else f"the text “{name(subject.name)}”"
        held = counted(alert.still_held, "suppression is", "suppressions are")
        if alert.kind is AlertKind.OUTAGE:
            yield StatusNotice("is-hold", f"The outage guard is on for {where}",
                               f"{since}. {held} held; targets not notified.", *_incident(alert))
        elif alert.kind is AlertKind.BLOCKS:
            why = formatting.reason(subject.reason).lower()
            yield StatusNotice("is-bad", f"{where} refuses our mail{f' of {subject.ip}' if subject.ip else ''}",
                               f"{since}: {why}, {counted(alert.count, 'time')} so far. No address is affected.",
                               *_incident(alert))
        elif alert.kind is AlertKind.FORGED:
            yield StatusNotice("is-warn", "Suspicious reports: forged or misattributed",
                               f"{since}: {number(alert.count)} so far. No address is affected.", *_incident(alert))
        elif alert.kind is AlertKind.FLOOD:
            yield StatusNotice("is-hold", "Unusual number of unproven reports",
                               f"{since}. {held} held until you decide; targets not notified.", *_incident(alert))
        elif alert.kind is AlertKind.ENDPOINT:
            yield StatusNotice("is-bad", f"{name(subject.name)} no longer accepts webhooks",
                               f"{since}: it answered 410 Gone. Deliveries stay in the outbox.", *_OUTBOX)


def _of_queues(queues: Mapping[str, Queue], now: datetime) -> Iterator[StatusNotice]:
    for target, queue in sorted(queues.items()):
        waiting = counted(queue.due, "waiting delivery", "waiting deliveries")
        if queue.paused:
            yield StatusNotice("is-info", f"{name(target)} is paused:", f"{waiting}. Nothing is lost.", *_OUTBOX)
        if queue.dead:
            yield StatusNotice("is-bad", f"{counted(queue.dead, 'dead letter')} for {name(target)}:",
                               "not retried automatically.", "/outbox?state=dead", "View dead letters")
        if queue.oldest_at is not None and now - queue.oldest_at > LATE and not (queue.disabled or queue.paused):
            yield StatusNotice("is-warn", f"{waiting} for {name(target)},",
                               f"the oldest {_since(queue.oldest_at, now)}.", *_OUTBOX)


def _of_opt_outs(opt_outs: WaitingOptOuts, now: datetime) -> Iterator[StatusNotice]:
    if opt_outs.oldest_at is not None:
        told = f"the oldest {_since(opt_outs.oldest_at, now)}. Opt-outs suppress nobody."
        yield StatusNotice("is-warn", f"{counted(opt_outs.number, 'open opt-out')},", told, "/review/opt-outs",
                           "View opt-outs")


def advice(policy: PolicySettings, *, has_key: bool) -> Iterator[StatusNotice]:
    """Yields facts about the configuration that are not trouble but that a person should know."""
    if policy.counts_unproven:
        told = f"{danger(policy.flood)}. {remedy(has_key=has_key)}."
        yield StatusNotice("is-info", "Unproven reports count:", told, "/settings", "Settings")


def _ended(text: str) -> str:
    """Returns `text` with a full stop, if it has no mark at its end."""
    told = formatting.harmless(text).strip()
    return told if told.endswith((".", "!", "?")) else f"{told}."


def all_is_well(state: ServiceState, queues: Mapping[str, Queue], last: datetime | None, now: datetime) -> str:
    """Returns what works, in a sentence; each part only if it is true."""
    parts = [_reading(state.mailboxes, now)]
    if last is not None:
        parts.append(f"the last report came {'at' if last.date() == now.date() else 'on'} {when(last, now)}")
    if queues and not any(queue.due for queue in queues.values()):
        parts.append("all deliveries done")
    told = ", ".join(filter(None, parts))
    return f"{told[0].upper()}{told[1:]}." if told else ""


def _reading(mailboxes: Sequence[MailboxState], now: datetime) -> str:
    lately = [each for each in mailboxes if each.last_read_at is not None and now - each.last_read_at <= _LATELY]
    if not lately:
        return ""
    longest = max(now - each.last_read_at for each in lately if each.last_read_at is not None)
    within = "minute" if longest <= timedelta(minutes=1) else "5 minutes"
    read = "was" if len(mailboxes) == 1 else "were"
    return f"{len(lately)} of {counted(len(mailboxes), 'mailbox', 'mailboxes')} {read} read in the last {within}"


# ── mailboxes ───────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class MailboxStatus:
    """The state of a mailbox. `state` is the badge's word and class. `waiting` is in words, as it may be unknown."""

    name: str
    folder: str
    stream: str
    state: tuple[str, str]
    trouble: str
    last_read_at: datetime | None
    last_read: str
    waiting: str
    oldest_at: datetime | None
    newest_at: datetime | None
    read: int


def mailboxes(states: Iterable[MailboxState], now: datetime) -> list[MailboxStatus]:
    """Returns the state of each mailbox, those in trouble first."""
    order = ("is-bad", "is-warn", "", "is-ok")
    return sorted((_mailbox(each, now) for each in states), key=lambda it: (order.index(it.state[1]), it.name))


def _mailbox(each: MailboxState, now: datetime) -> MailboxStatus:
    read = "not yet" if each.last_read_at is None else f"{age(now - each.last_read_at)} ago"
    known = each.last_read_at is not None and each.trouble is None
    return MailboxStatus(
        name(each.name), name(each.folder), name(each.stream), _state(each, now),
        formatting.harmless(faults.describe(each.trouble.fault)) if each.trouble else "", each.last_read_at, read,
        number(each.waiting) if known else "unknown", each.oldest_waiting_at if known else None, each.newest_at,
        each.read,
    )


def _state(each: MailboxState, now: datetime) -> tuple[str, str]:
    if each.trouble is not None:
        return ("Unreadable", "is-bad")
    if each.stopped:
        return ("No progress", "is-bad")
    if each.last_read_at is None:
        return ("Not read yet", "")
    if each.oldest_waiting_at is not None and now - each.oldest_waiting_at > LATE:
        return ("Behind", "is-warn")
    return ("Working", "is-ok")


# ── what waits to be delivered ──────────────────────────────────────────────────────────────────────────────────────

def waiting(queues: Mapping[str, Queue], now: datetime) -> tuple[int, str]:
    """Returns how many deliveries wait, and what else there is to say about them."""
    oldest = min((queue.oldest_at for queue in queues.values() if queue.oldest_at is not None), default=None)
    dead = sum(queue.dead for queue in queues.values())
    told = [f"oldest {age(now - oldest)}"] if oldest is not None else []
    told += [counted(dead, "dead letter")] if dead else []
    return sum(queue.due for queue in queues.values()), "; ".join(told) or "none waiting"
