"""All rules at once: one pass of Aho-Corasick over a reply finds every phrase, then ranks decide.

Precedence is computed: operator's file > receiver's file > common phrases > weak phrases > enhanced status > reply code
> unknown. Inside a file the longest text wins (`Wording.rank`).
"""

import importlib.resources
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from operator import attrgetter
from types import MappingProxyType

from ahocorasick_rs import AhoCorasick

from bounce_watcher.classification.rule import (
    Circumstances,
    Precedence,
    Rule,
    RuleProblem,
    Wording,
    fold,
    mask_addresses,
    starts_word,
)
from bounce_watcher.classification.rule_file import read_rules
from bounce_watcher.model.errors import ConfigError

REMEMBERED = 1_000
"""How many texts' wordings are cached. With masked addresses, the refusals of a day are a few hundred texts."""

OwnRules = tuple[tuple[str, str], ...]
"""An operator's rule files, name and content: read once, then passed to other processes that build rules."""


@dataclass(frozen=True, slots=True)
class Match:
    """The rule that won, and the words of the reply that it matched."""

    rule: Rule
    quote: str


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A wording, with its phrases as numbers. `place` is its rank among all, 0 = the strongest."""

    place: int
    wording: Wording
    needs: frozenset[int]
    bars: frozenset[int]
    always: bool
    """Whether the words alone are sufficient."""


_place = attrgetter("place")


class Ruleset:
    """An immutable set of rules. Create it with `load_rules`."""

    __slots__ = ("_automaton", "_by_key", "_spoken", "_wordless", "rules")

    def __init__(self, rules: Iterable[Rule]) -> None:
        """Raises ConfigError for two rules with one id, and for a tie between different reasons."""
        self.rules = tuple(rules)
        ranked = sorted((w for rule in self.rules for w in rule.wordings()), key=lambda w: w.rank, reverse=True)
        for rule, problem in conflicts(self.rules):
            raise ConfigError(rule.file, (str(problem),))
        phrases = tuple(dict.fromkeys(phrase for w in ranked for phrase in (*w.phrases, *w.rule.unless)))
        self._automaton = AhoCorasick(phrases or ("\0",))
        self._spoken = lru_cache(maxsize=REMEMBERED)(self._find_spoken)
        by_key: defaultdict[int, list[_Compiled]] = defaultdict(list)
        self._wordless: list[_Compiled] = []
        numbers = {phrase: number for number, phrase in enumerate(phrases)}
        for place, wording in enumerate(ranked):
            rule, needs = wording.rule, frozenset(numbers[phrase] for phrase in wording.phrases)
            bars = frozenset(numbers[phrase] for phrase in rule.unless)
            always = rule.pattern is None and not rule.conditions.count
            longest = max(needs, key=lambda number: len(phrases[number]), default=None)
            group = self._wordless if longest is None else by_key[longest]
            group.append(_Compiled(place, wording, needs, bars, always))
        self._by_key = dict(by_key)  # each wording by its longest phrase, which the fewest replies contain

    def find(self, text: str, told: Circumstances) -> Match | None:
        """Returns the strongest rule that matches `text` (one line) in these circumstances, or None."""
        words = fold(mask_addresses(text))
        for candidate in self._spoken(words):
            if candidate.always or _holds(candidate.wording.rule, words, told):
                return Match(candidate.wording.rule, _quote(candidate.wording, words, text))
        return None

    def _find_spoken(self, words: str) -> tuple[_Compiled, ...]:
        """Returns the wordings that `words` satisfy in any circumstances, strongest first."""
        hits = self._automaton.find_matches_as_indexes(words, overlapping=True)
        found = {number for number, start, _ in hits if starts_word(words, start)}
        keyed = [each for number in found for each in self._by_key.get(number, ())]
        spoken = [each for each in keyed if each.needs <= found]
        candidates = (*self._wordless, *spoken)
        return tuple(sorted((each for each in candidates if each.bars.isdisjoint(found)), key=_place))


@lru_cache(maxsize=1)
def builtin_files() -> Mapping[str, str]:
    """Returns the rule files of the package: name -> content."""
    folder = importlib.resources.files(__package__) / "rules"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return MappingProxyType({file.name: file.read_text(encoding="utf-8") for file in files})


@lru_cache(maxsize=1)
def builtin_rules() -> tuple[Rule, ...]:
    """Returns the rules of the package, read once per process."""
    return tuple(chain.from_iterable(read_rules(name, content) for name, content in builtin_files().items()))


@lru_cache(maxsize=1)
def load_builtin() -> Ruleset:
    """Returns the rules of the package alone, built once per process."""
    return Ruleset(builtin_rules())


def load_rules(own: OwnRules) -> Ruleset:
    """Returns the rules of the package, and above them an operator's own.

    Raises ConfigError with every fault of the first faulty file; `rule_check.check` reports those of all files.
    """
    if not own:
        return load_builtin()
    files = (read_rules(name, content, Precedence.OPERATOR) for name, content in own)
    return Ruleset(chain(builtin_rules(), *files))


def _holds(rule: Rule, words: str, told: Circumstances) -> bool:
    return rule.conditions.hold(told) and (rule.pattern is None or rule.pattern.search(words) is not None)


def _quote(wording: Wording, words: str, text: str) -> str:
    """Returns the wording's phrases in the reply's spelling; in the rule's if folding changed the length."""
    if len(words) != len(text):
        return " … ".join(wording.phrases)
    if len(wording.phrases) == 1:
        start = words.find(wording.phrases[0])
        return text[start : start + len(wording.phrases[0])]
    starts = sorted((words.find(phrase), len(phrase)) for phrase in wording.phrases)
    return " … ".join(text[start : start + length] for start, length in starts)


def conflicts(rules: Sequence[Rule]) -> Iterator[tuple[Rule, RuleProblem]]:
    """Yields the rules that conflict with earlier ones, with problem and fix.

    A conflict is a repeated id, or a tie: a wording that differs from another's only in the reason.
    """
    files: dict[str, str] = {}
    for rule in rules:
        if rule.id in files:
            yield rule, RuleProblem(f"the id stands in {files[rule.id]} too; give one of them another", rule.id)
        files[rule.id] = rule.file
    by_phrases: defaultdict[tuple[str, ...], list[Wording]] = defaultdict(list)
    for wording in (wording for rule in rules for wording in rule.wordings()):
        group = by_phrases[tuple(sorted(wording.phrases))]
        for other in group:
            if wording.ties_with(other):
                yield wording.rule, RuleProblem(
                    f"rule {wording.rule.id!r} says {wording.rule.reason} to the same words as {other.rule.id!r} of"
                    f" {other.rule.file}, which says {other.rule.reason}; add a condition to one of them or drop it"
                )
        group.append(wording)
