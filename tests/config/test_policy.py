"""How reasons count, how far and how long: what a file may set."""

from datetime import timedelta

from bounce_watcher.config.keys import known_keys, table_at
from bounce_watcher.model.ledger import Scope
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.counting import CHOICES, DEFAULTS, CountRule
from bounce_watcher.policy.settings import PolicySettings
from tests.config.samples import accepted, rest
from tests.families import for_each

DAY = timedelta(days=1)


def policy(*lines: str) -> PolicySettings:
    return accepted(rest(*lines)).policy


def test_the_keys_are_the_reasons_that_have_a_choice() -> None:
    reasons = table_at(("policy", "reasons"))
    assert reasons
    assert set(known_keys(reasons)) == {str(reason) for reason, choices in CHOICES.items() if len(choices) > 1}


@for_each("reason", [reason for reason, choices in CHOICES.items() if len(choices) > 1])
def test_every_choice_of_a_reason_is_taken(reason: Reason) -> None:
    for rule in CHOICES[reason]:
        expected = {} if rule is DEFAULTS[reason] else {reason: rule}
        assert policy("[policy.reasons]", f'{reason} = "{rule}"').reasons == expected


def test_several_reasons() -> None:
    assert policy("[policy.reasons]", 'mailbox_full = "never"', 'invalid_domain = "suppress-now"').reasons == {
        Reason.MAILBOX_FULL: CountRule.NEVER, Reason.INVALID_DOMAIN: CountRule.SUPPRESS_NOW,
    }


def test_a_ladder_and_a_single_duration() -> None:
    read = policy("[policy.expiry]", 'hard = ["90d", "never"]', 'soft = "12h"', 'complaint = ["365d"]')
    assert (read.hard_expiry, read.soft_expiry, read.complaint_expiry) == (
        (90 * DAY, None), (DAY / 2,), (365 * DAY,),
    )
    assert policy().soft_expiry == (7 * DAY, 30 * DAY, 180 * DAY, None)


def test_how_far_suppressions_reach() -> None:
    read = policy("[policy]", 'complaint_scope = "stream"', 'hard_scope = "global"')
    assert (read.complaint_scope, read.hard_scope) == (Scope.STREAM, Scope.GLOBAL)
    assert (policy().complaint_scope, policy().hard_scope) == (Scope.GLOBAL, Scope.STREAM)
