"""What the IMAP servers of the tests have in common.

`Mailboxes` is what a test may ask of each of them, Dovecot included: mail goes in, and what lies where is told. Folders
have "/" between their levels here, as in the product's configuration, and no prefix of a namespace. `Enclosed` is a
server whose paths are compiled in; what it holds is asked of it by IMAP, as a client would.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

from imapclient import IMAPClient

from tests.servers.dovecot import PASSWORD
from tests.servers.processes import free_port, kill
from tests.servers.relay import unavailable

USERS = ("bounces", "other")


class Mailboxes(Protocol):
    """A running instance, as the tests of the main job know it."""

    @property
    def imap_port(self) -> int: ...

    def deliver(
        self, user: str, contents: Iterable[bytes], folder: str = "INBOX", received_at: datetime | None = None
    ) -> object: ...

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]: ...

    def count(self, user: str, folder: str = "INBOX") -> int: ...

    def folders(self, user: str) -> set[str]: ...

    def clear(self) -> None: ...

    def stop(self) -> None: ...

    def start(self) -> None: ...


@dataclass
class Enclosed(ABC):
    """A private instance in `root`, running or stopped. The port stays the same over stop() and start()."""

    users: ClassVar[tuple[str, ...]] = USERS
    has_rights: ClassVar[bool] = True
    """Whether it knows rights and quotas, so that set_rights and set_quota can be called."""
    keeps_dates: ClassVar[bool] = True
    """Whether `received_at` becomes the INTERNALDATE."""
    tells_of_mail: ClassVar[bool] = True
    """Whether it tells of new mail while a client idles."""

    root: Path
    imap_port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """What runs the server in the foreground, until it is killed."""

    @abstractmethod
    def furnish(self) -> None:
        """Writes the configuration, for the port as it is now. Called again where somebody took the port."""

    @abstractmethod
    def clear(self) -> None:
        """Empties the mailboxes of all users; rights and quotas are then as in the beginning."""

    @abstractmethod
    def set_rights(self, user: str, folder: str, rights: str) -> None:
        """What the user itself may do in a folder, in the letters of RFC 4314."""

    @abstractmethod
    def set_quota(self, user: str, kib: int) -> None:
        """How much all folders of a user may hold together."""

    @abstractmethod
    def session(self, user: str) -> contextlib.AbstractContextManager[IMAPClient]:
        """A connection that may do with the mailboxes of `user` what the tests ask for."""

    @abstractmethod
    def name(self, user: str, folder: str) -> str:
        """A folder's name as it is in `session`."""

    @abstractmethod
    def folder(self, user: str, name: str) -> str:
        """The other way round."""

    def connect(self, user: str) -> IMAPClient:
        """Logged in."""
        client = IMAPClient("127.0.0.1", self.imap_port, ssl=False, timeout=20)
        client.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # or each append waits 40 ms for an ACK
        client.login(user, PASSWORD)
        return client

    @contextlib.contextmanager
    def connected(self, user: str) -> Iterator[IMAPClient]:
        client = self.connect(user)
        try:
            yield client
        finally:
            with contextlib.suppress(Exception):  # the server may be gone
                client.logout()

    def deliver(
        self, user: str, contents: Iterable[bytes], folder: str = "INBOX", received_at: datetime | None = None
    ) -> None:
        """Appends messages (LF line ends) in order. `received_at` becomes their INTERNALDATE."""
        with self.session(user) as client:
            name = self.name(user, folder)
            if not client.folder_exists(name):
                client.create_folder(name)
            for content in contents:
                client.append(name, content.replace(b"\n", b"\r\n"), msg_time=received_at)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder, by UID; empty for a folder that does not exist."""
        with self.session(user) as client:
            name = self.name(user, folder)
            if not client.folder_exists(name):
                return []
            client.select_folder(name, readonly=True)
            uids = client.search("ALL")
            found: dict[int, Any] = client.fetch(uids, ["BODY.PEEK[]"]) if uids else {}
            return [found[uid][b"BODY[]"].replace(b"\r\n", b"\n") for uid in sorted(found)]

    def count(self, user: str, folder: str = "INBOX") -> int:
        """How many messages lie in a folder; safe while the service moves them."""
        with self.session(user) as client:
            name = self.name(user, folder)
            return int(client.folder_status(name, "MESSAGES")[b"MESSAGES"]) if client.folder_exists(name) else 0

    def folders(self, user: str) -> set[str]:
        """The names of a user's folders beside INBOX, with "/" between levels; no folder that can't hold mail."""
        with self.session(user) as client:
            listed = client.list_folders("", self.name(user, "*"))
        return {self.folder(user, name) for flags, _, name in listed
                if not {b"\\noselect", b"\\nonexistent"} & {flag.lower() for flag in flags}} - {"INBOX"}

    def start(self) -> None:
        with (self.root / "stderr").open("wb") as output:
            self._process = subprocess.Popen(self.command(), start_new_session=True, stdout=output, stderr=output)
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.imap_port), 5) as probe:
                probe.settimeout(20)
                if probe.recv(4) == b"* OK":  # the greeting: a socket that listens proves little
                    return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"no IMAP on {self.imap_port}: {self.log()}")

    def log(self) -> str:
        return (self.root / "stderr").read_text("utf-8", "replace")

    def stop(self) -> None:
        """Ends all processes of the instance at once, as a crash would."""
        if self._process is None:
            return
        kill(self._process)
        self._process = None
        for _ in range(1000):  # the others end with the first of their namespace, and hold the port until then
            with contextlib.suppress(ConnectionResetError, TimeoutError):
                try:
                    socket.create_connection(("127.0.0.1", self.imap_port), 1).close()
                except ConnectionRefusedError:
                    return
            time.sleep(0.005)
        raise RuntimeError(f"somebody still listens on {self.imap_port}")

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Started, with other ports if somebody took one meanwhile; gone with its folder at the end."""
        try:
            for chances_left in (2, 1, 0):
                self.furnish()
                try:
                    self.start()
                    break
                except RuntimeError:
                    self.stop()
                    if not chances_left:
                        raise
                    self.imap_port = free_port()
            self.clear()
            yield self
        finally:
            self.stop()
            shutil.rmtree(self.root, ignore_errors=True)


def make_root(name: str) -> Path:
    """A folder for an instance of a server that starts as root only. A short path: unix sockets take 107 bytes."""
    if os.getuid() != 0:
        unavailable(f"{name} starts as root only")
    root = Path(tempfile.mkdtemp(prefix=f"{name.lower()}-"))
    root.chmod(0o755)
    return root
