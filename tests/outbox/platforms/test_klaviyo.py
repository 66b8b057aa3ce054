"""What is Klaviyo's own: jobs that tell of nobody, so that profiles are read, and suppressions that stay."""


import pytest

from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.klaviyo import Klaviyo, errors, found

USER = "user@example.org"
OTHER = "other@example.org"


vendor = vendor_fixture(Klaviyo)


def jobs(vendor: Klaviyo) -> list[list[str]]:
    return [job["emails"] for job in vendor.jobs.values()]


def test_who_is_suppressed_there_already_needs_no_job(desk: Desk, vendor: Klaviyo) -> None:
    vendor.listed.add(USER)
    vendor.others[USER] = "SPAM_COMPLAINT"
    desk.suppress(USER, OTHER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert jobs(vendor) == [[OTHER]]


def test_a_job_that_is_through_later_is_found_done_by_the_next_try(desk: Desk, vendor: Klaviyo) -> None:
    vendor.looks = 1000
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "processing" in (item.last_answer or "")
    vendor.work("job-0")
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert len(vendor.jobs) == 1


def test_a_state_that_is_no_text_is_unknown_and_the_profiles_decide(desk: Desk, vendor: Klaviyo) -> None:
    profiles = Answer(200, {"data": []})
    opened, job = ({"data": {"id": "job-0", "attributes": {"status": status}}} for status in ("queued", ["queued"]))
    vendor.then(profiles, Answer(202, opened), Answer(200, job), profiles)
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "in an unknown state" in (item.last_answer or "")


def test_what_a_job_skipped_is_not_taken_for_done(desk: Desk, vendor: Klaviyo) -> None:
    vendor.idle = True
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "1 skipped" in (item.last_answer or "")


@pytest.mark.parametrize("reason", ["HARD_BOUNCE", "INVALID_EMAIL", "SPAM_COMPLAINT", "UNSUBSCRIBE"])
def test_a_release_takes_off_ours_and_tells_what_stays(desk: Desk, vendor: Klaviyo, reason: str) -> None:
    desk.suppress(USER, OTHER)
    desk.send()
    vendor.others[USER] = reason
    desk.release(USER, OTHER)
    desk.send()
    (dead,) = desk.items(OutboxState.DEAD)
    assert dead.recipient == USER
    assert reason in (dead.last_answer or "")
    assert (vendor.by_hand, vendor.listed) == (set(), {USER})


def test_profiles_without_subscriptions_prove_nothing(desk: Desk, vendor: Klaviyo) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(found([{"type": "profile", "id": "01", "attributes": {"email": USER}}]))
    desk.send()
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED, OutboxState.DUE]
    assert USER in vendor.listed


def test_a_job_that_can_not_be_looked_at_is_judged_by_the_profiles(desk: Desk, vendor: Klaviyo) -> None:
    vendor.known.add(USER)
    desk.suppress(USER)
    vendor.then(
        found([]),
        found({"type": "profile-suppression-bulk-create-job", "id": "job-0"}),
        errors(403, "permission_denied", "You do not have permission to perform this action."),
    )
    vendor.listed.add(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_its_list_is_read_reason_by_reason(desk: Desk, vendor: Klaviyo) -> None:
    vendor.listed |= {USER, OTHER}
    vendor.others[OTHER] = "UNSUBSCRIBE"
    session, cursor, entries = connect(desk.platform), None, list[tuple[str, str | None]]()
    try:
        while True:
            page = session.page(cursor, now())
            entries += [(each.address, each.reason) for each in page.entries]
            cursor = page.cursor
            if cursor is None:
                break
    finally:
        session.close()
    assert entries == [(USER, "USER_SUPPRESSED"), (OTHER, "UNSUBSCRIBE")]
