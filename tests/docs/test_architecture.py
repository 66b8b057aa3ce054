"""bounce_watcher/README.md draws the house that stands."""

import ast
import pkgutil
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ARCHITECTURE, ROOT, spans
from tests.families import for_each

PACKAGE = ROOT / "bounce_watcher"
NAMED = sorted(set(spans(ARCHITECTURE)))
PATHS = [span for span in NAMED if re.fullmatch(r"[\w./<>*-]+(?:/|\.py|\.toml)", span)]
DOTTED = [span for span in NAMED if re.fullmatch(r"[a-z_]+(?:\.\w+)+", span) and span not in PATHS]
CODE = [span for span in NAMED if re.fullmatch(r"[A-Z]\w+|[a-z_]+\([a-z, ]*\)", span)]
ROOMS = re.findall(r"^\| `([\w./]+)` \|", ARCHITECTURE, re.MULTILINE)


def found(path: str) -> list[Path]:
    """What a path of the page may mean: seen from the package, from the root, or from inside a room."""
    pattern = re.sub(r"<\w+>", "*", path).rstrip("/")
    return [hit for top in (PACKAGE, ROOT, *PACKAGE.iterdir()) if top.is_dir() for hit in top.glob(pattern)]


def definitions() -> Iterator[str]:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef | ast.FunctionDef):
                yield node.name


@for_each("path", PATHS)
def test_every_file_and_folder_is_there(path: str) -> None:
    assert found(path), f"there is no {path}"


@pytest.mark.parametrize("name", DOTTED)
def test_every_dotted_name_can_be_imported(name: str) -> None:
    assert pkgutil.resolve_name(f"bounce_watcher.{name}")


def test_every_class_and_function_is_there() -> None:
    assert CODE
    assert {span.partition("(")[0] for span in CODE} - set(definitions()) == set()


def test_a_folder_can_be_taken_in_at_a_glance() -> None:
    """Twenty modules at most, but where a kind of platform is one."""
    modules = Counter(path.parent for path in PACKAGE.rglob("*.py") if path.name != "__init__.py")
    assert [folder for folder, number in modules.items() if number > 20] == [PACKAGE / "outbox" / "platforms"]


def test_every_room_stands_in_the_table() -> None:
    built = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    told = {room.strip("/").removesuffix(".py") for room in ROOMS if room.count("/") < 2}
    assert built | {"pipeline", "logs", "extras"} == told
    of_ledger = {f"ledger/{path.parent.name}" for path in (PACKAGE / "ledger").glob("*/__init__.py")}
    assert {room.strip("/") for room in ROOMS if room.count("/") == 2} == of_ledger


def test_the_order_of_imports_is_the_one_that_is_enforced() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    assert " > ".join(layers) in spans(ARCHITECTURE)
