"""The doctor, on servers that are well and on servers that are not."""

import json
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from imapclient import IMAPClient
from pydantic import SecretStr
from structlog.testing import capture_logs

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.service.demo import Stage, stage
from bounce_watcher.service.polling import poll_once
from bounce_watcher.service.setup import mailbox_doctor
from bounce_watcher.service.setup.doctor import examine
from bounce_watcher.service.setup.mailbox_doctor import Check
from tests.cli.conftest import Program
from tests.intake.conftest import account_on
from tests.intake.scripted import scripted
from tests.servers.dovecot import Dovecot, Layout


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
    assert "password" in check.fix
    assert "wrong" not in check.detail


def test_a_missing_folder_has_a_mend(here: Stage) -> None:
    account = replace(here.settings.mailboxes[0], folders=("INBOX", "Returns"))
    check, = failures(replace(here.settings, mailboxes=(account,)))
    assert check.detail == "there is no folder Returns"
    assert "folder" in check.fix


def test_a_server_that_is_away_has_a_mend(here: Stage) -> None:
    account = replace(here.settings.mailboxes[0], port=9)
    target = replace(here.settings.webhooks[0], url="http://127.0.0.1:9/hook")
    found = failures(replace(here.settings, mailboxes=(account,), webhooks=(target,)))
    assert [check.name for check in found] == ["mailbox returns", "webhook platform"]
    assert all(check.fix for check in found)


def test_a_database_that_cannot_be_made_has_a_mend(here: Stage, tmp_path: Path) -> None:
    url = SecretStr(f"sqlite:///{tmp_path}/none/ledger.db")
    check, = failures(replace(here.settings, database_url=url))
    assert "no such folder" in check.detail
    assert "mkdir" in check.fix


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
    assert says in f"{check.detail} {check.fix}"


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


def test_a_ledger_of_another_schema_than_it_claims(program: Program) -> None:
    program.ledger("db", "upgrade")
    with closing(sqlite3.connect(program.folder / "ledger.db")) as connection:
        connection.execute("CREATE TABLE customer (id INTEGER)")
        added = [row for row in program.ledger("doctor", "--json").rows if row["name"] == "schema"]
        connection.execute("DROP TABLE held")
        connection.execute("DROP INDEX event_by_reason")
    assert [(row["ok"], row["detail"]) for row in added] == [
        (True, "the tables are those of this version"), (True, "table customer is not the ledger's own"),
    ]
    index, table = (row for row in program.ledger("doctor", "--json").rows if row["name"] == "schema")
    assert (index["ok"], index["detail"]) == (False, "index event_by_reason of table event is missing")
    assert index["mend"] == "run: CREATE INDEX event_by_reason ON event (reason, at, id)"
    assert (table["ok"], table["detail"]) == (False, "table held is missing")
    assert "`db upgrade` can't repair it" in table["mend"]


def test_a_configuration_that_every_user_can_change(program: Program) -> None:
    program.config.chmod(0o646)
    assert "can be changed by every user of this machine: chmod 640" in program.ledger("check-config").out


# ── what a pass needs of a mailbox ──────────────────────────────────────────────────────────────────────────────────

SELECTED = ["* 2 EXISTS", "* OK [UIDVALIDITY 7] .", r"* OK [PERMANENTFLAGS (\Deleted \*)] .", "{tag} OK [READ-WRITE] ."]
FOLDERS = ['* LIST () "/" "Bounces/Processed"', '* LIST () "/" "Bounces/Review"', '* LIST () "/" "Bounces/Quarantine"',
           "{tag} OK"]


def of_mailbox(answers: dict[str, list[str]], capability: str, **changes: object) -> tuple[list[Check], list[str]]:
    """What the doctor finds wrong or advises, and what the server heard."""
    script = {"SELECT": SELECTED, "LIST": FOLDERS} | answers
    with scripted(lambda talk: talk.serve(script, f"IMAP4rev1 {capability}")) as server:
        found = list(mailbox_doctor.examine(server.account(**changes), TokenStore()))
        return [check for check in found if check.fix], list(server.heard)


def test_nothing_is_wrong_where_a_pass_can_do_its_work() -> None:
    found, heard = of_mailbox({"MYRIGHTS": ["* MYRIGHTS x lrswite", "{tag} OK"]}, "MOVE ACL IDLE")
    assert found == []
    assert not [command for command in heard if command.startswith(("CREATE", "APPEND", "UID COPY", "UID MOVE"))]


@pytest.mark.parametrize(("answers", "capability", "detail", "mend"), [
    ({"MYRIGHTS INBOX": ["* MYRIGHTS INBOX lrs", "{tag} OK"], 'MYRIGHTS "INBOX': ["* MYRIGHTS INBOX lrs", "{tag} OK"],
      "MYRIGHTS": ["* MYRIGHTS x lrswite", "{tag} OK"]}, "MOVE ACL",
     "folder INBOX: its user lacks the right to delete messages (t) and to expunge (e)", "grant it (SETACL"),
    ({"SELECT": ["* 2 EXISTS", "* OK [UIDVALIDITY 7] .", "{tag} OK [READ-ONLY] ."]}, "MOVE",
     "folder INBOX is read-only", "give its user the right to change it"),
    ({'MYRIGHTS "BOUNCES/REVIEW': ["* MYRIGHTS x lrs", "{tag} OK"], "MYRIGHTS": ["* MYRIGHTS x lrswite", "{tag} OK"]},
     "MOVE ACL", "folder Bounces/Review: its user lacks the right to insert (i)", "grant it"),
    ({"GETQUOTAROOT": ["* QUOTAROOT x root", "* QUOTA root (STORAGE 100 100)", "{tag} OK"]}, "MOVE QUOTA",
     "folder Bounces/Processed is full, so settled mail waits where it is (STORAGE of quota root root: 100 of 100 KiB",
     "make room there"),
    ({"LIST": ['* LIST () "/" Bounces', "{tag} OK"], "MYRIGHTS": ["* MYRIGHTS x lrswite", "{tag} OK"]}, "MOVE ACL",
     "folder Bounces: its user lacks the right to create (k), so folder Bounces/Processed can't be made", "grant it"),
])
def test_what_would_stop_a_pass_is_told_with_its_mend(
    answers: dict[str, list[str]], capability: str, detail: str, mend: str
) -> None:
    found, _ = of_mailbox(answers, capability)
    first = found[0]
    assert not first.ok
    assert first.detail.startswith(detail)
    assert first.fix.startswith(mend)


def test_a_server_without_any_way_to_mark_mail_is_read_and_advice_given() -> None:
    fixed = ["* 2 EXISTS", "* OK [UIDVALIDITY 7] .", r"* OK [PERMANENTFLAGS (\Seen)] .", "{tag} OK [READ-WRITE] ."]
    found, _ = of_mailbox({"SELECT": fixed}, "")
    assert all(check.ok for check in found)
    assert any("the ledger keeps in mind which are" in check.detail and check.fix for check in found)


def test_a_broken_auth_plain_is_told() -> None:
    found, _ = of_mailbox({"AUTHENTICATE": ["+ ", "{tag} NO out of order"]}, "MOVE AUTH=PLAIN")
    mend = 'set auth = "login": without it each log-in tries both'
    assert [(check.ok, check.fix) for check in found] == [(True, mend)]


def test_a_sign_that_parts_levels_is_told_of_before_the_folder_is_made() -> None:
    names = {"NAMESPACE": ['* NAMESPACE (("" ".")) NIL NIL', "{tag} OK"], "LIST": ["{tag} OK"]}
    found, heard = of_mailbox(names, "MOVE NAMESPACE", processed_folder="Done 2.0")
    assert [check.ok for check in found] == [True]
    assert "the server takes “.” for the end of a level" in found[0].detail
    assert not [command for command in heard if command.startswith("CREATE")]


def test_a_mail_of_its_own_is_put_in_and_taken_out_again(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    dovecot = start_dovecot(Layout())
    dovecot.deliver("bounces", [b"Subject: kept\n\n"], "Bounces/Processed")
    assert [check for check in mailbox_doctor.examine(account_on(dovecot), TokenStore()) if not check.ok] == []
    assert dovecot.messages("bounces", "Bounces/Processed") == [b"Subject: kept\n\n"]
    with patch.object(IMAPClient, "append", side_effect=IMAPClient.Error("append failed: [OVERQUOTA] full")):
        check, = [check for check in mailbox_doctor.examine(account_on(dovecot), TokenStore()) if not check.ok]
    assert check.detail == "folder Bounces.Processed takes no mail (the server says: append failed: [OVERQUOTA] full)"
