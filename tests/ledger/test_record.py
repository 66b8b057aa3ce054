"""Pages into the ledger, on both databases."""

from dataclasses import fields, replace
from datetime import date, datetime, timedelta, timezone
from random import Random

import pytest

from bounce_watcher.attribution.traces import MAX_ID
from bounce_watcher.ledger.lists.filters import EventFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import ByPerson, OlderVerdict
from bounce_watcher.model.ledger import (
    Actor,
    Decision,
    NoticeType,
    Occurrence,
    OutboxItem,
    PageOutcome,
    State,
    Step,
)
from bounce_watcher.model.verdict import Confidence, Reason
from bounce_watcher.parsing.address import find_addresses
from bounce_watcher.policy.replay import LONGEST_HISTORY
from bounce_watcher.words.grounds import text
from tests.facts import DOUBT, EXCLUDED
from tests.ledger.making import (
    START,
    USER,
    Always,
    Platform,
    bounce,
    day,
    decide,
    event_id,
    mail,
    page,
    record,
)

pytestmark = pytest.mark.dialects

SOFT = Reason.MAILBOX_FULL


def test_event_comes_back_as_it_went_in(ledger: Ledger) -> None:
    event = replace(bounce("m1", "Üser@example.org"), final_recipient="u@host.example", quote="no such user",
                    remote_mta="mx.example.org", reporting_mta="out.example", sending="s1", feedback_type="abuse",
                    doubt=DOUBT, formerly=(OlderVerdict("bounce", date(2026, 3, 1), rule="a.rule"),),
                    client_ip="203.0.113.9", confidence=Confidence.GUESS, forwarded=True)
    assert [each.name for each in fields(event) if getattr(event, each.name) is None] == ["exclusion"]
    assert record(ledger, [mail(event)]) == PageOutcome(
        messages=1, events=1, suppressed=1, released=0, notices=1, kinds={Kind.BOUNCE: 1},
        verdicts={("hard", "invalid_recipient"): 1},
    )
    assert list(ledger.lists.events()) == [event]
    assert ledger.lists.message("m1") == b"Subject: report\n\nm1"
    assert ledger.lists.message("m2") is None


def test_times_come_back_in_utc(ledger: Ledger) -> None:
    event = bounce("m1", at=START.astimezone(timezone(timedelta(hours=5, minutes=30))))
    record(ledger, [mail(event)])
    (stored,) = ledger.lists.events()
    assert stored.at == START
    assert stored.at.utcoffset() == timedelta(0)


def test_same_page_twice_changes_nothing(ledger: Ledger) -> None:
    messages = page(bounce("m1"), bounce("m2", "b@example.org", reason=SOFT))
    record(ledger, messages)
    before = ledger.lists.recipients(USER)
    platform = Platform()
    assert record(ledger, messages, platform) == PageOutcome()
    assert platform.told == []
    assert ledger.lists.recipients(USER) == before
    assert len(list(ledger.lists.outbox())) == 1


def test_same_mail_twice_in_one_page_counts_once(ledger: Ledger) -> None:
    event = bounce("m1", reason=SOFT)
    outcome = record(ledger, [mail(event), mail(event, source="other/INBOX")])
    assert (outcome.messages, outcome.events) == (1, 1)
    assert ledger.lists.recipients(USER)[0].counts == {"soft": 1}


def test_copied_mail_under_another_uid_and_mailbox_changes_nothing(ledger: Ledger) -> None:
    event = bounce("m1", reason=SOFT)
    record(ledger, [mail(event)])
    copy = replace(event, source="box.mbox#3", mailbox=None)
    assert record(ledger, [replace(mail(copy), source="box.mbox#3", mailbox=None)]) == PageOutcome()


def test_known_and_new_in_one_page(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1", reason=SOFT)))
    outcome = record(ledger, page(bounce("m1", reason=SOFT), bounce("m2", reason=SOFT)))
    assert (outcome.messages, outcome.events) == (1, 1)
    assert outcome.kinds == {Kind.BOUNCE: 1}
    assert outcome.verdicts == {("soft", "mailbox_full"): 1}


def test_a_report_of_no_bounce_is_counted_as_what_it_is(ledger: Ledger) -> None:
    complaint = replace(bounce("m1"), kind=Kind.COMPLAINT, bounce_type=None, reason=None, feedback_type="abuse")
    delay = replace(bounce("m2", "b@example.org", reason=SOFT), kind=Kind.DELAY)
    outcome = record(ledger, page(complaint, delay))
    assert outcome.verdicts == {("complaint", ""): 1, ("delay", "mailbox_full"): 1}


def test_message_without_events_is_kept(ledger: Ledger) -> None:
    assert record(ledger, [mail(digest="m1", kind=Kind.AUTO_REPLY)]) == PageOutcome(
        messages=1, kinds={Kind.AUTO_REPLY: 1}
    )
    assert ledger.lists.message("m1") is not None


def test_empty_page(ledger: Ledger) -> None:
    assert record(ledger, []) == PageOutcome()


def test_several_recipients_of_one_report(ledger: Ledger) -> None:
    outcome = record(ledger, [mail(bounce("m1", "a@example.org"), bounce("m1", "b@example.org", reason=SOFT))])
    assert (outcome.messages, outcome.events, outcome.suppressed) == (1, 2, 1)


def test_addresses_compare_without_case_and_keep_their_writing(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1", "User@Example.ORG", reason=SOFT), bounce("m2", "user@example.org", reason=SOFT)))
    (found,) = ledger.lists.recipients("USER@example.org")
    assert (found.recipient, found.counts) == ("User@Example.ORG", {"soft": 2})


def test_streams_count_apart(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1", stream="news"), bounce("m2", stream="orders", reason=SOFT)))
    news, orders = ledger.lists.recipients(USER)
    assert (news.stream, news.state) == ("news", State.SUPPRESSED)
    assert (orders.stream, orders.state) == ("orders", State.WATCHING)


def test_counts_add_up_over_a_page_and_over_pages(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1", reason=SOFT, at=day(0)), bounce("m2", reason=SOFT, at=day(1))))
    platform = Platform()
    outcome = record(ledger, page(bounce("m3", reason=SOFT, at=day(2))), platform)
    assert outcome.suppressed == 1
    (found,) = ledger.lists.recipients(USER)
    assert found.suppression is not None
    assert found.suppression.events == (event_id("m1"), event_id("m2"), event_id("m3"))
    assert found.suppression.until == day(32)
    assert [(it.type, it.sequence) for it in platform.told] == [(NoticeType.BOUNCE, 3), (NoticeType.SUPPRESSED, 4)]


def test_events_are_decided_on_in_the_order_of_their_times(ledger: Ledger) -> None:
    seen = Always(Decision(Step.WATCH, ByPerson("watched")))
    late, early = bounce("m1", reason=SOFT, at=day(2)), bounce("m2", reason=SOFT, at=day(1))
    ledger.recording.record(page(late, early), seen, Platform())
    assert [[it.event_id for it in history.counted] for history in seen.shown] == [[], [early.id]]


def test_history_is_oldest_first_also_when_mail_comes_late(ledger: Ledger) -> None:
    seen = Always(Decision(Step.WATCH, ByPerson("watched")))
    for digest, at in (("m1", 5), ("m2", 1), ("m3", 3)):
        ledger.recording.record(page(bounce(digest, reason=SOFT, at=day(at))), seen, Platform())
    ledger.recording.record(page(bounce("m4", reason=SOFT, at=day(9))), seen, Platform())
    assert [it.at for it in seen.shown[-1].counted] == [day(1), day(3), day(5)]
    assert seen.shown[-1].counted[0].sent_message_id == "m2@sender.example"
    assert seen.shown[-1].counted[0].reason is SOFT


def test_history_holds_only_what_counted(ledger: Ledger) -> None:
    seen = Always(Decision(Step.NOTE, ByPerson("noted"), exclusion=EXCLUDED))
    ledger.recording.record(page(bounce("m1", at=day(0)), bounce("m2", at=day(1))), seen, Platform())
    ledger.recording.record(page(bounce("m3", at=day(2))), seen, Platform())
    assert [history.counted for history in seen.shown] == [(), (), ()]
    assert {text(event.exclusion) for event in ledger.lists.events()} == {"undetermined: reason unclear"}


def test_history_is_of_one_stream(ledger: Ledger) -> None:
    seen = Always(Decision(Step.WATCH, ByPerson("watched")))
    ledger.recording.record(page(bounce("m1", reason=SOFT, stream="news")), seen, Platform())
    ledger.recording.record(page(bounce("m2", reason=SOFT, stream="orders")), seen, Platform())
    assert seen.shown[-1].counted == ()


def test_history_is_bounded_to_the_latest(ledger: Ledger) -> None:
    seen = Always(Decision(Step.WATCH, ByPerson("watched")))
    more = LONGEST_HISTORY + 20
    ledger.recording.record(page(*(bounce(f"m{n}", reason=SOFT, at=day(n)) for n in range(more))), seen, Platform())
    ledger.recording.record(page(bounce("late", reason=SOFT, at=day(0.5))), seen, Platform())
    ledger.recording.record(page(bounce("last", reason=SOFT, at=day(more))), seen, Platform())
    counted = seen.shown[-1].counted
    assert len(counted) == LONGEST_HISTORY
    assert (counted[0].at, counted[-1].at) == (day(20), day(more - 1))


def test_what_was_released_counts_no_more(ledger: Ledger) -> None:
    record(ledger, page(*(bounce(f"m{n}", reason=SOFT, at=day(n)) for n in range(3))))
    ledger.suppressions.release(USER, "default", Actor("jo", day(3), "a mistake"), announce=Platform())
    seen = Always(Decision(Step.WATCH, ByPerson("watched")))
    ledger.recording.record(page(bounce("m4", reason=SOFT, at=day(4))), seen, Platform())
    assert seen.shown[0].counted == ()
    assert seen.shown[0].record.state is State.RELEASED
    assert seen.shown[0].record.released_at == day(3)


def test_suppression_that_is_over_is_released_before_the_next_event(ledger: Ledger) -> None:
    record(ledger, page(*(bounce(f"m{n}", reason=SOFT, at=day(n)) for n in range(3))))
    platform = Platform()
    outcome = record(ledger, page(bounce("m4", reason=SOFT, at=day(40))), platform)
    assert (outcome.released, outcome.suppressed) == (1, 0)
    assert [(it.type, it.at) for it in platform.told] == [(NoticeType.RELEASED, day(32)), (NoticeType.BOUNCE, day(40))]
    (found,) = ledger.lists.recipients(USER)
    assert (found.state, text(found.grounds), found.released_at) == (State.WATCHING, "1 of 3", day(32))


def test_release_inside_a_page_empties_the_history(ledger: Ledger) -> None:
    softs = [bounce(f"m{n}", reason=SOFT, at=day(n)) for n in range(3)]
    again = [bounce(f"n{n}", reason=SOFT, at=day(40 + n)) for n in range(3)]
    outcome = record(ledger, page(*softs, *again))
    assert (outcome.suppressed, outcome.released) == (2, 1)
    (found,) = ledger.lists.recipients(USER)
    assert found.suppression is not None
    assert found.suppression.events == tuple(event.id for event in again)


def test_decision_to_release_lifts_a_suppression(ledger: Ledger) -> None:
    record(ledger, page(bounce("m1")))
    platform = Platform()
    delivered = bounce("m2", at=day(1), kind=Kind.DELIVERED, action=Action.DELIVERED, reason=None)
    ledger.recording.record(
        page(delivered), Always(Decision(Step.RELEASE, ByPerson("took mail"), exclusion=EXCLUDED)), platform
    )
    assert [it.type for it in platform.told] == [NoticeType.RELEASED]
    assert list(ledger.lists.suppressions()) == []
    (found,) = ledger.lists.recipients(USER)
    assert (found.state, found.counts) == (State.RELEASED, {"hard": 1, "delivered": 1})


def test_pending_is_listed_and_told_to_nobody(ledger: Ledger) -> None:
    outcome = ledger.recording.record(
        page(bounce("m1")), Always(Decision(Step.PEND, ByPerson("held back"))), Platform()
    )
    assert (outcome.suppressed, outcome.notices) == (0, 0)
    (found,) = ledger.lists.suppressions()
    assert (found.state, text(found.grounds)) == (State.PENDING, "held back")


def test_sequence_grows_over_pages_and_survives(ledger: Ledger, ledger_url: str) -> None:
    platform = Platform(types=frozenset(NoticeType))
    record(ledger, page(bounce("m1", reason=SOFT)), platform)
    with Ledger.connect(ledger_url) as other:
        record(other, page(bounce("m2", at=day(1))), platform)
    assert [it.sequence for it in platform.told] == [1, 2, 3]


def test_announce_that_raises_leaves_nothing(ledger: Ledger) -> None:
    def broken(_: Occurrence) -> list[OutboxItem]:
        raise RuntimeError("no such template")

    with pytest.raises(RuntimeError, match="no such template"):
        ledger.recording.record(page(bounce("m1"), bounce("m2", "b@example.org")), decide, broken)
    assert list(ledger.lists.events()) == []
    assert ledger.lists.message("m1") is None
    assert ledger.lists.recipients(USER) == []
    assert record(ledger, page(bounce("m1"))).suppressed == 1


def test_hostile_texts_are_stored_and_found_again(ledger: Ledger) -> None:
    diagnostic = "550 \0 no \ud800 such \udcff user 😀"
    addresses = ["nul\0@example.org", "surrogate\udce9@example.org", "x" * 100_000 + "@example.org", "@",
                 "日本@例え.jp"]
    events = [bounce(f"m{n}", address, diagnostic=diagnostic) for n, address in enumerate(addresses)]
    assert record(ledger, page(*events)).events == len(addresses)
    assert record(ledger, page(*events)) == PageOutcome()
    for address in addresses:
        assert len(ledger.lists.recipients(address)) == 1
        (found,) = ledger.lists.events(EventFilter(recipient=address))
        assert found.diagnostic is not None
        assert found.diagnostic.endswith("user 😀")
    assert "\0" not in next(ledger.lists.events()).diagnostic  # type: ignore[operator]


def test_the_longest_of_everything_fits_into_the_indexes(ledger: Ledger) -> None:
    """PostgreSQL refuses an index row of more than 2,704 bytes, and what can't be compressed takes them all."""
    chance = Random(7)

    def letters(number: int) -> str:
        return "".join(chr(chance.randrange(0x20000, 0x2A6D6)) for _ in range(number))  # four octets each

    domain = ".".join((letters(30), letters(30), "example"))
    address = find_addresses(f"<{letters(128)}@{domain}>")[0]
    longest = replace(
        bounce("m1", address, reason=Reason.DOMAIN_REFUSES_MAIL, stream=letters(MAX_ID)), sending=letters(MAX_ID),
        rule="r." + "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=98)), mailbox="m" * 64,
        remote_mta=".".join("".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=60)) for _ in range(4)),
        diagnostic=letters(1000), status="5.999.999",
    )
    unknown = replace(longest, id="m2", message_digest="m2", reason=Reason.UNKNOWN, bounce_type=None)
    assert record(ledger, page(longest, unknown)).events == 2
    ledger.suppressions.suppress(address, letters(64), Actor("jo", START, "x"), announce=Platform())
    assert len(list(ledger.lists.events(EventFilter(recipient=address)))) == 2


def test_forged_times_are_stored(ledger: Ledger) -> None:
    east, west = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
    for number, at in enumerate((datetime(1, 1, 1, tzinfo=east), datetime(9999, 12, 31, 23, 59, tzinfo=west))):
        assert record(ledger, page(bounce(f"m{number}", at=at))).events == 1
    assert [event.at.year for event in ledger.lists.events()] == [1, 9999]


def test_page_with_more_recipients_than_a_statement_takes(ledger: Ledger) -> None:
    events = [bounce("m1", f"user{n}@example.org") for n in range(1800)]
    assert record(ledger, [mail(*events)]).suppressed == 1800
    assert record(ledger, [mail(*events)]) == PageOutcome()
