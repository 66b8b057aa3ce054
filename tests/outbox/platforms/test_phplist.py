"""Sessions, one for many addresses and none left behind; a failure in the midst of them."""



from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platform_channel import PlatformChannel
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.phplist import SESSION, PhpList

FIVE = tuple(f"user{number}@example.org" for number in range(5))


vendor = vendor_fixture(PhpList)


def test_one_session_for_many_and_none_stays_open(vendor: PhpList, desk: Desk) -> None:
    desk.suppress(*FIVE)
    desk.send()
    assert vendor.listed == set(FIVE)
    assert [call.path.rpartition("/")[2] for call in vendor.calls] == ["sessions", *["add"] * 5, "1"]
    assert not vendor.sessions
    desk.release(*FIVE)
    desk.send()
    assert not vendor.listed | vendor.sessions.keys()


def test_a_check_leaves_no_session_open(vendor: PhpList, desk: Desk) -> None:
    channel = PlatformChannel(desk.platform)
    try:
        assert channel.test(now()).disposition == "delivered"
    finally:
        channel.close()
    assert not vendor.sessions


def test_what_broke_in_the_midst_goes_on_there(vendor: PhpList, desk: Desk) -> None:
    desk.suppress(*FIVE)
    session = {"id": 7, "key": "k"}
    vendor.sessions[7] = "k"
    vendor.then(Answer(201, session), Answer(201, {"email": FIVE[0]}), Answer(500, {"message": "boom"}))
    desk.send()
    assert len(desk.items(OutboxState.DELIVERED)) == 1
    assert len(desk.items(OutboxState.DUE)) == 4
    assert [call.path for call in vendor.calls if call.path.endswith("/add")] == ["/api/v2/blacklist/add"] * 2
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert vendor.listed == set(FIVE[1:])


def test_who_was_blacklisted_for_another_reason_keeps_it(vendor: PhpList, desk: Desk) -> None:
    vendor.listed.add(FIVE[0])
    vendor.reasons[FIVE[0]] = "bounced 5 times"
    desk.suppress(*FIVE[:2])
    desk.send()
    desk.release(*FIVE[:2])
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == FIVE[0]
    assert vendor.listed == {FIVE[0]}


def test_a_removal_may_be_answered_as_it_is_promised(vendor: PhpList, desk: Desk) -> None:
    desk.suppress(FIVE[0])
    desk.send()
    desk.release(FIVE[0])
    vendor.then(
        Answer(201, {"id": 7, "key": "k"}), Answer(200, {"email": FIVE[0], "reason": "bounce_watcher: x"}),
        Answer(200, {"success": True, "message": "removed"}),
    )
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_session_key_that_comes_back_is_shown_nowhere(vendor: PhpList, desk: Desk) -> None:
    desk.suppress(FIVE[0])
    vendor.then(Answer(201, {"id": 7, "key": SESSION}), Answer(422, {"message": f"what is {SESSION}?"}))
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert "what is …?" in (dead.last_answer or "")
