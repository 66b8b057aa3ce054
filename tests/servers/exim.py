"""A private Exim on loopback: its own configuration, spool and log, a high port.

Debian's Exim and Postfix exclude one another, so Exim is taken from its unpacked package. It wants the user
Debian-exim.
"""

import shutil
import subprocess

from tests.servers.relay import ALIAS, BEHIND_ALIAS, MAILBOX, Relay, unpacked

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
  domains = {alias_domain}
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
insisting:
  driver = manualroute
  route_list = {insists}
  self = send
  transport = tls
refusing:
  driver = manualroute
  route_list = {routes}
  self = send
  transport = sink
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

tls:
  driver = smtp
  port = {sink_port}
  allow_localhost
  hosts_require_tls = *
  hosts_try_fastopen =

begin retry
* * F,{lifetime}s,1s
"""


class Exim(Relay):
    """One instance."""

    user = "Debian-exim"
    lifetime = 12
    delay_warning = 2
    """Seconds."""

    def start(self) -> None:
        # A copy, because Exim runs itself again as its own user, who may not see the folder of the original. Made by
        # another process: a file that this one writes is inherited by what its threads start just then, and cannot
        # be run (ETXTBSY) until they have ended it.
        subprocess.run(["cp", str(unpacked("exim") / "usr/sbin/exim4"), str(self.root / "exim4")], check=True)
        for folder in (self.root / "spool", self.root / "log"):
            folder.mkdir()
            shutil.chown(folder, self.user, self.user)
        config = self.root / "exim.conf"
        routes = {domain: f"{domain} {host} byname" for domain, host in self.sink.hosts.items()}
        config.write_text(_CONFIG.format(
            routes=" ; ".join(routes.values()), insists=" ; ".join(routes[domain] for domain in self.sink.insists),
            root=self.root, user=self.user, mailbox=MAILBOX, alias_domain=ALIAS.partition("@")[2],
            behind_alias=BEHIND_ALIAS,
            sink_port=self.sink.port, lmtp_port=self.lmtp_port,
            smtp_port=self.smtp_port, lifetime=self.lifetime, delay_warning=self.delay_warning,
        ))
        config.chmod(0o644)
        self.launch([str(self.root / "exim4"), "-C", str(config), "-bdf", "-q1s"])

    def log(self) -> str:
        return "\n".join(path.read_text("utf-8", "replace") for path in sorted((self.root / "log").glob("*log")))

    def queued(self) -> int:
        return len(list((self.root / "spool/input").rglob("*-H")))

    def makes_up(self, status: str | None, action: str) -> bool:
        """Exim's field knows two values, by what it did: the reply has no part in it."""
        return status == ("5.0.0" if action == "failed" else "4.0.0")
