"""Changes cut into calls, made, and each told what came of it, whatever a kind of platform does."""

import json
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest
from structlog.testing import capture_logs

from bounce_watcher.model.ledger import Disposition, NoticeType, OutboxItem
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import AHEAD, Limits
from bounce_watcher.outbox.platform import ListPage, LocalPlatform, Session
from bounce_watcher.outbox.platform_channel import AT_HAND, LONGEST, MOST, PACED, PlatformChannel

NOW = datetime(2026, 11, 24, 6, tzinfo=UTC)
DONE = Outcome(Fate.DONE, "HTTP 200 OK")
Act = Callable[[Sequence[Change]], Sequence[Outcome]]


def all_done(changes: Sequence[Change]) -> Sequence[Outcome]:
    return [DONE] * len(changes)


@dataclass
class Recording:
    """A session that does as told and remembers the calls: whether they suppress, and of whom."""

    act: Act = all_done
    calls: list[tuple[bool, list[str]]] = field(default_factory=list)

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self.calls.append((True, [change.recipient for change in changes]))
        return self.act(changes)

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self.calls.append((False, [change.recipient for change in changes]))
        return self.act(changes)

    def check(self, now: datetime) -> Outcome:
        return self.act([])[0]

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        return ListPage(())

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Fake(LocalPlatform):
    name: str = "fake"
    session: Recording = field(default_factory=Recording)

    kind: ClassVar[str] = "fake"
    limits: ClassVar[Limits] = Limits(batch=4, release_batch=2, concurrency=3, calls=2)

    def group_of(self, change: Change) -> Hashable:
        return change.bounce_type

    def connect(self) -> Session:
        return self.session

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        return ""


def item(number: int, *, suppress: bool = True, bounce_type: str = "hard", attempts: int = 0) -> OutboxItem:
    body = {"type": "", "timestamp": "2026-11-24T06:00:00Z", "data": {"bounce_type": bounce_type}}
    kind = NoticeType.SUPPRESSED if suppress else NoticeType.RELEASED
    return OutboxItem(
        f"msg_{number}", "fake", kind, f"u{number}@example.org", "news", 1, json.dumps(body), NOW, NOW,
        attempts=attempts,
    )


def channel(act: Act = all_done, rate: float | None = None) -> tuple[PlatformChannel, Recording]:
    session = Recording(act)
    return PlatformChannel(Fake(session=session, rate=rate), jitter=lambda: 0.0), session


def numbers(batches: Sequence[Sequence[OutboxItem]]) -> list[list[int]]:
    return [[int(item.id[4:]) for item in batch] for batch in batches]


# ── cut ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_batch_is_of_one_kind_one_group_and_no_larger_than_it_takes() -> None:
    cut, _ = channel()
    items = [
        item(0), item(1, suppress=False), item(2, bounce_type="complaint"), item(3), item(4), item(5),
        item(6), item(7, suppress=False), item(8, suppress=False), item(9, bounce_type="complaint"),
    ]
    assert numbers(cut.batches(items)) == [[0, 3, 4, 5], [1, 7], [2, 9], [6], [8]]


def test_nothing_is_cut_into_nothing() -> None:
    assert channel()[0].batches([]) == []


def test_releases_and_suppressions_go_by_their_own_calls() -> None:
    sent, session = channel()
    sent.send([item(0)], NOW)
    sent.send([item(1, suppress=False)], NOW)
    assert session.calls == [(True, ["u0@example.org"]), (False, ["u1@example.org"])]


# ── one culprit ─────────────────────────────────────────────────────────────────────────────────────────────────────

def refusing(*culprits: str) -> Act:
    """As an API that refuses a whole call for one address in it, and does not say which."""

    def act(changes: Sequence[Change]) -> Sequence[Outcome]:
        if not any(change.recipient in culprits for change in changes):
            return all_done(changes)
        fate = Fate.SPLIT if len(changes) > 1 else Fate.REFUSED
        return [Outcome(fate, "HTTP 400 Bad Request")] * len(changes)

    return act


@pytest.mark.parametrize("culprits", [("u0",), ("u3",), ("u1", "u2"), ("u0", "u1", "u2", "u3")])
def test_a_refused_batch_is_split_down_to_the_culprits(culprits: tuple[str, ...]) -> None:
    sent, session = channel(refusing(*(f"{each}@example.org" for each in culprits)))
    waiting, ended = [item(number) for number in range(4)], dict[str, Disposition]()
    for _ in range(4):
        for batch in sent.batches(waiting):
            for each, attempt in zip(batch, sent.send(batch, NOW), strict=True):
                if attempt.disposition is not Disposition.AGAIN:
                    ended[each.id] = attempt.disposition
        waiting = [each for each in waiting if each.id not in ended]
    expected = {
        f"msg_{number}": Disposition.DEAD if f"u{number}" in culprits else Disposition.DELIVERED for number in range(4)
    }
    assert ended == expected
    assert len(session.calls) <= 7, "the whole, two halves, four single ones"


def test_what_was_refused_with_others_counts_no_try_and_others_go_in_full_batches() -> None:
    sent, _ = channel(refusing("u0@example.org"))
    attempts = sent.send([item(number) for number in range(4)], NOW)
    assert {(each.disposition, each.next_attempt_at, each.leave_alone) for each in attempts} == {
        (Disposition.AGAIN, None, None)
    }
    assert numbers(sent.batches([item(number) for number in range(8, 13)])) == [[8, 9, 10, 11], [12]]
    assert numbers(sent.batches([item(0), item(1), item(2)])) == [[0, 1], [2]]


# ── outcomes ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_each_gets_its_own_outcome_in_its_place() -> None:
    outcomes = [DONE, Outcome(Fate.REFUSED, "no such address"), Outcome(Fate.LATER, "busy")]
    sent, _ = channel(lambda _: outcomes)
    found = sent.send([item(number) for number in range(3)], NOW)
    assert [each.disposition for each in found] == [Disposition.DELIVERED, Disposition.DEAD, Disposition.RETRY]
    assert [each.answer for each in found] == ["HTTP 200 OK", "no such address", "busy"]
    assert found[2].leave_alone is None, "it was about one of them"


def test_a_wait_that_it_asks_for_is_kept_and_tells_that_it_failed_as_a_whole() -> None:
    wait = timedelta(hours=1)
    sent, _ = channel(lambda changes: [Outcome(Fate.LATER, "busy", wait, whole=True)] * len(changes))
    (attempt,) = sent.send([item(0)], NOW)
    assert (attempt.next_attempt_at, attempt.leave_alone) == (NOW + wait, wait)


def test_what_never_works_is_given_up() -> None:
    sent, _ = channel(lambda changes: [Outcome(Fate.LATER, "busy", whole=True)] * len(changes))
    (attempt,) = sent.send([item(0, attempts=9)], NOW)
    assert attempt.disposition is Disposition.DEAD
    assert "given up after 10 tries" in attempt.answer


def broken(_: Sequence[Change]) -> Sequence[Outcome]:
    raise KeyError("secret of user@example.org")


@pytest.mark.parametrize("act", [
    pytest.param(broken, id="raises"),
    pytest.param(lambda changes: [DONE] * (len(changes) - 1), id="one too few"),
    pytest.param(lambda changes: [DONE] * (len(changes) + 1), id="one too many"),
])
def test_a_mistake_in_a_kind_loses_nothing_and_is_logged_without_a_value(act: Act) -> None:
    sent, _ = channel(act)
    with capture_logs() as logs:
        attempts = sent.send([item(0), item(1)], NOW)
    assert [each.disposition for each in attempts] == [Disposition.RETRY] * 2
    assert all(each.leave_alone is not None for each in attempts)
    (line,) = logs
    assert (line["log_level"], line["action"], line["platform"]) == ("error", "platform_bug", "fake")
    assert "user@example.org" not in str(line)
    assert "secret" not in str(attempts)


def test_a_test_is_shielded_too() -> None:
    assert channel(lambda _: [DONE])[0].test(NOW).disposition is Disposition.DELIVERED
    assert channel(broken)[0].test(NOW).disposition is Disposition.RETRY


# ── how much at once ────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.mark.parametrize(("rate", "slots"), [(None, 3), (1000.0, 3), (0.8, 2), (0.4, 1), (0.001, 1)])
def test_no_more_is_begun_than_the_pace_lets_through_soon(rate: float | None, slots: int) -> None:
    paced, _ = channel(rate=rate)
    assert paced.slots == slots
    calls = slots * Fake.limits.calls
    assert slots == 1 or rate is None or calls / rate <= PACED.total_seconds()
    spaced = timedelta(seconds=calls / rate) if rate else timedelta(0)
    needed = Fake.limits.calls * timedelta(seconds=30) + spaced
    assert paced.longest == min(needed, LONGEST), "a lease outlasts its batch, but not by hours where a call is rare"


@pytest.mark.parametrize(("rate", "batches"), [(None, 3 * AHEAD), (20.0, 20), (4.0, 4), (0.8, 2), (0.001, 1)])
def test_what_is_leased_at_once_lasts_for_a_moment_and_suffices_for_all_calls(
    rate: float | None, batches: int
) -> None:
    paced, _ = channel(rate=rate)
    assert paced.room == batches * 4
    calls = batches * Fake.limits.calls
    assert batches == paced.slots or rate is None or calls / rate <= AT_HAND.total_seconds()


def test_what_is_leased_at_once_is_bounded_whatever_the_pace() -> None:
    assert channel(rate=1e6)[0].room == MOST


def test_calls_that_take_more_than_the_bound_go_out_full() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Large(Fake):
        limits: ClassVar[Limits] = Limits(batch=10 * MOST, concurrency=3)

    assert PlatformChannel(Large()).room == 3 * 10 * MOST
