"""`/metrics`: the state of the service, for Prometheus.

Counters belong to the process: they start at zero with it, as Prometheus expects. Gauges of the ledger are counted at
most once in `FRESH`, however often they are requested. Every name also appears in monitoring/.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from bounce_watcher.service.state import Counted, MailboxState, ServiceState, What

FRESH = timedelta(seconds=15)
"""The maximum age of ledger figures that are returned again."""

PREFIX = "bounce_watcher_"


def route(settings: Settings, ledger: Ledger, state: Callable[[], ServiceState]) -> Route:
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Service(settings, ledger, state))
    one_at_a_time = CapacityLimiter(1)

    def told(accept: str) -> Response:
        encode, content_type = choose_encoder(accept)
        return Response(encode(registry), media_type=content_type)

    async def metrics(request: Request) -> Response:
        return await to_thread.run_sync(told, request.headers.get("accept", ""), limiter=one_at_a_time)

    return Route("/metrics", metrics)


class _Service(Collector):
    """Collects all metrics but those of the process. For one thread at a time."""

    def __init__(self, settings: Settings, ledger: Ledger, state: Callable[[], ServiceState]) -> None:
        self._settings = settings
        self._ledger = ledger
        self._state = state
        self._asked_at: datetime | None = None
        self._figures: tuple[Stock, Mapping[str, ArrivalRate]] | None = None

    def collect(self) -> Iterator[Metric]:
        now, state = utcnow(), self._state()
        yield from _of_process(state)
        yield from _of_mailboxes(state.mailboxes, now)
        yield from _counters(state.counted)
        if self._asked_at is None or not timedelta(0) <= now - self._asked_at < FRESH:
            self._figures, self._asked_at = self._read([mailbox.name for mailbox in state.mailboxes], now), now
        yield _one("ledger_up", "Whether the database answered (1) or not (0).", self._figures is not None)
        if self._figures is not None:
            stock, paces = self._figures
            yield from _of_ledger(stock, self._settings, now)
            yield from _of_queues(stock, self._settings, now)
            yield from _of_paces(paces, {each.name: each.last_read_at or now for each in state.mailboxes})

    def _read(self, mailboxes: Sequence[str], now: datetime) -> tuple[Stock, Mapping[str, ArrivalRate]] | None:
        """Returns the ledger's stock and the arrival rates of these mailboxes; None if they can't be read."""
        try:
            return self._ledger.figures.stock(), self._ledger.recording.paces(mailboxes, now)
        except BounceWatcherError as failure:
            log.debug("the ledger's figures can't be had", action="figures_missing", trouble=str(failure))
            return None


def _one(name: str, means: str, value: float | None) -> Metric:
    """Returns a gauge without labels; None = absent."""
    family = GaugeMetricFamily(PREFIX + name, means, labels=[])
    if value is not None:
        family.add_metric([], float(value))
    return family


def _each(name: str, means: str, label: str, values: Mapping[str, float | None]) -> Metric:
    """Returns a gauge with one label; a sample that is None is absent."""
    family = GaugeMetricFamily(PREFIX + name, means, labels=[label])
    for labelled, value in values.items():
        if value is not None:
            family.add_metric([for_label(labelled)], float(value))
    return family


# ── the process and its mailboxes ───────────────────────────────────────────────────────────────────────────────────

def _of_process(state: ServiceState) -> Iterator[Metric]:
    try:
        running = version("bounce-watcher")
    except PackageNotFoundError:  # run from a source tree that is not installed
        running = "unknown"
    yield _each("build_info", "The version that runs; always 1.", "version", {running: 1})
    yield _one("start_time_seconds", "When the service began, or last read its configuration, in Unix time.",
               state.started_at.timestamp())
    yield _one("enforcing", "Whether targets are told of decisions (1) or the mode is shadow (0).",
               state.mode is Mode.ENFORCE)
    yield _one("watchdog_starving", "Whether a mailbox is stuck, so that the watchdog is not fed (1).",
               any(mailbox.stopped for mailbox in state.mailboxes))
    yield _each("trouble_start_time_seconds", "Since when something is wrong, in Unix time; gone when it is over.",
                "about", {str(about): trouble.since.timestamp() for about, trouble in sorted(state.troubles.items())})


def _of_mailboxes(mailboxes: Sequence[MailboxState], now: datetime) -> Iterator[Metric]:
    def of(name: str, means: str, value: Callable[[MailboxState], float | None]) -> Metric:
        return _each(name, means, "mailbox", {each.name: value(each) for each in mailboxes})

    def moment(at: datetime | None) -> float | None:
        return at.timestamp() if at else None

    yield of("mailbox_up", "Whether the mailbox is read without a failure (1).", _is_up)
    yield of("mailbox_stuck", "Whether the mailbox has made no progress for longer than it may (1).",
             lambda it: it.stopped)
    yield of("mailbox_last_read_timestamp_seconds", "End of the last pass that met no failure, in Unix time.",
             lambda it: moment(it.last_read_at))
    yield of("mailbox_last_progress_timestamp_seconds", "Last sign of life of the mailbox's reader, in Unix time.",
             lambda it: moment(it.moved_at))
    yield of("mailbox_last_pass_duration_seconds", "How long the last pass took that met no failure.",
             lambda it: it.pass_seconds)
    yield of("mailbox_waiting_messages", "Messages in the watched folders that are not filed yet.",
             lambda it: it.waiting)
    yield of("mailbox_lag_seconds", "For how long the oldest message has waited that is not filed yet; 0 = none waits.",
             lambda it: _since(it.oldest_waiting_at, now))
    yield of("mailbox_newest_message_timestamp_seconds", "When the newest message seen came in, in Unix time.",
             lambda it: moment(it.newest_at))


def _is_up(mailbox: MailboxState) -> bool:
    """Checks whether the mailbox is read without failure.

    The first pass over a large backlog takes long, so messages read in it count as proof, too.
    """
    was_read = mailbox.last_read_at is not None or mailbox.read > 0
    return was_read and mailbox.trouble is None and not mailbox.stopped


def _since(at: datetime | None, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds()) if at else 0.0


# ── what was done ───────────────────────────────────────────────────────────────────────────────────────────────────

_COUNTERS = (
    ("messages", "Messages read that were not known before, by what they are.", What.MESSAGES, ("mailbox", "kind")),
    ("messages_filed", "Messages settled, by folder: processed, review (not understood), quarantine (broken).",
     What.FILED, ("mailbox", "place")),
    ("verdicts", "What reports said of recipients: a bounce by type and reason, else what it is.", What.VERDICTS,
     ("type", "reason")),
    ("passes", "Passes over the mailbox: read, or failed.", What.PASSES, ("mailbox", "outcome")),
    ("deliveries", "Tries to tell a target, by what they came to.", What.TRIES, ("target", "outcome")),
)
"""Name, meaning, what is counted, and labels."""


def _counters(counted: Counted) -> Iterator[Metric]:
    for name, means, what, labels in _COUNTERS:
        family = CounterMetricFamily(PREFIX + name, means, labels=labels)
        for values, number in sorted(counted.get(what, {}).items()):
            family.add_metric([for_label(value) for value in values], number)
        yield family
    durations = SummaryMetricFamily(
        f"{PREFIX}pass_duration_seconds", "How long passes took that met no failure.", labels=["mailbox"]
    )
    passes = counted.get(What.PASSES, {})
    for (mailbox,), seconds in sorted(counted.get(What.PASS_SECONDS, {}).items()):
        durations.add_metric([mailbox], count_value=int(passes.get((mailbox, "read"), 0)), sum_value=seconds)
    yield durations


# ── figures of the ledger ───────────────────────────────────────────────────────────────────────────────────────────

def _of_ledger(stock: Stock, settings: Settings, now: datetime) -> Iterator[Metric]:
    yield _each("suppressions", "Recipients that are suppressed, or pending: held back in an outage or a flood.",
                "state", {str(state): number for state, number in stock.suppressions.items()})
    yield _each("alerts", "Alerts under way, by what they are about.", "kind",
                {kind: stock.alerts.get(kind, 0) for kind in AlertKind})
    yield _one("opt_outs_waiting", "Requests for no more mail that no person has dealt with.", stock.opt_outs.number)
    yield _one("opt_outs_oldest_seconds", "Age of the oldest of them, from when it was received; 0 = none waits.",
               _since(stock.opt_outs.oldest_at, now))
    guarding = "watching" if settings.policy.guard.enabled else "off"
    here = "holding" if stock.alerts.get(AlertKind.OUTAGE) else guarding
    yield _each("guard_state", "The outage guard: off, watching, or holding suppressions back; 1 for what it is.",
                "state", {state: state == here for state in ("off", "watching", "holding")})
    yield _one("raw_bytes", "What the raw mail takes up that is kept, compressed, in bytes.", stock.raw_bytes)
    yield _one("raw_quota_bytes", "How much raw mail is kept at most, in bytes; absent where there is no quota.",
               settings.raw_quota)


def _of_queues(stock: Stock, settings: Settings, now: datetime) -> Iterator[Metric]:
    def of(name: str, means: str, value: Callable[[Queue], float]) -> Metric:
        return _each(name, means, "target", {target: value(stock.queues.get(target, Queue())) for target in targets})

    targets = sorted({*(receiver.name for receiver in settings.receivers), *stock.queues})
    yield of("outbox_due", "Notices that the target is still to be told.", lambda it: it.due)
    yield of("outbox_oldest_due_seconds", "Age of the oldest notice that is due, from what it tells; 0 = none.",
             lambda it: _since(it.oldest_at, now))
    yield of("outbox_dead", "Notices given up: they wait for outbox retry or outbox discard.", lambda it: it.dead)
    yield of("outbox_disabled", "Whether the target's receiver said that it wants no more (1).",
             lambda it: it.disabled)
    yield of("outbox_paused", "Whether a person paused the target (1): what it is to be told waits.",
             lambda it: it.paused)


def _of_paces(paces: Mapping[str, ArrivalRate], read_at: Mapping[str, datetime]) -> Iterator[Metric]:
    """Yields the metrics of mailboxes about which enough is known, each as of its last read."""
    yield _each("mailbox_quiet",
                "Whether no mail has come for longer than is usual (1); absent while too little is known.", "mailbox",
                {name: pace.is_quiet(read_at[name]) for name, pace in paces.items()})
    yield _each("mailbox_longest_pause_seconds",
                "The longest usual pause between mails of late, in whole hours of the clock.", "mailbox",
                {name: pace.longest.total_seconds() for name, pace in paces.items()})
