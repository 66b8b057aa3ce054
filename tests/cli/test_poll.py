"""`poll` as its user runs it, on a mailbox, and its exit status when there is none."""

from collections.abc import Iterator

import pytest

from bounce_watcher.service.demo import Stage, stage
from bounce_watcher.service.demo.samples import SUPPRESSED
from tests.cli.conftest import Program


@pytest.fixture
def here() -> Iterator[Stage]:
    with stage() as it:
        yield it


def test_a_pass_over_everything(program: Program, here: Stage) -> None:
    done = program.call("poll", "-c", str(here.config))
    assert (done.status, done.err) == (0, "")
    mailbox, webhook = done.out.splitlines()
    assert mailbox.startswith(f"mailbox returns: {len(here.mail)} messages, ")
    assert webhook == f"webhook platform: {len(here.receiver.hooks)} delivered, 0 to be tried again, 0 dead"
    listed = program.call("suppressions", "list", "--json", "-c", str(here.config)).rows
    assert {row["recipient"] for row in listed} == set(SUPPRESSED)
    assert {row["state"] for row in program.call("outbox", "list", "--json", "-c", str(here.config)).rows} == {
        "delivered", "superseded"
    }


def test_as_json(program: Program, here: Stage) -> None:
    mailbox, webhook = program.call("poll", "--json", "-c", str(here.config)).rows
    assert mailbox == {
        "mailbox": "returns", "messages": len(here.mail), "events": mailbox["events"], "suppressed": 10, "released": 0,
        "duplicates": 0, "quarantined": 0, "doubted": 1, "opt_outs": 0, "failure": None, "obstacle": None,
    }
    assert webhook == {"webhook": "platform", "delivered": len(here.receiver.hooks), "retried": 0, "dead": 0,
                       "disabled": False}


def test_a_second_pass_finds_nothing(program: Program, here: Stage) -> None:
    program.call("poll", "-c", str(here.config))
    hooks = here.receiver.hooks
    assert "mailbox returns: 0 messages, 0 new events" in program.call("poll", "-c", str(here.config)).out
    assert here.receiver.hooks == hooks


def test_verbose_logs_each_step(program: Program, here: Stage) -> None:
    here.config.write_text(here.config.read_text().replace('level = "warning"', 'level = "info"'))
    done = program.call("poll", "--verbose", "-c", str(here.config))
    assert "action=mail_recorded" in done.err
    assert "anna@" not in done.err


def test_a_mailbox_that_is_away(program: Program) -> None:
    done = program.ledger("poll")
    assert done.status == 1
    assert "mailbox returns" in done.complaint
    assert "Check `host` and `port`" in done.complaint
    assert "interrupted" in done.out
    failed, webhook = program.ledger("poll", "--json").rows
    assert f"bounce-watcher: {failed['failure']}" == done.complaint
    assert set(webhook) == {"webhook", "delivered", "retried", "dead", "disabled"}
