"""A receiver of webhooks."""

from dataclasses import dataclass
from datetime import timedelta

from pydantic import SecretStr

from bounce_watcher.model.ledger import NoticeType

DEFAULT_TYPES = frozenset({NoticeType.SUPPRESSED, NoticeType.RELEASED})


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """`secrets` sign every request, the current one first; more than one while a secret rotates (whsec_…)."""

    name: str
    url: str
    secrets: tuple[SecretStr, ...]
    types: frozenset[NoticeType] = DEFAULT_TYPES
    timeout: timedelta = timedelta(seconds=20)
    ca_file: str | None = None
