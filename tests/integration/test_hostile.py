"""Mail made to break its reader: each is settled in a moment at bounded memory, and the bounce behind it is read."""

import hashlib
import re
import subprocess
import sys
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import load_builtin
from bounce_watcher.pipeline import Toolkit, analyse
from tests.cost import cpu_seconds
from tests.families import for_each
from tests.integration.hostile import ATTACKS, MIB, Attack, recipient_of, report, status_part, status_report
from tests.integration.house import FOLDERS, House

SECONDS_EACH = 10.0
MAX_PROCESS_MIB = 400
TOOLKIT = Toolkit(load_builtin(), AttributionSettings("returns@example.com", (b"k" * 32,)))
BEFORE, BEHIND = "before-them-all", "behind-them-all"

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


def deliver_all(house: House) -> list[str]:
    """Every attack at its full size between two good reports."""
    sent = list(deliver(house, report(BEFORE).encode()))
    sent += [digest for attack in ATTACKS for digest in deliver(house, attack.make(attack.full))]
    return sent + list(deliver(house, report(BEHIND).encode()))


def measured(house: House, *arguments: str) -> tuple[int, str]:
    """MiB of the largest process of a command, and its stderr."""
    command = [sys.executable, "-c", MEASURED, *house.command(*arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, cwd=house.root)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]), done.stderr


def times_of_writing(log: str) -> list[datetime]:
    """When each page was analysed and written; it is filed soon after, with others."""
    return [*map(datetime.fromisoformat, re.findall(r"^timestamp=(\S+) .*action=page_written", log, re.MULTILINE))]


@pytest.fixture
def house(sqlite_house: House) -> House:
    """Subscribed to nothing that a mail brings about: what is measured is the pass."""
    sqlite_house.webhook_keys = 'events = ["endpoint.test"]'
    sqlite_house.configure()
    return sqlite_house


@pytest.mark.timeout(400)
def test_all_of_it_is_settled(house: House) -> None:
    sent = deliver_all(house)

    mebibytes, _ = measured(house, "poll")

    assert mebibytes < MAX_PROCESS_MIB
    assert list(digests(house, "INBOX")) == []
    filed = {name: list(digests(house, folder)) for name, folder in FOLDERS.items()}
    assert Counter(digest for name in filed for digest in filed[name]) == Counter(sent)
    assert filed["quarantine"] == [], "our analysis broke"
    recorded = {event["recipient"]: event for event in house.events()}
    wanted = {attack.recipient for attack in ATTACKS if attack.bounces} | {recipient_of(BEFORE), recipient_of(BEHIND)}
    assert wanted - set(recorded) == set()
    assert {recorded[recipient]["status"] for recipient in wanted} == {"5.1.1"}
    for words in SHOWN:
        assert set(house.call(*words)) & TERMINAL == set(), words


@pytest.mark.timeout(400)
def test_each_of_it_is_settled_in_a_moment(house: House) -> None:
    house.mailbox_keys = "page_messages = 1"
    house.more = '[log]\nlevel = "debug"'
    house.configure()
    sent = deliver_all(house)

    begun = datetime.now(UTC)
    _, log = measured(house, "poll", "--verbose")

    times = [begun, *times_of_writing(log)]
    assert len(times) == 1 + len(sent)
    taken = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    names = ["start", *(attack.name for attack in ATTACKS), "the good report behind"]
    slow = {name: seconds for name, seconds in list(zip(names, taken, strict=True))[1:] if seconds > SECONDS_EACH}
    assert slow == {}
    assert sum(taken) < SECONDS_EACH * len(sent)


@pytest.mark.parametrize("command", ["classify", "import"])
def test_a_giant_file_takes_no_more_memory(house: House, command: str) -> None:
    giant = named("attachment")
    path = house.root / "giant.eml"
    path.write_bytes(giant.make(giant.full))
    mebibytes, _ = measured(house, command, str(path))
    assert mebibytes < MAX_PROCESS_MIB
    assert {event["recipient"] for event in house.events()} == ({giant.recipient} if command == "import" else set())


def test_files_of_it_are_imported(house: House) -> None:
    folder = house.root / "mail"
    folder.mkdir()
    for attack in ATTACKS:
        (folder / f"{attack.name}.eml").write_bytes(attack.make(attack.probe))
    house.call("import", str(folder))
    recorded = {event["recipient"] for event in house.events()}
    assert {attack.recipient for attack in ATTACKS if attack.bounces} - recorded == set()
    assert len(house.rows("classify", str(folder))) == len(ATTACKS)


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
    text = sqlite_house.process(command, str(path))
    assert attack.recipient in text
    assert set(text) & TERMINAL == set()


# ── by itself ───────────────────────────────────────────────────────────────────────────────────────────────────────


def named(name: str) -> Attack:
    return next(attack for attack in ATTACKS if attack.name == name)


def cost(content: bytes) -> float:
    return cpu_seconds(lambda: analyse(content, TOOLKIT))


GROWTH = 4
TOLERATED = 9
"""Four times the size may take nine times the time: four by right, the rest for a loaded machine. What is quadratic
takes sixteen."""


@for_each("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_time_grows_with_the_size(attack: Attack) -> None:
    cost(attack.make(attack.probe + 3))  # what is compiled and loaded at first use
    for attempt in range(3):  # each with other sizes, as some answers are remembered
        size = attack.probe + attempt
        small, large = cost(attack.make(size)), cost(attack.make(GROWTH * size))
        if large < TOLERATED * max(small, 0.001):
            return
    pytest.fail(f"{size} takes {small:.3f} s, {GROWTH * size} takes {large:.3f} s")


@for_each("attack", ATTACKS, ids=lambda attack: attack.name)
def test_none_of_it_hides_the_report_inside(attack: Attack) -> None:
    analysis = analyse(attack.make(attack.probe), TOOLKIT)
    recipients = {each.attribution.recipient for each in analysis.recipients}
    assert not attack.bounces or attack.recipient in recipients


def wide_fields(number: int) -> bytes:
    """Long values in fields whose reading is remembered, with one character that makes all of them wide in memory."""
    wide = "\U0001f600" + "x" * 100_000
    original = f"Content-Type: message/rfc822\n\nFrom: <{number}@example.com> {wide}\nContent-Type: a/b; c={wide}\n\n"
    status = status_part("wide-fields", f"Remote-MTA: dns; mx{number}.example.org {wide}")
    kind = f"Content-Type: x/y; z={number}{wide}"
    return status_report("wide-fields", status, f"{kind}\n\n", original, fields=[f"References: {wide}"])


def test_nothing_of_it_is_remembered() -> None:
    analyse(wide_fields(0), TOOLKIT)
    tracemalloc.start()
    try:
        for number in range(1, 40):
            assert analyse(wide_fields(number), TOOLKIT).recipients
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 8 * MIB
