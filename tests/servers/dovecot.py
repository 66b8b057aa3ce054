"""A private Dovecot on loopback: its own folder, its own high ports, its own process group.

    def test_something(dovecot):
        dovecot.deliver("bounces", [b"Subject: hi\\n\\n"])
        … dovecot.imap_port, dovecot.imaps_port, dovecot.lmtp_port, dovecot.certificate.certificate …

`dovecot` is started per module with the defaults of `Layout`; `start_dovecot(Layout(…))` makes others.
"""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest

from tests.servers.certificates import Certificate, self_signed

PASSWORD = "correct horse battery"
CAPABILITIES = (
    "IMAP4rev1 SASL-IR LOGIN-REFERRALS ID ENABLE IDLE SORT THREAD=REFERENCES MULTIAPPEND UNSELECT CHILDREN NAMESPACE "
    "UIDPLUS LIST-EXTENDED I18NLEVEL=1 CONDSTORE QRESYNC ESEARCH ESORT SEARCHRES WITHIN CONTEXT=SEARCH LIST-STATUS "
    "BINARY MOVE LITERAL+"
)


@dataclass(frozen=True, slots=True)
class Layout:
    """What differs between instances. `hidden` capabilities are not announced, though the server would know them.

    At the address 127.0.0.2 a connection from this machine does not count as secure by itself.
    """

    users: tuple[str, ...] = ("bounces", "other")
    separator: str = "."
    prefix: str = ""
    hidden: frozenset[str] = frozenset()
    cleartext_login: bool = True
    tls: bool = True
    address: str = "127.0.0.1"
    mechanisms: str = "plain login xoauth2 oauthbearer"
    extra: str = ""


@dataclass(frozen=True, slots=True)
class Ports:
    imap: int
    imaps: int
    lmtp: int

    @classmethod
    def pick(cls) -> "Ports":
        """Free just now, and each another: all are held before the first is let go."""
        with contextlib.ExitStack() as probes:
            sockets = [probes.enter_context(socket.socket()) for _ in range(3)]
            for probe in sockets:
                probe.bind(("127.0.0.1", 0))
            return cls(*(probe.getsockname()[1] for probe in sockets))


def _mail_user() -> pwd.struct_passwd:
    """Dovecot refuses mail access as root."""
    return pwd.getpwnam("nobody") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def _await_silence(address: str, port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection((address, port), 1).close()
        except OSError:
            return
        time.sleep(0.005)


@dataclass
class Dovecot:
    """One instance, running or stopped. The ports stay the same over stop() and start()."""

    layout: Layout
    root: Path
    certificate: Certificate
    owner: pwd.struct_passwd = field(default_factory=_mail_user)
    ports: Ports = field(default_factory=Ports.pick)
    _process: subprocess.Popen[bytes] | None = None
    _names: Iterator[int] = field(default_factory=count)

    @property
    def imap_port(self) -> int:
        return self.ports.imap

    @property
    def imaps_port(self) -> int:
        return self.ports.imaps

    @property
    def lmtp_port(self) -> int:
        return self.ports.lmtp

    def start(self) -> None:
        for name in ("run", "state"):  # what a kill leaves in them, a lock or a socket, holds up the next start
            shutil.rmtree(self.root / name, ignore_errors=True)
            (self.root / name).mkdir()
        self._process = subprocess.Popen(
            ["dovecot", "-F", "-c", str(self.root / "dovecot.conf")],
            start_new_session=True, stdout=subprocess.DEVNULL, stderr=(self.root / "stderr").open("wb"),
        )
        for port in self._listening():
            self._await(port)

    def stop(self) -> None:
        """Ends all processes of the instance at once, as a crash would."""
        if self._process is None:
            return
        group, self._process = self._process, None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group.pid, signal.SIGKILL)
        group.wait()
        for port in self._listening():  # the other processes are not our children, and hold the ports until they end
            _await_silence(self.layout.address, port)

    def _listening(self) -> tuple[int, ...]:
        return (self.imap_port, self.lmtp_port, *((self.imaps_port,) if self.layout.tls else ()))

    def _await(self, port: int) -> None:
        assert self._process is not None
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection((self.layout.address, port), 1):
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.02)
        raise RuntimeError(f"Dovecot does not listen on {port}: {self.log()}")

    def log(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace") for path in (self.root / "stderr", self.root / "log")
                         if path.exists())

    def folder(self, user: str, folder: str = "INBOX") -> Path:
        """The Maildir of a folder; `folder` with "/" between levels and without the namespace's prefix."""
        home = self.root / "mail" / user / "Maildir"
        return home if folder.upper() == "INBOX" else home / ("." + folder.replace("/", "."))

    def deliver(
        self, user: str, contents: Iterable[bytes], folder: str = "INBOX", received_at: datetime | None = None
    ) -> list[Path]:
        """Puts messages (LF line ends) into a folder's `new`, in order. `received_at` becomes their INTERNALDATE."""
        maildir = self.folder(user, folder)
        self._make_maildir(maildir)
        return [self._write(maildir, content, received_at) for content in contents]

    def _write(self, maildir: Path, content: bytes, received_at: datetime | None) -> Path:
        """Complete before it is seen: Dovecot takes what it finds in `new` away at once."""
        name = f"1700000000.M{next(self._names):08d}P1.tests"
        path = maildir / "tmp" / name
        path.write_bytes(content)
        os.chown(path, self.owner.pw_uid, self.owner.pw_gid)
        if received_at is not None:
            os.utime(path, (received_at.timestamp(), received_at.timestamp()))
        return path.rename(maildir / "new" / name)

    def _make_maildir(self, maildir: Path) -> None:
        for path in (*reversed([p for p in maildir.parents if self.root in p.parents]), maildir,
                     *(maildir / name for name in ("tmp", "new", "cur"))):
            if not path.exists():
                path.mkdir()
                os.chown(path, self.owner.pw_uid, self.owner.pw_gid)

    def messages(self, user: str, folder: str = "INBOX") -> list[bytes]:
        """What lies in a folder, by file name (as `deliver` numbers them); empty for a folder that does not exist."""
        maildir = self.folder(user, folder)
        paths = [path for name in ("cur", "new") for path in (maildir / name).glob("*")]
        return [path.read_bytes() for path in sorted(paths, key=lambda path: path.name)]

    def count(self, user: str, folder: str = "INBOX") -> int:
        """How many messages lie in a folder; safe while the server moves them, and cheap enough to be asked often."""
        paths = (self.folder(user, folder) / name for name in ("cur", "new"))
        return sum(1 for path in paths if path.exists() for _ in os.scandir(path))

    def folders(self, user: str) -> set[str]:
        """The names of a user's folders beside INBOX, with "/" between levels."""
        paths = self.folder(user).glob(".*/cur")
        return {path.parent.name[1:].replace(".", "/") for path in paths}

    def subscriptions(self, user: str) -> set[str]:
        """The names as the file has them, with "/" between levels. Version 2 of the file separates them by tabs."""
        path = self.folder(user) / "subscriptions"
        lines = path.read_text().splitlines() if path.exists() else []
        return {line.replace("\t", "/").replace(".", "/") for line in lines if line and not line.startswith("V\t")}

    def renumber(self, user: str, folder: str = "INBOX") -> None:
        """Lets Dovecot forget the folder's UIDs: it numbers the messages anew under another UIDVALIDITY."""
        for pattern in ("dovecot-uidlist", "dovecot.index*"):
            for path in self.folder(user, folder).glob(pattern):
                path.unlink()

    def clear(self) -> None:
        """Empties the mailboxes of all users."""
        for user in self.layout.users:
            shutil.rmtree(self.folder(user), ignore_errors=True)
            self._make_maildir(self.folder(user))

    def set_token(self, user: str, token: str) -> None:
        """From now on `token` is the only OAuth2 access token that is taken for `user`. Ends all connections."""
        path = self.root / "tokens"
        lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{user}:")]
        fresh = path.with_suffix(".new")
        fresh.write_text("\n".join([*lines, f"{user}:{{PLAIN}}{token}"]) + "\n")
        fresh.replace(path)
        if self._process is not None:  # Dovecot looks for a new file only now and then
            self.stop()
            self.start()

    def doveadm(self, *arguments: str) -> str:
        command = ["doveadm", "-c", str(self.root / "dovecot.conf"), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=30).stdout


def _version() -> tuple[int, int]:
    text = subprocess.run(["dovecot", "--version"], check=True, capture_output=True, text=True).stdout
    major, minor, *_ = text.split(".")
    return int(major), int(minor)


def _common(server: Dovecot) -> str:
    """What 2.3 and 2.4 write alike."""
    layout, root, owner = server.layout, server.root, server.owner
    root_only = "" if os.getuid() == 0 else (
        f"default_internal_user = {owner.pw_name}\ndefault_login_user = {owner.pw_name}\n"
        f"default_internal_group = {owner.pw_gid}\n"
        "service anvil {\n  chroot =\n}\nservice imap-login {\n  chroot =\n}\nservice stats {\n  chroot =\n}\n"
    )
    return f"""
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/log
listen = {layout.address}
first_valid_uid = 1
mail_uid = {owner.pw_uid}
mail_gid = {owner.pw_gid}
auth_mechanisms = {layout.mechanisms}
auth_failure_delay = 0
ssl = {"yes" if layout.tls else "no"}
namespace inbox {{
  inbox = yes
  separator = {layout.separator}
  prefix = {layout.prefix}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service imap-login {{
  process_min_avail = 1
  service_count = 0
  inet_listener imap {{
    port = {server.imap_port}
  }}
  inet_listener imaps {{
    port = {server.imaps_port if layout.tls else 0}
    ssl = yes
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {server.lmtp_port}
  }}
}}
{root_only}{layout.extra}
"""


def _capabilities(layout: Layout) -> list[str]:
    return [word for word in CAPABILITIES.split() if word not in layout.hidden]


def _config_23(server: Dovecot) -> str:
    layout, root = server.layout, server.root
    capability = f"imap_capability = {' '.join(_capabilities(layout))}" if layout.hidden else ""
    return f"""
protocols = imap lmtp
{_common(server)}
{capability}
mail_location = maildir:~/Maildir
auth_username_format = %Ln
disable_plaintext_auth = {"no" if layout.cleartext_login else "yes"}
ssl_cert = <{server.certificate.certificate}
ssl_key = <{server.certificate.key}
passdb {{
  driver = passwd-file
  mechanisms = plain login none  # "none": LMTP asks whether there is such a user
  args = {root}/passwords
}}
passdb {{
  driver = passwd-file
  mechanisms = xoauth2 oauthbearer
  args = {root}/tokens
}}
userdb {{
  driver = static
  args = uid={server.owner.pw_uid} gid={server.owner.pw_gid} home={root}/mail/%n
}}
"""


def _config_24(server: Dovecot) -> str:
    layout, root = server.layout, server.root
    names = "\n".join(f"  {word} = yes" for word in _capabilities(layout))
    return f"""
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
protocols = imap lmtp
{_common(server)}
{f"imap_capability {{{chr(10)}{names}{chr(10)}}}" if layout.hidden else ""}
mail_driver = maildir
mail_path = ~/Maildir
auth_username_format = %{{user | username | lower}}
auth_allow_cleartext = {"yes" if layout.cleartext_login else "no"}
ssl_server_cert_file = {server.certificate.certificate}
ssl_server_key_file = {server.certificate.key}
passdb passwords {{
  driver = passwd-file
  mechanisms_filter = plain login none
  passwd_file_path = {root}/passwords
}}
passdb tokens {{
  driver = passwd-file
  mechanisms_filter = xoauth2 oauthbearer
  passwd_file_path = {root}/tokens
}}
userdb static {{
  fields {{
    uid = {server.owner.pw_uid}
    gid = {server.owner.pw_gid}
    home = {root}/mail/%{{user | username}}
  }}
}}
"""


def _furnish(server: Dovecot) -> None:
    server.root.chmod(0o755)
    (server.root / "mail").mkdir()
    for user in server.layout.users:
        server._make_maildir(server.folder(user))
    (server.root / "passwords").write_text("".join(f"{u}:{{PLAIN}}{PASSWORD}\n" for u in server.layout.users))
    (server.root / "tokens").write_text("")
    _write_config(server)


def _write_config(server: Dovecot) -> None:
    config = _config_24(server) if _version() >= (2, 4) else _config_23(server)
    (server.root / "dovecot.conf").write_text(config)


def _start(server: Dovecot) -> None:
    """With other ports if somebody took one meanwhile."""
    for chances_left in (2, 1, 0):
        try:
            server.start()
            return
        except RuntimeError:
            server.stop()
            if not chances_left:
                raise
            server.ports = Ports.pick()
            _write_config(server)


@contextlib.contextmanager
def running(layout: Layout) -> Iterator[Dovecot]:
    """A started instance, gone with its folder at the end. A short path: unix sockets take 107 bytes."""
    if shutil.which("dovecot") is None:
        no_server = pytest.fail if os.environ.get("CI") else pytest.skip
        no_server("Dovecot is not installed (apt-get install dovecot-imapd dovecot-lmtpd)")
    root = Path(tempfile.mkdtemp(prefix="dovecot-"))
    server = Dovecot(layout, root, self_signed(root))
    try:
        _furnish(server)
        _start(server)
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def start_dovecot() -> Iterator[Callable[[Layout], Dovecot]]:
    """Makes instances by layout; all are stopped at the end of the module."""
    with contextlib.ExitStack() as stack:
        yield lambda layout: stack.enter_context(running(layout))


@pytest.fixture(scope="module")
def shared_dovecot(start_dovecot: Callable[[Layout], Dovecot]) -> Dovecot:
    return start_dovecot(Layout())


@pytest.fixture
def dovecot(shared_dovecot: Dovecot) -> Dovecot:
    """A running instance whose mailboxes are empty."""
    shared_dovecot.clear()
    return shared_dovecot
