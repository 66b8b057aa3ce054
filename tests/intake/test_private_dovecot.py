"""The server that the other tests rely on."""

import smtplib

import pytest

from tests.intake.conftest import Account
from tests.intake.passes import bounces, drain, read
from tests.servers.dovecot import Dovecot, Layout, running


def test_lmtp_delivers(dovecot: Dovecot, account: Account) -> None:
    with smtplib.LMTP("127.0.0.1", dovecot.lmtp_port, timeout=10) as client:
        client.sendmail("", ["bounces@example.org"], b"Subject: delivered\r\n\r\nx\r\n")
    [message] = read(account())
    assert message.content.endswith(b"Subject: delivered\r\n\r\nx\r\n")


def test_it_starts_again_on_the_same_ports(dovecot: Dovecot, account: Account) -> None:
    dovecot.deliver("bounces", bounces(2))
    before = account()
    dovecot.stop()
    dovecot.start()
    assert account() == before
    assert len(drain(before)) == 2
    assert dovecot.folders("bounces") == {"Bounces/Processed"}


def test_without_dovecot_a_laptop_skips_and_ci_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="not installed"), running(Layout()):
        pass
    monkeypatch.setenv("CI", "1")
    with pytest.raises(pytest.fail.Exception, match="not installed"), running(Layout()):
        pass
