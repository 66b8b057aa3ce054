"""A private OpenSMTPD on loopback, from its unpacked package. It wants the users opensmtpd and opensmtpq."""

import os

from tests.servers.enclosure import enclosed
from tests.servers.relay import ALIAS, BEHIND_ALIAS, Relay, unpacked

# It tries a second time only after minutes: a delay is told at the first attempt that finds the mail old enough.
_CONFIG = """
queue ttl {lifetime}s
bounce warn-interval {delay_warning}s
table aliases {{ {alias_name} = {behind_alias} }}
listen on 127.0.0.1 port {smtp_port} hostname out.example.com
action "alias" expand-only alias <aliases>
action "sink" relay host "smtp+notls://127.0.0.1:{sink_port}" helo out.example.com
{routes}
match from any for domain "{alias_domain}" action "alias"
match from any for any action "sink"
"""

_ROUTE = """
action "{domain}" relay host "{scheme}://{host}:{port}" helo out.example.com
match from any for domain "{domain}" action "{domain}"
"""


class OpenSmtpd(Relay):
    """One instance."""

    alias_told = BEHIND_ALIAS
    """Its reports name nobody else."""

    lifetime = 12
    delay_warning = 2
    """Seconds."""

    def start(self) -> None:
        spool, config = self.root / "spool", self.root / "config"
        spool.mkdir(mode=0o711)
        config.mkdir()
        name, _, domain = ALIAS.partition("@")
        schemes = dict.fromkeys(self.sink.insists, "smtp+tls")
        routes = "".join(
            _ROUTE.format(domain=domain, host=host, port=self.sink.port, scheme=schemes.get(domain, "smtp+notls"))
            for domain, host in self.sink.hosts.items()
        )
        (config / "smtpd.conf").write_text(_CONFIG.format(
            alias_name=name, alias_domain=domain, behind_alias=BEHIND_ALIAS, routes=routes, sink_port=self.sink.port,
            smtp_port=self.smtp_port, lifetime=self.lifetime, delay_warning=self.delay_warning,
        ))
        command = ["/usr/sbin/smtpd", "-d", "-f", "/etc/bounce_watcher/smtpd.conf"]
        shared = {"/var/spool/smtpd": spool, "/etc/bounce_watcher": config}
        self.launch(enclosed(unpacked("opensmtpd"), self.root, command, shared))

    def log(self) -> str:
        return (self.root / "stderr").read_text("utf-8", "replace")

    def queued(self) -> int:
        folders = (self.root / "spool" / name for name in ("incoming", "queue", "purge"))
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))  # folders come and go meanwhile
