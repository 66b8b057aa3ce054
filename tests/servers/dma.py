"""A private dma (DragonFly Mail Agent), from its unpacked package: no daemon, it is called for each mail.

It gives up after five days, and never tells of a delay: so its queue is made to look old before the first attempt, and
what would come back after the last one comes back at once.
"""

import subprocess
from collections.abc import Iterable

from tests.servers.enclosure import enclosed
from tests.servers.relay import Mail, Relay, unpacked

# "DEFER" leaves a mail in the queue, "dma -q" goes through it and leaves each mail to a process of its own.
_SCRIPT = """
cd /mails
for number in *.mail; do
    number=${number%.mail}
    read -r sender recipients <"$number.envelope"
    cp "$number.conf" /etc/dma/dma.conf
    dma -f "$sender" $recipients <"$number.mail"
    touch -d '6 days ago' /var/spool/dma/[MQ]*
    dma -q
    while pidof dma >/dev/null; do sleep 0.02; done
done
"""
_CONFIG = """
SMARTHOST {host}
PORT {port}
MAILNAME out.example.com
DEFER
{more}
"""
_INSISTING = "SECURETRANSFER\nSTARTTLS"


class Dma(Relay):
    """One spool; `send` returns when all is out of it."""

    warns = False
    has_aliases = False
    is_believed = False

    def start(self) -> None:
        unpacked("dma")
        for name in ("spool", "config", "mails"):
            (self.root / name).mkdir()
        for name in ("spool", "config"):
            subprocess.run(["chgrp", "mail", str(self.root / name)], check=True)
        (self.root / "spool").chmod(0o2770)
        (self.root / "config/auth.conf").touch()
        (self.root / "stderr").touch()

    def send(self, mails: Iterable[Mail]) -> None:
        folder = self.root / "mails"
        for number, mail in enumerate(mails, 100):
            (folder / f"{number}.mail").write_bytes(mail.message().as_bytes())
            (folder / f"{number}.envelope").write_text(f"{mail.sender} {' '.join(mail.recipients)}\n")
            (folder / f"{number}.conf").write_text(self._config(mail.recipients[0].partition("@")[2]))
        shared = {"/var/spool/dma": self.root / "spool", "/etc/dma": self.root / "config", "/mails": folder}
        command = enclosed(unpacked("dma"), self.root, ["sh", "-e", "-c", _SCRIPT], shared)
        with (self.root / "stderr").open("wb") as output:
            subprocess.run(command, check=True, timeout=60, stdout=output, stderr=output)

    def _config(self, domain: str) -> str:
        more = _INSISTING if domain in self.sink.insists else ""
        return _CONFIG.format(host=self.sink.host(domain), port=self.sink.port, more=more)

    def log(self) -> str:
        return (self.root / "stderr").read_text("utf-8", "replace")

    def queued(self) -> int:
        return len(list((self.root / "spool").glob("[MQ]*")))

    def makes_up(self, status: str | None, action: str) -> bool:
        """It writes text alone."""
        return status is None
