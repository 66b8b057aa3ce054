"""A ledger as months of mailing leave it, for pages to be looked at: the model's mail through the service's own parts.

It ends now, amid an outage of the largest provider, a few hours after a mailing.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from bounce_watcher.attribution.return_path import make_return_path
from bounce_watcher.config import Settings, load
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Actor, Attempt, Disposition
from bounce_watcher.model.message import RawMessage
from bounce_watcher.model.sending import SentCount
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.operations.parts import pages
from tests.simulation.judges import LISTENER, Watcher
from tests.simulation.letters import RETURNS, Reply
from tests.simulation.mail import write_and_analyse
from tests.simulation.model import OUTAGE_FROM, OUTAGE_SHARE, START, Model, Origin, Recipient, Report

AFTER_THE_OUTAGE_BEGAN = timedelta(hours=5)
STREAMS = ("news", "receipts")
OWN_WORDS = (
    Reply("554 5.0.0 zorp gate 17 of {mx} has been closed for this one", "5.0.0"),
    Reply("550 5.0.0 Zxqv {to}: quux lane is not lit", "5.0.0"),
    Reply("571 5.0.0 blorp {domain} fnord <script>alert(1)</script>", "5.0.0"),
)
"""That no rule knows."""

ANSWERS = 6
_ANSWER = f"""\
From: Reader {{number}} <reader{{number}}@bigmail.example>
To: {RETURNS}
Subject: Re: What is new this week
Date: {{date}}
Message-ID: <{{number}}.answer@bigmail.example>

Where is the second picture from? I have a cousin in that town.
"""

OPT_OUTS = 4
_OPT_OUT = """\
From: Reader {number} <reader{number}@bigmail.example>
To: {to}
Subject: unsubscribe
Date: {date}
Message-ID: <{number}.opt-out@bigmail.example>

"""

_LEASE = timedelta(minutes=5)
_DELIVERED, _REFUSED = Attempt(Disposition.DELIVERED, "204"), Attempt(Disposition.DEAD, "HTTP 400: no such list")
_LEFT_WAITING, _GAVE_UP = 3, 2


@dataclass(frozen=True, slots=True)
class Size:
    """Of the model: how many recipients are mailed, for how many days; the share of a provider that an outage hits."""

    recipients: int = 8000
    days: int = 70
    seed: int = 5
    outage_share: float = OUTAGE_SHARE


_USUAL = Size(int(os.environ.get("BOUNCE_WATCHER_RECIPIENTS", "8000")))


class _Shifted(Watcher):
    """The service at the model's mail, moved in time. Every third recipient gets receipts instead of news.

    It looks once an hour: a transaction for each report takes most of the time otherwise.
    """

    poll_every = timedelta(hours=1)

    def __init__(self, model: Model, settings: Settings, ledger: Ledger, analyser: Analyser, by: timedelta) -> None:
        super().__init__(model, settings, ledger, analyser)
        self._by = by

    def take(self, reports: Sequence[Report], now: datetime) -> None:
        super().take([
            replace(each, at=each.at + self._by, reply=own_words(each.recipient) or each.reply) for each in reports
        ], now + self._by)

    def take_answers(self, now: datetime) -> None:
        """Some readers write back, which names nobody who failed."""
        answers = (
            RawMessage(f"answer#{number}", _ANSWER.format(number=number, date=format_datetime(now)).encode(), now,
                       mailbox="returns", stream="news")
            for number in range(ANSWERS)
        )
        self._recorder.drain(pages(answers), lambda places, totals: None, Event())

    def take_opt_outs(self, now: datetime, settings: Settings) -> None:
        """Some ask for no more mail, half of them by the return path of a mail to another address of theirs."""
        signed = make_return_path(settings.attribution, "reader@company.example", "news", "n1", day=now.date())
        mails = (
            RawMessage(f"opt-out#{number}", _OPT_OUT.format(
                number=number, date=format_datetime(now), to=signed if number % 2 else RETURNS
            ).encode(), now - timedelta(hours=number), mailbox="returns", stream="news")
            for number in range(OPT_OUTS)
        )
        self._recorder.drain(pages(mails), lambda places, totals: None, Event())

    def _stream_of(self, report: Report) -> str:
        return stream_of(report.holder.number) if report.origin is Origin.GENUINE else super()._stream_of(report)


def own_words(recipient: Recipient) -> Reply | None:
    """What a server with one domain says of a mailbox that it has no more, where it has words of its own for that."""
    if recipient.provider.domain or not recipient.death or recipient.number % 2:
        return None
    return OWN_WORDS[recipient.number // 2 % len(OWN_WORDS)]


def stream_of(number: int) -> str:
    return STREAMS[number % 3 == 0]


TOKEN = "M0nFz5Q3bJmV8sYk2LrTgXwP7cHdEaUi"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


def configured(root: Path, database_url: str, port: int, tokens: str = f'token = "{TOKEN}"') -> Settings:
    """A configuration with a mailbox, a webhook and the dashboard on `port`."""
    config = root / "config.toml"
    (root / "rules").mkdir(exist_ok=True)
    config.write_text(f"""
rules_dir = "rules"

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
{tokens}
""")
    config.chmod(0o600)
    return load(config)


def write_stock(path: Path, until: datetime, size: Size = _USUAL) -> int:
    """A ledger in SQLite; how many events it holds. The file is there as soon as all of it is."""
    with TemporaryDirectory(dir=path.parent) as folder:
        new = Path(folder) / "ledger.db"
        with seeded(configured(Path(folder), f"sqlite:///{new}", port=1), until, size) as ledger:
            events = ledger.history.count_events()
        new.rename(path)
    return events


@contextmanager
def seeded(settings: Settings, until: datetime, size: Size = _USUAL) -> Iterator[Ledger]:
    """The ledger of `settings`, filled with what came until then."""
    model = Model(size.recipients, size.days, size.seed)
    model.outage, model.outage_share = model.mailings[-1] + OUTAGE_FROM, size.outage_share
    end = model.outage + AFTER_THE_OUTAGE_BEGAN
    with open_ledger(settings) as ledger:
        with Analyser(settings.attribution, settings.workers, work=write_and_analyse) as analyser:
            watcher = _Shifted(model, settings, ledger, analyser, until - end)
            _run(model, watcher, end)
            watcher.take_answers(until)
            watcher.take_opt_outs(until, settings)
        _deal_with_one(ledger, until)
        _count_sent(model, ledger, end, until - end)
        _deliver(ledger, until)
        yield ledger


def _deal_with_one(ledger: Ledger, now: datetime) -> None:
    """The oldest opt-out."""
    *_, oldest = ledger.review.opt_outs()
    ledger.review.settle_opt_outs([oldest.id], Actor("mara", now, "taken off by hand"))


def _run(model: Model, watcher: _Shifted, end: datetime) -> None:
    """From mailing to mailing: who is given up is mailed no more."""
    inbox: list[Report] = []
    for day in filter(model.has_mailing, range(model.days)):
        now = min(START + timedelta(days=day), end)
        watcher.take(sorted(each for each in inbox if each.at < now), now)
        inbox = [each for each in inbox if each.at >= now]
        inbox += [each for each in model.send(day) if each.is_forged or each.recipient.number not in watcher.given_up]
    watcher.take(sorted(each for each in inbox if each.at < end), end)


def _count_sent(model: Model, ledger: Ledger, end: datetime, by: timedelta) -> None:
    domains = sorted((stream_of(each.number), each.address.rpartition("@")[2]) for each in model.recipients)
    mailed = [(place, len(list(some))) for place, some in groupby(domains)]
    ledger.recording.put_counts([
        SentCount((at + by).date(), stream, domain, many, sending=f"n{(at - START).days}")
        for at in model.mailings if at < end
        for (stream, domain), many in mailed
    ])


def _deliver(ledger: Ledger, now: datetime) -> None:
    """All but the last of what the platform was to be told; a few it refused."""
    waiting = ledger.figures.stock().queues[LISTENER].due
    refused = 0
    while waiting > _LEFT_WAITING and (items := ledger.outbox.lease(LISTENER, now, _LEASE, waiting - _LEFT_WAITING)):
        ledger.outbox.conclude([
            (item, _REFUSED if n < _GAVE_UP - refused else _DELIVERED) for n, item in enumerate(items)
        ], now)
        refused, waiting = _GAVE_UP, waiting - len(items)
