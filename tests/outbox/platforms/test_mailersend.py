"""MailerSend: two lists, and releases that have to find the ids first."""


import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.mailersend import MailerSend, id_of

USER, OTHER, ANGRY = "user@example.org", "other@example.org", "angry@example.org"


vendor = vendor_fixture(MailerSend)


def crowd(size: int) -> set[str]:
    return {f"a{number:05}@example.org" for number in range(size)}


def test_complaints_have_a_list_of_their_own_and_are_released_from_it(desk: Desk, vendor: MailerSend) -> None:
    desk.suppress(USER)
    desk.suppress(ANGRY, bounce_type=None, reason="complaint")
    desk.send()
    assert (vendor.listed, vendor.complaints) == ({USER, ANGRY}, {ANGRY})
    desk.release(USER, ANGRY)
    desk.send()
    assert not vendor.listed


def test_many_releases_read_the_lists_once(desk: Desk, vendor: MailerSend) -> None:
    many = tuple(sorted(crowd(40)))
    desk.suppress(*many)
    desk.send()
    vendor.calls.clear()
    desk.release(*many)
    desk.send()
    assert [call.method for call in vendor.calls] == ["GET", "DELETE", "GET"]
    assert not vendor.listed


def test_one_behind_many_others_is_found_and_they_stay(desk: Desk, vendor: MailerSend) -> None:
    others = crowd(450)
    vendor.listed |= others
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    desk.send()
    assert vendor.listed == others
    assert desk.states() == {OutboxState.DELIVERED}


def test_one_beyond_what_is_read_is_told(desk: Desk, vendor: MailerSend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bounce_watcher.outbox.platforms.mailersend.MAX_PAGES", 2)
    vendor.listed |= crowd(250)
    desk.suppress(USER, "a00000@example.org")
    desk.send()
    desk.release(USER, "a00000@example.org")
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == USER
    assert "by hand" in (dead.last_answer or "")
    assert USER in vendor.listed
    assert "a00000@example.org" not in vendor.listed


def test_an_entry_that_can_not_be_read_is_not_taken_for_an_absence(desk: Desk, vendor: MailerSend) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(Answer(200, {"data": [{"id": id_of(USER), "address": USER}]}))
    desk.send()
    assert OutboxState.DUE in desk.states()
    desk.hurry()
    desk.send()
    assert not vendor.listed


def test_a_name_for_an_id_is_refused_in_one_line() -> None:
    text = '[[platform]]\nname = "ms"\nkind = "mailersend"\napi_token = "t"\ndomain_id = "mail.example.com"\n'
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    assert error.value.problems == (
        "line 5: platform[ms].domain_id: is no id of a domain: give the Domain ID that MailerSend shows with it, not "
        "its name",
    )
