"""The doctor, on servers that are well and on servers that are not."""

import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from bounce_watcher.config import Settings
from bounce_watcher.service.checks import Check
from bounce_watcher.service.demo import Stage, stage
from bounce_watcher.service.doctor import examine
from bounce_watcher.service.poll import poll_once
from tests.cli.conftest import Program


class Platform:
    """Answers HEAD as told, and nothing else."""

    def __init__(self) -> None:
        self.status = 204
        self.headers: dict[str, str] = {}

        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response_only(self.status)
            for name, value in self.headers.items():
                request.send_header(name, value)
            request.end_headers()

        handler = type("Handler", (BaseHTTPRequestHandler,), {"do_HEAD": answer, "log_message": lambda *_: None})
        self.server = HTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"


@pytest.fixture
def platform() -> Iterator[Platform]:
    it = Platform()
    thread = threading.Thread(target=it.server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield it
    it.server.shutdown()
    it.server.server_close()
    thread.join()


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as it:
        yield it


def failures(settings: Settings) -> list[Check]:
    return [check for check in examine(settings) if not check.ok]


def details(settings: Settings) -> str:
    return "\n".join(check.detail for check in examine(settings))


def test_all_is_well(here: Stage) -> None:
    assert failures(here.settings) == []
    told = details(here.settings)
    assert "the first poll makes it" in told
    assert "logged in" in told
    assert "MOVE: settled mail is moved" in told
    assert f"folder INBOX holds {len(here.mail)} messages" in told
    assert "folder Bounces/Processed is not there yet" in told


def test_it_changes_nothing(here: Stage) -> None:
    list(examine(here.settings))
    assert not (here.config.parent / "ledger.db").exists()
    assert here.receiver.hooks == ()
    assert "is not there yet" in details(here.settings)


def test_after_a_poll(here: Stage) -> None:
    poll_once(here.settings)
    assert failures(here.settings) == []
    told = details(here.settings)
    assert "the tables are those of this version" in told
    assert "folder Bounces/Processed is there" in told


def test_a_wrong_password_has_a_mend(here: Stage) -> None:
    account = replace(here.settings.mailboxes[0], password=SecretStr("wrong"))
    check, = failures(replace(here.settings, mailboxes=(account,)))
    assert "refused" in check.detail
    assert "password" in check.mend
    assert "wrong" not in check.detail


def test_a_missing_folder_has_a_mend(here: Stage) -> None:
    account = replace(here.settings.mailboxes[0], folders=("INBOX", "Returns"))
    check, = failures(replace(here.settings, mailboxes=(account,)))
    assert check.detail == "there is no folder Returns"
    assert "folder" in check.mend


def test_a_server_that_is_away_has_a_mend(here: Stage) -> None:
    account = replace(here.settings.mailboxes[0], port=9)
    target = replace(here.settings.webhooks[0], url="http://127.0.0.1:9/hook")
    found = failures(replace(here.settings, mailboxes=(account,), webhooks=(target,)))
    assert [check.name for check in found] == ["mailbox returns", "webhook platform"]
    assert all(check.mend for check in found)


def test_a_database_that_cannot_be_made_has_a_mend(here: Stage, tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path}/none/ledger.db")
    check, = failures(replace(here.settings, database_url=url))
    assert "no such folder" in check.detail
    assert "mkdir" in check.mend


@pytest.mark.parametrize("status, ok, says", [
    (204, True, "204"),
    (405, True, "it is there"),
    (501, True, "it is there"),
    (401, True, "signature"),
    (403, True, "POST"),
    (404, True, "path"),
    (410, False, "new place"),
    (500, False, "trouble"),
    (302, False, "https://platform.example/new"),
])
def test_what_a_webhook_answers(here: Stage, platform: Platform, status: int, ok: bool, says: str) -> None:
    platform.status = status
    platform.headers = {"Location": "https://platform.example/new"}
    check = found(here, platform, "webhook platform")
    assert check.ok is ok
    assert says in f"{check.detail} {check.mend}"


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> str:
    """A name that leads to this machine."""
    name, real = "platform.example", socket.getaddrinfo

    def look_up(host: str, *rest: Any, **more: Any) -> Any:
        return real("127.0.0.1" if host == name else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return name


def test_a_name_that_leads_inside_has_a_mend(here: Stage, platform: Platform, inside: str) -> None:
    target = replace(here.settings.webhooks[0], url=platform.url.replace("127.0.0.1", inside))
    check, = failures(replace(here.settings, webhooks=(target,)))
    assert check == Check(
        "webhook platform", False,
        f"{target.url}: no connection: platform.example is at 127.0.0.1, which is loopback and not of the internet",
        'if it is meant, add allow_hosts = ["platform.example"] to its table',
    )
    mended = replace(target, allow_hosts=frozenset({inside}))
    assert failures(replace(here.settings, webhooks=(mended,))) == []


def test_a_webhook_that_led_inside_before_becomes_a_trouble_with_the_mend(
    here: Stage, platform: Platform, inside: str
) -> None:
    target = replace(here.settings.webhooks[0], url=platform.url.replace("127.0.0.1", inside))
    with capture_logs() as logged:
        report = poll_once(replace(here.settings, webhooks=(target,)))
    assert [(each["about"], each["trouble"]) for each in logged if each.get("action") == "trouble_raised"] == [(
        "webhook platform", "no connection: platform.example is at 127.0.0.1, which is loopback and not of the "
        'internet; if it is meant, add allow_hosts = ["platform.example"] to its table',
    )]
    (delivery,) = report.deliveries
    assert (delivery.delivered, delivery.dead) == (0, 0)
    assert delivery.retried > 0


def test_what_a_url_asks_with_is_not_shown(here: Stage, platform: Platform) -> None:
    target = replace(here.settings.webhooks[0], url=f"{platform.url}?token=hunter2")
    assert "hunter2" not in str(list(examine(replace(here.settings, webhooks=(target,)))))
    platform.status = 500
    assert "hunter2" not in str(list(examine(replace(here.settings, webhooks=(target,)))))


@pytest.mark.parametrize("date, ok, says", [
    ("Thu, 01 Jan 2015 00:00:00 GMT", False, "ahead of"),
    ("Fri, 01 Jan 2100 00:00:00 GMT", False, "behind"),
    ("no date", True, "no server told"),
])
def test_the_clock(here: Stage, platform: Platform, date: str, ok: bool, says: str) -> None:
    platform.headers = {"Date": date}
    check = found(here, platform, "clock")
    assert check.ok is ok
    assert says in check.detail


def found(here: Stage, platform: Platform, name: str) -> Check:
    target = replace(here.settings.webhooks[0], url=platform.url)
    check, = [each for each in examine(replace(here.settings, webhooks=(target,))) if each.name == name]
    return check


def test_a_configuration_without_mailbox_fails(here: Stage) -> None:
    found = failures(replace(here.settings, mailboxes=()))
    assert [check.name for check in found] == ["configuration"]


def test_the_command(program: Program, here: Stage) -> None:
    done = program.call("doctor", "-c", str(here.config))
    assert done.status == 0
    assert all(line.startswith(("ok ", "      → ")) for line in done.out.splitlines())
    broken = program.ledger("doctor", "--json")
    assert broken.status == 1
    rows = [json.loads(line) for line in broken.out.splitlines()]
    assert all(set(row) == {"name", "ok", "detail", "mend"} for row in rows)
    assert {row["name"] for row in rows if not row["ok"]} == {"mailbox returns", "webhook platform"}


@pytest.mark.parametrize(("mode", "status", "told"), [
    (0o600, True, ""), (0o644, True, "can be read by every user of this machine"),
    (0o666, False, "can be changed by every user of this machine"),
])
def test_a_ledger_that_every_user_can_get_at(program: Program, mode: int, status: bool, told: str) -> None:
    program.ledger("db", "upgrade")
    file = program.folder / "ledger.db"
    file.chmod(mode)
    found = [row for row in program.ledger("doctor", "--json").rows if str(file) in row["detail"]]
    assert [(row["ok"], row["mend"]) for row in found] == [(status, f"chmod o-rwx {file}")] * bool(told)
    checked = program.ledger("check-config")
    assert checked.status == 0
    lines = [line for line in checked.out.splitlines() if str(file) in line]
    assert [line.startswith("warning: database: ") and told in line and f"chmod o-rwx {file}" in line
            for line in lines] == [True] * bool(told)


def test_a_configuration_that_every_user_can_change(program: Program) -> None:
    program.config.chmod(0o646)
    assert "can be changed by every user of this machine: chmod 640" in program.ledger("check-config").out
