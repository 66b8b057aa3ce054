"""Sending platforms that keep a list of whom not to mail: what each kind of them is made of.

A kind is one file in `platforms/`: a frozen dataclass whose fields are the keys of its `[[platform]]` table (a field of
type SecretStr may be written as KEY, KEY_file, KEY_env or KEY_credential), and beside it the page that tells a person
how to set it up. Kinds over HTTP only say what to ask and how to read the answers, as conversations (exchange.py).
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
    """A value of `key` that this kind can't work with. `text` says what is wrong with it and how to fix it."""

    def __init__(self, key: str, text: str) -> None:
        super().__init__(text)
        self.key = key


def require(extra: str, key: str = "kind") -> None:
    """Raises Misfit where an extra of the package is missing that the value of `key` needs."""
    if lack := missing(extra):
        raise Misfit(key, lack)


@dataclass(frozen=True, slots=True)
class Listed:
    """One address on a platform's own list. `reason` is the platform's word for it; `since` aware where it tells."""

    address: str
    reason: str | None = None
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class ListPage:
    """A part of a platform's own list. `cursor` leads to the next part, None after the last."""

    entries: tuple[Listed, ...]
    cursor: str | None = None


class Session(Protocol):
    """An open way to a platform. Safe for use by several threads.

    None of its methods raises for what the network or the platform does, but for `page`.
    """

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        """One outcome for each change, in their order."""

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]: ...

    def check(self, now: datetime) -> Outcome:
        """A harmless call that proves that the platform is there, knows us and lets us do what we are to do."""

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        """A part of its list, the first for None. Raises TemporaryFailure or PermanentFailure."""

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Platform(ABC):
    """One `[[platform]]`. `streams` are those it is told of, () = all; what holds for all streams it is always told.

    `rate` overrides how many calls a second are made at most, None = what the kind's `limits` say.
    """

    name: Annotated[str, ValueKind.NAME]
    streams: Annotated[tuple[str, ...], KeyMark.ONCE] = ()
    timeout: Annotated[timedelta, Between(SECOND, 5 * MINUTE)] = timedelta(seconds=30)
    rate: Annotated[float | None, Between(0.001, 10_000.0)] = None

    kind: ClassVar[str]
    limits: ClassVar[Limits] = Limits()
    keeps_state: ClassVar[bool] = True
    lists: ClassVar[bool] = False
    """Whether its own list can be read, see `Session.page`."""

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
        """What must be seen nowhere."""
        values = (getattr(self, each.name) for each in fields(self))
        return frozenset(value.get_secret_value() for value in values if isinstance(value, SecretStr))

    def group_of(self, change: Change) -> Hashable:
        """What may go into one call stands in one group."""
        return None

    @abstractmethod
    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        """What would be done first for changes of one batch, secrets masked. Makes no call."""


@dataclass(frozen=True, kw_only=True)
class LocalPlatform(Platform):
    """A platform without an HTTP API: a database, a file, a program."""

    @abstractmethod
    def connect(self) -> Session:
        """Raises PermanentFailure where it can't be used at all. Makes no call yet."""


@dataclass(frozen=True, kw_only=True)
class HttpPlatform(Platform):
    """A platform with an HTTP API. `url` overrides where that is.

    `ca_file` and `allow_hosts` as for webhooks: see endpoint.py and reach.py.
    """

    url: Annotated[str, ValueKind.URL] = ""
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None
    allow_hosts: Annotated[frozenset[str], ValueKind.ALLOWED_HOST, KeyMark.ONCE] = field(default_factory=frozenset)

    @property
    def shown_url(self) -> str:
        """For people: where it is, without what may be a secret."""
        return shown_url(self.url)

    @abstractmethod
    def suppress(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Stops mail to the recipients of one batch. One outcome for each, in their order."""

    @abstractmethod
    def release(self, changes: Sequence[Change], now: datetime) -> Conversation[Sequence[Outcome]]:
        """Lets mail go to them again. Who is not on the list is released already."""

    @abstractmethod
    def check(self, now: datetime) -> Conversation[Outcome]:
        """Reads something harmless that takes the same rights, as far as there is such a thing."""

    def page(self, cursor: str | None, now: datetime) -> Conversation[ListPage]:
        """A part of its list, where `lists`. Raises what `unread` makes of a reply that is none."""
        raise NotImplementedError

    def first_call(self, changes: Sequence[Change], now: datetime) -> Request:
        """What would be asked first for changes of one batch. Raises StopIteration where nothing is."""
        act = self.suppress if changes[0].suppress else self.release
        conversation = act(changes, now)
        request = next(conversation)
        conversation.close()
        return request

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        return self.first_call(changes, now).shown()


def needs_url(platform: HttpPlatform, example: str) -> None:
    """For software that everybody runs at an address of their own. Raises Misfit where no `url` says at which."""
    if not platform.url:
        raise Misfit("url", f'missing: add url = "{example}"')


# ── how most APIs mean their answers ────────────────────────────────────────────────────────────────────────────────

def outcome(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """What one reply means for each of the `size` changes that were asked for in one call.

    2xx is done, unless it is a web page: then a portal or a proxy answered. 400, 413 and 422 speak of something in the
    call: a larger one is to be cut, a single change is refused. Anything else (no answer, 401, 403, 404, 429, 5xx, a
    redirect) is about the platform as a whole, or about how we are configured, and passes or is fixed: later.
    """
    if reply.ok:
        return garbage(reply) if reply.is_page else Outcome(Fate.DONE, reply.text)
    if reply.status in FOR_WHAT_IS_IN_IT:
        return Outcome(Fate.SPLIT if size > 1 else Fate.REFUSED, reply.text)
    return later(reply, now)


def released(reply: Reply, now: datetime, size: int = 1) -> Outcome:
    """As `outcome`, for a release of what the URL names: 404 says that it is not on the list."""
    if reply.status == 404:
        return Outcome(Fate.DONE, f"{reply.text or 'HTTP 404'} (was not on the list)")
    return outcome(reply, now, size)


def later(reply: Reply, now: datetime, wait: timedelta | None = None) -> Outcome:
    """The platform as a whole is to be tried again, not before it says: by `wait`, else by its Retry-After."""
    if wait is None and reply.retry_after:
        wait = retry_after(reply.retry_after, now)
    return Outcome(Fate.LATER, reply.text, wait, whole=True)


def refused(reply: Reply, why: str = "") -> Outcome:
    """For good: a person has to look. `why` in words of ours where the answer's don't tell it."""
    return Outcome(Fate.REFUSED, f"{reply.text}: {why}" if why else reply.text)


def unread(reply: Reply, platform: Platform) -> BounceWatcherError:
    """What to raise for a reply that is no page of the list."""
    problem, about = f"its list can't be read: {reply.text}", platform.about
    if reply.ok:
        return PermanentFailure(f"{problem}: the body is not what this API answers", "check url", about=about)
    if reply.status is not None and 300 <= reply.status < 500 and reply.status not in {408, 429}:
        return PermanentFailure(problem, "check the key and its rights", about=about)
    return TemporaryFailure(problem, about=about)


def garbage(reply: Reply) -> Outcome:
    """A reply that says success and is not what the API's documentation promises: it is not known what was done."""
    return Outcome(Fate.LATER, f"{reply.text}: the body is not what this API answers", whole=True)


def for_each(found: Outcome, changes: Sequence[Change]) -> tuple[Outcome, ...]:
    """The same outcome for all of one call."""
    return (found,) * len(changes)


def moment(text: object) -> datetime | None:
    """A time as most APIs write it (ISO 8601 with an offset); None where it is none or does not tell its offset."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None
