"""A private Sendmail on loopback, from its unpacked packages, with a configuration that its own m4 files make."""

import subprocess

from tests.servers.enclosure import enclosed
from tests.servers.relay import ALIAS, BEHIND_ALIAS, Relay, unpacked

# Each attempt comes a second after the last.
_MC = """
divert(0)dnl
VERSIONID(`tests')
define(`confDOMAIN_NAME', `out.example.com')
define(`QUEUE_DIR', `{root}/queue')
define(`ALIAS_FILE', `{root}/aliases')
define(`STATUS_FILE', `')
define(`HELP_FILE', `')
define(`confPID_FILE', `{root}/pid')
define(`confTO_IDENT', `0')
define(`confTO_QUEUEWARN', `{delay_warning}s')
define(`confTO_QUEUERETURN', `{lifetime}s')
define(`confTO_HOSTSTATUS', `0s')
define(`confMAX_DAEMON_CHILDREN', `60')
define(`confQUEUE_LA', `1000')
define(`confREFUSE_LA', `1000')
define(`confDELAY_LA', `0')
define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')
define(`confRUN_AS_USER', `root')
define(`confTRUSTED_USER', `root')
define(`confSERVICE_SWITCH_FILE', `{root}/switch')
define(`SMART_HOST', `sink:[127.0.0.1]')
FEATURE(`no_default_msa')
FEATURE(`nocanonify')
FEATURE(`accept_unresolvable_domains')
FEATURE(`accept_unqualified_senders')
FEATURE(`promiscuous_relay')
FEATURE(`nouucp', `reject')
DAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={smtp_port}')
MAILER(`local')
MAILER(`smtp')
LOCAL_CONFIG
Cw {alias_domain}
LOCAL_NET_CONFIG
{routes}
MAILER_DEFINITIONS
Msink, P=[IPC], F=mDFMuXa8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\\r\\n, L=2040,
	T=DNS/RFC822/SMTP, A=TCP $h {sink_port}
"""
_ROUTE = "R$* < @ {domain}. > $*\t$#sink $@ [{host}] $: $1 < @ {domain}. > $2"


class Sendmail(Relay):
    """One instance."""

    lifetime = 12
    delay_warning = 2
    """Seconds."""

    def start(self) -> None:
        package = unpacked("sendmail")
        (self.root / "queue").mkdir(mode=0o700)
        (self.root / "switch").write_text("hosts\tfiles\naliases\tfiles\n")
        (self.root / "aliases").write_text(f"{ALIAS.partition('@')[0]}: {BEHIND_ALIAS}\n")
        macros = package / "usr/share/sendmail/cf"
        config = _MC.format(
            root=self.root, lifetime=self.lifetime, delay_warning=self.delay_warning, smtp_port=self.smtp_port,
            alias_domain=ALIAS.partition("@")[2],
            routes="\n".join(_ROUTE.format(domain=domain, host=host) for domain, host in self.sink.hosts.items()),
            sink_port=self.sink.port,
        )
        made = subprocess.run(
            ["m4", f"-D_CF_DIR_={macros}/", f"{macros}/m4/cf.m4", "-"], input=config, text=True, capture_output=True,
            check=True,
        )
        (self.root / "sendmail.cf").write_text(made.stdout)
        program, config_file = "/usr/libexec/sendmail/sendmail", f"{self.root}/sendmail.cf"
        script = f"{program} -C {config_file} -bi && exec {program} -C {config_file} -bD -q1s -X {self.root}/log"
        self.launch(enclosed(package, self.root, ["sh", "-c", script], {str(self.root): self.root}))

    def log(self) -> str:
        path = self.root / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def queued(self) -> int:
        return len(list((self.root / "queue").glob("[qdt]f*")))

    def makes_up(self, status: str | None, action: str) -> bool:
        """Sendmail has a status for each code and command."""
        return status is not None
