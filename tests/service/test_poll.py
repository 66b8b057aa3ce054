"""Many mailboxes at once, and an end before the end."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import cast

import pytest
from pydantic import SecretStr

from bounce_watcher.config import Settings
from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.service.polling import PassReport, Poller, drain_all
from bounce_watcher.service.recording import PassTotals


class Endless:
    """Finds more mail in each pass until it is stopped. In the mailbox "first", Ctrl-C comes."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.others = threading.Event()

    def run(self, account: ImapAccount, on_page: Callable[[PassTotals], None]) -> PassReport:
        if account.name == "first":
            self.others.wait(10)
            raise KeyboardInterrupt
        self.others.set()
        self.stop.wait(0.01)
        on_page(PassTotals(messages=1))
        return PassReport(account.name, PassTotals(messages=1), unfinished=True)


def test_ctrl_c_does_not_wait_for_the_end_of_a_backlog() -> None:
    accounts = tuple(
        ImapAccount(name, "127.0.0.1", 9, Security.NONE, "bounces", timeout=timedelta(seconds=1))
        for name in ("first", "second", "third")
    )
    settings = Settings(SecretStr("sqlite:///none.db"), mailboxes=accounts)
    poller, told = Endless(), list[PassTotals]()
    with pytest.raises(KeyboardInterrupt):
        drain_all(settings, cast(Poller, poller), told.append)
    assert poller.stop.is_set()
    assert told
