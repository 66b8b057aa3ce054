"""What holds under every configuration that loads: drawn as files, and read by the real loader."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.config import parse
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.grounds import ByPerson
from bounce_watcher.model.ledger import (
    AlertKind,
    BounceEvent,
    History,
    MessageRecord,
    RecipientRecord,
    State,
    Suppression,
    SuppressionSource,
)
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.counting import CHOICES
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings
from bounce_watcher.policy.transitions import apply_event, release_expired
from bounce_watcher.words.grounds import text
from tests.examples import examples
from tests.families import for_each
from tests.policy.samples import RECIPIENT, complaint, counted, failure, march

properties = settings(max_examples=examples(150))

HARMLESS = [reason for reason in Reason if reason.bounce_type in {BounceType.BLOCK, BounceType.UNDETERMINED}]

# ── configurations ──────────────────────────────────────────────────────────────────────────────────────────────────

DAYS = st.integers(1, 120)


@st.composite
def ladders(draw: st.DrawFn) -> str:
    rungs = [f"{days}d" for days in sorted(draw(st.sets(DAYS, max_size=3)))]
    if not rungs or draw(st.booleans()):
        rungs.append("never")
    return "[" + ", ".join(f'"{rung}"' for rung in rungs) + "]"


@st.composite
def thresholds(draw: st.DrawFn, table: str) -> list[str]:
    bounces = draw(st.integers(1, 5))
    days = draw(st.integers(1, bounces))
    window = draw(st.integers(days, 120))
    span = draw(st.integers(0, window)) if bounces > 1 else 0
    return [f"[policy.{table}]", f"bounces = {bounces}", f"distinct_days = {days}", f'span = "{span}d"',
            f'window = "{window}d"']


@st.composite
def files(draw: st.DrawFn) -> str:
    """Files that load, of every key of the policy that bears on what counts."""
    scopes = st.sampled_from(["stream", "global"])
    grades = st.sampled_from([grade.value for grade in Evidence])
    offered = {reason: choices for reason, choices in CHOICES.items() if len(choices) > 1}
    lines = ["[policy]", f'complaint_scope = "{draw(scopes)}"', f'hard_scope = "{draw(scopes)}"']
    lines += ["[policy.reasons]"]
    lines += [f'{reason} = "{draw(st.sampled_from(offered[reason]))}"' for reason in offered if draw(st.booleans())]
    lines += ["[policy.evidence]", *(f'{name} = "{draw(grades)}"' for name in ("hard", "soft", "complaint"))]
    lines += ["[policy.expiry]", *(f"{name} = {draw(ladders())}" for name in ("hard", "soft", "complaint"))]
    return "\n".join([*lines, *draw(thresholds("soft")), *draw(thresholds("confirm"))])


def policy_of(text: str) -> PolicySettings:
    return parse(text, "drawn", {}).policy


policies = files().map(policy_of)

# ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────────

moments = st.builds(march, st.integers(1, 90), st.integers(0, 23))
failures = st.builds(failure, st.sampled_from(Reason), moments, evidence=st.sampled_from(Evidence))
complaints = st.builds(complaint, moments, st.sampled_from(["abuse", "not-spam", None]))
histories = st.lists(failures | complaints, max_size=20).map(lambda drawn: sorted(drawn, key=lambda event: event.at))
blocks = st.builds(failure, st.sampled_from(HARMLESS), moments, evidence=st.sampled_from(Evidence))


def after(events: Sequence[BounceEvent], policy: PolicySettings) -> History:
    """What stands after all of them, by the steps of the ledger."""
    past = History(RecipientRecord(RECIPIENT, "news"))
    for event in events:
        past = then(past, event, policy)
    return past


def then(past: History, event: BounceEvent, policy: PolicySettings) -> History:
    past = replace(past, record=release_expired(past.record, event.at).record)
    decision = decide(event, past, policy)
    added = (counted(event),) if decision.exclusion is None else ()
    return History(apply_event(past.record, event, decision).record, past.counted + added)


def standing(record: RecipientRecord) -> tuple[object, ...]:
    """All but what only counts events."""
    return record.state, text(
        record.grounds
    ), record.released_at, record.suppression, record.expiry_level, record.expired_reason


@properties
@given(histories, blocks, policies)
def test_a_block_never_changes_where_a_recipient_stands(
    past: list[BounceEvent], block: BounceEvent, policy: PolicySettings
) -> None:
    before = after([event for event in past if event.at <= block.at], policy)
    at_that_time = replace(before, record=release_expired(before.record, block.at).record)
    assert standing(then(before, block, policy).record) == standing(at_that_time.record)


@properties
@given(histories, st.lists(blocks, max_size=10), policies)
def test_nor_does_it_change_what_becomes_of_others(
    past: list[BounceEvent], added: list[BounceEvent], policy: PolicySettings
) -> None:
    among = sorted([*past, *added], key=lambda event: event.at)
    end = march(400)
    alone, mixed = (release_expired(after(events, policy).record, end).record for events in (past, among))
    assert standing(alone) == standing(mixed)


@properties
@given(histories, st.sampled_from([r for r in Reason if r.bounce_type is BounceType.HARD]), policies)
def test_a_further_hard_bounce_never_un_suppresses(
    past: list[BounceEvent], reason: Reason, policy: PolicySettings
) -> None:
    last = failure(reason, march(91), evidence=Evidence.TOKEN)
    before = after(past, policy)
    in_force = release_expired(before.record, last.at).record.suppression
    now = then(before, last, policy).record.suppression
    if in_force is not None:
        assert now is not None
        assert now.state is in_force.state
        assert now.until is None or (in_force.until is not None and now.until >= in_force.until)


@properties
@given(histories, policies)
def test_the_policy_alone_never_releases_before_the_time_is_over(
    past: list[BounceEvent], policy: PolicySettings
) -> None:
    record = RecipientRecord(RECIPIENT, "news", state=State.SUPPRESSED, suppression=Suppression(
        RECIPIENT, "news", State.SUPPRESSED, None, march(0), ByPerson("asked for"), SuppressionSource.MANUAL,
    ))
    history = History(record)
    for event in past:
        history = then(history, event, policy)
    assert history.record.state is State.SUPPRESSED


@for_each("reason", [reason for reason in Reason if len(CHOICES.get(reason, ())) < 2])
@for_each("rule", ["suppress-now", "confirm", "threshold", "never"])
def test_no_file_that_sets_what_can_not_count_loads(reason: Reason, rule: str) -> None:
    with pytest.raises(ConfigError):
        policy_of(f'[policy.reasons]\n{reason} = "{rule}"')


# ── through the ledger: order, repetition, pages ────────────────────────────────────────────────────────────────────

ADDRESSES = [f"{name}@example.org" for name in ("anna", "bela", "carla")]


def addressed(event: BounceEvent, address: str, stream: str) -> BounceEvent:
    return replace(event, recipient=address, stream=stream, message_digest=event.id, id=f"{event.id}/{address}")


@st.composite
def tales(draw: st.DrawFn) -> list[list[BounceEvent]]:
    """The events of some recipients in some streams, those of each in order."""
    pairs = draw(st.lists(
        st.tuples(st.sampled_from(ADDRESSES), st.sampled_from(["news", "bills"])), unique=True, min_size=2, max_size=4
    ))
    return [[addressed(event, *pair) for event in draw(histories)[:8]] for pair in pairs]


@st.composite
def merged(draw: st.DrawFn, told: list[list[BounceEvent]]) -> list[BounceEvent]:
    """One of the orders in which independent tales may arrive."""
    order = draw(st.permutations([number for number, tale in enumerate(told) for _ in tale]))
    left = [iter(tale) for tale in told]
    return [next(left[number]) for number in order]


@st.composite
def paged(draw: st.DrawFn, events: list[BounceEvent]) -> list[list[BounceEvent]]:
    """The events cut into pages, some of them told again at once or later."""
    pages, rest = [], list(events)
    while rest:
        size = draw(st.integers(1, 6))
        pages.append(rest[:size])
        rest = rest[size:]
        if draw(st.booleans()):
            pages.append(list(draw(st.sampled_from(pages))))
    return pages


@contextmanager
def empty_ledger() -> Iterator[Ledger]:
    with TemporaryDirectory() as folder, Ledger.connect(f"sqlite:///{Path(folder)}/ledger.db") as ledger:
        ledger.upgrade()
        yield ledger


def message(event: BounceEvent) -> MessageRecord:
    return MessageRecord(event.message_digest, Kind.BOUNCE, event.at, "test", None, 1, None, (event,))


def outcome(pages: Sequence[Sequence[BounceEvent]], policy: PolicySettings) -> list[RecipientRecord]:
    with empty_ledger() as ledger:
        for page in pages:
            ledger.recording.record([message(event) for event in page], partial(decide, settings=policy), lambda _: ())
        return [record for address in ADDRESSES for record in ledger.lists.recipients(address)]


@settings(max_examples=examples(12))
@given(tales(), policies, st.data())
def test_order_of_the_independent_repetition_and_pages_change_nothing(
    told: list[list[BounceEvent]], policy: PolicySettings, data: st.DataObject
) -> None:
    one_after_the_other = [event for tale in told for event in tale]
    mixed = data.draw(paged(data.draw(merged(told))))
    assert outcome(mixed, policy) == outcome([[event] for event in one_after_the_other], policy)


# ── the guard and the alerts ────────────────────────────────────────────────────────────────────────────────────────

@st.composite
def guarded(draw: st.DrawFn) -> PolicySettings:
    """With a guard and alerts that few are enough for."""
    hours, share = st.integers(1, 6), st.floats(0, 1)
    window, alert_window = draw(hours), draw(hours)
    return policy_of("\n".join([
        draw(files()),
        "[policy.guard]", f"learning = {draw(st.integers(0, 1))}",
        f'window = "{window}h"', f'quiet = "{window + draw(hours)}h"',
        f"min_bounces = {draw(st.integers(2, 4))}", f"factor = {draw(st.floats(1, 3))}",
        f'wait = "{draw(st.integers(0, 6))}h"', f"wait_min = {draw(st.integers(1, 3))}", f"wait_from = {draw(share)}",
        "[policy.alerts]", f'window = "{alert_window}h"', f'quiet = "{alert_window + draw(hours)}h"',
        f"min_blocks = {draw(st.integers(1, 3))}", f"share = {draw(share)}",
    ]))


MANY = [f"user{number}@example.org" for number in range(8)]


def in_two_days(reasons: Sequence[Reason]) -> st.SearchStrategy[list[BounceEvent]]:
    """Of many recipients of one provider, in the order of time."""
    at = st.integers(0, 47 * 60).map(lambda minutes: march(40, 0) + timedelta(minutes=minutes))
    grades = st.sampled_from(Evidence)
    one = st.builds(partial(failure, diagnostic="550 no"), st.sampled_from(reasons), at, evidence=grades)
    events = st.builds(partial(addressed, stream="news"), one, st.sampled_from(MANY))
    return st.lists(events, min_size=4, max_size=16).map(lambda drawn: sorted(drawn, key=lambda event: event.at))


@dataclass(frozen=True)
class Course:
    """Where all stand once all pages are read, and once outages and waits are over; and the alerts in between."""

    read: list[tuple[object, ...]]
    over: list[tuple[object, ...]]
    alerts: list[AlertKind]


def course(pages: Sequence[Sequence[BounceEvent]], policy: PolicySettings) -> Course:
    def all_standing() -> list[tuple[object, ...]]:
        records = [record for address in MANY for record in ledger.lists.recipients(address)]
        return [(each.recipient, each.stream, *standing(each)) for each in records if each.state is not State.ACTIVE]

    with empty_ledger() as ledger:
        for page in pages:
            ledger.recording.record(
                [message(event) for event in page], partial(decide, settings=policy), lambda _: (), policy
            )
        read, end = all_standing(), march(400)
        ledger.recording.end_waits(end, policy.guard.wait, lambda _: ())
        ledger.recording.settle_alerts(end, lambda _: ())
        return Course(read, all_standing(), [alert.kind for alert in ledger.lists.alerts()])


def test_blocks_change_nobody_whatever_guard_and_alerts_are_set_to() -> None:
    met: Counter[object] = Counter()

    @settings(max_examples=examples(50))
    @given(in_two_days([Reason.INVALID_RECIPIENT, Reason.INVALID_DOMAIN]), in_two_days(HARMLESS), guarded(), st.data())
    def check(hard: list[BounceEvent], added: list[BounceEvent], policy: PolicySettings, data: st.DataObject) -> None:
        pages = data.draw(paged(data.draw(merged([hard, added]))))
        mixed = course(pages, policy)
        alone = course([[event for event in page if event.reason not in HARMLESS] for page in pages], policy)
        assert (mixed.read, mixed.over) == (alone.read, alone.over)
        met.update([*mixed.alerts, *(each[2] for each in (*mixed.read, *mixed.over))])

    check()
    assert set(met) >= {AlertKind.OUTAGE, AlertKind.BLOCKS, State.SUPPRESSED, State.PENDING}
