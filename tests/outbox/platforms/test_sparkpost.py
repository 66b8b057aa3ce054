"""SparkPost: two sorts of mail, entries of single lists, and calls refused for addresses that they name."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.platform import Listed
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.sparkpost import SparkPost

USER, OTHER = "user@example.org", "other@example.org"
With = Callable[[str], AbstractContextManager[Desk]]


vendor = vendor_fixture(SparkPost)


@pytest.fixture
def desk_with(vendor: SparkPost, tmp_path: Path) -> With:
    def desk(keys: str) -> AbstractContextManager[Desk]:
        more = f"rate = 1000.0\n{keys}"
        return desk_of(configuration("sparkpost", vendor.keys(), vendor.url, tmp_path, more=more))

    return desk


def sent(desk: Desk) -> set[OutboxState]:
    desk.send(rounds=2)
    return desk.states()


def test_all_mail_is_two_entries_and_both_go_at_a_release(vendor: SparkPost, desk_with: With) -> None:
    with desk_with("") as desk:
        desk.suppress(USER)
        assert sent(desk) == {OutboxState.DELIVERED}
        assert (vendor.listed, vendor.half) == ({USER}, {})
        assert vendor.told == {USER: "1 of 1"}
        desk.release(USER)
        assert sent(desk) == {OutboxState.DELIVERED}
        assert (vendor.listed, vendor.half) == (set(), {})


@pytest.mark.parametrize("sort", ["transactional", "non_transactional"])
def test_one_sort_of_mail_is_stopped_and_released_and_the_other_left_alone(
    vendor: SparkPost, desk_with: With, sort: str
) -> None:
    vendor.listed.add(OTHER)
    with desk_with(f'mail = "{sort}"') as desk:
        desk.suppress(USER, OTHER)
        assert sent(desk) == {OutboxState.DELIVERED}
        assert vendor.half == {USER: sort}
        desk.release(USER, OTHER)
        assert sent(desk) == {OutboxState.DELIVERED}
        assert vendor.listed == set()
        assert vendor.half == {OTHER: "transactional" if sort == "non_transactional" else "non_transactional"}


def test_a_release_leaves_alone_what_a_recipient_has_left(vendor: SparkPost, desk_with: With) -> None:
    vendor.per_list.add(USER)
    with desk_with("") as desk:
        desk.suppress(USER)
        desk.send()
        desk.release(USER)
        assert sent(desk) == {OutboxState.DELIVERED}
    assert vendor.listed == set()
    assert vendor.per_list == {USER}


def test_those_named_as_malformed_are_taken_out_and_the_rest_goes_at_once(vendor: SparkPost, desk_with: With) -> None:
    bad, good = {"one@@example.org", "two@@example.org"}, {f"user{number}@example.org" for number in range(7)}
    with desk_with("") as desk:
        desk.suppress(*sorted(bad | good))
        desk.send()
        assert {item.recipient for item in desk.items(OutboxState.DEAD)} == bad
        assert {item.recipient for item in desk.items(OutboxState.DELIVERED)} == good
    assert vendor.listed == good
    assert len(vendor.calls) == 2


def test_where_all_are_malformed_one_call_tells(vendor: SparkPost, desk_with: With) -> None:
    with desk_with("") as desk:
        desk.suppress("one@@example.org", "two@@example.org")
        assert sent(desk) == {OutboxState.DEAD}
    assert len(vendor.calls) == 1


def test_a_refusal_that_names_nobody_is_narrowed_down(vendor: SparkPost, desk_with: With) -> None:
    vendor.then(Answer(400, {"errors": [{"message": "something: is wrong, somewhere"}]}))
    with desk_with("") as desk:
        desk.suppress(USER, OTHER)
        assert sent(desk) == {OutboxState.DELIVERED}
    assert [len(call.json["recipients"]) for call in vendor.calls] == [4, 2, 2]


def test_what_compliance_forbids_is_told_apart_from_rights_that_are_missing(vendor: SparkPost, desk_with: With) -> None:
    with desk_with("") as desk:
        desk.suppress(vendor.keeps or "", USER)
        desk.send()
        desk.release(vendor.keeps or "")
        desk.send()
        (dead,) = desk.items(OutboxState.DEAD)
        assert "compliance" in (dead.last_answer or "")
        desk.release(USER)
        vendor.always(Answer(403, {"errors": [{"message": "Forbidden."}]}))
        desk.send()
        assert [item.recipient for item in desk.items(OutboxState.DUE)] == [USER]


def test_a_404_that_is_not_of_its_api_releases_nobody(vendor: SparkPost, desk_with: With) -> None:
    with desk_with("") as desk:
        desk.suppress(USER)
        desk.send()
        desk.release(USER)
        vendor.always(Answer(404, {"message": "no route"}))
        desk.send()
        assert desk.items()[-1].state is OutboxState.DUE


def test_its_list_has_each_address_once_and_none_of_single_lists(vendor: SparkPost, desk_with: With) -> None:
    vendor.listed.add(USER)
    vendor.per_list.add(OTHER)
    with desk_with("") as desk:
        session = connect(desk.platform)
        try:
            page = session.page(None, now())
        finally:
            session.close()
    since = datetime(2026, 1, 15, 12, 23, 42, tzinfo=UTC)
    assert page.entries == (Listed(USER, "Manually Added", since),)
    assert page.cursor is None


@pytest.mark.parametrize("number", ["123", "0"])
def test_a_subaccount_is_named(vendor: SparkPost, desk_with: With, number: str) -> None:
    vendor.subaccount = number
    with desk_with(f"subaccount = {number}") as desk:
        desk.suppress(USER)
        assert sent(desk) == {OutboxState.DELIVERED}


@pytest.mark.parametrize(("line", "problem"), [
    ("subaccount = -1", "subaccount: must be the number of a subaccount, or 0 for the primary account alone"),
    ('mail = "marketing"',
     'mail: "marketing" is not known here: write one of "all", "transactional", "non_transactional"'),
])
def test_what_can_not_work_is_refused_in_one_line(line: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f'[[platform]]\nname = "sp"\nkind = "sparkpost"\napi_key = "key"\n{line}\n', "config.toml", {})
    assert error.value.problems == (f"line 5: platform[sp].{problem}",)
