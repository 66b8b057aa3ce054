"""What is wrong with a file, in words for the person who wrote it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bounce_watcher.config.checks import MISSING_FOR
from bounce_watcher.config.example import example_of
from bounce_watcher.config.keys import ConfigKey, Table, all_tables, heading, known_keys, places_of, table_at, table_of
from bounce_watcher.config.locate import Lines, Path
from bounce_watcher.config.settings import ConfigWarning
from bounce_watcher.config.values import kind_of, nearest, quoted
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.platform import HttpPlatform
from bounce_watcher.policy.counting import DEFAULTS, CountRule

_NEVER_COUNT: Mapping[str, str] = {
    **dict.fromkeys(
        ("block", "undetermined", *(reason for reason in Reason if reason not in DEFAULTS)),
        "no key can make blocks or undetermined bounces count, as they say nothing about the address: remove it",
    ),
    **dict.fromkeys(
        (reason for reason, rule in DEFAULTS.items() if rule is CountRule.NEVER),
        "can never count, as it is about the sender's pace and passes by itself: remove it",
    ),
}
"""What is said of a key that would make such bounces count."""


_BARE = re.compile("[A-Za-z0-9_-]*[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(slots=True)
class Notes:
    """The problems and warnings of one file. `aliases`: how the key of a secret is written (`password_file`)."""

    problems: list[tuple[Path, str]] = field(default_factory=list)
    warnings: list[tuple[Path, ConfigWarning]] = field(default_factory=list)
    aliases: dict[Path, Path] = field(default_factory=dict)

    @property
    def inline_secrets(self) -> bool:
        """Whether the file itself contains a secret. The URL of a database or webhook does not count as one."""
        return any(
            path == written and path[0] != "database" and (path[0], path[-1]) != ("webhook", "url")
            for path, written in self.aliases.items()
        )

    def is_elsewhere(self, path: Path) -> bool:
        """Whether a secret was read from a file, the environment or a credential."""
        return self.aliases.get(path, path) != path

    def problem(self, path: Path, text: str) -> None:
        self.problems.append((self.aliases.get(path, path), text))

    def warning(self, path: Path, problem: str, fix: str = "") -> None:
        self.warnings.append((path, ConfigWarning(problem, fix)))


def problem_lines(notes: Notes, data: Mapping[str, Any], lines: Lines) -> tuple[str, ...]:
    """Returns one line per problem, in the order of the file: "line 12: mailbox[returns].port: …"."""
    placed = sorted(((lines.of(path) or 0, f"{key(path, data)}: {text}") for path, text in notes.problems),
                    key=lambda each: each[0])
    return tuple(dict.fromkeys(f"line {number}: {text}" if number else text for number, text in placed))


def named_warnings(notes: Notes, data: Mapping[str, Any]) -> tuple[ConfigWarning, ...]:
    """Returns each warning with the key that it is about: "policy.guard: …"."""
    return tuple(replace(it, problem=f"{key(path, data)}: {it.problem}") if path else it for path, it in notes.warnings)


def key(path: Path, data: Mapping[str, Any]) -> str:
    """Writes `path` for a person: `policy.soft.span`, `mailbox[returns].port`, `[[mailbox]] #2: port`."""
    index = path[1] if len(path) > 1 else None
    if not isinstance(index, int):
        return _dotted(path)
    table, inner = path[0], _dotted(path[2:])
    name = _name(data, str(table), index)
    if name is None or inner == "name":
        return f"[[{table}]] #{index + 1}" + (f": {inner}" if inner else "")
    return f"{table}[{name}]" + (f".{inner}" if inner else "")


def _dotted(path: Path) -> str:
    """Writes each key as TOML does: bare if possible."""
    return ".".join(part if _BARE.fullmatch(part) else quoted(part) for part in path if isinstance(part, str))


def _name(data: Mapping[str, Any], table: str, index: int) -> str | None:
    """Returns the name of an element in an array of tables, if no other element has the same."""
    elements = data.get(table)
    names = [e.get("name") if isinstance(e, dict) else None for e in elements] if isinstance(elements, list) else []
    name = names[index] if index < len(names) else None
    return name if isinstance(name, str) and name.isprintable() and names.count(name) == 1 else None


# ── keys that are missing, misplaced or unknown ─────────────────────────────────────────────────────────────────────

def missing(path: Path, table: Table) -> str:
    """Says that a required key is missing, and what to add."""
    name = str(path[-1])
    key, settings = table.keys[name], table.settings or object
    example = (key.example if isinstance(key, ConfigKey) else None) or example_of(path)
    if why := MISSING_FOR.get((settings, name)):
        return f"missing: {why}"
    if example:
        return f"missing: add {name} = {example}"
    return f'missing: kind = "{table.kind}" needs it' if table.kind else "missing"


def no_table(value: object, path: Path) -> str:
    if isinstance(value, list):
        return f"there can be only one, so its heading has single brackets: [{'.'.join(map(str, path))}]"
    return f"must be a table under a [heading] of its own, not {kind_of(value)}"


def unknown(name: str, path: Path, table: Table) -> str:
    """Suggests the table where such a key belongs, else the nearest known key, else lists the known keys."""
    if path[:1] == ("policy",) and name in _NEVER_COUNT:
        return _NEVER_COUNT[name]
    if table.kind:
        return _unknown_to_kind(name, table)
    if places := places_of(name):
        return f"unknown here: it belongs in {' or '.join(places)}"
    here = known_keys(table)
    if near := nearest(name, here):
        meant = heading((*path, near)) if table_at((*path, near)) else near
        return f"unknown: did you mean {meant}?"
    elsewhere = nearest(name, [key for _, other in all_tables() for key in known_keys(other)])
    if elsewhere and (places := places_of(elsewhere)):
        return f"unknown: did you mean {elsewhere} in {' or '.join(places)}?"
    return "unknown: remove it. Known here: " + ", ".join(here)


def _unknown_to_kind(name: str, table: Table) -> str:
    here, common = known_keys(table), known_keys(table_of(HttpPlatform))
    if name in common:
        return f'has no effect with kind = "{table.kind}": remove it'
    if near := nearest(name, here):
        return f"unknown: did you mean {near}?"
    own = ", ".join(key for key in here if key not in common)
    return f'unknown: remove it. Known to kind = "{table.kind}": {own or "nothing of its own"}'


def meant_by(name: str, table: Table) -> str | None:
    """Returns the known key closest to an unknown one, without a secret's suffix. It is not reported as missing too."""
    near = nearest(name, known_keys(table))
    plain = near.rpartition("_")[0] if near else ""
    return plain if plain in table.keys else near
