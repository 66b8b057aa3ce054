"""Names in place of addresses, and the log of actions, on both databases."""

import pytest

from bounce_watcher.ledger.actions import Act, LoggedAction
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor
from tests.ledger.making import START, USER, day


@pytest.mark.parametrize("address", [
    USER, "Üser+tag@exämple.org", "a" * 64 + "@" + "b" * 180 + ".example", "", "\udcff",
])
def test_a_name_leads_back_to_its_address_and_tells_nothing(ledger: Ledger, address: str) -> None:
    name = ledger.names.name(address)
    assert ledger.names.address(name) == address
    assert name.replace("-", "").replace("_", "").isalnum()
    assert "user" not in name.casefold()


def test_names_are_the_same_for_whoever_opens_the_ledger(ledger: Ledger, ledger_url: str) -> None:
    with Ledger.connect(ledger_url) as other:
        assert other.names.name(USER) == ledger.names.name(USER)


@pytest.mark.parametrize("name", ["", "x", "%%%", "A" * 40, "é", "A" * 100_000])
def test_what_is_no_name_leads_nowhere(ledger: Ledger, name: str) -> None:
    assert ledger.names.address(name) is None


def test_the_log_of_actions_is_paged_from_the_newest(ledger: Ledger) -> None:
    for number in range(5):
        ledger.log.enter(Act(Actor("jo", day(number), "wrote to support"), "release", f"r{number}"), 1)
    newest = ledger.log.newest(limit=2)
    assert [each.subject for each in newest] == ["r4", "r3"]
    assert [each.subject for each in ledger.log.newest(newest[-1].number)] == ["r2", "r1", "r0"]
    assert ledger.log.newest()[-1] == LoggedAction(
        START, "jo", "release", "r0", 1, "wrote to support", newest[-1].number - 3
    )
