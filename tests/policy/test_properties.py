"""What holds for every history: found with hypothesis, the same examples on each run."""

from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import BounceEvent, History, RecipientRecord, Step
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings, Threshold
from tests.examples import examples
from tests.policy.samples import complaint, failure, history, march, replay

properties = settings(max_examples=examples(200))

reasons = st.sampled_from(Reason)
harmless = st.sampled_from([r for r in Reason if r.bounce_type in {BounceType.BLOCK, BounceType.UNDETERMINED}])
hard = st.sampled_from([r for r in Reason if r.bounce_type is BounceType.HARD])
moments = st.builds(march, st.integers(1, 90), st.integers(0, 23))
expiries = st.lists(st.integers(1, 400), max_size=3, unique=True).map(
    lambda days: (*(timedelta(days=each) for each in sorted(days)), None)
) | st.integers(1, 400).map(lambda days: (timedelta(days=days),))
thresholds = st.builds(
    Threshold,
    bounces=st.integers(1, 5),
    distinct_days=st.integers(1, 5),
    span=st.integers(0, 480).map(lambda hours: timedelta(hours=hours)),
    window=st.integers(1, 90).map(lambda days: timedelta(days=days)),
)
policies = st.builds(
    PolicySettings,
    evidence_hard=st.sampled_from(Evidence), evidence_soft=st.sampled_from(Evidence),
    evidence_complaint=st.sampled_from(Evidence),
    soft=thresholds, confirm=thresholds,
    hard_expiry=expiries, soft_expiry=expiries, complaint_expiry=expiries,
)
lasting = st.builds(PolicySettings, soft=thresholds, confirm=thresholds, soft_expiry=st.just((None,)))
"""Policies whose suppressions do not run out."""

failures = st.builds(failure, reasons, moments, evidence=st.sampled_from([Evidence.REPORT, Evidence.TOKEN]))
events = failures | st.builds(complaint, moments, st.sampled_from(["abuse", "not-spam", None]))


def in_order(drawn: list[BounceEvent]) -> list[BounceEvent]:
    return sorted(drawn, key=lambda event: event.at)


histories = st.lists(events, max_size=25).map(in_order)

RANK = {Step.NOTE: 0, Step.WATCH: 1, Step.PEND: 2, Step.SUPPRESS: 3}


@properties
@given(histories, harmless, moments, policies, st.sampled_from(Evidence))
def test_a_block_is_only_ever_noted(
    past: list[BounceEvent], reason: Reason, at: datetime, policy: PolicySettings, evidence: Evidence
) -> None:
    decision = decide(failure(reason, at, evidence=evidence), history(*past), policy)
    assert decision.step is Step.NOTE
    assert decision.exclusion is not None


@properties
@given(histories, hard, policies)
def test_a_further_hard_bounce_never_ends_or_shortens_a_suppression(
    past: list[BounceEvent], reason: Reason, policy: PolicySettings
) -> None:
    before, _ = replay(past, policy)
    after, decisions = replay([*past, failure(reason, march(91))], policy)
    assert decisions[-1].step is not Step.RELEASE
    if before.suppression is None or (before.suppression.until and before.suppression.until <= march(91)):
        return
    assert after.suppression is not None
    assert after.suppression.until is None or (
        before.suppression.until is not None and after.suppression.until >= before.suppression.until
    )


@properties
@given(histories, lasting)
def test_more_bounces_never_lead_to_less(past: list[BounceEvent], policy: PolicySettings) -> None:
    for left_out in range(len(past)):
        fewer, _ = replay(past[:left_out] + past[left_out + 1 :], policy)
        all_of_them, _ = replay(past, policy)
        assert fewer.suppression is None or all_of_them.suppression is not None


@properties
@given(st.lists(failures, max_size=15), failures, failures, policies)
def test_one_more_in_the_history_never_weakens_the_step(
    past: list[BounceEvent], more: BounceEvent, event: BounceEvent, policy: PolicySettings
) -> None:
    less, greater = (decide(event, history(*earlier), policy) for earlier in (past, [*past, more]))
    already_counted = greater.exclusion is not None
    assert already_counted or RANK[greater.step] >= RANK[less.step]


@properties
@given(histories.filter(bool), policies, st.data())
def test_a_repetition_within_the_day_changes_nothing(
    past: list[BounceEvent], policy: PolicySettings, data: st.DataObject
) -> None:
    repeated = data.draw(st.sampled_from(past))
    again = failure(repeated.reason, repeated.at) if repeated.reason else complaint(repeated.at, repeated.feedback_type)
    place = past.index(repeated) + 1
    once, _ = replay(past, policy)
    twice, decisions = replay([*past[:place], again, *past[place:]], policy)
    assert decisions[place].step is Step.NOTE
    assert (once.state, once.suppression and once.suppression.until) == (
        twice.state, twice.suppression and twice.suppression.until
    )


@properties
@given(st.lists(failures, min_size=2, max_size=8), lasting, st.data())
def test_reports_that_come_in_another_order_lead_to_the_same_state(
    drawn: list[BounceEvent], policy: PolicySettings, data: st.DataObject
) -> None:
    days = {(event.at.date(), event.bounce_type): event for event in drawn}
    distinct = in_order(list(days.values()))
    shuffled = data.draw(st.permutations(distinct))
    ordered, _ = replay(distinct, policy)
    mixed, _ = replay(shuffled, policy)
    assert ordered.state is mixed.state


@properties
@given(failures, policies, st.sampled_from([Action.DELAYED, Action.DELIVERED, Action.RELAYED, Action.EXPANDED, None]))
def test_only_a_failure_counts(event: BounceEvent, policy: PolicySettings, action: Action | None) -> None:
    other = failure(event.reason or Reason.UNKNOWN, event.at, action=action)
    assert decide(other, History(RecipientRecord(event.recipient, event.stream)), policy).step is Step.NOTE
