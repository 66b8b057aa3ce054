"""Grounds in English: the one place that builds the sentence for why something is as it is."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from bounce_watcher.model import grounds as facts
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Doubt, DoubtKind, Evidence, Pass
from bounce_watcher.model.grounds import (
    Alarm,
    Cap,
    ConfirmationNeed,
    Excluded,
    ExclusionKind,
    Grounds,
    Scene,
    Subject,
    SubjectKind,
)
from bounce_watcher.model.list_comparison import Cause, DifferenceReason
from bounce_watcher.words.formatting import days, full_day, minute, number_of_days, plain


def because(grounds: Grounds | Alarm) -> str:  # noqa: C901, PLR0911, PLR0912 - one case per class
    """Returns the grounds as a sentence without a full stop. Total: every value has its words."""
    match grounds:
        case facts.AtOnce() as it:
            of = f" ({it.feedback_type})" if it.feedback_type is not None else ""
            return f"1 of 1: {plain(it.reason)}{of} on {full_day(it.at)}"
        case facts.Counted() as it:
            return _counted(it)
        case facts.Again() as it:
            return (f"1 of 1: {plain(it.reason)} again, within {number_of_days(it.window_days)} of the suppression "
                    f"for it that ended on {full_day(it.ended_at)}, on {full_day(it.at)}")
        case facts.Extended() as it:
            before = f"suppressed until {full_day(it.until)}" if it.until else "suppressed for good"
            return f"{because(it.on)}; {before} before"
        case facts.Standing() as it:
            return f"{'held back' if it.held else 'already suppressed'} since {full_day(it.since)}: {because(it.on)}"
        case facts.Waits() as it:
            return f"{because(it.on)}; waiting: {_spike(it)}; held until {minute(it.until)}"
        case facts.Held() as it:
            return f"{because(it.on)}; {'' if isinstance(it.by, Excluded) else 'held back: '}{because(it.by)}"
        case facts.Confirmed() as it:
            return f"confirmed: also {it.reason} on {full_day(it.at)}; {because(it.on)}"
        case facts.OutageOver() as it:
            return f"the outage is over: its reports no longer count ({because(it.outage)})"
        case facts.Expired():
            return "suppression expired"
        case facts.Delivered() as it:
            return f"mail was delivered on {full_day(it.at)}"
        case facts.ProtectedMeanwhile() as it:
            return f"protected by hand ({f'@{it.domain}' if it.domain else 'the address'}) while it was held"
        case facts.ByPerson() as it:
            return f"confirmed by hand: {it.note}" if it.confirms else it.note
        case facts.ByPlatform() as it:
            return f"on the list of platform {it.target}" + (f": {it.reason}" if it.reason else "")
        case facts.Undone() as it:
            return scene(it.scene)
        case facts.Reread():
            return "current rules classify the report differently"
        case facts.StillCounts() as it:
            return f"{because(it.cause)}; {because(it.on)}"
        case Excluded() as it:
            return _EXCLUSIONS[it.why](it)
        case _:
            return _alarm(grounds)


def text(grounds: Grounds | Alarm | None) -> str:
    """Returns `because`, or "" if there are no grounds."""
    return "" if grounds is None else because(grounds)


def brief(grounds: Grounds) -> str:
    """Returns the grounds in a few words, for places without room for the whole: `3 of 3 on 3 days`."""
    at_bottom = facts.base(grounds)
    if isinstance(at_bottom, facts.Counted):
        return _numbers(at_bottom)
    if isinstance(at_bottom, facts.AtOnce | facts.Again):
        return "1 of 1"
    return because(at_bottom)


NEEDS: Mapping[ConfirmationNeed, str] = {
    ConfirmationNeed.FORWARDED: "the mail was forwarded to another address, which failed",
    ConfirmationNeed.GUESS: "the report's words are weak",
}


def _counted(it: facts.Counted) -> str:
    """`2 of 3 on 2 of 3 days: 2 and 9 March 2026; span 7 of 14 days; window 60 days; mailbox full`."""
    parts = [f"{_numbers(it)}: {days(it.dates)}"]
    if it.span_needed > 0:
        parts.append(f"span {it.span_days} of {number_of_days(it.span_needed)}")
    parts.append(f"window {number_of_days(it.window_days)}")
    if it.reasons:
        parts.append(", ".join(dict.fromkeys(map(plain, it.reasons))))
    if it.confirming is not None:
        parts.append(f"needs confirmation: {NEEDS[it.confirming]}")
    return "; ".join(parts)


def _numbers(it: facts.Counted) -> str:
    on = number_of_days(it.days) if it.days >= it.days_needed else f"{it.days} of {number_of_days(it.days_needed)}"
    return f"{it.counted} of {it.needed} on {on}"


def _spike(it: facts.Waits | facts.Outage) -> str:
    return (f"{it.count} new hard bounces of {subject(it.subject)} within {it.within_hours:g} h; usual {it.usual:g}, "
            f"alarm from {it.alarm_from}")


# ── what does not count ─────────────────────────────────────────────────────────────────────────────────────────────

_ACTIONS: Mapping[Action | None, str] = {
    None: "the report does not say that the delivery failed",
    Action.FAILED: "the report says failed",
    Action.DELAYED: "a delay is not a failure: the server is still trying",
    Action.DELIVERED: "the report says delivered",
    Action.RELAYED: "the report says relayed: not a failure",
    Action.EXPANDED: "the report says expanded to a list: not a failure",
}


_EXCLUSIONS: Mapping[ExclusionKind, Callable[[Excluded], str]] = {
    ExclusionKind.NO_FAILURE: lambda it: _ACTIONS[it.action],
    ExclusionKind.NO_COMPLAINT:
        lambda it: f"feedback of type {it.feedback_type or 'unknown'} is not a complaint against the sender",
    ExclusionKind.UNDETERMINED: lambda it: "undetermined: reason unclear",
    ExclusionKind.BLOCK: lambda it: f"blocks never count against recipients: {plain(it.reason or 'unknown')}",
    ExclusionKind.PACE: lambda it: f"{plain(it.reason or '')} never counts: the mail may still get through",
    ExclusionKind.SET: lambda it: f"{plain(it.reason or '')} never counts: set by policy",
    ExclusionKind.PROTECTED: lambda it: (
        f"protected domain {it.domain}: the policy never suppresses its addresses" if it.domain
        else "protected address: the policy never suppresses it"),
    ExclusionKind.BEFORE_RELEASE: lambda it: f"received before the release of {_day(it)}",
    ExclusionKind.BEFORE_DELIVERY: lambda it: f"received before the delivery of {_day(it)}",
    ExclusionKind.IN_DOUBT: lambda it: "forged or misattributed" + (f": {doubt(it.doubt)}" if it.doubt else ""),
    ExclusionKind.TOO_WEAK: lambda it: f"evidence too weak ({it.evidence}; needs {it.asked})",
    ExclusionKind.SAME_MESSAGE: lambda it: f"the same sent message counted already on {_day(it)}",
    ExclusionKind.SAME_DAY: lambda it: f"counted already on {_day(it)}: once a day",
    ExclusionKind.IN_OUTAGE:
        lambda it: "reported in an outage" + (f": {because(it.outage)}" if it.outage else ""),
    ExclusionKind.IN_FLOOD:
        lambda it: f"held back in a flood: unproven, over the limit of {it.limit} {_within(it.cap, it.source)}",
    ExclusionKind.UNDONE: lambda it: "undone" + (f": {scene(it.scene)}" if it.scene else ""),
}


def _day(it: Excluded) -> str:
    return full_day(it.at) if it.at else "an unknown day"


_PLACES: Mapping[Evidence | None, str] = {
    Evidence.TOKEN: "the return path holds", Evidence.SIGNATURE: "the returned mail holds",
}
TOKEN_FAULTS: Mapping[DoubtKind, str] = {
    DoubtKind.UNCHECKED_TOKEN: "no attribution.token_key is configured to check it with",
    DoubtKind.FORGED_TOKEN: "its signature matches no configured key: forged, damaged, or signed with a removed key",
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


_PASSES: Mapping[str, str] = {"dkim": "signed by", "spf": "sent by a server of", "dmarc": "its From is that of"}


def passed(it: Pass) -> str:
    """`signed by example.org`."""
    return f"{_PASSES[it.method]} {it.domain or 'the domain that it names'}"


def formerly(verdicts: Iterable[facts.OlderVerdict]) -> str | None:
    """Returns older verdicts, oldest first; None if there are none.

    `hard invalid_recipient by google.no-such-user until 2026-11-24`.
    """
    return "; ".join(
        f"{' '.join(filter(None, (it.bounce_type, it.reason))) or it.action or it.kind} by {it.rule} until {it.until}"
        for it in verdicts
    ) or None


# ── alerts ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_SUBJECTS: Mapping[SubjectKind, str] = {SubjectKind.FORGED: "forged", SubjectKind.UNPROVEN: "unproven reports"}


def subject(it: Subject) -> str:
    """Returns the subject of an alert, short enough for scripts: `provider google.com`."""
    if it.kind is SubjectKind.PROVIDER and it.reason:
        return f"block {it.name} {it.reason} {it.ip or '-'}"
    if it.kind is SubjectKind.PROVIDER:
        return f"provider {it.name}"
    if it.kind is SubjectKind.WORDING:
        return f"wording {it.rule} {it.name}"
    return _SUBJECTS.get(it.kind) or it.name


_WITHIN: Mapping[Cap, str] = {
    Cap.REPORT: "by one report", Cap.SOURCE: "by one host within an hour", Cap.HOUR: "within an hour",
    Cap.DAY: "within a day", Cap.MONTH: "within 30 days",
}
_FAULTS: Mapping[facts.MailboxFault, str] = {
    facts.MailboxFault.UNREAD: "mailbox {} can't be read", facts.MailboxFault.STOPPED: "mailbox {} makes no progress",
    facts.MailboxFault.UNFILED: "mail of mailbox {} is read and can't be filed",
}


def _alarm(alarm: Alarm) -> str:  # noqa: PLR0911 - one case per class
    match alarm:
        case facts.Outage() as it:
            return f"{_spike(it)}; held since {minute(it.since)}"
        case facts.Blocks() as it:
            return _blocks(it)
        case facts.Forgeries() as it:
            return (f"{it.count} reports within {it.within_hours:g} h contradict their token or their claimed sender: "
                    f"forged or misattributed; since {minute(it.since)}")
        case facts.Flood() as it:
            usual = f", usual {it.usual}" if it.usual else ""
            return (f"{it.count} report{'s' * (it.count != 1)} held since {minute(it.since)}: more than {it.limit} new "
                    f"suppressions {_within(it.cap, it.source)}{usual} would rest on unproven reports")
        case facts.EndpointGone() as it:
            return (f"webhook {it.target} is disabled: its receiver is gone; "
                    f"bounce-watcher outbox retry --target {it.target}")
        case facts.MailboxFails() as it:
            return f"{_FAULTS[it.fault].format(it.mailbox)} {_since(it.since)}"
        case facts.MailboxQuiet() as it:
            hours = f"{it.longest_hours:.0f} hours" if it.longest_hours > 1 else "an hour"
            return (f"no mail has come to mailbox {it.mailbox} {_since(it.since)}, while the longest usual pause was "
                    f"{hours}; check the Return-Path of sent mail, and forwarding and filters of the mailbox")
        case facts.TargetFails() as it:
            due = f"{it.due} notices are due" if it.due > 1 else "1 notice is due"
            return f"{it.label} accepts nothing {_since(it.since)}; {due}"
        case facts.TargetGaveUp() as it:
            what = f"{it.count} notices to {it.label} were" if it.count > 1 else f"1 notice to {it.label} was"
            return f"{what} given up; fix the cause, then bounce-watcher outbox retry --target {it.target}"


def _blocks(it: facts.Blocks) -> str:
    """`40 blocks of google.com within 1 h: bad_reputation, sending IP 192.0.2.1; share of bounces 77 %: 40 of 52; …`.

    The share is of the mails sent if known, else of the bounces. A number below `blocked` counts as unknown.
    """
    sender = f", sending IP {it.subject.ip}" if it.subject.ip else ""
    if it.sent >= it.blocked:
        share = f"{_percent(it.blocked, it.sent)} of {it.sent} mails sent to it since {full_day(it.since)}"
    else:
        share = f"share of bounces {_percent(it.blocked, it.reports)}: {it.blocked} of {it.reports}"
    return (
        f"{it.count} blocks of {it.subject.name} within {it.within_hours:g} h: {it.subject.reason}{sender}; "
        f"{share}; alarm from {it.alarm_from}; since {minute(it.since)}"
    )


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.3g} %"


def _within(cap: Cap | None, source: str | None) -> str:
    where = _WITHIN[cap] if cap else ""
    return f"{where} ({source})" if source else where


def _since(moment: datetime) -> str:
    return f"since {moment:%Y-%m-%d %H:%M} UTC"


# ── undone ──────────────────────────────────────────────────────────────────────────────────────────────────────────

def scene(it: Scene) -> str:
    """`incident of 14 December 2020 to 15 December 2020 at provider google.com, example.org (invalid_recipient)`."""
    first, last = full_day(it.since), full_day(it.until)
    when = first if first == last else f"{first} to {last}"
    provider = f"provider {it.provider}" if it.provider else None
    places = ", ".join(filter(None, (provider, it.wording, it.domain)))
    at = f" at {places}" if places else ""
    return f"incident of {when}{at}" + (f" ({it.reason})" if it.reason else "")


# ── why a target's list differs from ours ───────────────────────────────────────────────────────────────────────────

_DIFFERENCES: Mapping[DifferenceReason, str] = {
    DifferenceReason.ERASED: "its address was erased",
    DifferenceReason.STOOD_THERE: "stood there once, which is why it is suppressed: see `suppressions remove`",
    DifferenceReason.ON_ITS_WAY: "on its way there",
    DifferenceReason.NEVER_TOLD: "was never told of it",
    DifferenceReason.TOLD_AND_NOT_LISTED: "was told of it and does not list it",
    DifferenceReason.NEVER_TAKEN: "never took it",
    DifferenceReason.REFUSED: "did not take it",
    DifferenceReason.HELD_BACK: "its suppression is held back here",
    DifferenceReason.RELEASE_ON_ITS_WAY: "its release is on its way there",
    DifferenceReason.NOT_OURS: "not from here",
    DifferenceReason.LISTED_AFTER_RELEASE: "not from here: it was listed after our release",
    DifferenceReason.RELEASE_TAKEN: "not from here: it took our release",
    DifferenceReason.RELEASE_JUST_TAKEN: "it took our release just now",
    DifferenceReason.OTHER_STREAM: "suppressed here in a stream that it is not told of",
    DifferenceReason.NOT_RELEASED: "told from here and not released here",
    DifferenceReason.LISTED_AT_ANOTHER_TIME: "not from here: it was listed at another time",
    DifferenceReason.RELEASE_NOT_TAKEN: "released here, which it did not take",
}


def difference(it: Cause) -> str:
    """Returns why a target's list differs from ours."""
    return f"{_DIFFERENCES[it.why]}: {it.answer}" if it.answer else _DIFFERENCES[it.why]
