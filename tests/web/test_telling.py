"""What happened to an address, in sentences: singular and plural, one day, no date, a part that is missing."""

from dataclasses import replace
from datetime import date, datetime

import pytest

from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import (
    AtOnce,
    ByPerson,
    ByPlatform,
    Counted,
    Excluded,
    ExclusionKind,
    Expired,
    Grounds,
    Held,
    Outage,
    OutageOver,
    Waits,
)
from bounce_watcher.model.ledger import (
    AlertKind,
    BounceEvent,
    ChangedBy,
    RecipientRecord,
    Scope,
    State,
    StateChange,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import Reason
from bounce_watcher.words import explanations
from bounce_watcher.words.explanations import ExplanationContext
from tests.facts import an_alert
from tests.families import for_each
from tests.ledger.making import bounce, day

USER = "anna@gmx.net"
AT = day(16)  # 17 March 2026, 12:00
TWICE = Counted(2, 2, (date(2026, 3, 12), date(2026, 3, 17)), 2, 5, 0, 30, ("mailbox_disabled",))


def _report(n: float, reason: Reason | None = Reason.INVALID_RECIPIENT, user: str = USER) -> BounceEvent:
    return bounce(f"m{n}", user, at=day(n), reason=reason)


def _suppressed(
    grounds: Grounds = TWICE, reason: str | None = "invalid_recipient",
    source: SuppressionSource = SuppressionSource.POLICY,
    until: datetime | None = None, scope: Scope = Scope.STREAM, state: State = State.SUPPRESSED,
) -> RecipientRecord:
    suppression = Suppression(
        USER, "news", state, reason, AT, grounds, source, until=until, scope=scope,
    )
    return RecipientRecord(USER, "news", state, suppression=suppression, grounds=grounds)


def _step(at: datetime, state: State, by: ChangedBy, grounds: Grounds | None = None, number: int = 1) -> StateChange:
    return StateChange(USER, "news", number, at, state, grounds, by)


ALERT = an_alert(AlertKind.OUTAGE, "provider outlook.com", day(15))
OUTAGE = Outage(ALERT.subject, 212, 3, 15, 30, day(15))

SENTENCES = {
    "two days": (
        ExplanationContext(_suppressed(), rests_on=[_report(11), _report(16)]),
        "Suppressed on 17 March 2026 at 12:00 because the mailbox does not exist. GMX / WEB.DE reported this twice, on "
        "two different days; the rule requires 2 days within 30. It applies to stream news; other streams are not "
        "affected. It is permanent.",
    ),
    "three reports, one day, with an end": (
        ExplanationContext(_suppressed(Counted(3, 3, (date(2026, 3, 17),), 1, 0, 14, 60, ("mailbox_full",)),
                                       "mailbox_full",
                                       until=day(23)), rests_on=[_report(16, Reason.MAILBOX_FULL)]),
        "Suppressed on 17 March 2026 at 12:00 because the mailbox is full. GMX / WEB.DE reported this three times, on "
        "one day; the rule requires 3 reports on 1 day within 60. It applies to stream news; other streams are not "
        "affected. It ends on 24 March 2026 at 12:00.",
    ),
    "one is enough": (
        ExplanationContext(_suppressed(AtOnce("invalid_recipient", AT)), rests_on=[_report(16)]),
        "Suppressed on 17 March 2026 at 12:00 because the mailbox does not exist. GMX / WEB.DE reported this on 17 "
        "March 2026. One report is enough. It applies to stream news; other streams are not affected. It is permanent.",
    ),
    "the reports are gone": (
        ExplanationContext(_suppressed()),
        "Suppressed on 17 March 2026 at 12:00 because the mailbox does not exist. It was reported twice, on two "
        "different days; the rule requires 2 days within 30. It applies to stream news; other streams are not "
        "affected. It is permanent.",
    ),
    "nothing but the state": (
        ExplanationContext(_suppressed(ByPerson("imported words"), None)),
        "Suppressed on 17 March 2026 at 12:00. It applies to stream news; other streams are not affected. "
        "It is permanent.",
    ),
    "complaint": (
        ExplanationContext(_suppressed(AtOnce("complaint", AT, "abuse"), "complaint", scope=Scope.GLOBAL),
             rests_on=[replace(_report(16, None, "anna@yahoo.com"), kind=Kind.COMPLAINT, feedback_type="abuse",
                               action=None, sending="Newsletter 12")]),
        "Suppressed on 17 March 2026 at 12:00 because the recipient marked a mail of Newsletter 12 as spam. Yahoo "
        "reported it. One complaint is enough. It applies to all streams. It is permanent.",
    ),
    "by hand": (
        ExplanationContext(_suppressed(ByPerson("asked by phone"), None, SuppressionSource.MANUAL),
                           actors={AT: "Petra"}),
        "Suppressed on 17 March 2026 at 12:00 by Petra: asked by phone. It applies to stream news; other streams "
        "are not affected. It is permanent.",
    ),
    "by hand, nobody knows whose": (
        ExplanationContext(_suppressed(ByPerson("asked by phone!"), None, SuppressionSource.MANUAL)),
        "Suppressed on 17 March 2026 at 12:00 by hand: asked by phone! It applies to stream news; other streams are "
        "not affected. It is permanent.",
    ),
    "by the platform": (
        ExplanationContext(_suppressed(ByPlatform("crm", "unsubscribed there"), None, SuppressionSource.PLATFORM)),
        "Suppressed on 17 March 2026 at 12:00 by the platform: on the list of platform crm: unsubscribed there. It "
        "applies to stream news; other streams are not affected. It is permanent.",
    ),
    "watching": (
        ExplanationContext(RecipientRecord(USER, "news", State.WATCHING, grounds=Counted(
            2, 5, (date(2026, 3, 12), date(2026, 3, 14)), 5, 2, 0, 30, ("mailbox_full",),
        )),
                           events=[_report(13, Reason.MAILBOX_FULL)],
                           course=[_step(day(2), State.ACTIVE, ChangedBy.PERSON),
                     _step(day(11), State.WATCHING, ChangedBy.REPORT, number=2),
                     _step(day(13), State.WATCHING, ChangedBy.REPORT, number=3)]),
        "Watching since 12 March 2026 because the mailbox is full. 2 reports on 2 days; suppressed at 5 days within "
        "30. Mail is still sent.",
    ),
    "watching, one report, no date": (
        ExplanationContext(RecipientRecord(USER, "news", State.WATCHING, grounds=Counted(
            1, 2, (date(2026, 3, 12),), 2, 0, 0, 60, ("mailbox_disabled",),
        ))),
        "Watching. 1 report on 1 day; suppressed at 2 days within 60. Mail is still sent.",
    ),
    "watching, other words": (
        ExplanationContext(RecipientRecord(USER, "news", State.WATCHING, grounds=OutageOver(OUTAGE))),
        "Watching. Mail is still sent.",
    ),
    "held by an incident": (
        ExplanationContext(_suppressed(state=State.PENDING), held_by=[ALERT]),
        "Not suppressed. Microsoft reports “mailbox does not exist” for far more addresses than usual since 16 March "
        "2026 at 12:00, so it is held. Targets were not notified. It is decided when the incident ends.",
    ),
    "held until it is known whether others are": (
        ExplanationContext(_suppressed(state=State.PENDING)),
        "Not suppressed yet. It was reported that the mailbox does not exist; held briefly to see whether many others "
        "are reported too. Targets were not notified. Mail may still be sent.",
    ),
    "released by a person": (
        ExplanationContext(RecipientRecord(USER, "news", State.RELEASED, released_at=AT), actors={AT: "Jo"},
                           course=[_step(AT, State.RELEASED, ChangedBy.PERSON, ByPerson("mailbox works again"))]),
        "Released on 17 March 2026 at 12:00 by Jo: mailbox works again. The counter is reset.",
    ),
    "released by the guard": (
        ExplanationContext(RecipientRecord(USER, "news", State.RELEASED, released_at=AT),
                           course=[_step(AT, State.RELEASED, ChangedBy.GUARD, ByPerson("the outage is over"))]),
        "Released on 17 March 2026 at 12:00 by the outage guard: the outage is over. The counter is reset.",
    ),
    "time is over": (
        ExplanationContext(RecipientRecord(USER, "news", State.RELEASED, released_at=AT),
                           course=[_step(AT, State.RELEASED, ChangedBy.CLOCK, Expired())]),
        "Allowed again on 17 March 2026 at 12:00: the suppression expired. The next bounce of the same "
        "kind suppresses again.",
    ),
    "released, nothing more is known": (
        ExplanationContext(RecipientRecord(USER, "news", State.RELEASED)), "Released. The counter is reset.",
    ),
    "the sender's fault": (
        ExplanationContext(RecipientRecord(USER, "news"), events=[_report(16, Reason.BAD_REPUTATION, "a@outlook.com")]),
        "Still active. Microsoft refused our server (reputation), not this address.",
    ),
    "not counted": (
        ExplanationContext(RecipientRecord(USER, "news"), events=[replace(_report(11), evidence=Evidence.PROSE,
                                                                          exclusion=Excluded(ExclusionKind.TOO_WEAK))]),
        "Active. The report of 12 March 2026 does not count: it may not be about this address (address "
        "found in the text only).",
    ),
    "mail was accepted": (
        ExplanationContext(RecipientRecord(USER, "news", delivered_at=AT), events=[_report(11, Reason.MAILBOX_FULL)]),
        "Active. Counter set to 0: mail was accepted on 17 March 2026 at 12:00.",
    ),
    "active, no report kept": (ExplanationContext(RecipientRecord(USER, "news")), "Active. No report is stored."),
}


@for_each(("case", "meant"), SENTENCES.values(), ids=SENTENCES)
def test_sentences(case: ExplanationContext, meant: str) -> None:
    assert explanations.sentence(case) == meant


def test_what_was_counted_is_found_below_whatever_stands_on_it() -> None:
    held = Held(Waits(TWICE, ALERT.subject, 4, 3, 1, 10, day(16)), OUTAGE)
    assert explanations.counted(ExplanationContext(_suppressed(held))) == TWICE
    assert explanations.counted(ExplanationContext(_suppressed(ByPerson("2 of 2 on 2 days")))) is None
    assert explanations.counted(ExplanationContext(RecipientRecord(USER, "news"))) is None


@for_each(("event", "what", "sentence"), [
    (_report(16), "Mailbox does not exist",
     "On 17 March 2026 at 12:00 GMX / WEB.DE reported for anna@gmx.net that the mailbox does not exist."),
    (_report(16, Reason.BLOCKLISTED), "Blocked: on a blocklist",
     "On 17 March 2026 at 12:00 GMX / WEB.DE refused our mail to anna@gmx.net: on a blocklist."),
    (_report(16, Reason.UNKNOWN), "Not recognised",
     "On 17 March 2026 at 12:00 GMX / WEB.DE reported a failure to anna@gmx.net, in words that no rule recognises."),
    (replace(_report(16, None), kind=Kind.DELAY, action=None), "Delay notice",
     "Delay notice of 17 March 2026 at 12:00 on mail to anna@gmx.net."),
    (replace(_report(16, None), kind=Kind.COMPLAINT, action=None, feedback_type="abuse"), "Complaint",
     "On 17 March 2026 at 12:00 GMX / WEB.DE reported that the recipient marked a mail as spam."),
    (replace(_report(16), recipient="forgotten:abc"), "Mailbox does not exist",
     "On 17 March 2026 at 12:00 the receiving server reported for a forgotten address that the mailbox does not "
     "exist."),
])
def test_one_report_in_a_sentence(event: BounceEvent, what: str, sentence: str) -> None:
    assert explanations.what(event) == what
    assert explanations.of_event(event) == sentence


def test_a_reply_for_the_customer_has_no_codes_and_no_terms() -> None:
    case = SENTENCES["two days"][0]
    reply = explanations.reply(case)
    assert reply == (
        "Mail from us to anna@gmx.net came back on 12 and 17 March 2026: the receiving server says that the mailbox "
        "does not exist. So we stopped sending to this address. Please check the address for typos, or ask the "
        "mailbox provider. Tell us once this is fixed, and we will check again."
    )
    assert "marked as spam" in (explanations.reply(SENTENCES["complaint"][0]) or "")
    assert explanations.reply(SENTENCES["by hand"][0]) is None
    assert explanations.reply(SENTENCES["watching"][0]) is None


def test_days_that_counted() -> None:
    case = SENTENCES["two days"][0]
    assert [(box.day.isoformat(), box.text) for box in explanations.boxes(case, 2)] == [
        ("2026-03-12", "1 of 2"), ("2026-03-17", "2 of 2"),
    ]
    many = ExplanationContext(RecipientRecord(USER, "news"), events=[_report(n) for n in range(20)])
    assert len(explanations.boxes(many, None)) == 12


@pytest.mark.parametrize(("diagnostic", "quote", "meant"), [
    ("550 5.1.1 no such user here", "No such user", ("550 5.1.1 ", "no such user", " here")),
    ("550 5.1.1 no", "elsewhere", ("550 5.1.1 no", "", "")),
    (None, "quoted alone", ("", "quoted alone", "")),
    ("a" * 5000 + "MATCH" + "b" * 5000, "MATCH",
     ("… " + "a" * 150, "MATCH", "b" * 445 + " … (10,005 characters in total)")),
    ("<b>\u202eMATCH\x00", "match", ("<b>[U+202E]", "MATCH", "[U+0000]")),
])
def test_the_part_that_a_rule_matched_is_set_apart(
    diagnostic: str | None, quote: str, meant: tuple[str, str, str]
) -> None:
    words = explanations.quoted(replace(_report(1), diagnostic=diagnostic, quote=quote))
    assert words is not None
    assert (words.before, words.match, words.after) == meant


def test_nothing_is_quoted_where_nothing_is_kept() -> None:
    assert explanations.quoted(replace(_report(1), diagnostic=None, quote=None)) is None
