"""What is Mailjet's own: contacts that must be made first, and changes that change nothing."""


import pytest

from bounce_watcher.model.ledger import Actor, OutboxState
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.mailjet import Mailjet, data, error

USER = "user@example.org"


vendor = vendor_fixture(Mailjet)


@pytest.mark.parametrize("says_unchanged", [True, False])
def test_a_contact_is_made_once_and_changed_from_then_on(desk: Desk, vendor: Mailjet, says_unchanged: bool) -> None:
    vendor.says_unchanged = says_unchanged
    desk.suppress(USER)
    desk.send()
    desk.ledger.outbox.retry(
        Actor("jo", desk.items()[0].next_attempt_at), target="newsletter", state=OutboxState.DELIVERED
    )
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert [call.method for call in vendor.calls] == ["PUT", "POST", "PUT"]


def test_who_becomes_a_contact_meanwhile_is_tried_again(desk: Desk, vendor: Mailjet) -> None:
    desk.suppress(USER)
    vendor.then(error(404, "Object not found"), error(400, "MJ18 A Contact resource for Email already exists."))
    desk.send()
    assert desk.states() == {OutboxState.DUE}
    desk.hurry()
    desk.send()
    assert (desk.states(), vendor.listed) == ({OutboxState.DELIVERED}, {USER})


@pytest.mark.parametrize("answer", [data({"Email": USER, "IsExcludedFromCampaigns": False}), data()])
def test_a_contact_that_comes_back_as_it_was_is_no_success(desk: Desk, vendor: Mailjet, answer: Answer) -> None:
    desk.suppress(USER)
    vendor.then(answer)
    desk.send()
    assert desk.states() == {OutboxState.DUE}


def test_a_404_that_is_not_of_mailjet_releases_nobody_and_makes_no_contact(desk: Desk, vendor: Mailjet) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(Answer(404, body=b"Not Found"))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]
