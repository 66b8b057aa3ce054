"""Subscribers who are not there, who are there in another state, and addresses within a condition of SQL."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bounce_watcher.model.errors import ConfigError, PermanentFailure
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import KEY, Answer, vendor_fixture
from tests.outbox.platforms.vendors.listmonk import Listmonk

USER = "user@example.org"


vendor = vendor_fixture(Listmonk)




@pytest.fixture
def plain(vendor: Listmonk, tmp_path: Path) -> Iterator[Desk]:
    with desk_of(configuration("listmonk", vendor.keys(), vendor.url, tmp_path)) as it:
        yield it


def test_who_is_no_subscriber_is_added_to_the_blocklist(vendor: Listmonk, plain: Desk) -> None:
    plain.suppress(USER)
    plain.send()
    assert vendor.listed == {USER}
    assert plain.states() == {OutboxState.DELIVERED}


def test_who_is_no_subscriber_is_left_out_where_it_is_said(vendor: Listmonk, tmp_path: Path) -> None:
    settings = configuration("listmonk", vendor.keys(), vendor.url, tmp_path, more="add_unknown = false")
    with desk_of(settings) as it:
        vendor.prepare("known@example.org")
        it.suppress(USER, "known@example.org")
        it.send()
        assert it.states() == {OutboxState.DELIVERED}
    assert vendor.ids.keys() == vendor.listed == {"known@example.org"}


def test_who_came_between_look_up_and_addition_is_found_the_next_time(vendor: Listmonk, plain: Desk) -> None:
    plain.suppress(USER)
    vendor.then(Answer(200, {"data": {"results": [], "total": 0}}), Answer(409, {"message": "E-mail already exists."}))
    plain.send()
    assert plain.states() == {OutboxState.DUE}
    vendor.prepare(USER)
    plain.hurry()
    plain.send()
    assert vendor.listed == {USER}


def test_a_batch_takes_two_calls(vendor: Listmonk, plain: Desk) -> None:
    twenty = tuple(f"user{number}@example.org" for number in range(20))
    vendor.prepare(*twenty)
    plain.suppress(*twenty)
    plain.send()
    assert [call.method for call in vendor.calls] == ["GET", "PUT"]
    assert vendor.listed == set(twenty)


def test_an_address_stays_within_its_quotes(vendor: Listmonk, plain: Desk) -> None:
    hostile = ("x'or'1'='1@example.org", "a')--@example.org")
    vendor.prepare("bystander@example.org", *hostile)
    plain.suppress(*hostile)
    plain.send()
    assert vendor.listed == set(hostile)


def test_a_release_leaves_who_is_disabled(vendor: Listmonk, plain: Desk) -> None:
    vendor.prepare(USER)
    plain.suppress(USER)
    plain.send()
    vendor.listed.clear()
    vendor.disabled.add(USER)
    plain.release(USER)
    plain.send()
    assert vendor.disabled == {USER}
    assert not [call for call in vendor.calls if call.method == "PATCH"]


def test_a_status_that_is_no_text_makes_no_page(vendor: Listmonk, plain: Desk) -> None:
    row = {"id": 1, "email": USER, "status": ["enabled"]}
    vendor.always(Answer(200, {"data": {"results": [row], "total": 1}}))
    with closing(connect(plain.platform)) as session, pytest.raises(PermanentFailure, match="not what this API"):
        session.page(None, now())


def test_without_a_url_it_says_what_to_add(vendor: Listmonk, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refusal:
        configuration("listmonk", vendor.keys(), None, tmp_path)
    assert 'url: missing: add url = "https://lists.example.org"' in str(refusal.value)
    assert KEY not in str(refusal.value)
