"""All regular expressions of the package, what of their form could take more than linear time, and text that shows it.

A backtracking matcher takes time that grows with the square of the text, or faster, where two repeats without a bound
can share out one run of characters between them: one inside the other, one behind the other, or the one at a pattern's
head with itself as the search begins anew at each character.
"""

import ast
import importlib
import pkgutil
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from pathlib import Path
from re import _constants as code
from re import _parser as parser
from types import ModuleType
from typing import Any

import bounce_watcher
from bounce_watcher.classification.ruleset import load_builtin

ROOMS = {"model", "parsing", "recognition", "classification", "attribution"}


ALPHABET = frozenset(map(chr, range(256))) | frozenset("ąłżЖж配信退エ：\u3000\u2028")
"""Stands for all characters: every set in a pattern that differs, differs on these."""

MANY = 1_000
"""A repeat of so many is as good as one without a bound."""

_CATEGORIES = {
    code.CATEGORY_SPACE: r"\s", code.CATEGORY_NOT_SPACE: r"\S", code.CATEGORY_DIGIT: r"\d",
    code.CATEGORY_NOT_DIGIT: r"\D", code.CATEGORY_WORD: r"\w", code.CATEGORY_NOT_WORD: r"\W",
}  # fmt: skip
_REPEATS = (code.MAX_REPEAT, code.MIN_REPEAT, code.POSSESSIVE_REPEAT)
_ANCHORED = {"match", "fullmatch"}


@dataclass(frozen=True)
class Named:
    """A pattern under the name that it has in its module, and the methods that are called on it there."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]

    @property
    def is_searched_for(self) -> bool:
        return not self.methods <= _ANCHORED


def all_patterns() -> list[Named]:
    """Of the rooms that mail goes through, and of the package's rules. (An operator's are RE2's, always linear.)"""
    found: dict[int, Named] = {}
    for info in pkgutil.walk_packages(bounce_watcher.__path__, "bounce_watcher."):
        if info.name.split(".")[1] in ROOMS:
            for each in _of(importlib.import_module(info.name)):
                found.setdefault(id(each.pattern), each)
    rules = [(rule.id, rule.pattern) for rule in load_builtin().rules]
    searched = frozenset({"search"})
    return [*found.values(), *(Named(name, each, searched) for name, each in rules if isinstance(each, re.Pattern))]


def _of(module: ModuleType) -> Iterator[Named]:
    methods: dict[str, set[str]] = {}
    for node in ast.walk(ast.parse(Path(module.__file__ or "").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            methods.setdefault(node.value.id, set()).add(node.attr)
    for name, value in vars(module).items():
        if isinstance(value, re.Pattern):
            full_name = f"{module.__name__.removeprefix('bounce_watcher.')}.{name}"
            yield Named(full_name, value, frozenset(methods.get(name, ())))


# ── the form ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Token:
    """One step of a pattern: the characters that it may hold, and whether it holds at least one.

    `head`, of a repeat without bound: what each of its rounds may begin with. `choices`: the ways through a choice.
    `may_fail`: whether a match may end here without success, of a look to either side too.
    """

    chars: frozenset[str]
    is_needed: bool
    head: frozenset[str] = frozenset()
    choices: tuple[tuple["Token", ...], ...] = ()
    is_look: bool = False

    @property
    def may_fail(self) -> bool:
        return self.is_needed or self.is_look


def faults(named: Named) -> list[str]:
    """What in a pattern may take more than linear time; [] where nothing may."""
    tokens, found = _tokens(named.pattern)
    found += _side_by_side(tokens)
    if named.is_searched_for and _runs_anew(tokens, named.pattern.flags):
        found.append("a search may run over the same characters from each place where it begins")
    return list(dict.fromkeys(found))


def _tokens(pattern: re.Pattern[Any]) -> tuple[tuple[Token, ...], list[str]]:
    """The steps of a pattern, and the faults inside its repeats and looks."""
    reader = _Reader(pattern.flags)
    return reader.tokens(parser.parse(pattern.pattern, pattern.flags)), reader.faults


class _Reader:
    """Reads what the standard library makes of a pattern."""

    def __init__(self, flags: int) -> None:
        self.ignores_case, self.dot_all = bool(flags & re.IGNORECASE), bool(flags & re.DOTALL)
        self.faults: list[str] = []

    def tokens(self, tree: Any) -> tuple[Token, ...]:
        return tuple(token for op, value in tree for token in self._token(op, value))

    def _token(self, op: Any, value: Any) -> tuple[Token, ...]:
        if op in {code.LITERAL, code.NOT_LITERAL, code.ANY, code.IN}:
            return (Token(self._chars(op, value), is_needed=True),)
        if op is code.SUBPATTERN:
            return self.tokens(value[3])
        if op is code.BRANCH:
            return (_choice(tuple(self.tokens(each) for each in value[1])),)
        if op in _REPEATS:
            return self._repeat(*value)
        if op in {code.ASSERT, code.ASSERT_NOT}:
            self.faults += _side_by_side((*self.tokens(value[1]), LINE))
        else:
            assert op is code.AT, op  # a back reference is no regular expression
        return (_AT.get(value, LOOK) if op is code.AT else LOOK,)

    def _repeat(self, least: int, most: int, tree: Any) -> tuple[Token, ...]:
        body = self.tokens(tree)
        if most == 1:
            return body if least else (_choice((body, ())),)
        if any(_endless(body)):
            self.faults += [f"{fault}, in the rounds of a third" for fault in _side_by_side((*body, *body, LOOK))]
            if most < MANY:
                return body if least else (_choice((body, ())),)
        chars = frozenset[str]().union(*(token.chars for token in body))
        is_needed = least > 0 and any(token.is_needed for token in body)
        return (Token(chars, is_needed, _head(body) if most >= MANY else frozenset()),)

    def _chars(self, op: Any, value: Any) -> frozenset[str]:
        if op is code.ANY:
            return ALPHABET if self.dot_all else ALPHABET - {"\n"}
        if op is code.LITERAL:
            return self._cased(frozenset({chr(value)}))
        if op is code.NOT_LITERAL:
            return ALPHABET - self._cased(frozenset({chr(value)}))
        found = frozenset[str]().union(*(self._member(kind, what) for kind, what in value if kind is not code.NEGATE))
        return ALPHABET - self._cased(found) if value[0][0] is code.NEGATE else self._cased(found)

    def _member(self, kind: Any, what: Any) -> frozenset[str]:
        if kind is code.LITERAL:
            return frozenset({chr(what)})
        if kind is code.RANGE:
            return frozenset(char for char in ALPHABET if what[0] <= ord(char) <= what[1])
        return frozenset(char for char in ALPHABET if re.match(_CATEGORIES[what], char))

    def _cased(self, chars: frozenset[str]) -> frozenset[str]:
        return chars | {c.lower() for c in chars} | {c.upper() for c in chars} if self.ignores_case else chars


LOOK = Token(frozenset(), is_needed=False, is_look=True)
LINE = Token(frozenset("\n"), is_needed=False, is_look=True)
"""The beginning of a line or of the text."""
WORD = frozenset(char for char in ALPHABET if re.match(r"\w", char))
EDGE = Token(ALPHABET - WORD, is_needed=False, is_look=True)
"""The beginning or the end of a word."""
_AT = {code.AT_BEGINNING: LINE, code.AT_BEGINNING_STRING: LINE, code.AT_BOUNDARY: EDGE}


def _choice(ways: tuple[tuple[Token, ...], ...]) -> Token:
    chars = frozenset[str]().union(*(token.chars for way in ways for token in way))
    return Token(chars, all(any(token.is_needed for token in way) for way in ways), choices=ways)


def _head(tokens: tuple[Token, ...]) -> frozenset[str]:
    """What a text that matches may begin with."""
    found: frozenset[str] = frozenset()
    for token in tokens:
        found |= frozenset[str]().union(*map(_head, token.choices)) if token.choices else token.head or token.chars
        if token.is_needed:
            break
    return found


def _endless(tokens: tuple[Token, ...]) -> Iterator[Token]:
    for token in tokens:
        if token.head:
            yield token
        for way in token.choices:
            yield from _endless(way)


def _side_by_side(tokens: tuple[Token, ...]) -> Iterator[str]:
    """Two repeats without bound that may share characters, with nothing between that tells where one ends.

    Harmless where nothing behind them can fail: then the first try is the last.
    """
    for place, token in enumerate(tokens):
        if any(_endless((token,))) and token.choices:
            for way in token.choices:
                yield from _side_by_side((*tokens[:place], *way, *tokens[place + 1 :]))
            return
    for place, first in enumerate(tokens):
        for further, second in enumerate(tokens[place + 1 :], place + 1):
            is_last = not any(token.may_fail for token in tokens[further + 1 :])
            is_whole_word = tokens[place + 1] is EDGE and first.chars <= WORD
            if is_last or is_whole_word or not first.head or first.chars.isdisjoint(second.head):
                continue
            between = [token.chars for token in tokens[place + 1 : further] if token.is_needed]
            if not any(chars.isdisjoint(first.head) or chars.isdisjoint(second.chars) for chars in between):
                yield "two repeats without bound may share characters, and nothing between tells them apart"


def _runs_anew(tokens: tuple[Token, ...], flags: int) -> bool:
    """Whether the first repeat without bound takes all that stands before it, so that the search begins in it anew."""
    for place, token in enumerate(tokens):
        rest = tokens[place + 1 :]
        if token is LINE and not flags & re.MULTILINE:
            return False
        if token.choices and any(_endless((token,))):
            return any(_runs_anew((*tokens[:place], *way, *rest), flags) for way in token.choices)
        before = [each for each in tokens[:place] if each.is_needed or each in {LINE, EDGE}]
        is_anew = not any(token.chars.isdisjoint(each.chars) for each in before)  # EDGE: words lie within no word
        if token.head and is_anew and any(each.may_fail for each in rest):
            return True
    return False


# ── text that shows it ──────────────────────────────────────────────────────────────────────────────────────────────


def attacks(named: Named, size: int) -> Iterator[str]:
    """Texts of some `size` characters: the beginning of a match, and then what the next step takes, again and again."""
    tokens = _tokens(named.pattern)[0]
    for way in islice(_ways(tokens), MOST_WAYS):
        begun = ""
        for token, following in zip_longest(way, way[1:]):
            sign = _sign(token.chars)
            is_within_word = _is_letter(token) and following is not None and _is_letter(following)
            for unit in {sign, begun + sign} - {""} if not is_within_word else ():
                yield begun + unit * (size // len(unit)) + "\0"
            begun += sign if token.is_needed else ""
    for unit in UNITS:
        yield unit * (size // len(unit))


def _is_letter(token: Token) -> bool:
    """Whether it holds one given character, in either case: a word is attacked where it ends."""
    return len(token.chars) <= 2 and token.is_needed and not token.head and not token.is_look


MOST_WAYS = 10

UNITS = (
    *" \t\n-<>(\"'@=;:.,#&[", "a@", "a@b ", "<a@b>", "550 ", "5.1.1 ", "\n ", " \n", "=?", "\\x{", "((", "\n-", "a.",
    "said: ", "\n>", "a: b\n", "a:\n ",
)  # fmt: skip
"""What mail has much of."""


def _ways(tokens: tuple[Token, ...]) -> Iterator[tuple[Token, ...]]:
    """Each way of each choice once, with the first way of the others."""
    plain = tuple(_first_way(tokens))
    yield plain
    for place, token in enumerate(tokens):
        for way in token.choices[1:]:
            yield from _ways((*_first_way(tokens[:place]), *way, *_first_way(tokens[place + 1 :])))


def _first_way(tokens: tuple[Token, ...]) -> Iterator[Token]:
    for token in tokens:
        if token.choices:
            yield from _first_way(token.choices[0])
        else:
            yield token


def _sign(chars: frozenset[str]) -> str:
    """A character of a set, a plain one if there is one."""
    plain = [char for char in f"{string.ascii_lowercase} .-{string.digits}\n" if char in chars]
    return plain[0] if plain else min(chars, default="")
