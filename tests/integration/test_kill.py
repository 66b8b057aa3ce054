"""kill -9 at random moments of a pass: the ledger of an undisturbed run, no mail lost, every decision told."""

import random
import signal
import subprocess
from collections import defaultdict
from functools import partial
from typing import Any

import pytest

from tests.integration.house import House, wait_until
from tests.mail import mailbag
from tests.servers.dovecot import Dovecot
from tests.servers.receiver import Received, Receiver, running

COUNT = 2000
FEW = 400
KILLS = 20
FEW_KILLS = 4
KEYS = 'page_messages = 20\nidle = false'
EVENTS = 'events = ["recipient.suppressed", "recipient.released", "complaint.recorded"]'
WEBHOOK = f'timeout = "1s"\n{EVENTS}'


def ledger_of(house: House) -> tuple[Any, ...]:
    """Everything that is kept, without what differs by nature: times of writing and random webhook-ids."""
    events = [{name: value for name, value in row.items() if name != "mailbox"} for row in house.events()]
    suppressions = sorted(house.suppressions(), key=lambda row: (row["recipient"], row["stream"]))
    outbox = sorted((row["type"], row["recipient"], row["sequence"]) for row in house.outbox()
                    if row["state"] in {"delivered", "superseded"})  # which of the two is a matter of timing
    return sorted(events, key=lambda row: row["id"]), suppressions, outbox


def fill(dovecot: Dovecot, user: str, count: int) -> list[bytes]:
    contents = []
    for content, received_at in mailbag(count, recipients=count * 3 // 10):
        dovecot.deliver(user, [content], received_at=received_at)
        contents.append(content)
    return contents


def filed(house: House) -> int:
    return sum(house.filed().values())


def killed_along_the_way(house: House, count: int, kills: int, seed: int) -> None:
    """Kills the service each time a random further share of the mail has been filed."""
    choose = random.Random(seed)
    for goal in sorted(choose.randrange(count) for _ in range(kills)):
        service = house.start("run")
        reached = partial(_reached, house, service, goal)
        wait_until(reached, 60, f"{goal} filed")
        assert service.poll() is None, house.log()
        service.send_signal(signal.SIGKILL)
        service.wait()


def _reached(house: House, service: subprocess.Popen[str], goal: int) -> bool:
    return filed(house) >= goal or service.poll() is not None


def finished(house: House) -> bool:
    return house.left() == 0 and not house.rows("outbox", "list", "--state", "due")


def one_id_each(requests: tuple[Received, ...]) -> bool:
    ids = defaultdict(set)
    for request in requests:
        ids[request.type, request.data["recipient"], request.data["stream"], request.data["sequence"]].add(request.id)
    return all(len(found) == 1 for found in ids.values())


@pytest.fixture
def calm(tmp_path_factory: pytest.TempPathFactory, shared_dovecot: Dovecot, count: int) -> tuple[Any, ...]:
    """The ledger of an undisturbed run."""
    root = tmp_path_factory.mktemp("calm")
    with running() as receiver:
        it = House(root, shared_dovecot, receiver, f"sqlite:///{root}/ledger.db", "other", KEYS, EVENTS, capped=False)
        it.configure()
        fill(it.dovecot, it.user, count)
        it.call("poll")
        return ledger_of(it)


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("count", "kills"), [(FEW, FEW_KILLS), pytest.param(COUNT, KILLS, marks=pytest.mark.whole)])
def test_killed_again_and_again(
    calm: tuple[Any, ...], house: House, receiver: Receiver, count: int, kills: int
) -> None:
    house.mailbox_keys, house.webhook_keys = KEYS, WEBHOOK
    house.capped = False  # who is first within a cap is a matter of where a page begins
    house.configure()
    contents = fill(house.dovecot, house.user, count)

    killed_along_the_way(house, count, kills, seed=7)
    started = house.log().count("service_started")
    service = house.start("run")
    wait_until(lambda: finished(house), 120, "the rest is done")
    wait_until(lambda: house.log().count("service_started") > started, 30, "it can be stopped")
    service.terminate()
    assert service.wait(20) == 0

    copies = [message for name in house.filed() for message in house.folder(name)]
    assert sorted(copies) == sorted(contents)
    assert ledger_of(house) == calm
    requests = tuple(request for request in receiver.requests if request.verified)  # a kill may cut one off
    assert {row["id"] for row in house.outbox() if row["state"] == "delivered"} <= {each.id for each in requests}
    assert one_id_each(requests)
