"""The rules that ship: each wins its own examples and loses its counter-examples, so none is dead or shadowed."""

import re

import pytest

from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.rule import Rule
from bounce_watcher.classification.ruleset import builtin_files, load_builtin
from bounce_watcher.classification.words import fold
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.verdict import BounceType, Reason, Verdict
from bounce_watcher.parsing.smtp_reply import read_reply

RULES = load_builtin().rules
_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")


def _verdict(rule: Rule, text: str) -> Verdict:
    """`text` judged as from a server that meets the rule's conditions."""
    remote = rule.conditions.remotes[0] if rule.conditions.remotes else None
    reporter = rule.conditions.reporters[0] if rule.conditions.reporters else None
    return classify(RecipientReport(diagnostic_code=text, remote_mta=remote), reporter, load_builtin())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_wins_its_examples_and_loses_its_counter_examples(rule: Rule) -> None:
    for example in rule.examples:
        assert _verdict(rule, example).rule == rule.id, example
    for example in rule.not_examples:
        assert _verdict(rule, example).rule != rule.id, example


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_wording_of_a_rule_has_an_example(rule: Rule) -> None:
    shown = [f"{fold(example)}\n{fold(read_reply(example).text)}" for example in rule.examples]
    assert [phrase for phrase in rule.any_of if not any(phrase in text for text in shown)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_examples_are_invented(rule: Rule) -> None:
    for example in (*rule.examples, *rule.not_examples):
        assert all(domain.endswith(("example.org", ".example")) for domain in _ADDRESS.findall(example)), example
        assert all(ip.startswith(("192.0.2.", "127.")) for ip in _IP.findall(example)), example


def test_every_reason_but_unknown_has_rules() -> None:
    assert {rule.reason for rule in RULES} >= set(Reason) - {Reason.UNKNOWN}


def test_rules_are_named_by_whose_words_they_are() -> None:
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+", rule.id) for rule in RULES)
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_no_hard_rule_rests_on_numbers_alone() -> None:
    hard = [rule for rule in RULES if rule.reason.bounce_type is BounceType.HARD]
    assert all(rule.text or rule.any_of for rule in hard)


def test_every_file_ships_rules() -> None:
    assert {rule.file for rule in RULES} == set(builtin_files())
