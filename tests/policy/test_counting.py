from dataclasses import fields, replace
from datetime import timedelta
from itertools import product
from typing import Any

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.grounds import ConfirmationNeed, Counted
from bounce_watcher.model.ledger import CountedBounce, History, Scope, Step
from bounce_watcher.model.verdict import BounceType, Confidence, Reason
from bounce_watcher.policy.counting import CHOICES, DEFAULTS, CountRule, count_rule, counts_with
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings, Threshold
from bounce_watcher.words.grounds import text
from tests.families import for_each
from tests.policy.samples import failure, history, march

HARMLESS = [reason for reason in Reason if reason.bounce_type in {BounceType.BLOCK, BounceType.UNDETERMINED}]


def test_every_reason_has_a_rule() -> None:
    rules = {reason: count_rule(reason, {}) for reason in Reason}
    assert {reason for reason, rule in rules.items() if rule is CountRule.SUPPRESS_NOW} == {
        Reason.INVALID_RECIPIENT, Reason.MAILBOX_MOVED,
    }
    assert {reason for reason, rule in rules.items() if rule is CountRule.CONFIRM} == {
        Reason.INVALID_DOMAIN, Reason.DOMAIN_REFUSES_MAIL, Reason.MAILBOX_DISABLED,
    }
    assert {reason for reason, rule in rules.items() if rule is CountRule.NEVER} == {
        *HARMLESS, Reason.GREYLISTED, Reason.RATE_LIMITED,
    }


_EAGER = Threshold(bounces=1, distinct_days=1, span=timedelta(0), window=timedelta(days=3650))
EAGEREST = PolicySettings(
    evidence_hard=Evidence.PROSE, evidence_soft=Evidence.PROSE, evidence_complaint=Evidence.PROSE,
    soft=_EAGER, confirm=_EAGER, hard_expiry=(timedelta(1),), soft_expiry=(None,), complaint_expiry=(timedelta(1),),
    hard_scope=Scope.GLOBAL, complaint_scope=Scope.GLOBAL, reasons=dict.fromkeys(Reason, CountRule.SUPPRESS_NOW),
)


@for_each("reason", HARMLESS)
def test_no_settings_make_a_block_or_an_undetermined_bounce_count(reason: Reason) -> None:
    events = [failure(reason, march(day), evidence=Evidence.TOKEN) for day in range(1, 32)]
    decision = decide(events[-1], history(*events[:-1]), EAGEREST)
    assert decision.step is Step.NOTE
    assert decision.exclusion is not None


@for_each("name", [field.name for field in fields(PolicySettings)])
def test_no_single_setting_makes_a_block_count(name: str) -> None:
    changed = replace(PolicySettings(), **{name: getattr(EAGEREST, name)})
    assert decide(failure(Reason.SPAM, march(2)), history(), changed).step is Step.NOTE


@for_each(
    ("earlier", "later", "expected"),
    [
        (Reason.MAILBOX_FULL, Reason.NETWORK_ERROR, True),
        (Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, False),
        (Reason.INVALID_RECIPIENT, Reason.MAILBOX_FULL, False),
        (Reason.INVALID_DOMAIN, Reason.INVALID_RECIPIENT, False),
        (Reason.INVALID_RECIPIENT, Reason.INVALID_DOMAIN, False),
        (Reason.MAILBOX_DISABLED, Reason.INVALID_DOMAIN, True),
        (None, None, True),
        (None, Reason.INVALID_RECIPIENT, False),
        (Reason.INVALID_RECIPIENT, None, False),
    ],
)
def test_only_bounces_of_one_type_and_rule_are_counted_together(
    earlier: Reason | None, later: Reason | None, expected: bool
) -> None:
    assert counts_with(_counted(earlier), _counted(later), {}) is expected


def test_a_reason_that_is_set_to_count_otherwise_counts_with_its_likes() -> None:
    changed = {Reason.INVALID_DOMAIN: CountRule.SUPPRESS_NOW}
    domain, recipient, disabled = map(
        _counted, (Reason.INVALID_DOMAIN, Reason.INVALID_RECIPIENT, Reason.MAILBOX_DISABLED)
    )
    assert counts_with(domain, recipient, changed)
    assert not counts_with(domain, disabled, changed)


def _counted(reason: Reason | None) -> CountedBounce:
    return CountedBounce("e1", march(2), reason)


AT_ONCE = [reason for reason, rule in DEFAULTS.items() if rule is CountRule.SUPPRESS_NOW]
UNSURE = ({"confidence": Confidence.GUESS}, {"forwarded": True})


@for_each(("unsure", "reason", "settings"), product(UNSURE, AT_ONCE, (PolicySettings(), EAGEREST)))
def test_a_guess_or_a_forwarded_mail_needs_a_second_report_on_another_day(
    unsure: dict[str, Any], reason: Reason, settings: PolicySettings
) -> None:
    first, same_day, second = (
        replace(failure(reason, at), **unsure) for at in (march(2), march(2, hour=20), march(9))
    )
    watched = decide(first, history(), settings)
    assert watched.step is Step.WATCH
    assert isinstance(watched.grounds, Counted)
    assert watched.grounds.confirming is (ConfirmationNeed.FORWARDED if first.forwarded else ConfirmationNeed.GUESS)
    assert decide(same_day, history(first), settings).is_duplicate
    assert decide(second, history(first), settings).step is Step.SUPPRESS


@for_each("unsure", UNSURE)
def test_a_sure_report_suppresses_at_once_whatever_was_guessed_before(unsure: dict[str, Any]) -> None:
    guess = replace(failure(Reason.INVALID_RECIPIENT, march(2)), **unsure)
    assert decide(failure(Reason.INVALID_RECIPIENT, march(2, hour=20)), history(guess), PolicySettings()).step is (
        Step.SUPPRESS
    )


@for_each("unsure", UNSURE)
def test_a_guess_alone_confirms_no_suppression_that_expired(unsure: dict[str, Any]) -> None:
    settings = PolicySettings(hard_expiry=(timedelta(days=3), None))
    expired = replace(
        history().record, released_at=march(5), expiry_level=1, expired_reason=Reason.INVALID_RECIPIENT.value
    )
    again = failure(Reason.INVALID_RECIPIENT, march(9))
    assert decide(again, History(expired), settings).step is Step.SUPPRESS
    assert decide(replace(again, **unsure), History(expired), settings).step is Step.WATCH


def test_weak_words_change_nothing_for_a_soft_bounce() -> None:
    events = [failure(Reason.MAILBOX_FULL, march(day)) for day in (2, 9, 17)]
    guesses = [replace(event, confidence=Confidence.GUESS) for event in events]
    for each in (events, guesses):
        decision = decide(each[-1], history(*each[:-1]), PolicySettings())
        assert decision.step is Step.SUPPRESS
        assert isinstance(decision.grounds, Counted)
        assert decision.grounds.confirming is None


@for_each("reason", DEFAULTS)
def test_a_reason_counts_as_it_is_set_within_its_bounds(reason: Reason) -> None:
    for rule in CountRule:
        expected = rule if rule in CHOICES[reason] else DEFAULTS[reason]
        assert count_rule(reason, {reason: rule}) is expected


def test_the_bounds() -> None:
    assert CHOICES[Reason.INVALID_DOMAIN] == tuple(CountRule)
    assert CHOICES[Reason.MAILBOX_FULL] == (CountRule.NEVER, CountRule.THRESHOLD)
    assert CHOICES[Reason.RATE_LIMITED] == (CountRule.NEVER,)
    assert {reason.bounce_type for reason in CHOICES} == {BounceType.HARD, BounceType.SOFT}


def test_a_reason_that_is_set_to_never_is_noted_with_the_reason_why() -> None:
    settings = PolicySettings(reasons={Reason.MAILBOX_FULL: CountRule.NEVER})
    decision = decide(failure(Reason.MAILBOX_FULL, march(2)), history(), settings)
    assert (decision.step, text(decision.exclusion)) == (Step.NOTE, "mailbox full never counts: set by policy")
