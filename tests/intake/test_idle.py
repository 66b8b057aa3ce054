"""IDLE as a hint: quick when it works, and never stuck when it does not."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.intake.imap.idle import wait_for_mail
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.model.errors import TemporaryFailure
from tests.intake.conftest import Account
from tests.intake.passes import NOON, bounces, drain
from tests.intake.scripted import Talk, scripted
from tests.servers.dovecot import Dovecot

SHORT = timedelta(seconds=1)


class Listener:
    """`wait_for_mail` in a thread of its own; `hints` are the times at which it told of mail."""

    def __init__(self, account: ImapAccount, renew_after: timedelta) -> None:
        self.stop = threading.Event()
        self.hinted = threading.Event()
        self.hints: list[float] = []
        self.outcome: object = None
        self._account = account
        self._renew_after = renew_after
        self.thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self.outcome = wait_for_mail(
                self._account, self.stop, self._hint, now=lambda: NOON, tokens=TokenStore(),
                renew_after=self._renew_after,
            )
        except TemporaryFailure as failure:
            self.outcome = failure

    def _hint(self) -> None:
        self.hints.append(time.monotonic())
        self.hinted.set()


@contextmanager
def listening(account: ImapAccount, renew_after: timedelta = timedelta(minutes=4)) -> Iterator[Listener]:
    listener = Listener(account, renew_after)
    listener.thread.start()
    yield listener
    listener.stop.set()
    listener.thread.join(5)
    assert not listener.thread.is_alive()


def _is_connected(server: Dovecot) -> bool:
    return "imap" in server.doveadm("who")


def test_new_mail_is_hinted_within_a_second(dovecot: Dovecot, account: Account) -> None:
    with listening(account()) as listener:
        _await(lambda: _is_connected(dovecot))
        time.sleep(0.2)
        dovecot.deliver("bounces", bounces(1))
        assert listener.hinted.wait(1)
    assert listener.outcome is True


def test_mail_that_waits_already_is_hinted_at_the_start(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(1))
    with listening(account()) as listener:
        assert listener.hinted.wait(3)


def test_mail_that_leaves_is_no_hint(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(3))
    with listening(account()) as listener:
        assert listener.hinted.wait(3)
        time.sleep(0.2)
        listener.hints.clear()
        drain(account())
        time.sleep(0.8)
        assert listener.hints == []


def test_idle_is_renewed_and_hints_afterwards(dovecot: Dovecot, account: Account) -> None:
    with listening(account(), SHORT) as listener:
        time.sleep(2.5)
        dovecot.deliver("bounces", bounces(1))
        assert listener.hinted.wait(1.5)


def test_renewal_ends_one_idle_and_begins_the_next() -> None:
    script = {"IDLE": ["+ idling"]}
    with scripted(lambda talk: talk.serve(script)) as server, listening(server.account(), SHORT) as listener:
        _await(lambda: server.heard.count("IDLE") == 2)
    assert [command for command in server.heard if command in {"IDLE", "DONE"}][:3] == ["IDLE", "DONE", "IDLE"]
    assert listener.outcome is True


def test_a_connection_that_died_in_silence_is_found_out() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"IDLE": []})
        talk.say("+ idling")
        talk.over.wait()

    with scripted(script) as server, listening(server.account(timeout=SHORT), SHORT) as listener:
        listener.thread.join(5)
        assert isinstance(listener.outcome, TemporaryFailure)
        assert "ending IDLE: no answer in time" in str(listener.outcome)


def test_a_server_that_drips_while_idle_ends_is_cut_off() -> None:
    def script(talk: Talk) -> None:
        talk.serve({"IDLE": []})
        talk.say("+ idling")
        while not talk.over.wait(0.05):
            talk.connection.sendall(b"x")

    short = timedelta(seconds=0.3)
    with scripted(script) as server, listening(server.account(timeout=short), SHORT) as listener:
        listener.thread.join(5)
        assert isinstance(listener.outcome, TemporaryFailure)


def test_a_server_that_goes_away_is_told(dovecot: Dovecot, account: Account) -> None:
    with listening(account()) as listener:
        _await(lambda: _is_connected(dovecot))
        time.sleep(0.2)
        dovecot.stop()
        listener.thread.join(5)
        dovecot.start()
    assert isinstance(listener.outcome, TemporaryFailure)


def test_a_server_without_idle_says_so_at_once() -> None:
    with (
        scripted(lambda talk: talk.serve({}, "IMAP4rev1 NAMESPACE")) as server,
        listening(server.account()) as listener,
    ):
        listener.thread.join(5)
    assert listener.outcome is False


def _await(condition: Callable[[], bool]) -> None:
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")
