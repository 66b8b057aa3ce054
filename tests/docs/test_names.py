"""A noun names one thing: no two classes share a name, and what the glossary names exists."""

import ast
from collections import defaultdict

from tests.docs.pages import ROOT, spans

PACKAGE = ROOT / "bounce_watcher"
GLOSSARY = (PACKAGE / "glossary.md").read_text()
API_FORMS = "web/api/v1/answers.py"
"""The form in which the API shows a value has the name of that value: so does its schema in OpenAPI."""


def classes() -> dict[str, list[str]]:
    found = defaultdict[str, list[str]](list)
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found[node.name].append(str(path.relative_to(PACKAGE)))
    return found


def test_no_class_name_means_two_things() -> None:
    shared = {name: set(places) - {API_FORMS} for name, places in classes().items()}
    assert {name: places for name, places in shared.items() if len(places) > 1} == {}


def test_the_glossary_names_what_exists() -> None:
    named = set(spans(GLOSSARY))
    known = classes()
    assert {each for each in named if each.isidentifier() and each[0].isupper()} - known.keys() == set()
    paths = {each for each in named if "/" in each or each.endswith(".py")}
    assert {each for each in paths if not (PACKAGE / each).exists()} == set()


def test_the_glossary_has_each_word_once() -> None:
    words = [line.split("|")[1].strip() for line in GLOSSARY.splitlines() if line.startswith("| **")]
    assert len(words) == len(set(words)) > 40
