"""The base classes of sending platforms that keep a list of suppressed addresses.

A kind is one file in `platforms/`: a frozen dataclass whose fields are the keys of its `[[platform]]` table (a field of
type SecretStr may be written as KEY, KEY_file, KEY_env or KEY_credential). The page beside it tells a person how to set
it up. Kinds over HTTP only say what to ask and how to read the answers, as conversations (exchange.py).
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from time import monotonic, sleep  # noqa: TID251  (it spaces calls, it does not tell the time)
from typing import Annotated, ClassVar, Protocol, TypeVar

from pydantic import SecretStr

from bounce_watcher.extras import missing
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.errors import PermanentFailure, TemporaryFailure
from bounce_watcher.model.keys import MINUTE, SECOND, Between, KeyMark, ValueKind
from bounce_watcher.model.ledger import NoticeType, Occurrence, Scope
from bounce_watcher.model.url import shown_url
from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import MAX_REPLY_BYTES, Conversation, Headers, Reply, Request, address_of

T = TypeVar("T")

TOLD = frozenset({NoticeType.SUPPRESSED, NoticeType.RELEASED})


class Misfit(ValueError):
    """Raised for a value of `key` that this kind can't work with. `text` says what is wrong and how to fix it."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def require(extra: str, key: str = "kind") -> None:
    """Raises Misfit if the value of `key` needs an extra of the package that is missing."""
    if lack := missing(extra):
        raise Misfit(key, lack)


@dataclass(frozen=True, slots=True)
class Listed:
    """One address on a platform's own list. `reason` is the platform's word; `since` is aware, None if not known."""

    address: str
    reason: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a platform's own list. `cursor` leads to the next page, None after the last."""

    entries: tuple[Listed, ...]
    cursor: str | None = None


class Session(Protocol):
    """An open connection to a platform. Safe for use by several threads.

    None of its methods except `page` raises because of the network or the platform.
    """

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        """Suppresses the recipients of one batch. Returns one outcome for each change, in their order."""

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]: ...

    def check(self, now: datetime) -> Outcome:
        """Makes a harmless call that proves that the platform is there, knows us and gives us the rights we need."""

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        """Returns a page of its list, the first for None. Raises TemporaryFailure or PermanentFailure."""

    def close(self) -> None: ...


class LocalSession:
    """The parts of a `Session` to a platform that has no list to read. By default nothing stays open."""

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        raise NotImplementedError

    def close(self) -> None:
        pass


class CallPacer:
    """A pacer that spaces calls evenly. Thread-safe. `rate` is in calls a second, None = no limit."""

    def __init__(self, rate: float | None) -> None:
        self._gap = 1 / rate if rate else 0.0
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Waits until it is the caller's turn."""
        if not self._gap:
            return
        with self._lock:
            now = monotonic()
            turn = max(self._next, now)
            self._next = turn + self._gap
        sleep(turn - now)


@dataclass(frozen=True, kw_only=True)
class Platform(ABC):
    """One `[[platform]]`. `streams` are those it is told about, () = all. It always gets changes for all streams.

    `rate` overrides the most calls a second, None = as the kind's `limits` say.
    """

    name: Annotated[str, ValueKind.NAME]
    streams: Annotated[tuple[str, ...], KeyMark.ONCE] = ()
    timeout: Annotated[timedelta, Between(SECOND, 5 * MINUTE)] = timedelta(seconds=30)
    rate: Annotated[float | None, Between(0.001, 10_000.0)] = None

    kind: ClassVar[str]
    limits: ClassVar[Limits] = Limits()
    keeps_state: ClassVar[bool] = True
    lists: ClassVar[bool] = False
    """Whether the platform's own list can be read, see `Session.page`."""

    @property
    def about(self) -> About:
        return About(AboutKind.PLATFORM, self.name)

    @property
    def label(self) -> str:
        return str(self.about)

    @property
    def calls_a_second(self) -> float | None:
        return self.rate or self.limits.rate

    def hears(self, occurrence: Occurrence) -> bool:
        everywhere = occurrence.data.get("scope") == Scope.GLOBAL.value
        return occurrence.type in TOLD and (not self.streams or everywhere or occurrence.stream in self.streams)

    def secrets(self) -> frozenset[str]:
        """Returns the secrets of the configuration, which must be shown nowhere."""
        values = (getattr(self, each.name) for each in fields(self))
        return frozenset(value.get_secret_value() for value in values if isinstance(value, SecretStr))

    def group_of(self, change: Change) -> Hashable:
        """Returns the group of a change: only changes of one group go into one call."""
        return None

    @abstractmethod
    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        """Describes the first step for the changes of one batch, with secrets masked. Makes no call."""


@dataclass(frozen=True, kw_only=True)
class LocalPlatform(Platform):
    """A platform without an HTTP API: a database, a file, a program."""

    @abstractmethod
    def connect(self) -> Session:
        """Opens a session. Makes no call yet. Raises PermanentFailure if the platform can't be used at all."""


@dataclass(frozen=True, kw_only=True)
class HttpPlatform(Platform):
    """A platform with an HTTP API. `url` overrides the address of the API.

    `ca_file` and `allow_hosts` work as for webhooks: see client.py and reach.py. `root` is the path that all calls
    have in common, with the names of fields in braces. `max_reply` is the most that is read of a reply, in bytes,
    unless a request asks for more.
    """

    url: Annotated[str, ValueKind.URL] = ""
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None
    allow_hosts: Annotated[frozenset[str], ValueKind.ALLOWED_HOST, KeyMark.ONCE] = field(default_factory=frozenset)

    root: ClassVar[str] = ""
    max_reply: ClassVar[int] = MAX_REPLY_BYTES

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.lists = cls.page is not HttpPlatform.page

    @property
    def shown_url(self) -> str:
        """The URL for people, without the parts that may be secret."""
        return shown_url(self.url)

    @abstractmethod
    def suppress(self, changes: Sequence[Change], now: datetime, /) -> Conversation[Sequence[Outcome]]:
        """Stops mail to the recipients of one batch. Returns one outcome for each, in their order."""

    @abstractmethod
    def release(self, changes: Sequence[Change], now: datetime, /) -> Conversation[Sequence[Outcome]]:
        """Lets mail go to the recipients again. A recipient who is not on the list counts as released."""

    @abstractmethod
    def check(self, now: datetime) -> Conversation[Outcome]:
        """Reads something harmless that needs the same rights, as far as possible."""

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page of its list, if there is one to read. Raises what `readable` raises."""
        raise NotImplementedError

    def credentials(self) -> Headers:
        """Returns the headers of every request: they say who calls."""
        return {}

    def request(self, method: str, *segments: str, document: object = None, **query: str) -> Request:
        """Returns a request for what is at `segments` below `root`, each percent-encoded whole: see `address_of`."""
        root = [part.format_map(vars(self)) for part in self.root.split("/") if part]
        url = address_of(self.url, *root, *segments, **query)
        return Request(method, url, self.credentials(), document, max_reply=self.max_reply)

    def readable(self, reply: Reply, rows: T | None) -> T:
        """Returns `rows`, which are what `reply` has of the list. If they are None, it is no page: raises an error."""
        if rows is not None:
            return rows
        problem = f"its list can't be read: {reply.text}"
        if reply.ok:
            told = f"{problem}: the body is not what this API answers"
            raise PermanentFailure(told, "check url", about=self.about)
        if reply.status is not None and 300 <= reply.status < 500 and reply.status not in {408, 429}:
            raise PermanentFailure(problem, "check the key and its rights", about=self.about)
        raise TemporaryFailure(problem, about=self.about)

    def first_call(self, changes: Sequence[Change], now: datetime) -> Request:
        """Returns the first request for the changes of one batch. Raises StopIteration if there is none."""
        act = self.suppress if changes[0].suppress else self.release
        conversation = act(changes, now)
        request = next(conversation)
        conversation.close()
        return request

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        return self.first_call(changes, now).shown()


def needs_url(platform: HttpPlatform, example: str) -> None:
    """Raises Misfit if `url` is missing, for software that everybody runs at their own address."""
    if not platform.url:
        raise Misfit("url", f'missing: add url = "{example}"')
