"""Empty ledgers in PostgreSQL, one a test: a used one is emptied, which takes a tenth of making another."""

from dataclasses import dataclass, field

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.servers.postgres import Postgres

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_SEQUENCES = "SELECT sequencename FROM pg_sequences WHERE schemaname = 'public'"
_SCHEMA = """
SELECT c.relname, a.attname, a.atttypid::text FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND a.attnum > 0 ORDER BY 1, 2
"""
_OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"


@dataclass
class Copies:
    """Copies of `template`, the URL of an empty ledger. What a test has spoilt is thrown away."""

    server: Postgres
    template: str
    _spare: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        with self._connect(self.template) as database:
            self._schema = database.execute(_SCHEMA).fetchall()
            tables = [sql.Identifier(name) for (name,) in database.execute(_TABLES).fetchall()]
            clear = [
                sql.SQL("DELETE FROM {}").format(table) for table in tables
                if not database.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone()
            ]
            sequences = [sql.Identifier(name) for (name,) in database.execute(_SEQUENCES).fetchall()]
            begin = [sql.SQL("ALTER SEQUENCE {} RESTART").format(sequence) for sequence in sequences]
        self._empty = sql.SQL("; ").join((*clear, *begin))

    def take(self) -> str:
        return self._spare.pop() if self._spare else self.server.create_database(like=self.template)

    def give_back(self, url: str) -> None:
        try:
            with self._connect(url) as database:
                is_whole = database.execute(_OTHERS).fetchone() == (0,)
                is_whole = is_whole and database.execute(_SCHEMA).fetchall() == self._schema
                if is_whole:
                    database.execute(self._empty)
        except psycopg.Error:
            is_whole = False
        if is_whole:
            self._spare.append(url)
        else:
            self.server.drop_database(url)

    def _connect(self, url: str) -> psycopg.Connection:
        it = make_url(url)
        address = f"host={it.host} port={it.port} user={it.username} dbname={it.database} options='-c lock_timeout=2s'"
        return psycopg.connect(address, autocommit=True)
