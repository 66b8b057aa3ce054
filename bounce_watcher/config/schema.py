"""The tables of the file, one class each, in the order of config.example.toml.

Every field is a key of the file. A `Secret` may also be written as `<key>_file`, `<key>_env` or `<key>_credential`;
secrets.py has put its value in place before a table gets here. A field is checked with what stands above it, so a fault
in one key does not hide the faults of the others.
"""

from dataclasses import fields
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Any, Final, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from bounce_watcher.attribution.rewriting import DELIMITERS
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.config.database import DEFAULT_URL, database_url
from bounce_watcher.config.settings import Settings
from bounce_watcher.config.strength import is_strong
from bounce_watcher.config.values import (
    Address,
    AllowedHost,
    AuthservId,
    CaFile,
    Domain,
    Duration,
    FieldName,
    Folder,
    Host,
    IpAddress,
    KeyName,
    Listen,
    Name,
    OrNever,
    Port,
    Protected,
    Size,
    SizeOrUnlimited,
    Text,
    TypePrefix,
    UriReference,
    Url,
    between,
    is_loopback,
    known,
    one_of,
    quoted,
    spell,
    split_listen,
    web_address,
)
from bounce_watcher.extras import missing
from bounce_watcher.intake.account import Grant, ImapAccount, Mechanism, PasswordLogin, Security
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import AlertKind, NoticeType, Scope
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.notifier import Notifier
from bounce_watcher.outbox.platform import Platform
from bounce_watcher.outbox.platforms import kinds
from bounce_watcher.outbox.reach import Reach, Refused
from bounce_watcher.outbox.signature import check_secret
from bounce_watcher.outbox.target import DEFAULT_TYPES, Format, WebhookTarget
from bounce_watcher.policy.counting import CHOICES, DEFAULTS, CountRule
from bounce_watcher.policy.ladder import Ladder
from bounce_watcher.policy.settings import Mode, PolicySettings

SECRET: Final = "secret"
"""Marks a field that may come from a file, the environment or a systemd credential as well."""
SECRETS: Final = "secrets"
"""Marks a list of such, one a line where it comes from elsewhere."""

Secret = Annotated[SecretStr | None, SECRET]
T = TypeVar("T")


def _defaults(settings: type) -> dict[str, Any]:
    return {field.name: field.default for field in fields(settings)}


_IMAP, _WEBHOOK, _SETTINGS = _defaults(ImapAccount), _defaults(WebhookTarget), _defaults(Settings)
_PLATFORM, _NOTIFIER = _defaults(Platform), _defaults(Notifier)
_POLICY, _ATTRIBUTION = PolicySettings(), AttributionSettings()

SECOND, MINUTE, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
KIB, MIB = 1024, 1024 * 1024


class Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


def _not_empty(values: list[T]) -> list[T]:
    if not values:
        raise ValueError("is an empty list: name at least one")
    return values


def _no_repeats(values: list[T]) -> list[T]:
    twice = next((value for index, value in enumerate(values) if value in values[:index]), None)
    if twice is not None:
        raise ValueError(f"{quoted(str(twice))} stands twice in the list")
    return values


# ── where bounces come from ─────────────────────────────────────────────────────────────────────────────────────────

class OAuth2Table(Table):
    grant: Annotated[Grant, one_of(Grant), Field(examples=['"client_credentials"'])]
    token_url: Annotated[Url, Field(examples=['"https://login.microsoftonline.com/TENANT/oauth2/v2.0/token"'])]
    client_id: Annotated[Text, Field(examples=['"…"'])]
    client_secret: Secret = Field(default=None, validate_default=True)
    refresh_token: Secret = Field(default=None, validate_default=True)
    scope: Text | None = None
    mechanism: Annotated[Mechanism, one_of(Mechanism)] = Mechanism.XOAUTH2
    ca_file: CaFile | None = None

    @field_validator("client_secret")
    @classmethod
    def _has_client_secret(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("grant") is Grant.CLIENT_CREDENTIALS:
            raise ValueError('missing: grant = "client_credentials" logs in with it; add client_secret_file = "…"')
        return value

    @field_validator("refresh_token")
    @classmethod
    def _has_refresh_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None and info.data.get("grant") is Grant.REFRESH_TOKEN:
            raise ValueError('missing: grant = "refresh_token" trades it for access; add refresh_token_file = "…"')
        return value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


class MailboxTable(Table):
    name: Annotated[Name, Field(examples=['"returns"'])]
    host: Annotated[Host, Field(examples=['"imap.example.com"'])]
    security: Annotated[Security, one_of(Security)] = Security.TLS
    port: Port | None = None
    ca_file: CaFile | None = None
    username: Annotated[Text, Field(examples=['"bounces@example.com"'])]
    oauth2: OAuth2Table | None = None
    password: Secret = Field(default=None, validate_default=True)
    auth: Annotated[PasswordLogin | None, one_of(PasswordLogin)] = None
    folder: Annotated[
        list[Folder], BeforeValidator(_one_or_more), AfterValidator(_not_empty), AfterValidator(_no_repeats)
    ] = Field(default_factory=lambda: list(_IMAP["folders"]))
    processed_folder: Folder = Field(default=_IMAP["processed_folder"], validate_default=True)
    review_folder: Folder = Field(default=_IMAP["review_folder"], validate_default=True)
    quarantine_folder: Folder = Field(default=_IMAP["quarantine_folder"], validate_default=True)
    stream: Text = _IMAP["stream"]
    poll_every: Annotated[Duration, between(SECOND, DAY)] = _IMAP["poll_every"]
    idle: bool = _IMAP["idle"]
    timeout: Annotated[Duration, between(SECOND, 10 * MINUTE)] = _IMAP["timeout"]
    pass_deadline: Annotated[Duration, between(SECOND, DAY)] = Field(
        default=_IMAP["pass_deadline"], validate_default=True
    )
    max_message_bytes: Annotated[Size, between(64 * KIB, 256 * MIB)] = _IMAP["max_message_bytes"]
    page_messages: Annotated[int, between(1, 1000)] = _IMAP["page_messages"]
    page_bytes: Annotated[Size, between(64 * KIB, 1024 * MIB)] = _IMAP["page_bytes"]
    trusted_authserv_id: Annotated[
        list[AuthservId], BeforeValidator(_one_or_more), AfterValidator(_not_empty), AfterValidator(_no_repeats)
    ] | None = None

    @field_validator("security")
    @classmethod
    def _encrypts(cls, value: Security, info: ValidationInfo) -> Security:
        host = info.data.get("host")
        if value is Security.NONE and host is not None and not is_loopback(host):
            raise ValueError(
                '"none" would send the password readable over the network; it is for this machine itself only '
                '(127.0.0.1, ::1, localhost): use "tls" or "starttls"'
            )
        return value

    @field_validator("password")
    @classmethod
    def _logs_in_one_way(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if "oauth2" not in info.data:  # there, and at fault
            return value
        if value is None and info.data["oauth2"] is None:
            raise ValueError('missing: add password_file = "…", or a [mailbox.oauth2] table')
        if value is not None and info.data["oauth2"] is not None:
            raise ValueError("stands beside [mailbox.oauth2]: a mailbox logs in one way, keep one of them")
        return value

    @field_validator("processed_folder", "review_folder", "quarantine_folder")
    @classmethod
    def _apart(cls, value: str, info: ValidationInfo) -> str:
        if value in info.data.get("folder", ()):
            raise ValueError(f"{quoted(value)} is watched by `folder`: settled mail would come in again; name another")
        taken = (key for key in ("processed_folder", "review_folder") if info.data.get(key) == value)
        for key in taken:
            raise ValueError(f"{quoted(value)} is the {key} already: name another")
        return value

    @field_validator("pass_deadline")
    @classmethod
    def _outlasts_timeout(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        timeout = info.data.get("timeout")
        if timeout is not None and value < timeout:
            raise ValueError(f"{spell(value)} for a whole pass is shorter than timeout ({spell(timeout)}) for one "
                             "answer: make it longer")
        return value


# ── whom to believe, and what follows ───────────────────────────────────────────────────────────────────────────────

class HeadersTable(Table):
    campaign: FieldName | None = None
    stream: FieldName | None = None
    user: FieldName | None = None


def _key_record(value: str) -> str:
    from bounce_watcher.attribution.dkim import is_key_record  # noqa: PLC0415 - few files hold a key

    if not is_key_record(value):
        raise ValueError('holds no DKIM key that mail could be verified by: write the whole TXT record, as in '
                         '"v=DKIM1; k=rsa; p=MIIB…"')
    return value


class DkimKeyTable(Table):
    name: Annotated[KeyName, Field(examples=['"s1._domainkey.example.com"'])]
    record: Annotated[Text, AfterValidator(_key_record), Field(examples=['"v=DKIM1; k=rsa; p=MIIB…"'])]


def _outlasts_bounces(value: timedelta | None) -> timedelta | None:
    if value is not None and value < 7 * DAY:
        raise ValueError(f'{spell(value)} is too short: servers report a failure after some five days; at least '
                         '"7d", or "never"')
    return value


class AttributionTable(Table):
    token_key: Secret = None
    token_old_keys: Annotated[list[SecretStr], SECRETS] = []
    return_path: Address | None = Field(default=None, validate_default=True)
    return_path_delimiter: Annotated[
        str, BeforeValidator(lambda value: known(value, DELIMITERS))
    ] = _ATTRIBUTION.delimiter
    verp_paths: list[Address] = []
    token_max_age: Annotated[OrNever, AfterValidator(_outlasts_bounces)] = _ATTRIBUTION.token_max_age
    token_header: FieldName = _ATTRIBUTION.token_header
    own_domains: list[Domain] = []
    dkim_dns: bool = _ATTRIBUTION.dkim_dns
    headers: HeadersTable = HeadersTable()
    dkim_key: list[DkimKeyTable] = []

    @field_validator("return_path")
    @classmethod
    def _carries_tokens(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("token_key") is not None:
            raise ValueError('missing: with token_key set, add the address that tokens ride on, such as '
                             'return_path = "returns@bounces.example.com"')
        return value


Grade = Annotated[Evidence | None, one_of(Evidence)]


class EvidenceTable(Table):
    """None = by default: "token" where a token_key is set, else "report"."""

    hard: Grade = None
    soft: Grade = None
    complaint: Grade = None


class SoftTable(Table):
    """A `Threshold`."""

    bounces: Annotated[int, between(1, 1000)] = _POLICY.soft.bounces
    distinct_days: Annotated[int, between(1, 1000)] = Field(default=_POLICY.soft.distinct_days, validate_default=True)
    span: Duration = Field(default=_POLICY.soft.span, validate_default=True)
    window: Annotated[Duration, between(DAY, 3650 * DAY)] = Field(default=_POLICY.soft.window, validate_default=True)

    @field_validator("distinct_days")
    @classmethod
    def _days_have_bounces(cls, value: int, info: ValidationInfo) -> int:
        bounces = info.data.get("bounces")
        if bounces is not None and value > bounces:
            raise ValueError(f"{value} distinct days cannot come of bounces = {bounces}: "
                             f"set distinct_days to {bounces} or less, or bounces to {value} or more")
        return value

    @field_validator("span")
    @classmethod
    def _span_has_ends(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        if value and info.data.get("bounces") == 1:
            raise ValueError(f'one bounce (bounces = 1) spans no {spell(value)}: set span = "0s", or more bounces')
        return value

    @field_validator("window")
    @classmethod
    def _window_holds_all(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        span, days = info.data.get("span"), info.data.get("distinct_days")
        if span is not None and span > value:
            raise ValueError(f"{spell(value)} is shorter than span ({spell(span)}): nothing could ever count enough; "
                             "make it longer")
        if days is not None and days > value.days + 1:
            raise ValueError(f"{spell(value)} has no room for distinct_days = {days}: make it longer")
        return value


class ConfirmTable(SoftTable):
    bounces: Annotated[int, between(1, 1000)] = _POLICY.confirm.bounces
    distinct_days: Annotated[int, between(1, 1000)] = Field(
        default=_POLICY.confirm.distinct_days, validate_default=True
    )
    span: Duration = Field(default=_POLICY.confirm.span, validate_default=True)
    window: Annotated[Duration, between(DAY, 3650 * DAY)] = Field(default=_POLICY.confirm.window, validate_default=True)


class ReasonsTable(Table):
    """The reasons that may be set to count otherwise, with what each does by default."""

    invalid_recipient: CountRule = DEFAULTS[Reason.INVALID_RECIPIENT]
    invalid_domain: CountRule = DEFAULTS[Reason.INVALID_DOMAIN]
    domain_refuses_mail: CountRule = DEFAULTS[Reason.DOMAIN_REFUSES_MAIL]
    mailbox_moved: CountRule = DEFAULTS[Reason.MAILBOX_MOVED]
    mailbox_disabled: CountRule = DEFAULTS[Reason.MAILBOX_DISABLED]
    mailbox_full: CountRule = DEFAULTS[Reason.MAILBOX_FULL]
    mailbox_unavailable: CountRule = DEFAULTS[Reason.MAILBOX_UNAVAILABLE]
    recipient_filtered: CountRule = DEFAULTS[Reason.RECIPIENT_FILTERED]
    message_expired: CountRule = DEFAULTS[Reason.MESSAGE_EXPIRED]
    network_error: CountRule = DEFAULTS[Reason.NETWORK_ERROR]
    mail_loop: CountRule = DEFAULTS[Reason.MAIL_LOOP]
    system_error: CountRule = DEFAULTS[Reason.SYSTEM_ERROR]
    system_full: CountRule = DEFAULTS[Reason.SYSTEM_FULL]

    @field_validator("*", mode="before")
    @classmethod
    def _is_offered(cls, value: object, info: ValidationInfo) -> CountRule:
        rule = CountRule(known(value, [each.value for each in CountRule]))
        (choices,) = (offered for reason, offered in CHOICES.items() if reason == info.field_name)
        if rule not in choices:
            raise ValueError(f"{quoted(rule)} would suppress on too little: a soft reason counts by "
                             + " or ".join(f'"{choice}"' for choice in reversed(choices)))
        return rule


def _lasts(value: timedelta | None) -> timedelta | None:
    if value is not None and value < timedelta(hours=1):
        raise ValueError(f'{spell(value)} is too short for a suppression: at least "1h", or "never"')
    return value


def _rungs(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _goes_up(value: Ladder) -> Ladder:
    if not value:
        raise ValueError('is an empty list: write one duration or more, or "never"')
    for shorter, longer in pairwise(value):
        if shorter is None or (longer is not None and longer <= shorter):
            here, there = (spell(each) if each else "never" for each in (shorter, longer))
            raise ValueError(f"{there} stands after {here}: each is longer than the one before, and never is the last")
    return value


Expiry = Annotated[
    tuple[Annotated[OrNever, AfterValidator(_lasts)], ...], BeforeValidator(_rungs), AfterValidator(_goes_up)
]


class ExpiryTable(Table):
    hard: Expiry = _POLICY.hard_expiry
    soft: Expiry = _POLICY.soft_expiry
    complaint: Expiry = _POLICY.complaint_expiry


Window = Annotated[Duration, between(10 * MINUTE, DAY)]
Quiet = Annotated[Duration, between(10 * MINUTE, 30 * DAY)]


AtMost = Annotated[int, between(1, 1_000_000)]


class GuardTable(Table):
    """`GuardSettings`."""

    enabled: bool = _POLICY.guard.enabled
    window: Window = _POLICY.guard.window
    min_bounces: Annotated[int, between(2, 1_000_000)] = _POLICY.guard.min_bounces
    factor: Annotated[float, between(1.0, 1000.0)] = _POLICY.guard.factor
    baseline: Annotated[Duration, between(DAY, 365 * DAY)] = _POLICY.guard.baseline
    learning: Annotated[int, between(0, 365)] = _POLICY.guard.learning
    quiet: Quiet = Field(default=_POLICY.guard.quiet, validate_default=True)
    wait: Annotated[Duration, between(timedelta(0), DAY)] = _POLICY.guard.wait
    wait_min: Annotated[int, between(1, 1_000_000)] = _POLICY.guard.wait_min
    wait_from: Annotated[float, between(0.0, 1000.0)] = _POLICY.guard.wait_from

    @field_validator("quiet")
    @classmethod
    def _outlasts_window(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        window = info.data.get("window")
        if window is not None and value < window:
            raise ValueError(f"{spell(value)} is shorter than window ({spell(window)}): one window would be two "
                             "outages; make it longer")
        return value


class AlertsTable(Table):
    """`AlertSettings`."""

    enabled: bool = _POLICY.alerts.enabled
    window: Window = _POLICY.alerts.window
    min_blocks: Annotated[int, between(1, 1_000_000)] = _POLICY.alerts.min_blocks
    share: Annotated[float, between(0.0, 1.0)] = _POLICY.alerts.share
    quiet: Quiet = Field(default=_POLICY.alerts.quiet, validate_default=True)

    @field_validator("quiet")
    @classmethod
    def _outlasts_window(cls, value: timedelta, info: ValidationInfo) -> timedelta:
        window = info.data.get("window")
        if window is not None and value < window:
            raise ValueError(f"{spell(value)} is shorter than window ({spell(window)}): one window would be two "
                             "alerts; make it longer")
        return value


class FloodTable(Table):
    """`FloodSettings`."""

    enabled: bool = _POLICY.flood.enabled
    report: AtMost = _POLICY.flood.report
    source: AtMost = _POLICY.flood.source
    hour: AtMost = _POLICY.flood.hour
    day: AtMost = _POLICY.flood.day
    month: AtMost = _POLICY.flood.month
    factor: Annotated[float, between(0.0, 1000.0)] = _POLICY.flood.factor

    @field_validator("day", "month")
    @classmethod
    def _has_effect(cls, value: int, info: ValidationInfo) -> int:
        """A smaller one for a longer time would leave the other without effect."""
        shorter = {"day": "hour", "month": "day"}[info.field_name or ""]
        least = info.data.get(shorter)
        if least is not None and value < least:
            raise ValueError(f"{value} is less than {shorter} ({least}), which would have no effect: lower that first")
        return value


class PolicyTable(Table):
    mode: Annotated[Mode, one_of(Mode)] = _POLICY.mode
    protected: list[Protected] = []
    complaint_scope: Annotated[Scope, one_of(Scope)] = _POLICY.complaint_scope
    hard_scope: Annotated[Scope, one_of(Scope)] = _POLICY.hard_scope
    reasons: ReasonsTable = ReasonsTable()
    evidence: EvidenceTable = EvidenceTable()
    soft: SoftTable = SoftTable()
    confirm: ConfirmTable = ConfirmTable()
    expiry: ExpiryTable = ExpiryTable()
    guard: GuardTable = GuardTable()
    alerts: AlertsTable = AlertsTable()
    flood: FloodTable = FloodTable()


# ── whom to tell ────────────────────────────────────────────────────────────────────────────────────────────────────

def _is_web_address(value: SecretStr | None) -> SecretStr:
    """A `Url` that may be a secret: many a receiver knows its senders by a key in it."""
    if value is None:
        raise ValueError('missing: add url = "https://platform.example.com/hooks/bounces", or url_file = "…" where it '
                         "is a secret")
    if text := value.get_secret_value():  # an empty one has been told of
        web_address(text)
    return value


def _signs(value: SecretStr | None) -> SecretStr | None:
    text = value.get_secret_value() if value else ""
    if text and (wrong := check_secret(text)):  # an empty one has been told of
        raise ValueError(wrong)
    return value


class WebhookTable(Table):
    name: Annotated[Name, Field(examples=['"platform"'])]
    url: Annotated[Secret, AfterValidator(_is_web_address)] = Field(default=None, validate_default=True)
    secret: Annotated[Secret, AfterValidator(_signs)] = Field(default=None, validate_default=True)
    old_secrets: Annotated[list[Annotated[SecretStr, AfterValidator(_signs)]], SECRETS] = []
    events: Annotated[
        list[Annotated[NoticeType, one_of(NoticeType)]], AfterValidator(_not_empty), AfterValidator(_no_repeats)
    ] = [kind for kind in NoticeType if kind in DEFAULT_TYPES]
    timeout: Annotated[Duration, between(SECOND, 2 * MINUTE)] = _WEBHOOK["timeout"]
    ca_file: CaFile | None = None
    allow_hosts: Annotated[list[AllowedHost], AfterValidator(_no_repeats)] = Field(
        default_factory=list, validate_default=True
    )

    format: Annotated[Format, one_of(Format)] = _WEBHOOK["format"]
    cloudevents_source: UriReference = _WEBHOOK["cloudevents_source"]
    cloudevents_type_prefix: TypePrefix | None = None

    @field_validator("cloudevents_source", "cloudevents_type_prefix")
    @classmethod
    def _has_effect(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("format") is Format.STANDARD and value != _WEBHOOK[info.field_name or ""]:
            raise ValueError(f'has no effect with format = "{Format.STANDARD}": add format = "{Format.STRUCTURED}" or '
                             f'"{Format.BINARY}", or take it out')
        return value

    @field_validator("allow_hosts")
    @classmethod
    def _reaches_its_url(cls, value: list[str], info: ValidationInfo) -> list[str]:
        try:
            url = info.data.get("url") or SecretStr("")
            Reach(frozenset(value)).check_unresolved(urlsplit(url.get_secret_value()).hostname or "localhost")
        except Refused as refusal:
            raise ValueError(f"{refusal}, else mend url") from None
        return value

    @field_validator("secret")
    @classmethod
    def _is_signed(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            raise ValueError('missing: every webhook is signed; add secret_file = "…". '
                             'Make one with: echo "whsec_$(openssl rand -base64 32)"')
        return value


class PlatformTable(Table):
    """What every [[platform]] has. The keys that a kind adds are read off the kind: see platforms.py."""

    model_config = ConfigDict(extra="allow")

    name: Annotated[Name, Field(examples=['"newsletter"'])]
    kind: Annotated[str, BeforeValidator(lambda value: known(value, kinds())), Field(examples=['"sendgrid"'])]
    streams: Annotated[list[Text], AfterValidator(_no_repeats)] = []
    url: Url | None = None
    timeout: Annotated[Duration, between(SECOND, 5 * MINUTE)] = _PLATFORM["timeout"]
    rate: Annotated[float, between(0.001, 10_000.0)] | None = None
    ca_file: CaFile | None = None
    allow_hosts: Annotated[list[AllowedHost], AfterValidator(_no_repeats)] = []


def _has_scheme(value: SecretStr | None) -> SecretStr:
    if lack := missing("notify"):
        raise ValueError(lack)
    if value is None:
        raise ValueError('missing: add the Apprise URL of a mailbox or chat, as url_file = "…"; see '
                         "https://appriseit.com/services/")
    text = value.get_secret_value()
    if text and "://" not in text:  # an empty one has been told of
        raise ValueError('is no URL: write it as Apprise does, such as "mailtos://user:password@example.com" or '
                         '"slack://…"; see https://appriseit.com/services/')
    return value


class NotifyTable(Table):
    """A `Notifier`."""

    name: Annotated[Name, Field(examples=['"operator"'])]
    url: Annotated[Secret, AfterValidator(_has_scheme)] = Field(default=None, validate_default=True)
    alerts: Annotated[
        list[Annotated[AlertKind, one_of(AlertKind)]], AfterValidator(_not_empty), AfterValidator(_no_repeats)
    ] = list(AlertKind)
    every: Annotated[Duration, between(timedelta(0), DAY)] = _NOTIFIER["every"]
    timeout: Annotated[Duration, between(SECOND, 2 * MINUTE)] = _NOTIFIER["timeout"]


# ── the machine ─────────────────────────────────────────────────────────────────────────────────────────────────────

def _outlasts_tries(value: timedelta | None) -> timedelta | None:
    if value is not None and value < 7 * DAY:
        raise ValueError(f'{spell(value)} is too short to look into what went wrong: at least "7d", or "never"')
    return value


def _holds_some_mail(value: int | None) -> int | None:
    if value is not None and not MIB <= value <= 1024 * 1024 * MIB:
        raise ValueError(f'{spell(value)} is out of range: from "1MiB" to "1024GiB", or "unlimited"')
    return value


class DatabaseTable(Table):
    url: Annotated[SecretStr, SECRET, AfterValidator(database_url)] = SecretStr(DEFAULT_URL)
    raw_retention: OrNever = _SETTINGS["raw_retention"]
    raw_quota: Annotated[SizeOrUnlimited, AfterValidator(_holds_some_mail)] = _SETTINGS["raw_quota"]
    sent_retention: OrNever = _SETTINGS["sent_retention"]
    event_retention: OrNever = _SETTINGS["event_retention"]
    outbox_retention: Annotated[OrNever, AfterValidator(_outlasts_tries)] = _SETTINGS["outbox_retention"]

    @field_validator("event_retention")
    @classmethod
    def _outlasts_raw_mail(cls, value: timedelta | None, info: ValidationInfo) -> timedelta | None:
        raw = info.data.get("raw_retention", timedelta(0))
        if value is not None and (raw is None or raw > value):
            other = spell(raw) if raw else "never"
            raise ValueError(f"{spell(value)} is shorter than raw_retention ({other}): mail that is still kept would "
                             "be read into events again; shorten that first")
        return value


LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("logfmt", "json", "console")


class LogTable(Table):
    level: Annotated[str, BeforeValidator(lambda value: known(value, LEVELS))] = _SETTINGS["log_level"]
    format: Annotated[
        Literal["logfmt", "json", "console"], BeforeValidator(lambda value: known(value, FORMATS))
    ] = _SETTINGS["log_format"]


class PrivacyTable(Table):
    hashed_exports: bool = _SETTINGS["hashed_exports"]


def _is_no_hiccup(value: timedelta | None) -> timedelta | None:
    if value is not None and not MINUTE <= value <= 30 * DAY:
        raise ValueError(f'{spell(value)} is out of range: from "1m" to "30d", or "never"')
    return value


class ServiceTable(Table):
    workers: Annotated[int, between(0, 64)] = _SETTINGS["workers"]
    unread_after: Annotated[OrNever, AfterValidator(_is_no_hiccup)] = _SETTINGS["unread_after"]
    untold_after: Annotated[OrNever, AfterValidator(_is_no_hiccup)] = _SETTINGS["untold_after"]


class WebTable(Table):
    token: Annotated[Secret, AfterValidator(is_strong)] = None
    read_token: Annotated[Secret, AfterValidator(is_strong)] = Field(default=None, validate_default=True)
    listen: Listen = Field(default="127.0.0.1:8025", validate_default=True)
    user_header: FieldName | None = None
    trusted_proxies: Annotated[list[IpAddress], AfterValidator(_no_repeats)] = Field(
        default=["127.0.0.1", "::1"], validate_default=True
    )
    acting_users: Annotated[list[Text], AfterValidator(_no_repeats)] | None = None

    @field_validator("read_token")
    @classmethod
    def _is_beside_a_token(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        token = info.data.get("token")
        if token is None:
            raise ValueError("only tells readers from those who act: set token as well")
        if token == value:
            raise ValueError("is the same as token: make another, or take it out")
        return value

    @field_validator("trusted_proxies", "acting_users")
    @classmethod
    def _needs_a_header(cls, value: list[str] | None, info: ValidationInfo) -> list[str] | None:
        is_set = info.field_name == "acting_users" and value is not None
        if is_set and info.data.get("user_header") is None:
            raise ValueError('has no effect without user_header: add user_header = "X-Forwarded-User", or take it out')
        return value

    @field_validator("listen")
    @classmethod
    def _is_guarded(cls, value: str, info: ValidationInfo) -> str:
        if "token" in info.data and info.data["token"] is None and not is_loopback(split_listen(value)[0]):
            raise ValueError(f"{quoted(value)} is open to other machines and needs a token: add token_file = "
                             '"…", or listen on 127.0.0.1')
        return value


class ConfigFile(Table):
    """The whole file."""

    rules_dir: Text | None = None
    database: DatabaseTable = DatabaseTable()
    mailbox: list[MailboxTable] = []
    attribution: AttributionTable = AttributionTable()
    policy: PolicyTable = PolicyTable()
    webhook: list[WebhookTable] = []
    platform: list[PlatformTable] = []
    notify: list[NotifyTable] = []
    log: LogTable = LogTable()
    privacy: PrivacyTable = PrivacyTable()
    service: ServiceTable = ServiceTable()
    web: WebTable | None = None
