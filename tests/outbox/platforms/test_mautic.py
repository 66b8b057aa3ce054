"""Reasons, contacts who are not there or there twice, and an opt-out that nobody takes back."""

from pathlib import Path

import pytest

from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.model.verdict import BounceType
from tests.outbox.platforms.desk import Desk, configuration, desk_of
from tests.outbox.platforms.vendor import vendor_fixture
from tests.outbox.platforms.vendors.mautic import Mautic

USER = "user@example.org"


vendor = vendor_fixture(Mautic)


@pytest.mark.parametrize(
    ("reason", "code", "comment"),
    [("invalid_recipient", 2, "invalid_recipient"), ("complaint", 1, "complaint"), (None, 3, "suppressed")],
)
def test_the_reason_is_one_of_mautics(
    vendor: Mautic, desk: Desk, reason: str | None, code: int, comment: str
) -> None:
    vendor.prepare(USER)
    desk.suppress(USER, bounce_type=BounceType.HARD if reason == "invalid_recipient" else None, reason=reason)
    desk.send()
    assert vendor.stops[USER] == (code, f"bounce_watcher: {comment}")
    desk.release(USER)
    desk.send()
    assert not vendor.listed
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_part_of_another_address_is_not_that_address(vendor: Mautic, desk: Desk) -> None:
    vendor.prepare("another-user@example.org", USER)
    desk.suppress(USER)
    desk.send()
    assert vendor.listed == {USER}


def test_who_is_there_twice_is_marked_twice_and_let_go_twice(vendor: Mautic, desk: Desk) -> None:
    vendor.add(USER)
    vendor.add(USER)
    desk.suppress(USER)
    desk.send()
    marked = {call.segments[2] for call in vendor.calls if call.path.endswith("/dnc/email/add")}
    desk.release(USER)
    desk.send()
    freed = {call.segments[2] for call in vendor.calls if call.path.endswith("/dnc/email/remove")}
    assert marked == freed == {"1", "2"}


def test_who_is_there_too_often_is_for_a_person(vendor: Mautic, desk: Desk) -> None:
    for _ in range(6):
        vendor.add(USER)
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items(OutboxState.DEAD)
    assert "merge them" in (item.last_answer or "")
    assert not vendor.listed


def test_who_is_no_contact_is_made_one_only_where_it_is_said(vendor: Mautic, desk: Desk, tmp_path: Path) -> None:
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert not vendor.contacts
    (tmp_path / "other").mkdir()
    settings = configuration("mautic", vendor.keys(), vendor.url, tmp_path / "other", more="add_unknown = true")
    with desk_of(settings) as other:
        other.suppress(USER)
        other.send()
        assert other.states() == {OutboxState.DELIVERED}
    assert vendor.contacts == {1: USER}
    assert vendor.listed == {USER}


def test_a_bounce_does_not_hide_that_they_unsubscribed_themselves(vendor: Mautic, desk: Desk) -> None:
    vendor.prepare(vendor.keeps or "")
    desk.suppress(vendor.keeps or "")
    desk.send()
    desk.release(vendor.keeps or "")
    desk.send()
    (item,) = desk.items(OutboxState.DEAD)
    assert "unsubscribed themselves" in (item.last_answer or "")
    assert not [call for call in vendor.calls if call.path.endswith("/remove")]
