"""Scaleway: types of entries, who is left out of an answer, and removal by id."""


import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.model.verdict import BounceType, Reason
from tests.outbox.platforms.desk import Desk
from tests.outbox.platforms.vendor import Answer, vendor_fixture
from tests.outbox.platforms.vendors.scaleway import DOMAIN, Scaleway, error

USER, OTHER = "user@example.org", "other@example.org"


vendor = vendor_fixture(Scaleway)


def test_each_entry_has_the_type_and_the_reason_of_its_own(desk: Desk, vendor: Scaleway) -> None:
    desk.suppress(USER)
    desk.suppress(OTHER, bounce_type=BounceType.SOFT, reason=Reason.MAILBOX_FULL)
    desk.suppress("angry@example.org", bounce_type=None, reason="complaint")
    desk.send()
    assert vendor.entries == {
        USER: {"type": "mailbox_not_found", "reason": "bounce_watcher: invalid_recipient"},
        OTHER: {"type": "mailbox_full", "reason": "bounce_watcher: mailbox_full"},
        "angry@example.org": {"type": "mailbox_not_found", "reason": "bounce_watcher: complaint"},
    }


def test_who_is_left_out_of_the_answer_and_stands_there_is_suppressed(desk: Desk, vendor: Scaleway) -> None:
    vendor.listed.add(USER)
    vendor.then(Answer(200, {"blocklists": []}))
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DELIVERED
    assert "was on the list" in (item.last_answer or "")


def test_who_is_left_out_among_others_is_asked_for_alone(desk: Desk, vendor: Scaleway) -> None:
    vendor.then(Answer(200, {"blocklists": [vendor._row(USER)]}))
    desk.suppress(USER, OTHER)
    desk.send(rounds=2)
    assert [call.json["emails"] for call in vendor.calls] == [[USER, OTHER], [OTHER]]
    assert desk.states() == {OutboxState.DELIVERED}


def test_who_is_left_out_and_does_not_stand_there_is_told(desk: Desk, vendor: Scaleway) -> None:
    vendor.then(Answer(200, {"blocklists": []}))
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    assert item.state is OutboxState.DEAD
    assert "does not say why" in (item.last_answer or "")


def test_a_conflict_is_who_stands_there(desk: Desk, vendor: Scaleway) -> None:
    vendor.listed.add(USER)
    vendor.then(error(409, "already_exists", "resource already exists"))
    desk.suppress(USER)
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_filter_that_is_not_heeded_costs_nobody_an_entry(desk: Desk, vendor: Scaleway) -> None:
    desk.suppress(USER, OTHER)
    desk.send()
    desk.release(USER)
    rows = [vendor._row(each) for each in (OTHER, USER)]
    rows.append({**vendor._row(USER), "domain_id": "another", "id": vendor._row(OTHER)["id"]})
    vendor.then(Answer(200, {"total_count": 3, "blocklists": rows}))
    desk.send()
    assert vendor.listed == {OTHER}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('domain_id = "mail.example.com"',
         "domain_id: is no id of a domain: give the ID that stands in the overview of the domain at Scaleway, not its "
         "name"),
        (f'domain_id = "{DOMAIN}"\nregion = "Paris"', "region: is no region: write it like fr-par"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(line: str, told: str) -> None:
    text = f'[[platform]]\nname = "scw"\nkind = "scaleway"\nsecret_key = "t"\n{line}\n'
    with pytest.raises(ConfigError) as refusal:
        parse(text, "config.toml", {})
    (problem,) = refusal.value.problems
    assert problem.endswith(f"platform[scw].{told}")
