"""kind = "csv": files that are whole at every moment, whoever reads them and whatever breaks off."""

import contextlib
import csv
import errno
import fcntl
import multiprocessing
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.model.verdict import BounceType, Reason
from bounce_watcher.outbox.change import Change, Fate, change_of
from bounce_watcher.outbox.platform_channel import PlatformChannel
from bounce_watcher.outbox.platforms.csv import Csv, FileContent
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now

USER = "user@example.org"
ADDRESSES = (USER, '"quo,ted"@example.org', "o'neil@example.org", "+tag@example.org", "=1+1@example.org",
             "-x@example.org", "'quoted@example.org", "grüße@example.org")


@contextlib.contextmanager
def desk_for(folder: Path, more: str = "") -> Iterator[Desk]:
    with desk_of(configuration("csv", 'file = "blocked.csv"', None, folder, more=more)) as desk:
        yield desk


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "blocked.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recipients(folder: Path) -> list[str]:
    return [row["recipient"] for row in rows(folder)]


def platform(folder: Path, holds: FileContent) -> Csv:
    return Csv(name="list", file=folder / "blocked.csv", holds=holds)


def change(address: str, *, suppress: bool = True, because: str = "", diagnostic: str | None = None) -> Change:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return Change("msg_1", address, "news", suppress=suppress, at=at, because=because, diagnostic=diagnostic)


BOTH = pytest.mark.parametrize("holds", list(FileContent))


# ── the list ────────────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_list_holds_who_is_suppressed_now(tmp_path: Path) -> None:
    with desk_for(tmp_path, "formula_safe = false") as desk:
        desk.suppress(*ADDRESSES)
        desk.send()
        assert sorted(recipients(tmp_path)) == sorted(ADDRESSES)
        desk.release(*ADDRESSES[:-1])
        desk.send()
        assert recipients(tmp_path) == [ADDRESSES[-1]]
        assert desk.states() == {OutboxState.DELIVERED}


def test_what_a_row_tells(tmp_path: Path) -> None:
    with desk_for(tmp_path) as desk:
        desk.suppress(USER, bounce_type=BounceType.SOFT, reason=Reason.MAILBOX_FULL)
        desk.send()
        (item,) = desk.items()
    assert rows(tmp_path) == [{
        "recipient": USER, "stream": "news", "scope": "stream", "bounce_type": "soft", "reason": "mailbox_full",
        "status": "", "because": "1 of 1", "at": change_of(item).at.strftime("%Y-%m-%dT%H:%M:%SZ"), "until": "",
        "sequence": str(item.sequence), "id": item.id,
    }]


def test_nobody_stands_there_twice(tmp_path: Path) -> None:
    session = platform(tmp_path, FileContent.LIST).connect()
    session.suppress([change(USER, because="first")], now())
    session.suppress([change("user@EXAMPLE.org", because="second")], now())
    assert [row["because"] for row in rows(tmp_path)] == ["second"]
    session.release([change(USER, suppress=False)], now())
    session.release([change(USER, suppress=False)], now())
    assert rows(tmp_path) == []


def test_formulas_are_marked_and_found_again(tmp_path: Path) -> None:
    with desk_for(tmp_path) as desk:
        desk.suppress(*ADDRESSES)
        desk.send()
        assert not [address for address in recipients(tmp_path) if address[0] in "=+-@"]
        assert "'+tag@example.org" in recipients(tmp_path)
        desk.release(*ADDRESSES)
        desk.send()
    assert rows(tmp_path) == []


def test_who_reads_finds_a_whole_list_at_every_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = platform(tmp_path, FileContent.LIST).connect()
    session.suppress([change(USER)], now())
    seen: list[list[str]] = []
    before = os.write

    def written(file: int, content: bytes) -> int:
        seen.append(recipients(tmp_path))
        return before(file, content)

    monkeypatch.setattr(os, "write", written)
    session.suppress([change("other@example.org")], now())
    assert seen == [[USER]]
    assert recipients(tmp_path) == [USER, "other@example.org"]


def test_what_a_crash_left_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / ".blocked.csv.new").write_text("half of a li")
    session = platform(tmp_path, FileContent.LIST).connect()
    assert session.suppress([change(USER)], now())[0].fate is Fate.DONE
    assert [path.name for path in tmp_path.iterdir()] == ["blocked.csv"]
    assert recipients(tmp_path) == [USER]


def test_a_list_that_somebody_damaged_is_left_as_it_is(tmp_path: Path) -> None:
    session = platform(tmp_path, FileContent.LIST).connect()
    session.suppress([change(USER)], now())
    with (tmp_path / "blocked.csv").open("a") as file:
        file.write("another@example.org,and no more\n")
    before = (tmp_path / "blocked.csv").read_bytes()
    (found,) = session.suppress([change("other@example.org")], now())
    assert (found.fate, found.whole) == (Fate.LATER, True)
    assert (tmp_path / "blocked.csv").read_bytes() == before


def test_a_link_keeps_pointing_there(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "blocked.csv").symlink_to(tmp_path / "elsewhere" / "real.csv")
    platform(tmp_path, FileContent.LIST).connect().suppress([change(USER)], now())
    assert (tmp_path / "blocked.csv").is_symlink()
    assert recipients(tmp_path) == [USER]


def _many(folder: str, number: int) -> None:
    session = platform(Path(folder), FileContent.LIST).connect()
    for turn in range(20):
        session.suppress([change(f"user{number}-{turn}@example.org")], now())


def test_two_processes_lose_nothing_of_each_other(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_many, args=(str(tmp_path), number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(120)
    assert len(set(recipients(tmp_path))) == 40


# ── the changes ─────────────────────────────────────────────────────────────────────────────────────────────────────

def test_changes_are_appended_in_their_order(tmp_path: Path) -> None:
    with desk_for(tmp_path, 'holds = "changes"') as desk:
        desk.suppress(USER, "other@example.org")
        desk.send()
        desk.release(USER)
        desk.send()
        assert desk.states() == {OutboxState.DELIVERED}
    assert [(row["action"], row["recipient"]) for row in rows(tmp_path)][2:] == [("release", USER)]
    assert {row["recipient"] for row in rows(tmp_path)[:2]} == {USER, "other@example.org"}


def test_a_file_that_is_moved_away_is_begun_anew(tmp_path: Path) -> None:
    session = platform(tmp_path, FileContent.CHANGES).connect()
    session.suppress([change(USER)], now())
    (tmp_path / "blocked.csv").rename(tmp_path / "blocked.csv.1")
    session.suppress([change("other@example.org")], now())
    assert recipients(tmp_path) == ["other@example.org"]


@pytest.mark.parametrize("torn", ["msg_2,2026-11", "x" * 200_000])
def test_what_a_crash_left_of_a_row_is_cut_off(tmp_path: Path, torn: str) -> None:
    session = platform(tmp_path, FileContent.CHANGES).connect()
    session.suppress([change(USER)], now())
    with (tmp_path / "blocked.csv").open("a") as file:
        file.write(torn)
    session.suppress([change("other@example.org")], now())
    assert recipients(tmp_path) == [USER, "other@example.org"]


def test_what_a_crash_left_of_the_heading_is_written_again(tmp_path: Path) -> None:
    (tmp_path / "blocked.csv").write_text("id,at,act")
    platform(tmp_path, FileContent.CHANGES).connect().suppress([change(USER)], now())
    assert recipients(tmp_path) == [USER]


def test_no_value_makes_a_second_line(tmp_path: Path) -> None:
    session = platform(tmp_path, FileContent.CHANGES).connect()
    session.suppress([change(USER, diagnostic="550 no\r\nsuch\x85user\u2028here\0", because='"=cmd"')], now())
    assert len((tmp_path / "blocked.csv").read_text().splitlines()) == 2
    assert rows(tmp_path)[0]["diagnostic"] == "550 no such user here�"


# ── both ────────────────────────────────────────────────────────────────────────────────────────────────────────────

@BOTH
def test_a_full_disk_leaves_all_as_it_was(tmp_path: Path, holds: FileContent, monkeypatch: pytest.MonkeyPatch) -> None:
    session = platform(tmp_path, holds).connect()
    session.suppress([change(USER)], now())
    before = (tmp_path / "blocked.csv").read_bytes()
    really = os.write
    calls: list[int] = []

    def full(file: int, content: bytes) -> int:
        calls.append(file)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return really(file, bytes(content)[:7])

    monkeypatch.setattr(os, "write", full)
    (found,) = session.suppress([change("other@example.org")], now())
    assert (found.fate, found.whole) == (Fate.LATER, True)
    assert "No space left on device" in found.answer
    assert (tmp_path / "blocked.csv").read_bytes() == before
    monkeypatch.undo()
    assert session.suppress([change("other@example.org")], now())[0].fate is Fate.DONE
    assert recipients(tmp_path) == [USER, "other@example.org"]
    assert [path.name for path in tmp_path.iterdir()] == ["blocked.csv"]


@BOTH
def test_nothing_is_told_as_done_before_it_is_on_the_disk(
    tmp_path: Path, holds: FileContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = platform(tmp_path, holds).connect()
    monkeypatch.setattr(os, "fsync", lambda _file: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    assert session.suppress([change(USER)], now())[0].fate is Fate.LATER


@BOTH
def test_a_new_file_is_for_owner_and_group_and_an_old_one_keeps_its_mode(tmp_path: Path, holds: FileContent) -> None:
    session, path = platform(tmp_path, holds).connect(), tmp_path / "blocked.csv"
    before = os.umask(0o077)
    try:
        session.suppress([change(USER)], now())
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        session.suppress([change("other@example.org")], now())
        assert path.stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)


@BOTH
def test_a_file_of_somebody_else_is_never_touched(tmp_path: Path, holds: FileContent) -> None:
    path = tmp_path / "blocked.csv"
    path.write_text("email;why\nuser@example.org;bounced\n")
    session = platform(tmp_path, holds).connect()
    assert session.suppress([change(USER)], now())[0].fate is Fate.LATER
    assert session.check(now()).fate is Fate.LATER
    assert path.read_text() == "email;why\nuser@example.org;bounced\n"
    path.unlink()
    os.mkfifo(path)
    assert session.suppress([change(USER)], now())[0].fate is Fate.LATER


@BOTH
def test_a_folder_that_another_has_locked_is_waited_for_and_no_longer(tmp_path: Path, holds: FileContent) -> None:
    with desk_for(tmp_path, f'holds = "{holds.value}"\ntimeout = "1s"') as desk:
        handle = os.open(tmp_path, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        os.close(handle)
        desk.hurry()
        desk.send()
        assert recipients(tmp_path) == [USER]


@BOTH
def test_the_check_writes_nothing_and_finds_what_is_missing(tmp_path: Path, holds: FileContent) -> None:
    folder = tmp_path / "there"
    channel = PlatformChannel(platform(folder, holds))
    assert channel.test(now()).disposition != "delivered"
    folder.mkdir()
    assert channel.test(now()).disposition == "delivered"
    assert list(folder.iterdir()) == []


@BOTH
def test_a_rehearsal_shows_the_rows_and_writes_none(tmp_path: Path, holds: FileContent) -> None:
    shown = platform(tmp_path, holds).rehearse([change(USER)], now())
    heading, columns, row = shown.splitlines()
    assert str(tmp_path / "blocked.csv") in heading
    assert dict(zip(columns.split(","), row.split(","), strict=True))["recipient"] == USER
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("", 'line 1: platform[own].file: missing: kind = "csv" needs it'),
        ('file = "."', "line 4: platform[own].file: is a folder: name a file in it"),
        ('file = "a.csv"\nholds = "rows"',
         'line 5: platform[own].holds: "rows" is not known here: write one of "list", "changes"'),
        ('file = "a.csv"\nformula_safe = 1',
         "line 5: platform[own].formula_safe: must be true or false without quotes, not a whole number"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(lines: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        parse(f'[[platform]]\nname = "own"\nkind = "csv"\n{lines}\n', "config.toml", {}, tmp_path)
    assert error.value.problems == (problem,)
