"""The pages on platforms that have no kind: what they offer instead loads, and does what it says."""

import sqlite3
import tomllib
from pathlib import Path

import pytest

from bounce_watcher.model.ledger import Actor, OutboxState
from bounce_watcher.outbox.platforms import kinds
from tests.docs.pages import blocks
from tests.outbox.platforms.desk import Desk, configuration, desk_of, now
from tests.servers.mariadb import MariaDb

FOLDER = Path(__file__).parents[3] / "bounce_watcher/outbox/platforms"
PAGES = sorted(page.stem for page in FOLDER.glob("*.md") if page.stem not in kinds())
USER = "user+tag@example.org"

POSTAL = """
CREATE TABLE suppressions (
    id INT AUTO_INCREMENT PRIMARY KEY, type VARCHAR(255), address VARCHAR(255), reason VARCHAR(255),
    timestamp DECIMAL(18, 6), keep_until DECIMAL(18, 6)
)
"""
"""As Postal's migrations of a message database make it."""


def example(page: str) -> dict[str, str]:
    (block,) = blocks((FOLDER / f"{page}.md").read_text(), "toml")
    (table,) = tomllib.loads(block.text)["platform"]
    return dict(table)


def statements(page: str, url: str) -> str:
    table = example(page)
    texts = "\n".join(f"{key} = '''{table[key]}'''" for key in ("suppress", "release"))
    return f'database = "{url}"\nmax_rows = {table["max_rows"]}\n{texts}'


def done(desk: Desk) -> None:
    desk.send()
    assert desk.states() == {OutboxState.DELIVERED}, [item.last_answer for item in desk.items()]


def test_the_pages_are_these() -> None:
    assert PAGES == ["ghost", "kumomta", "postal"]


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_offers_is_a_kind_that_there_is(page: str) -> None:
    assert example(page)["kind"] in kinds()


def test_the_domain_that_ghost_sends_through_loads(tmp_path: Path) -> None:
    table = example("ghost")
    settings = configuration("mailgun", f'api_key = "key"\ndomain = "{table["domain"]}"', None, tmp_path)
    assert [platform.kind for platform in settings.platforms] == ["mailgun"]


def test_kumomta_looks_up_who_is_suppressed(tmp_path: Path) -> None:
    file = tmp_path / "blocked.db"
    (made,) = blocks((FOLDER / "kumomta.md").read_text(), "sql")
    with sqlite3.connect(file) as database:
        database.executescript(made.text)
    look_up = "SELECT email FROM blocked WHERE email = ?"
    assert look_up in (FOLDER / "kumomta.md").read_text()

    def found() -> list[tuple[str]]:
        with sqlite3.connect(file) as database:
            return database.execute(look_up, (USER.upper(),)).fetchall()

    with desk_of(configuration("sql", statements("kumomta", f"sqlite:///{file}"), None, tmp_path)) as desk:
        desk.suppress(USER)
        done(desk)
        assert found() == [(USER,)]
        desk.release(USER)
        done(desk)
        assert found() == []


def test_postal_finds_who_is_suppressed(mariadb_server: MariaDb, mariadb_url: str, tmp_path: Path) -> None:
    with mariadb_server._root() as connection, connection.cursor() as postal:
        postal.execute(f"USE {mariadb_url.rpartition('/')[2]}")
        postal.execute(POSTAL)
        postal.execute(
            "INSERT INTO suppressions (type, address, keep_until) VALUES ('recipient', %s, UNIX_TIMESTAMP() + 60)",
            (USER,),
        )

        def kept_until_2090() -> list[str]:
            postal.execute("SELECT address FROM suppressions WHERE type = 'recipient' AND keep_until >= 3786912000")
            return [str(address) for (address,) in postal.fetchall()]

        with desk_of(configuration("sql", statements("postal", mariadb_url), None, tmp_path)) as desk:
            desk.suppress(USER)
            done(desk)
            desk.ledger.outbox.retry(Actor("jo", now()), target="newsletter", state=OutboxState.DELIVERED)
            done(desk)  # comes twice after a crash
            assert kept_until_2090() == [USER]
            desk.release(USER)
            done(desk)
            postal.execute("SELECT COUNT(*) FROM suppressions")
            assert postal.fetchone() == (0,)
