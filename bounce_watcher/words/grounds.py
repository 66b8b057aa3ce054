"""Grounds in English: the one place that builds the sentence for why something is as it is.

A table holds one function per class; a second language would be a second table.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Doubt, DoubtKind, Evidence, Pass
from bounce_watcher.model.grounds import (
    Again,
    Alarm,
    AtOnce,
    Blocks,
    ByPerson,
    ByPlatform,
    Cap,
    Confirmed,
    Counted,
    Delivered,
    EndpointGone,
    Excluded,
    ExclusionKind,
    Expired,
    Extended,
    Flood,
    Forgeries,
    Grounds,
    Held,
    MailboxFails,
    MailboxFault,
    MailboxQuiet,
    OlderVerdict,
    Outage,
    OutageOver,
    ProtectedMeanwhile,
    Reread,
    Scene,
    Standing,
    StillCounts,
    Subject,
    SubjectKind,
    TargetFails,
    TargetGaveUp,
    Undone,
    Waits,
    base,
)
from bounce_watcher.words.dates import day, days, minute, number_of_days, plain


def because(grounds: Grounds | Alarm) -> str:
    """Returns the grounds as a sentence without a full stop. Total: every value has its words."""
    return _SENTENCES[type(grounds)](grounds)


def text(grounds: Grounds | Alarm | None) -> str:
    """Returns `because`, or "" if there are no grounds."""
    return "" if grounds is None else because(grounds)


def brief(grounds: Grounds) -> str:
    """Returns the grounds in a few words, for places without room for the whole: `3 of 3 on 3 days`."""
    at_bottom = base(grounds)
    if isinstance(at_bottom, Counted):
        return _numbers(at_bottom)
    if isinstance(at_bottom, AtOnce | Again):
        return "1 of 1"
    return because(at_bottom)


# ── what counts ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _at_once(it: AtOnce) -> str:
    what = plain(it.reason) if it.feedback_type is None else f"{plain(it.reason)} ({it.feedback_type})"
    return f"1 of 1: {what} on {day(it.at)}"


def _counted(it: Counted) -> str:
    """`2 of 3 on 2 of 3 days: 2 and 9 March 2026; span 7 of 14 days; window 60 days; mailbox full`."""
    parts = [f"{_numbers(it)}: {days(it.dates)}"]
    if it.span_needed > 0:
        parts.append(f"span {it.span_days} of {number_of_days(it.span_needed)}")
    parts.append(f"window {number_of_days(it.window_days)}")
    if it.reasons:
        parts.append(", ".join(dict.fromkeys(map(plain, it.reasons))))
    return "; ".join(parts)


def _numbers(it: Counted) -> str:
    on = number_of_days(it.days) if it.days >= it.days_needed else f"{it.days} of {number_of_days(it.days_needed)}"
    return f"{it.counted} of {it.needed} on {on}"


def _again(it: Again) -> str:
    return (
        f"1 of 1: {plain(it.reason)} again, within {number_of_days(it.window_days)} of the suppression for it that "
        f"ended on {day(it.ended_at)}, on {day(it.at)}"
    )


def _extended(it: Extended) -> str:
    before = f"suppressed until {day(it.until)}" if it.until else "suppressed for good"
    return f"{because(it.on)}; {before} before"


def _standing(it: Standing) -> str:
    return f"{'held back' if it.held else 'already suppressed'} since {day(it.since)}: {because(it.on)}"


# ── what is held ────────────────────────────────────────────────────────────────────────────────────────────────────

def _waits(it: Waits) -> str:
    return (
        f"{because(it.on)}; waiting: {it.count} new hard bounces of {subject(it.subject)} within "
        f"{it.within_hours:g} h; usual {it.usual:g}, alarm from {it.alarm_from}; held until {minute(it.until)}"
    )


def _held(it: Held) -> str:
    by = because(it.by)
    return f"{because(it.on)}; {by}" if isinstance(it.by, Excluded) else f"{because(it.on)}; held back: {by}"


def _confirmed(it: Confirmed) -> str:
    return f"confirmed: also {it.reason} on {day(it.at)}; {because(it.on)}"


def _outage_over(it: OutageOver) -> str:
    return f"the outage is over: its reports no longer count ({because(it.outage)})"


# ── what ends it, and what people and platforms do ──────────────────────────────────────────────────────────────────

def _expired(_: Expired) -> str:
    return "suppression expired"


def _delivered(it: Delivered) -> str:
    return f"mail was delivered on {day(it.at)}"


def _protected_meanwhile(it: ProtectedMeanwhile) -> str:
    of = f"@{it.domain}" if it.domain else "the address"
    return f"protected by hand ({of}) while it was held"


def _by_person(it: ByPerson) -> str:
    return f"confirmed by hand: {it.note}" if it.confirms else it.note


def _by_platform(it: ByPlatform) -> str:
    return f"on the list of platform {it.target}" + (f": {it.reason}" if it.reason else "")


def _undone(it: Undone) -> str:
    return scene(it.scene)


def _reread(_: Reread) -> str:
    return "current rules classify the report differently"


def _still_counts(it: StillCounts) -> str:
    return f"{because(it.cause)}; {because(it.on)}"


# ── what does not count ─────────────────────────────────────────────────────────────────────────────────────────────

_ACTIONS: Mapping[Action | None, str] = {
    None: "the report does not say that the delivery failed",
    Action.FAILED: "the report says failed",
    Action.DELAYED: "a delay is not a failure: the server is still trying",
    Action.DELIVERED: "the report says delivered",
    Action.RELAYED: "the report says relayed: not a failure",
    Action.EXPANDED: "the report says expanded to a list: not a failure",
}


def _protected(it: Excluded) -> str:
    if it.domain:
        return f"protected domain {it.domain}: the policy never suppresses its addresses"
    return "protected address: the policy never suppresses it"


def _in_flood(it: Excluded) -> str:
    where = _within(it.cap, it.source)
    return f"held back in a flood: unproven, over the limit of {it.limit} {where}"


_EXCLUSIONS: Mapping[ExclusionKind, Callable[[Excluded], str]] = {
    ExclusionKind.NO_FAILURE: lambda it: _ACTIONS[it.action],
    ExclusionKind.NO_COMPLAINT:
        lambda it: f"feedback of type {it.feedback_type or 'unknown'} is not a complaint against the sender",
    ExclusionKind.UNDETERMINED: lambda it: "undetermined: reason unclear",
    ExclusionKind.BLOCK: lambda it: f"blocks never count against recipients: {plain(it.reason or 'unknown')}",
    ExclusionKind.PACE: lambda it: f"{plain(it.reason or '')} never counts: the mail may still get through",
    ExclusionKind.SET: lambda it: f"{plain(it.reason or '')} never counts: set by policy",
    ExclusionKind.PROTECTED: _protected,
    ExclusionKind.BEFORE_RELEASE: lambda it: f"received before the release of {_day(it)}",
    ExclusionKind.BEFORE_DELIVERY: lambda it: f"received before the delivery of {_day(it)}",
    ExclusionKind.IN_DOUBT: lambda it: "forged or misattributed" + (f": {doubt(it.doubt)}" if it.doubt else ""),
    ExclusionKind.TOO_WEAK: lambda it: f"evidence too weak ({it.evidence}; needs {it.asked})",
    ExclusionKind.SAME_MESSAGE: lambda it: f"the same sent message counted already on {_day(it)}",
    ExclusionKind.SAME_DAY: lambda it: f"counted already on {_day(it)}: once a day",
    ExclusionKind.IN_OUTAGE:
        lambda it: "reported in an outage" + (f": {because(it.outage)}" if it.outage else ""),
    ExclusionKind.IN_FLOOD: _in_flood,
    ExclusionKind.UNDONE: lambda it: "undone" + (f": {scene(it.scene)}" if it.scene else ""),
}


def _day(it: Excluded) -> str:
    return day(it.at) if it.at else "an unknown day"


def _excluded(it: Excluded) -> str:
    return _EXCLUSIONS[it.why](it)


_PLACES: Mapping[Evidence | None, str] = {
    Evidence.TOKEN: "the return path holds", Evidence.SIGNATURE: "the returned mail holds",
}
TOKEN_FAULTS: Mapping[DoubtKind, str] = {
    DoubtKind.UNCHECKED_TOKEN: "no attribution.token_key is configured to check it with",
    DoubtKind.FORGED_TOKEN:
        "its signature matches no configured key: forged, damaged, or signed with a removed key",
}


def doubt(it: Doubt) -> str:
    """Returns why a report is forged or mixed up."""
    place = _PLACES.get(it.place, "it holds")
    if it.kind in TOKEN_FAULTS:
        return f"{place} a token in our format, but {TOKEN_FAULTS[it.kind]}"
    if it.kind is DoubtKind.OTHER_RECIPIENT:
        return f"{place} a token signed for another recipient"
    if it.kind is DoubtKind.EXPIRED_TOKEN:
        return f"{place} an expired token of {it.day}"
    domain = it.domain or "the domain that it names"
    if it.kind is DoubtKind.DMARC:
        return f"the mailbox's server says its From is not {domain} (dmarc={it.result})"
    return f"the mailbox's server says it is not from a server of {domain} (spf={it.result})"


_PASSES: Mapping[str, str] = {
    "dkim": "signed by", "spf": "sent by a server of", "dmarc": "its From is that of",
}


def passed(it: Pass) -> str:
    """`signed by example.org`."""
    return f"{_PASSES[it.method]} {it.domain or 'the domain that it names'}"


def formerly(verdicts: Iterable[OlderVerdict]) -> str | None:
    """Returns older verdicts, oldest first; None if there are none.

    `hard invalid_recipient by google.no-such-user until 2026-11-24`.
    """
    return "; ".join(
        f"{' '.join(filter(None, (it.bounce_type, it.reason))) or it.action or it.kind} by {it.rule} until {it.until}"
        for it in verdicts
    ) or None


# ── alerts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def subject(it: Subject) -> str:
    """Returns the subject of an alert, short enough for scripts: `provider google.com`."""
    if it.kind is SubjectKind.PROVIDER and it.reason:
        return f"block {it.name} {it.reason} {it.ip or '-'}"
    if it.kind is SubjectKind.PROVIDER:
        return f"provider {it.name}"
    if it.kind is SubjectKind.WORDING:
        return f"wording {it.rule} {it.name}"
    return _SUBJECTS.get(it.kind) or it.name


_SUBJECTS: Mapping[SubjectKind, str] = {
    SubjectKind.FORGED: "forged", SubjectKind.UNPROVEN: "unproven reports",
}


def _outage(it: Outage) -> str:
    return (
        f"{it.count} new hard bounces of {subject(it.subject)} within {it.within_hours:g} h; usual {it.usual:g}, alarm "
        f"from {it.alarm_from}; held since {minute(it.since)}"
    )


def _blocks(it: Blocks) -> str:
    """`40 blocks of google.com within 1 h: bad_reputation, sending IP 192.0.2.1; share of bounces 77 %: 40 of 52; …`"""
    sender = f", sending IP {it.subject.ip}" if it.subject.ip else ""
    return (
        f"{it.count} blocks of {it.subject.name} within {it.within_hours:g} h: {it.subject.reason}{sender}; "
        f"{_share(it)}; alarm from {it.alarm_from}; since {minute(it.since)}"
    )


def _share(it: Blocks) -> str:
    """Returns the share of the mails sent if known, else of the bounces. A number below `blocked` counts as unknown."""
    if it.sent >= it.blocked:
        return f"{_percent(it.blocked, it.sent)} of {it.sent} mails sent to it since {day(it.since)}"
    return f"share of bounces {_percent(it.blocked, it.reports)}: {it.blocked} of {it.reports}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.3g} %"


def _forgeries(it: Forgeries) -> str:
    return (
        f"{it.count} reports within {it.within_hours:g} h contradict their token or their claimed sender: "
        f"forged or misattributed; since {minute(it.since)}"
    )


_WITHIN: Mapping[Cap, str] = {
    Cap.REPORT: "by one report", Cap.SOURCE: "by one host within an hour", Cap.HOUR: "within an hour",
    Cap.DAY: "within a day", Cap.MONTH: "within 30 days",
}


def _within(cap: Cap | None, source: str | None) -> str:
    where = _WITHIN[cap] if cap else ""
    return f"{where} ({source})" if source else where


def _flood(it: Flood) -> str:
    usual = f", usual {it.usual}" if it.usual else ""
    return (
        f"{it.count} report{'s' * (it.count != 1)} held since {minute(it.since)}: more than {it.limit} new "
        f"suppressions {_within(it.cap, it.source)}{usual} would rest on unproven "
        "reports"
    )


def _endpoint_gone(it: EndpointGone) -> str:
    return (
        f"webhook {it.target} is disabled: its receiver is gone; bounce-watcher outbox retry --target {it.target}"
    )


_FAULTS: Mapping[MailboxFault, str] = {
    MailboxFault.UNREAD: "mailbox {} can't be read", MailboxFault.STOPPED: "mailbox {} makes no progress",
    MailboxFault.UNFILED: "mail of mailbox {} is read and can't be filed",
}


def _mailbox_fails(it: MailboxFails) -> str:
    return f"{_FAULTS[it.fault].format(it.mailbox)} {_since(it.since)}"


def _mailbox_quiet(it: MailboxQuiet) -> str:
    hours = f"{it.longest_hours:.0f} hours" if it.longest_hours > 1 else "an hour"
    return (
        f"no mail has come to mailbox {it.mailbox} {_since(it.since)}, while the longest usual pause was {hours}; "
        "check the Return-Path of sent mail, and forwarding and filters of the mailbox"
    )


def _target_fails(it: TargetFails) -> str:
    due = f"{it.due} notices are due" if it.due > 1 else "1 notice is due"
    return f"{it.label} accepts nothing {_since(it.since)}; {due}"


def _target_gave_up(it: TargetGaveUp) -> str:
    what = f"{it.count} notices to {it.label} were" if it.count > 1 else f"1 notice to {it.label} was"
    return f"{what} given up; fix the cause, then bounce-watcher outbox retry --target {it.target}"


def _since(moment: Any) -> str:
    return f"since {moment:%Y-%m-%d %H:%M} UTC"


# ── undone ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def scene(it: Scene) -> str:
    """`incident of 14 December 2020 to 15 December 2020 at provider google.com, example.org (invalid_recipient)`."""
    first, last = day(it.since), day(it.until)
    when = first if first == last else f"{first} to {last}"
    provider = f"provider {it.provider}" if it.provider else None
    places = ", ".join(filter(None, (provider, it.wording, it.domain)))
    at = f" at {places}" if places else ""
    return f"incident of {when}{at}" + (f" ({it.reason})" if it.reason else "")


_SENTENCES: Mapping[type, Callable[[Any], str]] = {
    AtOnce: _at_once, Counted: _counted, Again: _again, Extended: _extended, Standing: _standing, Waits: _waits,
    Held: _held, Confirmed: _confirmed, OutageOver: _outage_over, Expired: _expired, Delivered: _delivered,
    ProtectedMeanwhile: _protected_meanwhile, ByPerson: _by_person, ByPlatform: _by_platform, Undone: _undone,
    Reread: _reread, StillCounts: _still_counts, Excluded: _excluded, Outage: _outage, Blocks: _blocks,
    Forgeries: _forgeries, Flood: _flood, EndpointGone: _endpoint_gone, MailboxFails: _mailbox_fails,
    MailboxQuiet: _mailbox_quiet, TargetFails: _target_fails, TargetGaveUp: _target_gave_up,
}
