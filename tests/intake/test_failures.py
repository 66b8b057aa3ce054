"""What a person reads who named the wrong server."""

import errno
import os
import socket

import pytest

from bounce_watcher.intake.imap.account import ImapAccount, Security
from bounce_watcher.intake.imap.failures import translated
from bounce_watcher.model.errors import TemporaryFailure

ACCOUNT = ImapAccount("returns", "imap.example.com", 993, Security.TLS, "bounces")


@pytest.mark.parametrize("error, says, mend", [
    (ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "refused by imap.example.com:993",
     "Check `host` and `port`"),
    (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "imap.example.com", "is `host` right"),
    (OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH)), "no way to imap.example.com:993", "network"),
    (TimeoutError("timed out"), "no answer in time", "is the server up"),
])
def test_a_server_that_cannot_be_reached_has_a_mend(error: OSError, says: str, mend: str) -> None:
    with pytest.raises(TemporaryFailure) as raised, translated(ACCOUNT, "connecting"):
        raise error
    what, _, advice = str(raised.value).partition("; ")
    assert what.startswith("mailbox returns: connecting: ")
    assert says in what
    assert mend in advice
    assert "Errno" not in str(raised.value)
