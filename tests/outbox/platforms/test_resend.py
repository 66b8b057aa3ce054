"""What is Resend's own: answers by ids that name no address."""

from datetime import timedelta

from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.resend import Resend

USER = "user@example.org"
OTHER = "other@example.org"

ONE_ENTRY = Answer(201, {"data": [{"object": "suppression", "id": "b6d24b8e-af0b-4c3c-be0c-359bbd97381e"}]})


vendor = vendor_fixture(Resend)


def test_fewer_entries_than_addresses_are_asked_for_one_by_one(desk: Desk, vendor: Resend) -> None:
    vendor.then(ONE_ENTRY)
    desk.suppress(USER, OTHER)
    desk.send(rounds=2)
    assert vendor.listed == {USER, OTHER}
    assert desk.states() == {OutboxState.DELIVERED}


def test_no_entry_at_all_is_no_success(desk: Desk, vendor: Resend) -> None:
    vendor.then(Answer(201, {"data": []}))
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DUE}


def test_what_was_not_deleted_is_told(desk: Desk, vendor: Resend) -> None:
    desk.suppress(USER, OTHER)
    desk.send()
    desk.release(USER, OTHER)
    kept = Answer(200, {"data": [{"object": "suppression", "id": "1", "deleted": False}]})
    vendor.then(kept, kept)
    desk.send(rounds=2)
    (dead,) = desk.items(OutboxState.DEAD)
    assert "not deleted" in (dead.last_answer or "")
    assert len(desk.items(OutboxState.DELIVERED)) == 3
    assert len(vendor.listed) == 1


def test_its_own_header_tells_how_long_to_wait(desk: Desk, vendor: Resend) -> None:
    desk.suppress(USER)
    begin = now()
    vendor.then(Answer(429, {"name": "rate_limit_exceeded"}, {"ratelimit-reset": "1200"}))
    desk.send()
    (item,) = desk.items()
    assert item.next_attempt_at >= begin + timedelta(seconds=1200)
