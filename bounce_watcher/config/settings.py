"""All that a configuration file says, as one frozen value."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import SecretStr

from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.classification.ruleset import OwnRules
from bounce_watcher.intake.imap.account import ImapAccount
from bounce_watcher.model.keys import DAY, MIB, MINUTE, Between, Key, KeyMark, ValueKind
from bounce_watcher.outbox.notifier import Notifier
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.webhook.target import WebhookTarget
from bounce_watcher.policy.settings import PolicySettings

LogLevel = Literal["debug", "info", "warning", "error"]
LogFormat = Literal["logfmt", "json", "console"]
DEFAULT_URL = SecretStr("sqlite:////var/lib/bounce-watcher/ledger.db")
Alarm = Annotated[timedelta | None, Between(MINUTE, 30 * DAY)]


@dataclass(frozen=True, slots=True)
class ConfigWarning:
    """What loads but should be known, such as a key that this version no longer uses. `fix` is "" if there is none."""

    problem: str
    fix: str = ""

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.problem, self.fix)))


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Where the API and the pages listen. Without a `token`, `host` is this machine only and programs may only read.

    `token` may read and act, `read_token` may read. A proxy at one of `trusted_proxies` (IP addresses) may name the
    user in the header `user_header`: each such user may read, and `acting_users` may act.
    """

    host: Annotated[str, Key("listen"), ValueKind.LISTEN_HOST] = "127.0.0.1"
    port: Annotated[int, Key("listen"), ValueKind.LISTEN_PORT] = 8025
    token: Annotated[SecretStr | None, ValueKind.STRONG] = None
    read_token: Annotated[SecretStr | None, ValueKind.STRONG] = None
    user_header: Annotated[str | None, ValueKind.FIELD_NAME] = None
    trusted_proxies: Annotated[frozenset[str], ValueKind.IP_ADDRESS, KeyMark.ONCE] = frozenset({"127.0.0.1", "::1"})
    acting_users: Annotated[frozenset[str], KeyMark.ONCE] = frozenset()


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of the service.

    `database_url` may hold a password, hence a SecretStr. Retention times: `raw_retention` for raw messages, None = for
    good, zero = not at all; `sent_retention` likewise for single mails that the platform reported as sent;
    `event_retention` for reports about recipients who are not suppressed; `outbox_retention` for the bodies of notices
    that were taken. `raw_quota` is how many bytes of raw messages are kept, compressed, None = any number.
    `hashed_exports`: exported lists hold pseudonyms in place of addresses, and no words of mail. `rules` are the
    operator's own rule files, checked; `rules_dir` is the folder that holds them. `workers` is the number of
    analysing processes, 0 = one per core. A mailbox that can't be read for `unread_after`, and a target that takes
    nothing for `untold_after`, raise an alert; None = never. `warnings` are one line each: what loads but should be
    known, such as a key that this version accepts and does not use.
    """

    database_url: Annotated[SecretStr, Key("database.url"), ValueKind.DATABASE] = DEFAULT_URL
    raw_retention: Annotated[timedelta | None, Key("database.raw_retention")] = timedelta(days=30)
    raw_quota: Annotated[
        int | None, Key("database.raw_quota"), KeyMark.SIZE, Between(MIB, 1024**2 * MIB)
    ] = 2 * 1024 * MIB
    sent_retention: Annotated[timedelta | None, Key("database.sent_retention")] = timedelta(days=90)
    event_retention: Annotated[timedelta | None, Key("database.event_retention")] = None
    outbox_retention: Annotated[timedelta | None, Key("database.outbox_retention")] = timedelta(days=90)
    rules_dir: Path | None = None
    mailboxes: Annotated[tuple[ImapAccount, ...], Key("mailbox")] = ()
    attribution: AttributionSettings = field(default_factory=AttributionSettings)
    policy: PolicySettings = field(default_factory=PolicySettings)
    webhooks: Annotated[tuple[WebhookTarget, ...], Key("webhook")] = ()
    platforms: Annotated[tuple[Platform, ...], Key("platform")] = ()
    notifiers: Annotated[tuple[Notifier, ...], Key("notify")] = ()
    log_level: Annotated[LogLevel, Key("log.level")] = "info"
    log_format: Annotated[LogFormat, Key("log.format")] = "logfmt"
    hashed_exports: Annotated[bool, Key("privacy.hashed_exports")] = False
    workers: Annotated[int, Key("service.workers"), Between(0, 64)] = 0
    unread_after: Annotated[Alarm, Key("service.unread_after")] = timedelta(minutes=15)
    untold_after: Annotated[Alarm, Key("service.untold_after")] = timedelta(hours=1)
    web: WebSettings | None = None
    rules: Annotated[OwnRules, KeyMark.UNWRITTEN] = ()
    warnings: Annotated[tuple[ConfigWarning, ...], KeyMark.UNWRITTEN] = ()

    @property
    def targets(self) -> tuple[WebhookTarget | Platform, ...]:
        """All targets that are told of recipients, webhooks first."""
        return (*self.webhooks, *self.platforms)

    @property
    def receivers(self) -> tuple[WebhookTarget | Platform | Notifier, ...]:
        """All targets for which the outbox may hold items."""
        return (*self.targets, *self.notifiers)
