"""What the platform reports to have sent: kept once, counted for good, and the proof of a bounce."""

from dataclasses import replace
from datetime import date, datetime
from functools import partial

import pytest

from bounce_watcher.ledger.lists.filters import EventFilter, GroupBy
from bounce_watcher.ledger.recording.reevaluate import DecisionContext
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Doubt, Evidence
from bounce_watcher.model.ledger import BounceEvent, NoticeType, State
from bounce_watcher.model.sending import SentCount, SentMail, SentOutcome
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from tests.facts import BY, DOUBT
from tests.ledger.making import START, STATES, USER, Platform, bounce, day, deliver_all, page, record

EVER = (date(2026, 1, 1), date(2027, 1, 1))
TODAY = START.date()


def sent(message_id: str, recipient: str = USER, *, at: datetime = START, stream: str = "news",
         sending: str | None = "spring") -> SentMail:
    return SentMail(message_id, recipient, stream, at, sending)


def test_a_mail_told_twice_is_kept_and_counted_once(ledger: Ledger) -> None:
    assert ledger.recording.add_sent(
        [sent("1@x"), sent("1@x", "USER@example.org"), sent("2@x")]
    ) == SentOutcome(new=2, known=1)
    assert ledger.recording.add_sent(
        [sent("2@x", at=day(5)), sent("2@x", "other@example.com")]
    ) == SentOutcome(new=1, known=1)
    assert ledger.figures.sent_by_day(*EVER) == {(TODAY, "example.org"): 2, (TODAY, "example.com"): 1}


def test_days_are_those_of_utc(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("1@x", at=datetime.fromisoformat("2026-03-01T23:30:00-05:00"))])
    assert list(ledger.figures.sent_by_day(*EVER)) == [(date(2026, 3, 2), "example.org")]


def test_domains_compare_as_addresses_do(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("1@x", "u@BÜCHER.example")])
    ledger.recording.put_counts([SentCount(TODAY, "news", "xn--bcher-kva.example.", 7)])
    assert ledger.figures.sent_by_day(*EVER) == {(TODAY, "xn--bcher-kva.example"): 8}


def test_of_a_figure_and_single_mails_for_the_same_the_greater_holds(ledger: Ledger) -> None:
    ledger.recording.put_counts([SentCount(TODAY, "news", "example.org", 1, "spring")])
    ledger.recording.add_sent([sent("1@x"), sent("2@x")])
    assert ledger.figures.sent_by_day(*EVER) == {(TODAY, "example.org"): 2}
    for figure in (900, 40):  # a later one corrects the earlier
        assert ledger.recording.put_counts(
            [SentCount(TODAY, "news", "example.org", figure, "spring")]
        ) == SentOutcome(counts=1)
    assert ledger.figures.sent_by_day(*EVER) == {(TODAY, "example.org"): 40}
    assert ledger.figures.sent_by_day(*EVER, stream="invoices") == {}


def test_retention_forgets_mails_and_keeps_counts(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("old@x"), sent("young@x", at=day(2))])
    assert ledger.history.purge_sent(day(1)) == 1
    assert ledger.history.purge_sent(day(1)) == 0
    assert sum(ledger.figures.sent_by_day(*EVER).values()) == 2
    record(ledger, page(bounce_of("old@x"), bounce_of("young@x")))
    assert evidence(ledger) == {"old@x": Evidence.REPORT, "young@x": Evidence.KNOWN_MESSAGE}


def test_a_hundred_thousand_mails(ledger: Ledger) -> None:
    for start in range(0, 100_000, 5_000):
        ledger.recording.add_sent([sent(f"{n}@x", f"u{n}@d{n % 300}.example") for n in range(start, start + 5_000)])
    assert sum(ledger.figures.sent_by_day(*EVER).values()) == 100_000


# ── what a bounce proves by it ──────────────────────────────────────────────────────────────────────────────────────

def bounce_of(message_id: str, recipient: str = USER, evidence: Evidence = Evidence.REPORT, doubt: Doubt | None = None,
              sending: str | None = None) -> BounceEvent:
    return replace(bounce(f"of-{message_id}-{recipient}", recipient), sent_message_id=message_id, evidence=evidence,
                   doubt=doubt, sending=sending)


def evidence(ledger: Ledger) -> dict[str | None, Evidence]:
    return {event.sent_message_id: event.evidence for event in ledger.lists.events()}


def only(ledger: Ledger) -> BounceEvent:
    (event,) = ledger.lists.events()
    return event


def test_a_known_message_of_this_recipient_proves_the_bounce(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("1@x")])
    record(ledger, page(bounce_of("1@x", "User@Example.ORG")))
    event = only(ledger)
    assert (event.evidence, event.stream, event.sending) == (Evidence.KNOWN_MESSAGE, "news", "spring")
    assert [(it.recipient, it.stream) for it in ledger.lists.suppressions()] == [("User@Example.ORG", "news")]


@pytest.mark.parametrize(("message_id", "recipient"), [("2@x", USER), ("1@x", "other@example.org"), ("1@X", USER)])
def test_any_other_message_or_recipient_proves_nothing(ledger: Ledger, message_id: str, recipient: str) -> None:
    ledger.recording.add_sent([sent("1@x"), sent("3@x", "other@example.org")])
    record(ledger, page(bounce_of(message_id, recipient)))
    event = only(ledger)
    assert (event.evidence, event.stream, event.sending) == (Evidence.REPORT, "default", None)


def test_a_stronger_proof_stays_and_what_is_in_doubt_stays_in_doubt(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("token@x"), sent("signed@x"), sent("doubt@x")])
    record(ledger, page(
        bounce_of("token@x", evidence=Evidence.TOKEN, sending="autumn"),
        bounce_of("signed@x", evidence=Evidence.SIGNATURE),
        bounce_of("doubt@x", evidence=Evidence.PROSE, doubt=DOUBT),
    ))
    found = {event.sent_message_id: (event.evidence, event.stream, event.sending) for event in ledger.lists.events()}
    assert found == {
        "token@x": (Evidence.TOKEN, "default", "autumn"),
        "signed@x": (Evidence.SIGNATURE, "news", "spring"),
        "doubt@x": (Evidence.PROSE, "default", None),
    }


def test_a_report_that_names_nobody_is_of_the_one_recipient_of_its_message(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("1@x", "Who@example.org")])
    report = bounce_of("1@x", "")
    assert record(ledger, page(report)).named == {report.message_digest}
    event = only(ledger)
    assert (event.recipient, event.evidence, event.stream) == ("Who@example.org", Evidence.KNOWN_MESSAGE, "news")
    again = record(ledger, page(report))  # the same report read again
    assert again.events == 0
    assert again.named == {report.message_digest}


def test_a_report_that_names_somebody_needs_no_name(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("1@x")])
    assert record(ledger, page(bounce_of("1@x"))).named == frozenset()


@pytest.mark.parametrize("report", [("1@x", None), ("2@x", None), ("3@x", DOUBT)])
def test_who_cannot_be_told_is_told_of_nobody(ledger: Ledger, report: tuple[str, Doubt | None]) -> None:
    """A message of several recipients, one that nobody has sent, and a report in doubt."""
    ledger.recording.add_sent([sent("1@x", "a@example.org"), sent("1@x", "b@example.org"), sent("3@x")])
    message_id, doubt = report
    outcome = record(ledger, page(bounce_of(message_id, "", doubt=doubt)))
    assert (outcome.messages, outcome.events, outcome.named) == (1, 0, frozenset())
    assert list(ledger.lists.events()) == []


def test_who_is_forgotten_is_not_named_again(ledger: Ledger) -> None:
    record(ledger, page(bounce_of("1@x")))
    deliver_all(ledger)
    ledger.privacy.forget(USER, BY)
    ledger.recording.add_sent([sent("2@x")])
    assert record(ledger, page(bounce_of("2@x", ""))).events == 1
    first, second = (event.recipient for event in ledger.lists.events())
    assert first == second != USER


def test_more_reports_in_a_page_than_one_statement_asks_for(ledger: Ledger) -> None:
    mails = [sent(f"{n}@x", f"u{n}@example.org") for n in range(0, 300, 2)]
    ledger.recording.add_sent(mails)
    record(ledger, page(*(bounce_of(f"{n}@x", f"u{n}@example.org") for n in range(300))))
    proven = {name for name, grade in evidence(ledger).items() if grade is Evidence.KNOWN_MESSAGE}
    assert proven == {mail.message_id for mail in mails}


def test_characters_that_no_database_takes(ledger: Ledger) -> None:
    ledger.recording.add_sent([sent("a\0b\udce4@x", "u\0@example.org")])
    record(ledger, page(replace(bounce("m", "u\0@example.org"), sent_message_id="a\0b\udce4@x")))
    assert only(ledger).evidence is Evidence.KNOWN_MESSAGE


# ── told late ───────────────────────────────────────────────────────────────────────────────────────────────────────

ASKING = PolicySettings(evidence_hard=Evidence.KNOWN_MESSAGE, evidence_soft=Evidence.KNOWN_MESSAGE)


def judge(platform: Platform | None = None, policy: PolicySettings = ASKING) -> DecisionContext:
    return DecisionContext(partial(decide, settings=policy), platform or Platform(), policy)


def comes(ledger: Ledger, *events: BounceEvent, policy: PolicySettings = ASKING) -> None:
    ledger.recording.record(page(*events), partial(decide, settings=policy), Platform(), policy)


def test_a_bounce_counts_from_then_on(ledger: Ledger) -> None:
    comes(ledger, bounce_of("1@x"), bounce_of("2@x", "other@example.org"))
    assert list(ledger.lists.suppressions()) == []
    platform = Platform()
    assert ledger.recording.add_sent([sent("1@x", at=day(0.5))], judge(platform)) == SentOutcome(new=1, proven=1)
    (event,) = ledger.lists.events(EventFilter(recipient=USER))
    assert (event.exclusion, event.evidence, event.stream, event.sending) == (
        None, Evidence.KNOWN_MESSAGE, "news", "spring"
    )
    (suppression,) = ledger.lists.suppressions()
    assert (suppression.stream, suppression.since, suppression.events) == ("news", START, (event.id,))
    assert [it.type for it in platform.told if it.type in STATES] == [NoticeType.SUPPRESSED]
    counts = {record.stream: record.counts for record in ledger.lists.recipients(USER)}
    assert counts == {"default": {}, "news": {"hard": 1}}
    assert ledger.recording.add_sent([sent("1@x")], judge()) == SentOutcome(known=1), "and but once"
    told = ledger.figures.stats(START, day(1), [GroupBy.STREAM]).rows
    assert {row["stream"]: row["number"] for row in told} == {"default": 1, "news": 1}


@pytest.mark.parametrize(("event", "mail", "policy"), [
    (bounce_of("1@x"), sent("1@x", at=day(14.1)), ASKING),
    (bounce_of("1@x"), sent("2@x"), ASKING),
    (bounce_of("1@x", doubt=DOUBT), sent("1@x"), ASKING),
    (bounce_of("1@x"), sent("1@x"), replace(ASKING, evidence_hard=Evidence.TOKEN)),
    (bounce_of("1@x"), sent("1@x"), PolicySettings()),
], ids=["long ago", "another mail", "in doubt", "that is not enough", "it counted anyway"])
def test_what_stays_as_it_was(ledger: Ledger, event: BounceEvent, mail: SentMail, policy: PolicySettings) -> None:
    comes(ledger, event, policy=policy)
    before = only(ledger), ledger.lists.recipients(USER)
    assert ledger.recording.add_sent([mail], judge(policy=policy)).proven == 0
    assert (only(ledger), ledger.lists.recipients(USER)) == before


def test_what_is_proven_late_is_held_back_in_an_outage_too(ledger: Ledger) -> None:
    gone = [replace(bounce_of(f"{n}@x", f"u{n}@example.org"), at=day(9 + n / 1000)) for n in range(50)]
    known = [replace(bounce_of(f"d{n}@x", f"d{n}@example.org"), at=day(n)) for n in range(5)]
    ledger.recording.add_sent([sent(f"d{n}@x", f"d{n}@example.org") for n in range(5)])
    comes(ledger, *known, *gone)
    assert list(ledger.lists.alerts()) == []
    proven = ledger.recording.add_sent([sent(f"{n}@x", f"u{n}@example.org", at=day(8)) for n in range(50)], judge())
    assert proven == SentOutcome(new=50, proven=50)
    (alert,) = ledger.lists.alerts()
    assert alert.held == 50
    assert sum(it.state is State.SUPPRESSED for it in ledger.lists.suppressions()) == 5
