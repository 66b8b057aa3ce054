"""What the guard and the alerts noticed, in sentences: what happens, since when, and what it means for addresses."""

from collections.abc import Iterator
from datetime import datetime

from bounce_watcher.model.grounds import Outage
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.words import formatting
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import counted, harmless, moment, name, number


def what(alert: Alert) -> str:
    """"Microsoft: too many addresses said to be wrong at once", made harmless."""
    provider = alert.subject.provider
    if alert.kind is AlertKind.OUTAGE:
        whom = formatting.provider(provider) if provider else f"The text “{name(alert.subject.name)}”"
        return f"{whom}: unusual spike of invalid addresses"
    if alert.kind is AlertKind.BLOCKS:
        of = f" of {alert.subject.ip}" if alert.subject.ip else ""
        refuser, why = formatting.provider(provider or ""), formatting.reason(alert.subject.reason).lower()
        return f"{refuser} refuses our mail{of}: {why}"
    return {
        AlertKind.FORGED: "Forged or misattributed reports",
        AlertKind.ENDPOINT: f"{name(alert.subject.name)} no longer accepts webhooks",
        AlertKind.MAILBOX: f"Can't read mailbox {name(alert.subject.name)}",
        AlertKind.QUIET: f"No incoming mail in {name(alert.subject.name)}",
        AlertKind.TARGET: f"{name(alert.subject.name)} is not accepting webhooks",
        AlertKind.FLOOD: "Unusual number of unproven reports",
    }[alert.kind]


def sentences(alert: Alert) -> list[str]:
    """What goes on, since when, and what it means for addresses."""
    told = [f"{_since(alert)}: {_plainly(alert)}."]
    if alert.kind is AlertKind.OUTAGE:
        held = counted(alert.held, "suppression was", "suppressions were")
        told.append(f"{held} held; targets are not notified while held.")
        told.append(
            f"Of them, {number(alert.released)} were released and {number(alert.confirmed)} confirmed, by hand or "
            "because of other evidence at the end." if alert.cleared
            else "Decided when the incident ends, unless you decide earlier: addresses with other evidence are "
                 "suppressed, all others are released."
        )
    elif alert.kind is AlertKind.FLOOD:
        told += _of_flood(alert)
    elif alert.kind is AlertKind.BLOCKS:
        told.append("This is a sender problem; no address is affected.")
    elif alert.kind is AlertKind.FORGED:
        told.append("These reports affect no address.")
    elif alert.kind is AlertKind.MAILBOX:
        told.append("New mail stays in the mailbox.")
    elif alert.kind is AlertKind.QUIET:
        told.append(_QUIET_ENDED if alert.cleared else _QUIET)
    else:
        told.append("Its deliveries wait in the outbox.")
    return told


def _of_flood(alert: Alert) -> Iterator[str]:
    held = counted(alert.held, "suppression was", "suppressions were")
    yield f"{held} held; targets are not notified, and mail to these addresses continues."
    if alert.cleared:
        yield f"Of them, {number(alert.released)} were released and {number(alert.confirmed)} confirmed."
        return
    yield (
        "They are held until you decide. Confirm them if you cleaned an old list or mailed many new addresses: the "
        "usual number then adapts. Release them if the bounces are forged, and undo what was suppressed before the "
        "first one was held. A later report that is proven, or within another day's limit, suppresses; a delivery "
        "releases."
    )


_QUIET = (
    "The mailbox is readable, but bounces may be going elsewhere. Send a mail to your Return-Path address. If it does "
    "not arrive here, check forwarding and filters; if it does, your mail may use another Return-Path. If you just "
    "send less than usual, nothing is wrong. Any new mail, including the test, ends this incident."
)
_QUIET_ENDED = "It ended because mail arrived or the mailbox is no longer watched."


def _plainly(alert: Alert) -> str:
    """What an alert rests on, in the words of these pages."""
    if alert.kind is AlertKind.QUIET:
        return f"no mail {'came' if alert.cleared else 'has come'} to mailbox {name(alert.subject.name)}"
    found = alert.grounds
    if not isinstance(found, Outage):
        return harmless(words.because(found))
    provider = alert.subject.provider
    where = f"at {formatting.provider(provider)}" if provider else "in the same words"
    addresses = counted(found.count, "address was", "addresses were")
    return (
        f"{addresses} reported invalid for the first time {where} within {found.within_hours:g} h; usual "
        f"{found.usual:g}, threshold {found.alarm_from}"
    )


def _since(alert: Alert) -> str:
    if alert.cleared and alert.ends_at is not None:
        return f"From {moment(alert.since)} to {moment(alert.ends_at)}"
    return f"Since {moment(alert.since)}"


def guard_words(outage: Alert, now: datetime) -> str:
    """"Guard on for Google, 26 Nov, 14:00 to 27 Nov, 03:00"."""
    provider = outage.subject.provider
    whom = f" for {formatting.provider(provider)}" if provider else " for one text"
    if not outage.cleared:
        return f"Guard on{whom} since {formatting.when(outage.since, now)}"
    end = f" to {formatting.when(outage.ends_at, now)}" if outage.ends_at else ""
    return f"Guard on{whom}, {formatting.when(outage.since, now)}{end}"
