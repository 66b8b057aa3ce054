"""A private GNU Mailutils imap4d on loopback, from its unpacked package: a bare server.

It is tried only where somebody has unpacked mailutils-imap4d into the folder mailutils, as .ci/run does with others.

It knows neither MOVE nor UIDPLUS nor keywords, rights nor quotas, and its answer to AUTHENTICATE PLAIN ends with a bare
LF. Its users are those of its machine, so the enclosure has them.
"""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.servers.dovecot import PASSWORD
from tests.servers.enclosure import enclosed
from tests.servers.mailboxes import Enclosed, make_root
from tests.servers.relay import unpacked

_SHARED = "/var/lib/imap4d"
_FIRST_ID = 61000  # no other user of the machine

_SCRIPT = f"""
set -e
cat {_SHARED}/passwd >>/etc/passwd
cat {_SHARED}/shadow >>/etc/shadow
exec /usr/sbin/imap4d --foreground --daemon=100 --no-config --config-file={_SHARED}/imap4d.conf
"""


@dataclass
class Mailutils(Enclosed):
    """One instance."""

    has_rights = False
    keeps_dates = False
    tells_of_mail = False

    def command(self) -> list[str]:
        return enclosed(unpacked("mailutils"), self.root, ["/bin/sh", "-c", _SCRIPT], {_SHARED: self._files})

    @property
    def _files(self) -> Path:
        return self.root / "files"

    def furnish(self) -> None:
        shutil.rmtree(self._files, ignore_errors=True)
        self._files.mkdir()
        (self._files / "spool").mkdir()
        self._write_users()
        (self._files / "imap4d.conf").write_text(f"""
mode daemon;
foreground yes;
tcp-wrappers {{ enable no; }};
auth {{ authentication "generic:system"; authorization "system"; }};
mailbox {{ mail-spool "maildir:{_SHARED}/spool"; mailbox-type maildir; }};
namespace personal {{ prefix "" {{ directory "$home/Mail"; delimiter "/"; mailbox-type maildir; }}; }};
server 127.0.0.1:{self.imap_port} {{ transcript no; }};
""")
        self.clear()

    def _write_users(self) -> None:
        command = ["openssl", "passwd", "-6", "-stdin"]
        hashed = subprocess.run(command, input=PASSWORD, check=True, capture_output=True, text=True).stdout.strip()
        users = [(user, _FIRST_ID + number) for number, user in enumerate(self.users)]
        (self._files / "passwd").write_text(
            "".join(f"{user}:x:{uid}:{uid}::{_SHARED}/home-{user}:/bin/sh\n" for user, uid in users)
        )
        (self._files / "shadow").write_text("".join(f"{user}:{hashed}:19000:0:99999:7:::\n" for user, _ in users))

    def clear(self) -> None:
        for number, user in enumerate(self.users):
            inbox, home = self._files / "spool" / user, self._files / f"home-{user}"
            for path in (inbox, home):
                shutil.rmtree(path, ignore_errors=True)
            for path in (inbox, *(inbox / name for name in ("tmp", "new", "cur")), home, home / "Mail"):
                path.mkdir()
                os.chown(path, _FIRST_ID + number, _FIRST_ID + number)

    def session(self, user: str) -> contextlib.AbstractContextManager[IMAPClient]:
        return self.connected(user)

    def name(self, user: str, folder: str) -> str:
        return folder

    def folder(self, user: str, name: str) -> str:
        return name

    def set_rights(self, user: str, folder: str, rights: str) -> None:
        raise NotImplementedError("imap4d knows no rights")

    def set_quota(self, user: str, kib: int) -> None:
        raise NotImplementedError("imap4d keeps no quota without a database")


@contextlib.contextmanager
def running() -> Iterator[Mailutils]:
    """A started instance, gone with its folder at the end."""
    unpacked("mailutils")
    with Mailutils(make_root("Mailutils")).running() as server:
        yield server


@pytest.fixture(scope="module")
def start_mailutils() -> Iterator[Callable[[], Mailutils]]:
    """Makes instances; all are stopped at the end of the module."""
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(running())
