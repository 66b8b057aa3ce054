"""Opt-outs as the ledger keeps them, on both databases."""

from dataclasses import replace

import pytest

from bounce_watcher.ledger.actions import LoggedAction
from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.lists.filters import GroupBy
from bounce_watcher.ledger.review.groups import GroupState
from bounce_watcher.ledger.review.optouts import GID
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import Actor, MessageRecord, Misread, Unread
from bounce_watcher.model.optout import AskedBy, KeptOptOut, OptOut
from bounce_watcher.model.sending import SentMail
from tests.facts import BY
from tests.ledger.making import START, USER, Platform, bounce, day, mail, record

SENDER = "private@example.net"
BY_TOKEN = OptOut(AskedBy.MAIL, "news", SENDER, USER, Evidence.TOKEN, sending="s1")


def asking(name: str, *opt_outs: OptOut, at: float = 0) -> MessageRecord:
    return replace(mail(digest=name, kind=Kind.UNSUBSCRIBE, at=day(at)), opt_outs=opt_outs)


def waiting(ledger: Ledger) -> list[KeptOptOut]:
    return list(ledger.review.opt_outs())


def mara(number: float = 3) -> Actor:
    return Actor("mara", day(number), "taken off")


def test_it_waits_until_it_is_done_and_suppresses_nobody(ledger: Ledger) -> None:
    outcome = record(ledger, [asking("a", BY_TOKEN), asking("b", OptOut(AskedBy.MAIL, "news", SENDER), at=1)])
    assert (outcome.opt_outs, outcome.events, outcome.suppressed, outcome.kinds) == (2, 0, 0, {Kind.UNSUBSCRIBE: 2})
    newest, oldest = waiting(ledger)
    assert (oldest.asked, oldest.at, oldest.message_digest, oldest.mailbox) == (BY_TOKEN, START, "a", "returns")
    assert (newest.asked.recipient, newest.asked.evidence) == (None, None)
    assert (ledger.figures.stock().opt_outs.number, ledger.figures.stock().opt_outs.oldest_at) == (2, START)
    (group,) = ledger.review.page(Query(), PagePosition(), day(1)).rows
    assert (group.gid, group.kind, group.mails, group.recipients, group.state) == (
        GID, Misread.OPT_OUT, 2, 2, GroupState.NEW)
    assert group.days is not None
    assert group.days[-2:] == (1, 1)
    assert ledger.lists.to_do().review == 1
    assert not [*ledger.lists.recipients(USER), *ledger.lists.suppressions(), *ledger.lists.outbox()]

    assert ledger.review.settle_opt_outs([oldest.id], mara()) == 1
    assert ledger.review.settle_opt_outs([oldest.id, "nothing"], mara(4)) == 0, "once"
    assert [each.id for each in waiting(ledger)] == [newest.id]
    (done,) = ledger.review.opt_out_page(PagePosition(), done=True).rows
    assert (done.id, done.done_at, done.done_by, done.because) == (oldest.id, day(3), "mara", "taken off")
    assert ledger.review.settle_opt_outs([newest.id], mara()) == 1
    assert list(ledger.review.groups(Query())) == []
    assert ledger.figures.stock().opt_outs.number == 0
    assert [(each.action, each.actor, each.because) for each in ledger.log.newest()] == [
        ("opt-out done", "mara", "taken off")] * 2

    assert ledger.review.settle_opt_outs([newest.id], mara(5), is_done=False) == 1
    assert [(each.done_at, each.done_by, each.because) for each in waiting(ledger)] == [(None, None, None)]
    assert [each.mails for each in ledger.review.groups(Query())] == [1]


def test_the_same_mail_is_one_record_whatever_it_reads_as_later(ledger: Ledger) -> None:
    first = asking("a", BY_TOKEN)
    for _ in range(2):
        record(ledger, [first, first])
    record(ledger, [replace(first, opt_outs=(OptOut(AskedBy.MAIL, "default", SENDER),))])
    (kept,) = waiting(ledger)
    assert kept.asked == BY_TOKEN
    ledger.review.settle_opt_outs([kept.id], mara())
    record(ledger, [first])
    assert waiting(ledger) == []


def test_another_mail_of_the_same_person_waits_again(ledger: Ledger) -> None:
    record(ledger, [asking("a", BY_TOKEN)])
    ledger.review.settle_opt_outs([each.id for each in waiting(ledger)], mara())
    record(ledger, [asking("b", BY_TOKEN, at=-5)])
    assert [each.message_digest for each in waiting(ledger)] == ["b"]
    (group,) = ledger.review.groups(Query({FilterField.STATE: Choice(("new",))}))
    assert (group.gid, group.mails, group.last_at) == (GID, 1, day(-5))


def test_it_stands_with_both_addresses_but_a_provider_is_no_asker(ledger: Ledger) -> None:
    record(ledger, [
        asking("a", BY_TOKEN), asking("b", OptOut(AskedBy.FEEDBACK_REPORT, "news", "fbl@example.net", USER,
                                                  Evidence.REPORT), at=1),
    ])
    assert [each.message_digest for each in ledger.review.opt_outs_of(USER.upper())] == ["b", "a"]
    assert [each.message_digest for each in ledger.review.opt_outs_of(SENDER)] == ["a"]
    assert ledger.review.opt_outs_of("fbl@example.net") == []


def report(name: str, recipient: str) -> MessageRecord:
    event = bounce(name, recipient, kind=Kind.COMPLAINT, action=None, reason=None, feedback_type="opt-out")
    asked = OptOut(AskedBy.FEEDBACK_REPORT, "default", "fbl@example.net", recipient or None)
    return replace(mail(event, kind=Kind.COMPLAINT), opt_outs=(asked,))


def test_a_report_that_names_nobody_is_named_by_its_message_id_and_stays_one(ledger: Ledger) -> None:
    struck_out = report("a", "")
    assert record(ledger, [struck_out]).events == 0
    (kept,) = waiting(ledger)
    assert (kept.asked.recipient, kept.asked.sender) == (None, "fbl@example.net")
    ledger.recording.add_sent([SentMail("a@sender.example", USER, "news", START, "s1")])
    assert record(ledger, [struck_out]).events == 1
    (kept,) = waiting(ledger)
    assert (kept.asked.recipient, kept.asked.evidence, kept.asked.stream, kept.asked.sending) == (
        USER, Evidence.KNOWN_MESSAGE, "news", "s1")
    record(ledger, [struck_out])
    assert [each.id for each in waiting(ledger)] == [kept.id]


def test_one_that_was_done_stays_done_when_it_is_named_later(ledger: Ledger) -> None:
    struck_out = report("a", "")
    record(ledger, [struck_out])
    ledger.review.settle_opt_outs([each.id for each in waiting(ledger)], mara())
    ledger.recording.add_sent([SentMail("a@sender.example", USER, "news", START, None)])
    record(ledger, [struck_out])
    assert waiting(ledger) == []


def test_mail_that_older_rules_did_not_understand_leaves_its_group(ledger: Ledger) -> None:
    letter = replace(mail(digest="a", kind=Kind.OTHER), unread=Unread(Misread.LETTER, "please stop"))
    record(ledger, [letter])
    assert [each.kind for each in ledger.review.groups(Query())] == [Misread.LETTER]
    record(ledger, [asking("a", BY_TOKEN)])
    assert [each.kind for each in ledger.review.groups(Query())] == [Misread.OPT_OUT]


def test_the_group_cannot_be_set_aside(ledger: Ledger) -> None:
    record(ledger, [asking("a", BY_TOKEN)])
    assert not ledger.review.set_aside(GID, None, Actor("jo", day(1), "enough of them"))
    assert not ledger.review.note_rule(GID, "x", Actor("jo", day(1), "why"))
    assert ledger.lists.to_do().review == 1


@pytest.mark.parametrize("forgotten", [USER, SENDER])
def test_who_is_forgotten_is_found_in_no_row(ledger: Ledger, forgotten: str) -> None:
    record(ledger, [asking("a", BY_TOKEN), asking("b", OptOut(AskedBy.MAIL, "news", forgotten), at=1)])
    ledger.review.settle_opt_outs([each.id for each in waiting(ledger)], Actor("mara", day(2), f"{forgotten} rang"))
    assert ledger.privacy.outline(forgotten).opt_outs == 2
    assert ledger.privacy.forget(forgotten, BY).opt_outs == 2
    assert ledger.lists.message("a") is None
    assert ledger.lists.message("b") is None
    kept = list(ledger.review.opt_outs(done=True))
    assert forgotten not in repr(kept)
    assert all(each.source is None and each.because is None and each.asked.sending is None for each in kept)
    assert len(ledger.review.opt_outs_of(forgotten)) == 2, "under the hash"
    outcome = record(ledger, [asking("c", BY_TOKEN, at=3)])
    assert outcome.opt_outs == 1
    assert ledger.lists.message("c") is None
    assert forgotten not in repr(waiting(ledger))


def test_what_waits_is_kept_however_old(ledger: Ledger) -> None:
    record(ledger, [asking("a", BY_TOKEN), asking("b", BY_TOKEN, at=1)])
    first = waiting(ledger)[-1]
    ledger.review.settle_opt_outs([first.id], mara())
    assert ledger.history.purge_events(day(0)) == 0
    assert ledger.history.purge_events(day(100)) == 1
    assert [each.message_digest for each in waiting(ledger)] == ["b"]
    assert list(ledger.review.opt_outs(done=True)) == []


def test_pages_and_counts(ledger: Ledger) -> None:
    record(ledger, [asking(str(n), replace(BY_TOKEN, stream="news" if n % 2 else "shop"), at=n) for n in range(7)])
    page = ledger.review.opt_out_page(PagePosition(rows=3))
    assert [each.message_digest for each in page.rows] == ["6", "5", "4"]
    assert [
        each.message_digest for each in ledger.review.opt_out_page(PagePosition(page.older, rows=3)).rows
    ] == ["3", "2", "1"]
    found = ledger.figures.stats(day(0), day(1), [GroupBy.TYPE])
    assert (found.total, found.opt_outs, found.rows) == (0, 2, [])
    assert ledger.figures.stats(day(0), day(6), [GroupBy.TYPE], "shop").opt_outs == 4


def test_a_sequence_goes_on_as_if_nothing_had_come(ledger: Ledger) -> None:
    record(ledger, [mail(bounce("x"))], Platform())
    before = ledger.lists.recipients(USER)
    record(ledger, [asking("a", replace(BY_TOKEN, stream="default"), at=1)], Platform())
    assert ledger.lists.recipients(USER) == before
    assert len(list(ledger.lists.outbox())) == 1


def test_what_is_done_at_once_is_one_row_of_the_log(ledger: Ledger) -> None:
    record(ledger, [asking(str(n), BY_TOKEN, at=n) for n in range(3)])
    assert ledger.review.settle_opt_outs([each.id for each in waiting(ledger)], mara()) == 3
    assert ledger.log.newest() == [LoggedAction(day(3), "mara", "opt-out done", GID, 3, "taken off", 1)]
