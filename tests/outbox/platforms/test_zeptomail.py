"""ZeptoMail: access tokens, refusals that say that it is so already, and entries that stop no mail."""

from datetime import timedelta
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import Fate, change_of
from bounce_watcher.outbox.platform_channel import connect
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.outbox.platforms.vendor import KEY, Answer, vendor_fixture
from tests.outbox.platforms.vendors.zeptomail import ZeptoMail

USER, OTHER = "user@example.org", "other@example.org"


vendor = vendor_fixture(ZeptoMail)


def test_one_access_token_serves_until_it_ends(desk: Desk, vendor: ZeptoMail) -> None:
    session, begin = connect(desk.platform), now()
    try:
        for minutes in (0, 10, 54, 56):
            assert session.check(begin + timedelta(minutes=minutes)).fate is Fate.DONE
    finally:
        session.close()
    assert len(vendor.tokens) == 2
    assert len(vendor.calls) == 4


def test_a_token_that_was_revoked_is_replaced_at_once(desk: Desk, vendor: ZeptoMail) -> None:
    desk.suppress(USER)
    desk.send()
    vendor.tokens.append("another")
    desk.suppress(OTHER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}
    assert vendor.listed == {USER, OTHER}


def test_why_there_is_no_access_token_is_told_and_the_change_waits(vendor: ZeptoMail, tmp_path: Path) -> None:
    with desk_of(configuration("zeptomail", vendor.keys("wrong"), vendor.url, tmp_path)) as desk:
        desk.suppress(USER)
        desk.send()
        (item,) = desk.items()
    assert item.state is OutboxState.DUE
    assert "no access token (invalid_code)" in (item.last_answer or "")
    assert not vendor.calls


def test_a_rehearsal_shows_the_call_that_matters(desk: Desk, vendor: ZeptoMail) -> None:
    desk.suppress(USER)
    shown = desk.platform.rehearse([change_of(item) for item in desk.items()], now())
    assert shown.startswith(f"POST {vendor.url}/v1.1/suppressions/email\n")
    assert USER in shown
    assert not vendor.tokens


def test_among_others_one_that_is_there_and_one_that_is_not_hold_up_nobody(desk: Desk, vendor: ZeptoMail) -> None:
    others = [f"user{number}@example.org" for number in range(6)]
    vendor.listed.add(USER)
    desk.suppress(*others, USER)
    desk.send(rounds=5)
    assert desk.states() == {OutboxState.DELIVERED}
    assert vendor.listed == {*others, USER}
    vendor.listed.discard(USER)
    desk.release(*others, USER)
    desk.send(rounds=5)
    assert desk.states() == {OutboxState.DELIVERED}
    assert not vendor.listed


def test_an_entry_that_only_stops_tracking_is_made_to_stop_mail(desk: Desk, vendor: ZeptoMail) -> None:
    vendor.listed |= {USER, OTHER}
    vendor.actions |= {USER: "suppress_tracking", OTHER: "suppress"}
    desk.suppress(USER)
    desk.send()
    desk.suppress(OTHER)
    desk.send()
    assert vendor.actions == {USER: "reject", OTHER: "suppress"}
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_removal_that_does_not_say_so_is_none(desk: Desk, vendor: ZeptoMail) -> None:
    desk.suppress(USER)
    desk.send()
    desk.release(USER)
    vendor.then(Answer(200, {"hello": "world"}))
    desk.send()
    assert OutboxState.DUE in desk.states()


def test_agents_and_action_are_as_configured(vendor: ZeptoMail, tmp_path: Path) -> None:
    more = 'action = "suppress"\nmailagent_keys = ["one"]'
    with desk_of(configuration("zeptomail", vendor.keys(), vendor.url, tmp_path, more=more)) as desk:
        desk.suppress(USER)
        desk.send()
    assert vendor.actions == {USER: "suppress"}
    assert vendor.calls[0].json["mailagent_keys"] == ["one"]


def test_the_access_token_is_seen_nowhere(desk: Desk, vendor: ZeptoMail) -> None:
    desk.suppress(USER)
    vendor.then(Answer(403, {"message": "no rights for 1000.access-token-of-some-length-0"}))
    desk.send()
    (item,) = desk.items()
    assert "access-token" not in (item.last_answer or "")


def test_what_is_no_address_of_accounts_is_refused_in_one_line() -> None:
    text = (
        '[[platform]]\nname = "zepto"\nkind = "zeptomail"\nclient_id = "c"\nclient_secret = "s"\n'
        f'refresh_token = "{KEY}"\naccounts_url = "accounts.zoho.eu"\n'
    )
    with pytest.raises(ConfigError) as error:
        parse(text, "config.toml", {})
    (problem,) = error.value.problems
    assert problem == (
        "line 7: platform[zepto].accounts_url: is no address: give that of your data centre, such as "
        "https://accounts.zoho.eu"
    )
