"""States of a subscriber, and who may be subscribed again."""

from pathlib import Path

import pytest

from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import KEY, vendor_fixture
from tests.outbox.platforms.vendors.sendy import LIST, Sendy

USER = "user@example.org"


vendor = vendor_fixture(Sendy)


@pytest.mark.parametrize("state", ["Bounced", "Complained", "Soft bounced", "Unconfirmed"])
def test_what_sendy_knows_already_is_not_overwritten(vendor: Sendy, desk: Desk, state: str) -> None:
    vendor.others[USER] = state
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    is_mailed = state in ("Soft bounced", "Unconfirmed")
    assert (USER in vendor.listed) is is_mailed
    assert (vendor.others.get(USER) is None) is is_mailed


def test_who_is_on_no_list_is_put_on_none(vendor: Sendy, desk: Desk) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert not vendor.subscribers | vendor.listed


def test_unless_it_is_said_nobody_is_subscribed_by_a_program(vendor: Sendy, tmp_path: Path) -> None:
    keys = f'api_key = "{KEY}"\nlist_ids = ["{LIST}"]'
    vendor.prepare(USER)
    with desk_of(configuration("sendy", keys, vendor.url, tmp_path)) as it:
        it.suppress(USER)
        it.send()
        it.release(USER)
        it.send()
        (dead,) = it.items(OutboxState.DEAD)
    assert "resubscribe = true" in (dead.last_answer or "")
    assert USER in vendor.listed


def test_a_list_that_is_not_there_is_about_the_configuration(vendor: Sendy, tmp_path: Path) -> None:
    keys = f'api_key = "{KEY}"\nlist_ids = ["{LIST}", "another"]'
    vendor.prepare(USER)
    with desk_of(configuration("sendy", keys, vendor.url, tmp_path)) as it:
        it.suppress(USER)
        it.send()
        (item,) = it.items()
    assert item.state is OutboxState.DUE
    assert "check list_ids" in (item.last_answer or "")
    assert USER in vendor.listed


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        (f'api_key = "{KEY}"', 'list_ids: missing: add list_ids = ["a1B2c3D4e5"]'),
        (f'api_key = "{KEY}"\nlist_ids = []', "list_ids: is empty: give the id of a list"),
        (f'api_key = "{KEY}"\nlist_ids = {[str(n) for n in range(11)]}', "list_ids: has more than 10"),
    ],
)
def test_without_lists_it_says_what_to_add(vendor: Sendy, tmp_path: Path, keys: str, problem: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        configuration("sendy", keys, vendor.url, tmp_path)
    assert problem in str(refusal.value)
    assert KEY not in str(refusal.value)
