"""What happened to an address, in sentences for people who don't read codes.

The sentences use what is stored with each verdict. A missing part is left out; none is invented.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile

from bounce_watcher.model.address import is_forgotten
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import Again, AtOnce, Counted, ExclusionKind, Grounds, SubjectKind, base
from bounce_watcher.model.ledger import (
    COMPLAINT_REASON,
    Alert,
    AlertKind,
    BounceEvent,
    ChangedBy,
    EventType,
    RecipientRecord,
    Scope,
    State,
    StateChange,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.times import utc_day
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.policy.counting import needs_confirmation
from bounce_watcher.policy.guards.outages import provider
from bounce_watcher.words import grounds as words
from bounce_watcher.words.formatting import days, full_day, harmless, moment, number_of_days, reason
from bounce_watcher.words.formatting import provider as provider_name

KINDS: Mapping[Kind, str] = {
    Kind.DELAY: "Delay notice", Kind.DELIVERED: "Delivered", Kind.AUTO_REPLY: "Automatic reply",
    Kind.CHALLENGE: "Challenge", Kind.DISPOSITION: "Receipt", Kind.UNSUBSCRIBE: "Unsubscribe by mail",
    Kind.COMPLAINT: "Feedback report", Kind.BOUNCE: "Delivery report", Kind.OTHER: "Not a report",
}

MATCHED_BY: Mapping[Evidence, str] = {
    Evidence.TOKEN: "signed return path", Evidence.SIGNATURE: "our signature in the returned mail",
    Evidence.KNOWN_MESSAGE: "message id in the send list", Evidence.VERP: "unsigned return path",
    Evidence.REPORT: "address found in the report", Evidence.PROSE: "address found in the text",
}

CONFIDENCE: Mapping[Confidence, str] = {
    Confidence.SURE: "clear words, and the receiver, status or command agrees",
    Confidence.LIKELY: "clear words or an exact status, without further support",
    Confidence.GUESS: "weak words, a contradicting status, or the reply code alone",
}

TAILS: Mapping[EventType | None, str] = {
    EventType.HARD: "The report is about the address, so it counts against it.",
    EventType.SOFT: "It is temporary, so it counts only together with others.",
    EventType.BLOCK: "The report is about the sender, so it never counts against the address.",
    EventType.UNDETERMINED: "It was not recognised, so nothing was decided.",
    EventType.COMPLAINT: "The recipient complained; one complaint is enough.",
    None: "This is not a bounce, so it does not count.",
}

CLAUSES: Mapping[str, str] = {
    COMPLAINT_REASON: "the recipient marked a mail as spam",
    Reason.INVALID_RECIPIENT: "the mailbox does not exist",
    Reason.INVALID_DOMAIN: "the domain does not exist",
    Reason.DOMAIN_REFUSES_MAIL: "the domain does not accept mail",
    Reason.MAILBOX_MOVED: "the mailbox has moved",
    Reason.MAILBOX_DISABLED: "the mailbox is disabled",
    Reason.MAILBOX_FULL: "the mailbox is full",
    Reason.MAILBOX_UNAVAILABLE: "the mailbox is temporarily unavailable",
    Reason.RECIPIENT_FILTERED: "the recipient's own filter refused the mail",
    Reason.MESSAGE_EXPIRED: "the mail could not be delivered in time",
    Reason.NETWORK_ERROR: "the receiving server did not answer",
    Reason.MAIL_LOOP: "the receiving side has a mail loop",
    Reason.SYSTEM_ERROR: "the receiving server failed",
    Reason.SYSTEM_FULL: "the receiving server is full",
}

_ORDER = (State.SUPPRESSED, State.PENDING, State.WATCHING, State.RELEASED, State.ACTIVE)
_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NEVER_SEEN = "No bounce seen for this address. Mail may still not arrive."


@dataclass(frozen=True, slots=True)
class ExplanationContext:
    """The facts for sentences about one recipient in one stream.

    `events` are newest first. `rests_on` are the events of the suppression, oldest first. `course` is oldest first.
    `actors` maps the time of each manual action to the person. `held_by` are the alerts that hold the suppression back.
    """

    record: RecipientRecord
    events: Sequence[BounceEvent] = ()
    rests_on: Sequence[BounceEvent] = ()
    course: Sequence[StateChange] = ()
    actors: Mapping[datetime, str] | None = None
    held_by: Sequence[Alert] = ()


def why(case: ExplanationContext) -> Grounds | None:
    """Returns the grounds of the recipient's state."""
    suppression = case.record.suppression
    return suppression.grounds if suppression else case.record.grounds


def counted(case: ExplanationContext) -> Counted | None:
    """Returns what was counted and what is required; None if the case does not rest on counting."""
    grounds = why(case)
    at_bottom = None if grounds is None else base(grounds)
    return at_bottom if isinstance(at_bottom, Counted) else None


def tail(event: BounceEvent) -> str:
    """Returns what the type of a report means for the address, in a sentence."""
    need = needs_confirmation(event)
    if need is not None and event.type is EventType.HARD:
        return f"It suppresses only with a second report on another day: {words.NEEDS[need]}."
    return TAILS[event.type]


def worst(cases: Sequence[ExplanationContext]) -> ExplanationContext:
    """Returns the case that a reader should see first."""
    return min(cases, key=lambda case: _ORDER.index(case.record.state))


def sentence(case: ExplanationContext) -> str:
    """Returns a text: the state, since when, why, who reported it and how often, and what is still allowed."""
    return " ".join(filter(None, _SENTENCES[case.record.state](case)))


# ── suppressed ──────────────────────────────────────────────────────────────────────────────────────────────────────

def _suppressed(case: ExplanationContext) -> list[str]:
    suppression = case.record.suppression
    if suppression is None:
        return ["Suppressed."]
    on = f"Suppressed on {moment(suppression.since)}"
    extent = (
        "It applies to all streams." if suppression.scope is Scope.GLOBAL
        else f"It applies to stream {harmless(suppression.stream, 80)}; other streams are not affected.",
        f"It ends on {moment(suppression.until)}." if suppression.until else "It is permanent.",
    )
    if suppression.source is not SuppressionSource.POLICY:
        who = {
            SuppressionSource.MANUAL: _actor(case, suppression.since) or "hand",
            SuppressionSource.IMPORT: "an import", SuppressionSource.PLATFORM: "the platform",
        }[suppression.source]
        return [_closed(f"{on} by {who}: {harmless(words.because(suppression.grounds))}"), *extent]
    if suppression.reason == COMPLAINT_REASON:
        sending = next((event.sending for event in reversed(case.rests_on) if event.sending), None)
        of = f" of {harmless(sending, 80)}" if sending else ""
        reported = f"{_who(case.rests_on)} reported it." if case.rests_on else ""
        return [f"{on} because the recipient marked a mail{of} as spam.", reported, "One complaint is enough.", *extent]
    return [f"{on}{_because(suppression.reason)}.", _said(case, suppression), *extent]


def _because(name: str | None) -> str:
    clause = clause_of(name)
    return f" because {clause}" if clause else ""


def clause_of(name: str | None) -> str:
    """Returns a reason as a clause: "the mailbox is full"; "" if there is no reason."""
    if not name:
        return ""
    return CLAUSES.get(name) or f"of this: {reason(name).lower()}"


def _said(case: ExplanationContext, suppression: Suppression) -> str:
    found = counted(case)
    if found is None:
        enough = " One report is enough." if isinstance(base(suppression.grounds), AtOnce | Again) else ""
        said = f"{_who(case.rests_on)} reported this on {_dates(case.rests_on)}." if case.rests_on else ""
        return f"{said}{enough}".strip()
    said = f"{_who(case.rests_on)} reported this" if case.rests_on else "It was reported"
    times = {1: "once", 2: "twice"}.get(found.counted) or f"{_number(found.counted)} times"
    on = "on one day" if found.days == 1 else f"on {_number(found.days)} different days"
    return f"{said} {times}, {on}; the rule requires {_asked(found)}."


def _asked(it: Counted) -> str:
    asked = f"{number_of_days(it.days_needed)} within {it.window_days}"
    return asked if it.needed <= it.days_needed else f"{it.needed} reports on {asked}"


def _number(count: int) -> str:
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def _who(events: Sequence[BounceEvent], unnamed: str = "The receiving server") -> str:
    named = dict.fromkeys(map(provider_of, events))
    names = [provider_name(name) for name in named if name]
    return " and ".join(names[:3]) if names else unnamed


def provider_of(event: BounceEvent) -> str:
    """Returns the recipient's provider; "" if the recipient was forgotten and no server is named."""
    found = provider(event)
    return "" if is_forgotten(found) else found


def _dates(events: Sequence[BounceEvent]) -> str:
    return days(utc_day(event.at) for event in events)


# ── the other states ────────────────────────────────────────────────────────────────────────────────────────────────

def _held(case: ExplanationContext) -> list[str]:
    suppression = case.record.suppression
    clause = clause_of(suppression.reason if suppression else None)
    if case.held_by:
        alert = case.held_by[0]
        if alert.kind is AlertKind.FLOOD:
            told = f"It was reported that {clause}, but nothing" if clause else "Nothing"
            return [
                f"Not suppressed. {told} proves that the report is about our mail, and more such reports than usual "
                f"have come since {moment(alert.since)}.", "Targets were not notified; mail is still sent.",
                "It is held until someone decides or a later report counts.",
            ]
        what = f"“{reason(suppression.reason).lower()}”" if suppression and suppression.reason else "failures"
        is_provider = alert.subject.kind is SubjectKind.PROVIDER
        who = provider_name(alert.subject.name) if is_provider else ""
        told = f"{who} reports {what}" if who else f"{what} is reported in the same words"
        return [
            f"Not suppressed. {told[0].upper()}{told[1:]} for far more addresses than usual since "
            f"{moment(alert.since)}, so it is held.", "Targets were not notified.",
            "It is decided when the incident ends.",
        ]
    told = f"It was reported that {clause}; " if clause else ""
    return [
        f"Not suppressed yet. {told}held briefly to see whether many others are reported too.",
        "Targets were not notified.", "Mail may still be sent.",
    ]


def _watching(case: ExplanationContext) -> list[str]:
    counting = [event for event in case.events if event.exclusion is None and event.reason]
    because = _because(counting[0].reason if counting else None)
    steps = [step.at for step in takewhile(lambda step: step.state is State.WATCHING, reversed(case.course))]
    told = f"Watching{f' since {full_day(steps[-1])}' if steps else ''}{because}."
    found = counted(case)
    if found is None:
        return [told, "Mail is still sent."]
    reports = f"{found.counted} report{'s' if found.counted != 1 else ''}"
    return [told, f"{reports} on {number_of_days(found.days)}; suppressed at {_asked(found)}.", "Mail is still sent."]


def _released(case: ExplanationContext) -> list[str]:
    at = case.record.released_at
    step = next((each for each in reversed(case.course) if each.state is State.RELEASED), None)
    on = f" on {moment(at)}" if at else ""
    if step is None:
        return [f"Released{on}.", "The counter is reset."]
    if step.by is ChangedBy.CLOCK:
        return [f"Allowed again{on}: the suppression expired.", "The next bounce of the same kind suppresses again."]
    who = _actor(case, step.at) or _RELEASED_BY[step.by]
    return [_closed(f"Released{on} by {who}: {harmless(words.text(step.grounds))}"), "The counter is reset."]


_RELEASED_BY: Mapping[ChangedBy, str] = {
    ChangedBy.CLOCK: "expiry", ChangedBy.PERSON: "hand", ChangedBy.PLATFORM: "the platform",
    ChangedBy.GUARD: "the outage guard", ChangedBy.UNDO: "an undo", ChangedBy.RULES: "current rules",
    ChangedBy.REPORT: "a report",
}


def _active(case: ExplanationContext) -> list[str]:
    if not case.events:
        delivered = case.record.delivered_at
        return ["Active.", f"Mail was accepted on {moment(delivered)}." if delivered else "No report is stored."]
    last = case.events[0]
    if last.type is EventType.BLOCK:
        why = _why(last)
        return [f"Still active. {_who([last])} refused our server ({why}), not this address."]
    told = ["Active."]
    if last.exclusion is not None:
        told.append(not_counted(last))
    if case.record.delivered_at and case.record.delivered_at > last.at:
        told.append(f"Counter set to 0: mail was accepted on {moment(case.record.delivered_at)}.")
    return told


def not_counted(event: BounceEvent) -> str:
    """Returns why a report does not count, in a sentence; "" if it counts."""
    if event.exclusion is None:
        return ""
    weak = event.exclusion.why is ExclusionKind.TOO_WEAK
    why = (
        f"it may not be about this address ({MATCHED_BY[event.evidence]} only)" if weak
        else harmless(words.because(event.exclusion))
    )
    return _closed(f"The report of {full_day(event.at)} does not count: {why}")


_SENTENCES = {
    State.SUPPRESSED: _suppressed, State.PENDING: _held, State.WATCHING: _watching, State.RELEASED: _released,
    State.ACTIVE: _active,
}


def _actor(case: ExplanationContext, at: datetime) -> str | None:
    name = (case.actors or {}).get(at)
    return harmless(name, 80) if name else None


def _closed(text: str) -> str:
    """Returns `text` with a full stop, whatever a person or a server ended it with."""
    text = text.strip().rstrip(":").rstrip()
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def _why(event: BounceEvent) -> str:
    return _OF_BLOCKS.get(event.reason or "") or reason(event.reason).lower()


_OF_BLOCKS: Mapping[str, str] = {Reason.BLOCKLISTED: "on a blocklist", Reason.BAD_REPUTATION: "reputation"}


# ── events, and what to tell a customer ─────────────────────────────────────────────────────────────────────────────

def what(event: BounceEvent) -> str:
    """Returns an event in a few words: "Mailbox full", "Delay notice"."""
    if event.type is EventType.COMPLAINT:
        return "Complaint"
    if event.type is None:
        return KINDS[event.kind] if event.kind is not Kind.BOUNCE else "No failure"
    if event.type is EventType.UNDETERMINED:
        return "Not recognised"
    return reason(event.reason)


def of_event(event: BounceEvent) -> str:
    """Returns one report in a sentence."""
    at, who, name = moment(event.at), _who([event], "the receiving server"), harmless(event.recipient, 320)
    if is_forgotten(event.recipient):
        name = "a forgotten address"
    if event.type is EventType.COMPLAINT:
        return f"On {at} {who} reported that the recipient marked a mail as spam."
    if event.type is EventType.BLOCK:
        return f"On {at} {who} refused our mail to {name}: {_why(event)}."
    if event.type is EventType.UNDETERMINED:
        return f"On {at} {who} reported a failure to {name}, in words that no rule recognises."
    if event.type is None:
        return f"{what(event)} of {at} on mail to {name}."
    return f"On {at} {who} reported for {name} that {clause_of(event.reason)}."


_WHAT_TO_DO: Mapping[str, str] = {
    COMPLAINT_REASON: "One of our mails was marked as spam in this mailbox. If that was a mistake, tell us that "
                      "you want our mail.",
    Reason.MAILBOX_FULL: "Please free up space in the mailbox.",
    Reason.RECIPIENT_FILTERED: "Please allow our address in the mailbox's filters.",
}
_CHECK = "Please check the address for typos, or ask the mailbox provider."


def reply(case: ExplanationContext) -> str | None:
    """Returns a text to send to a customer, without codes or promises. None if no report suppresses the address."""
    suppression = case.record.suppression
    if suppression is None or suppression.state is not State.SUPPRESSED or suppression.reason is None:
        return None
    if is_forgotten(case.record.recipient):
        return None
    name = harmless(case.record.recipient, 320)
    if suppression.reason == COMPLAINT_REASON:
        return f"We stopped sending to {name} on {full_day(suppression.since)}. {_WHAT_TO_DO[COMPLAINT_REASON]}"
    told = f"on {_dates(case.rests_on)}" if case.rests_on else f"until {full_day(suppression.since)}"
    return (
        f"Mail from us to {name} came back {told}: the receiving server says that {clause_of(suppression.reason)}. "
        f"So we stopped sending to this address. {_WHAT_TO_DO.get(suppression.reason, _CHECK)} "
        "Tell us once this is fixed, and we will check again."
    )


@dataclass(frozen=True, slots=True)
class Box:
    """A day on which reports counted: "1 of 2", and the campaign that they were about."""

    day: date
    text: str
    sending: str | None = None
    link: str | None = None


def boxes(case: ExplanationContext, needed: int | None) -> list[Box]:
    """Returns the days on which a suppression or the watching rests, oldest first."""
    rests = case.rests_on or sorted(
        (event for event in case.events if event.exclusion is None and event.type in {EventType.HARD, EventType.SOFT}),
        key=lambda event: event.at,
    )
    by_day: dict[date, BounceEvent] = {}
    for event in rests:
        by_day.setdefault(utc_day(event.at), event)
    of = f" of {needed}" if needed else ""
    return [
        Box(day, f"{number}{of}", event.sending, event.id) for number, (day, event) in enumerate(by_day.items(), 1)
    ][-12:]


@dataclass(frozen=True, slots=True)
class QuotedReply:
    """A server's reply, with the part that a rule matched separated."""

    before: str
    match: str
    after: str


def quoted(event: BounceEvent, longest: int = 600) -> QuotedReply | None:
    """Returns the quoted reply; None if none is kept. Long text is cut, around the match."""
    text, quote = event.diagnostic or event.quote or "", event.quote or ""
    if not text:
        return None
    at = text.casefold().find(quote.casefold()) if quote and len(text.casefold()) == len(text) else -1
    if at < 0:
        return QuotedReply(harmless(text, longest), "", "")
    start = max(0, min(at - longest // 4, len(text) - longest))
    end = min(len(text), start + longest)
    match_end = min(at + len(quote), end)
    return QuotedReply(
        ("… " if start else "") + harmless(text[start:at], longest), harmless(text[at:match_end], longest),
        harmless(text[match_end:end], longest) + (f" … ({len(text):,} characters in total)" if end < len(text) else ""),
    )
