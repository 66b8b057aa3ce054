"""The aims, at a size that a test has time for. `python -m tests.simulation` runs the whole."""

import pytest

from bounce_watcher.policy.guards.limits import FloodSettings
from tests.simulation.forger import besieged
from tests.simulation.judges import rivals, watcher
from tests.simulation.letters import Kind
from tests.simulation.model import BLOCKED, OUTAGE, START, Condition, Model
from tests.simulation.run import Account, run

SIZE, DAYS, SEED = 5_000, 60, 1
CAPS = FloodSettings()


@pytest.fixture(scope="module")
def accounts() -> dict[str, Account]:
    model = Model(SIZE, DAYS, SEED)
    with watcher(model) as ours:
        return {account.name: account for account in run(model, [ours, *rivals()])}


@pytest.fixture(scope="module")
def ours(accounts: dict[str, Account]) -> Account:
    return accounts["bounce-watcher"]


def test_good_addresses_are_mailed(ours: Account, accounts: dict[str, Account]) -> None:
    """Those whom an outage hits before it is one may be suppressed, but not so long that a mailing passes them by."""
    assert len(ours.missed_mail) <= ours.good / 10_000
    assert not ours.still_suppressed
    assert len(ours.good_suppressed) <= len(accounts["any 5xx at once"].good_suppressed) / 100


def test_the_dead_are_found(ours: Account) -> None:
    assert len(ours.found_after) > 200
    assert ours.found_in_time >= 0.99


def test_no_forged_report_is_believed(ours: Account) -> None:
    assert ours.forged > 50
    assert ours.forged_believed == 0


def test_complaints_are_heeded(ours: Account) -> None:
    assert ours.complaints > 10
    assert ours.heeded == ours.complaints


def test_without_guard_and_tokens_the_model_does_harm() -> None:
    """So it is they that keep the aims, and not the model."""
    model = Model(1_000, 45, SEED)
    with watcher(model, guard=False, tokens=False) as bare:
        (account,) = run(model, [bare])
    assert len(account.still_suppressed) > account.good / 10
    assert account.forged_believed > 0


def test_a_seed_makes_a_world() -> None:
    one, same, other = (Model(200, 14, seed) for seed in (1, 1, 2))
    assert [(each.address, each.dies_at) for each in one.recipients] == [
        (each.address, each.dies_at) for each in same.recipients
    ]
    assert list(one.send(0)) == list(same.send(0)) != list(other.send(0))


def test_everything_that_the_model_tells_of_happens() -> None:
    model = Model(SIZE, DAYS, SEED)
    reports = [report for day in range(DAYS) for report in model.send(day)]
    genuine = [report for report in reports if not report.is_forged]
    assert {report.kind for report in genuine} == set(Kind)
    assert {report.reply for report in genuine} >= {OUTAGE, BLOCKED}
    assert len({report.origin for report in reports}) == 5
    assert 0.005 < (len(reports) - len(genuine)) / len(genuine) < 0.015
    assert {each.condition(START) for each in model.recipients} >= {Condition.WELL, Condition.DEAD}
    assert {spell.condition for each in model.recipients for spell in each.spells} == {Condition.FULL, Condition.AWAY}


@pytest.mark.parametrize("attack", ["one report, 1,000 recipients", "small ones, one host each, an hour"])
def test_a_forger_gets_few_without_the_key(attack: str) -> None:
    siege = besieged(attack, size=250, days=14, tokens=False)
    assert 0 < len(siege.given_up) <= (CAPS.report if siege.mails == 1 else CAPS.hour)
    assert siege.held > 100
    assert siege.found == siege.dead > 0


def test_a_forger_gets_nobody_with_the_key() -> None:
    siege = besieged("small ones, one host each, an hour", size=250, days=14, tokens=True)
    assert siege.mails > 200
    assert not siege.given_up
    assert not siege.held
    assert siege.found == siege.dead > 0
