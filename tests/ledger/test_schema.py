"""A ledger whose tables are not those of the schema that it claims: what differs is named, and nothing is written."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import MetaData, Table, text

from bounce_watcher.ledger.db.engine import open_engine
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.schema import SchemaDifference, SchemaMismatch
from bounce_watcher.words import differences
from tests.ledger.conftest import new_file
from tests.ledger.copies import Copies
from tests.ledger.making import bounce, page, record

pytestmark = pytest.mark.dialects


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A ledger for one test alone, as the next one would get what this one has altered."""
    if request.param == "sqlite":
        path = tmp_path / "ledger.db"
        path.write_bytes(new_file())
        yield f"sqlite:///{path}"
        return
    copies: Copies = request.getfixturevalue("copies")
    url = copies.take()
    yield url
    copies.server.drop_database(url)


def run(url: str, statements: Iterable[str]) -> None:
    engine = open_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def mismatch(ledger: Ledger) -> tuple[SchemaDifference, ...]:
    with pytest.raises(SchemaMismatch) as caught:
        ledger.check()
    return caught.value.differences


class Case(NamedTuple):
    name: str
    told: str
    """What is said, `{}` for what depends on the database."""
    sqlite: str | None
    postgresql: str | None
    """Statements that alter the ledger; None if the database has no such thing."""


OUTBOX_DUE = "DROP INDEX outbox_due; CREATE INDEX outbox_due ON outbox (target, next_attempt_at, number)"
HELD = "DROP TABLE held; CREATE TABLE held (recipient_key TEXT NOT NULL, stream TEXT NOT NULL, alert TEXT NOT NULL"
HELD_KEY = "CONSTRAINT pk_held PRIMARY KEY (recipient_key, stream, alert)"
HELD_INDEX = "CREATE INDEX held_by_alert ON held (alert, recipient_key, stream)"

SAME = "the same"
CASES = [
    Case("table missing", "table held is missing", "DROP TABLE held", SAME),
    Case("column missing", "column event.forwarded is missing", "ALTER TABLE event DROP COLUMN forwarded", SAME),
    Case("column surplus", "column event.more is surplus: INTEGER", "ALTER TABLE event ADD more INTEGER", SAME),
    Case("column of another type", "column message.size is TEXT NOT NULL DEFAULT '' instead of BIGINT NOT NULL",
         "ALTER TABLE message DROP COLUMN size; ALTER TABLE message ADD size TEXT NOT NULL DEFAULT ''", None),
    Case("column of another type", "column message.size is text NOT NULL instead of bigint NOT NULL",
         None, "ALTER TABLE message ALTER size TYPE text"),
    Case("column that may be null", "column keyring.key is bytea instead of bytea NOT NULL",
         None, "ALTER TABLE keyring ALTER key DROP NOT NULL"),
    Case("default", "bigint NOT NULL instead of bigint NOT NULL DEFAULT nextval('outbox_number_seq'", None,
         "ALTER TABLE outbox ALTER number DROP DEFAULT"),
    Case("primary key", "primary key of table held is missing", f"{HELD}); {HELD_INDEX}",
         "ALTER TABLE held DROP CONSTRAINT pk_held"),
    Case("order of the primary key", "primary key of table held is PRIMARY KEY (alert, stream, recipient_key) instead"
         " of PRIMARY KEY (recipient_key, stream, alert)",
         f"{HELD}, CONSTRAINT pk_held PRIMARY KEY (alert, stream, recipient_key)); {HELD_INDEX}", SAME),
    Case("unique constraint missing", "constraint uq_outbox_id of table outbox is missing",
         None, "ALTER TABLE outbox DROP CONSTRAINT uq_outbox_id"),
    Case("unique constraint", "constraint (alert) of table held is surplus: UNIQUE (alert)",
         f"{HELD}, {HELD_KEY}, UNIQUE (alert)); {HELD_INDEX}", None),
    Case("check", "constraint short of table held is surplus: CHECK ", f"{HELD}, {HELD_KEY}, CONSTRAINT short CHECK"
         f" (length(alert) < 9)); {HELD_INDEX}", "ALTER TABLE held ADD CONSTRAINT short CHECK (length(alert) < 9)"),
    Case("foreign key", "REFERENCES alert",
         f"{HELD}, {HELD_KEY}, FOREIGN KEY (alert) REFERENCES alert (id)); {HELD_INDEX}",
         "ALTER TABLE held ADD FOREIGN KEY (alert) REFERENCES alert (id)"),
    Case("kind of table", "table attempt is TABLE instead of TABLE WITHOUT ROWID",
         "DROP TABLE attempt; CREATE TABLE attempt (delivery BIGINT NOT NULL,"
         " number INTEGER NOT NULL, at DATETIME NOT NULL, took BIGINT, disposition TEXT NOT NULL, answer TEXT NOT NULL,"
         " next_at DATETIME, CONSTRAINT pk_attempt PRIMARY KEY (delivery, number))", None),
    Case("kind of table", "table held is UNLOGGED TABLE instead of TABLE", None, "ALTER TABLE held SET UNLOGGED"),
    Case("index missing", "index event_by_reason of table event is missing; run: CREATE INDEX event_by_reason ON event",
         "DROP INDEX event_by_reason", SAME),
    Case("condition of an index", "index outbox_due of table outbox is CREATE INDEX ",
         f"{OUTBOX_DUE} WHERE state = 'dead'", SAME),
    Case("no condition of an index", "index outbox_due of table outbox is CREATE INDEX ", OUTBOX_DUE, SAME),
    Case("columns of an index", "index held_by_alert of table held is CREATE INDEX ",
         "DROP INDEX held_by_alert; CREATE INDEX held_by_alert ON held (alert, stream, recipient_key)", SAME),
    Case("order of an index", " DESC", "DROP INDEX held_by_alert; CREATE INDEX held_by_alert ON held"
         " (alert, recipient_key DESC, stream)", SAME),
    Case("unique index", "index held_by_alert of table held is CREATE UNIQUE INDEX",
         "DROP INDEX held_by_alert; CREATE UNIQUE INDEX held_by_alert ON held (alert, recipient_key, stream)", SAME),
    Case("unique index of one's own", "index mine of table held is surplus: CREATE UNIQUE INDEX",
         "CREATE UNIQUE INDEX mine ON held (alert)", SAME),
]


def statements_of(case: Case, ledger_url: str) -> list[str]:
    statements = case.sqlite if ledger_url.startswith("sqlite") or case.postgresql == SAME else case.postgresql
    if statements is None:
        pytest.skip("the other database alone")
    return statements.split("; ")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_differs_is_named(case: Case, ledger: Ledger, ledger_url: str) -> None:
    run(ledger_url, statements_of(case, ledger_url))
    found = mismatch(ledger)
    assert len(found) == 1
    assert case.told.casefold() in differences.told(found[0]).casefold()
    with pytest.raises(SchemaMismatch, match=r"claims the schema 0001, but its tables have others \(differences: 1\)"):
        ledger.upgrade()


@pytest.mark.parametrize("case", [case for case in CASES if "index" in case.name], ids=lambda case: case.name)
def test_the_statements_that_are_told_repair_indexes(case: Case, ledger: Ledger, ledger_url: str) -> None:
    run(ledger_url, statements_of(case, ledger_url))
    fixes = [differences.fix(each).removeprefix("run: ") for each in mismatch(ledger)]
    run(ledger_url, "; ".join(fixes).split("; "))
    assert ledger.check() == ()


def test_an_index_that_was_never_finished(ledger: Ledger, ledger_url: str) -> None:
    """CREATE INDEX CONCURRENTLY leaves one behind if it fails: it is kept up, but nothing reads it."""
    if ledger_url.startswith("sqlite"):
        pytest.skip("PostgreSQL alone")
    run(ledger_url, ["SET allow_system_table_mods = on",
                     "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'held_by_alert'::regclass"])
    assert "(invalid) instead of" in differences.told(*mismatch(ledger))


def test_several_differences_are_all_named(ledger: Ledger, ledger_url: str) -> None:
    run(ledger_url, ["DROP TABLE held", "DROP INDEX event_by_reason", "ALTER TABLE event DROP COLUMN forwarded"])
    assert [differences.problem(each) for each in mismatch(ledger)] == [
        "column event.forwarded is missing", "index event_by_reason of table event is missing", "table held is missing",
    ]


def test_what_an_operator_adds_is_named_and_does_no_harm(ledger: Ledger, ledger_url: str) -> None:
    run(ledger_url, ["CREATE TABLE customer (id INTEGER PRIMARY KEY, code INTEGER UNIQUE)",
                     "CREATE INDEX customer_by_code ON customer (code)", "CREATE INDEX mine ON event (stream, at)",
                     "CREATE VIEW hard AS SELECT * FROM event WHERE bounce_type = 'hard'"])
    assert [differences.addition(each) for each in ledger.check()] == [
        "table customer is not the ledger's own", "index mine of table event is not the ledger's own",
    ]
    ledger.upgrade()
    record(ledger, page(bounce("m1")))


def test_an_index_of_an_expression(ledger: Ledger, ledger_url: str) -> None:
    run(ledger_url, ["CREATE INDEX mine ON event (lower(recipient), at) WHERE code > 500"])
    (index,) = ledger.check()
    assert "lower(recipient), at) WHERE " in (index.found or "")
    run(ledger_url, ["DROP INDEX mine", "CREATE UNIQUE INDEX mine ON event (lower(recipient))"])
    assert differences.fix(*mismatch(ledger)) == "run: DROP INDEX mine"


def test_the_same_schema_in_other_words(ledger: Ledger, ledger_url: str) -> None:
    """Restored, rebuilt, tuned: the order of columns, quotes, spaces and storage are no difference."""
    again = ["ALTER TABLE message DROP COLUMN mailbox", "ALTER TABLE message ADD mailbox TEXT",
             "DROP INDEX outbox_dead"]
    if ledger_url.startswith("sqlite"):
        again += ["ALTER TABLE held RENAME TO x", 'ALTER TABLE x RENAME TO "held"',
                  'create index "outbox_dead" on "outbox" ("target",\n  "number")  where  "state" = \'dead\'']
    else:
        again += ["CREATE INDEX outbox_dead ON outbox (target, number) WITH (fillfactor = 70) WHERE state = 'dead'",
                  "ALTER TABLE event SET (fillfactor = 80)", "ALTER INDEX pk_event SET (fillfactor = 80)"]
    run(ledger_url, again)
    assert ledger.check() == ()


def test_a_ledger_in_a_schema_of_its_own(postgres_url: str) -> None:
    run(postgres_url, ['CREATE SCHEMA "Mail"', "CREATE TABLE public.event (id INTEGER)"])
    with Ledger.connect(f'{postgres_url}?options=-csearch_path%3D"Mail",public') as ledger:
        ledger.upgrade()
        assert ledger.check() == ()


def test_two_versions_of_sqlalchemy_tables_agree(ledger: Ledger, ledger_url: str) -> None:
    """A table that SQLAlchemy reflects and creates anew is the same: nothing rests on how the migrations write it."""
    engine = open_engine(ledger_url)
    table = Table("suppression", MetaData(), autoload_with=engine)
    table.drop(engine)
    table.create(engine)
    engine.dispose()
    assert ledger.check() == ()
