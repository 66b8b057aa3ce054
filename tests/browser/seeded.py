"""A ledger as months of mailing leave it, for pages to be looked at: the model's mail through the service's own parts.

It ends now, amid an outage of the largest provider, a few hours after a mailing.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from pathlib import Path

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.config import Settings, load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Attempt, Disposition
from bounce_watcher.model.sending import SentCount
from bounce_watcher.service.analyser import Analyser
from bounce_watcher.service.opening import open_ledger
from tests.simulation.judges import LISTENER, Watcher
from tests.simulation.letters import RETURNS
from tests.simulation.model import START, Model, Origin, Report

AFTER_THE_OUTAGE_BEGAN = timedelta(hours=5)
STREAMS = ("news", "receipts")
_LEASE = timedelta(minutes=5)
_DELIVERED, _REFUSED = Attempt(Disposition.DELIVERED, "204"), Attempt(Disposition.DEAD, "HTTP 400: no such list")
_LEFT_WAITING, _GAVE_UP = 3, 2


@dataclass(frozen=True, slots=True)
class Size:
    """Of the model: how many recipients are mailed, for how many days."""

    recipients: int = 2000
    days: int = 70
    seed: int = 5


_USUAL = Size()


class _Shifted(Watcher):
    """The service at the model's mail, moved in time. Every third recipient gets receipts instead of news.

    It looks once an hour: a transaction for each report takes most of the time otherwise.
    """

    poll_every = timedelta(hours=1)

    def __init__(self, model: Model, settings: Settings, ledger: Ledger, analyser: Analyser, by: timedelta) -> None:
        super().__init__(model, settings, ledger, analyser)
        self._by = by

    def take(self, reports: list[Report], now: datetime) -> None:  # type: ignore[override]
        super().take([replace(each, at=each.at + self._by) for each in reports], now + self._by)

    def _return_path(self, report: Report) -> str:
        if report.origin is not Origin.GENUINE:
            return super()._return_path(report)
        stream = stream_of(report.holder.number)
        return make_return_path(self._settings.attribution, report.holder.address, stream, f"n{report.day or 0}")


def stream_of(number: int) -> str:
    return STREAMS[number % 3 == 0]


def configured(root: Path, database_url: str, port: int, more: str = "") -> Settings:
    """A configuration with a mailbox, a webhook and the dashboard on `port`, open to this machine."""
    config = root / "config.toml"
    config.write_text(f"""
[database]
url = "{database_url}"

[[mailbox]]
name = "returns"
host = "127.0.0.1"
username = "returns"
password = "-"
stream = "news"

[[webhook]]
name = "{LISTENER}"
url = "http://127.0.0.1/"
secret = "whsec_{"a" * 32}"

[attribution]
return_path = "{RETURNS}"
token_key = "{"k" * 32}"

[web]
listen = "127.0.0.1:{port}"
{more}
""")
    config.chmod(0o600)
    return load(config)


@contextmanager
def seeded(settings: Settings, until: datetime, size: Size = _USUAL) -> Iterator[Ledger]:
    """The ledger of `settings`, filled with what came until then."""
    model = Model(size.recipients, size.days, size.seed)
    model.outage = model.mailings[-1] + timedelta(minutes=30)
    end = model.outage + AFTER_THE_OUTAGE_BEGAN
    with open_ledger(settings) as ledger:
        with Analyser(settings.attribution, settings.workers) as analyser:
            _run(model, _Shifted(model, settings, ledger, analyser, until - end), end)
        _count_sent(model, ledger, end, until - end)
        _deliver(ledger, until)
        yield ledger


def _run(model: Model, watcher: _Shifted, end: datetime) -> None:
    """Day by day: who is given up is mailed no more."""
    inbox: list[Report] = []
    for day in range(model.days):
        now = min(START + timedelta(days=day), end)
        watcher.take(sorted(each for each in inbox if each.at < now), now)
        inbox = [each for each in inbox if each.at >= now]
        inbox += [each for each in model.send(day) if each.is_forged or each.recipient.number not in watcher.given_up]
    watcher.take(sorted(each for each in inbox if each.at < end), end)


def _count_sent(model: Model, ledger: Ledger, end: datetime, by: timedelta) -> None:
    domains = sorted((stream_of(each.number), each.address.rpartition("@")[2]) for each in model.recipients)
    mailed = [(place, len(list(some))) for place, some in groupby(domains)]
    ledger.put_counts([
        SentCount((at + by).date(), stream, domain, many, sending=f"n{(at - START).days}")
        for at in model.mailings if at < end
        for (stream, domain), many in mailed
    ])


def _deliver(ledger: Ledger, now: datetime) -> None:
    """All but the last of what the platform was to be told; a few it refused."""
    waiting = ledger.stock().queues[LISTENER].due
    refused = 0
    while waiting > _LEFT_WAITING and (items := ledger.lease(LISTENER, now, _LEASE, waiting - _LEFT_WAITING)):
        ledger.conclude([
            (item, _REFUSED if n < _GAVE_UP - refused else _DELIVERED) for n, item in enumerate(items)
        ], now)
        refused, waiting = _GAVE_UP, waiting - len(items)
