"""The rules that ship: each wins its own examples and loses its counter-examples, so none is dead or shadowed."""

import re

from bounce_watcher.classification.rule import Rule
from bounce_watcher.classification.rule_check import faults
from bounce_watcher.classification.ruleset import builtin_files, load_builtin
from bounce_watcher.model.verdict import Reason
from tests.families import for_each

RULES = load_builtin().rules
_ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
_IP = re.compile(r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])")


@for_each("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_proves_what_it_promises(rule: Rule) -> None:
    """It wins its examples and loses its counter-examples, each of its wordings has an example, hard asks for words."""
    assert list(faults(rule, load_builtin())) == []


@for_each("rule", RULES, ids=lambda rule: rule.id)
def test_examples_are_invented(rule: Rule) -> None:
    for example in (*rule.examples, *rule.not_examples):
        assert all(domain.endswith(("example.org", ".example")) for domain in _ADDRESS.findall(example)), example
        assert all(ip.startswith(("192.0.2.", "127.")) for ip in _IP.findall(example)), example


def test_every_reason_but_unknown_has_rules() -> None:
    assert {rule.reason for rule in RULES} >= set(Reason) - {Reason.UNKNOWN}


def test_every_file_ships_rules() -> None:
    assert {rule.file for rule in RULES} == set(builtin_files())
