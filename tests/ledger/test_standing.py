"""Suppressions by hand and by the clock; raw mail that is kept for a time."""

from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, NoticeType, State, SuppressionSource
from bounce_watcher.model.verdict import Reason
from bounce_watcher.words.grounds import text
from tests.ledger.making import START, USER, Platform, bounce, day, mail, page, record


def suppress(
    ledger: Ledger, platform: Platform, recipient: str = USER, stream: str = "default", **changes: object
) -> None:
    given = {"now": START, "until": None} | changes
    by = Actor("jo", given["now"], "asked for")  # type: ignore[arg-type]
    ledger.suppressions.suppress(recipient, stream, by, announce=platform, until=given["until"])  # type: ignore[arg-type]


def test_manual_suppression(ledger: Ledger) -> None:
    platform = Platform()
    suppress(ledger, platform, until=day(3))
    (found,) = ledger.lists.suppressions()
    assert (found.recipient, found.stream, found.state) == (USER, "default", State.SUPPRESSED)
    assert (found.reason, found.source, text(found.grounds)) == (None, SuppressionSource.MANUAL, "asked for")
    assert (found.since, found.until, found.events) == (START, day(3), ())
    assert [it.type for it in platform.told] == [NoticeType.SUPPRESSED]


def test_suppressing_what_is_suppressed_tells_nothing_unless_it_lasts_longer(ledger: Ledger) -> None:
    platform = Platform()
    suppress(ledger, platform, until=day(3))
    suppress(ledger, platform, until=day(2))
    assert len(platform.told) == 1
    suppress(ledger, platform, until=day(5))
    suppress(ledger, platform)
    suppress(ledger, platform, until=day(9))
    assert len(platform.told) == 3
    assert next(ledger.lists.suppressions()).until is None


def test_a_bounce_does_not_shorten_what_a_person_said(ledger: Ledger) -> None:
    suppress(ledger, Platform())
    platform = Platform()
    assert record(ledger, page(bounce("m1")), platform).suppressed == 0
    assert next(ledger.lists.suppressions()).source is SuppressionSource.MANUAL


def test_suppression_that_was_over_begins_anew(ledger: Ledger) -> None:
    platform = Platform()
    suppress(ledger, platform, until=day(1))
    suppress(ledger, platform, until=day(1.5), now=day(1.2))
    assert [it.type for it in platform.told] == [NoticeType.SUPPRESSED, NoticeType.RELEASED, NoticeType.SUPPRESSED]
    assert next(ledger.lists.suppressions()).since == day(1.2)


def test_release_in_one_stream_and_in_all(ledger: Ledger) -> None:
    platform = Platform()
    for stream in ("a", "b", "c"):
        suppress(ledger, platform, stream=stream)
    assert ledger.suppressions.release(
        "USER@example.org", "b", Actor("jo", day(1), "a mistake"), announce=platform
    ) == 1
    assert [it.stream for it in ledger.lists.suppressions()] == ["a", "c"]
    assert ledger.suppressions.release(USER, None, Actor("jo", day(1), "a mistake"), announce=platform) == 2
    assert [it.type for it in platform.told[3:]] == [NoticeType.RELEASED] * 3
    assert {it.state for it in ledger.lists.recipients(USER)} == {State.RELEASED}


def test_release_of_somebody_unknown(ledger: Ledger) -> None:
    platform = Platform()
    assert ledger.suppressions.release(
        "nobody@example.org", None, Actor("jo", START, "a mistake"), announce=platform
    ) == 0
    assert platform.told == []
    assert ledger.lists.recipients("nobody@example.org") == []


def test_expire_releases_what_is_over(ledger: Ledger) -> None:
    platform = Platform()
    for number in range(1, 5):
        suppress(ledger, platform, f"u{number}@example.org", until=day(number))
    suppress(ledger, platform, "forever@example.org")
    platform.told.clear()
    assert ledger.suppressions.expire(day(2), platform) == 2
    assert sorted((it.type, it.recipient, it.at) for it in platform.told) == [
        (NoticeType.RELEASED, "u1@example.org", day(1)), (NoticeType.RELEASED, "u2@example.org", day(2))]
    assert [it.recipient for it in ledger.lists.suppressions()] == [
        "forever@example.org", "u3@example.org", "u4@example.org"
    ]
    assert ledger.suppressions.expire(day(2), platform) == 0


def test_expire_of_many(ledger: Ledger) -> None:
    softs = [bounce(f"m{n}", f"u{user}@example.org", reason=Reason.MAILBOX_FULL, at=day(n))
             for user in range(700) for n in range(3)]
    record(ledger, [mail(*softs)])
    assert ledger.suppressions.expire(day(40), Platform()) == 700
    assert list(ledger.lists.suppressions()) == []


def test_expire_and_a_late_event_come_to_the_same(ledger: Ledger) -> None:
    softs = [[bounce(f"{user}{n}", f"{user}@example.org", reason=Reason.MAILBOX_FULL, at=day(n)) for n in (0, 1, 2, 50)]
             for user in "ab"]
    record(ledger, page(*softs[0][:3], *softs[1][:3]))
    record(ledger, page(softs[0][3]))
    ledger.suppressions.expire(day(60), Platform())
    record(ledger, page(softs[1][3]))
    (a,), (b,) = ledger.lists.recipients("a@example.org"), ledger.lists.recipients("b@example.org")
    assert (a.state, a.sequence, a.released_at, a.counts) == (b.state, b.sequence, b.released_at, b.counts)


def test_purge_drops_raw_mail_and_nothing_else(ledger: Ledger) -> None:
    record(ledger, [*page(*(bounce(f"m{n}", at=day(n / 100)) for n in range(600))),
                    mail(digest="reply", kind=Kind.AUTO_REPLY, at=day(20))])
    assert ledger.history.purge_raw(day(5.50)) == 550
    assert ledger.history.purge_raw(day(5.50)) == 0
    assert ledger.lists.message("m549") is None
    assert ledger.lists.message("m550") is not None
    assert ledger.lists.message("reply") is not None
    assert len(list(ledger.lists.events())) == 600
    assert record(ledger, page(bounce("m1", at=day(0.01)))).events == 0
