"""Rule files: TOML in, rules out, or every fault at once with its file, rule id and mend.

A file holds `[[rule]]` tables; `unless` on top of it counts for all of them:

    [[rule]]
    id       = "example.over-quota"
    reason   = "mailbox_full"                # of model.verdict.Reason
    text     = ["out of storage space"]      # all must occur, each at a word's start; case and accents do not count
    any      = ["mailbox", "inbox"]          # and one of these, if there are any
    unless   = ["sending quota"]             # and none of these
    status   = ["5.2.2", "x.2.2"]            # also 5.7.x and 5.7.606-649
    code     = ["552", "4xx"]
    remote   = ["example.org"]               # the server that said so: this host or one below it
    reporter = ["example.com"]               # the server that wrote the report
    stage    = ["RCPT"]                      # CONNECT EHLO STARTTLS AUTH MAIL RCPT DATA DOT
    regex    = "quota of \\d+"               # the exception: searched for once the phrases were found
    weak     = true                          # yields to every phrase that is not weak
    source   = "where these words were seen"
    examples     = ["…"]                     # replies that the rule must win
    not_examples = ["…"]                     # replies that it must not
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from bounce_watcher.classification.rule import Conditions, Precedence, Rule, StatusPattern, parse_codes
from bounce_watcher.classification.words import fold
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.verdict import Reason

_Parsed = TypeVar("_Parsed")

_LISTS = ("text", "any", "unless", "status", "code", "remote", "reporter", "stage", "examples", "not_examples")
_STRINGS = ("id", "reason", "regex", "source")
_KEYS = (*_LISTS, *_STRINGS, "weak")
_STAGES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT")
_REASONS = {reason.value: reason for reason in Reason}
_SCOPES = {"common": Precedence.COMMON, "receiver": Precedence.RECEIVER}


class _Fault(Exception):
    """One fault of one rule: what is wrong and the mend."""


def read_rules(file: str, content: str, precedence: Precedence | None = None) -> tuple[Rule, ...]:
    """The rules of one file. `precedence` None = as the file's own `scope` says ("common" or "receiver").

    Raises ConfigError with every fault of the file.
    """
    table = _parsed(file, content)
    problems: list[str] = []
    if precedence is None:
        precedence = _SCOPES.get(str(table.get("scope")))
        if precedence is None:
            problems.append('scope is missing or unknown: write scope = "common" or scope = "receiver" on top')
            precedence = Precedence.COMMON
    problems.extend(_unknown_keys("the file", table, ("scope", "source", "unless", "rule")))
    barred = _common_unless(file, table)
    rules = []
    for place, entry in enumerate(_entries(table), 1):
        name = f"rule {entry['id']!r}" if isinstance(entry.get("id"), str) else f"rule number {place}"
        try:
            widened = {**entry, "unless": [*_strings(entry, "unless"), *barred]}
            rules.append(_rule(file, widened, precedence, table.get("source")))
        except _Fault as fault:
            problems.append(f"{name}: {fault}")
    if problems:
        raise ConfigError(file, tuple(problems))
    return tuple(rules)


def _parsed(file: str, content: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(file, (f"no TOML: {error}; put phrases in double quotes",)) from None


def _common_unless(file: str, table: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        return _strings(table, "unless")
    except _Fault as fault:
        raise ConfigError(file, (str(fault),)) from None


def _entries(table: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    entries = table.get("rule", [])
    if isinstance(entries, list):
        yield from (entry for entry in entries if isinstance(entry, dict))


def _unknown_keys(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table.keys() - set(known):
        near = difflib.get_close_matches(key, known, 1)
        mend = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
        yield f"{where} has an unknown key {key!r}; {mend}"


def _rule(file: str, entry: Mapping[str, Any], precedence: Precedence, source: str | None) -> Rule:
    for problem in _unknown_keys("it", entry, _KEYS):
        raise _Fault(problem)
    lists = {key: _strings(entry, key) for key in _LISTS}
    rule = Rule(
        id=_required(entry, "id"),
        reason=_reason(_required(entry, "reason")),
        precedence=_weakened(entry, precedence),
        file=file,
        source=source if source and "source" not in entry else _required(entry, "source"),
        text=_folded(lists["text"]),
        any_of=_folded(lists["any"]),
        unless=_folded(lists["unless"]),
        pattern=_pattern(entry),
        conditions=_conditions(lists),
        examples=lists["examples"],
        not_examples=lists["not_examples"],
    )
    _check_whole(rule)
    return rule


def _check_whole(rule: Rule) -> None:
    if not rule.text and not rule.any_of:
        if rule.pattern is not None:
            raise _Fault("regex stands alone: add a text that always occurs with it")
        if not rule.conditions.count:
            raise _Fault("it matches everything: add text, any, status or another condition")
    if not rule.examples:
        raise _Fault("it has no examples: add at least one reply that it must win")


def _required(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _Fault(f"{key} is missing: add {key} = \"…\"")
    return value


def _strings(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _Fault(f'{key} must be a list of texts: {key} = ["…"]')
    return tuple(value)


def _folded(phrases: Iterable[str]) -> tuple[str, ...]:
    return tuple(fold(phrase) for phrase in phrases)


def _reason(name: str) -> Reason:
    if name in _REASONS:
        return _REASONS[name]
    near = difflib.get_close_matches(name, _REASONS, 1)
    mend = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(_REASONS)}"
    raise _Fault(f"reason {name!r} is unknown; {mend}")


def _weakened(entry: Mapping[str, Any], precedence: Precedence) -> Precedence:
    weak = entry.get("weak", False)
    if not isinstance(weak, bool):
        raise _Fault("weak must be true or false")
    return min(precedence, Precedence.HINT) if weak else precedence


def _pattern(entry: Mapping[str, Any]) -> re.Pattern[str] | None:
    if "regex" not in entry:
        return None
    try:
        return re.compile(_required(entry, "regex"))
    except re.error as error:
        raise _Fault(f"regex does not compile: {error}") from None


def _conditions(lists: Mapping[str, tuple[str, ...]]) -> Conditions:
    for stage in lists["stage"]:
        if stage not in _STAGES:
            raise _Fault(f"stage {stage!r} is unknown; known: {', '.join(_STAGES)}")
    return Conditions(
        statuses=tuple(_each(lists["status"], "status", StatusPattern.parse, "5.1.1, x.1.1, 5.7.x or 5.7.606-649")),
        codes=tuple(_each(lists["code"], "code", parse_codes, "550, 55x or 5xx")),
        remotes=tuple(host.casefold().strip(".") for host in lists["remote"]),
        reporters=tuple(host.casefold().strip(".") for host in lists["reporter"]),
        stages=lists["stage"],
    )


def _each(values: Iterable[str], key: str, parse: Callable[[str], _Parsed], forms: str) -> Iterator[_Parsed]:
    for value in values:
        try:
            yield parse(value)
        except ValueError:
            raise _Fault(f"{key} {value!r} is not of the form {forms}") from None
