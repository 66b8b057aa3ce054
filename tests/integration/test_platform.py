"""The platform reports over HTTP what it sent and what was taken; bounces are judged by it."""

import signal
import socket
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.integration.house import House, wait_until
from tests.mail import START, Letter, postfix
from tests.servers.receiver import Receiver

TOKEN = "what the platform shows"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}
KNOWN_ONLY = '[policy.evidence]\nhard = "known_message"\nsoft = "known_message"\n'
GONE = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"
FULL = "452 4.2.2 <{}>: Mailbox full"


@pytest.fixture
def url(sqlite_house: House) -> str:
    """Where the service of `sqlite_house` will listen."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    sqlite_house.more = f'{KNOWN_ONLY}[web]\nlisten = "127.0.0.1:{port}"\ntoken = "{TOKEN}"\n'
    sqlite_house.configure()
    return f"http://127.0.0.1:{port}"


def report(number: int, recipient: str, reply: str, days: float = 0) -> bytes:
    return postfix(Letter(number, recipient, reply.format(recipient), START + timedelta(days=days))).encode()


def sent(number: int, recipient: str) -> dict[str, Any]:
    return {"message_id": f"<{message_id(number)}>", "recipient": recipient, "campaign": "spring"}


def message_id(number: int) -> str:
    """As `tests.mail` writes it into the original."""
    original = Letter(number, "a@example.org", GONE, START).original
    return original.partition("Message-ID: <")[2].partition(">")[0]


def test_a_reported_message_id_proves_its_bounce(sqlite_house: House, url: str, receiver: Receiver) -> None:
    house = sqlite_house
    service = house.start("run")
    wait_until(lambda: "action=web_started" in house.log(), 20, "listening")
    assert httpx.get(f"{url}/healthz").json() == {"status": "ok", "stuck": 0}
    assert httpx.get(f"{url}/readyz").status_code == 401
    assert httpx.get(f"{url}/readyz", headers=SHOWN).json() == {"status": "ok"}
    answer = httpx.post(f"{url}/api/v1/sent", headers=SHOWN, json=[sent(1, "known@gone.example")])
    assert answer.json()["new"] == 1

    house.dovecot.deliver(house.user, [report(n, f"{name}@gone.example", GONE) for n, name in
                                       ((1, "known"), (2, "forged"))])
    wait_until(lambda: house.filed()["processed"] == 2, 20, "filed")
    wait_until(lambda: any(request.type == "recipient.suppressed" for request in receiver.requests), 20, "told")
    events = {event["recipient"]: event for event in house.events()}
    assert [events["known@gone.example"][name] for name in ("evidence", "counted", "sending")] == [
        "known_message", True, "spring"
    ]
    assert events["forged@gone.example"]["evidence"] == "report"
    assert [row["recipient"] for row in house.suppressions()] == ["known@gone.example"]

    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    assert "known@" not in house.log()
    assert TOKEN not in house.log()


def test_a_delivery_resets(sqlite_house: House, url: str, tmp_path: Any) -> None:
    house = sqlite_house
    csv = tmp_path / "sent.csv"
    csv.write_text("message_id,recipient\n" + "".join(f"{message_id(n)},full@example.org\n" for n in range(1, 8)))
    house.call("import-sent", str(csv))
    box = tmp_path / "reports"
    box.mkdir()
    for number in (1, 2):
        (box / f"{number}.eml").write_bytes(report(number, "full@example.org", FULL, 8 * number))
    house.call("import", str(box))
    assert [row["state"] for row in house.rows("recipients", "show", "full@example.org")] == ["watching"]
    service = house.start("run")
    wait_until(lambda: "action=web_started" in house.log(), 20, "listening")
    row = {"recipient": "Full@example.org", "at": (START + timedelta(days=17)).isoformat()}
    answer = httpx.post(f"{url}/api/v1/delivered", headers=SHOWN, json=[row])
    assert answer.json()["reset"] == 1
    service.send_signal(signal.SIGTERM)
    assert service.wait(30) == 0
    (box / "3.eml").write_bytes(report(3, "full@example.org", FULL, 24))
    house.call("import", str(box))
    (shown,) = house.rows("recipients", "show", "full@example.org")
    assert (shown["state"], house.suppressions()) == ("watching", [])  # one of three, not three of three


def test_an_address_that_is_taken_ends_the_start(sqlite_house: House, url: str) -> None:
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        service = sqlite_house.start("run")
        assert service.wait(30) == 1
    assert f"web.listen: 127.0.0.1:{port} is not available" in sqlite_house.log()
