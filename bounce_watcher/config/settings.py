"""All that a configuration file says, as one frozen value."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import SecretStr

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.intake.account import ImapAccount
from bounce_watcher.outbox.notifier import Notifier
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.target import WebhookTarget
from bounce_watcher.policy.settings import PolicySettings

LogFormat = Literal["logfmt", "json", "console"]


@dataclass(frozen=True, slots=True)
class ConfigWarning:
    """What loads but should be known, such as a key that this version no longer heeds. `fix` is "" where none is told.
    """

    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.problem, self.fix)))


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the API and the pages listen. Without a `token` `host` is this machine itself, and programs may only look.

    `token` may look and act, `read_token` may look. A proxy at one of `trusted_proxies` (IP addresses) may tell in the
    header `user_header` who asks: each of these may look, and `acting_users` may act.
    """

    host: str
    port: int
    token: SecretStr | None = None
    read_token: SecretStr | None = None
    user_header: str | None = None
    trusted_proxies: frozenset[str] = frozenset({"127.0.0.1", "::1"})
    acting_users: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """What the service runs by.

    `database_url` may hold a password, hence a SecretStr. `raw_retention`: how long raw messages are kept, None = for
    good, zero = not at all; `raw_quota`: how many bytes of them, compressed, None = any; `sent_retention`: as
    `raw_retention` for single mails that the platform reported as sent;
    `event_retention`: for what was reported of recipients who are not suppressed; `outbox_retention`: for the bodies of
    notices that were taken.
    `hashed_exports`: whether lists that leave the house hold names in place of addresses, and no words of mail.
    `rules` are the operator's own rule files, checked; `rules_dir` is the folder that holds them.
    `workers` is the number of analysing processes, 0 = one per
    core. A mailbox that can't be read for `unread_after`, and a target that takes nothing for `untold_after`, make an
    alert; None = never. `warnings` are one line each: what loads but should be known, such as a key that this
    version accepts and does not use.
    """

    database_url: SecretStr
    raw_retention: timedelta | None = timedelta(days=30)
    raw_quota: int | None = 2 * 1024**3
    sent_retention: timedelta | None = timedelta(days=90)
    event_retention: timedelta | None = None
    outbox_retention: timedelta | None = timedelta(days=90)
    mailboxes: tuple[ImapAccount, ...] = ()
    webhooks: tuple[WebhookTarget, ...] = ()
    platforms: tuple[Platform, ...] = ()
    notifiers: tuple[Notifier, ...] = ()
    policy: PolicySettings = field(default_factory=PolicySettings)
    attribution: AttributionSettings = field(default_factory=AttributionSettings)
    rules: OwnRules = ()
    rules_dir: Path | None = None
    log_level: str = "info"
    log_format: LogFormat = "logfmt"
    hashed_exports: bool = False
    workers: int = 0
    unread_after: timedelta | None = timedelta(minutes=15)
    untold_after: timedelta | None = timedelta(hours=1)
    web: WebSettings | None = None
    warnings: tuple[ConfigWarning, ...] = ()

    @property
    def targets(self) -> tuple[WebhookTarget | Platform, ...]:
        """Everybody who is told of recipients, webhooks first."""
        return (*self.webhooks, *self.platforms)

    @property
    def receivers(self) -> tuple[WebhookTarget | Platform | Notifier, ...]:
        """Everybody for whom the outbox holds anything."""
        return (*self.targets, *self.notifiers)
