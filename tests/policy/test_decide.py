from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Evidence, Kind
from bounce_watcher.model.ledger import (
    BounceEvent,
    Decision,
    History,
    RecipientRecord,
    Scope,
    State,
    Step,
    SuppressionSource,
)
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.settings import PolicySettings, Threshold
from bounce_watcher.words.grounds import text
from tests.facts import DOUBT
from tests.policy.samples import RECIPIENT, complaint, failure, history, march, replay, suppression

DEFAULT = PolicySettings()
FULL, GONE, DEAD_DOMAIN = Reason.MAILBOX_FULL, Reason.INVALID_RECIPIENT, Reason.INVALID_DOMAIN


def soft(day: int, reason: Reason = FULL) -> BounceEvent:
    return failure(reason, march(day))


class TestAtOnce:
    def test_one_invalid_recipient_suppresses_for_good(self) -> None:
        event = failure(GONE, march(2))
        decision = decide(event, history(), DEFAULT)
        assert decision.step is Step.SUPPRESS
        assert text(decision.grounds) == "1 of 1: invalid recipient on 2 March 2026"
        assert (decision.exclusion, decision.until, decision.events) == (None, None, (event.id,))

    def test_an_expiry_is_added_to_the_reports_own_time(self) -> None:
        settings = PolicySettings(hard_expiry=(timedelta(days=90),))
        assert decide(failure(GONE, march(2)), history(), settings).until == march(92)

    def test_an_expiry_beyond_the_calendar_is_for_good(self) -> None:
        settings = PolicySettings(hard_expiry=(timedelta.max,))
        assert decide(failure(GONE, march(2)), history(), settings).until is None

    def test_one_complaint_suppresses(self) -> None:
        settings = PolicySettings(complaint_expiry=(timedelta(days=365),))
        decision = decide(complaint(march(2)), history(), settings)
        assert decision.step is Step.SUPPRESS
        assert text(decision.grounds) == "1 of 1: complaint (abuse) on 2 March 2026"
        assert decision.until == march(2) + timedelta(days=365)


class TestThreshold:
    def test_three_soft_bounces_on_three_days_over_two_weeks_suppress_for_a_week(self) -> None:
        events = [soft(2), soft(9), soft(17)]
        record, decisions = replay(events, DEFAULT)
        assert [decision.step for decision in decisions] == [Step.WATCH, Step.WATCH, Step.SUPPRESS]
        assert text(decisions[0].grounds) == (
            "1 of 3 on 1 of 3 days: 2 March 2026; span 0 of 14 days; window 60 days; mailbox full"
        )
        assert text(decisions[1].grounds) == (
            "2 of 3 on 2 of 3 days: 2 and 9 March 2026; span 7 of 14 days; window 60 days; mailbox full"
        )
        assert text(decisions[2].grounds) == (
            "3 of 3 on 3 days: 2, 9 and 17 March 2026; span 15 of 14 days; window 60 days; mailbox full"
        )
        assert decisions[2].until == march(24)
        assert decisions[2].events == tuple(event.id for event in events)
        assert record.state is State.SUPPRESSED

    def test_soft_reasons_count_together(self) -> None:
        decision = decide(soft(17), history(soft(2, Reason.NETWORK_ERROR), soft(9, Reason.MESSAGE_EXPIRED)), DEFAULT)
        assert decision.step is Step.SUPPRESS
        assert text(decision.grounds).endswith("; network error, message expired, mailbox full")

    def test_too_short_a_span_waits(self) -> None:
        decision = decide(soft(15), history(soft(2), soft(9)), DEFAULT)
        assert decision.step is Step.WATCH
        assert "span 13 of 14 days" in text(decision.grounds)

    def test_what_is_older_than_the_window_no_longer_counts(self) -> None:
        assert decide(soft(62), history(soft(2), soft(9)), DEFAULT).step is Step.SUPPRESS
        assert decide(soft(63), history(soft(2), soft(9)), DEFAULT).step is Step.WATCH

    def test_hard_bounces_do_not_count_towards_the_soft_threshold(self) -> None:
        decision = decide(soft(17), history(soft(2), failure(DEAD_DOMAIN, march(9))), DEFAULT)
        assert text(decision.grounds).startswith("2 of 3 on 2 of 3 days: 2 and 17 March 2026")

    def test_a_report_that_comes_late_completes_the_window_that_it_belongs_to(self) -> None:
        first, last, late = soft(2), soft(17), soft(9)
        decision = decide(late, history(first, last), DEFAULT)
        assert decision.step is Step.SUPPRESS
        assert decision.until == march(24)
        assert decision.events == (first.id, late.id, last.id)

    def test_a_span_in_hours_is_told_in_days(self) -> None:
        settings = PolicySettings(soft=Threshold(3, 3, timedelta(hours=36), timedelta(days=30)))
        decision = decide(soft(4), history(soft(2), soft(3)), settings)
        assert text(decision.grounds) == (
            "3 of 3 on 3 days: 2, 3 and 4 March 2026; span 2 of 2 days; window 30 days; mailbox full"
        )

    def test_the_days_are_asked_for_beside_the_bounces(self) -> None:
        settings = PolicySettings(soft=Threshold(2, 3, timedelta(0), timedelta(days=30)))
        decision = decide(soft(4), history(soft(3)), settings)
        assert decision.step is Step.WATCH
        assert text(decision.grounds).startswith("2 of 2 on 2 of 3 days: 3 and 4 March 2026; window")


class TestConfirm:
    def test_the_second_day_confirms(self) -> None:
        _, decisions = replay([failure(DEAD_DOMAIN, march(2)), failure(Reason.MAILBOX_DISABLED, march(9))], DEFAULT)
        assert [decision.step for decision in decisions] == [Step.WATCH, Step.SUPPRESS]
        assert text(decisions[0].grounds) == "1 of 2 on 1 of 2 days: 2 March 2026; window 60 days; invalid domain"
        assert text(decisions[1].grounds) == (
            "2 of 2 on 2 days: 2 and 9 March 2026; window 60 days; invalid domain, mailbox disabled"
        )
        assert decisions[1].until is None

    def test_the_same_day_does_not(self) -> None:
        decision = decide(failure(DEAD_DOMAIN, march(2, 20)), history(failure(DEAD_DOMAIN, march(2, 8))), DEFAULT)
        assert text(decision.exclusion) == "counted already on 2 March 2026: once a day"


class TestWhatDoesNotCount:
    @pytest.mark.parametrize(
        ("event", "words"),
        [
            (failure(GONE, march(2), evidence=Evidence.PROSE), "evidence too weak (prose; needs report)"),
            (complaint(march(2), evidence=Evidence.PROSE), "evidence too weak (prose; needs report)"),
            (failure(FULL, march(2), action=Action.DELAYED), "a delay is not a failure: the server is still trying"),
            (failure(GONE, march(2), action=Action.DELIVERED), "the report says delivered"),
            (failure(GONE, march(2), action=Action.RELAYED), "the report says relayed: not a failure"),
            (failure(GONE, march(2), action=Action.EXPANDED), "the report says expanded to a list: not a failure"),
            (failure(GONE, march(2), action=None), "the report does not say that the delivery failed"),
            (failure(FULL, march(2), kind=Kind.DELIVERED, action=Action.DELIVERED), "the report says delivered"),
            (failure(Reason.SPAM, march(2)), "blocks never count against recipients: spam"),
            (failure(Reason.UNKNOWN, march(2)), "undetermined: reason unclear"),
            (replace(failure(GONE, march(2)), reason=None), "undetermined: reason unclear"),
            (failure(Reason.GREYLISTED, march(2)), "greylisted never counts: the mail may still get through"),
            (failure(Reason.RATE_LIMITED, march(2)), "rate limited never counts: the mail may still get through"),
            (complaint(march(2), "not-spam"), "feedback of type not-spam is not a complaint against the sender"),
            (complaint(march(2), "fraud"), "feedback of type fraud is not a complaint against the sender"),
            (complaint(march(2), None), "feedback of type unknown is not a complaint against the sender"),
        ],
    )
    def test_is_noted_with_the_reason_why(self, event: BounceEvent, words: str) -> None:
        decision = decide(event, history(), DEFAULT)
        assert (decision.step, text(decision.exclusion), text(decision.grounds)) == (Step.NOTE, words, words)

    def test_each_bounce_type_asks_for_its_own_evidence(self) -> None:
        settings = PolicySettings(evidence_hard=Evidence.TOKEN, evidence_soft=Evidence.PROSE)
        assert text(decide(failure(GONE, march(2)), history(), settings).exclusion) == (
            "evidence too weak (report; needs token)"
        )
        assert decide(failure(FULL, march(2), evidence=Evidence.PROSE), history(), settings).exclusion is None

    @pytest.mark.parametrize("event", [
        failure(GONE, march(2), doubt=DOUBT),
        failure(FULL, march(2), doubt=DOUBT),
        complaint(march(2), doubt=DOUBT),
    ])
    def test_a_doubtful_report_never_counts_however_little_proof_is_asked(self, event: BounceEvent) -> None:
        lenient = PolicySettings(
            evidence_hard=Evidence.PROSE, evidence_soft=Evidence.PROSE, evidence_complaint=Evidence.PROSE
        )
        decision = decide(event, history(), lenient)
        assert (decision.step, text(decision.exclusion)) == (
            Step.NOTE, "forged or misattributed: the return path holds a token signed for another recipient"
        )

    @pytest.mark.parametrize("recipient", ["user@example.org", "USER@Example.ORG"])
    def test_protected_addresses_and_domains_in_any_case(self, recipient: str) -> None:
        event = failure(GONE, march(2), recipient=recipient)
        address = PolicySettings(protected_addresses=frozenset({"User@EXAMPLE.org"}))
        domain = PolicySettings(protected_domains=frozenset({"Example.org"}))
        assert text(decide(event, history(), address).exclusion) == "protected address: the policy never suppresses it"
        assert text(decide(event, history(), domain).exclusion) == (
            "protected domain example.org: the policy never suppresses its addresses"
        )

    @pytest.mark.parametrize(("name", "words"), [
        ("user@example.org", "protected address: the policy never suppresses it"),
        ("@example.org", "protected domain example.org: the policy never suppresses its addresses"),
    ])
    def test_what_a_person_protects_is_told_with_the_history(self, name: str, words: str) -> None:
        known = history()
        protected = replace(known, record=replace(known.record, protected=name))
        assert text(decide(failure(GONE, march(2)), protected, DEFAULT).exclusion) == words
        assert decide(failure(GONE, march(2)), known, DEFAULT).exclusion is None

    def test_a_protected_domain_does_not_protect_another_that_ends_alike(self) -> None:
        settings = PolicySettings(protected_domains=frozenset({"ample.org"}))
        assert decide(failure(GONE, march(2)), history(), settings).step is Step.SUPPRESS


class TestOnce:
    def test_a_day_counts_once(self) -> None:
        decision = decide(soft(2, Reason.NETWORK_ERROR), history(soft(2)), DEFAULT)
        assert text(decision.exclusion) == "counted already on 2 March 2026: once a day"

    def test_the_day_is_that_of_utc(self) -> None:
        evening = failure(FULL, datetime(2026, 3, 2, 23, 30, tzinfo=UTC))
        morning = failure(FULL, datetime(2026, 3, 3, 0, 30, tzinfo=UTC))
        assert decide(morning, history(evening), DEFAULT).exclusion is None

    def test_a_sent_message_counts_once_however_often_it_bounces(self) -> None:
        first = failure(FULL, march(2), sent_message_id="m1@example.com")
        again = failure(FULL, march(9), sent_message_id="m1@example.com")
        decision = decide(again, history(first), DEFAULT)
        assert text(decision.exclusion) == "the same sent message counted already on 2 March 2026"
        other = replace(again, sent_message_id="m2@example.com")
        assert decide(other, history(first), DEFAULT).exclusion is None

    @pytest.mark.parametrize("message_id", [None, "m1@example.com"])
    def test_a_soft_bounce_never_masks_a_hard_one(self, message_id: str | None) -> None:
        morning = failure(FULL, march(2, 8), sent_message_id=message_id)
        evening = failure(GONE, march(2, 20), sent_message_id=message_id)
        assert decide(evening, history(morning), DEFAULT).step is Step.SUPPRESS

    def test_one_to_be_confirmed_never_masks_one_that_suppresses_at_once(self) -> None:
        morning = failure(DEAD_DOMAIN, march(2, 8))
        assert decide(failure(GONE, march(2, 20)), history(morning), DEFAULT).step is Step.SUPPRESS

    def test_an_event_that_is_in_the_history_already_is_not_held_against_itself(self) -> None:
        event = failure(FULL, march(2))
        assert text(decide(event, history(event), DEFAULT).grounds).startswith("1 of 3")


class TestReleased:
    def test_at_or_before_the_release_nothing_counts(self) -> None:
        past = history(released_at=march(5))
        decision = decide(failure(GONE, march(4)), past, DEFAULT)
        assert text(decision.exclusion) == "received before the release of 5 March 2026"
        assert decide(failure(GONE, march(5)), past, DEFAULT).step is Step.NOTE
        assert decide(failure(GONE, march(6)), past, DEFAULT).step is Step.SUPPRESS

    def test_what_counted_before_the_release_is_gone(self) -> None:
        past = history(soft(2), soft(9), released_at=march(10))
        assert text(decide(soft(17), past, DEFAULT).grounds).startswith("1 of 3")

    def test_a_suppression_that_has_run_out_is_as_good_as_released(self) -> None:
        past = history(soft(2), soft(9), soft(17), suppression=suppression(march(17), march(47)))
        other = decide(soft(48, Reason.NETWORK_ERROR), past, DEFAULT)
        assert text(other.grounds).startswith("1 of 3 on 1 of 3 days: 17 April 2026")
        assert decide(failure(GONE, march(48)), past, DEFAULT).step is Step.SUPPRESS

    def test_it_has_run_out_at_its_very_end(self) -> None:
        past = history(suppression=suppression(march(17), march(47)))
        decision = decide(failure(GONE, march(47)), past, DEFAULT)
        assert text(decision.exclusion) == "received before the release of 16 April 2026"

    def test_a_release_after_the_end_of_a_suppression_stands(self) -> None:
        past = history(soft(49), suppression=suppression(march(17), march(47)), released_at=march(50))
        assert text(decide(soft(51), past, DEFAULT).grounds).startswith("1 of 3")


class TestAlreadySuppressed:
    def test_a_further_bounce_is_counted_and_noted(self) -> None:
        past = history(suppression=suppression(march(2), None))
        decision = decide(failure(GONE, march(3)), past, DEFAULT)
        assert (decision.step, decision.exclusion) == (Step.NOTE, None)
        assert text(decision.grounds) == "already suppressed since 2 March 2026: 3 of 3"

    def test_a_hard_bounce_makes_a_temporary_suppression_the_longer_one(self) -> None:
        past = history(suppression=suppression(march(2), march(32)))
        decision = decide(failure(GONE, march(3)), past, DEFAULT)
        assert (decision.step, decision.until) == (Step.SUPPRESS, None)
        told = "1 of 1: invalid recipient on 3 March 2026; suppressed until 1 April 2026 before"
        assert text(decision.grounds) == told

    def test_a_complaint_does_so_too(self) -> None:
        past = history(suppression=suppression(march(2), march(32)))
        assert decide(complaint(march(3)), past, DEFAULT).step is Step.SUPPRESS

    def test_a_hard_bounce_prolongs_one_that_would_end_sooner(self) -> None:
        settings = PolicySettings(hard_expiry=(timedelta(days=90),))
        past = history(suppression=suppression(march(2), march(32)))
        assert decide(failure(GONE, march(3)), past, settings).until == march(93)

    def test_a_hard_bounce_never_shortens(self) -> None:
        settings = PolicySettings(hard_expiry=(timedelta(days=7),))
        past = history(suppression=suppression(march(2), march(32)))
        assert decide(failure(GONE, march(3)), past, settings).step is Step.NOTE

    def test_soft_bounces_do_not_prolong(self) -> None:
        events = [soft(day) for day in (2, 9, 17, 23)]
        record, decisions = replay(events, DEFAULT)
        assert decisions[-1].step is Step.NOTE
        assert record.suppression is not None
        assert record.suppression.until == march(24)

    def test_a_hard_bounce_is_confirmed_even_while_a_soft_suppression_lasts(self) -> None:
        events = [soft(2), soft(9), soft(17), failure(DEAD_DOMAIN, march(18)), failure(DEAD_DOMAIN, march(20))]
        record, decisions = replay(events, DEFAULT)
        assert [decision.step for decision in decisions[-3:]] == [Step.SUPPRESS, Step.NOTE, Step.SUPPRESS]
        assert record.suppression is not None
        assert record.suppression.until is None

    def test_what_is_held_back_stays_held_back(self) -> None:
        for_good = history(suppression=suppression(march(2), None, State.PENDING))
        for_a_time = history(suppression=suppression(march(2), march(32), State.PENDING))
        decision = decide(failure(GONE, march(3)), for_good, DEFAULT)
        assert text(decision.grounds).startswith("held back since 2 March 2026")
        assert decide(failure(GONE, march(3)), for_a_time, DEFAULT).step is Step.PEND

    @pytest.mark.parametrize("scope", Scope)
    def test_a_complaint_is_in_force_whatever_is_held_back(self, scope: Scope) -> None:
        held = history(suppression=suppression(march(2), None, State.PENDING))
        decision = decide(complaint(march(3)), held, PolicySettings(complaint_scope=scope))
        assert (decision.step, text(decision.grounds)) == (Step.SUPPRESS, "1 of 1: complaint (abuse) on 3 March 2026")


class TestLadder:
    LAPSED = RecipientRecord(RECIPIENT, "news", released_at=march(24), expiry_level=1, expired_reason="mailbox_full")

    def again(self, record: RecipientRecord, event: BounceEvent, policy: PolicySettings = DEFAULT) -> Decision:
        return decide(event, History(record), policy)

    def test_one_bounce_confirms_what_ran_out_and_the_next_rung_applies(self) -> None:
        decision = self.again(self.LAPSED, soft(30))
        assert (decision.step, decision.until) == (Step.SUPPRESS, march(60))
        assert text(decision.grounds) == (
            "1 of 1: mailbox full again, within 60 days of the suppression for it that ended on 24 March 2026, "
            "on 30 March 2026"
        )

    def test_it_must_say_the_same(self) -> None:
        assert self.again(self.LAPSED, soft(30, Reason.NETWORK_ERROR)).step is Step.WATCH

    def test_and_come_within_the_window(self) -> None:
        assert self.again(self.LAPSED, soft(84)).step is Step.SUPPRESS
        assert self.again(self.LAPSED, soft(85)).step is Step.WATCH

    def test_nor_after_a_delivery(self) -> None:
        assert self.again(replace(self.LAPSED, delivered_since=march(25)), soft(30)).step is Step.WATCH
        assert self.again(replace(self.LAPSED, delivered_since=march(23)), soft(30)).step is Step.SUPPRESS
        assert self.again(replace(self.LAPSED, delivered_since=march(30, 9)), soft(30)).step is Step.SUPPRESS, "its own"
        unseen = RecipientRecord(RECIPIENT, "news", suppression=suppression(march(17), march(24)))
        assert self.again(replace(unseen, delivered_since=march(25)), soft(30)).step is Step.WATCH

    @pytest.mark.parametrize(("level", "days"), [(0, 7), (1, 30), (2, 180), (3, None), (4, None), (99, None)])
    def test_the_rungs_and_after_the_last_for_good(self, level: int, days: int | None) -> None:
        record = replace(self.LAPSED, expiry_level=level)
        assert self.again(record, soft(30)).until == (None if days is None else march(30 + days))

    def test_the_last_rung_holds_for_all_further(self) -> None:
        policy = PolicySettings(soft_expiry=(timedelta(days=5),))
        assert self.again(replace(self.LAPSED, expiry_level=9), soft(30), policy).until == march(35)

    def test_a_rung_is_climbed_at_the_end_whether_or_not_somebody_has_looked(self) -> None:
        record = RecipientRecord(RECIPIENT, "news", suppression=suppression(march(17), march(24)))
        assert self.again(record, soft(30)).until == march(60)

    def test_what_a_person_set_an_end_to_is_no_rung(self) -> None:
        by_hand = replace(suppression(march(17), march(24)), source=SuppressionSource.MANUAL)
        assert self.again(RecipientRecord(RECIPIENT, "news", suppression=by_hand), soft(30)).step is Step.WATCH

    def test_hard_bounces_have_a_ladder_of_their_own(self) -> None:
        policy = PolicySettings(hard_expiry=(timedelta(days=90), None))
        first = self.again(RecipientRecord(RECIPIENT, "news"), failure(GONE, march(2)), policy)
        assert first.until == march(92)
        assert self.again(self.LAPSED, failure(GONE, march(30)), policy).until is None


class TestScope:
    def test_a_proven_complaint_reaches_all_streams_and_a_bounce_its_own(self) -> None:
        assert decide(complaint(march(2), evidence=Evidence.SIGNATURE), history(), DEFAULT).scope is Scope.GLOBAL
        assert decide(failure(GONE, march(2)), history(), DEFAULT).scope is Scope.STREAM

    @pytest.mark.parametrize("grade", [Evidence.KNOWN_MESSAGE, Evidence.VERP, Evidence.REPORT])
    def test_a_complaint_that_anybody_can_make_up_reaches_its_own(self, grade: Evidence) -> None:
        decision = decide(complaint(march(2), evidence=grade), history(), DEFAULT)
        assert (decision.step, decision.scope) == (Step.SUPPRESS, Scope.STREAM)

    def test_both_can_be_set(self) -> None:
        policy = PolicySettings(complaint_scope=Scope.STREAM, hard_scope=Scope.GLOBAL)
        assert decide(complaint(march(2), evidence=Evidence.TOKEN), history(), policy).scope is Scope.STREAM
        assert decide(failure(GONE, march(2)), history(), policy).scope is Scope.GLOBAL
        assert replay([soft(2), soft(9), soft(17)], policy)[1][-1].scope is Scope.STREAM

    def test_a_complaint_widens_a_suppression_for_good(self) -> None:
        past = history(suppression=suppression(march(2), None))
        proven = complaint(march(3), evidence=Evidence.SIGNATURE)
        decision = decide(proven, past, DEFAULT)
        assert (decision.step, decision.scope) == (Step.SUPPRESS, Scope.GLOBAL)
        assert text(decision.grounds).endswith("; suppressed for good before")
        assert decide(proven, past, PolicySettings(complaint_scope=Scope.STREAM)).step is Step.NOTE
        assert decide(complaint(march(3)), past, DEFAULT).step is Step.NOTE
