"""What is Mandrill's own: errors by their names, and successes that were none."""

from pathlib import Path

import pytest

from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import KEY, Answer, vendor_fixture
from tests.outbox.platforms.vendors.mandrill import SUBACCOUNT, Mandrill, error

USER = "user@example.org"


vendor = vendor_fixture(Mandrill)


def test_not_added_because_it_was_there_is_no_refusal(desk: Desk, vendor: Mandrill) -> None:
    vendor.said = False
    vendor.listed.add(USER)
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_an_entry_that_has_run_out_does_not_count(desk: Desk, vendor: Mandrill) -> None:
    vendor.then(
        Answer(200, {"email": USER, "added": False}),
        Answer(200, [{"email": USER, "reason": "soft-bounce", "expired": True}]),
    )
    desk.suppress(USER)
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert "allow list" in (dead.last_answer or "")


def test_the_key_travels_in_the_body_alone(desk: Desk, vendor: Mandrill) -> None:
    desk.suppress(USER)
    desk.send()
    (call,) = vendor.calls
    assert call.json["key"] == KEY
    assert KEY not in call.target
    assert KEY not in str(call.headers)


@pytest.mark.parametrize("status", [404, 500])
def test_who_is_not_there_is_released_whatever_status_says_so(desk: Desk, vendor: Mandrill, status: int) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(error(status, "Invalid_Reject", 4, "The requested rejection was not found"))
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_another_404_at_a_release_is_about_us(desk: Desk, vendor: Mandrill) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(error(404, "Unknown_Subaccount", 12, "No subaccount exists with that id"))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]


@pytest.mark.parametrize(("rest", "state"), [([], OutboxState.DELIVERED), ([{"email": USER}], OutboxState.DUE)])
def test_not_deleted_is_done_only_where_it_is_gone(
    desk: Desk, vendor: Mandrill, rest: list[object], state: OutboxState
) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(Answer(200, {"email": USER, "deleted": False}), Answer(200, rest))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, state]


def test_a_subaccount_is_named_in_each_call(vendor: Mandrill, tmp_path: Path) -> None:
    keys = vendor.keys() + f'\nsubaccount = "{SUBACCOUNT}"'
    with desk_of(configuration("mandrill", keys, vendor.url, tmp_path, more="rate = 1000.0")) as desk:
        desk.suppress(USER)
        desk.send()
        desk.release(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
        assert vendor.whose == [SUBACCOUNT, SUBACCOUNT]
