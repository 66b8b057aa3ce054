"""Customer.io: types of suppressions, and a 404 that may be about the address or about us."""


import pytest

from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.customerio import CustomerIo, error

USER, ANGRY = "user@example.org", "angry@example.org"


vendor = vendor_fixture(CustomerIo)


def test_a_complaint_is_a_spam_report_and_is_released_from_there(desk: Desk, vendor: CustomerIo) -> None:
    desk.suppress(USER)
    desk.suppress(ANGRY, bounce_type=None, reason="complaint")
    desk.send()
    assert vendor.sorts == {USER: "bounces", ANGRY: "spam_reports"}
    desk.release(ANGRY)
    desk.send()
    assert vendor.listed == {USER}


def test_what_customerio_found_invalid_is_released_and_its_blocks_are_left(desk: Desk, vendor: CustomerIo) -> None:
    desk.suppress(USER, ANGRY)
    desk.send()
    vendor.sorts |= {USER: "invalid_emails", ANGRY: "blocks"}
    desk.release(USER, ANGRY)
    desk.send()
    assert vendor.listed == {ANGRY}


@pytest.mark.parametrize("listing", [error(404, "not found"), Answer(503), Answer(200, body=b"hello")])
def test_a_404_where_the_list_can_not_be_read_releases_nobody(
    desk: Desk, vendor: CustomerIo, listing: Answer
) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(error(404, "not found"), listing)
    desk.send()
    assert vendor.listed == {USER}
    assert OutboxState.DUE in desk.states()


def test_a_list_longer_than_what_is_read_of_it_is_one(desk: Desk, vendor: CustomerIo) -> None:
    desk.suppress(USER)
    desk.send()
    vendor.listed.clear()
    desk.release(USER)
    vendor.then(error(404, "not found"), Answer(200, {"suppressions": ["x" * 1_100_000]}))
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
