"""Groups of what was not recognised, against the events themselves, on both databases."""

from collections.abc import Iterable
from dataclasses import replace

import pytest

from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.history.revise import Revision
from bounce_watcher.ledger.review.groups import GroupState, ReviewGroup, group_of
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, BounceEvent, MessageRecord, Misread, Unread
from bounce_watcher.model.message import pack
from bounce_watcher.model.verdict import BounceType, Confidence, Reason
from bounce_watcher.service.analysis.judging import language_of
from tests.facts import BY
from tests.ledger.making import Platform, bounce, day, decide, mail, page, record

pytestmark = pytest.mark.dialects

ZORP, QUUX = "554 5.0.0 <{}>: zorp number 17{} says no", "550 quux {} at {}.example.net"


def lost(number: int, recipient: str, text: str = ZORP, at: float | None = None) -> BounceEvent:
    words = text.format(recipient, number)
    when = day(number if at is None else at)
    return bounce(f"{number:032x}", recipient, at=when, reason=Reason.UNKNOWN, diagnostic=words)


EVENTS = [
    lost(1, "a@gmail.com"), lost(2, "b@gmail.com"), lost(3, "a@gmail.com"), lost(4, "c@gmx.net", QUUX),
    bounce("m5", "d@example.org"), bounce("m6", "d@example.org", reason=None, action=Action.DELAYED),
]
FIRST, OTHER = group_of(EVENTS[0]) or "", group_of(EVENTS[3]) or ""


def groups(ledger: Ledger, wanted: Query | None = None) -> list[ReviewGroup]:
    return list(ledger.review.page(wanted or Query(), PagePosition()).rows)


def seen(ledger: Ledger, gid: str = FIRST) -> tuple[GroupState, int, int]:
    group = ledger.review.group(gid)
    assert group is not None
    return group.state, group.mails, group.recipients


def recognised(*events: BounceEvent) -> list[Revision]:
    reason = Reason.SPAM
    return [Revision(each, replace(each, bounce_type=reason.bounce_type, reason=reason)) for each in events]


def revise(ledger: Ledger, revisions: Iterable[Revision], *, dry_run: bool = False) -> None:
    ledger.history.revise(list(revisions), decide, Platform(), day(20), dry_run=dry_run)


def test_what_says_the_same_is_one_group_however_often_it_is_told(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    record(ledger, page(*EVENTS))
    first, other = groups(ledger)
    assert (first.gid, first.mails, first.recipients, first.first_at, first.last_at) == (FIRST, 3, 2, day(1), day(3))
    assert first.wording == "# <address> zorp number # says no"
    assert (first.providers, first.codes) == ({"google.com": 3}, {"5.1.1": 3})
    assert (other.gid, other.mails, other.state) == (OTHER, 1, GroupState.NEW)
    assert [event.id for event in ledger.review.events(FIRST, 2)] == [EVENTS[2].id, EVENTS[1].id]
    assert [event.id for event in ledger.review.events(FIRST, 1, newest_first=False)] == [EVENTS[0].id]
    assert ledger.lists.to_do().review == 2
    assert list(ledger.review.groups(Query())) == groups(ledger)


def test_who_is_called_dead_on_weak_words_is_in_a_group_of_its_own(ledger: Ledger) -> None:
    guesses = [
        replace(lost(number, f"{number}@gmail.com"), bounce_type=BounceType.HARD, reason=Reason.INVALID_RECIPIENT,
                confidence=Confidence.GUESS)
        for number in (21, 22)
    ]
    sure = replace(guesses[1], id="s", message_digest="s", confidence=Confidence.SURE)
    record(ledger, page(EVENTS[0], *guesses, sure))
    found = {each.kind: (each.mails, each.recipients) for each in groups(ledger)}
    assert found == {Misread.FAILURE: (1, 1), Misread.WEAK: (2, 2)}
    (weak,) = [each for each in groups(ledger) if each.kind is Misread.WEAK]
    assert weak.wording == "# <address> zorp number # says no"
    revise(ledger, [Revision(each, replace(each, confidence=Confidence.SURE)) for each in guesses])
    assert seen(ledger, weak.gid) == (GroupState.RULED, 0, 0)


def test_page_by_page_comes_to_the_same_as_at_once(ledger: Ledger) -> None:
    for event in EVENTS:
        record(ledger, page(event))
    assert [(each.gid, each.mails, each.recipients, each.first_at, each.last_at) for each in groups(ledger)] == [
        (FIRST, 3, 2, day(1), day(3)), (OTHER, 1, 1, day(4), day(4)),
    ]


def test_filters_and_pages(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    for choice, gids in (
        ({FilterField.PROVIDER: Choice(("google.com",))}, [FIRST]),
        ({FilterField.PROVIDER: Choice((), ("google.com",))}, [OTHER]),
        ({FilterField.STATE: Choice(("aside",))}, []), ({FilterField.STATE: Choice(("new",))}, [FIRST, OTHER]),
    ):
        assert [each.gid for each in groups(ledger, Query(choice))] == gids
    assert [each.gid for each in groups(ledger, Query(words=("quux",)))] == [OTHER]
    assert [each.gid for each in groups(ledger, Query(since=day(3.5)))] == [OTHER]
    start = ledger.review.page(Query(), PagePosition(rows=1))
    rest = ledger.review.page(Query(), PagePosition(start.older, rows=1))
    assert [each.gid for each in (*start.rows, *rest.rows)] == [FIRST, OTHER]
    found = ledger.review.facets(Query())
    assert found is not None
    assert found.counts == {
        FilterField.KIND: {"failure": 2}, FilterField.STATE: {"new": 2}, FilterField.LANGUAGE: {"en": 1, "unknown": 1},
        FilterField.PROVIDER: {"google.com": 1, "gmx.net": 1},
    }


ODD = "gate report: # <address> was told of the zorp"


def unread(number: int, wording: str = ODD, kind: Misread = Misread.NOTICE, at: float | None = None) -> MessageRecord:
    """A message in which no recipient was found."""
    when = day(number if at is None else at)
    what = Unread(kind, wording)
    return replace(mail(digest=f"odd{number}", kind=Kind.OTHER, at=when), unread=what, language=language_of((), what))


def test_mail_in_which_nobody_was_found_is_grouped_too(ledger: Ledger) -> None:
    mails = [unread(1), unread(3), unread(2, "re: spring sale", Misread.LETTER), mail(digest="auto", kind=Kind.OTHER)]
    record(ledger, [*page(*EVENTS), *mails])
    record(ledger, mails)
    odd, letter = (each for each in groups(ledger) if each.kind is not Misread.FAILURE)
    assert (odd.kind, odd.wording, odd.mails, odd.recipients) == (Misread.NOTICE, ODD, 2, 0)
    assert (odd.first_at, odd.last_at, letter.kind, letter.mails) == (day(1), day(3), Misread.LETTER, 1)
    assert [each.digest for each in ledger.review.mails(odd.gid, 5)] == ["odd3", "odd1"]
    assert [each.digest for each in ledger.review.mails(odd.gid, 1, newest_first=False)] == ["odd1"]
    found = ledger.review.mail(odd.gid, "odd1")
    assert found is not None
    assert (found.received_at, found.mailbox, found.source) == (day(1), "returns", "returns/INBOX")
    assert ledger.review.mail(letter.gid, "odd1") is None
    assert ledger.lists.to_do().review == 4
    only = Query({FilterField.KIND: Choice((Misread.LETTER,))})
    assert [each.gid for each in groups(ledger, only)] == [letter.gid]
    counts = ledger.review.facets(Query())
    assert counts is not None
    assert counts.counts[FilterField.KIND] == {"failure": 2, "notice": 1, "letter": 1}


GERMAN = "550 <{}>: Postfach 17{} wurde vom Inhaber aufgegeben"


def test_the_language_of_a_wording_is_told_and_filtered_by(ledger: Ledger) -> None:
    record(ledger, [*page(*EVENTS, lost(8, "e@gmx.net", GERMAN), lost(9, "f@gmx.net", GERMAN)),
                    unread(1, "cette adresse ne reçoit plus de courrier depuis longtemps")])
    german = groups(ledger, Query({FilterField.LANGUAGE: Choice(("de",))}))
    assert [(each.mails, each.language) for each in german] == [(2, "de")]
    assert len(groups(ledger, Query({FilterField.LANGUAGE: Choice(none_of=("de", "fr"))}))) == 2
    counts = ledger.review.facets(Query({FilterField.LANGUAGE: Choice(("de", "fr"))}))
    assert counts is not None
    assert counts.counts[FilterField.LANGUAGE] == {"de": 1, "fr": 1}
    assert (counts.total, counts.counts[FilterField.PROVIDER]) == (2, {"gmx.net": 1})


def test_the_last_days_of_a_group_are_told(ledger: Ledger) -> None:
    record(ledger, [*page(*EVENTS, lost(8, "e@gmail.com", at=1.4)), unread(1), unread(3), unread(4, at=3.1)])
    first, _, odd = ledger.review.page(Query(), PagePosition(), day(5)).rows
    assert (first.days, odd.days) == ((0,) * 23 + (2, 1, 1, 0, 0), (0,) * 23 + (1, 0, 2, 0, 0))
    assert ledger.review.group(odd.gid, day(28)).days == (1, 0, 2, *(0,) * 25)  # type: ignore[union-attr]
    assert ledger.review.group(odd.gid).days is None  # type: ignore[union-attr]


def test_of_mail_that_is_kept_no_longer_no_word_is_left(ledger: Ledger) -> None:
    record(ledger, [unread(1), unread(3), unread(2, "re: spring sale", Misread.LETTER),
                    replace(unread(4, "never kept"), packed=None)])
    odd, _ = groups(ledger)
    assert ledger.review.set_aside(odd.gid, 1, Actor("jo", day(5), "a gateway"))
    ledger.history.purge_raw(day(2.5))
    assert [(each.gid, each.mails, each.first_at) for each in groups(ledger)] == [(odd.gid, 1, day(3))]
    ledger.history.purge_raw(day(30))
    left = ledger.review.group(odd.gid)
    assert left is not None
    assert (left.mails, left.wording, left.language, left.state) == (0, "", "unknown", GroupState.ASIDE)
    record(ledger, [unread(40), unread(41, at=40.1)])
    assert seen(ledger, odd.gid) == (GroupState.BACK, 2, 0)
    assert (groups(ledger)[0].wording, groups(ledger)[0].language) == (ODD, "en")


def test_who_is_forgotten_is_in_no_mail_either(ledger: Ledger) -> None:
    content = b"Subject: gate\n\nof a@gmail.com"
    record(ledger, [replace(unread(1), packed=pack(content)), unread(2, "another")])
    assert len(groups(ledger)) == 2
    ledger.privacy.forget("a@gmail.com", BY)
    assert [each.wording for each in groups(ledger)] == ["another"]


def test_mail_that_is_understood_later_waits_for_nobody(ledger: Ledger) -> None:
    record(ledger, [unread(1), unread(2)])
    known = replace(bounce("odd1", "a@gmail.com", at=day(1)), message_digest="odd1")
    record(ledger, [mail(known)])
    (odd,) = groups(ledger)
    assert (odd.mails, odd.first_at) == (1, day(2))
    record(ledger, [mail(replace(bounce("odd2", "a@gmail.com", at=day(2)), message_digest="odd2"))])
    assert groups(ledger) == []


def test_set_aside_for_good_it_stays_so(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.review.set_aside(FIRST, None, Actor("jo", day(5), "an old gateway"))
    assert not ledger.review.set_aside("nothing", None, Actor("jo", day(5), ""))
    record(ledger, page(lost(7, "z@gmail.com")))
    assert seen(ledger) == (GroupState.ASIDE, 4, 3)
    assert ledger.lists.to_do().review == 1
    assert ledger.review.take_up(FIRST, Actor("jo", day(8), "after all"))
    assert seen(ledger)[0] is GroupState.NEW


def test_set_aside_until_it_comes_more_often_it_comes_back_and_stands_first(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.review.set_aside(OTHER, 2, Actor("jo", day(5), "seldom"))
    record(ledger, page(*(lost(n, "c@gmx.net", QUUX, at=6) for n in (11, 12))))
    assert seen(ledger, OTHER)[0] is GroupState.ASIDE
    record(ledger, page(lost(13, "c@gmx.net", QUUX, at=6.2)))
    assert seen(ledger, OTHER) == (GroupState.BACK, 4, 1)
    assert [each.gid for each in groups(ledger)] == [OTHER, FIRST]


@pytest.mark.parametrize("dry_run", [True, False])
def test_what_rules_recognise_leaves_its_group(ledger: Ledger, dry_run: bool) -> None:
    record(ledger, page(*EVENTS))
    revise(ledger, recognised(EVENTS[0], EVENTS[3]), dry_run=dry_run)
    if dry_run:
        assert (seen(ledger), seen(ledger, OTHER)) == ((GroupState.NEW, 3, 2), (GroupState.NEW, 1, 1))
        return
    assert (seen(ledger), seen(ledger, OTHER)) == ((GroupState.NEW, 2, 2), (GroupState.RULED, 0, 0))
    record(ledger, page(lost(14, "c@gmx.net", QUUX)))
    assert seen(ledger, OTHER) == (GroupState.BACK, 1, 1)


def test_a_rule_that_is_gone_again_brings_them_back(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    there = recognised(EVENTS[3])
    revise(ledger, there)
    revise(ledger, [Revision(each.after, each.before) for each in there])
    assert seen(ledger, OTHER)[1:] == (1, 1)


def test_a_rule_that_was_saved_and_misses_them_is_told(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    assert ledger.review.note_rule(OTHER, "own.quux", Actor("jo", day(5), "why"))
    record(ledger, page(lost(3, "c@gmx.net", QUUX)))  # older than the rule
    assert seen(ledger, OTHER)[0] is GroupState.DRAFTED
    record(ledger, page(lost(15, "c@gmx.net", QUUX)))
    assert seen(ledger, OTHER)[0] is GroupState.BACK


def test_who_is_forgotten_is_in_no_group(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    ledger.privacy.forget("a@gmail.com", BY)
    ledger.privacy.forget("c@gmx.net", BY)
    assert seen(ledger) == (GroupState.NEW, 1, 1)
    assert ledger.review.group(OTHER) is None
    record(ledger, page(lost(16, "c@gmx.net", QUUX)))
    assert ledger.review.group(OTHER) is None


def test_what_is_purged_is_counted_no_more(ledger: Ledger) -> None:
    record(ledger, page(*EVENTS))
    ledger.history.purge_events(day(2.5))
    group = ledger.review.group(FIRST)
    assert group is not None
    assert (group.mails, group.recipients, group.first_at) == (1, 1, day(3))
    ledger.review.set_aside(FIRST, None, Actor("jo", day(5), "old"))
    ledger.history.purge_events(day(30))
    assert seen(ledger) == (GroupState.ASIDE, 0, 0), "what was decided is kept"
    assert ledger.review.group(OTHER) is None


def test_words_that_no_database_takes(ledger: Ledger) -> None:
    event = lost(1, "a@gmail.com", "554 zorp \x00 and \ud800 and \x1b]52;c; {}{}")
    record(ledger, page(event))
    (group,) = groups(ledger)
    assert group.gid == group_of(event)
    assert ledger.review.group("\x00\ud800") is None
