"""What people ask for is one function, whichever way they ask: it shows first, and its row in the log is of its act."""

import ast
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bounce_watcher.config import Settings, parse
from bounce_watcher.ledger import actions
from bounce_watcher.ledger.db.query import Choice, FilterField, Query
from bounce_watcher.ledger.lists.filters import SuppressionFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.ledger.suppressions import suppressions
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import Actor, Attempt, Disposition, OutboxState, State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.guards.incident import Incident
from bounce_watcher.service.operations.bulk import ReleaseListed, UndoIncident
from bounce_watcher.service.operations.operation import Operation
from bounce_watcher.service.operations.outbox import Discard, PauseTarget, ResumeTarget, Retry
from bounce_watcher.service.operations.recipients import Forget, Protect, Release, Suppress, Unprotect
from bounce_watcher.service.operations.reviewing import Reopen, SetAside
from tests.ledger.making import LEASE, START, USER, bounce, day, page, record

PACKAGE = Path(__file__).parents[2] / "bounce_watcher"
CONFIG = """
[database]
url = "sqlite:////tmp/unused.db"
[[webhook]]
name = "platform"
url = "https://platform.example.org/hook"
secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
"""
BY = Actor("jo", day(9), "by phone")
OTHER = "other@example.org"


@dataclass(frozen=True)
class House:
    """A ledger with something of everything that a person may decide on."""

    settings: Settings
    ledger: Ledger
    file: Path

    @property
    def rows(self) -> list[str]:
        with closing(sqlite3.connect(self.file)) as connection:
            return sorted(connection.iterdump())

    @property
    def logged(self) -> list[tuple[str, str | None]]:
        return [(each.action, each.because) for each in self.ledger.log.newest()]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    file = tmp_path / "ledger.db"
    with Ledger.connect(f"sqlite:///{file}") as ledger:
        ledger.upgrade()
        record(ledger, page(
            bounce("m1"), bounce("m2", OTHER, at=day(1)), bounce("m3", "full@example.org", reason=Reason.MAILBOX_FULL),
            bounce("m4", "who@example.org", reason=Reason.UNKNOWN, diagnostic="550 the moon is in the wrong house"),
            bounce("m5", "angry@example.org", kind=Kind.COMPLAINT, feedback_type="abuse"),
        ))
        items = ledger.outbox.lease("platform", day(2), LEASE, 1)
        ledger.outbox.conclude([(items[0], Attempt(Disposition.DEAD, "400 no"))], day(2))
        assert ledger.names.name(USER) and ledger.privacy.forgotten_name(USER), "the keys are made"
        yield House(parse(CONFIG, "a test", {}), ledger, file)


Make = Callable[[House], Operation[Any, Any]]


def before(prepare: Make, operation: Make) -> Make:
    """An operation behind another, which is carried out."""
    def make(house: House) -> Operation[Any, Any]:
        prepare(house).carry_out(BY)
        return operation(house)

    return make


def on(kind: Callable[..., Operation[Any, Any]], *arguments: object, **more: object) -> Make:
    return lambda house: kind(house.settings, house.ledger, *arguments, **more)


def of_group(kind: Callable[..., Operation[Any, Any]]) -> Make:
    return lambda house: kind(house.settings, house.ledger, next(house.ledger.review.groups(Query())))


LISTED = Query({FilterField.STATE: Choice((State.SUPPRESSED.value,))})
OPERATIONS: dict[str, Make] = {
    "release": on(Release, USER),
    "suppress": on(Suppress, "new@example.org", "default"),
    "protect": on(Protect, USER, of=USER),
    "unprotect": before(on(Protect, USER), on(Unprotect, USER)),
    "forget": on(Forget, USER),
    "release of many": on(ReleaseListed, "recipients with state: suppressed", LISTED),
    "undo": on(UndoIncident, "three days", Incident(START, day(3))),
    "retry": on(Retry, target="platform"),
    "discard": on(Discard, target="platform"),
    "pause": on(PauseTarget, "platform"),
    "resume": before(on(PauseTarget, "platform"), on(ResumeTarget, "platform")),
    "set aside": of_group(SetAside),
    "taken up again": before(of_group(SetAside), of_group(Reopen)),
}
EACH = pytest.mark.parametrize("name", OPERATIONS)


def carried_out(operation: Operation[Any, Any]) -> None:
    done = operation.carry_out(BY)
    if isinstance(done, Iterator):
        list(done)


@EACH
def test_a_preview_changes_nothing(house: House, name: str) -> None:
    operation = OPERATIONS[name](house)
    rows = house.rows
    assert operation.preview(BY).seen == operation.preview(BY).seen
    assert house.rows == rows


@EACH
def test_who_saw_it_before_it_was_done_saw_something_else(house: House, name: str) -> None:
    """But for an address to forget, which is typed to confirm it, and a group, which is looked up by its page."""
    operation = OPERATIONS[name](house)
    seen = operation.preview(BY).seen
    carried_out(operation)
    if name not in {"forget", "set aside", "taken up again"}:
        assert operation.preview(BY).seen != seen


@EACH
def test_it_adds_one_row_to_the_log(house: House, name: str) -> None:
    operation = OPERATIONS[name](house)
    logged, rows = house.logged, house.rows
    carried_out(operation)
    assert house.logged == [(name.removesuffix(" of many"), BY.note), *logged]
    assert house.rows != rows


@EACH
def test_without_its_row_in_the_log_nothing_is_done(house: House, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = OPERATIONS[name](house)
    rows = house.rows
    monkeypatch.setattr(actions, "enter", _broken)
    with pytest.raises(RuntimeError, match="the log"):
        carried_out(operation)
    assert house.rows == rows


def _broken(*_: object) -> int:
    raise RuntimeError("the log is full")


def test_a_retry_matches_what_it_then_makes_due(house: House) -> None:
    operation = Retry(house.settings, house.ledger, target="platform")
    would = [item.id for item in operation.matching(BY)]
    assert operation.carry_out(BY) == len(would) == 1
    due = {item.id for item in house.ledger.lists.outbox() if item.state is OutboxState.DUE}
    assert set(would) <= due


@pytest.mark.parametrize("kind", [Retry, Discard])
def test_items_that_are_named_are_outlined_as_they_are_changed(house: House, kind: type[Retry | Discard]) -> None:
    dead = [item.id for item in house.ledger.lists.outbox() if item.state is OutboxState.DEAD]
    operation = kind(house.settings, house.ledger, ids=[*dead, "msg_none"])
    found = operation.preview(BY)
    assert ([item.id for item in found.items], found.numbers, found.at_most) == (dead, {OutboxState.DEAD: 1}, False)
    assert [item.id for item in operation.matching(BY)] == dead
    assert operation.carry_out(BY) == found.count == 1
    assert operation.preview(BY).seen != found.seen


def test_a_retry_outlines_the_state_and_the_time_that_it_is_asked_for(house: House) -> None:
    assert Retry(house.settings, house.ledger, target="platform").preview(BY).count == 1
    for asked in ({"since": day(8)}, {"state": OutboxState.DELIVERED}):
        operation = Retry(house.settings, house.ledger, target="platform", **asked)
        assert operation.preview(BY).count == operation.carry_out(BY) == 0


ACTS = {
    "suppressions": {"suppress", "release", "protect", "unprotect", "rule", "release_all", "undo"},
    "outbox": {"retry", "retry_chosen", "discard", "pause", "resume"},
    "review": {"set_aside", "take_up", "note_rule", "settle_opt_outs"},
    "privacy": {"forget"},
}


def acts_asked(path: Path) -> list[str]:
    """Acts that a module asks of the ledger itself."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))
    return [
        f"{path.name}:{call.lineno}" for call in calls
        if isinstance(call.value, ast.Attribute) and call.attr in ACTS.get(call.value.attr, ())
    ]


def test_neither_commands_nor_pages_nor_the_api_ask_the_ledger_for_an_act() -> None:
    faces = [path for face in ("cli", "web") for path in (PACKAGE / face).rglob("*.py")]
    assert [each for path in faces for each in acts_asked(path)] == []
    operations = [each for path in (PACKAGE / "service" / "operations").rglob("*.py") for each in acts_asked(path)]
    assert len(operations) >= sum(map(len, ACTS.values())), "and the operations do"


def test_what_is_told_of_a_release_is_counted(house: House) -> None:
    told = Release(house.settings, house.ledger, USER).preview(BY).notices
    assert {(kind.value, target): many for (kind, target), many in told.told.items()} == {
        ("recipient.released", "platform"): 1
    }


def test_a_protection_that_releases_is_one_transaction(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    operation = Protect(house.settings, house.ledger, f"@{USER.partition('@')[2]}", of=USER, release=True)
    logged, rows = house.logged, house.rows
    with monkeypatch.context() as broken:
        broken.setattr(suppressions, "_release", _broken)
        with pytest.raises(RuntimeError, match="the log"):
            operation.carry_out(BY)
    assert house.rows == rows
    operation.carry_out(BY)
    assert house.logged == [("release", BY.note), ("protect", BY.note), *logged]
    assert not list(house.ledger.lists.suppressions(SuppressionFilter(USER)))
