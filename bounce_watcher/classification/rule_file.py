"""Reads rule files: turns TOML into rules, or reports all faults at once, each with its rule and fix.

A file holds `[[rule]]` tables; `source` and `unless` at the top of the file apply to all of them:

    [[rule]]
    id       = "example.over-quota"          # whose words they are, a dot, what they say
    reason   = "mailbox_full"                # of model.verdict.Reason
    text     = ["out of storage space"]      # all must occur, each at a word's start; case and accents do not count
    any      = ["mailbox", "inbox"]          # and one of these, if there are any
    unless   = ["sending quota"]             # and none of these
    status   = ["5.2.2", "x.2.2"]            # also 5.7.x and 5.7.606-649
    code     = ["552", "4xx"]
    remote   = ["example.org"]               # the server that said so: this host or one below it
    reporter = ["example.com"]               # the server that wrote the report
    stage    = ["RCPT"]                      # CONNECT EHLO STARTTLS AUTH MAIL RCPT DATA DOT
    regex    = "quota of \\d+"               # the exception: searched for in small letters once the phrases were found
    weak     = true                          # yields to every phrase that is not weak
    source   = "where these words were seen"
    examples     = ["…"]                     # replies that the rule must win
    not_examples = ["…"]                     # replies that it must not

The files of the package have `scope = "common"` or `"receiver"` at the top. Those of an operator need none: they win
over all of these. Their `regex` is RE2's (https://github.com/google/re2/wiki/Syntax: no look-around, no back
references), which takes time linear in the reply for any expression.
"""

import difflib
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, ParamSpec, TypeVar

from bounce_watcher.classification.rule import (
    Conditions,
    Pattern,
    Precedence,
    Rule,
    RuleProblem,
    StatusPattern,
    fold,
    parse_codes,
)
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.verdict import Reason

_T = TypeVar("_T")
_Given = ParamSpec("_Given")

_TOP_KEYS = ("source", "unless", "rule")
_LISTS = ("text", "any", "unless", "status", "code", "remote", "reporter", "stage", "examples", "not_examples")
_STRINGS = ("id", "reason", "regex", "source")
_KEYS = (*_LISTS, *_STRINGS, "weak")
_STAGES = ("CONNECT", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "DOT")
_REASONS = {reason.value: reason for reason in Reason}
_SCOPES = {"common": Precedence.COMMON, "receiver": Precedence.RECEIVER}
_ID = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*(?:\.[a-z0-9]+(?:-[a-z0-9]+)*)+")
_TAKEN = ("status.", "code.")
"""Prefixes of the names of verdicts by numbers."""
_LONGEST_ID = 100  # in characters: the ledger has the id in an index, whose rows have a limit


class RuleFileContent(NamedTuple):
    """The content of one file: the rules without faults, and the faults of the others."""

    rules: tuple[Rule, ...]
    problems: tuple[RuleProblem, ...]


class _Fault(Exception):
    """Faults with their fixes: one in each argument."""


class _Gathering:
    """A collector of faults: reading continues after a fault, so that all are reported at once."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def read(self, otherwise: _T, parse: Callable[_Given, _T], *args: _Given.args, **keys: _Given.kwargs) -> _T:
        """Returns the result of `parse`; `otherwise` if it finds a fault."""
        try:
            return parse(*args, **keys)
        except _Fault as fault:
            self.faults.extend(fault.args)
            return otherwise


def read_rules(file: str, content: str, precedence: Precedence | None = None) -> tuple[Rule, ...]:
    """Returns the rules of one file. `precedence` None = by the file's own `scope` ("common" or "receiver").

    Raises ConfigError with every fault of the file.
    """
    reading = read_file(file, content, precedence)
    if reading.problems:
        raise ConfigError(file, tuple(map(str, reading.problems)))
    return reading.rules


def read_file(file: str, content: str, precedence: Precedence | None = None) -> RuleFileContent:
    """Does the same as `read_rules`, but returns the sound rules and all faults, and does not raise."""
    try:
        table = _parsed(content)
    except _Fault as fault:
        return RuleFileContent((), tuple(map(RuleProblem, fault.args)))
    top = _Gathering()
    top.faults.extend(_unknown_keys("the file", table, _TOP_KEYS if precedence else (*_TOP_KEYS, "scope")))
    standing = precedence or top.read(Precedence.COMMON, _scope, table)
    source = top.read(None, _text, table, "source") if "source" in table else None
    barred = top.read((), _phrases, table, "unless")
    rules: list[Rule] = []
    faulty: list[RuleProblem] = []
    for place, entry in enumerate(top.read([], _entries, table), 1):
        try:
            rules.append(_rule(file, entry, standing, source, barred))
        except _Fault as fault:
            id_ = entry.get("id")
            about, named = ("", id_) if isinstance(id_, str) else (f"rule number {place}: ", None)
            faulty.extend(RuleProblem(f"{about}{problem}", named) for problem in fault.args)
    return RuleFileContent(tuple(rules), (*map(RuleProblem, top.faults), *faulty))


def _parsed(content: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content)
    except ValueError as error:
        raise _Fault(f"no TOML: {error}; put phrases in double quotes") from None
    except RecursionError:
        raise _Fault("no TOML: nested too deeply; a rule is a [[rule]] and its keys") from None


def _scope(table: Mapping[str, Any]) -> Precedence:
    scope = _SCOPES.get(str(table.get("scope")))
    if scope is None:
        raise _Fault('scope is missing or unknown: write scope = "common" or scope = "receiver" on top')
    return scope


def _entries(table: Mapping[str, Any]) -> list[dict[str, Any]]:
    entries = table.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise _Fault("rule must be a table for each rule: head it with double brackets, [[rule]]")
    return entries


def _unknown_keys(where: str, table: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for key in table:
        if key not in known:
            yield f"{where} has an unknown key {key!r}; {_fix(key, known)}"


def _fix(word: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, known, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _rule(
    file: str, entry: Mapping[str, Any], precedence: Precedence, source: str | None, barred: tuple[str, ...]
) -> Rule:
    """Reads one rule. Raises _Fault with all its faults."""
    seen = _Gathering()
    seen.faults.extend(_unknown_keys("it", entry, _KEYS))
    rule = Rule(
        id=seen.read("", _id, entry),
        reason=seen.read(Reason.UNKNOWN, _reason, entry),
        precedence=seen.read(precedence, _weakened, entry, precedence),
        file=file,
        source=source if source and "source" not in entry else seen.read("", _text, entry, "source"),
        text=seen.read((), _phrases, entry, "text"),
        any_of=seen.read((), _phrases, entry, "any"),
        unless=(*seen.read((), _phrases, entry, "unless"), *barred),
        pattern=seen.read(None, _pattern, entry, precedence),
        conditions=_conditions(entry, seen),
        examples=seen.read((), _examples, entry),
        not_examples=seen.read((), _strings, entry, "not_examples"),
    )
    if not seen.faults:
        seen.read(None, _check_whole, rule)
    if seen.faults:
        raise _Fault(*seen.faults)
    return rule


def _check_whole(rule: Rule) -> None:
    if rule.text or rule.any_of:
        return
    if rule.pattern is not None:
        raise _Fault("regex stands alone: add a text that always occurs with it")
    if not rule.conditions.count:
        raise _Fault("it matches everything: add text, any, status or another condition")


# ── single keys ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value.strip():
        raise _Fault(f"{key} is missing: add {key} = \"…\"")
    return value


def _strings(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
        raise _Fault(f'{key} must be a list of texts: {key} = ["…"]')
    return tuple(value)


def _id(entry: Mapping[str, Any]) -> str:
    name = _text(entry, "id")
    if not _ID.fullmatch(name):
        raise _Fault('id must be words in small letters with a dot between them, such as "example.over-quota"')
    if len(name) > _LONGEST_ID:
        raise _Fault(f"id has more than {_LONGEST_ID} characters: shorten it")
    if name.startswith(_TAKEN):
        raise _Fault("id begins like the verdicts by numbers, status.5.1.1 and code.450: choose another")
    return name


def _reason(entry: Mapping[str, Any]) -> Reason:
    name = _text(entry, "reason")
    if name in _REASONS:
        return _REASONS[name]
    raise _Fault(f"reason {name!r} is unknown; {_fix(name, tuple(_REASONS))}")


def _weakened(entry: Mapping[str, Any], precedence: Precedence) -> Precedence:
    weak = entry.get("weak", False)
    if not isinstance(weak, bool):
        raise _Fault("weak must be true or false")
    return min(precedence, Precedence.HINT) if weak else precedence


def _phrases(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Returns the phrases, folded like the replies in which they are searched."""
    phrases = tuple(map(fold, _strings(entry, key)))
    if not all(phrases):
        raise _Fault(f"{key} holds a phrase of nothing but accents: write words")
    return phrases


def _examples(entry: Mapping[str, Any]) -> tuple[str, ...]:
    examples = _strings(entry, "examples")
    if not examples:
        raise _Fault("it has no examples: add at least one reply that it must win")
    return examples


def _pattern(entry: Mapping[str, Any], precedence: Precedence) -> Pattern | None:
    if "regex" not in entry:
        return None
    regex = _text(entry, "regex")
    try:
        pattern = _linear(regex) if precedence is Precedence.OPERATOR else re.compile(regex)
    except re.error as error:
        raise _Fault(f"regex does not compile: {error}") from None
    if pattern.search(""):
        raise _Fault("regex matches where nothing stands: look for an empty choice, such as in a||b")
    return pattern


@lru_cache(maxsize=1_000)
def _linear(regex: str) -> Pattern:
    """Compiles by RE2. The same text gives the same object, so that rules with equal `regex` compare as equal."""
    import re2  # noqa: PLC0415 - few operators' rules need it

    options = re2.Options()
    options.log_errors = False  # it would write to stderr itself
    try:
        compiled: Pattern = re2.compile(regex, options)
    except re2.error as error:
        why = error.args[0]
        told = why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)
        raise _Fault(f"regex is none that RE2 takes: {told}; it has no look-around and no back references") from None
    return compiled


def _conditions(entry: Mapping[str, Any], seen: _Gathering) -> Conditions:
    statuses = "5.1.1, x.1.1, 5.7.x or 5.7.606-649"
    return Conditions(
        statuses=seen.read((), _each, entry, "status", StatusPattern.parse, statuses),
        codes=seen.read((), _each, entry, "code", parse_codes, "550, 55x or 5xx"),
        remotes=seen.read((), _each, entry, "remote", _host, "mx.example.org or example.org"),
        reporters=seen.read((), _each, entry, "reporter", _host, "mx.example.org or example.org"),
        stages=seen.read((), _stages, entry),
    )


def _each(entry: Mapping[str, Any], key: str, parse: Callable[[str], _T], forms: str) -> tuple[_T, ...]:
    parsed: list[_T] = []
    for value in _strings(entry, key):
        try:
            parsed.append(parse(value))
        except ValueError:
            raise _Fault(f"{key} {value!r} is not of the form {forms}") from None
    return tuple(parsed)


def _host(text: str) -> str:
    """Returns a host name. Raises ValueError if `text` cannot be one."""
    host = text.casefold().strip(".")
    if not host or any(char.isspace() or char in "@/:*" for char in host):
        raise ValueError(text)
    return host


def _stages(entry: Mapping[str, Any]) -> tuple[str, ...]:
    stages = _strings(entry, "stage")
    for stage in stages:
        if stage not in _STAGES:
            raise _Fault(f"stage {stage!r} is unknown; known: {', '.join(_STAGES)}")
    return stages
