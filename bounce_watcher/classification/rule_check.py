"""Checks that a rule must pass before it is used. The tests check the rules of the package; whoever reads the rules of
an operator checks those."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from bounce_watcher.classification.classify import classify
from bounce_watcher.classification.rule import Precedence, Rule, RuleProblem, fold, mask_addresses
from bounce_watcher.classification.rule_file import read_file
from bounce_watcher.classification.ruleset import OwnRules, Ruleset, builtin_rules, conflicts, load_builtin
from bounce_watcher.model.fields import RecipientReport
from bounce_watcher.model.verdict import BounceType, Verdict
from bounce_watcher.parsing.smtp_reply import one_line, read_reply

SHORTEST_PHRASE = 3
"""The shortest phrase to look for, in folded characters; two are enough for a word in scripts other than Latin."""

_SHOWN = 80  # how many characters of an example a message quotes


class Checked(NamedTuple):
    """The problems, with fixes, that forbid the use of an operator's rules, and warnings for their author."""

    problems: tuple[RuleProblem, ...]
    warnings: tuple[str, ...]


def check(own: OwnRules) -> Checked:
    """Returns all problems and warnings of an operator's rule files."""
    problems: list[RuleProblem] = []
    rules: list[Rule] = []
    for file, content in own:
        reading = read_file(file, content, Precedence.OPERATOR)
        problems.extend(problem._replace(file=file) for problem in reading.problems)
        rules.extend(reading.rules)
    clashes = list(conflicts((*builtin_rules(), *rules)))
    problems.extend(problem._replace(file=rule.file) for rule, problem in clashes)
    clashing = {rule for rule, _ in clashes}
    sound = [rule for rule in rules if rule not in clashing]
    ruleset = Ruleset((*builtin_rules(), *sound))
    for rule in sound:
        problems.extend(RuleProblem(fault, rule.id, rule.file) for fault in faults(rule, ruleset))
    return Checked(tuple(problems), () if problems else tuple(_taken(sound, ruleset)))


def faults(rule: Rule, ruleset: Ruleset) -> Iterator[str]:
    """Yields why `rule`, one of `ruleset`, must not be used: one line for each problem and its fix."""
    yield from _phrase_faults(rule)
    speaks = all(any(phrase.strip("0123456789.-# ") for phrase in wording.phrases) for wording in rule.wordings())
    if rule.reason.bounce_type is BounceType.HARD and not speaks:
        yield "says a hard reason by numbers or hosts alone, which tell nothing sure of an address: add words to text"
    for example in rule.examples:
        verdict = judged_for(rule, example, ruleset)
        if verdict.rule != rule.id:
            winner = f"{verdict.rule!r} does, which says {verdict.said or verdict.reason}"
            told = "nor does any other" if verdict.rule == "unknown" else winner
            yield f"does not win its example {_quoted(example)}, {told}: fix the phrases or the example"
    for example in rule.not_examples:
        if judged_for(rule, example, ruleset).rule == rule.id:
            yield f"wins what it must not, {_quoted(example)}: bar it with unless, or ask for more words"


def judged_for(rule: Rule, text: str, ruleset: Ruleset) -> Verdict:
    """Classifies `text` as if from a server, and at a stage, that meet the rule's conditions."""
    asked = rule.conditions
    report = RecipientReport(diagnostic_code=text, remote_mta=_first(asked.remotes), stage=_first(asked.stages))
    return classify(report, _first(asked.reporters), ruleset)


def _first(names: Sequence[str]) -> str | None:
    return names[0] if names else None


def _phrase_faults(rule: Rule) -> Iterator[str]:
    for phrase in (*rule.text, *rule.any_of):
        if len(phrase) < (SHORTEST_PHRASE if phrase.isascii() else SHORTEST_PHRASE - 1):
            yield f"looks for {phrase!r}, too short to tell anything: at least {SHORTEST_PHRASE} characters"
        if mask_addresses(phrase) != phrase:
            yield f"looks for {phrase!r}, but addresses in a reply are not read: leave the address out"
    shown = [f"{fold(example)}\n{fold(read_reply(example).text)}" for example in rule.examples]
    for phrase in rule.any_of:
        if not any(phrase in text for text in shown):
            yield f"has no example with {phrase!r}: add one, so that it is shown to win by each of any"


def _quoted(example: str) -> str:
    """Quotes an example without its addresses, as messages about a rule get into logs."""
    text = mask_addresses(one_line(example))
    return f"“{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + '…'}”"


def _taken(rules: Iterable[Rule], ruleset: Ruleset) -> Iterable[str]:
    """Returns where one of an operator's `rules` overrides a rule of the package: one warning for each pair."""
    own = {rule.id: rule for rule in rules}
    told: dict[tuple[str, str], str] = {}
    for ours in builtin_rules():
        for example in ours.examples:
            verdict = judged_for(ours, example, ruleset)
            rule = own.get(verdict.rule)
            if rule is None or (rule.id, ours.id) in told:
                continue
            before = judged_for(ours, example, load_builtin()).reason
            if verdict.reason is not before:
                told[rule.id, ours.id] = (
                    f"{rule.file}: rule {rule.id!r} takes “{verdict.quote or one_line(example)[:_SHOWN]}” from our rule"
                    f" {ours.id!r} ({before} → {verdict.reason})"
                )
    return told.values()
