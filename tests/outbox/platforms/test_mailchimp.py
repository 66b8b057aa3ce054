"""What is Mailchimp's own: the data centre, refusals inside a 200, and whom a release may subscribe."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import COMPLAINT_REASON, OutboxState
from bounce_watcher.outbox.platform import Listed
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.mailchimp import ABSENT, AUDIENCE, Mailchimp

USER = "user@example.org"
OTHER = "other@example.org"

TABLE = '[[platform]]\nname = "news"\nkind = "mailchimp"\naudience = "a1b2c3d4e5"\n'


vendor = vendor_fixture(Mailchimp)


def batch(*, new: tuple[str, ...] = (), errors: tuple[tuple[str, str], ...] = ()) -> Answer:
    return Answer(200, {
        "new_members": [{"email_address": each} for each in new], "updated_members": [],
        "errors": [{"email_address": each, "error": words, "error_code": "ERROR_GENERIC"} for each, words in errors],
    })


def test_the_data_centre_is_the_end_of_the_key() -> None:
    (platform,) = parse(TABLE + 'api_key = "0123abc-us21"\n', "config.toml", {}).platforms
    assert getattr(platform, "url", "") == "https://us21.api.mailchimp.com"


@pytest.mark.parametrize("key", ["0123abc", "0123abc-", "0123abc-evil.example.org/us1", "us21-0123abc"])
def test_a_key_without_a_data_centre_is_refused(key: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(TABLE + f'api_key = "{key}"\n', "config.toml", {})
    assert error.value.problems == (
        "line 5: platform[news].api_key: does not end in a data centre, such as -us21: give the whole key, or set url "
        "to https://DATA_CENTRE.api.mailchimp.com",
    )


def test_an_audience_that_is_a_dot_is_refused() -> None:
    with pytest.raises(ConfigError) as error:
        parse(TABLE.replace(AUDIENCE, "..") + 'api_key = "0123abc-us21"\n', "config.toml", {})
    assert error.value.problems == (
        "line 4: platform[news].audience: is no id of an audience: copy it from the settings of the audience there",
    )


def test_each_refusal_inside_a_200_is_of_its_own_change(desk: Desk, vendor: Mailchimp) -> None:
    desk.suppress(USER, OTHER)
    vendor.then(batch(new=(OTHER,), errors=((USER.upper(), f"{USER} looks fake"),)))
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == USER
    assert "ERROR_GENERIC" in (dead.last_answer or "")
    assert "looks fake" in (dead.last_answer or "")
    assert "user@" not in (dead.last_answer or "")
    assert [item.recipient for item in desk.items(OutboxState.DELIVERED)] == [OTHER]


def test_a_refusal_under_another_spelling_is_traced_by_asking_for_each_alone(desk: Desk, vendor: Mailchimp) -> None:
    desk.suppress(USER, OTHER)
    vendor.then(batch(errors=(("user@other.example.org", "looks fake"),)))
    desk.send(rounds=2)
    assert vendor.listed == {USER, OTHER}
    assert desk.states() == {OutboxState.DELIVERED}
    assert [len(call.json["members"]) for call in vendor.calls] == [2, 1, 1]


def test_who_it_added_is_not_signed_up_by_a_release(desk: Desk, vendor: Mailchimp) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert "never opted in" in (dead.last_answer or "")
    assert vendor.status(USER) == "unsubscribed"


@pytest.mark.parametrize("status", ["transactional", "archived", "pending"])
def test_who_is_not_stopped_is_left_as_they_are(desk: Desk, vendor: Mailchimp, status: str) -> None:
    vendor.prepare(USER)
    desk.suppress(USER)
    desk.send()
    vendor.set(USER, status)
    desk.release(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert vendor.status(USER) == status


def test_a_release_waits_where_the_whole_audience_is_not_there(desk: Desk, vendor: Mailchimp) -> None:
    vendor.prepare(USER)
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.always(ABSENT)
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]


def test_words_of_its_own_for_bounces_but_never_for_complaints(vendor: Mailchimp, tmp_path: Path) -> None:
    keys = vendor.keys() + '\nbounced = "cleaned"\nreleased = "pending"'
    with desk_of(configuration("mailchimp", keys, vendor.url, tmp_path, more="rate = 1000.0")) as desk:
        vendor.prepare(USER, OTHER)
        desk.suppress(USER)
        desk.suppress(OTHER, bounce_type=None, reason=COMPLAINT_REASON)
        desk.send()
        assert (vendor.status(USER), vendor.status(OTHER)) == ("cleaned", "unsubscribed")
        desk.release(USER, OTHER)
        desk.send()
        (dead,) = desk.items(OutboxState.DEAD)
        assert dead.recipient == USER
        assert "only they themselves can subscribe again" in (dead.last_answer or "")
        assert vendor.status(OTHER) == "pending"


def test_its_list_tells_each_status_and_since_when(desk: Desk, vendor: Mailchimp) -> None:
    vendor.set(USER, "cleaned")
    vendor.set(OTHER, "unsubscribed")
    vendor.set("reader@example.org", "subscribed")
    session = connect(desk.platform)
    try:
        first = session.page(None, now())
        second = session.page(first.cursor, now())
    finally:
        session.close()
    since = datetime(2024, 3, 1, 10, tzinfo=UTC)
    assert first.entries == (Listed(OTHER, "unsubscribed", since),)
    assert (second.entries, second.cursor) == ((Listed(USER, "cleaned", since),), None)
