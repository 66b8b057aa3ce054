"""A private Courier on loopback, from its unpacked packages: its own mailboxes, a high port, no TLS.

Folders lie below INBOX, with "." between their levels. Courier keeps a Maildir++ a user, as Dovecot does, so the tests
look into the files: no right that is taken from the user changes what they see.
"""

import base64
import contextlib
import hashlib
import os
import pwd
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.servers.dovecot import PASSWORD
from tests.servers.enclosure import enclosed
from tests.servers.mailboxes import Enclosed, make_root
from tests.servers.relay import unpacked

CAPABILITIES = "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT THREAD=REFERENCES SORT QUOTA IDLE"
_HOMES = "/var/lib/courier-homes"

# imaplogin asks authdaemond by a socket: it has to be there first. The other words are what Debian's script gives.
_SCRIPT = """
set -e
mkdir -p /run/courier/authdaemon
cp /etc/courier-tests/* /etc/courier/
chown 0:0 /etc/courier/*
mkdir -p /etc/courier/authlib
chmod 700 /etc/courier/userdb
/usr/sbin/makeuserdb
/usr/lib/courier/courier-authlib/authdaemond &
for try in $(seq 500); do [ ! -S /run/courier/authdaemon/socket ] || break; sleep 0.01; done
set -a
. /etc/courier/imapd-ssl
. /etc/courier/imapd
. /etc/courier/imapd.tests
exec /usr/sbin/couriertcpd -address=127.0.0.1 -maxprocs=100 -maxperip=100 -nodnslookup -noidentlookup \
    "$1" /usr/lib/courier/courier/imaplogin /usr/bin/imapd Maildir
"""


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between instances. `hidden` capabilities are not announced, though the server would know them."""

    hidden: frozenset[str] = frozenset()
    extra: str = ""


def _owner() -> pwd.struct_passwd:
    return pwd.getpwnam("nobody")


@dataclass
class Courier(Enclosed):
    """One instance."""

    layout: Layout = field(default_factory=Layout)

    def command(self) -> list[str]:
        shared = {_HOMES: self.root / "homes", "/etc/courier-tests": self.root / "etc"}
        command = ["/bin/sh", "-c", _SCRIPT, "sh", str(self.imap_port)]
        return enclosed(unpacked("courier"), self.root, command, shared)

    def furnish(self) -> None:
        etc, homes = self.root / "etc", self.root / "homes"
        for folder in (etc, homes):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        words = " ".join(word for word in CAPABILITIES.split() if word not in self.layout.hidden)
        # FAM is not asked: Courier looks for new mail by itself, at each such number of seconds.
        (etc / "imapd.tests").write_text(f"""
IMAP_CAPABILITY="{words}"
IMAP_ENHANCEDIDLE=0
IMAP_IDLE_TIMEOUT=1
IMAP_STARTTLS=NO
{self.layout.extra}
""")
        (etc / "authdaemonrc").write_text('authmodulelist="authuserdb"\ndaemons=3\n')
        password = "{SHA256}" + base64.b64encode(hashlib.sha256(PASSWORD.encode()).digest()).decode()
        owner = _owner()
        (etc / "userdb").write_text("".join(
            f"{user}\tuid={owner.pw_uid}|gid={owner.pw_gid}|home={_HOMES}/{user}|imappw={password}\n"
            for user in self.users
        ))
        for user in self.users:
            self._make(homes / user)
            self._make_maildir(homes / user / "Maildir")

    def _make(self, path: Path) -> None:
        path.mkdir()
        os.chown(path, _owner().pw_uid, _owner().pw_gid)

    def _make_maildir(self, maildir: Path) -> None:
        for path in (maildir, *(maildir / name for name in ("tmp", "new", "cur"))):
            self._make(path)

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """A folder's; `folder` as for `deliver`."""
        inbox = self.root / "homes" / user / "Maildir"
        return inbox if folder.upper() == "INBOX" else inbox / ("." + folder.replace("/", "."))

    def session(self, user: str) -> contextlib.AbstractContextManager[IMAPClient]:
        return self.connected(user)

    def name(self, user: str, folder: str) -> str:
        return "INBOX" if folder.upper() == "INBOX" else "INBOX." + folder.replace("/", ".")

    def folder(self, user: str, name: str) -> str:
        return name.removeprefix("INBOX.").replace(".", "/")

    def count(self, user: str, folder: str = "INBOX") -> int:
        paths = (self.maildir(user, folder) / name for name in ("cur", "new"))
        return sum(1 for path in paths if path.exists() for _ in os.scandir(path))

    def clear(self) -> None:
        for user in self.users:
            shutil.rmtree(self.maildir(user))
            self._make_maildir(self.maildir(user))

    def set_rights(self, user: str, folder: str, rights: str) -> None:
        """Courier refuses to take `a` and `l` away from the owner, so both stay."""
        with self.connected(user) as client:
            client.setacl(self.name(user, folder), "owner", "".join(sorted({*rights, "a", "l"})))

    def set_quota(self, user: str, kib: int) -> None:
        """As maildirmake -q does, with what is there already: Courier counts that anew only after a while."""
        path = self.maildir(user) / "maildirsize"
        held = [mail.stat().st_size for name in ("cur", "new") for mail in self.maildir(user).glob(f"**/{name}/*")]
        path.write_text(f"{kib * 1024}S\n{sum(held)} {len(held)}\n")
        os.chown(path, _owner().pw_uid, _owner().pw_gid)


@contextlib.contextmanager
def running(layout: Layout) -> Iterator[Courier]:
    """A started instance, gone with its folder at the end."""
    unpacked("courier")
    with Courier(make_root("Courier"), layout=layout).running() as server:
        yield server


@pytest.fixture(scope="module")
def start_courier() -> Iterator[Callable[[Layout], Courier]]:
    """Makes instances by layout; all are stopped at the end of the module."""
    with contextlib.ExitStack() as stack:
        yield lambda layout: stack.enter_context(running(layout))
