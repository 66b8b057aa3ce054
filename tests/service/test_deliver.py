"""Rounds of a deliverer: a target that fails is left alone and delays no other, and what was not tried is not lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import TemporaryFailure
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    Actor,
    Attempt,
    Disposition,
    OutboxItem,
    OutboxState,
    State,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.outbox.backoff import FAILURES, FIRST
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.platform import ListPage, LocalPlatform, Platform, Session
from bounce_watcher.outbox.platform_channel import PlatformChannel
from bounce_watcher.service import delivering
from bounce_watcher.service.announcing import announcer
from bounce_watcher.service.delivering import BEGUN, SLACK, UNWRITTEN, Deliverer, deliver_all
from bounce_watcher.service.state import Troubles
from tests.facts import BY

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DONE = Outcome(Fate.DONE, "HTTP 200 OK")
DOWN = Outcome(Fate.LATER, "HTTP 503 Service Unavailable", whole=True)
REFUSED = Outcome(Fate.REFUSED, "HTTP 400: …@example.org can't be listed")


@dataclass
class Far:
    """The other side: answers every change of a call by `answer`, and remembers the sizes of calls."""

    answer: Callable[[Change], Outcome] = lambda _: DONE
    calls: list[int] = field(default_factory=list)
    listed: set[str] = field(default_factory=set)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self.calls.append(len(changes))
        outcomes = [self.answer(change) for change in changes]
        taken = (change.recipient for change, each in zip(changes, outcomes, strict=True) if each is DONE)
        self.listed.update(taken)
        return outcomes

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self.calls.append(len(changes))
        self.listed.difference_update(change.recipient for change in changes)
        return [self.answer(change) for change in changes]

    def check(self, now: datetime) -> Outcome:
        return DONE

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        return ListPage(())

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Near(LocalPlatform):
    far: Far = field(default_factory=Far)

    kind: ClassVar[str] = "near"
    limits: ClassVar[Limits] = Limits(batch=2, release_batch=1, concurrency=2)

    def connect(self) -> Session:
        return self.far

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        return ""


@dataclass(frozen=True, kw_only=True)
class OneByOne(Near):
    limits: ClassVar[Limits] = Limits(batch=2, release_batch=1, concurrency=1)


@dataclass
class Desk:
    """A ledger and targets, at a time that the test sets."""

    ledger: Ledger
    settings: Settings
    now: datetime = START

    def suppress(self, *names: str, stream: str = "news") -> None:
        self.ledger.suppressions.adopt([
            Suppression(
                f"{name}@example.org", stream, State.SUPPRESSED, None, self.now, ByPerson("asked for"),
                SuppressionSource.MANUAL,
            )
            for name in names
        ], self.now, announcer(self.settings))

    def release(self, name: str) -> None:
        by = Actor("jo", self.now, "back")
        self.ledger.suppressions.release(f"{name}@example.org", None, by, announce=announcer(self.settings))

    def at(self, platform: Platform) -> None:
        self.settings = Settings(self.settings.database_url, platforms=(platform,))

    def deliverer(self, troubles: Troubles | None = None, target: int = 0) -> Deliverer:
        return Deliverer(self.ledger, self.settings.targets[target], troubles or Troubles(), jitter=lambda: 0.0)

    def items(self, state: OutboxState | None = None) -> list[OutboxItem]:
        return [item for item in self.ledger.lists.outbox() if state in (None, item.state)]


@pytest.fixture
def far() -> Far:
    return Far()


@pytest.fixture
def desk(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    url = f"sqlite:///{tmp_path}/ledger.db"
    settings = Settings(SecretStr(url), platforms=(Near(name="one", far=far),))
    with Ledger.connect(url) as ledger:
        ledger.upgrade()
        it = Desk(ledger, settings)
        monkeypatch.setattr(delivering, "utcnow", lambda: it.now)
        yield it


def rounds(sender: Deliverer, number: int = 1) -> None:
    for _ in range(number):
        sender.round(threading.Event())


def leases(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many items each lease held; it grows as they are taken."""
    sizes, lease = list[int](), desk.ledger.outbox.lease

    def counted(*args: Any) -> list[OutboxItem]:
        items = lease(*args)
        sizes.append(len(items))
        return items

    monkeypatch.setattr(desk.ledger.outbox, "lease", counted)
    return sizes


def test_a_round_sends_all_that_is_due_in_batches(desk: Desk, far: Far) -> None:
    desk.suppress(*"abcdefg")
    with closing(desk.deliverer()) as sender:
        report = sender.round(threading.Event())
    assert (report.delivered, report.tried) == (7, 7)
    assert sum(far.calls) == 7
    assert max(far.calls) == 2
    assert len(far.listed) == 7


def test_how_long_a_call_took_is_kept_with_each_try(desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.suppress("a", "b")
    clock = iter([10.0, 10.25])
    monkeypatch.setattr(delivering, "monotonic", lambda: next(clock))
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    tries = [tried for item in desk.items() for tried in desk.ledger.outbox.deliveries.tries(item.id)]
    assert [(tried.number, tried.at, tried.took, tried.answer) for tried in tries] == [
        (1, START, timedelta(milliseconds=250), "HTTP 200 OK")
    ] * 2


def test_a_paused_target_is_sent_nothing_and_nothing_is_lost_or_counted(desk: Desk, far: Far) -> None:
    far.answer = lambda _: DOWN
    desk.suppress("a", "b")
    with closing(desk.deliverer()) as sender:
        rounds(sender)
        before, tried = desk.items(), len(far.calls)
        desk.ledger.outbox.pause("one", Actor("petra", desk.now, "moves"))
        desk.now += timedelta(days=1)
        far.answer = lambda _: DONE
        rounds(sender, 3)
        assert (desk.items(), len(far.calls)) == (before, tried)
        desk.ledger.outbox.resume("one", BY)
        rounds(sender)
    assert far.listed == {"a@example.org", "b@example.org"}
    assert [item.state for item in desk.items()] == [OutboxState.DELIVERED] * 2


def test_a_pause_is_heeded_within_a_round(desk: Desk, far: Far) -> None:
    desk.suppress(*(f"u{number}" for number in range(200)))

    def pause_and_take(_: Change) -> Outcome:
        desk.ledger.outbox.pause("one", Actor("petra", desk.now, "moves"))
        desk.now += BEGUN
        return DONE

    far.answer = pause_and_take
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    taken = len(far.listed)
    assert 0 < taken < 200
    assert len(desk.items(OutboxState.DUE)) == 200 - taken, "what was leased and not begun is given back"
    desk.ledger.outbox.resume("one", BY)
    far.answer = lambda _: DONE
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    assert len(far.listed) == 200


def test_much_goes_out_by_one_lease_and_never_more_at_once_than_may_be(
    desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.suppress(*(f"u{number}" for number in range(40)))
    under_way, most, both, leased = set[int](), list[int](), threading.Event(), leases(desk, monkeypatch)

    def answer(_: Change) -> Outcome:
        under_way.add(threading.get_ident())
        most.append(len(under_way))
        if len(under_way) == 2:
            both.set()
        both.wait(30)
        under_way.discard(threading.get_ident())
        return DONE

    far.answer = answer
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    assert len(far.listed) == 40
    assert leased == [40, 0]
    assert max(most) == 2


def test_once_it_has_failed_nothing_more_is_begun_and_the_rest_counts_no_try(desk: Desk, far: Far) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*(f"u{number:02}" for number in range(20)))
    far.answer = lambda change: DOWN if change.recipient >= "u06" else DONE
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    due = desk.items(OutboxState.DUE)
    assert len(far.listed) == 6
    assert len(far.calls) == 3 + 2, "one in the turn that had begun well, one more in the next"
    assert sorted(item.attempts for item in due) == [0] * 10 + [1] * 4
    untried = [item for item in due if item.attempts == 0]
    assert desk.ledger.outbox.lease("one", desk.now, SECOND, 20, ()) == untried, "it is due at once, for anybody"


def test_what_is_under_way_belongs_to_nobody_else_and_what_comes_too_late_is_not_begun(
    desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*"abcdefgh")
    passes = {1: BEGUN - SECOND, 2: 2 * SECOND}
    others, leased = list[OutboxItem](), leases(desk, monkeypatch)

    def answer(change: Change) -> Outcome:
        if change.recipient[0] in "ac":
            others.extend(desk.ledger.outbox.lease("one", desk.now + Near.timeout + SLACK - SECOND, SECOND, 10, ()))
            desk.now += passes[len(far.calls)]
        return DONE

    far.answer = answer
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    assert others == []
    assert [number for number in leased if number] == [8, 4], "what was not begun was given back"
    assert len(far.listed) == 8


def test_what_is_sent_and_not_written_stays_little_and_comes_again(
    desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ledger hangs, then fails: the calls go on for a little only, and nothing is lost."""
    desk.suppress(*(f"u{number:02}" for number in range(40)))
    served = threading.Event()
    most = UNWRITTEN * Near.limits.concurrency

    def answer(_: Change) -> Outcome:
        if len(far.calls) >= most:
            served.set()
        return DONE

    def broken(*_: object) -> None:
        assert served.wait(30)
        raise TemporaryFailure("the disk is full")

    far.answer = answer
    with closing(desk.deliverer()) as sender:
        with monkeypatch.context() as patch:
            patch.setattr(desk.ledger.outbox, "conclude", broken)
            rounds(sender)
        assert len(far.calls) == most
        assert len(desk.items(OutboxState.DUE)) == 40
        desk.now += timedelta(minutes=5)
        rounds(sender)
    assert len(far.listed) == 40
    assert desk.items(OutboxState.DUE) == []


def test_who_asks_to_be_left_alone_amid_successes_is_left_alone(desk: Desk, far: Far) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*(f"u{number:02}" for number in range(20)))
    far.answer = lambda change: (
        Outcome(Fate.LATER, "HTTP 429", timedelta(minutes=15), whole=True) if change.recipient >= "u06" else DONE
    )
    with closing(desk.deliverer()) as sender:
        rounds(sender, 3)
        assert len(far.calls) == 3 + 1
        desk.now += timedelta(minutes=15)
        far.answer = lambda _: DONE
        rounds(sender)
    assert len(far.listed) == 20 - 2, "all but the two of that call, whose next try is spread by jitter"


def test_after_enough_failed_turns_the_target_is_left_alone(desk: Desk, far: Far) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*(f"u{number}" for number in range(20)))
    far.answer = lambda _: DOWN
    with closing(desk.deliverer()) as sender:
        rounds(sender, FAILURES)
        assert len(far.calls) == FAILURES
        rounds(sender, 5)
        assert len(far.calls) == FAILURES, "it is open: nothing is tried, nothing is leased"
        desk.now += FIRST - SECOND
        rounds(sender)
        assert len(far.calls) == FAILURES
        desk.now += SECOND
        rounds(sender)
        assert len(far.calls) == FAILURES + 1, "half-open: a single batch"
        untouched = [item for item in desk.items(OutboxState.DUE) if item.attempts == 0]
        assert len(untouched) == 20 - 2 * (FAILURES + 1)
        desk.now += 2 * FIRST
        far.answer = lambda _: DONE
        rounds(sender)
        assert len(far.listed) == 20, "one went through, so all the others follow at once"


def test_what_asks_to_be_left_alone_is_asked_by_nobody_else(desk: Desk, far: Far) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*"abcdefgh")
    far.answer = lambda _: Outcome(Fate.LATER, "HTTP 429", timedelta(minutes=15), whole=True)
    with closing(desk.deliverer()) as sender:
        rounds(sender, 3)
        assert len(far.calls) == 1
        desk.now += timedelta(minutes=14)
        rounds(sender)
        assert len(far.calls) == 1
        desk.now += timedelta(minutes=1)
        rounds(sender)
        assert len(far.calls) == 2


def test_a_single_trouble_opens_nothing(desk: Desk, far: Far) -> None:
    desk.suppress(*"abcdefgh")
    far.answer = lambda change: REFUSED if change.recipient < "e" else DONE
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    assert len(far.listed) == 4
    assert len(desk.items(OutboxState.DEAD)) == 4


def test_each_that_is_refused_for_good_is_told_once_without_its_address(desk: Desk, far: Far) -> None:
    desk.suppress(*"abc")
    far.answer = lambda change: DONE if change.recipient.startswith("b") else REFUSED
    troubles = Troubles()
    with capture_logs() as logs, closing(desk.deliverer(troubles)) as sender:
        rounds(sender, 3)
    told = [line for line in logs if line["action"] == "change_refused"]
    assert {line["id"] for line in told} == {item.id for item in desk.items(OutboxState.DEAD)}
    assert len(told) == 2
    for line in told:
        assert (line["log_level"], line["target"], line["answer"]) == ("warning", "platform one", REFUSED.answer)
        assert not {"a@example.org", "c@example.org"} & set(map(str, line.values()))
    assert troubles.open() == {}, "it is about these, not about the platform"


def test_a_release_goes_out_though_the_suppression_waits_for_its_next_try(desk: Desk, far: Far) -> None:
    desk.suppress("a")
    far.answer = lambda _: Outcome(Fate.LATER, "busy")
    with closing(desk.deliverer()) as sender:
        rounds(sender, 3)
        desk.release("a")
        far.answer = lambda _: DONE
        rounds(sender)
    assert [item.state for item in desk.items()] == [OutboxState.SUPERSEDED, OutboxState.DELIVERED]


@pytest.mark.parametrize("webhook", [False, True], ids=["platform", "webhook"])
def test_what_is_leased_and_overtaken_is_not_sent(
    desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch, *, webhook: bool
) -> None:
    """The change of mind comes while the suppression is in the sender's hands, behind others."""
    if not webhook:
        desk.at(OneByOne(name="one", far=far))
    desk.suppress(*"abcdef")
    sent: list[tuple[str, str]] = []

    def told(self: Any, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        if not sent:
            desk.release("e")
            desk.release("f")
            desk.suppress("f")
        sent.extend((item.recipient or "", item.type.value.rpartition(".")[2]) for item in items)
        return [Attempt(Disposition.DELIVERED, "204")] * len(items)

    monkeypatch.setattr(PlatformChannel, "send", told)
    with closing(desk.deliverer()) as sender:
        if webhook:
            sender._keeps = None
        rounds(sender, 2)
    by_recipient = {name: [what for who, what in sent if who[0] == name] for name in "abcdef"}
    assert by_recipient == {**{name: ["suppressed"] for name in "abcd"}, "e": ["released"], "f": ["suppressed"]}
    assert not desk.items(OutboxState.DUE)


def test_nothing_is_sent_while_the_ledger_cannot_tell_what_is_overtaken(
    desk: Desk, far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.suppress(*"abc")

    def away(*_: object) -> list[OutboxItem]:
        raise TemporaryFailure("the database is away")

    with monkeypatch.context() as patch, closing(desk.deliverer()) as sender:
        patch.setattr(desk.ledger.outbox, "still_wanted", away)
        rounds(sender)
    assert far.calls == []
    with closing(desk.deliverer()) as sender:
        rounds(sender)
    assert sorted(far.listed) == ["a@example.org", "b@example.org", "c@example.org"]
    assert {item.attempts for item in desk.items()} == {1}


def test_a_target_that_is_dead_delays_no_other(desk: Desk, far: Far) -> None:
    """The dead one answers only when the other has got everything: one after the other they would wait for good."""
    served, in_time = threading.Event(), list[bool]()

    class Quick(Far):
        def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
            outcomes = super().suppress(changes, now)
            if len(self.listed) == 4:
                served.set()
            return outcomes

    def hang(_: Change) -> Outcome:
        in_time.append(served.wait(30))
        return DOWN

    far.answer, other = hang, Quick()
    desk.settings = Settings(
        desk.settings.database_url, platforms=(*desk.settings.platforms, Near(name="two", far=other))
    )
    desk.suppress(*"abc")
    desk.suppress("d")
    reports = deliver_all(desk.settings, desk.ledger, Troubles(), threading.Event())
    assert [(each.target, each.delivered) for each in reports] == [("one", 0), ("two", 4)]
    assert other.listed == {f"{name}@example.org" for name in "abcd"}
    assert in_time
    assert all(in_time)


def test_a_stop_leaves_the_rest_for_later(desk: Desk, far: Far) -> None:
    desk.at(OneByOne(name="one", far=far))
    desk.suppress(*(f"u{number}" for number in range(20)))
    stop = threading.Event()

    def answer(_: Change) -> Outcome:
        stop.set()
        return DONE

    far.answer = answer
    with closing(desk.deliverer()) as sender:
        sender.round(stop)
    assert len(far.listed) == 2, "the call in hand"
    rest = desk.items(OutboxState.DUE)
    assert len(rest) == 18
    assert desk.ledger.outbox.lease("one", desk.now, SECOND, 20, ()) == rest, "nothing waits for the end of a lease"
