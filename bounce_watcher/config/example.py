"""Fills in the example configuration: keys are set in it or taken out, and all explanations stay in place.

So a configuration that the program writes explains every key exactly as config.example.toml does.
"""

import json
import re
from collections.abc import Mapping, Sequence
from importlib.resources import files

from bounce_watcher.config.locate import Path

Value = str | int | float | bool | Sequence[str]
Tables = Mapping[str, Mapping[str, Value]]
"""The keys and values of each table by its dotted name ("mailbox", "policy.evidence"; "" is the part above all)."""

_HEADING = re.compile(r"#?\[\[?([a-z0-9_.]+)\]\]?$")
_KEY = re.compile(r"#?([a-z0-9_]+) = ")
_EXPLAINED_FROM = "# How to read this file"


def example() -> str:
    """Returns config.example.toml."""
    return (files("bounce_watcher") / "share" / "config.example.toml").read_text("utf-8")


def example_of(path: Path) -> str | None:
    """Returns the example's value of the key at `path`, as TOML; None if the example does not show it."""
    *above, name = (part for part in path if isinstance(part, str))
    lines = (line for table, section in _sections(example()) if table == ".".join(above) for line in section)
    return next((line.partition(" = ")[2] for line in lines if re.match(f"#?{re.escape(name)} = ", line)), None)


def filled_in(text: str, tables: Tables, heading: str) -> str:
    """Sets exactly the keys of `tables` in `text`, a commented example. Replaces its heading by `heading`.

    A table that is not named in `tables` has no keys in force. An array of tables that is not named is commented out. A
    key that the example does not show is put below the last one of its table.
    """
    sections = _sections(text[text.index(_EXPLAINED_FROM):])
    missing = tables.keys() - dict(sections).keys()
    assert not missing, f"the example has no table {missing}"
    comment = "".join(f"# {line}".rstrip() + "\n" for line in heading.splitlines())
    return f"{comment}#\n" + "".join(_filled(lines, tables.get(name)) for name, lines in sections)


def _sections(text: str) -> list[tuple[str, list[str]]]:
    """Returns the name of each table, "" above the first heading, and its lines from its heading to the next one."""
    found = [("", list[str]())]
    for line in text.splitlines():
        if heading := _HEADING.match(line):
            found.append((heading[1], []))
        found[-1][1].append(line)
    return found


def _filled(lines: Sequence[str], values: Mapping[str, Value] | None) -> str:
    written, left = list[str](), dict(values or {})
    stays = values is not None or not (lines and lines[0].startswith(("#", "[[")))
    last = 0
    for line in lines:
        key = _KEY.match(line)
        if _HEADING.match(line):
            written.append(line.removeprefix("#") if stays else _commented(line))
        elif key and key[1] in left:
            written.append(f"{key[1]} = {_toml(left.pop(key[1]))}")
        else:
            written.append(_commented(line) if key else line)
        last = len(written) if key or _HEADING.match(line) else last
    written[last:last] = [f"{key} = {_toml(value)}" for key, value in left.items()]
    return "\n".join(written) + "\n"


def _commented(line: str) -> str:
    return line if line.startswith("#") else f"#{line}"


def _toml(value: Value) -> str:
    """Writes a value as TOML. Strings hold no control characters, so TOML can read what JSON writes."""
    if isinstance(value, str | bool | int | float):
        return json.dumps(value, ensure_ascii=False)
    return "[" + ", ".join(json.dumps(each, ensure_ascii=False) for each in value) + "]"
