"""From a bounce in a real mailbox to a webhook that verifies, and nothing twice."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.house import House
from tests.mail import mailbag

COUNT = 120
EVENT_KINDS = {"bounce", "delay", "complaint", "delivered"}


def fill(house: House) -> list[bytes]:
    contents = []
    for content, received_at in mailbag(COUNT, recipients=60):
        house.dovecot.deliver(house.user, [content], received_at=received_at)
        contents.append(content)
    return contents


def classified(folder: Path) -> list[dict[str, Any]]:
    import json

    done = subprocess.run(
        [sys.executable, "-m", "bounce_watcher", "classify", "--json", str(folder)],
        capture_output=True, text=True, check=True, timeout=60,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def exported(house: House, contents: list[bytes]) -> Path:
    folder = house.root / "mail"
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number:04d}.eml").write_bytes(content)
    return folder


TOLD = ("recipient", "action", "bounce_type", "reason", "status", "code", "diagnostic", "rule", "recognizer")


def facts(row: dict[str, Any], kind: str) -> tuple[Any, ...]:
    return (kind, *(row[name] for name in TOLD))


@pytest.mark.dialects
def test_every_message_is_judged_filed_and_told(house: House) -> None:
    contents = fill(house)
    house.process("poll")

    assert house.dovecot.messages(house.user) == []
    filed = [message for name in ("processed", "review", "quarantine") for message in house.folder(name)]
    assert Counter(filed) == Counter(contents)
    assert house.folder("quarantine") == []

    said = classified(exported(house, contents))
    expected = [facts(each, row["kind"]) for row in said if row["kind"] in EVENT_KINDS for each in row["recipients"]]
    events = house.events()
    assert Counter(facts(event, event["kind"]) for event in events) == Counter(expected)
    assert {event["stream"] for event in events} == {"news"}

    requests = house.receiver.requests
    assert all(request.verified for request in requests)
    assert len({request.id for request in requests}) == len(requests)
    told = {(r.data["recipient"], r.data["stream"]) for r in requests if r.type == "recipient.suppressed"}
    assert told == {(row["recipient"], row["stream"]) for row in house.suppressions()}
    assert told
    assert {row["state"] for row in house.outbox()} == {"delivered"}


def test_nothing_comes_twice(house: House) -> None:
    contents = fill(house)
    house.process("poll")
    before = house.events(), house.suppressions(), house.outbox()
    sent = len(house.receiver.requests)

    house.process("poll")
    assert (house.events(), house.suppressions(), house.outbox()) == before

    house.process("import", str(exported(house, contents)))
    assert (house.events(), house.suppressions(), house.outbox()) == before

    house.dovecot.deliver(house.user, contents)
    house.dovecot.renumber(house.user)
    house.process("poll")
    assert house.dovecot.messages(house.user) == []
    assert (house.events(), house.suppressions(), house.outbox()) == before
    assert len(house.receiver.requests) == sent


def test_blocks_and_unknown_words_suppress_nobody(sqlite_house: House) -> None:
    fill(sqlite_house)
    sqlite_house.process("poll")
    events = {event["id"]: event for event in sqlite_house.events()}
    harmless = {event["recipient"] for event in events.values()} - {
        event["recipient"] for event in events.values()
        if event["bounce_type"] == "hard" or event["kind"] == "complaint"
    }
    blocked = {event["recipient"] for event in events.values() if event["bounce_type"] == "block"} & harmless
    assert blocked, "the mailbag must hold recipients that were only blocked"
    assert blocked.isdisjoint(row["recipient"] for row in sqlite_house.suppressions())
