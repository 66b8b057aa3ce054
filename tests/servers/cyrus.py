"""A private Cyrus on loopback, from its unpacked package: its own mailboxes, a high port, no TLS.

    def test_something(start_cyrus):
        cyrus = start_cyrus(Layout(altnamespace=False, suppressed=("MOVE",)))
        cyrus.deliver("bounces", [b"Subject: hi\\n\\n"])

A user's mailboxes are its own; the tests look into them as the admin, whose view no right that is taken from the user
changes.
"""

import contextlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from imapclient import IMAPClient
from imapclient.imapclient import Quota

from tests.servers.dovecot import PASSWORD
from tests.servers.enclosure import enclosed
from tests.servers.mailboxes import Enclosed, make_root
from tests.servers.relay import unpacked

ADMIN = "admin"
ALL_RIGHTS = "lrswipkxtecdan"
_HOME = "/var/lib/cyrus"
_HOST = "out.example.com"  # as the enclosure is named


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between instances. `suppressed` capabilities are neither announced nor missed by Cyrus itself."""

    altnamespace: bool = True
    unixhierarchysep: bool = True
    suppressed: tuple[str, ...] = ()
    extra: str = ""


def _owner() -> pwd.struct_passwd:
    """Cyrus gives up root for this one: no user of its own is wanted."""
    return pwd.getpwnam("nobody")


@dataclass
class Cyrus(Enclosed):
    """One instance."""

    layout: Layout = field(default_factory=Layout)

    def command(self) -> list[str]:
        shared = {_HOME: self.root / "home", "/etc/cyrus": self.root / "etc"}
        return enclosed(unpacked("cyrus"), self.root, [
            "/usr/bin/env", f"CYRUS_USER={_owner().pw_name}", "/usr/sbin/cyrmaster", "-D",
            "-C", "/etc/cyrus/imapd.conf", "-M", "/etc/cyrus/cyrus.conf", "-p", f"{_HOME}/master.pid",
        ], shared)

    def furnish(self) -> None:
        home, etc = self.root / "home", self.root / "etc"
        for folder in (home, etc):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
        for name in ("db", "proc", "socket", "lock", "quota", "user", "log", "msg", "spool"):
            (home / name).mkdir()
        self._write_config(etc)
        for user in (*self.users, ADMIN):
            subprocess.run(
                [unpacked("cyrus") / "usr/sbin/saslpasswd2", "-p", "-c", "-f", home / "sasldb2", "-u", _HOST, user],
                input=PASSWORD.encode(), check=True, capture_output=True,
            )
        for path in (home, *home.iterdir()):
            os.chown(path, _owner().pw_uid, _owner().pw_gid)

    def _write_config(self, etc: Path) -> None:
        layout = self.layout
        suppressed = f"suppress_capabilities: {' '.join(layout.suppressed)}" if layout.suppressed else ""
        (etc / "imapd.conf").write_text(f"""
configdirectory: {_HOME}
proc_path: {_HOME}/proc
mboxname_lockpath: {_HOME}/lock
partition-default: {_HOME}/spool
defaultpartition: default
servername: {_HOST}
admins: {ADMIN}
altnamespace: {"yes" if layout.altnamespace else "no"}
unixhierarchysep: {"yes" if layout.unixhierarchysep else "no"}
virtdomains: off
allowplaintext: yes
sasl_mech_list: PLAIN
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {_HOME}/sasldb2
expunge_mode: immediate
delete_mode: immediate
imapidlepoll: 1
{suppressed}
{layout.extra}
""")
        (etc / "cyrus.conf").write_text(f"""
START {{
  recover cmd="ctl_cyrusdb -C /etc/cyrus/imapd.conf -r"
}}
SERVICES {{
  imap cmd="imapd -C /etc/cyrus/imapd.conf -U 30" listen="127.0.0.1:{self.imap_port}" prefork=1
}}
EVENTS {{
}}
""")

    def session(self, user: str) -> contextlib.AbstractContextManager[IMAPClient]:
        return self.connected(ADMIN)

    @property
    def separator(self) -> str:
        return "/" if self.layout.unixhierarchysep else "."

    def name(self, user: str, folder: str) -> str:
        parts = ["user", user, *([] if folder.upper() == "INBOX" else folder.split("/"))]
        return self.separator.join(parts)

    def folder(self, user: str, name: str) -> str:
        _, _, *parts = name.split(self.separator)
        return "/".join(parts) or "INBOX"

    def clear(self) -> None:
        """Without the user's INBOX all folders of the user are gone; each new one has the rights of that above it."""
        with self.connected(ADMIN) as client:
            for user in self.users:
                inbox = self.name(user, "INBOX")
                if client.folder_exists(inbox):
                    client.setacl(inbox, ADMIN, ALL_RIGHTS)
                    client.delete_folder(inbox)
                client.create_folder(inbox)
                client.setacl(inbox, user, ALL_RIGHTS)
                client.setacl(inbox, ADMIN, ALL_RIGHTS)

    def set_rights(self, user: str, folder: str, rights: str) -> None:
        """Cyrus leaves an owner `a` for ever, and with it `l`, `k`, `x`, `c` and `n`, whatever is set."""
        with self.connected(ADMIN) as client:
            client.setacl(self.name(user, folder), user, rights)

    def set_quota(self, user: str, kib: int) -> None:
        with self.connected(ADMIN) as client:
            client.set_quota([Quota(self.name(user, "INBOX"), "STORAGE", 0, kib)])


@contextlib.contextmanager
def running(layout: Layout) -> Iterator[Cyrus]:
    """A started instance, gone with its folder at the end."""
    unpacked("cyrus")
    with Cyrus(make_root("Cyrus"), layout=layout).running() as server:
        yield server


@pytest.fixture(scope="module")
def start_cyrus() -> Iterator[Callable[[Layout], Cyrus]]:
    """Makes instances by layout; all are stopped at the end of the module."""
    with contextlib.ExitStack() as stack:
        yield lambda layout: stack.enter_context(running(layout))
