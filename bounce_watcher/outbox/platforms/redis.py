"""A stream of a Redis or Valkey server: one entry for each change, for any reader of the stream.

XADD and its trimming as on redis.io, "Redis commands" (November 2026). A batch is one MULTI/EXEC: all of it or nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from bounce_watcher.model.errors import PermanentFailure
from bounce_watcher.outbox.change import Change, Fate, Outcome, spelled
from bounce_watcher.outbox.channel import Limits
from bounce_watcher.outbox.http.exchange import masked
from bounce_watcher.outbox.platform import CallPacer, LocalPlatform, LocalSession, Misfit, require

_FORMS = "write it as rediss://user:password@host:6379/0, redis://localhost/0 or unix:///run/redis/redis.sock?db=0"


@dataclass(frozen=True, kw_only=True)
class Redis(LocalPlatform):
    """`server` is a URL, a SecretStr since it may hold a password. `stream_key` is the key of the stream.

    `max_length` is about how many entries are kept; the oldest go first; None = all.
    """

    server: SecretStr
    stream_key: str = field(metadata={"example": '"suppressions"'})
    max_length: int | None = None

    kind: ClassVar[str] = "redis"
    limits: ClassVar[Limits] = Limits(batch=500, release_batch=500, concurrency=1, calls=4)

    def __post_init__(self) -> None:
        require("redis")
        self.address()
        if self.max_length is not None and self.max_length < 1:
            raise Misfit("max_length", f"{self.max_length} is out of range: at least 1")

    def address(self) -> str:
        """Returns the URL. Raises Misfit, whose text leaves out the URL because it may hold a password."""
        url = self.server.get_secret_value()
        try:
            parts = urlsplit(url)
            parts.port  # noqa: B018  # the property is what checks it
        except ValueError:
            raise Misfit("server", f"is no URL that can be read: {_FORMS}") from None
        if parts.scheme not in ("redis", "rediss", "unix") or not (parts.hostname or parts.scheme == "unix"):
            raise Misfit("server", f"is no URL of a Redis server: {_FORMS}")
        return url

    def place(self) -> str:
        """Returns the server's URL for a person, without user, password and options."""
        parts = urlsplit(self.address())
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def secrets(self) -> frozenset[str]:
        password = urlsplit(self.address()).password
        return super().secrets() | ({password, unquote(password)} if password else set())

    def connect(self) -> "RedisSession":
        return RedisSession(self)

    def rehearse(self, changes: Sequence[Change], now: datetime) -> str:
        told = [f"XADD {self.stream_key} *"]
        told += [f"  {name} {value!r}" for name, value in _entry(changes[0]).items()]
        return "\n".join([self.place(), *told])


def _entry(change: Change) -> dict[str, str]:
    """Returns the fields of an entry. Unknown values have no field."""
    return {name: str(value) for name, value in spelled(change).items() if value is not None}


class RedisSession(LocalSession):
    """A `Session`. Raises PermanentFailure for a URL that can't be used."""

    def __init__(self, platform: Redis) -> None:
        import redis  # noqa: PLC0415 - an extra of the package
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.retry import Retry  # noqa: PLC0415

        self._platform = platform
        self._failures = (redis.RedisError, OSError, ValueError)
        self._secrets = set(platform.secrets())
        self._pace = CallPacer(platform.calls_a_second)
        seconds = platform.timeout.total_seconds()
        try:
            self._client: Any = redis.Redis.from_url(
                platform.address(), socket_timeout=seconds, socket_connect_timeout=seconds,
                client_name="bounce-watcher",
                retry=Retry(NoBackoff(), 0),  # the outbox tries again, and knows how long it may take
            )
        except (ValueError, TypeError, redis.RedisError) as error:
            raise PermanentFailure(
                f"server: {masked(str(error), self._secrets)}: {_FORMS}", about=platform.about
            ) from None

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        self._pace.wait()
        return (self._append(changes),) * len(changes)

    release = suppress  # each entry says which of the two it is

    def check(self, now: datetime) -> Outcome:
        """Checks whether the key is a stream or does not exist yet, and whether we may add to it. Adds nothing."""
        try:
            kind = self._client.type(self._platform.stream_key)
            self._try_to_add()
        except self._failures as error:
            return self._later(error)
        if kind not in (b"stream", b"none"):
            told = f"{self._platform.stream_key} is no stream but a {kind.decode()}: name another key"
            return Outcome(Fate.LATER, told, whole=True)
        return Outcome(Fate.DONE, f"{self._platform.place()} answers; {self._platform.stream_key} takes entries")

    def _try_to_add(self) -> None:
        """Sends the commands of a batch, and hangs up where EXEC would follow. Raises what the server refuses.

        Rights, memory and replicas are checked when a command is queued, so this needs no right that a batch does not.
        """
        with self._client.client() as alone:
            for command in (("MULTI",), ("EXEC",), ("MULTI",), ("XADD", self._platform.stream_key, "*", "id", "test")):
                alone.execute_command(*command)
            alone.connection.disconnect()

    def close(self) -> None:
        self._client.close()

    def _append(self, changes: Sequence[Change]) -> Outcome:
        try:
            with self._client.pipeline(transaction=True) as pipeline:
                for change in changes:
                    pipeline.xadd(
                        self._platform.stream_key, _entry(change), maxlen=self._platform.max_length, approximate=True
                    )
                pipeline.execute()
        except self._failures as error:
            return self._later(error)
        return Outcome(Fate.DONE, f"added to {self._platform.stream_key}")

    def _later(self, error: Exception) -> Outcome:
        return Outcome(Fate.LATER, masked(str(error) or type(error).__name__, self._secrets), whole=True)
