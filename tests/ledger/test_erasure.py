"""An address struck out wherever it stands, in whatever form, and nobody else's."""

import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bounce_watcher.ledger.actions import Act
from bounce_watcher.ledger.db import files
from bounce_watcher.ledger.db.engine import open_engine, write
from bounce_watcher.ledger.db.paging import PagePosition
from bounce_watcher.ledger.db.personal import COLUMNS, may_hold
from bounce_watcher.ledger.db.query import Query
from bounce_watcher.ledger.db.tables import ALERT, GUARD_COUNT, METADATA
from bounce_watcher.ledger.lists.filters import EventFilter, SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.grounds import ByPerson, EndpointGone, OlderVerdict
from bounce_watcher.model.ledger import (
    Actor,
    Attempt,
    BounceEvent,
    Disposition,
    Misread,
    State,
    Suppression,
    SuppressionSource,
    Unread,
)
from bounce_watcher.model.message import pack
from bounce_watcher.model.sending import Delivery, SentMail
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.outages import wording_subject
from tests.facts import BY, DOUBT
from tests.families import for_each
from tests.ledger.making import LEASE, START, Platform, bounce, day, deliver_all, mail, page, record
from tests.ledger.searching import in_files, in_rows

pytestmark = pytest.mark.dialects

ADA = "ada.lovelace@corp.example"
OTHER = "b@example.org"
WANTED = "lovelace"


@for_each("name", METADATA.tables)
def test_it_is_said_of_every_column_what_it_may_hold(name: str) -> None:
    """A new column is declared in `db.tables`: what in it is struck out, or that it holds nothing on a person."""
    assert set(COLUMNS[name]) == may_hold(METADATA.tables[name])


OLDER = OlderVerdict("bounce", date(2026, 3, 1), None, "soft", "mailbox_full", "a.rule")


def series_of(event: BounceEvent) -> str:
    subject = wording_subject(event)
    assert subject is not None
    return subject.key


def test_it_is_said_of_every_table() -> None:
    assert set(COLUMNS) == set(METADATA.tables)


def test_another_ones_words_stay_but_for_the_address(ledger: Ledger, ledger_url: str) -> None:
    said = f"551 <{OTHER}> has moved, try <{ADA}> instead"
    older = replace(OLDER, rule=f"by {ADA}")
    event = replace(bounce("m1", OTHER, diagnostic=said), quote=said, final_recipient=ADA, formerly=(older,))
    record(ledger, page(event, bounce("m2", "c@example.org")))
    assert ledger.privacy.forget(ADA.upper(), BY).mentions == 2, "the event and the suppression"
    (left,) = ledger.lists.events(EventFilter(OTHER))
    assert (left.diagnostic, left.final_recipient) == (f"551 <{OTHER}> has moved, try <[forgotten]> instead", None)
    (stands,) = ledger.lists.suppressions(SuppressionFilter(OTHER))
    assert stands.diagnostic == left.diagnostic
    assert in_rows(ledger_url, WANTED) == []


def test_those_that_end_alike_lose_nothing(ledger: Ledger) -> None:
    ceo = "ceo@corp.example"
    others = ("=ceo@corp.example", "xceo@corp.example", "x.ceo@corp.example", '"a b"@corp.example')
    said = [
        mail(bounce(f"m{n}", each, diagnostic=f"550 5.1.1 {each} is unknown")) for n, each in enumerate((ceo, *others))
    ]
    said = [replace(each, packed=pack(f"To: {each.events[0].recipient}\n\nx".encode())) for each in said]
    record(ledger, said)
    deliver_all(ledger)
    before = {each.recipient: each for each in ledger.lists.events() if each.recipient != ceo}
    erased = ledger.privacy.forget(ceo, BY)
    assert (erased.messages, erased.events, erased.mentions) == (1, 1, 0)
    assert {each.recipient: each for each in ledger.lists.events(EventFilter()) if each.recipient in others} == before
    assert [ledger.lists.message(f"m{n}") is None for n in range(5)] == [True, False, False, False, False]
    assert [each.recipient for each in ledger.lists.recipients(others[0])] == [others[0]]

    assert ledger.privacy.forget("=ceo@corp.example", BY).events == 1
    assert ledger.privacy.forget('"a b"@corp.example', BY).events == 1
    assert ledger.privacy.forget('"ceo"@corp.example', BY).events == 0, "it was forgotten without its quotes"
    assert ledger.lists.known_as('"ceo"@corp.example') == ledger.lists.known_as(ceo)
    assert {each.recipient for each in ledger.lists.suppressions()} >= {"xceo@corp.example", "x.ceo@corp.example"}


def test_one_mailbox_under_two_spellings_is_one_person(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, page(bounce("m1", ADA, reason=Reason.MAILBOX_FULL), bounce("m2", '"ada.lovelace"@corp.example')))
    deliver_all(ledger)
    erased = ledger.privacy.forget(ADA, BY)
    assert erased.records in (1, 2), "as addresses compare"
    assert [each.state for each in ledger.lists.recipients(ADA)] == [State.SUPPRESSED]
    assert len(list(ledger.lists.suppressions())) == 1
    assert in_rows(ledger_url, WANTED) == []


def test_what_people_typed_loses_the_address_before_and_after(ledger: Ledger, ledger_url: str) -> None:
    why, links = f"{ADA} rang up", ledger.names

    def act() -> None:
        ledger.suppressions.suppress(ADA, "default", Actor("jo", START, why), announce=Platform())
        ledger.suppressions.suppress(OTHER, "default", Actor("jo", START, why), announce=Platform())
        ledger.log.enter(Act(Actor(ADA, START, why), "suppress", recipient=ADA))
        ledger.log.enter(Act(Actor("jo", START, why), "suppress", recipient=OTHER))
        ledger.log.enter(Act(Actor("jo", START, why), "suppress", recipient="Ada.Lovelace@Corp.example"))
        ledger.outbox.pause("platform", Actor(ADA, START, why))
        ledger.outbox.resume("platform", BY)
        ledger.outbox.pause("platform", Actor(ADA, START, why))
        ledger.suppressions.protect("c@example.org", Actor(ADA, START, why))
        ledger.suppressions.release(OTHER, None, Actor("jo", day(1), why), announce=Platform())
        ledger.outbox.resume("platform", BY)
        deliver_all(ledger)

    act()
    assert {"recipient.grounds", "state_change.grounds", "action.actor", "protected.actor"} <= set(
        in_rows(ledger_url, WANTED))
    ledger.privacy.forget(ADA, BY)
    assert in_rows(ledger_url, WANTED) == []
    act()
    assert in_rows(ledger_url, WANTED) == []
    subjects = {links.address(each.subject) for each in ledger.log.newest()}
    assert subjects - {None} == {
        ledger.lists.known_as(ADA), OTHER, "c@example.org"
    }, "targets have no name of an address"


def test_later_reports_name_nobody_who_was_forgotten(ledger: Ledger, ledger_url: str) -> None:
    ledger.privacy.forget(ADA, BY)  # of whom nothing is stored yet
    assert list(ledger.lists.events()) == []
    said = f"551 has moved, try {ADA}; bounces+ada.lovelace=corp.example@lists.example.org"
    spoken = mail(bounce("m1", OTHER, diagnostic=said))
    packed = pack(b"Subject: =?utf-8?B?YWRhLmxvdmVsYWNlQGNvcnAuZXhhbXBsZQ==?=\n\nx")
    unread = replace(mail(digest="m3"), unread=Unread(Misread.NOTICE, f"something about {ADA}"))
    quiet = replace(bounce("m4", "d@example.org"), doubt=DOUBT)
    record(ledger, [
        spoken, replace(mail(bounce("m2", ADA, diagnostic=said)), packed=pack(b"nobody is named")),
        replace(unread, packed=packed), mail(quiet), replace(mail(bounce("m5", "e@example.org")), packed=packed),
    ])
    deliver_all(ledger)
    assert in_rows(ledger_url, WANTED) == []
    assert ledger.lists.message("m5") is None
    assert ledger.lists.message("m4") is not None
    (of_ada,) = ledger.lists.events(EventFilter(ADA))
    assert (of_ada.recipient, of_ada.diagnostic) == (ledger.lists.known_as(ADA), None)
    assert [each.state for each in ledger.lists.suppressions(SuppressionFilter(ADA))] == [State.SUPPRESSED]
    (doubted,) = ledger.lists.events(EventFilter("d@example.org"))
    assert doubted.doubt == DOUBT


def test_what_the_platform_tells_later_stands_under_the_hash(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, page(bounce("m1", ADA, reason=Reason.MAILBOX_FULL)))
    deliver_all(ledger)
    ledger.privacy.forget(ADA, BY)
    mails = [SentMail("1@x.example", ADA, "default", day(1)), SentMail("2@x.example", OTHER, "default", day(1)),
             SentMail("3.ada.lovelace=corp.example@x.example", ADA, "default", day(1))]
    assert ledger.recording.add_sent(mails).new == 2
    assert ledger.recording.add_sent(mails[:2]).known == 2
    assert dict(ledger.figures.sent_by_day(day(0).date(), day(3).date())) == {
        (day(1).date(), "corp.example"): 1, (day(1).date(), "example.org"): 1,
    }
    ledger.recording.deliver([Delivery(ADA, "default", day(2))], Platform())
    assert [each.delivered_at for each in ledger.lists.recipients(ADA)] == [day(2)]
    platform = Platform()
    why = f"on a list as {ADA}"
    listed = Suppression(ADA, "default", State.SUPPRESSED, None, day(3), ByPerson(why), SuppressionSource.PLATFORM)
    assert ledger.suppressions.adopt([listed], day(3), platform) == 1
    assert [each.recipient for each in platform.told] == [ADA], "who may be told is told by the address"
    deliver_all(ledger)
    assert in_rows(ledger_url, WANTED) == []
    assert [each.recipient for each in ledger.lists.suppressions()] == [ledger.lists.known_as(ADA)]


@pytest.mark.parametrize("settle", ["delivered", "dead", "discarded", "superseded"])
def test_a_notice_loses_the_address_as_soon_as_it_is_settled(ledger: Ledger, ledger_url: str, settle: str) -> None:
    record(ledger, page(bounce("m1", ADA)))
    ledger.privacy.forget(ADA, BY)
    assert set(in_rows(ledger_url, WANTED)) == {"outbox.recipient"}
    if settle == "discarded":
        ledger.outbox.discard(BY, target="platform")
    elif settle == "superseded":
        ledger.suppressions.release(ADA, None, Actor("jo", day(1), "x"), announce=Platform())
        deliver_all(ledger)
        ledger.privacy.finish_forgetting()
    else:
        (item,) = ledger.outbox.lease("platform", START, LEASE, 9)
        assert (item.recipient, item.body) == (ADA, '{"data": {}}')
        disposition = Disposition.DELIVERED if settle == "delivered" else Disposition.DEAD
        ledger.outbox.conclude([(item, Attempt(disposition, f"we know {ADA}"))], START)
    assert in_rows(ledger_url, WANTED) == []
    assert ledger.privacy.finish_forgetting() in {files.Files.CLEAN, files.Files.DEAD_ROWS, None}
    assert ledger.privacy.finish_forgetting() is None


def test_an_answer_on_another_one_names_nobody(ledger: Ledger, ledger_url: str) -> None:
    ledger.privacy.forget(ADA, BY)
    record(ledger, page(bounce("m1", OTHER)))
    (item,) = ledger.outbox.lease("platform", START, LEASE, 9)
    ledger.outbox.conclude([(item, Attempt(Disposition.RETRY, f"refused: {ADA}", next_attempt_at=day(1)))], START)
    assert in_rows(ledger_url, WANTED) == []


def test_words_that_one_persons_mail_alone_had_go_with_it(ledger: Ledger, ledger_url: str) -> None:
    said = "550 the porter says no"
    own = bounce("m1", ADA, reason=Reason.UNKNOWN, diagnostic="550 Ada Byron Lovelace walks with us no more")
    shared = [
        bounce(f"s{n}", each, reason=Reason.UNKNOWN, diagnostic=said) for n, each in enumerate((ADA, OTHER))
    ]
    record(ledger, page(own, *shared))
    aside, _ = sorted(ledger.review.page(Query(), PagePosition()).rows, key=lambda each: "porter" in each.wording)
    ledger.review.set_aside(aside.gid, None, Actor("jo", day(1), "noise"))
    hard = [bounce("m9", ADA, diagnostic="550 Ada Byron Lovelace is gone"), bounce("m8", ADA, diagnostic=said)]
    engine = open_engine(ledger_url)
    write(engine, lambda connection: connection.execute(GUARD_COUNT.insert(), [
        {"series": series_of(each), "slot": 1, "number": number} for each, number in zip(hard, (1, 7), strict=True)
    ]))
    engine.dispose()
    record(ledger, page(*hard))
    deliver_all(ledger)
    ledger.privacy.forget(ADA, BY)
    assert in_rows(ledger_url, "byron") == []
    kept = [each.wording for each in ledger.review.page(Query(), PagePosition()).rows if each.mails]
    assert kept == ["# the porter says no"]
    assert "guard_count.series" in in_rows(ledger_url, "porter")


def test_an_alert_quotes_nobody_who_was_forgotten(ledger: Ledger, ledger_url: str) -> None:
    engine = open_engine(ledger_url)
    write(engine, lambda connection: connection.execute(ALERT.insert().values(
        series="provider corp.example", id="a1", kind="outage", subject_kind="provider", subject="corp.example",
        since=START, raised_at=START, ends_at=day(1), cleared=False, most=9, alarm_from=3, usual=0.0,
        grounds=EndpointGone(f"not {ADA}"), quote=f"550 try {ADA}", held=0, released=0, confirmed=0,
    )))
    engine.dispose()
    ledger.privacy.forget(ADA, BY)
    (alert,) = ledger.lists.alerts()
    assert (alert.grounds, alert.quote) == (EndpointGone("not [forgotten]"), "550 try [forgotten]")


def test_a_rehearsal_changes_nothing_and_counts_the_same(ledger: Ledger, ledger_url: str) -> None:
    record(ledger, page(bounce("m1", ADA, diagnostic=f"550 {ADA}"), bounce("m2", OTHER, diagnostic=f"try {ADA}")))
    deliver_all(ledger)
    before = in_rows(ledger_url, WANTED)
    rehearsed = ledger.privacy.forget(ADA, BY, dry_run=True)
    assert in_rows(ledger_url, WANTED) == before
    assert ledger.privacy.forget(ADA, BY) == rehearsed


# ── the files of SQLite ─────────────────────────────────────────────────────────────────────────────────────────────

def test_files_hold_nothing_while_others_have_them_open(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.connect(f"sqlite:///{path}") as ledger, Ledger.connect(f"sqlite:///{path}") as service:
        ledger.upgrade()
        for part in range(20):
            record(service, [
                mail(bounce(f"{part}-{n}", f"u{n}@x.example" if n % 9 else ADA, diagnostic="x" * n * 7, at=day(part)))
                for n in range(60)
            ])
        deliver_all(service)
        assert in_files(path, WANTED)
        ledger.privacy.forget(ADA, BY)
        assert ledger.privacy.clean_files() is files.Files.CLEAN
        assert in_files(path, WANTED) == {}
        assert len(list(service.lists.events())) == 1200


def test_a_reader_of_what_was_there_is_told_and_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PATIENCE", 50)
    path = tmp_path / "ledger.db"
    with Ledger.connect(f"sqlite:///{path}") as ledger:
        ledger.upgrade()
        record(ledger, page(bounce("m1", ADA)))
        deliver_all(ledger)
        reader = sqlite3.connect(path)
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM event").fetchone() == (1,)
        ledger.privacy.forget(ADA, BY)
        assert ledger.privacy.clean_files() is files.Files.BUSY
        assert ledger.privacy.finish_forgetting() is files.Files.BUSY
        reader.close()
        assert ledger.privacy.finish_forgetting() is files.Files.CLEAN
        assert ledger.privacy.finish_forgetting() is None
        assert in_files(path, WANTED) == {}


@pytest.mark.parametrize(("name", "value", "left"), [
    ("LARGEST_AT_ONCE", 1, files.Files.TOO_LARGE), ("_ROOM", 1 << 50, files.Files.NO_ROOM),
])
def test_what_cannot_be_written_anew_is_said_until_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: int, left: files.Files
) -> None:
    path = tmp_path / "ledger.db"
    with Ledger.connect(f"sqlite:///{path}") as ledger:
        ledger.upgrade()
        record(ledger, page(bounce("m1", ADA)))
        deliver_all(ledger)
        ledger.privacy.forget(ADA, BY)
        monkeypatch.setattr(files, name, value)
        assert ledger.privacy.clean_files() is left
        assert ledger.privacy.finish_forgetting() is left
        assert ledger.privacy.vacuum() is files.Files.CLEAN
        assert ledger.privacy.finish_forgetting() is None
