"""Nobody asks what a sentence begins with or holds: what it was made of is a value."""

import ast
from collections.abc import Iterator
from pathlib import Path

import bounce_watcher

PACKAGE = Path(bounce_watcher.__file__).parent

READERS = frozenset({"parsing", "recognition", "classification", "attribution", "words"})
"""The rooms that read what strangers wrote, and the one that makes the sentences."""

TAKEN_APART = frozenset({
    "startswith", "endswith", "partition", "rpartition", "split", "rsplit", "removeprefix", "removesuffix", "index",
})
MATCHED = frozenset({"match", "search", "fullmatch", "findall", "finditer"})
SAME_TEXT = frozenset({"lower", "casefold", "upper", "strip"})

RENDERED = frozenset({
    "because", "headline", "problem", "fix", "counted", "trouble", "failure", "grounds", "exclusion", "doubt",
    "formerly", "detail", "mend", "obstacle", "obstacles", "why", "warning", "about",
})
"""What holds a sentence of ours, or would if it were turned into text. `error` is what a library raised."""

LIKE = TAKEN_APART | {
    "like", "ilike", "notlike", "contains", "icontains", "istartswith", "iendswith", "regexp_match", "op",
}
KEPT_AS_JSON = frozenset({"grounds", "exclusion", "doubt", "formerly", "subject", "alarm"})


def functions_of(*files: Path) -> frozenset[str]:
    found = (node.name for file in files for node in ast.parse(file.read_text()).body
             if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in found if not name.startswith("_"))


MAKERS = functions_of(*sorted((PACKAGE / "words").glob("*.py")))


def is_rendered(it: ast.expr) -> bool:
    """Whether an expression is a sentence of ours, by its name or by the function that makes it."""
    match it:
        case ast.Call(func=ast.Attribute(value=text, attr=name)) if name in SAME_TEXT:
            return is_rendered(text)
        case ast.Call(func=ast.Name(id="str"), args=[value]):
            return is_rendered(value)
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
            return name in MAKERS
        case ast.Attribute(attr="label"):  # of a target; a variable of that name is a part of a domain
            return True
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in RENDERED
        case _:
            return False


def reads(node: ast.AST) -> bool:
    """Whether a sentence is asked for what it holds. `split()` alone puts what was typed on one line."""
    match node:
        case ast.Call(func=ast.Attribute(attr="split"), args=[], keywords=[]):
            return False
        case ast.Call(func=ast.Attribute(value=text, attr=name)) if name in TAKEN_APART:
            return is_rendered(text)
        case ast.Call(func=ast.Attribute(attr=name), args=given) if name in MATCHED:
            return any(map(is_rendered, given))
        case ast.Compare(ops=[ast.In() | ast.NotIn()], left=ast.Constant(value=str()), comparators=[text]):
            return is_rendered(text)
        case _:
            return False


def searches(node: ast.AST) -> bool:
    """Whether SQL asks a column of JSON what its text holds."""
    match node:
        case ast.Call(func=ast.Attribute(value=ast.Attribute(attr=column) | ast.Name(id=column), attr=name)):
            return name in LIKE and column in KEPT_AS_JSON
        case ast.Constant(value=str(text)):
            return any(f"{column} LIKE" in text for column in KEPT_AS_JSON)
        case _:
            return False


def nodes(files: Iterator[Path]) -> Iterator[tuple[str, ast.AST]]:
    for file in sorted(files):
        place = file.relative_to(PACKAGE)
        if place.parts[0] not in READERS:
            for node in ast.walk(ast.parse(file.read_text())):
                yield f"{place}:{getattr(node, 'lineno', 0)}", node


def test_no_sentence_is_read_back() -> None:
    assert [place for place, node in nodes(PACKAGE.rglob("*.py")) if reads(node)] == []


def test_no_column_of_values_is_searched_as_text() -> None:
    assert [place for place, node in nodes((PACKAGE / "ledger").rglob("*.py")) if searches(node)] == []


def test_it_sees_what_it_is_to_see() -> None:
    seen = (
        'detail, _, mend = str(failure).rpartition("; ")', 'receiver.label.partition(" ")[0]',
        '_STATUS.match(str(failure))', '"newer" in check.detail', 'reason(it.reason).lower().removeprefix("blocked: ")',
        'because(it).split(": ")',
        'about.startswith("mailbox ")',
    )
    assert [each for each in seen if not any(map(reads, ast.walk(ast.parse(each))))] == []
    left = ('" ".join(because.split())', '"grounds" in row', 'address.rpartition("@")', 'about in troubles')
    assert [each for each in left if any(map(reads, ast.walk(ast.parse(each))))] == []
    assert all(any(map(searches, ast.walk(ast.parse(each)))) for each in (
        'EVENT.c.exclusion.startswith("x")', 'text("WHERE grounds LIKE :it")',
    ))
