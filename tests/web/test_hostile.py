"""Mail full of traps, through the service's own recorder, shown harmless wherever it can be seen.

The pages are found by their links and those of the API by its own description, so that a new one is covered by itself.
"""

import csv
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import httpx
import pytest
import structlog

from bounce_watcher.cli.main import main
from bounce_watcher.config import load
from bounce_watcher.model.message import RawMessage
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.recording import Recorder
from bounce_watcher.service.state import Troubles
from tests.browser.crawling import Links, crawl, inline_code, route_of
from tests.web.conftest import TOKEN, Web

NOW = datetime.now(UTC).replace(microsecond=0)
UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
"""What neither a page nor a terminal may be given; lines end by LF, or CR LF."""

MOST_BYTES = 400_000
"""Of a page."""

TRAPS = {
    "script": '<script>alert(1)</script>',
    "image": '"><img src=x onerror=alert(1)>',
    "attribute": "' onmouseover='alert(1)",
    "template": "{{ 7*7 }}{% raw %}",
    "link": "javascript:alert(1)//",
    "formula": "=cmd|' /C calc'!A0",
    "full width formula": "＝HYPERLINK(1)",
    "title of a terminal": "\x1b]0;owned\x07\x1b[2J",
    "clipboard of a terminal": "\x1b]52;c;cm0gLXJm\x07",
    "8-bit controls": "\x9b2J\x9d0;owned\x9c",
    "right to left": "\u202egpj.exe\u2066",
    "invisible": "a\u200bb\u2060c\ufeff",
    "NUL": "a\x00b",
    "comment": "<!--",
    "lines": "one\r\n\r\n<script src=//evil.example></script>",
}
PARTS = ("subject", "diagnostic", "remote_mta", "reporting_mta", "local_part", "header_name", "words", "status",
         "message_id")


@dataclass(frozen=True)
class Told:
    """A report's parts, each of which a stranger writes."""

    subject: str = "Undelivered Mail Returned to Sender"
    diagnostic: str = "no such user"
    remote_mta: str = "mx.example.org"
    reporting_mta: str = "out.example.com"
    local_part: str = "user"
    header_name: str = "X-Reason"
    words: str = "said: 550 5.1.1 unknown"
    status: str = "5.1.1"
    message_id: str = "1.news@example.com"


def report(number: int, told: Told) -> bytes:
    address = f"{told.local_part}{number}@h{number % 7}.example"
    text = f"""\
Return-Path: <>
From: MAILER-DAEMON@out.example.com (Mail Delivery System)
To: returns@example.com
Subject: {told.subject}
{told.header_name}: yes
Auto-Submitted: auto-replied
Message-ID: <{number}@out.example.com>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain; charset=utf-8

This is the mail system at host out.example.com.

<{address}>: host mx.example.org[203.0.113.5] {told.words} (in reply to RCPT TO command)

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; {told.reporting_mta}

Final-Recipient: rfc822; {address}
Action: failed
Status: {told.status}
Remote-MTA: dns; {told.remote_mta}
Diagnostic-Code: smtp; 550 5.1.1 {told.diagnostic}

--b
Content-Type: text/rfc822-headers

From: Example News <news@example.com>
To: {address}
Subject: {told.subject}
Message-ID: <{told.message_id}>

--b--
"""
    return text.encode()


def mails() -> Iterator[tuple[str, bytes]]:
    """With names: each trap in each part, in all of them, in what nobody understands; a megabyte of a subject."""
    number = 0
    for trap in TRAPS.values():
        for part in PARTS:
            number += 1
            yield part, report(number, Told(**{part: trap}))
        number += 1
        yield "all", report(number, Told(**dict.fromkeys(PARTS, trap)))
        yield "other", (f"From: {trap} <mailer-daemon@h1.example>\nTo: returns@example.com\n"
                        f"Subject: failure {trap}\n"
                        f"Message-ID: <{number}.x@h1.example>\n\n"
                        f"The blorp {trap} could not be flurbed: {trap}\n").encode()
    yield "megabyte", report(number + 1, Told(subject="=1+1" * 262_144))


@dataclass(frozen=True)
class Stored:
    config: Path
    folder: Path
    client: Web


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stored]:
    root = tmp_path_factory.mktemp("hostile")
    config = root / "config.toml"
    config.write_text(f"""
[database]
url = "sqlite:///{root}/ledger.db"
[[mailbox]]
name = "returns"
host = "127.0.0.1"
username = "returns"
password = "-"
[[webhook]]
name = "platform"
url = "http://127.0.0.1/"
secret = "whsec_{"a" * 32}"
[web]
listen = "127.0.0.1:8025"
token = "{TOKEN}"
""")
    config.chmod(0o600)
    settings, folder = load(config), root / "mail"
    folder.mkdir()
    page = []
    for number, (name, content) in enumerate(mails()):
        (folder / f"{number:03}-{name}.eml").write_bytes(content)
        page.append(RawMessage(f"INBOX#{number}", content, NOW - timedelta(minutes=number), mailbox="returns"))
    with open_ledger(settings) as ledger, Analyser(settings.attribution, 1) as analyser:
        totals = Recorder(settings, ledger, analyser, Troubles()).drain([page], lambda places, totals: None, Event())
        assert (totals.messages, totals.quarantined) == (len(page), 0)
        yield Stored(config, folder, Web(settings, ledger, bearer=True))


def browser(client: Web) -> httpx.Client:
    """Asks without a socket."""
    def answered(request: httpx.Request) -> httpx.Response:
        answer = client.get(request.url.raw_path.decode())
        return httpx.Response(answer.status_code, headers=answer.headers, content=answer.content)

    return httpx.Client(transport=httpx.MockTransport(answered), base_url="http://127.0.0.1:8025")


def test_no_page_is_taken_in(stored: Stored) -> None:
    """No markup, no code and no address of a stranger's; nothing that cannot be seen."""
    seen = set()
    for path, answer in crawl(browser(stored.client)):
        seen.add(route_of(path))
        assert answer.status_code == 200 or (answer.status_code == 409 and path.startswith("/outbox/shown/")), path
        if answer.headers["content-type"].startswith("text/html"):
            demand_tame(path, answer)
    assert {"/", "/events", "/events/{id:path}", "/events/{id:path}/mail", "/recipients",
            "/recipients/{rid}", "/providers/{slug}", "/streams/{slug}", "/settings", "/log"} <= seen


def demand_tame(path: str, answer: httpx.Response) -> None:
    parser = Links()
    parser.feed(answer.text)
    assert inline_code(answer.text) == [], path
    assert UNSEEN.findall(answer.text) == [], path
    assert not {"iframe", "object", "embed", "base", "img", "style"} & parser.tags, path
    assert [each for each in parser.addresses if not re.match(r"[/#](?!/)", each)] == [], path
    assert answer.headers["content-security-policy"].startswith("default-src 'none'"), path
    assert len(answer.content) < MOST_BYTES, path


def test_no_download_calculates(stored: Stored) -> None:
    """No cell of a stranger's begins as a formula does; JSON Lines are lines."""
    seen = set()
    for path, answer in crawl(browser(stored.client)):
        kind = answer.headers["content-type"].partition(";")[0]
        seen.add(kind)
        if kind == "application/jsonl":
            assert all(isinstance(json.loads(line), dict) for line in answer.text.splitlines()), path
            assert UNSEEN.findall(answer.text) == [], "whatever is not ASCII is written as \\u"
        if kind == "text/csv":
            cells = [cell for row in csv.reader(io.StringIO(answer.text, newline="")) for cell in row]
            assert [cell for cell in cells if cell.startswith(tuple("=+-@\t\r\n\0＝＋－＠"))] == [], path
        if kind != "text/html":
            assert answer.headers["content-disposition"].startswith("attachment; filename="), path
            assert answer.headers["x-content-type-options"] == "nosniff", path
    assert seen >= {"application/jsonl", "text/csv", "text/html"}


def test_the_api_answers_in_json_alone(stored: Stored) -> None:
    described = stored.client.get("/api/v1/openapi.json").json()
    asked = []
    for path, methods in described["paths"].items():
        if "get" in methods and "{" not in path:
            answer = stored.client.get(f"/api/v1{path}")
            assert answer.headers["content-type"].startswith("application/json"), path
            assert answer.status_code in {200, 422}, path
            asked.append(path)
    assert {"/events", "/suppressions", "/recipients", "/outbox"} <= set(asked)


# ── at a terminal ───────────────────────────────────────────────────────────────────────────────────────────────────

@pytest.fixture
def shell(
    stored: Stored, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., str]]:
    """What the program writes, to the letter."""
    handlers, level = logging.root.handlers, logging.root.level
    monkeypatch.setenv("BOUNCE_WATCHER_CONFIG", str(stored.config))

    def call(*arguments: str) -> str:
        capfd.readouterr()
        status = main(arguments)
        out, err = capfd.readouterr()
        assert status in {0, 1}, err
        assert "Traceback" not in err
        return out + err

    yield call
    logging.root.handlers = handlers
    logging.root.setLevel(level)
    structlog.reset_defaults()


@pytest.mark.parametrize("more", [(), ("--json",)])
@pytest.mark.parametrize("command", [
    ("events", "list"), ("suppressions", "list"), ("outbox", "list"), ("alerts", "list"),
])
def test_no_list_commands_the_terminal(
    shell: Callable[..., str], command: tuple[str, ...], more: tuple[str, ...]
) -> None:
    assert UNSEEN.findall(shell(*command, *more)) == []


def test_nor_does_what_is_told_of_a_recipient_or_a_mail(shell: Callable[..., str], stored: Stored) -> None:
    recipients = {each.recipient for each in stored.client.ledger.lists.events()}
    strange = sorted(each for each in recipients if not each.isascii() or not each.isprintable())[:4]
    assert strange
    for each in strange:
        assert UNSEEN.findall(shell("recipients", "show", each)) == [], each
    told = [shell("explain", str(mail)) for mail in sorted(stored.folder.glob("*-all.eml"))]
    assert sum("bounce" in each for each in told) > len(told) / 2, "the others are no reports any more"
    assert [UNSEEN.findall(each) for each in told if UNSEEN.search(each)] == []
