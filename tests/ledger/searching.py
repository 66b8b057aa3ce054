"""What a database holds, looked through as a stranger would: every row, every file, and what is packed in them."""

from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from bounce_watcher.ledger.db.engine import open_engine, reading
from bounce_watcher.ledger.db.tables import METADATA
from bounce_watcher.model.message import unpack
from bounce_watcher.parsing.mention import texts_of_mail
from tests.servers.postgres import Postgres


def in_rows(url: str, wanted: str) -> list[str]:
    """Tables and columns that hold `wanted`, whatever the case, in raw mail decoded too."""
    engine = open_engine(url)
    found: list[str] = []
    try:
        with reading(engine) as connection:
            for table in METADATA.sorted_tables:
                for row in connection.execute(select(table)):
                    found += [
                        f"{table.name}.{column.name}" for column in table.columns
                        if any(wanted in text.casefold() for text in _texts(getattr(row, column.name)))
                    ]
    finally:
        engine.dispose()
    return found


def _texts(value: object) -> Iterator[str]:
    if not isinstance(value, bytes):
        yield str(value)
    elif value.startswith(b"\x28\xb5\x2f\xfd"):  # Zstandard (RFC 8878 section 3.1.1)
        yield from texts_of_mail(unpack(value))


def in_files(path: Path, wanted: str) -> dict[str, int]:
    """How often the files of a SQLite database hold it, by name."""
    counts = {
        each.name: each.read_bytes().lower().count(wanted.encode())
        for each in path.parent.iterdir() if each.name.startswith(path.name)
    }
    return {name: number for name, number in counts.items() if number}


def in_server(server: Postgres, wanted: str) -> int:
    """How often the data files of a PostgreSQL hold it: its WAL, which it cuts off in its own time, not among them."""
    return sum(
        each.read_bytes().lower().count(wanted.encode()) for each in (server.root / "data/base").rglob("*")
        if each.is_file()
    )
