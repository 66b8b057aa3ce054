"""`/metrics`: the state of the service, for Prometheus.

Counters belong to the process: they start at zero with it, as Prometheus expects. Gauges of the ledger are counted at
most once in `FRESH`, however often they are requested. Every name also appears in monitoring/.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.metadata import PackageNotFoundError, version

from anyio import CapacityLimiter, to_thread
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric, SummaryMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bounce_watcher.config import Settings
from bounce_watcher.ledger.lists.stock import Queue, Stock
from bounce_watcher.ledger.store import Ledger
from bounce_watcher.logs import log
from bounce_watcher.model.errors import BounceWatcherError
from bounce_watcher.model.ledger import AlertKind
from bounce_watcher.model.neutral import for_label
from bounce_watcher.policy.guards.quiet import ArrivalRate
from bounce_watcher.policy.settings import Mode
from bounce_watcher.service.clock import utcnow
from bounce_watcher.service.state import MailboxState, ServiceState, What

FRESH = timedelta(seconds=15)
"""The maximum age of ledger figures that are returned again."""

PREFIX = "bounce_watcher_"



def route(settings: Settings, ledger: Ledger, state: Callable[[], ServiceState]) -> Route:
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Service(settings, _Figures(ledger), state))
    one_at_a_time = CapacityLimiter(1)

    def told(accept: str) -> Response:
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), media_type=content_type)

    async def metrics(request: Request) -> Response:
        return await to_thread.run_sync(told, request.headers.get("accept", ""), limiter=one_at_a_time)

    return Route("/metrics", metrics)


class _Figures:
    """The ledger's current figures; None if they can't be read. For one thread at a time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._asked_at: datetime | None = None
        self._told: tuple[Stock, Mapping[str, ArrivalRate]] | None = None

    def of(self, mailboxes: Sequence[str], now: datetime) -> tuple[Stock, Mapping[str, ArrivalRate]] | None:
        """Returns the stock, and the arrival rates of these mailboxes."""
        if self._asked_at is None or not timedelta(0) <= now - self._asked_at < FRESH:
            self._told, self._asked_at = self._read(mailboxes, now), now
        return self._told

    def _read(self, mailboxes: Sequence[str], now: datetime) -> tuple[Stock, Mapping[str, ArrivalRate]] | None:
        try:
            return self._ledger.figures.stock(), self._ledger.recording.paces(mailboxes, now)
        except BounceWatcherError as failure:
            log.debug("the ledger's figures can't be had", action="figures_missing", trouble=str(failure))
            return None


class _Service(Collector):
    def __init__(self, settings: Settings, figures: _Figures, state: Callable[[], ServiceState]) -> None:
        self._settings = settings
        self._figures = figures
        self._state = state

    def collect(self) -> Iterator[Metric]:
        now, state = utcnow(), self._state()
        yield from _of_process(state)
        for figure in _MAILBOX:
            yield _gauge(figure.name, figure.means, ["mailbox"], [
                ([mailbox.name], value)
                for mailbox in state.mailboxes
                if (value := figure.of(mailbox, now)) is not None
            ])
        for counter in _COUNTERS:
            yield _counter(counter, state)
        yield _pass_durations(state)
        told = self._figures.of([mailbox.name for mailbox in state.mailboxes], now)
        yield _gauge("ledger_up", "Whether the database answered (1) or not (0).", [], [([], told is not None)])
        if told is not None:
            stock, paces = told
            yield from _of_ledger(stock, self._settings, now)
            yield from _of_raw_mail(stock, self._settings)
            yield from _of_paces(paces, {each.name: each.last_read_at or now for each in state.mailboxes})


def _of_paces(paces: Mapping[str, ArrivalRate], read_at: Mapping[str, datetime]) -> Iterator[Metric]:
    """Yields the metrics of mailboxes about which enough is known, each as of its last read."""
    yield _gauge(
        "mailbox_quiet", "Whether no mail has come for longer than is usual (1); absent while too little is known.",
        ["mailbox"], [([name], pace.is_quiet(read_at[name])) for name, pace in paces.items()],
    )
    yield _gauge(
        "mailbox_longest_pause_seconds", "The longest usual pause between mails of late, in whole hours of the clock.",
        ["mailbox"], [([name], pace.longest.total_seconds()) for name, pace in paces.items()],
    )


Samples = Iterable[tuple[list[str], float]]


def _gauge(name: str, means: str, labels: list[str], samples: Samples) -> GaugeMetricFamily:
    family = GaugeMetricFamily(PREFIX + name, means, labels=labels)
    for values, number in samples:
        family.add_metric([for_label(value) for value in values], float(number))
    return family


# ── the process and its mailboxes ───────────────────────────────────────────────────────────────────────────────────

def _of_process(state: ServiceState) -> Iterator[Metric]:
    yield _gauge("build_info", "The version that runs; always 1.", ["version"], [([_version()], 1)])
    yield _gauge("start_time_seconds", "When the service began, or last read its configuration, in Unix time.", [],
                 [([], state.started_at.timestamp())])
    yield _gauge("enforcing", "Whether targets are told of decisions (1) or the mode is shadow (0).", [],
                 [([], state.mode is Mode.ENFORCE)])
    yield _gauge("watchdog_starving", "Whether a mailbox is stuck, so that the watchdog is not fed (1).", [],
                 [([], any(mailbox.stopped for mailbox in state.mailboxes))])
    yield _gauge("trouble_start_time_seconds", "Since when something is wrong, in Unix time; gone when it is over.",
                 ["about"],
                 [([str(about)], trouble.since.timestamp()) for about, trouble in sorted(state.troubles.items())])


def _version() -> str:
    try:
        return version("bounce-watcher")
    except PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


@dataclass(frozen=True, slots=True)
class _Figure:
    """A gauge of a mailbox. `of` returns None if there is no value yet."""

    name: str
    means: str
    of: Callable[[MailboxState, datetime], float | None]


def _moment(at: datetime | None) -> float | None:
    return at.timestamp() if at else None


def _up(mailbox: MailboxState) -> bool:
    """Checks whether the mailbox is read without failure.

    The first pass over a large backlog takes long, so messages read in it count as proof, too.
    """
    was_read = mailbox.last_read_at is not None or mailbox.read > 0
    return was_read and mailbox.trouble is None and not mailbox.stopped


def _lag(mailbox: MailboxState, now: datetime) -> float:
    oldest = mailbox.oldest_waiting_at
    return max(0.0, (now - oldest).total_seconds()) if oldest else 0.0


_MAILBOX = (
    _Figure("mailbox_up", "Whether the mailbox is read without a failure (1).", lambda it, _: _up(it)),
    _Figure("mailbox_stuck", "Whether the mailbox has made no progress for longer than it may (1).",
            lambda it, _: it.stopped),
    _Figure("mailbox_last_read_timestamp_seconds", "End of the last pass that met no failure, in Unix time.",
            lambda it, _: _moment(it.last_read_at)),
    _Figure("mailbox_last_progress_timestamp_seconds", "Last sign of life of the mailbox's reader, in Unix time.",
            lambda it, _: _moment(it.moved_at)),
    _Figure("mailbox_last_pass_duration_seconds", "How long the last pass took that met no failure.",
            lambda it, _: it.pass_seconds),
    _Figure("mailbox_waiting_messages", "Messages in the watched folders that are not filed yet.",
            lambda it, _: it.waiting),
    _Figure("mailbox_lag_seconds", "For how long the oldest message has waited that is not filed yet; 0 = none waits.",
            _lag),
    _Figure("mailbox_newest_message_timestamp_seconds", "When the newest message seen came in, in Unix time.",
            lambda it, _: _moment(it.newest_at)),
)


# ── what was done ───────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class _Counter:
    name: str
    means: str
    what: What
    labels: tuple[str, ...]


_COUNTERS = (
    _Counter("messages", "Messages read that were not known before, by what they are.", What.MESSAGES,
             ("mailbox", "kind")),
    _Counter("messages_filed", "Messages settled, by folder: processed, review (not understood), quarantine (broken).",
             What.FILED, ("mailbox", "place")),
    _Counter("verdicts", "What reports said of recipients: a bounce by type and reason, else what it is.",
             What.VERDICTS, ("type", "reason")),
    _Counter("passes", "Passes over the mailbox: read, or failed.", What.PASSES, ("mailbox", "outcome")),
    _Counter("deliveries", "Tries to tell a target, by what they came to.", What.TRIES, ("target", "outcome")),
)


def _counter(counter: _Counter, state: ServiceState) -> Metric:
    family = CounterMetricFamily(PREFIX + counter.name, counter.means, labels=counter.labels)
    for labels, number in sorted(state.counted.get(counter.what, {}).items()):
        family.add_metric([for_label(label) for label in labels], number)
    return family


def _pass_durations(state: ServiceState) -> Metric:
    """Returns the duration of passes without a failure."""
    family = SummaryMetricFamily(
        f"{PREFIX}pass_duration_seconds", "How long passes took that met no failure.", labels=["mailbox"]
    )
    passes = state.counted.get(What.PASSES, {})
    for (mailbox,), seconds in sorted(state.counted.get(What.PASS_SECONDS, {}).items()):
        family.add_metric([mailbox], count_value=int(passes.get((mailbox, "read"), 0)), sum_value=seconds)
    return family


# ── figures of the ledger ───────────────────────────────────────────────────────────────────────────────────────────

def _of_ledger(stock: Stock, settings: Settings, now: datetime) -> Iterator[Metric]:
    yield _gauge("suppressions", "Recipients that are suppressed, or pending: held back in an outage or a flood.",
                 ["state"], [([state], number) for state, number in stock.suppressions.items()])
    yield _gauge("alerts", "Alerts under way, by what they are about.", ["kind"],
                 [([kind], stock.alerts.get(kind, 0)) for kind in AlertKind])
    yield _gauge("opt_outs_waiting", "Requests for no more mail that no person has dealt with.", [],
                 [([], stock.opt_outs.number)])
    yield _gauge("opt_outs_oldest_seconds", "Age of the oldest of them, from when it was received; 0 = none waits.", [],
                 [([], _since(stock.opt_outs.oldest_at, now))])
    here = _guard_state(stock, settings)
    yield _gauge("guard_state", "The outage guard: off, watching, or holding suppressions back; 1 for what it is.",
                 ["state"], [([state], state == here) for state in ("off", "watching", "holding")])
    names = sorted({*(receiver.name for receiver in settings.receivers), *stock.queues})
    queues = {name: stock.queues.get(name, Queue()) for name in names}
    yield _gauge("outbox_due", "Notices that the target is still to be told.", ["target"],
                 [([name], queue.due) for name, queue in queues.items()])
    yield _gauge("outbox_oldest_due_seconds", "Age of the oldest notice that is due, from what it tells; 0 = none.",
                 ["target"], [([name], _since(queue.oldest_at, now)) for name, queue in queues.items()])
    yield _gauge("outbox_dead", "Notices given up: they wait for outbox retry or outbox discard.", ["target"],
                 [([name], queue.dead) for name, queue in queues.items()])
    yield _gauge("outbox_disabled", "Whether the target's receiver said that it wants no more (1).", ["target"],
                 [([name], queue.disabled) for name, queue in queues.items()])
    yield _gauge("outbox_paused", "Whether a person paused the target (1): what it is to be told waits.", ["target"],
                 [([name], queue.paused) for name, queue in queues.items()])


def _of_raw_mail(stock: Stock, settings: Settings) -> Iterator[Metric]:
    yield _gauge("raw_bytes", "What the raw mail takes up that is kept, compressed, in bytes.", [],
                 [([], stock.raw_bytes)])
    yield _gauge("raw_quota_bytes", "How much raw mail is kept at most, in bytes; absent where there is no quota.", [],
                 [] if settings.raw_quota is None else [([], settings.raw_quota)])


def _guard_state(stock: Stock, settings: Settings) -> str:
    if stock.alerts.get(AlertKind.OUTAGE):
        return "holding"
    return "watching" if settings.policy.guard.enabled else "off"


def _since(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0.0
