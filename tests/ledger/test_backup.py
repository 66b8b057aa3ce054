"""A copy of the ledger while others write to it: whole or absent, private, and never over what is there."""

import errno
import os
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from bounce_watcher.ledger.db import backup
from bounce_watcher.ledger.db.engine import open_engine, reading, write
from bounce_watcher.ledger.db.migrate import HEAD
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from tests.ledger.conftest import new_file

PROTECT = "INSERT INTO protected (key, name, actor, at, because) VALUES (:key, :key, 'ada', '2026-01-02 03:04:05', 'x')"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    path.touch(0o600)
    path.write_bytes(new_file())
    return path


def back_up(source: Path, target: Path, *, replace: bool = False) -> backup.Backup:
    with Ledger.connect(f"sqlite:///{source}") as ledger:
        return ledger.back_up(target, replace=replace)


def kept(path: Path) -> int:
    with closing(sqlite3.connect(path)) as copy:
        return int(copy.execute("SELECT count(*) FROM protected").fetchone()[0])


def test_a_copy_is_one_private_file_that_opens_as_a_ledger(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    made = back_up(source, target)
    assert (made.path, made.size, made.revision, made.newest) == (target, target.stat().st_size, HEAD, None)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.glob("*copy*")) == ["copy.db"]
    with Ledger.connect(f"sqlite:///{target}") as ledger:
        assert ledger.check() == ()


def test_it_tells_the_time_of_the_newest_event(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as ledger:
        columns = [row[1] for row in ledger.execute("PRAGMA table_info(event)") if row[3]]
        values = ["2026-01-02 03:04:05.000000" if each == "at" else 0 if each == "counted" else "x" for each in columns]
        marks = ",".join("?" * len(columns))
        ledger.execute(f"INSERT INTO event ({','.join(columns)}) VALUES ({marks})", values)
        ledger.commit()
    assert back_up(source, tmp_path / "copy.db").newest == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_a_copy_holds_what_was_committed_while_writers_go_on(source: Path, tmp_path: Path) -> None:
    engine, enough = open_engine(f"sqlite:///{source}"), threading.Event()
    done: list[int] = []

    def work() -> None:
        while not enough.is_set():
            write(engine, lambda connection: connection.execute(text(PROTECT), {"key": f"k{len(done)}"}))
            done.append(1)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for number in range(5):
            before = len(done)
            back_up(source, target := tmp_path / f"{number}.db")
            assert before <= kept(target) <= len(done) + 1
    finally:
        enough.set()
        writer.join()
        engine.dispose()


def test_a_copy_sees_what_is_in_the_wal_alone(source: Path, tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{source}")
    with reading(engine) as reader:  # keeps the WAL
        reader.execute(text("SELECT count(*) FROM protected")).scalar_one()
        write(engine, lambda connection: connection.execute(text(PROTECT), {"key": "k"}))
        back_up(source, tmp_path / "copy.db")
    assert kept(tmp_path / "copy.db") == 1


def test_what_is_there_is_replaced_only_if_told_to(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(PermanentFailure, match="exists already; name another file, or use --replace"):
        back_up(source, target)
    assert target.read_text() == "precious"
    back_up(source, target, replace=True)
    assert kept(target) == 0


@pytest.mark.parametrize("name", ["ledger.db", "link.db", "hard.db"])
def test_the_ledger_itself_is_never_replaced(source: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "link.db").symlink_to(source)
    os.link(source, tmp_path / "hard.db")
    with pytest.raises(PermanentFailure, match="is the ledger itself"):
        back_up(source, tmp_path / name, replace=True)
    assert kept(source) == 0


def test_without_a_folder_the_failure_says_so(source: Path, tmp_path: Path) -> None:
    with pytest.raises(PermanentFailure, match="No such file or directory; create its folder"):
        back_up(source, tmp_path / "missing" / "copy.db")


@pytest.mark.parametrize(("number", "failure"), [(errno.ENOSPC, TemporaryFailure), (errno.EIO, PermanentFailure)])
def test_a_disk_that_fails_leaves_neither_a_part_nor_less_than_before(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, failure: type[Exception]
) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")

    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(failure, match=os.strerror(number)):
        back_up(source, target, replace=True)
    assert target.read_text() == "precious"
    assert not list(tmp_path.glob("*.part*"))


def test_a_damaged_ledger_makes_no_backup(source: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(source)) as ledger:
        ledger.executemany(
            "INSERT INTO protected (key, name, actor, at, because) VALUES (?, 'n', 'ada', '2026-01-02', ?)",
            [(f"k{number}", "x" * 500) for number in range(500)],
        )
        ledger.commit()
        (page,) = ledger.execute(
            "SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = 'protected'"
        ).fetchone()
        (size,) = ledger.execute("PRAGMA page_size").fetchone()
        ledger.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with source.open("r+b") as file:
        file.seek((page - 1) * size + 12)
        file.write(b"\xff" * 200)
    with pytest.raises(PermanentFailure, match="damaged"):
        back_up(source, tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_postgresql_is_dumped_by_its_own_program_and_the_password_is_not_shown(tmp_path: Path) -> None:
    engine = open_engine("postgresql://ada:geheim@db.example.org:5433/bounces?sslmode=require&sslpassword=geheim")
    command = backup.dump_command(engine, tmp_path / "x.dump")
    assert command == (
        "pg_dump", "--format=custom", f"--file={tmp_path}/x.dump",
        "--dbname=postgresql://ada@db.example.org:5433/bounces?sslmode=require",
    )
