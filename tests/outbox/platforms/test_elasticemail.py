"""Elastic Email: sorts of suppressions, who is left out of an answer, and unsubscribes that a removal would undo."""



from bounce_watcher.model.ledger import OutboxState
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.elasticemail import ElasticEmail, _row

USER, OTHER, ANGRY = "user@example.org", "other@example.org", "angry@example.org"


vendor = vendor_fixture(ElasticEmail)


def test_a_complaint_is_one_there_too(desk: Desk, vendor: ElasticEmail) -> None:
    desk.suppress(USER)
    desk.suppress(ANGRY, bounce_type=None, reason="complaint")
    desk.send()
    assert vendor.sorts == {USER: "bounces", ANGRY: "complaints"}


def test_an_unsubscribe_is_not_taken_back(desk: Desk, vendor: ElasticEmail) -> None:
    desk.suppress(USER, OTHER)
    desk.send()
    vendor.sorts[USER] = "unsubscribes"
    desk.release(USER, OTHER)
    desk.send()
    assert vendor.listed == {USER}
    (dead,) = desk.items(OutboxState.DEAD)
    assert "unsubscribed themselves" in (dead.last_answer or "")


def test_an_unsubscribe_of_a_longer_address_is_nobody_elses(desk: Desk, vendor: ElasticEmail) -> None:
    longer = f"another.{USER}"
    desk.suppress(USER, longer)
    desk.send()
    vendor.sorts[longer] = "unsubscribes"
    desk.release(USER)
    desk.send()
    assert vendor.listed == {longer}


def test_while_unsubscribes_can_not_be_read_nothing_is_released(desk: Desk, vendor: ElasticEmail) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(Answer(200, {"Error": "?"}))
    desk.send()
    assert vendor.listed == {USER}
    assert OutboxState.DUE in desk.states()


def test_who_is_left_out_of_the_answer_is_looked_up(desk: Desk, vendor: ElasticEmail) -> None:
    vendor.listed.add(USER)
    vendor.then(Answer(201, []))
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    vendor.then(Answer(201, []))
    desk.suppress(OTHER)
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert "does not say why" in (dead.last_answer or "")


def test_who_is_left_out_among_others_is_asked_for_alone(desk: Desk, vendor: ElasticEmail) -> None:
    vendor.then(Answer(201, [_row(USER)]))
    desk.suppress(USER, OTHER)
    desk.send(rounds=2)
    assert [call.json for call in vendor.calls] == [[USER, OTHER], [OTHER]]
    assert desk.states() == {OutboxState.DELIVERED}
