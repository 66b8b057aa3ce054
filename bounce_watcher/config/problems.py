"""What is wrong with a file, in words for the person who wrote it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic_core import ErrorDetails

from bounce_watcher.config.keys import all_tables, heading, is_array, known_keys, places_of, table_at
from bounce_watcher.config.locate import Lines, Path
from bounce_watcher.config.settings import ConfigWarning
from bounce_watcher.config.values import kind_of, nearest, quoted
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.counting import DEFAULTS

MISSING = "missing"
NEVER_COUNTS = (
    "no key can make a block or an undetermined bounce count: what they say is not about the address. Take it out"
)

_NEVER_COUNT = frozenset({"block", "undetermined", *(reason.value for reason in Reason if reason not in DEFAULTS)})


@dataclass(slots=True)
class Notes:
    """Gathers all that is to be said of one file. `aliases`: the key as written of a secret (`password_file`)."""

    problems: list[tuple[Path, str]] = field(default_factory=list)
    warnings: list[tuple[Path, ConfigWarning]] = field(default_factory=list)
    aliases: dict[Path, Path] = field(default_factory=dict)

    @property
    def inline_secrets(self) -> bool:
        """Whether a secret stands in the file itself. Of itself the address of a database or webhook is none."""
        return any(
            path == written and path[0] != "database" and (path[0], path[-1]) != ("webhook", "url")
            for path, written in self.aliases.items()
        )

    def is_elsewhere(self, path: Path) -> bool:
        """Whether a secret was read from a file, the environment or a credential."""
        return self.aliases.get(path, path) != path

    def problem(self, path: Path, text: str) -> None:
        self.problems.append((path, text))

    def warning(self, path: Path, problem: str, fix: str = "") -> None:
        self.warnings.append((path, ConfigWarning(problem, fix)))


def problem_lines(notes: Notes, data: Mapping[str, Any], lines: Lines) -> tuple[str, ...]:
    """One line a problem in the order of the file: "line 12: mailbox[returns].port: …"."""

    def place(problem: tuple[Path, str]) -> int:
        return lines.of(problem[0]) or 0

    def told(path: Path, text: str) -> str:
        number = lines.of(path)
        where = f"line {number}: " if number else ""
        return f"{where}{key(path, data)}: {text}"

    return tuple(dict.fromkeys(told(path, text) for path, text in sorted(notes.problems, key=place)))


def named_warnings(notes: Notes, data: Mapping[str, Any]) -> tuple[ConfigWarning, ...]:
    """Each with the key that it is about: "policy.guard: …"."""
    return tuple(replace(it, problem=f"{key(path, data)}: {it.problem}") if path else it for path, it in notes.warnings)


def key(path: Path, data: Mapping[str, Any]) -> str:
    """`path` as a person finds it: `policy.soft.span`, `mailbox[returns].port`, `[[mailbox]] #2: port`."""
    index = path[1] if len(path) > 1 else None
    if not isinstance(index, int):
        return _dotted(path)
    table, inner = path[0], _dotted(path[2:])
    name = _name(data, str(table), index)
    if name is None or inner == "name":
        return f"[[{table}]] #{index + 1}" + (f": {inner}" if inner else "")
    return f"{table}[{name}]" + (f".{inner}" if inner else "")


def _dotted(path: Path) -> str:
    return ".".join(_quoted_key(part) for part in path if isinstance(part, str))


def _quoted_key(part: str) -> str:
    """A key as TOML writes it: bare where it may be."""
    return part if part.isascii() and part.replace("-", "").replace("_", "").isalnum() else quoted(part)


def _name(data: Mapping[str, Any], table: str, index: int) -> str | None:
    """The name of one element of an array of tables where it has one that tells it from the others."""
    elements = data.get(table)
    names = [e.get("name") if isinstance(e, dict) else None for e in elements] if isinstance(elements, list) else []
    name = names[index] if index < len(names) else None
    return name if isinstance(name, str) and name.isprintable() and names.count(name) == 1 else None


# ── what pydantic found, said plainly ───────────────────────────────────────────────────────────────────────────────

def translate(error: ErrorDetails) -> str:
    """One finding of pydantic without its jargon and without the value found."""
    tell = _WORDS.get(error["type"])
    return tell(error) if tell else "cannot be used as it stands: see config.example.toml for how it is written"


def _own_words(error: ErrorDetails) -> str:
    return str(error["ctx"]["error"])


def _wanted(what: str) -> Callable[[ErrorDetails], str]:
    return lambda error: f"must be {what}, not {kind_of(error['input'])}"


def _missing(error: ErrorDetails) -> str:
    example = _example(error["loc"])
    return MISSING + (f": add {example}" if example else "")


def _example(path: Path) -> str | None:
    model = table_at(path[:-1])
    examples = model.model_fields[str(path[-1])].examples if model and path[-1] in model.model_fields else None
    return f"{path[-1]} = {examples[0]}" if examples else None


def _array(error: ErrorDetails) -> str:
    if is_array(error["loc"]):
        return f"there may be several, so each stands under a heading in double brackets: [[{error['loc'][-1]}]]"
    return _wanted('a list in brackets, such as ["…", "…"]')(error)


def _table(error: ErrorDetails) -> str:
    if isinstance(error["input"], list):
        return f"there is just one, so its heading takes single brackets: [{'.'.join(map(str, error['loc']))}]"
    return _wanted("a table under a [heading] of its own")(error)


def _unknown(error: ErrorDetails) -> str:
    """The table where a key of that name belongs, else the nearest known key, else all that are known."""
    path, name = error["loc"][:-1], str(error["loc"][-1])
    if path[:1] == ("policy",) and name in _NEVER_COUNT:
        return NEVER_COUNTS
    if path == ("policy", "reasons") and name in DEFAULTS:
        return "can never count: it is about the pace of the sender and passes by itself. Take it out"
    if places := places_of(name):
        return f"unknown here: it belongs into {' or '.join(places)}"
    model = table_at(path)
    here = known_keys(model) if model else []
    if near := nearest(name, here):
        return f"unknown: did you mean {_written(near, path)}?"
    elsewhere = nearest(name, [key for _, table in all_tables() for key in known_keys(table)])
    if elsewhere and (places := places_of(elsewhere)):
        return f"unknown: did you mean {elsewhere} in {' or '.join(places)}?"
    return "unknown: take it out. Known here: " + ", ".join(here)


def meant_by(path: Path) -> Path | None:
    """The key that an unknown one was probably meant for, a secret under its plain name: it is not missing as well."""
    model = table_at(path[:-1])
    near = nearest(path[-1], known_keys(model)) if model else None
    if near is None:
        return None
    plain = next((key for key in (near.rpartition("_")[0],) if model and key in model.model_fields), near)
    return (*path[:-1], plain)


def _written(name: str, path: Path) -> str:
    """A table as its heading, a key as it is."""
    names = tuple(str(part) for part in path if not isinstance(part, int))
    return heading((*names, name)) if table_at((*names, name)) else name


_WORDS: dict[str, Callable[[ErrorDetails], str]] = {
    "value_error": _own_words,
    "missing": _missing,
    "extra_forbidden": _unknown,
    "list_type": _array,
    "model_type": _table,
    "string_type": _wanted("text in quotes"),
    "int_type": _wanted("a whole number without quotes"),
    "bool_type": _wanted("true or false without quotes"),
}
