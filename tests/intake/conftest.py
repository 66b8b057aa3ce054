"""Accounts on the private Dovecot, and a way to run one pass."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from pydantic import SecretStr

from bounce_watcher.intake.imap.account import ImapAccount, Security
from tests.servers.authorization import TokenEndpoint, token_endpoint
from tests.servers.dovecot import PASSWORD, Dovecot

__all__ = ["TokenEndpoint", "token_endpoint"]

Account = Callable[..., ImapAccount]


def account_on(server: Dovecot, **changes: object) -> ImapAccount:
    values: dict[str, object] = {
        "name": "returns",
        "host": "127.0.0.1",
        "port": server.imap_port,
        "security": Security.NONE,
        "username": "bounces",
        "password": SecretStr(PASSWORD),
        "stream": "marketing",
        "timeout": timedelta(seconds=10),
    }
    return ImapAccount(**values | changes)  # type: ignore[arg-type]


@pytest.fixture
def account(dovecot: Dovecot) -> Account:
    """Makes accounts on the module's Dovecot; keywords change single values."""
    return partial(account_on, dovecot)
