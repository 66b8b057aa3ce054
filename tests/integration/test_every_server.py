"""The main job on IMAP servers of every kind: what is true on Dovecot is true there, and what can't be is told."""

import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from imapclient.imapclient import Quota

from tests.integration.house import FOLDERS, House, called, wait_until
from tests.integration.test_kill import ledger_of
from tests.mail import mailbag
from tests.servers import courier, cyrus
from tests.servers.courier import Courier
from tests.servers.cyrus import ADMIN, Cyrus
from tests.servers.dovecot import Dovecot
from tests.servers.mailboxes import Mailboxes
from tests.servers.mailutils import Mailutils
from tests.servers.receiver import Receiver, running

COUNT = 150
KILLS = 2
MORE_KILLS = (5, 20)
PAGES = "page_messages = 10\nidle = false"
WEBHOOK = 'timeout = "1s"'

Start = Callable[[pytest.FixtureRequest], Mailboxes]


def _cyrus(*suppressed: str, altnamespace: bool = True, unixhierarchysep: bool = True) -> Start:
    layout = cyrus.Layout(altnamespace, unixhierarchysep, suppressed)
    return lambda request: request.getfixturevalue("start_cyrus")(layout)


def _courier(*hidden: str) -> Start:
    layout = courier.Layout(frozenset(hidden))
    return lambda request: request.getfixturevalue("start_courier")(layout)


SERVERS: dict[str, Start] = {"cyrus": _cyrus()}
MORE: dict[str, Start] = {
    "courier": _courier(),
    "cyrus, all below INBOX": _cyrus(altnamespace=False, unixhierarchysep=False),
    "cyrus without MOVE": _cyrus("MOVE"),
    "cyrus without MOVE and UIDPLUS": _cyrus("MOVE", "UIDPLUS"),
    "courier without UIDPLUS": _courier("UIDPLUS"),
    "mailutils": lambda request: request.getfixturevalue("start_mailutils")(),
}
"""The table of --all."""

whole = pytest.mark.whole


@pytest.fixture(scope="module")
def started(request: pytest.FixtureRequest) -> Mailboxes:
    return {**SERVERS, **MORE}[request.param](request)


@pytest.fixture
def server(started: Mailboxes) -> Mailboxes:
    started.clear()
    return started


every = pytest.mark.parametrize(
    "started", [*SERVERS, *(pytest.param(name, marks=whole) for name in MORE)], indirect=True, scope="module"
)


@pytest.fixture
def house(tmp_path: Path, server: Mailboxes, receiver: Receiver) -> Iterator[House]:
    place = cast("Dovecot", server)  # nothing is asked of it but what Mailboxes has
    it = House(tmp_path, place, receiver, f"sqlite:///{tmp_path}/ledger.db", webhook_keys=WEBHOOK, capped=False)
    it.mailbox_keys = PAGES
    it.configure()
    yield it
    it.close()


def mail(count: int = COUNT) -> list[tuple[bytes, Any]]:
    return list(mailbag(count, recipients=count // 3))


def fill(house: House, count: int = COUNT) -> list[bytes]:
    for content, received_at in mail(count):
        house.dovecot.deliver(house.user, [content], received_at=received_at)
    rewrites = isinstance(house.dovecot, Mailutils)
    return house.dovecot.messages(house.user) if rewrites else [content for content, _ in mail(count)]


@pytest.fixture(scope="module")
def on_dovecot(tmp_path_factory: pytest.TempPathFactory, shared_dovecot: Dovecot) -> tuple[Any, ...]:
    """The ledger of the same mail in a Dovecot that nobody disturbs."""
    root = tmp_path_factory.mktemp("dovecot")
    shared_dovecot.clear()
    with running() as receiver:
        it = House(root, shared_dovecot, receiver, f"sqlite:///{root}/ledger.db", webhook_keys="", capped=False)
        it.mailbox_keys = PAGES
        it.configure()
        fill(it)
        it.call("poll")
        return ledger_of(it)


def stays(house: House) -> bool:
    """Whether settled mail stays in its folder, marked, as the server can't take away just that."""
    told = house.call("doctor")
    return "neither MOVE nor UIDPLUS" in told


def finish(house: House, service: subprocess.Popen[str] | None = None) -> None:
    """Lets a service do what is left to be done, and told."""
    started = house.log().count("service_started")
    if service is None:
        service = house.start("run")
        wait_until(lambda: house.log().count("service_started") > started, 30, "it can be stopped")
    wait_until(lambda: sum(house.filed().values()) >= COUNT, 90, "all is filed")
    wait_until(lambda: not house.rows("outbox", "list", "--state", "due"), 90, "all is told")
    service.terminate()
    assert service.wait(30) == 0, house.log()


def assert_as(house: House, on_dovecot: tuple[Any, ...]) -> None:
    """The ledger is the same; where a server writes header fields anew and forgets when mail came, its verdicts are."""
    wait_until(partial(all_told, house), 90, "all is told")
    found = ledger_of(house)
    if isinstance(house.dovecot, Mailutils):
        assert verdicts(found) == verdicts(on_dovecot)
    else:
        assert found == on_dovecot


def all_told(house: House) -> bool:
    """On a busy machine a receiver may take longer than the time-out."""
    is_due = bool(house.rows("outbox", "list", "--state", "due"))
    if is_due:
        called("-c", str(house.config), "poll")
    return not is_due


def verdicts(ledger: tuple[Any, ...]) -> Counter[tuple[str, ...]]:
    events, *_ = ledger
    return Counter((each["recipient"], each["kind"], each["bounce_type"], each["reason"]) for each in events)


def lies_once(house: House, contents: list[bytes]) -> None:
    filed = [message for name in FOLDERS for message in house.folder(name)]
    assert Counter(filed) == Counter(contents)


@every
def test_a_pass_is_as_on_dovecot_and_a_second_finds_nothing(house: House, on_dovecot: tuple[Any, ...]) -> None:
    contents = fill(house)
    assert " 150 messages" in house.process("poll")
    assert_as(house, on_dovecot)
    lies_once(house, contents)
    assert house.left() == (COUNT if stays(house) else 0)
    assert ": 0 messages" in house.call("poll")
    lies_once(house, contents)
    house.call("doctor")


def reached(house: House, service: subprocess.Popen[str], goal: int) -> bool:
    return sum(house.filed().values()) >= goal or service.poll() is not None


def killed(house: House, kills: int, seed: int) -> None:
    choose = random.Random(seed)

    for goal in sorted(choose.randrange(COUNT) for _ in range(kills)):
        service = house.start("run")
        wait_until(partial(reached, house, service, goal), 60, f"{goal} filed")
        assert service.poll() is None, house.log()
        service.send_signal(signal.SIGKILL)
        service.wait()


@every
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", [KILLS, *(pytest.param(more, marks=whole) for more in MORE_KILLS)])
def test_killed_again_and_again_each_mail_lies_in_one_folder(
    house: House, on_dovecot: tuple[Any, ...], kills: int
) -> None:
    contents = fill(house)
    killed(house, kills, seed=kills)
    finish(house)
    lies_once(house, contents)
    assert_as(house, on_dovecot)


@every
def test_a_server_restarted_in_mid_pass_loses_nothing(house: House, on_dovecot: tuple[Any, ...]) -> None:
    contents = fill(house)
    service = house.start("run")
    wait_until(lambda: sum(house.filed().values()) >= 20, 60, "the pass is under way")
    house.dovecot.stop()
    wait_until(lambda: "trouble_raised" in house.log(), 60, "the outage is logged")
    house.dovecot.start()
    finish(house, service)
    lies_once(house, contents)
    assert_as(house, on_dovecot)


@every
def test_new_mail_is_seen_while_the_service_waits(house: House) -> None:
    if isinstance(house.dovecot, Mailutils):
        pytest.skip("it tells nobody of new mail: the polls see it")
    house.mailbox_keys = ""
    house.configure()
    house.config.write_text(house.config.read_text().replace('poll_every = "1s"', 'poll_every = "1h"'))
    service = house.start("run")
    wait_until(lambda: "service_started" in house.log() or service.poll() is not None, 30, "the service is ready")
    house.dovecot.deliver(house.user, [mail(1)[0][0]])
    wait_until(lambda: sum(house.filed().values()) == 1, 60, "it is filed")


ODD = "Rückläufer & Co/(sales)"


@every
def test_odd_names_of_folders(house: House, server: Mailboxes) -> None:
    house.mailbox_keys = f'folder = "{ODD}"\nprocessed_folder = "Erledigt/退信 [1]"'
    house.configure()
    contents = [content for content, _ in mail(10)]
    server.deliver(house.user, contents, ODD)
    house.process("poll")
    filed = [message for name in ("Erledigt/退信 [1]", FOLDERS["review"], FOLDERS["quarantine"])
             for message in house.folder(name)]
    assert Counter(filed) == Counter(contents)


# ── what is missing ─────────────────────────────────────────────────────────────────────────────────────────────────

def polled(house: House) -> str:
    """What a pass that has something in its way says on stderr."""
    done = called("-c", str(house.config), "poll")
    assert done.returncode == 1, done.stdout
    return done.stderr


def prepared(house: House, server: Mailboxes) -> None:
    """The folders that settled mail goes to are there, and the user has every right in them."""
    for folder in FOLDERS.values():
        server.deliver(house.user, [b"Subject: first\n\n"], folder)


@every
@pytest.mark.parametrize("rights", ["lrs", "lrsw"])
def test_without_the_right_to_remove_mail_is_read_and_copied_once(
    house: House, server: Cyrus | Courier | Mailutils, on_dovecot: tuple[Any, ...], rights: str
) -> None:
    if isinstance(server, Mailutils):
        pytest.skip("it has neither rights nor quotas")
    contents = fill(house)
    prepared(house, server)
    server.set_rights(house.user, "INBOX", rights)
    can_only_mark = stays_without(house)
    told = [polled(house) if not (can_only_mark and "w" in rights) else house.call("poll") for _ in range(3)]
    assert_as(house, on_dovecot)
    assert house.left() == COUNT
    assert sum(house.filed().values()) == COUNT + len(FOLDERS)
    assert len(contents) == COUNT
    if can_only_mark:
        return
    lacks = "folder INBOX: its user lacks the right to delete messages (t) and to expunge (e)"
    assert all(lacks in each for each in told)
    assert "lacks the right to delete messages (t)" in house.call("doctor", status=1)
    server.set_rights(house.user, "INBOX", "lrswipkxte")
    house.call("poll")
    assert house.left() == (COUNT if "w" in rights else 0)
    assert sum(house.filed().values()) == COUNT + len(FOLDERS)


def stays_without(house: House) -> bool:
    return "neither MOVE nor UIDPLUS" in called("-c", str(house.config), "doctor").stdout


def room(server: Cyrus | Courier, house: House, kib: int) -> None:
    """Of the folder Processed alone where a server has quotas by folder, else of the whole mailbox."""
    if isinstance(server, Cyrus):
        with server.connected(ADMIN) as client:
            client.set_quota([Quota(server.name(house.user, FOLDERS["processed"]), "STORAGE", 0, kib)])
    else:
        server.set_quota(house.user, kib)


@every
def test_a_full_destination_stops_neither_reading_nor_other_folders(
    house: House, server: Cyrus | Courier | Mailutils, on_dovecot: tuple[Any, ...]
) -> None:
    if isinstance(server, Mailutils):
        pytest.skip("it has neither rights nor quotas")
    contents = fill(house)
    prepared(house, server)
    room(server, house, 1)
    told = [polled(house) for _ in range(2)]
    assert_as(house, on_dovecot)
    assert all("is full, so settled mail waits where it is" in each for each in told)
    assert "STORAGE" in told[0]
    doctor = house.call("doctor", status=1)
    assert "is full" in doctor and "make room there" in doctor
    if isinstance(server, Cyrus):
        assert house.filed()["review"] > 1
    room(server, house, 1_000_000)
    house.call("poll")
    filed = [message for name in FOLDERS for message in house.folder(name)]
    assert Counter(filed) == Counter([*contents, *[b"Subject: first\n\n"] * len(FOLDERS)])
    assert_as(house, on_dovecot)


