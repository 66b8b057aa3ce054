"""Opens a session to a platform, by its type. For one over HTTP, holds its conversations at the platform's rate."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from bounce_watcher.outbox.change import Change, Outcome
from bounce_watcher.outbox.http.client import HttpClient
from bounce_watcher.outbox.http.endpoint import transport_to
from bounce_watcher.outbox.http.exchange import Conversation, Reply
from bounce_watcher.outbox.pace import CallPacer
from bounce_watcher.outbox.platform import HttpPlatform, ListPage, LocalPlatform, Platform, Session

T = TypeVar("T")


def connect(platform: Platform) -> Session:
    """Opens a session without making a call yet. Raises PermanentFailure if the platform can't be used at all."""
    if isinstance(platform, HttpPlatform):
        return HttpSession(platform)
    assert isinstance(platform, LocalPlatform), "a platform is one of the two"
    return platform.connect()


class HttpSession:
    """A `Session` over HTTP. Raises PermanentFailure for a URL, a proxy or a ca_file that can't be used."""

    def __init__(self, platform: HttpPlatform) -> None:
        self._platform = platform
        self._pace = CallPacer(platform.calls_a_second)
        self._client = HttpClient(transport_to(platform), platform.timeout, platform.secrets())

    def suppress(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._hold(self._platform.suppress(changes, now))

    def release(self, changes: Sequence[Change], now: datetime) -> Sequence[Outcome]:
        return self._hold(self._platform.release(changes, now))

    def check(self, now: datetime) -> Outcome:
        replies: list[Reply] = []
        found = self._hold(self._platform.check(now), replies.append)
        return replace(found, status=replies[-1].status, failure=replies[-1].failure) if replies else found

    def page(self, cursor: str | None, now: datetime) -> ListPage:
        return self._hold(self._platform.page(cursor, now))

    def close(self) -> None:
        self._client.close()

    def _hold(self, conversation: Conversation[T], note: Callable[[Reply], None] = lambda _: None) -> T:
        try:
            request = next(conversation)
            while True:
                self._pace.wait()
                reply = self._client.exchange(request)
                note(reply)
                request = conversation.send(reply)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]
