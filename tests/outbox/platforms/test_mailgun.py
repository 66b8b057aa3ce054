"""Mailgun: two lists, a 404 that may mean two things, and URLs of pages that lead elsewhere."""

from datetime import UTC, datetime

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.platform import Listed
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.mailgun import Mailgun

USER, ANGRY = "user@example.org", "angry@example.org"
AT = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)


vendor = vendor_fixture(Mailgun)


def change(recipient: str = USER, *, suppress: bool = True, **more: str) -> Change:
    return Change("msg_1", recipient, "news", suppress=suppress, at=AT, **more)  # type: ignore[arg-type]


def told(desk: Desk, one: Change) -> Outcome:
    session = connect(desk.platform)
    try:
        act = session.suppress if one.suppress else session.release
        (outcome,) = act([one], now())
    finally:
        session.close()
    return outcome


def test_a_complaint_goes_to_the_complaints_and_shares_no_call_with_bounces(desk: Desk, vendor: Mailgun) -> None:
    bounce, complaint = change(diagnostic="550 5.1.1 no such user"), change(ANGRY, reason="complaint")
    assert desk.platform.group_of(bounce) != desk.platform.group_of(complaint)
    assert {told(desk, bounce).fate, told(desk, complaint).fate} == {Fate.DONE}
    assert (vendor.listed, vendor.complaints) == ({USER}, {ANGRY})
    assert vendor.told[USER] == {
        "address": USER, "code": "550", "error": "550 5.1.1 no such user",
        "created_at": "Thu, 26 Nov 2026 12:00:00 GMT",
    }


def test_a_release_clears_both_lists_and_leaves_alone_what_a_recipient_has_said(desk: Desk, vendor: Mailgun) -> None:
    for name in ("bounces", "complaints", "unsubscribes"):
        vendor.of(name).add(USER)
    assert told(desk, change(suppress=False)).fate is Fate.DONE
    assert not vendor.listed | vendor.complaints
    assert vendor.unsubscribes == {USER}


@pytest.mark.parametrize(("listing", "fate", "calls"), [
    (Answer(200, {"items": [], "paging": {}}), Fate.DONE, 3),
    (Answer(404, {"message": "Domain not found: mg.example.com"}), Fate.LATER, 2),
    (Answer(503, {"message": "down"}), Fate.LATER, 2),
])
def test_a_404_in_other_words_is_looked_into(
    desk: Desk, vendor: Mailgun, listing: Answer, fate: Fate, calls: int
) -> None:
    vendor.then(Answer(404, {"message": "gone"}), listing)
    assert told(desk, change(suppress=False)).fate is fate
    assert len(vendor.calls) == calls


def test_its_list_is_both_lists_and_the_key_stays_with_the_host_configured(desk: Desk, vendor: Mailgun) -> None:
    bounces = {f"user{number:04}+tag@example.org" for number in range(501)}
    vendor.listed |= bounces
    vendor.complaints.add(ANGRY)
    vendor.unsubscribes.add("opted-out@example.org")
    session, cursor, found = connect(desk.platform), None, list[Listed]()
    try:
        while True:
            page = session.page(cursor, now())
            found += page.entries
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        session.close()
    since = datetime(2011, 10, 13, 18, 2, tzinfo=UTC)
    assert found == [*(Listed(each, "bounces", since) for each in sorted(bounces)), Listed(ANGRY, "complaints", since)]
    assert {call.headers["host"] for call in vendor.calls} == {vendor.url.removeprefix("http://")}


def test_a_bad_address_among_many_is_found(desk: Desk, vendor: Mailgun) -> None:
    assert vendor.refuses
    many = [f"user{number}@example.org" for number in range(7)]
    desk.suppress(*many, vendor.refuses)
    desk.send(rounds=2)
    assert vendor.listed == set(many)
    assert [item.recipient for item in desk.items(OutboxState.DEAD)] == [vendor.refuses]


@pytest.mark.parametrize("domain", ["https://mg.example.com", "mg.example.com/bounces", "u@example.com", "localhost"])
def test_what_is_no_domain_is_refused_in_one_line(domain: str) -> None:
    text = f'[[platform]]\nname = "mailgun"\nkind = "mailgun"\ndomain = "{domain}"\napi_key = "key"\n'
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    assert error.value.problems == (
        "line 4: platform[mailgun].domain: is no domain: give the sending domain as Mailgun shows it, such as "
        "mg.example.com",
    )
