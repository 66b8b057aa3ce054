"""A private Postfix on loopback: its own configuration, queue and data, a high port, no chroot.

See tests/servers/relay.py for what it does.
"""

import contextlib
import os
import shutil
import signal

from tests.servers.relay import ALIAS, BEHIND_ALIAS, MAILBOX, Relay, unavailable

# Each attempt comes two seconds after the last; a delay is told at the first one behind `delay_warning_time`.
_MAIN = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
maillog_file = {root}/log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = out.example.com
mydestination =
mynetworks = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_relay_restrictions = permit_mynetworks, reject
alias_maps =
local_recipient_maps =
relayhost = [127.0.0.1]:{sink_port}
transport_maps = inline:{{ {{ example.com = lmtp:inet:127.0.0.1:{lmtp_port} }}{routes} }}
virtual_alias_maps = inline:{{ {{ {alias} = {behind_alias} }}, {{ @example.com = {mailbox} }} }}
smtp_tls_security_level = none
smtp_tls_policy_maps = inline:{{ {insists} }}
smtp_host_lookup = native
notify_classes =
minimal_backoff_time = 2s
maximal_backoff_time = 2s
queue_run_delay = 2s
maximal_queue_lifetime = {lifetime}s
bounce_queue_lifetime = 60s
delay_warning_time = {delay_warning}s
"""

_MASTER = """
127.0.0.1:{smtp_port} inet n - n - - smtpd
pickup     unix  n  -  n  60   1  pickup
cleanup    unix  n  -  n  -    0  cleanup
qmgr       unix  n  -  n  300  1  qmgr
rewrite    unix  -  -  n  -    -  trivial-rewrite
bounce     unix  -  -  n  -    0  bounce
defer      unix  -  -  n  -    0  bounce
trace      unix  -  -  n  -    0  bounce
verify     unix  -  -  n  -    1  verify
flush      unix  n  -  n  1000?  0  flush
proxymap   unix  -  -  n  -    -  proxymap
smtp       unix  -  -  n  -    -  smtp
relay      unix  -  -  n  -    -  smtp
lmtp       unix  -  -  n  -    -  lmtp
error      unix  -  -  n  -    -  error
retry      unix  -  -  n  -    -  error
showq      unix  n  -  n  -    -  showq
anvil      unix  -  -  n  -    1  anvil
scache     unix  -  -  n  -    1  scache
tlsmgr     unix  -  -  n  1000?  1  tlsmgr
postlog    unix-dgram n  -  n  -  1  postlogd
"""


class Postfix(Relay):
    """One instance. A mail that is refused for the time being is reported as delayed, then as expired."""

    lifetime = 12
    delay_warning = 2
    """Seconds."""

    def start(self) -> None:
        if shutil.which("postfix") is None:
            unavailable("Postfix is not installed (apt-get install postfix)")
        config = self.root / "config"
        for folder in (config, self.root / "queue", self.root / "data"):
            folder.mkdir()
        shutil.chown(self.root / "data", "postfix")
        routes = {domain: f"[{host}]:{self.sink.port}" for domain, host in self.sink.hosts.items()}
        names = {
            "routes": "".join(f", {{ {domain} = smtp:{host} }}" for domain, host in routes.items()),
            "insists": ", ".join(f"{{ {routes[domain]} = encrypt }}" for domain in self.sink.insists),
            "root": self.root, "mailbox": MAILBOX, "alias": ALIAS, "behind_alias": BEHIND_ALIAS,
            "sink_port": self.sink.port, "lmtp_port": self.lmtp_port, "smtp_port": self.smtp_port,
            "lifetime": self.lifetime, "delay_warning": self.delay_warning,
        }
        (config / "main.cf").write_text(_MAIN.format(**names))
        (config / "master.cf").write_text(_MASTER.format(**names))
        self.launch(["postfix", "-c", str(config), "start-fg"])

    def stop(self) -> None:
        """The master has a process group of its own, whose id it writes down."""
        with contextlib.suppress(OSError, ValueError):
            os.killpg(int((self.root / "queue/pid/master.pid").read_text()), signal.SIGKILL)
        super().stop()

    def log(self) -> str:
        path = self.root / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def queued(self) -> int:
        folders = ("maildrop", "incoming", "active", "deferred")
        return sum(path.is_file() for name in folders for path in (self.root / "queue" / name).rglob("*"))

    def printed(self, words: str, charset: str) -> str:
        """Postfix blots out what is no UTF-8."""
        return words if charset == "utf-8" else words.encode("ascii", "replace").decode()
