"""Shadow mode: decides and records all the same, and tells nobody."""

from pathlib import Path

import pytest

from bounce_watcher.config import load
from bounce_watcher.model.ledger import NoticeType, Occurrence
from bounce_watcher.service.announcing import announcer
from tests.cli.conftest import Program
from tests.mail import START


@pytest.fixture
def shadow(program: Program) -> Program:
    text = program.config.read_text()
    program.config.write_text(text + '\n[policy]\nmode = "shadow"\n')
    return program


def test_it_decides_as_ever_and_tells_nobody(program: Program, shadow: Program, mail: Path) -> None:
    assert shadow.ledger("import", str(mail)).status == 0
    decided = shadow.ledger("suppressions", "list", "--json").rows
    assert [(row["recipient"], row["state"]) for row in decided] == [
        ("anna@gone.example", "suppressed"), ("carla@cross.example", "suppressed"),
    ]
    assert shadow.ledger("outbox", "list", "--json").rows == []


def test_nor_of_what_a_person_does(shadow: Program) -> None:
    added = shadow.ledger("suppressions", "add", "edda@by.example", "--because", "asked by phone")
    removed = shadow.ledger("suppressions", "remove", "edda@by.example", "--because", "mistake")
    assert all("nobody is told, for the mode is shadow" in done.out for done in (added, removed))
    assert shadow.ledger("outbox", "list", "--json").rows == []


@pytest.mark.parametrize("kind", NoticeType)
def test_nor_of_anything_else(shadow: Program, kind: NoticeType) -> None:
    everything = "events = [" + ", ".join(f'"{each}"' for each in NoticeType) + "]"
    loud = shadow.config.read_text().replace("[[webhook]]", f"[[webhook]]\n{everything}")
    shadow.config.write_text(loud)
    occurrence = Occurrence(kind, START, "anna@gone.example", "news", 1)
    assert announcer(load(shadow.config))(occurrence) == ()
    shadow.config.write_text(loud.replace('mode = "shadow"', 'mode = "enforce"'))
    assert len(announcer(load(shadow.config))(occurrence)) == 1
