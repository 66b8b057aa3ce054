"""The base classes of sending platforms that keep a list of suppressed addresses.

A kind is one file in `platforms/`: a frozen dataclass whose fields are the keys of its `[[platform]]` table (a field of
type SecretStr may be written as KEY, KEY_file, KEY_env or KEY_credential). The page beside it tells a person how to set
it up. Kinds over HTTP only say what to ask and how to read the answers, as conversations (exchange.py).
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Protocol

from pydantic import SecretStr

from bounce_watcher.extras import missing
from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.model.keys import MINUTE, SECOND, Between, KeyMark, ValueKind
from bounce_watcher.model.ledger import NoticeType, Occurrence, Scope
from bounce_watcher.model.url import shown_url
from bounce_watcher.outbox.backoff import FOR_WHAT_IS_IN_IT, retry_after
from bounce_watcher.outbox.change import Change, Fate, Outcome
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import Conversation, Reply, Request

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

    `ca_file` and `allow_hosts` work as for webhooks: see endpoint.py and reach.py.
    """

    url: Annotated[str, ValueKind.URL] = ""
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None
    allow_hosts: Annotated[frozenset[str], ValueKind.ALLOWED_HOST, KeyMark.ONCE] = field(default_factory=frozenset)

    @property
    def shown_url(self) -> str:
        """The URL for people, without the parts that may be secret."""
        return shown_url(self.url)

    @abstractmethod
    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Stops mail to the recipients of one batch. Returns one outcome for each, in their order."""

    @abstractmethod
    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Lets mail go to the recipients again. A recipient who is not on the list counts as released."""

    @abstractmethod
    def check(self, now: datetime) -> Conversation[Outcome]:
        """Reads something harmless that needs the same rights, as far as possible."""

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """Returns a page of its list, if `lists` is true. For any other reply raises what `unread` returns."""
        raise NotImplementedError

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


# ── what the answers of most APIs mean ──────────────────────────────────────────────────────────────────────────────

def outcome(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns what one reply means for each of the `size` changes of one call.

    2xx means done, unless it is a web page: then a portal or a proxy answered. 400, 413 and 422 are about something in
    the call: a call with several changes is split, a single change is refused. Anything else (no answer, 401, 403, 404,
    429, 5xx, a redirect) is about the platform as a whole or about our configuration. It passes or someone fixes it, so
    the change is tried later.
    """
    if reply.ok:
        return garbage(reply) if reply.is_page else Outcome(Fate.DONE, reply.text)
    if reply.status in FOR_WHAT_IS_IN_IT:
        return Outcome(Fate.SPLIT if size > 1 else Fate.REFUSED, reply.text)
    return later(reply, now)


def released(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """Returns the same as `outcome`, for a release of the address in the URL: 404 means that it is not on the list."""
    if reply.status == 404:
        return Outcome(Fate.DONE, f"{reply.text or 'HTTP 404'} (was not on the list)")
    return outcome(reply, now, size)


def later(reply: Reply, now: datetime, wait: timedelta | None = None) -> Outcome:
    """Returns an outcome to try the whole platform later, after `wait` or else after its Retry-After."""
    if wait is None and reply.retry_after:
        wait = retry_after(reply.retry_after, now)
    return Outcome(Fate.LATER, reply.text, wait, whole=True)


def refused(reply: Reply, why: str = "") -> Outcome:
    """Returns a refusal for good: a person has to look. `why` is the cause in our words if the answer gives none."""
    return Outcome(Fate.REFUSED, f"{reply.text}: {why}" if why else reply.text)


def unread(reply: Reply, platform: Platform) -> BounceWatcherError:
    """Returns the error to raise for a reply that is no page of the list."""
    problem, about = f"its list can't be read: {reply.text}", platform.about
    if reply.ok:
        return PermanentFailure(f"{problem}: the body is not what this API answers", "check url", about=about)
    if reply.status is not None and 300 <= reply.status < 500 and reply.status not in {408, 429}:
        return PermanentFailure(problem, "check the key and its rights", about=about)
    return TemporaryFailure(problem, about=about)


def garbage(reply: Reply) -> Outcome:
    """Returns the outcome of a success that does not match the API's documentation: nobody knows what was done."""
    return Outcome(Fate.LATER, f"{reply.text}: the body is not what this API answers", whole=True)


def for_each(found: Outcome, changes: Sequence[Change]) -> tuple[Outcome, ...]:
    """Returns the same outcome for all changes of one call."""
    return (found,) * len(changes)


def moment(text: object) -> datetime | None:
    """Parses a time as most APIs write it (ISO 8601 with an offset); None if it is no time or has no offset."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
