"""Cloudflare: entries have ids, a scope, and may be nobody's to change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.cloudflare import ACCOUNT, Cloudflare, id_of, success

USER, OTHER = "user@example.org", "other@example.org"
DOMAIN = {"type": "sending_domain", "value": "mail.example.com"}


vendor = vendor_fixture(Cloudflare)


@pytest.fixture
def of_a_domain(vendor: Cloudflare, tmp_path: Path) -> Iterator[Desk]:
    more = 'rate = 1000.0\nsending_domain = "mail.example.com"'
    with desk_of(configuration("cloudflare", vendor.keys(), vendor.url, tmp_path, more=more)) as it:
        yield it


def test_who_is_written_in_two_ways_is_asked_for_once(desk: Desk, vendor: Cloudflare) -> None:
    desk.suppress(USER, OTHER, "User@example.org")
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert len(vendor.calls[0].json["items"]) == 2
    assert vendor.listed == {USER, OTHER}


def test_the_answer_to_each_is_found_whatever_their_order(desk: Desk, vendor: Cloudflare) -> None:
    vendor.prepare("policy@example.org")
    desk.suppress(USER, "no-address", "policy@example.org", OTHER)
    desk.send()
    found = {item.recipient: item for item in desk.items()}
    assert found["no-address"].state is OutboxState.DEAD
    assert "invalid email address" in (found["no-address"].last_answer or "")
    assert {found[each].state for each in (USER, OTHER, "policy@example.org")} == {OutboxState.DELIVERED}
    assert "not customer-managed" in (found["policy@example.org"].last_answer or "")


def test_a_domain_has_entries_of_its_own(of_a_domain: Desk, vendor: Cloudflare) -> None:
    of_a_domain.suppress(USER)
    of_a_domain.send()
    assert vendor.scopes == {USER: DOMAIN}
    of_a_domain.release(USER)
    of_a_domain.send()
    assert not vendor.listed


def test_a_release_leaves_the_entry_of_another_scope(of_a_domain: Desk, vendor: Cloudflare) -> None:
    of_a_domain.suppress(USER)
    of_a_domain.send()
    vendor.scopes[USER] = {"type": "account"}
    of_a_domain.release(USER)
    of_a_domain.send()
    assert vendor.listed == {USER}
    assert of_a_domain.states() == {OutboxState.DELIVERED}


def test_a_filter_that_is_not_heeded_costs_nobody_an_entry(desk: Desk, vendor: Cloudflare) -> None:
    vendor.listed |= {USER, OTHER}
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    rows = [{"id": id_of(each), "email": each, "read_only": False, "reason": "manual"} for each in (OTHER, USER)]
    vendor.then(success(rows))
    desk.send()
    assert vendor.listed == {OTHER}


def test_short_pages_are_read_on_and_do_not_end_in_a_release_that_was_none(desk: Desk, vendor: Cloudflare) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    empty = success([], next_cursor="0 account")
    vendor.then(empty, empty)
    desk.send()
    assert not vendor.listed
    vendor.listed.add(USER)
    desk.suppress(USER)
    desk.release(USER)
    vendor.then(*[empty] * 5)
    desk.send()
    assert vendor.listed == {USER}
    assert OutboxState.DUE in desk.states()


def test_who_went_between_look_up_and_removal_is_released(desk: Desk, vendor: Cloudflare) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    row = {"id": id_of("gone@example.org"), "email": USER, "read_only": False, "reason": "manual"}
    vendor.then(success([row]))
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_an_item_that_is_not_answered_for_waits(desk: Desk, vendor: Cloudflare) -> None:
    desk.suppress(USER)
    vendor.then(Answer(200, {"success": True, "errors": [], "result": {"items": []}}))
    desk.send()
    assert desk.states() == {OutboxState.DUE}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('account_id = "example"', "account_id: is no id of an account: give the 32 hexadecimal digits that Cloudflare "
                                   "shows as Account ID"),
        (f'account_id = "{ACCOUNT}"\nsending_domain = "@example.com"',
         "sending_domain: is no domain: give the domain of the envelope's sender in small letters, such as "
         "mail.example.com"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(line: str, told: str) -> None:
    text = f'[[platform]]\nname = "cf"\nkind = "cloudflare"\napi_token = "t"\n{line}\n'
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    (problem,) = error.value.problems
    assert problem.endswith(f"platform[cf].{told}")
