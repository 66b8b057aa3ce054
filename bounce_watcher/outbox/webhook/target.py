"""A receiver of webhooks."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import SecretStr

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.keys import MINUTE, SECOND, Between, Key, KeyMark, Rotating, ValueKind
from bounce_watcher.model.ledger import NoticeType, Occurrence
from bounce_watcher.model.url import Hides, shown_url
from bounce_watcher.outbox.channel import Limits


class Format(StrEnum):
    """The format of a webhook; see `envelope`."""

    STANDARD = "standard"
    STRUCTURED = "cloudevents-structured"
    BINARY = "cloudevents-binary"


CLOUDEVENTS_SOURCE = "/bounce-watcher"
DEFAULT_TYPES = frozenset({NoticeType.SUPPRESSED, NoticeType.RELEASED})


@dataclass(frozen=True, slots=True)
class WebhookTarget:
    """A configured webhook. Each of its `secrets` (whsec_… or whsk_…) signs every request, the current one first.

    `allow_hosts` are hosts that may have a non-public address, see `reach.Reach`. `cloudevents_source` is a URI
    reference that identifies one of several installations. `cloudevents_type_prefix` goes before the types.
    `url_is_secret` says that the URL was given as a secret and not written into the configuration; people see
    `shown_url`.
    """

    name: Annotated[str, ValueKind.NAME]
    url: Annotated[str, ValueKind.URL, KeyMark.SECRET] = field(repr=False)
    secrets: Annotated[tuple[SecretStr, ...], Rotating("secret", "old_secrets"), ValueKind.SIGNING_SECRET]
    types: Annotated[frozenset[NoticeType], Key("events"), KeyMark.FILLED, KeyMark.ONCE] = DEFAULT_TYPES
    timeout: Annotated[timedelta, Between(SECOND, 2 * MINUTE)] = timedelta(seconds=20)
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None
    allow_hosts: Annotated[frozenset[str], ValueKind.ALLOWED_HOST, KeyMark.ONCE] = frozenset()
    format: Format = Format.STANDARD
    cloudevents_source: Annotated[str, ValueKind.URI_REFERENCE] = CLOUDEVENTS_SOURCE
    cloudevents_type_prefix: Annotated[str | None, ValueKind.TYPE_PREFIX] = None
    url_is_secret: Annotated[bool, KeyMark.UNWRITTEN] = False

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

    @property
    def fingerprint(self) -> str:
        """A digest of the URL, for `Ledger.enroll`: it changes only when the target's URL changes."""
        return hashlib.sha256(self.url.encode()).hexdigest()
