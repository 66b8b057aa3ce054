"""`import-sent` and `import-delivered`: what the platform knows of its own mail, as CSV."""

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from bounce_watcher.cli.framework.files import LONGEST_LINE
from bounce_watcher.cli.main import main
from bounce_watcher.config import load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import State
from bounce_watcher.model.verdict import Reason
from bounce_watcher.service.announcing import announcer, decider
from bounce_watcher.words.grounds import text
from tests.ledger.making import bounce, day, page, record

Call = Callable[..., tuple[int, str, str]]
EVER = (date(2026, 1, 1), date(2027, 1, 1))


@pytest.fixture
def call(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs a command in a folder of its own: exit status, stdout, stderr."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text('[database]\nurl = "sqlite:///ledger.db"\n')

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["-c", "config.toml", *arguments])
        out, err = capsys.readouterr()
        return status, out.strip(), err.strip()

    return run


def ledger() -> Ledger:
    return Ledger.connect("sqlite:///ledger.db")


def test_mails_by_whatever_columns_there_are(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("message_id,recipient,stream,campaign,at\n<1@x>,a@example.org,news,c1,2026-03-01\n")
    (tmp_path / "b.csv").write_text('\ufeffRecipient;Message-ID;opened\r\n"a@example.org";2@x;yes\r\n\r\n')
    assert call("import-sent", "a.csv", "b.csv") == (0, "2 new mails, 0 known already, 0 figures", "")
    assert call("import-sent", "a.csv") == (0, "0 new mails, 1 known already, 0 figures", "")
    with ledger() as it:
        assert it.figures.sent_by_day(*EVER, stream="news") == {(date(2026, 3, 1), "example.org"): 1}


def test_figures_from_standard_input(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    given = b"day,stream,campaign,domain,count\n2026-03-01,news,c1,Example.org,1200\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(given)))
    assert call("import-sent", "-") == (0, "0 new mails, 0 known already, 1 figure", "")
    with ledger() as it:
        assert it.figures.sent_by_day(*EVER) == {(date(2026, 3, 1), "example.org"): 1200}


BAD = {
    "1@x,nobody,2026-03-01": "recipient: is no address; write it as user@example.org",
    ",a@example.org,2026-03-01": "message_id: missing; write it as <id@example.com>",
    "<>,a@example.org,2026-03-01": "message_id: is none; write it as <id@example.com>, with or without the brackets",
    "1@x": "recipient: missing; write it as user@example.org",
    "1@x,a@example.org,today": "at: is no time; write it as 2026-11-24T06:00:00Z (ISO 8601)",
    "1@x,a@example.org,2999-01-01": "at: lies in the future; look at the clock, and at the zone",
    "1@x,a@example.org,,2": "has more columns than the first line names; quote what holds commas",
    f"{'1' * 999}@x,a@example.org,": "message_id: is longer than 998 octets, which no mail can hold",
}


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_told_with_its_place_and_the_others_are_kept(call: Call, tmp_path: Path, line: str) -> None:
    (tmp_path / "sent.csv").write_text(f"message_id,recipient,at\n8@x,a@example.org,\n{line}\n9@x,a@example.org,\n")
    status, out, err = call("import-sent", "sent.csv")
    assert (status, out) == (1, "2 new mails, 0 known already, 0 figures, 1 bad line skipped")
    assert err == f"bounce-watcher: sent.csv:3: {BAD[line]}"


def test_many_bad_lines_are_counted(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("message_id,recipient\n" + "x,y\n" * 250)
    status, _, err = call("import-sent", "sent.csv")
    assert status == 1
    assert err.splitlines()[-1] == "bounce-watcher: sent.csv: 150 more bad lines not shown"
    assert len(err.splitlines()) == 101


def test_a_line_without_end_is_no_harm(call: Call, tmp_path: Path) -> None:
    endless = '"' + "x" * (3 * LONGEST_LINE)
    (tmp_path / "sent.csv").write_text(f"message_id,recipient\n1@x,a@example.org\n{endless}\n")
    status, out, _ = call("import-sent", "sent.csv")
    assert status == 1
    assert out.startswith("1 new mail,")


def test_a_heading_without_the_columns(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("mail,address\n1,2\n")
    assert call("import-sent", "sent.csv") == (
        1, "", "bounce-watcher: sent.csv:1: the first line must name the columns: at least message_id, recipient, or "
               "count, day, domain",
    )


def test_a_dry_run_writes_nothing(call: Call, tmp_path: Path) -> None:
    (tmp_path / "sent.csv").write_text("message_id,recipient\n1@x,a@example.org\n2@x,\n")
    status, out, _ = call("import-sent", "--dry-run", "sent.csv")
    assert (status, out) == (1, "would import 1 mail and 0 figures, 1 bad line skipped; nothing was written")
    assert not (tmp_path / "ledger.db").exists()
    (tmp_path / "delivered.csv").write_text("recipient\na@example.org\n")
    assert call("import-delivered", "--dry-run", "delivered.csv")[1] == (
        "would enter 1 delivery; nothing was written"
    )


def test_several_streams_want_one_named(call: Call, tmp_path: Path) -> None:
    mailbox = '[[mailbox]]\nname = "{0}"\nhost = "127.0.0.1"\nusername = "{0}"\npassword = "p"\nstream = "{0}"\n'
    with (tmp_path / "config.toml").open("a") as config:
        config.write(mailbox.format("news") + mailbox.format("bills"))
    (tmp_path / "sent.csv").write_text("message_id,recipient\n1@x,a@example.org\n")
    status, _, err = call("import-sent", "sent.csv")
    assert status == 1
    assert "sent.csv:2: stream: missing, and the mailboxes have several" in err
    assert call("import-sent", "--stream", "bills", "sent.csv")[0] == 0


def test_deliveries_reset_soft_bounces(call: Call, tmp_path: Path) -> None:
    with ledger() as it:
        it.upgrade()
        record(it, page(*(bounce(f"m{n}", "a@example.org", reason=Reason.MAILBOX_FULL, at=day(n)) for n in range(2))))
    (tmp_path / "delivered.csv").write_text("recipient,at\nA@example.org,2026-03-20T08:00:00Z\nb@example.org,\n")
    assert call("import-delivered", "delivered.csv") == (
        0, "2 deliveries: 1 recipient with bounces had mail since, 0 released", ""
    )
    with ledger() as it:
        assert [each.state for each in it.lists.recipients("a@example.org")] == [State.ACTIVE]
    assert "delivered_at: 2026-03-20T08:00:00Z" in call("recipients", "show", "a@example.org")[1]


def test_a_mail_that_is_told_after_its_bounce_proves_it(call: Call, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(
        '[database]\nurl = "sqlite:///ledger.db"\n[policy.evidence]\nhard = "known_message"\n'
    )
    call("db", "upgrade")
    event = replace(bounce("m", "a@example.org", at=day(0), stream="default"), sent_message_id="1@x")
    with ledger() as it:
        settings = load(tmp_path / "config.toml")
        it.recording.record(page(event), decider(settings), announcer(settings), settings.policy)
        told = [text(each.exclusion) for each in it.lists.events()]
        assert told == ["evidence too weak (report; needs known_message)"]
    (tmp_path / "sent.csv").write_text("message_id,recipient,at\n1@x,a@example.org,2026-03-01\n")
    assert call("import-sent", "sent.csv") == (
        0, "1 new mail, 0 known already, 0 figures, 1 bounce on record proven by it", ""
    )
    with ledger() as it:
        assert [each.recipient for each in it.lists.suppressions()] == ["a@example.org"]
