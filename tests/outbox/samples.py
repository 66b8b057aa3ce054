"""Values that several tests of this room begin with."""

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr

from bounce_watcher.model.ledger import NoticeType, Occurrence, OutboxItem
from bounce_watcher.outbox.webhook.notice import notices
from bounce_watcher.outbox.webhook.target import DEFAULT_TYPES, WebhookTarget
from tests.servers.receiver import SECRET

AT = datetime(2026, 11, 24, 6, tzinfo=UTC)


def target(
    name: str = "platform",
    url: str = "https://platform.example/hook",
    *,
    secrets: tuple[str, ...] = (SECRET,),
    types: frozenset[NoticeType] = DEFAULT_TYPES,
    timeout: float = 5.0,
    ca_file: str | None = None,
) -> WebhookTarget:
    hidden = tuple(SecretStr(secret) for secret in secrets)
    return WebhookTarget(name, url, hidden, types, timedelta(seconds=timeout), ca_file)


def occurrence(
    type: NoticeType = NoticeType.SUPPRESSED, *, at: datetime = AT, data: dict[str, object] | None = None
) -> Occurrence:
    told: dict[str, object] = {"reason": "invalid_recipient", "because": "1 of 1", "until": None}
    return Occurrence(type, at, "user@example.org", "marketing", 7, told if data is None else data)


def item(*, data: dict[str, object] | None = None) -> OutboxItem:
    (made,) = notices(occurrence(data=data), (target(),), lambda: "msg_0001")
    return made
