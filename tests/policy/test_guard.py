"""What is too much at once: spells over windows, receivers by organisation, wordings without names. All pure."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.guards import outages, trouble
from bounce_watcher.policy.guards.limits import AlertSettings, GuardSettings
from bounce_watcher.policy.guards.spells import Spell, SpellThreshold, Window, slot_of, spells, start_of, windows
from bounce_watcher.policy.providers import provider_of
from bounce_watcher.words.grounds import text
from tests.facts import DOUBT, about
from tests.families import for_each

HOUR = timedelta(hours=1)
START = datetime(2020, 12, 14, 14, tzinfo=UTC)
SETTINGS = GuardSettings()


def spread(number: int, start: datetime, length: timedelta) -> Counter[int]:
    return Counter(slot_of(start + n * length / number) for n in range(number))


def found(counts: Counter[int], usual: float = 0) -> list[Spell]:
    over = list(windows(counts, SETTINGS.window))
    return spells(over, [], lambda _: outages.limit(usual, SETTINGS), SETTINGS.quiet)


@pytest.mark.parametrize(("number", "start", "length"), [
    (400, datetime(2020, 12, 14, 21, tzinfo=UTC), 7 * HOUR),    # Gmail
    (90, datetime(2018, 3, 12, 9, tzinfo=UTC), 20 * HOUR),      # Yahoo
    (5000, datetime(2016, 4, 20, 9, tzinfo=UTC), HOUR),         # Outlook.com, one mailing
    (20, datetime(2026, 3, 2, 9, tzinfo=UTC), HOUR / 2),        # 20 recipients, all of them at once
])
def test_an_outage_is_one_spell(number: int, start: datetime, length: timedelta) -> None:
    (spell,) = found(spread(number, start, length), usual=2)
    assert start - HOUR / 6 < spell.since <= start
    assert spell.ends_at >= start + length - length / number + SETTINGS.quiet
    assert spell.limit == SpellThreshold(10, 2)


@pytest.mark.parametrize(("number", "usual"), [(9, 0), (20, 20), (59, 20), (299, 100)])
def test_what_is_usual_is_none(number: int, usual: float) -> None:
    assert found(spread(number, START, HOUR), usual) == []


def test_what_goes_up_and_down_is_one_spell_and_what_pauses_is_two() -> None:
    swinging = spread(12, START, HOUR) + spread(5, START + 6 * HOUR, HOUR) + spread(12, START + 12 * HOUR, HOUR)
    assert len(found(swinging)) == 1
    assert len(found(spread(12, START, HOUR) + spread(12, START + 8 * HOUR, HOUR))) == 2


def test_a_spell_goes_on_from_what_is_known() -> None:
    counts = spread(12, START, HOUR)
    (spell,) = found(counts)
    known = replace(spell, known="a")
    later = counts + spread(12, START + 3 * HOUR, HOUR)
    (grown,) = spells(list(windows(later, SETTINGS.window)), [known], lambda _: None, SETTINGS.quiet)
    assert (grown.known, grown.since) == ("a", spell.since)
    assert grown.ends_at == spell.ends_at + 3 * HOUR
    settled = replace(known, settled=True)
    assert spells(
        list(windows(later, SETTINGS.window)), [settled], lambda _: SpellThreshold(1, 0), SETTINGS.quiet
    ) == []


def test_windows_hold_what_lies_within_their_length() -> None:
    first = slot_of(START)
    assert start_of(first) == START
    counted = list(windows({first: 2, first + 5: 3, first + 6: 4}, HOUR))
    assert counted == [Window(first, first, 2), Window(first, first + 5, 5), Window(first + 5, first + 6, 7)]


@pytest.mark.parametrize(("hours", "is_new"), [
    ((), True), ((24,), True), ((49,), False), ((2,), False), ((60, 24), False),
])
def test_new_is_whom_no_older_bounce_speaks_against(hours: tuple[int, ...], is_new: bool) -> None:
    assert outages.is_new(START, [START - hour * HOUR for hour in hours], SETTINGS.quiet) is is_new


@for_each(("remote_mta", "domain", "provider"), [
    ("gmail-smtp-in.l.google.com", "gmail.com", "google.com"),
    ("aspmx.l.google.com", "company.example", "google.com"),
    (None, "googlemail.com", "google.com"),
    ("company-example.mail.protection.outlook.com", "company.example", "outlook.com"),
    (None, "hotmail.fr", "outlook.com"),
    ("mta7.am0.yahoodns.net", "yahoo.co.uk", "yahoo.com"),
    (None, "yahoo.co.uk", "yahoo.com"),
    (None, "yahoo.co.jp", "yahoo.co.jp"),
    ("mx.example.co.uk", "other.example", "example.co.uk"),
    ("mx1.mail.example.org", "user.example", "example.org"),
    ("192.0.2.1", "mail.example.org", "example.org"),
    ("localhost", "example.org", "example.org"),
    ("relay.local", "example.org", "example.org"),
    (None, "", ""),
])
def test_provider(remote_mta: str | None, domain: str, provider: str) -> None:
    assert provider_of(remote_mta, domain) == provider


def event(said: str, reason: Reason = Reason.INVALID_RECIPIENT) -> BounceEvent:
    return BounceEvent(
        "id", "digest", START, Kind.BOUNCE, "bob.jones@example.org", "news", action=Action.FAILED,
        bounce_type=reason.bounce_type, reason=reason, diagnostic=said, rule="a.rule", evidence=Evidence.REPORT,
    )


def test_wordings_differ_by_words_alone() -> None:
    one = event("550 5.1.1 <bob.jones@example.org>: no mailbox bob.jones here (id 4f2a), see https://h.example/x1")
    other = replace(one, recipient="eve@example.org", diagnostic=(
        "550 5.1.1 <eve@example.org>: no mailbox eve here (id 9c1b), see https://h.example/y2"))
    assert outages.wording_subject(one) == outages.wording_subject(other)
    assert outages.wording(one) == "# # <address>: no mailbox … here (id # see #"
    assert outages.wording_subject(event("550 no such thing")) != outages.wording_subject(one)
    assert outages.wording_subject(replace(one, diagnostic=None)) is None


def test_what_the_guard_believes() -> None:
    hard = event("550")
    assert outages.is_believed(hard, Evidence.REPORT)
    assert not outages.is_believed(hard, Evidence.TOKEN)
    assert not outages.is_believed(replace(hard, doubt=DOUBT), Evidence.REPORT)
    assert not outages.is_believed(replace(hard, bounce_type=BounceType.SOFT), Evidence.REPORT)
    assert not outages.is_believed(replace(hard, action=Action.DELAYED), Evidence.REPORT)


@pytest.mark.parametrize(("said", "ip"), [
    ("550 [203.0.113.7] is listed", "203.0.113.7"),
    ("554 5.7.1 refused, client 2001:db8::25 is listed", "2001:db8::25"),
    ("550 at 12:30:15 by 999.1.1.1", None),
    ("550 5.7.1 no", None),
])
def test_sending_ip(said: str, ip: str | None) -> None:
    assert trouble.sending_ip(said) == ip


def test_blocks_are_counted_by_provider_reason_and_ip() -> None:
    block = event("550 5.7.1 [203.0.113.7] refused", Reason.SPAM)
    assert trouble.block_subject(block) == about("block example.org spam 203.0.113.7")
    assert trouble.reports_of("example.org") == trouble.reports_series(block)
    assert trouble.block_subject(event("550")) is None
    few = Window(0, 1, 9)
    assert trouble.limit(few, 100, AlertSettings()) is None
    assert trouble.limit(few, 90, AlertSettings()) == SpellThreshold(20, 90)


@pytest.mark.parametrize(("reports", "sent", "words"), [
    (52, 0, "share of bounces 76.9 %: 40 of 52"),
    (52, 39, "share of bounces 76.9 %: 40 of 52"),   # of which it told but a part
    (52, 10_000, "0.4 % of 10000 mails sent to it since 14 December 2020"),
    (40, 40, "100 % of 40 mails sent to it since 14 December 2020"),
])
def test_a_share_is_of_what_was_sent_or_says_that_it_is_of_bounces(reports: int, sent: int, words: str) -> None:
    spell = Spell(START, START + HOUR, START + 7 * HOUR, 40, SpellThreshold(20, 52))
    subject = about("block google.com spam 192.0.2.1")
    grounds = trouble.blocks_grounds(subject, spell, AlertSettings(), blocked=40, reports=reports, sent=sent)
    assert text(grounds) == (
        f"40 blocks of google.com within 1 h: spam, sending IP 192.0.2.1; {words}; alarm from 20; "
        "since 14 December 2020 14:00 UTC"
    )
