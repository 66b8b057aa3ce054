"""A receiver of webhooks."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import ClassVar

from pydantic import SecretStr

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.ledger import NoticeType, Occurrence
from bounce_watcher.model.url import Hides, shown_url
from bounce_watcher.outbox.channel import Limits


class Format(StrEnum):
    """How a webhook is put; see `envelope`."""

    STANDARD = "standard"
    STRUCTURED = "cloudevents-structured"
    BINARY = "cloudevents-binary"


DEFAULT_TYPES = frozenset({NoticeType.SUPPRESSED, NoticeType.RELEASED})


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """`secrets` (whsec_… or whsk_…) sign every request, each of them, the current one first.

    `allow_hosts` are hosts that may have an address that is not public, see `reach.Reach`. `cloudevents_source` is a
    URI reference that tells which of several installations it was, `cloudevents_type_prefix` goes before the types.
    `url_is_secret`: it was given as a secret, not written into the configuration; people see `shown_url`.
    """

    name: str
    url: str = field(repr=False)
    secrets: tuple[SecretStr, ...]
    types: frozenset[NoticeType] = DEFAULT_TYPES
    timeout: timedelta = timedelta(seconds=20)
    ca_file: str | None = None
    allow_hosts: frozenset[str] = frozenset()
    format: Format = Format.STANDARD
    cloudevents_source: str = "/bounce-watcher"
    cloudevents_type_prefix: str | None = None
    url_is_secret: bool = False

    limits: ClassVar[Limits] = Limits(concurrency=8)
    keeps_state: ClassVar[bool] = False
    streams: ClassVar[tuple[str, ...]] = ()

    @property
    def about(self) -> About:
        return About(AboutKind.WEBHOOK, self.name)

    @property
    def label(self) -> str:
        return str(self.about)

    @property
    def hides(self) -> Hides:
        return Hides.PATH if self.url_is_secret else Hides.QUERY

    @property
    def shown_url(self) -> str:
        return shown_url(self.url, self.hides)

    def hears(self, occurrence: Occurrence) -> bool:
        return occurrence.type in self.types
