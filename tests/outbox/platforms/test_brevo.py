"""What is Brevo's own: two lists, senders, and who unsubscribed themselves."""

from datetime import timedelta
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.brevo import Brevo

USER = "user@example.org"


vendor = vendor_fixture(Brevo)


def test_senders_are_closed_with_the_campaigns_and_opened_with_them(vendor: Brevo, tmp_path: Path) -> None:
    keys = vendor.keys() + '\nsenders = ["shop@example.com", "billing@example.com"]'
    with desk_of(configuration("brevo", keys, vendor.url, tmp_path, more="rate = 1000.0")) as desk:
        desk.suppress(USER)
        desk.send()
        assert vendor.senders == {USER: ["shop@example.com", "billing@example.com"]}
        desk.release(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
        assert not vendor.blocked | vendor.listed


def test_a_release_opens_transactional_mail_to_who_is_no_contact(desk: Desk, vendor: Brevo) -> None:
    desk.suppress(USER)
    desk.send()
    vendor.known.clear()
    vendor.listed.clear()
    vendor.blocked.add(USER)
    desk.release(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert not vendor.blocked


def test_who_unsubscribed_themselves_is_touched_on_neither_list(desk: Desk, vendor: Brevo) -> None:
    vendor.left.add(USER)
    vendor.blocked.add(USER)
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert "unsubscribed themselves" in (dead.last_answer or "")
    assert (vendor.listed, vendor.blocked) == ({USER}, {USER})


def test_a_404_that_is_not_of_brevo_releases_nobody(desk: Desk, vendor: Brevo) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.always(Answer(404, body=b"404 page not found"))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]


def test_a_200_at_the_end_of_a_release_is_not_what_brevo_answers(desk: Desk, vendor: Brevo) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    contact = {"emailBlacklisted": True, "email": USER}
    vendor.then(Answer(200, contact), Answer(204), Answer(200, {"hello": "world"}))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]


def test_its_own_header_tells_how_long_to_wait(desk: Desk, vendor: Brevo) -> None:
    desk.suppress(USER)
    begin = now()
    vendor.then(Answer(429, {"code": "too_many_requests"}, {"x-sib-ratelimit-reset": "1200"}))
    desk.send()
    (item,) = desk.items()
    assert item.next_attempt_at >= begin + timedelta(seconds=1200)


def test_a_sender_that_is_no_address_is_refused() -> None:
    text = '[[platform]]\nname = "news"\nkind = "brevo"\napi_key = "key"\nsenders = ["example.com"]\n'
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    assert error.value.problems == (
        'line 5: platform[news].senders: "example.com" is no address: write it as in From, like news@example.com',
    )
