"""What the service stands on goes away and comes back: it goes on by itself, loses nothing and says so once."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.house import House, wait_until
from tests.mail import mailbag
from tests.servers.postgres import Postgres
from tests.servers.receiver import Receiver, Reply, redirect

COUNT = 200
ONE_MOVE = 40
"""Messages at most: four pages of ten."""


def fill(house: House, count: int = COUNT) -> list[bytes]:
    contents = [content for content, _ in mailbag(count, recipients=count // 2)]
    house.dovecot.deliver(house.user, contents)
    return contents


def all_filed(house: House, contents: list[bytes], repeated: int = 0) -> bool:
    return 0 <= sum(house.filed().values()) - len(contents) <= repeated and house.left() == 0


def troubles(house: House, about: str) -> list[str]:
    named = (f"about={about}", f'about="{about}')
    return [line for line in house.log().splitlines() if "action=trouble_raised" in line and any(
        name in line for name in named
    )]


def settled(house: House, contents: list[bytes], repeated: int = 0) -> None:
    """Each message is in one folder, but for `repeated` that may be there twice."""
    wait_until(lambda: all_filed(house, contents, repeated), 60, "all mail filed")
    copies = Counter(message for name in house.filed() for message in house.folder(name))
    assert Counter(contents) <= copies
    assert (copies - Counter(contents)).total() <= repeated


def test_dovecot_restarts_in_mid_pass(sqlite_house: House) -> None:
    house = sqlite_house
    house.mailbox_keys = 'page_messages = 10\ntimeout = "10s"'
    house.configure()
    contents = fill(house)
    house.start("run")
    wait_until(lambda: sum(house.filed().values()) > 50, 30, "the pass is under way")
    house.dovecot.stop()
    wait_until(lambda: troubles(house, "mailbox returns"), 20, "the outage is logged")
    house.dovecot.start()
    settled(house, contents, repeated=ONE_MOVE)  # a server that is stopped amid a MOVE may have copied and not expunged
    assert len(troubles(house, "mailbox returns")) <= 2  # broken off, then refused: two things to know
    wait_until(lambda: "trouble_cleared" in house.log(), 30, "its end is logged")


@pytest.mark.dialects
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_postgresql_restarts_in_mid_pass(house: House, postgres_server: Postgres) -> None:
    house.mailbox_keys = "page_messages = 10"
    house.configure()
    contents = fill(house)
    house.start("run")
    wait_until(lambda: sum(house.filed().values()) > 50, 30, "the pass is under way")
    postgres_server.stop()
    wait_until(lambda: troubles(house, "ledger"), 20, "the outage is logged")
    postgres_server.start()
    settled(house, contents)
    assert len(troubles(house, "ledger")) <= 3
    wait_until(lambda: all(row["state"] != "due" for row in house.outbox()), 60, "all webhooks sent")


@pytest.mark.dialects
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)  # a file is never away
def test_the_database_is_away_at_start(house: House, postgres_server: Postgres) -> None:
    postgres_server.stop()
    contents = fill(house, 20)
    house.start("run")
    wait_until(lambda: troubles(house, "ledger"), 20, "the outage is logged")
    postgres_server.start()
    settled(house, contents)


def all_are(state: str, rows: list[dict[str, Any]]) -> bool:
    """Whether all rows are in one state, but for those superseded by a later row of their recipient.

    A complaint of one whose address is dead tells a wider suppression, maybe before the first was sent.
    """
    last = {row["recipient"]: row["sequence"] for row in sorted(rows, key=lambda row: row["sequence"])}
    return all(
        row["state"] == state or (row["state"] == "superseded" and row["sequence"] < last[row["recipient"]])
        for row in rows
    )


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(Reply(503, {"Retry-After": "2"}), id="503"),
        pytest.param(Reply(hang=60), id="hangs"),
        pytest.param(Reply(500), id="500", marks=pytest.mark.whole),
        pytest.param(Reply(close=True), id="hangs-up", marks=pytest.mark.whole),
        pytest.param("away", id="away", marks=pytest.mark.whole),
        pytest.param("redirect", id="redirect", marks=pytest.mark.whole),
    ],
)
def test_the_receiver_fails_for_a_while(
    sqlite_house: House, receiver: Receiver, other_receiver: Receiver, answer: Reply | str
) -> None:
    house = sqlite_house
    house.webhook_keys = 'timeout = "1s"'
    house.configure()
    if answer == "away":
        receiver.stop()
    elif answer == "redirect":
        receiver.always(redirect(other_receiver.url))
    elif isinstance(answer, Reply):
        receiver.always(answer)
    contents = fill(house, 30)
    house.start("run")
    wait_until(lambda: troubles(house, "webhook platform"), 30, "the trouble is logged")
    settled(house, contents)

    if answer == "away":
        receiver.start()
    receiver.always(Reply(204))
    receiver.forget()
    wait_until(lambda: house.outbox() and all_are("delivered", house.outbox()), 60, "all sent")
    delivered = {row["id"] for row in house.outbox() if row["state"] == "delivered"}
    assert delivered <= {request.id for request in receiver.requests if request.verified}
    assert len(troubles(house, "webhook platform")) == 1
    assert other_receiver.requests == ()


def test_gone_disables_the_endpoint_until_it_is_retried(sqlite_house: House, receiver: Receiver) -> None:
    house = sqlite_house
    receiver.always(Reply(410))
    fill(house, 30)
    house.call("poll")
    asked = len(receiver.requests)
    assert asked >= 1
    receiver.always(Reply(204))
    house.call("poll")
    assert len(receiver.requests) == asked, "a disabled endpoint is left alone"
    assert all_are("due", house.outbox())
    house.process("outbox", "retry", "--target", "platform")
    house.call("poll")
    assert all_are("delivered", house.outbox())


@pytest.fixture
def mute_port() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    taken: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        def accept() -> None:
            try:
                while True:
                    taken.append(listening.accept()[0])
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join(5)
    for connection in taken:
        connection.close()


def test_a_hung_server_holds_up_no_other_mailbox(sqlite_house: House, mute_port: int) -> None:
    house = sqlite_house
    house.more = f"""
[[mailbox]]
name = "hung"
host = "127.0.0.1"
port = {mute_port}
security = "none"
username = "x"
password = "x"
timeout = "30s"
"""
    house.configure()
    contents = fill(house, 20)
    house.start("run")
    wait_until(lambda: all_filed(house, contents), 15, "the healthy mailbox is read")
