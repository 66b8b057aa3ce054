"""A real Mailman: what was switched off gets no mail, what was switched on again does."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from bounce_watcher.model.ledger import Actor, OutboxState
from bounce_watcher.outbox.platform_channel import PlatformChannel, connect
from tests.integration.house import wait_until
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.test_contract import ADDRESSES as ALL
from tests.servers.mailman import PASSWORD, Mailman

USER, OTHER = "user@example.org", "other@example.org"
ADDRESSES = tuple(each for each in ALL if not set(each) & set("=|{`"))
"""Mailman subscribes no address that has one of these signs in it."""
_names = (f"news{number}" for number in count())


@pytest.fixture
def news(mailman: Mailman) -> str:
    """The id of a list that has no members yet."""
    return mailman.make_list(next(_names))


@contextmanager
def desk(mailman: Mailman, folder: Path, more: str = "", password: str = PASSWORD) -> Iterator[Desk]:
    keys = f'password = "{password}"\n{more}'
    with desk_of(configuration("mailman3", keys, mailman.url, folder)) as it:
        yield it


def recipients(mailman: Mailman, news: str, awaited: str) -> set[str]:
    """Who gets what is written to the list now: all of one message leave together."""
    mailman.sink.accepted.clear()
    mailman.post(news, awaited)
    wait_until(lambda: awaited in mailman.sink.accepted, 60, "the list's mail")
    return set(mailman.sink.accepted)


def test_who_is_suppressed_gets_no_mail_and_who_is_released_does(mailman: Mailman, news: str, tmp_path: Path) -> None:
    mailman.subscribe(news, USER, OTHER)
    assert recipients(mailman, news, OTHER) == {USER, OTHER}
    with desk(mailman, tmp_path) as it:
        it.suppress(USER)
        it.send()
        assert mailman.delivery(news, USER) == "by_moderator"
        assert recipients(mailman, news, OTHER) == {OTHER}
        it.release(USER)
        it.send()
        assert it.states() == {OutboxState.DELIVERED}
        assert mailman.delivery(news, USER) == "enabled"
        assert recipients(mailman, news, OTHER) == {USER, OTHER}


def test_any_address_on_any_list_and_nobody_else(mailman: Mailman, news: str, tmp_path: Path) -> None:
    second = mailman.make_list(next(_names))
    mailman.subscribe(news, *ADDRESSES, OTHER)
    mailman.subscribe(second, *ADDRESSES)
    both = [(news, address) for address in ADDRESSES] + [(second, address) for address in ADDRESSES]
    with desk(mailman, tmp_path) as it:
        it.suppress(*ADDRESSES)
        it.send()
        assert {mailman.delivery(*membership) for membership in both} == {"by_moderator"}
        assert mailman.delivery(news, OTHER) == "enabled"
        session = connect(it.platform)
        try:
            listed = {entry.address for entry in session.page(None, now()).entries}
        finally:
            session.close()
        assert listed == {address.lower() for address in ADDRESSES}
        it.release(*ADDRESSES)
        it.send(rounds=2)
        assert it.states() == {OutboxState.DELIVERED}
        assert {mailman.delivery(*membership) for membership in both} == {"enabled"}


def test_only_the_lists_that_are_named(mailman: Mailman, news: str, tmp_path: Path) -> None:
    second = mailman.make_list(next(_names))
    for list_id in (news, second):
        mailman.subscribe(list_id, "named@example.org")
    with desk(mailman, tmp_path, f'list_ids = ["{news}"]') as it:
        it.suppress("named@example.org")
        it.send()
    assert mailman.delivery(news, "named@example.org") == "by_moderator"
    assert mailman.delivery(second, "named@example.org") == "enabled"


def test_what_a_member_chose_stays(mailman: Mailman, news: str, tmp_path: Path) -> None:
    mailman.subscribe(news, "chose@example.org")
    mailman.set_delivery(news, "chose@example.org", "by_user")
    with desk(mailman, tmp_path) as it:
        it.suppress("chose@example.org")
        it.send()
        assert mailman.delivery(news, "chose@example.org") == "by_user"
        it.release("chose@example.org")
        it.send()
        assert it.states() == {OutboxState.DELIVERED}
    assert mailman.delivery(news, "chose@example.org") == "by_user"


@pytest.mark.parametrize(("delivery", "taken_over"), [("by_moderator", "by_moderator"), ("by_bounces", "by_bounces")])
def test_what_mailman_did_about_bounces_is_taken_over_and_taken_back(
    mailman: Mailman, news: str, tmp_path: Path, delivery: str, taken_over: str
) -> None:
    mailman.subscribe(news, "bounced@example.org")
    mailman.set_delivery(news, "bounced@example.org", "by_bounces")
    with desk(mailman, tmp_path, f'list_ids = ["{news}"]\ndelivery = "{delivery}"') as it:
        it.suppress("bounced@example.org")
        it.send()
        assert mailman.delivery(news, "bounced@example.org") == taken_over
        it.release("bounced@example.org")
        it.send()
        assert mailman.delivery(news, "bounced@example.org") == "enabled"


def test_a_ban_keeps_who_is_suppressed_from_subscribing(mailman: Mailman, news: str, tmp_path: Path) -> None:
    with desk(mailman, tmp_path, f'ban = true\nlist_ids = ["{news}"]') as it:
        it.suppress("Banned@example.org")
        it.send()
        it.ledger.outbox.retry(Actor("jo", now()), target="newsletter", state=OutboxState.DELIVERED)
        it.send()  # is banned already
        assert it.states() == {OutboxState.DELIVERED}
        assert not mailman.may_subscribe(news, "banned@example.org")
        it.release("Banned@example.org")
        it.send()
        assert it.states() == {OutboxState.DELIVERED}
        assert mailman.may_subscribe(news, "banned@example.org")


def test_what_could_never_be_unbanned_is_told_and_not_banned(mailman: Mailman, news: str, tmp_path: Path) -> None:
    slash, pattern = "with/slash@example.org", "^pattern@example.org"
    mailman.subscribe(news, slash)
    with desk(mailman, tmp_path, "ban = true") as it:
        it.suppress(slash, pattern)
        it.send()
        assert {item.recipient for item in it.items(OutboxState.DEAD)} == {slash, pattern}
        assert all("delivery is off" in (item.last_answer or "") for item in it.items())
        assert mailman.delivery(news, slash) == "by_moderator"
        assert mailman.api("GET", "bans").json()["total_size"] == 0
        it.release(slash, pattern)
        it.send(rounds=2)
    assert mailman.delivery(news, slash) == "enabled"


def test_a_list_that_is_not_there_is_about_the_configuration(mailman: Mailman, news: str, tmp_path: Path) -> None:
    with desk(mailman, tmp_path, 'list_ids = ["absent.lists.example.org"]') as it:
        it.suppress(USER)
        it.send()
        (item,) = it.items()
        assert item.state is OutboxState.DUE
        assert "no list absent.lists.example.org" in (item.last_answer or "")


@pytest.mark.parametrize(("password", "known"), [(PASSWORD, True), ("another", False)])
def test_a_check_tells_whether_it_would_let_us_work(
    mailman: Mailman, news: str, tmp_path: Path, password: str, known: bool
) -> None:
    with desk(mailman, tmp_path, f'list_ids = ["{news}"]', password) as it:
        channel = PlatformChannel(it.platform)
        try:
            assert (channel.test(now()).disposition == "delivered") is known
        finally:
            channel.close()
