"""kind = "sql": statements of an operator's own in real databases."""

import contextlib
import socket
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import Connection, NullPool, create_engine, text

from bounce_watcher.config.loading import parse
from bounce_watcher.model.errors import ConfigError
from bounce_watcher.model.ledger import OutboxState
from bounce_watcher.outbox.change import change_of
from bounce_watcher.outbox.platform_channel import PlatformChannel
from tests.families import for_each
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.servers.mariadb import PASSWORD, MariaDb
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.dialects

USER = "user@example.org"
ADDRESSES = (USER, "o'neil@example.org", 'quo"ted@example.org', "100%s@example.org", "back\\slash@example.org",
             "a:b@example.org", "';DELETE FROM blocked;--@example.org")

SUPPRESS = """
INSERT INTO blocked (email, stream, reason, until, at) VALUES (:recipient, :stream, :reason, :until, :at)
"""
RELEASE = "DELETE FROM blocked WHERE email = :recipient"
TABLE = ("CREATE TABLE blocked (email VARCHAR(60) NOT NULL PRIMARY KEY, stream VARCHAR(64) NOT NULL, "
         "reason VARCHAR(64), until {time}, at {time} NOT NULL)")
TIME = {"postgresql": "timestamptz", "mariadb": "datetime", "sqlite": "text"}


@dataclass
class Shop:
    """A platform's database: `url` is what bounce_watcher is given, `owner_url` may do everything."""

    kind: str
    url: str
    owner_url: str

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        with self.connection() as connection:
            for statement in statements:
                found = connection.execute(text(statement))
            return [tuple(row) for row in found] if found.returns_rows else []

    @contextlib.contextmanager
    def connection(self) -> Iterator[Connection]:
        with create_engine(self.owner_url, poolclass=NullPool).begin() as connection:
            yield connection

    @property
    def blocked(self) -> set[object]:
        return {row[0] for row in self.run("SELECT email FROM blocked")}


def on_sqlite(folder: Path) -> Shop:
    url = f"sqlite:///{folder}/shop.db"
    return Shop("sqlite", url, url)


def on_postgresql(url: str) -> Shop:
    return Shop("postgresql", url.replace("+psycopg", ""), url)


def on_mariadb(url: str, server: MariaDb) -> Shop:
    owner = f"mariadb+pymysql://root@localhost/{url.rpartition('/')[2]}?unix_socket={server.root}/socket"
    return Shop("mariadb", url, owner)


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    match request.param:
        case "sqlite":
            it = on_sqlite(tmp_path)
        case "postgresql":
            it = on_postgresql(request.getfixturevalue("postgres_url"))
        case _:
            it = on_mariadb(request.getfixturevalue("mariadb_url"), request.getfixturevalue("mariadb_server"))
    it.run(TABLE.format(time=TIME[it.kind]))
    return it


def keys(url: str, suppress: str = SUPPRESS, release: str = RELEASE) -> str:
    return f'database = "{url}"\nsuppress = \'\'\'{suppress}\'\'\'\nrelease = \'\'\'{release}\'\'\''


@contextlib.contextmanager
def desk_for(
    shop: Shop, folder: Path, *, suppress: str = SUPPRESS, release: str = RELEASE, more: str = 'timeout = "20s"',
) -> Iterator[Desk]:
    with desk_of(configuration("sql", keys(shop.url, suppress, release), None, folder, more=more)) as desk:
        yield desk


@pytest.fixture
def desk(shop: Shop, tmp_path: Path) -> Iterator[Desk]:
    with desk_for(shop, tmp_path) as it:
        yield it


# ── what it is for ──────────────────────────────────────────────────────────────────────────────────────────────────

def test_who_is_suppressed_is_written_there_and_who_is_released_is_not(shop: Shop, desk: Desk) -> None:
    desk.suppress(*ADDRESSES)
    desk.send()
    assert shop.blocked == set(ADDRESSES)
    assert {item.last_answer for item in desk.items()} == {"1 row"}
    desk.release(*ADDRESSES[1:])
    desk.send()
    assert shop.blocked == {USER}
    assert desk.states() == {OutboxState.DELIVERED}


def test_rows_are_counted_and_none_is_told(shop: Shop, desk: Desk) -> None:
    desk.suppress(USER)
    desk.send()
    shop.run("DELETE FROM blocked")
    desk.release(USER)
    desk.send()
    assert [item.last_answer for item in desk.items()] == ["1 row", "no row is concerned"]


def test_times_are_the_moments_that_they_were(shop: Shop, desk: Desk) -> None:
    desk.suppress(USER)
    desk.send()
    (item,) = desk.items()
    moment = {"postgresql": "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')", "sqlite": "at",
              "mariadb": "DATE_FORMAT(at, '%Y-%m-%d %H:%i:%s')"}[shop.kind]
    ((found, reason, until),) = shop.run(f"SELECT {moment}, reason, until FROM blocked")
    assert found == change_of(item).at.strftime("%Y-%m-%d %H:%M:%S")
    assert (reason, until) == ("invalid_recipient", None)


def test_many_go_in_one_transaction(postgres_url: str, tmp_path: Path) -> None:
    shop = on_postgresql(postgres_url)
    shop.run(TABLE.format(time="timestamptz"), "ALTER TABLE blocked ADD COLUMN made_in bigint DEFAULT txid_current()")
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(*(f"user{number:03}@example.org" for number in range(150)))
        desk.send()
    assert shop.run("SELECT count(*), count(DISTINCT made_in) FROM blocked") == [(150, 1)]


# ── one of many ─────────────────────────────────────────────────────────────────────────────────────────────────────

def test_a_value_that_does_not_fit_is_refused_and_takes_no_other_with_it(shop: Shop, tmp_path: Path) -> None:
    if shop.kind == "sqlite":
        pytest.skip("a column of SQLite has no length")
    long = "x" * 50 + "@much-too-long.example.org"
    others = [f"user{number}@example.org" for number in range(9)]
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(*others[:4], long, *others[4:])
        desk.send()
        (dead,) = desk.items(OutboxState.DEAD)
        assert dead.recipient == long
        assert "too long" in (dead.last_answer or "")
        assert len(desk.items(OutboxState.DELIVERED)) == len(others)
    assert shop.blocked == set(others)


def test_an_address_is_never_shortened_where_the_server_would(
    mariadb_url: str, mariadb_server: MariaDb, tmp_path: Path
) -> None:
    shop = on_mariadb(mariadb_url, mariadb_server)
    shop.run(TABLE.format(time="datetime"))
    mariadb_server.run("SET GLOBAL sql_mode = ''")
    try:
        with desk_for(shop, tmp_path) as desk:
            desk.suppress("x" * 60 + "@example.org")
            desk.send()
            assert desk.states() == {OutboxState.DEAD}
    finally:
        mariadb_server.run("SET GLOBAL sql_mode = DEFAULT")
    assert shop.blocked == set()


def test_a_row_that_stands_in_the_way_waits_alone(shop: Shop, desk: Desk) -> None:
    shop.run(f"INSERT INTO blocked (email, stream, at) VALUES ('{USER}', 'other', '2026-01-01 00:00:00')")
    desk.suppress("one@example.org", USER, "two@example.org")
    desk.send()
    (waiting,) = desk.items(OutboxState.DUE)
    assert waiting.recipient == USER
    assert USER not in (waiting.last_answer or "")
    assert shop.blocked == {USER, "one@example.org", "two@example.org"}
    shop.run(f"DELETE FROM blocked WHERE email = '{USER}'")
    desk.hurry()
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}


def test_a_constraint_that_is_looked_at_in_the_end_holds_up_one_alone(postgres_url: str, tmp_path: Path) -> None:
    shop = on_postgresql(postgres_url)
    shop.run(TABLE.format(time="timestamptz"), "ALTER TABLE blocked DROP CONSTRAINT blocked_pkey",
             "ALTER TABLE blocked ADD UNIQUE (email) DEFERRABLE INITIALLY DEFERRED",
             f"INSERT INTO blocked (email, stream, at) VALUES ('{USER}', 'other', now())")
    others = {f"user{number}@example.org" for number in range(9)}
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(*others, USER)
        desk.send(rounds=3)
        (waiting,) = desk.items(OutboxState.DUE)
        assert waiting.recipient == USER
    assert shop.blocked == {USER, *others}


@pytest.mark.parametrize(
    "suppress",
    [
        "INSERT INTO nowhere (email) VALUES (:recipient)",
        "INSERT INTO blocked (email) VALUES (:recipient",
        "INSERT INTO blocked (email, nothing) VALUES (:recipient, 1)",
    ],
)
def test_a_statement_that_can_not_be_right_keeps_everything_waiting(shop: Shop, tmp_path: Path, suppress: str) -> None:
    with desk_for(shop, tmp_path, suppress=suppress) as desk:
        desk.suppress(USER, "other@example.org")
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        assert all(item.last_answer and USER not in item.last_answer for item in desk.items())
    assert shop.blocked == set()


def test_a_statement_without_its_where_changes_nothing(shop: Shop, tmp_path: Path) -> None:
    shop.run(*(f"INSERT INTO blocked (email, stream, at) VALUES ('b{n}@example.org', 'x', '2026-01-01 00:00:00')"
               for n in range(6)))
    careless = "DELETE FROM blocked WHERE :recipient = :recipient"
    if shop.kind == "postgresql":
        careless = careless.replace(":recipient", "CAST(:recipient AS text)")
    with desk_for(shop, tmp_path, release=careless, more="max_rows = 5") as desk:
        desk.suppress(USER)
        desk.release(USER)
        desk.send()
        assert [item.state for item in desk.items()] == [OutboxState.SUPERSEDED, OutboxState.DUE]
        assert "more than max_rows = 5" in (desk.items()[-1].last_answer or "")
    assert len(shop.blocked) == 6


# ── what goes wrong ─────────────────────────────────────────────────────────────────────────────────────────────────

def test_while_the_server_is_away_all_waits_and_then_all_arrives(
    postgres_url: str, postgres_server: Postgres, tmp_path: Path
) -> None:
    shop = on_postgresql(postgres_url)
    shop.run(TABLE.format(time="timestamptz"))
    with desk_for(shop, tmp_path) as desk:
        platform = PlatformChannel(desk.platform)
        desk.suppress(USER)
        assert platform.test(now()).disposition == "delivered"
        postgres_server.stop()
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        postgres_server.start()
        assert platform.test(now()).disposition == "delivered"  # the same session finds it again
        platform.close()
        desk.hurry()
        desk.send()
    assert shop.blocked == {USER}


def test_the_same_with_mariadb(mariadb_url: str, mariadb_server: MariaDb, tmp_path: Path) -> None:
    shop = on_mariadb(mariadb_url, mariadb_server)
    shop.run(TABLE.format(time="datetime"))
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(USER)
        mariadb_server.stop()
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        mariadb_server.start()
        desk.hurry()
        desk.send()
    assert shop.blocked == {USER}


def test_a_user_without_rights_keeps_everything_waiting_and_the_check_tells(
    mariadb_url: str, mariadb_server: MariaDb, tmp_path: Path
) -> None:
    shop = on_mariadb(mariadb_url, mariadb_server)
    shop.run(TABLE.format(time="datetime"))
    name = mariadb_url.rpartition("/")[2]
    mariadb_server.run(f"REVOKE DELETE ON {name}.* FROM {name}@'127.0.0.1'")
    with desk_for(shop, tmp_path) as desk:
        channel = PlatformChannel(desk.platform)
        assert channel.test(now()).disposition != "delivered"
        mariadb_server.run(f"GRANT DELETE ON {name}.* TO {name}@'127.0.0.1'")
        assert channel.test(now()).disposition == "delivered"
        channel.close()
        mariadb_server.run(f"REVOKE INSERT ON {name}.* FROM {name}@'127.0.0.1'")
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DUE}


def test_a_lock_that_nobody_gives_back_ends_a_try(shop: Shop, tmp_path: Path) -> None:
    with desk_for(shop, tmp_path, more='timeout = "1s"') as desk:
        with shop.connection() as other:
            other.execute(text(
                f"INSERT INTO blocked (email, stream, at) VALUES ('{USER}', 'x', '2026-01-01 00:00:00')"
            ))
            desk.suppress(USER)
            desk.send()
            assert desk.states() == {OutboxState.DUE}
            other.rollback()
        desk.hurry()
        desk.send()
    assert shop.blocked == {USER}


SLOW = {
    "postgresql": "INSERT INTO blocked (email, stream, at) SELECT :recipient, CAST(pg_sleep(60) AS text), now()",
    "mariadb": "INSERT INTO blocked (email, stream, at) SELECT :recipient, SLEEP(60), now()",
    "sqlite": "INSERT INTO blocked (email, stream, at) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
              "SELECT :recipient, max(i), 'now' FROM n",
}


def test_a_statement_that_takes_too_long_is_broken_off_and_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    with desk_for(shop, tmp_path, suppress=SLOW[shop.kind], more='timeout = "1s"') as desk:
        desk.suppress(USER)
        desk.send()
        assert desk.states() == {OutboxState.DUE}
    assert shop.blocked == set()


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
def test_a_server_that_never_says_anything_holds_nobody_up(scheme: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://app:{'secret-password'}@127.0.0.1:{silent.getsockname()[1]}/shop"
        with desk_for(Shop(scheme, url, ""), tmp_path, more='timeout = "1s"') as desk:
            desk.suppress(USER)
            desk.send()
            assert desk.states() == {OutboxState.DUE}
            assert "secret-password" not in (desk.items()[0].last_answer or "")


@pytest.fixture
def freezing() -> Iterator["FreezingProxy"]:
    with FreezingProxy() as it:
        yield it


class FreezingProxy:
    """Passes bytes on to a server until it has seen some words pass by; then nothing comes back any more."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.target = 0
        self.word = b""
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> "FreezingProxy":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self.target))
                frozen = threading.Event()
                for here, there, looks in ((near, far, True), (far, near, False)):
                    threading.Thread(target=self._pass, args=(here, there, looks, frozen), daemon=True).start()

    def _pass(self, here: socket.socket, there: socket.socket, looks: bool, frozen: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if looks and self.word and self.word in data:
                    frozen.set()
                if not frozen.is_set():
                    there.sendall(data)
        if not frozen.is_set():  # else not even the end of the connection is heard of there
            with contextlib.suppress(OSError):
                there.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_server_that_falls_silent_amid_a_batch_is_left(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, freezing: FreezingProxy
) -> None:
    if kind == "postgresql":
        shop = on_postgresql(request.getfixturevalue("postgres_url"))
        freezing.target = request.getfixturevalue("postgres_server").port
    else:
        shop = on_mariadb(request.getfixturevalue("mariadb_url"), request.getfixturevalue("mariadb_server"))
        freezing.target = request.getfixturevalue("mariadb_server").port
    shop.run(TABLE.format(time=TIME[kind]))
    freezing.word = b"frozen@example.org"
    shop.url = shop.url.replace(f":{freezing.target}/", f":{freezing.port}/")
    with desk_for(shop, tmp_path, more='timeout = "2s"') as desk:
        desk.suppress(USER, "frozen@example.org")
        desk.send()
        assert desk.states() == {OutboxState.DUE}
        assert shop.blocked == set()
        freezing.word = b""
        desk.hurry()
        desk.send()
    assert shop.blocked == {USER, "frozen@example.org"}


# ── looking at it ───────────────────────────────────────────────────────────────────────────────────────────────────

def test_the_check_does_nothing_and_finds_what_is_missing(shop: Shop, desk: Desk) -> None:
    channel = PlatformChannel(desk.platform)
    try:
        assert channel.test(now()).disposition == "delivered"
        assert shop.blocked == set()
        shop.run("DROP TABLE blocked")
        assert channel.test(now()).disposition != "delivered"
    finally:
        channel.close()


def test_a_check_of_the_operators_own_is_rolled_back(shop: Shop, tmp_path: Path) -> None:
    own = f"check = \"INSERT INTO blocked (email, stream, at) VALUES ('{USER}', 'x', '2026-01-01 00:00:00')\""
    with desk_for(shop, tmp_path, more=own) as desk:
        channel = PlatformChannel(desk.platform)
        assert channel.test(now()).disposition == "delivered"
        channel.close()
    assert shop.blocked == set()


def test_a_rehearsal_shows_the_statement_and_its_values_and_no_password(
    mariadb_url: str, mariadb_server: MariaDb, tmp_path: Path
) -> None:
    shop = on_mariadb(mariadb_url, mariadb_server)
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(USER)
        shown = desk.platform.rehearse([change_of(item) for item in desk.items()], now())
    assert "INSERT INTO blocked" in shown
    assert f":recipient = '{USER}'" in shown
    for secret in (PASSWORD, "pa%2Fss%40w0rd"):
        assert secret not in shown


def test_the_password_is_seen_nowhere(
    mariadb_url: str, mariadb_server: MariaDb, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    name = mariadb_url.rpartition("/")[2]
    shop = on_mariadb(mariadb_url, mariadb_server)
    mariadb_server.run(f"SET PASSWORD FOR {name}@'127.0.0.1' = PASSWORD('another')")
    with desk_for(shop, tmp_path) as desk:
        desk.suppress(USER)
        desk.send()
        (item,) = desk.items()
        assert item.state is OutboxState.DUE
        output = capfd.readouterr()
        seen = " ".join((item.last_answer or "", repr(desk.settings), repr(desk.platform), output.out, output.err))
    for secret in (PASSWORD, "pa%2Fss%40w0rd"):
        assert secret not in seen


# ── the configuration ───────────────────────────────────────────────────────────────────────────────────────────────

GOOD = {
    "database": '"sqlite:////tmp/shop.db"',
    "suppress": '"INSERT INTO blocked VALUES (:recipient)"',
    "release": '"DELETE FROM blocked WHERE email = :recipient"',
}
PARAMETERS = (":id, :at, :action, :recipient, :stream, :scope, :bounce_type, :reason, :status, :diagnostic, :because, "
              ":until, :sequence")
FORMS = ("write it as postgresql://user:password@host/database, mysql://user:password@host/database or "
         "sqlite:////absolute/path.db")


@for_each(
    ("changed", "problem"),
    [
        ({"database": '"nothing"'}, f"line 4: platform[shop].database: is no URL that can be read: {FORMS}"),
        ({"database": '"oracle://user:pass@host/x"'},
         f"line 4: platform[shop].database: is none of PostgreSQL, MariaDB, MySQL and SQLite: {FORMS}"),
        ({"database": '"mysql://user:pass@host"'},
         f"line 4: platform[shop].database: names no database behind the host: {FORMS}"),
        ({"database": '"sqlite:///shop.db"'},
         "line 4: platform[shop].database: needs four slashes and an absolute path: sqlite:////var/lib/shop/shop.db"),
        ({"suppress": '" "'}, "line 5: platform[shop].suppress: is empty: write the statement"),
        ({"suppress": '"UPDATE users SET blocked = 1"'},
         "line 5: platform[shop].suppress: does not hold :recipient: it would do the same for everybody"),
        ({"release": '"DELETE FROM blocked WHERE email = :recipiend"'},
         "line 6: platform[shop].release: holds the unknown parameter :recipiend; there are " + PARAMETERS +
         " (write \\: for a plain colon)"),
        ({"check": '"SELECT :recipient"'},
         "line 7: platform[shop].check: holds the parameter :recipient, but a check has no recipient: write it "
         "without any"),
        ({"max_rows": "0"}, "line 7: platform[shop].max_rows: 0 is out of range: at least 1"),
        ({"suppress": '"' + ":recipient " * 2000 + '"'},
         "line 5: platform[shop].suppress: is longer than 16 KiB: put it into a procedure of the database, and call "
         "that"),
        ({"url": '"https://shop.example.com"'},
         'line 7: platform[shop].url: has no effect with kind = "sql": remove it'),
    ],
)
def test_what_is_wrong_is_said_in_one_line(changed: dict[str, str], problem: str) -> None:
    lines = "".join(f"{key} = {value}\n" for key, value in (GOOD | changed).items())
    with pytest.raises(ConfigError) as error:
        parse('[[platform]]\nname = "shop"\nkind = "sql"\n' + lines, "config.toml", {})
    assert error.value.problems == (problem,)


def test_a_colon_may_be_meant_as_one(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "shop.db") as connection:
        connection.execute("CREATE TABLE blocked (email, note)")
    shop = on_sqlite(tmp_path)
    plain = "INSERT INTO blocked VALUES (:recipient, 'since 10:30, see \\:stream')"
    with desk_for(shop, tmp_path, suppress=plain) as desk:
        desk.suppress(USER)
        desk.send()
    assert shop.run("SELECT * FROM blocked") == [(USER, "since 10:30, see :stream")]
