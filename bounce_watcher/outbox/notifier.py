"""Notifies the operator of alerts by mail or chat, with any service that Apprise supports (https://appriseit.com/services/).

Alerts go through the outbox as webhooks do, so none is lost. Alerts that are due together go into one message.
"""

import json
import logging
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.model.keys import DAY, MINUTE, SECOND, Between, KeyMark, ValueKind
from bounce_watcher.model.ledger import AlertKind, Attempt, Disposition, NoticeType, Occurrence, OutboxItem
from bounce_watcher.model.neutral import for_chat
from bounce_watcher.model.url import Hides, url_secrets
from bounce_watcher.outbox.backoff import try_again
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import masked

MOST_TOLD = 20
"""The most alerts that one message shows; it only counts the others."""

LONGEST_BECAUSE = 1000
"""The most characters of an alert's cause: our own words, with names in them."""

ROOM = 1000
"""The most notices that go into one message."""

logging.getLogger("apprise").propagate = False  # its log lines come back with the result, and some hold addresses

_NAME_A_HOST = frozenset({
    "mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "apprise", "apprises", "syslog", "rsyslog",
})
"""Apprise schemes that are followed by a host and never by a token."""

_ALERTS = frozenset({NoticeType.ALERT_RAISED, NoticeType.ALERT_CLEARED})


@dataclass(frozen=True, slots=True)
class Notifier:
    """One `[[notify]]`. `url` may hold secrets. At most one message is sent in each `every`, except after a failure."""

    name: Annotated[str, ValueKind.NAME]
    url: Annotated[SecretStr, ValueKind.APPRISE_URL]
    alerts: Annotated[frozenset[AlertKind], KeyMark.FILLED, KeyMark.ONCE] = frozenset(AlertKind)
    every: Annotated[timedelta, Between(timedelta(0), DAY)] = timedelta(minutes=15)
    timeout: Annotated[timedelta, Between(SECOND, 2 * MINUTE)] = timedelta(seconds=30)

    limits: ClassVar[Limits] = Limits(batch=ROOM, concurrency=1)
    keeps_state: ClassVar[bool] = False
    streams: ClassVar[tuple[str, ...]] = ()

    @property
    def about(self) -> About:
        return About(AboutKind.NOTIFIER, self.name)

    @property
    def label(self) -> str:
        return str(self.about)

    def hears(self, occurrence: Occurrence) -> bool:
        return occurrence.type in _ALERTS and occurrence.data.get("alert") in self.alerts


# ── the message ─────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class Message:
    """A message in plain text; words of others are neutralised. `is_bad`: at least one alert in it is still open."""

    title: str
    body: str
    is_bad: bool


TEST = Message("bounce-watcher: test", "This is a test: here you are told of alerts.", is_bad=False)


@dataclass(frozen=True, slots=True)
class _ToldAlert:
    """One alert as its latest notice describes it."""

    data: Mapping[str, Any]
    at: str
    raised: bool
    over: bool

    def line(self) -> str:
        state = "over" if self.over and not self.raised else "raised and over" if self.over else "raised"
        because = for_chat(str(self.data.get("because", "")), LONGEST_BECAUSE, names_hosts=True)
        text = f"{state.upper()} at {self.at}: {because}"
        quote = self.data.get("quote")
        return f"{text}\n{quoted(str(quote))}" if quote else text


def quoted(words: str) -> str:
    """Returns the line below an alert that quotes the other side."""
    return f"    \u201c{for_chat(words)}\u201d"


def message_of(items: Sequence[OutboxItem]) -> Message:
    """Returns one message about these items, in the order in which they were written."""
    alerts = _by_alert(items)
    number = Counter(told.over for told in alerts)
    states = [f"{number[over]} {word}" for over, word in ((False, "raised"), (True, "over")) if number[over]]
    kinds = ", ".join(sorted({str(told.data.get("alert", "alert")) for told in alerts}))
    lines = [told.line() for told in alerts[:MOST_TOLD]]
    if len(alerts) > MOST_TOLD:
        lines.append(f"and {len(alerts) - MOST_TOLD} more: bounce-watcher alerts list")
    return Message(
        f"bounce-watcher: {for_chat(kinds)}: {', '.join(states)}", "\n".join(lines), is_bad=bool(number[False]),
    )


def _by_alert(items: Iterable[OutboxItem]) -> list[_ToldAlert]:
    found: dict[str, _ToldAlert] = {}
    for item in items:
        body = json.loads(item.body)
        data, over = body["data"], item.type is NoticeType.ALERT_CLEARED
        before = found.get(data["id"])
        raised = not over or (before is not None and before.raised)
        found[data["id"]] = _ToldAlert(data, body["timestamp"], raised, over)
    return list(found.values())


# ── the channel ─────────────────────────────────────────────────────────────────────────────────────────────────────

class NotifierChannel:
    """A `Channel` to a notifier. Imports Apprise with the first message: it takes half a second and some memory."""

    def __init__(self, notifier: Notifier, jitter: Callable[[], float] = random.random) -> None:
        self.notifier = notifier
        self.slots, self.room, self.longest = 1, ROOM, notifier.timeout
        self._jitter = jitter

    def batches(self, items: Sequence[OutboxItem]) -> list[list[OutboxItem]]:
        return [list(items)] if items else []

    def send(self, items: Sequence[OutboxItem], now: datetime) -> list[Attempt]:
        trouble = self.tell(message_of(items))
        if trouble is None:
            return [Attempt(Disposition.DELIVERED, f"in one message of {len(items)}")] * len(items)
        return [try_again(trouble, item.attempts, now, self._jitter(), timedelta(0), whole=True) for item in items]

    def test(self, now: datetime) -> Attempt:
        try:
            understood(self.notifier)
        except PermanentFailure as failure:
            return Attempt(Disposition.RETRY, str(failure), failure=failure)
        trouble = self.tell(TEST)
        return Attempt(Disposition.RETRY if trouble else Disposition.DELIVERED, trouble or "the message was taken")

    def tell(self, message: Message) -> str | None:
        """Sends the message now. Returns None if it was taken, else what went wrong, without secrets and addresses."""
        from apprise import NotifyFormat, NotifyType  # noqa: PLC0415

        try:
            service = understood(self.notifier)
        except PermanentFailure as failure:
            return str(failure)
        taken = service.notify(
            message.body, title=message.title, body_format=NotifyFormat.TEXT,
            notify_type=NotifyType.WARNING if message.is_bad else NotifyType.SUCCESS,
            timeout=self.notifier.timeout.total_seconds(),
        )
        return None if taken else self._trouble([entry.message for entry in taken.logs()])

    def _trouble(self, logged: Sequence[str]) -> str:
        """Returns the first line of Apprise's log, masked: it is nearest to the cause."""
        text = logged[0] if logged else "not taken, and Apprise does not say why"
        return masked(text, _secrets_of(self.notifier.url.get_secret_value()))

    def close(self) -> None:
        """Does nothing: nothing stays open."""


def _secrets_of(urls: str) -> set[str]:
    """Returns the parts of the URLs that Apprise may repeat, whole or in a vendor's URL: any part can be a token."""
    found = {urls}
    for url in re.split(r"[,\s]+", urls):
        scheme, _, rest = url.partition("://")
        found |= url_secrets(url, Hides.PATH)
        if scheme.lower() not in _NAME_A_HOST:
            found.add(re.split("[/?#@]", rest)[0])
    return {each for each in found if len(each) >= 6}


def understood(notifier: Notifier) -> Any:
    """Returns Apprise set up for the URL, or for several with commas. Raises PermanentFailure if it can't parse one."""
    from apprise import Apprise, AppriseAsset, PersistentStoreMode  # noqa: PLC0415

    service = Apprise(asset=AppriseAsset(
        app_id="bounce-watcher", app_desc="bounce-watcher", app_url="", storage_mode=PersistentStoreMode.MEMORY
    ))
    if not service.add(notifier.url.get_secret_value()):
        raise PermanentFailure(
            "its URL is none that Apprise understands", "see https://appriseit.com/services/", about=notifier.about
        )
    return service
