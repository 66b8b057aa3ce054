"""Mail made to break its reader: each is settled in a moment at bounded memory, and the bounce behind it is read."""

import hashlib
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.integration.hostile import ATTACKS, Attack, recipient_of, report
from tests.integration.house import FOLDERS, House

SECONDS_EACH = 2.0
MAX_PROCESS_MIB = 400
TOOLKIT = Toolkit(load_builtin(), AttributionSettings("returns@example.com", (b"k" * 32,)))
BEHIND = "behind-them-all"

MEASURED = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)
sys.exit(status)
"""
"""Runs a command and prints the MiB that the largest process of it and below it took at its peak. In a small process
of its own, since a child counts what its parent held when it was forked."""


# ── through the whole house ─────────────────────────────────────────────────────────────────────────────────────────


def digests(house: House, folder: str) -> Iterator[str]:
    maildir = house.dovecot.folder(house.user, folder)
    for path in (path for name in ("cur", "new") for path in (maildir / name).glob("*")):
        with path.open("rb") as file:
            yield hashlib.file_digest(file, "sha256").hexdigest()


def deliver(house: House, *contents: bytes) -> Iterator[str]:
    for content in contents:
        house.dovecot.deliver(house.user, [content], received_at=datetime(2026, 3, 2, 9, tzinfo=UTC))
        yield hashlib.sha256(content).hexdigest()


def poll(house: House) -> tuple[float, int]:
    """Seconds that it took, and MiB of its largest process."""
    begun = time.monotonic()
    command = [sys.executable, "-c", MEASURED, *house.command("poll")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=house.root)
    assert done.returncode == 0, done.stderr
    return time.monotonic() - begun, int(done.stdout.split()[-1])


@pytest.mark.timeout(400)
def test_all_of_it_is_settled(sqlite_house: House) -> None:
    house = sqlite_house
    sent = [digest for attack in ATTACKS for digest in deliver(house, attack.make(attack.full))]
    sent += deliver(house, report(BEHIND).encode())

    seconds, mebibytes = poll(house)

    assert list(digests(house, "INBOX")) == []
    filed = {name: list(digests(house, folder)) for name, folder in FOLDERS.items()}
    assert Counter(digest for name in filed for digest in filed[name]) == Counter(sent)
    assert filed["quarantine"] == [], "our analysis broke"
    assert seconds < SECONDS_EACH * len(sent)
    assert mebibytes < MAX_PROCESS_MIB

    recorded = {event["recipient"]: event for event in house.events()}
    wanted = {attack.recipient for attack in ATTACKS if attack.bounces} | {recipient_of(BEHIND)}
    assert wanted - set(recorded) == set()
    assert {recorded[recipient]["status"] for recipient in wanted} == {"5.1.1"}
    shown = [house.call(*words) for words in SHOWN]
    assert not any(set(text) & TERMINAL for text in shown)


TERMINAL = {chr(number) for number in (*range(32), *range(127, 160))} - {"\n", "\t"}
"""Control characters: none of them may reach a terminal out of a mail."""

SHOWN = (
    ("events", "list"), ("events", "list", "--json"), ("suppressions", "list"), ("suppressions", "list", "--json"),
    ("recipients", "show", recipient_of("escapes")), ("outbox", "list"),
)


@pytest.mark.parametrize("command", ["classify", "explain"])
def test_what_a_person_is_shown_commands_no_terminal(sqlite_house: House, tmp_path: Path, command: str) -> None:
    attack = named("escapes")
    path = tmp_path / "escapes.eml"
    path.write_bytes(attack.make(1))
    text = sqlite_house.call(command, str(path))
    assert attack.recipient in text
    assert set(text) & TERMINAL == set()


@pytest.mark.parametrize("name", ["attachment", "endless-line"])
def test_a_giant_is_settled_by_itself(sqlite_house: House, name: str) -> None:
    """A service that polls each minute meets one at a time: nothing else hides what it costs."""
    house = sqlite_house
    attack = named(name)
    house.call("db", "upgrade")
    begun = time.monotonic()
    house.call("poll")
    idle = time.monotonic() - begun
    sent = list(deliver(house, attack.make(attack.full), report(BEHIND).encode()))

    seconds, mebibytes = poll(house)

    assert Counter(digest for folder in FOLDERS.values() for digest in digests(house, folder)) == Counter(sent)
    assert recipient_of(BEHIND) in {event["recipient"] for event in house.events()}
    assert seconds - idle < 2 * SECONDS_EACH
    assert mebibytes < MAX_PROCESS_MIB


# ── by itself ───────────────────────────────────────────────────────────────────────────────────────────────────────


def named(name: str) -> Attack:
    return next(attack for attack in ATTACKS if attack.name == name)


def cost(content: bytes) -> float:
    begun = time.process_time()
    analyse(content, TOOLKIT)
    return time.process_time() - begun


GROWTH = 4
TOLERATED = 9
"""Four times the size may take nine times the time: four by right, the rest for a loaded machine. What is quadratic
takes sixteen."""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_time_grows_with_the_size(attack: Attack) -> None:
    cost(attack.make(attack.probe + 3))  # what is compiled and loaded at first use
    for attempt in range(3):  # each with other sizes, as some answers are remembered
        size = attack.probe + attempt
        small, large = cost(attack.make(size)), cost(attack.make(GROWTH * size))
        if large < TOLERATED * max(small, 0.001):
            return
    pytest.fail(f"{size} takes {small:.3f} s, {GROWTH * size} takes {large:.3f} s")


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_none_of_it_hides_the_report_inside(attack: Attack) -> None:
    analysis = analyse(attack.make(attack.probe), TOOLKIT)
    recipients = {each.attribution.recipient for each in analysis.recipients}
    assert not attack.bounces or attack.recipient in recipients
