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


def enforce(program: Program) -> None:
    program.config.write_text(program.config.read_text().replace('mode = "shadow"', 'mode = "enforce"'))


def test_what_was_decided_is_told_once_when_the_mode_has_changed(shadow: Program, mail: Path) -> None:
    shadow.ledger("import", str(mail))
    looked = shadow.ledger("suppressions", "announce", "--dry-run")
    assert looked.out.splitlines() == [
        "recipient\tstream\ttold\ttargets\tbecause",
        "anna@gone.example\tnews\trecipient.suppressed\tplatform\t1 of 1: invalid recipient on 2 March 2026",
        "carla@cross.example\tnews\trecipient.suppressed\tplatform\t1 of 1: complaint (abuse) on 2 March 2026",
        "would announce 2 suppressions and 0 releases",
    ]
    refused = shadow.ledger("suppressions", "announce")
    assert refused.status == 1
    assert refused.complaint == (
        'bounce-watcher: the mode is shadow, so nobody is notified: set mode = "enforce" under [policy], or '
        "preview with --dry-run"
    )
    assert shadow.ledger("outbox", "list", "--json").rows == []

    enforce(shadow)
    told = shadow.ledger("suppressions", "announce", "--json")
    assert [(row["recipient"], row["told"], row["targets"]) for row in told.rows] == [
        ("anna@gone.example", "recipient.suppressed", ["platform"]),
        ("carla@cross.example", "recipient.suppressed", ["platform"]),
    ]
    due = shadow.ledger("outbox", "list", "--json").rows
    assert [(row["recipient"], row["type"], row["state"]) for row in due] == [
        ("anna@gone.example", "recipient.suppressed", "due"), ("carla@cross.example", "recipient.suppressed", "due"),
    ]
    again = shadow.ledger("suppressions", "announce")
    assert again.out.splitlines()[1:] == ["announced 0 suppressions and 0 releases"]
    assert len(shadow.ledger("outbox", "list", "--json").rows) == 2


def test_a_release_by_hand_in_shadow_is_told_as_well(program: Program, mail: Path) -> None:
    program.ledger("import", str(mail))
    text = program.config.read_text()
    program.config.write_text(text + '\n[policy]\nmode = "shadow"\n')
    program.ledger("suppressions", "remove", "anna@gone.example", "--because", "is back")
    program.config.write_text(text)
    told = program.ledger("suppressions", "announce")
    assert told.out.splitlines()[1:] == [
        "anna@gone.example\tnews\trecipient.released\tplatform\tis back",
        "announced 0 suppressions and 1 release; targets are told with the next poll",
    ]


def test_without_anybody_to_tell_there_is_nothing_to_announce(program: Program) -> None:
    text = program.config.read_text()
    start, end = text.index("[[webhook]]"), text.index("[service]")
    program.config.write_text(text[:start] + text[end:])
    assert program.ledger("suppressions", "announce", "--dry-run").complaint.endswith(
        "no webhook is configured, so nobody can be notified: add a [[webhook]]"
    )


@pytest.mark.parametrize("kind", NoticeType)
def test_nor_of_anything_else(shadow: Program, kind: NoticeType) -> None:
    everything = "events = [" + ", ".join(f'"{each}"' for each in NoticeType) + "]"
    loud = shadow.config.read_text().replace("[[webhook]]", f"[[webhook]]\n{everything}")
    shadow.config.write_text(loud)
    occurrence = Occurrence(kind, START, "anna@gone.example", "news", 1)
    assert announcer(load(shadow.config))(occurrence) == ()
    shadow.config.write_text(loud.replace('mode = "shadow"', 'mode = "enforce"'))
    assert len(announcer(load(shadow.config))(occurrence)) == 1
