"""A person forgotten while the service runs: searched for in every row and in the files of the database."""

import base64
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.integration.house import House, wait_until
from tests.ledger.searching import in_files, in_rows, in_server
from tests.mail import Letter, auto_reply, complaint, postfix
from tests.servers.postgres import Postgres

PERSON = "ada.lovelace@corp.example"
OTHER = "charles@corp.example"
WANTED = "lovelace"
NOW = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
_numbers = count(1)


def report(recipient: str, reply: str) -> bytes:
    return postfix(Letter(next(_numbers), recipient, reply.format(recipient), NOW)).encode()


def letters() -> Iterator[bytes]:
    yield report(PERSON, "550 5.1.1 <{}>: Recipient address rejected: User unknown")
    yield report("Ada.Lovelace@Corp.Example", "452 4.2.2 <{}>: mailbox full")
    yield report(PERSON, "550 Ada Lovelace walks with us no more, says the porter")
    yield report(OTHER, f"551 5.1.6 <{{}}> has moved, try <{PERSON}> instead")
    yield report("george@corp.example", "550 5.1.1 no such user, told ada.lovelace%40corp.example and "
                                        '"ada.lovelace"@corp.example, ada.lovelace at corp dot example')
    yield report("mary@corp.example", "550 5.1.1 User unknown").replace(
        b"Subject: What is new",
        b"Return-Path: <news+ada.lovelace=corp.example@bounces.example.com>\nSubject: What is new",
    )
    yield complaint(Letter(next(_numbers), PERSON, "", NOW)).encode()
    yield auto_reply(Letter(next(_numbers), PERSON, "", NOW)).encode()
    yield (
        b"From: MAILER-DAEMON@corp.example\nTo: returns@example.com\nSubject: Something went its way\n"
        b"Date: Mon, 02 Mar 2026 08:00:00 +0000\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
        b"Content-Transfer-Encoding: base64\n\n"
        + base64.encodebytes(b"We can tell you nothing more today, write to Ada <ada.lovelace@corp.example> or not.\n")
    )


def later() -> Iterator[bytes]:
    yield report(PERSON, "550 5.1.1 <{}>: gone for good, Ada Lovelace")
    yield report("henry@corp.example", f"551 5.1.6 <{{}}> has moved, try {PERSON} instead")
    yield report("anne@corp.example", "550 5.1.1 rcpt ada.lovelace=40corp.example unknown")


def act(house: House) -> None:
    """What persons and the platform do that names the address."""
    why = ("--because", f"{PERSON} asked")
    house.call("outbox", "pause", "platform", *why)
    house.call("suppressions", "add", PERSON, "--stream", "offers", *why)
    house.call("suppressions", "add", "noel@corp.example", "--stream", "offers", *why)
    house.call("recipients", "protect", "partner@corp.example", "--because", f"instead of {PERSON}")
    sent = house.root / "sent.csv"
    sent.write_text(
        f"message_id,recipient,stream\n<1@example.com>,{PERSON},news\n"
        f"<9.ada.lovelace=corp.example@example.com>,{OTHER},news\n"
    )
    house.call("import-sent", str(sent))


def filed(house: House, number: int) -> None:
    wait_until(lambda: sum(house.filed().values()) >= number, 60, "all mail is read")
    assert house.filed()["quarantine"] == 0


def searched(house: House, wanted: str = WANTED) -> dict[str, int]:
    """In the files of SQLite; those of PostgreSQL are another matter."""
    return in_files(house.root / "ledger.db", wanted) if house.database_url.startswith("sqlite") else {}


def test_nothing_is_left_in_any_row_or_file_while_the_service_runs(house: House) -> None:
    house.guarded = False
    house.webhook_keys = 'events = ["recipient.suppressed", "bounce.recorded"]'
    house.configure()
    house.dovecot.deliver(house.user, list(letters()))
    service = house.start("run")
    filed(house, len(list(letters())))
    wait_until(lambda: house.receiver.requests, 30, "the platform is told")
    wait_until(lambda: not any(row["state"] == "due" for row in house.outbox()), 30, "all is told")
    act(house)
    before = set(in_rows(house.database_url, WANTED))
    assert {"message.packed", "event.diagnostic", "outbox.body", "suppression.grounds",
            "state_change.grounds", "action.because", "protected.because", "endpoint.paused_because",
            "sent_message.message_id", "review_group.wording"} <= before

    told = house.process("forget", PERSON)
    assert "1 webhook still due" in told
    assert set(in_rows(house.database_url, WANTED)) == {"outbox.body", "outbox.recipient"}, "what is due alone"

    house.call("outbox", "resume", "platform")
    wait_until(lambda: not any(row["state"] == "due" for row in house.outbox()), 30, "the rest is told")
    assert PERSON in {request.data["recipient"] for request in house.receiver.requests if request.verified}
    assert in_rows(house.database_url, WANTED) == [], "it went with the delivery"
    house.call("poll")  # or the service, within a minute
    assert searched(house) == {}
    assert service.poll() is None, house.log()

    house.dovecot.deliver(house.user, list(later()))
    filed(house, len(list(letters())) + len(list(later())))
    house.call("suppressions", "remove", PERSON, "--because", f"{PERSON} is back")
    house.call("suppressions", "add", PERSON, "--stream", "offers", "--because", f"no, {PERSON} is not")
    assert house.rows("recipients", "show", PERSON)
    wait_until(lambda: not any(row["state"] == "due" for row in house.outbox()), 30, "that is told too")
    house.call("poll")
    assert in_rows(house.database_url, WANTED) == []
    assert searched(house) == {}
    assert WANTED not in house.log().casefold()
    assert {row["recipient"] for row in house.suppressions()} >= {OTHER, "noel@corp.example", "henry@corp.example"}


@pytest.mark.dialects
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_keeps_dead_rows_until_it_is_told(house: House, postgres_server: Postgres) -> None:
    house.guarded = False
    house.configure()
    house.dovecot.deliver(house.user, list(letters()))
    house.call("poll")
    act(house)
    house.call("outbox", "discard", "--target", "platform")
    with psycopg.connect(house.database_url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("ANALYZE")
        assert "dead rows" in house.process("forget", PERSON)
        assert in_rows(house.database_url, WANTED) == []
        assert connection.execute(
            "SELECT tablename, attname FROM pg_stats WHERE most_common_vals::text ILIKE %s"
            " OR histogram_bounds::text ILIKE %s", [f"%{WANTED}%"] * 2
        ).fetchall() == []
        connection.execute("CHECKPOINT")
        assert in_server(postgres_server, WANTED) > 0, "as the page on privacy says"
        house.process("db", "vacuum")
        connection.execute("CHECKPOINT")
        assert in_server(postgres_server, WANTED) == 0


def test_a_reader_in_the_way_is_told_and_the_service_ends_the_work(sqlite_house: House) -> None:
    house = sqlite_house
    house.guarded = False
    house.configure()
    house.dovecot.deliver(house.user, list(letters()))
    house.call("poll")
    path = Path(house.root / "ledger.db")
    reader = sqlite3.connect(path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM event").fetchone()
    told = house.process("forget", PERSON)
    assert "may still hold what was erased" in told
    assert in_rows(house.database_url, WANTED) == []
    reader.close()
    house.call("poll")
    assert searched(house) == {}
