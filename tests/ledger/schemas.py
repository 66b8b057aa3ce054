"""`python -m tests.ledger.schemas`: writes the schemas that the migrations make, with which ledgers are compared.

To be run after a new migration. It writes a file for each migration and kind of database; those of released migrations
stay as they are, or the migration was edited.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from bounce_watcher.ledger.db import schema, steps
from bounce_watcher.ledger.db.engine import open_engine
from tests.servers.postgres import one_running


def made(url: str) -> Iterator[tuple[str, str]]:
    """Migrates a new database step by step. Yields the name of each schema's file, and its text."""
    engine = open_engine(url)
    try:
        for step in steps.after(None):
            with engine.begin() as connection:
                step.run(connection)
                text = schema.as_json(schema.read(connection))
            yield f"{step.revision}.{engine.dialect.name}.json", text
    finally:
        engine.dispose()


if __name__ == "__main__":
    with one_running() as server, TemporaryDirectory() as folder:
        for url in (f"sqlite:///{folder}/ledger.db", server.create_database()):
            for name, text in made(url):
                (Path(str(schema.SCHEMAS)) / name).write_text(text)
                print(name)
