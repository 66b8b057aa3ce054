"""Who decides on the model's reports: bounce-watcher as it runs, and three policies that are common elsewhere."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from json import loads
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from typing import Protocol

from bounce_watcher.config import Settings, load
from bounce_watcher.ledger.lists.filters import OutboxFilter
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.model.ledger import Alert, AlertKind, NoticeType
from bounce_watcher.model.message import RawMessage, message_digest
from bounce_watcher.model.sending import SentMail
from bounce_watcher.service.analysis.analyser import Analyser
from bounce_watcher.service.opening import open_ledger
from bounce_watcher.service.operations.parts import pages
from bounce_watcher.service.recording import Recorder
from bounce_watcher.service.state import Troubles
from tests.simulation.letters import RETURNS, Kind
from tests.simulation.mail import Mailed, Unwritten, write_and_analyse
from tests.simulation.model import Model, Recipient, Report
from tests.simulation.verdict import Verdict

LISTENER = "platform"
POLL_EVERY = timedelta(minutes=1)
"""As the service looks by default. The shorter a page, the less of a spike is seen before the first is decided on."""


class Judge(Protocol):
    """`name` is a column's title. `given_up` are the numbers of the recipients that are not to be mailed now."""

    @property
    def name(self) -> str: ...

    @property
    def given_up(self) -> set[int]: ...

    def take(self, reports: Sequence[Report], now: datetime) -> None:
        """All that came until `now`, in the order of time."""

    def verdicts(self) -> Iterator[Verdict]:
        """Everybody that was ever given up."""

    def forged_believed(self) -> int:
        """How many forged reports counted against somebody whom their forger is not."""


class Watcher:
    """bounce-watcher: the mail is written and analysed in other processes, and recorded by the service's own parts."""

    name = "bounce-watcher"
    poll_every = POLL_EVERY

    def __init__(self, model: Model, settings: Settings, ledger: Ledger, analyser: Analyser) -> None:
        self._settings = settings
        self._ledger = ledger
        self._recorder = Recorder(settings, ledger, analyser, Troubles())
        self._numbers = {recipient.address: recipient.number for recipient in model.recipients}
        self._forged: dict[str, Recipient] = {}
        self._heard: str | None = None
        self.given_up: set[int] = set()

    def take(self, reports: Sequence[Report], now: datetime) -> None:
        self.take_mail([(report.at, self.received(report)) for report in reports], now)

    def take_mail(self, mails: Sequence[tuple[datetime, RawMessage]], now: datetime) -> None:
        """All mail that came until `now`, each with its time, whoever wrote it."""
        ordered = sorted(mails, key=lambda each: each[0])
        polls = groupby(ordered, key=lambda each: (now - each[0]) // self.poll_every)
        polled = (page for _, poll in polls for page in pages(raw for _, raw in poll))
        self._recorder.drain(polled, lambda places, totals: None, Event())
        self._recorder.expire(now, now)
        self._hear()

    def _hear(self) -> None:
        """As the platform, which mails whom it is told to."""
        for item in self._ledger.lists.outbox(OutboxFilter(target=LISTENER, after=self._heard)):
            self._heard = item.id
            if item.type is NoticeType.SUPPRESSED:
                self.given_up.add(self._numbers[item.recipient or ""])
            elif item.type is NoticeType.RELEASED:
                self.given_up.discard(self._numbers[item.recipient or ""])

    def verdicts(self) -> Iterator[Verdict]:
        """As the platform was told. One that is told anew, with another end, takes the place of the one before."""
        standing: dict[int, Verdict] = {}
        for item in self._ledger.lists.outbox(OutboxFilter(target=LISTENER)):
            number = self._numbers[item.recipient or ""]
            if number in standing:
                yield replace(standing.pop(number), ended=item.created_at)
            if item.type is NoticeType.SUPPRESSED:
                for_good = loads(item.body)["data"].get("until") is None
                standing[number] = Verdict(number, item.created_at, for_good)
        yield from standing.values()

    def forged_believed(self) -> int:
        events = (event for event in self._ledger.lists.events() if event.message_digest in self._forged)
        return sum(
            event.exclusion is None and event.recipient != self._forged[event.message_digest].address
            for event in events
        )

    def floods(self) -> Iterator[Alert]:
        return (alert for alert in self._ledger.lists.alerts() if alert.kind is AlertKind.FLOOD)

    def tell_sent(self, mails: Sequence[SentMail]) -> None:
        """As the platform that tells of what it sent."""
        self._ledger.recording.add_sent(mails)

    def received(self, report: Report) -> RawMessage:
        mailed = Mailed(report, self._stream_of(report), self._settings.attribution)
        if report.is_forged:
            self._forged[message_digest(mailed.content())] = report.holder
        return Unwritten(f"model#{report.number}", b"", report.at, mailbox="returns", stream="news", mailed=mailed)

    def _stream_of(self, report: Report) -> str:
        """Of the mail that the report is about."""
        return "news"


@contextmanager
def watcher(model: Model, *, guard: bool = True, tokens: bool = True) -> Iterator[Watcher]:
    """bounce-watcher with a ledger of its own and everything else as it is by default."""
    with TemporaryDirectory() as root:
        settings = load(_configured(Path(root), guard=guard, tokens=tokens))
        with (
            Analyser(settings.attribution, settings.workers, work=write_and_analyse) as analyser,
            open_ledger(settings) as ledger,
        ):
            yield Watcher(model, settings, ledger, analyser)


def _configured(root: Path, *, guard: bool, tokens: bool) -> Path:
    config = root / "config.toml"
    attribution = f'[attribution]\nreturn_path = "{RETURNS}"\ntoken_key = "{"k" * 32}"'
    no_guard = "[policy.guard]\nenabled = false\n[policy.flood]\nenabled = false"
    config.write_text(f"""
[database]
url = "sqlite:///{root}/ledger.db"
raw_retention = "0s"

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

{attribution if tokens else ""}
{"" if guard else no_guard}
""")
    config.chmod(0o600)
    return config


class Rival:
    """A policy that gives up for good. It reads every report without fault, and heeds a complaint at once.

    `enough` is told of each failure that a recipient has not been given up before, and says whether that is enough.
    """

    def __init__(self, name: str, enough: Callable[[Report], bool]) -> None:
        self.name = name
        self._enough = enough
        self._verdicts: dict[int, Verdict] = {}
        self._believed = 0

    @property
    def given_up(self) -> set[int]:
        return set(self._verdicts)

    def take(self, reports: Sequence[Report], now: datetime) -> None:
        for report in reports:
            if report.recipient.number not in self._verdicts and report.kind in {Kind.FAILED, Kind.COMPLAINT}:
                self._believed += report.is_forged
                if report.kind is Kind.COMPLAINT or self._enough(report):
                    number = report.recipient.number
                    self._verdicts[number] = Verdict(number, report.at, for_good=True)

    def verdicts(self) -> Iterator[Verdict]:
        return iter(self._verdicts.values())

    def forged_believed(self) -> int:
        return self._believed


def rivals() -> list[Rival]:
    return [
        Rival("any 5xx at once", lambda report: report.reply.is_permanent),
        Rival("five bounces ever", _five_ever()),
        Rival("Mailman's score", _mailmans_score()),
    ]


def _five_ever() -> Callable[[Report], bool]:
    bounces: defaultdict[int, int] = defaultdict(int)

    def enough(report: Report) -> bool:
        bounces[report.recipient.number] += 1
        return bounces[report.recipient.number] >= 5

    return enough


def _mailmans_score() -> Callable[[Report], bool]:
    """bounce_score_threshold 5, one a day at most; after bounce_info_stale_after, 7 days, it begins anew."""
    scores: dict[int, tuple[int, datetime]] = {}

    def enough(report: Report) -> bool:
        score, last = scores.get(report.recipient.number, (0, report.at))
        if report.at - last > timedelta(days=7):
            score = 0
        elif score and report.at.date() == last.date():
            return False
        scores[report.recipient.number] = score + 1, report.at
        return score + 1 >= 5

    return enough
