"""A private Exim on loopback: its own configuration, spool and log, a high port.

Debian's Exim and Postfix exclude one another, so Exim may also lie unpacked in a folder that the environment variable
BOUNCE_WATCHER_EXIM names (`dpkg -x exim4-daemon-light_….deb FOLDER`; .ci/run does that). It wants the user Debian-exim.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.relay import ALIAS, BEHIND_ALIAS, MAILBOX, Relay, unavailable

# Exim reports an expired mail at the first queue run behind the last retry rule.
_CONFIG = """
exim_path = {root}/exim4
exim_user = {user}
exim_group = {user}
spool_directory = {root}/spool
log_file_path = {root}/log/%slog
pid_file_path = {root}/exim.pid
primary_hostname = out.example.com
qualify_domain = example.com
local_interfaces = <; 127.0.0.1
daemon_smtp_ports = {smtp_port}
tls_advertise_hosts =
host_lookup =
rfc1413_query_timeout = 0s
recipient_unqualified_hosts =
deliver_drop_privilege
never_users =
keep_environment =
smtp_accept_queue_per_connection = 0
smtp_accept_max = 50
queue_run_max = 1
delay_warning = {delay_warning}s:1d
acl_smtp_rcpt = accept

begin acl
accept:
  accept

begin routers
alias:
  driver = redirect
  domains = example.com
  local_parts = {alias}
  data = {behind_alias}
returns:
  driver = redirect
  domains = example.com
  data = {mailbox}
  redirect_router = mailbox
mailbox:
  driver = manualroute
  domains = example.com
  route_list = * 127.0.0.1 byname
  self = send
  transport = lmtp
sink:
  driver = manualroute
  route_list = * 127.0.0.1 byname
  self = send
  transport = sink

begin transports
lmtp:
  driver = smtp
  protocol = lmtp
  port = {lmtp_port}
  allow_localhost
  hosts_avoid_tls = *
  hosts_try_fastopen =
sink:
  driver = smtp
  port = {sink_port}
  allow_localhost
  hosts_avoid_tls = *
  hosts_try_fastopen =

begin retry
* * F,{lifetime}s,1s
"""


def find_exim() -> str:
    """Path of the program, unpacked or installed; empty where there is none."""
    unpacked = os.environ.get("BOUNCE_WATCHER_EXIM")
    paths = [f"{unpacked}/usr/sbin", f"{unpacked}/usr/bin"] if unpacked else []
    path = os.pathsep.join([*paths, os.environ.get("PATH", os.defpath), "/usr/sbin"])
    return shutil.which("exim4", path=path) or shutil.which("exim", path=path) or ""


class Exim(Relay):
    """One instance."""

    user = "Debian-exim"
    lifetime = 8
    delay_warning = 2
    """Seconds."""

    def start(self) -> None:
        for folder in (self.root / "spool", self.root / "log"):
            folder.mkdir()
            shutil.chown(folder, self.user, self.user)
        config = self.root / "exim.conf"
        config.write_text(_CONFIG.format(
            root=self.root, user=self.user, mailbox=MAILBOX, alias=ALIAS.partition("@")[0], behind_alias=BEHIND_ALIAS,
            sink_port=self.sink_port, lmtp_port=self.lmtp_port,
            smtp_port=self.smtp_port, lifetime=self.lifetime, delay_warning=self.delay_warning,
        ))
        config.chmod(0o644)
        self.launch([str(self.root / "exim4"), "-C", str(config), "-bdf", "-q1s"])

    def log(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace") for path in sorted((self.root / "log").glob("*log")))

    def queued(self) -> int:
        return len(list((self.root / "spool/input").rglob("*-H")))

    def status_without_status(self, code: int, action: str) -> str:
        """Exim's field knows two values, by what it did: the reply has no part in it."""
        return "5.0.0" if action == "failed" else "4.0.0"

    def printed(self, words: str) -> str:
        """Exim writes what is not ASCII as the octal digits of its bytes."""
        return "".join(c if c.isascii() else "".join(f"\\{byte:03o}" for byte in c.encode()) for c in words)


@contextlib.contextmanager
def running(sink_port: int, lmtp_port: int) -> Iterator[Exim]:
    """A started instance, gone with its folder at the end."""
    program = find_exim()
    if not program:
        unavailable("Exim is not installed (apt-get install exim4-daemon-light) nor in the folder BOUNCE_WATCHER_EXIM")
    if os.getuid() != 0:
        unavailable("Exim starts as root only")
    root = Path(tempfile.mkdtemp(prefix="exim-"))
    root.chmod(0o755)
    server = Exim(root, sink_port, lmtp_port)
    try:
        # A copy, because Exim runs itself again as its own user, who may not see the folder of the original.
        shutil.copy(program, root / "exim4")
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(root, ignore_errors=True)
