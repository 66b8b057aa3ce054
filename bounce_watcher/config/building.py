"""From the checked tables to the values that everybody works with."""

from collections.abc import Sequence

from pydantic import SecretStr

from bounce_watcher.attribution.settings import AttributionSettings, HeaderNames
from bounce_watcher.config.problems import Notes
from bounce_watcher.config.schema import (
    AlertsTable,
    AttributionTable,
    ConfigFile,
    FloodTable,
    GuardTable,
    MailboxTable,
    NotifyTable,
    OAuth2Table,
    PolicyTable,
    ReasonsTable,
    SoftTable,
    WebhookTable,
    WebTable,
)
from bounce_watcher.config.settings import Settings, WebSettings
from bounce_watcher.config.strength import GOOD_BITS, MAKE_ONE, bits
from bounce_watcher.config.values import split_listen
from bounce_watcher.intake.account import ImapAccount, OAuth2Account, Security
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.verdict import Reason
from bounce_watcher.outbox.notifier import Notifier
from bounce_watcher.outbox.target import WebhookTarget
from bounce_watcher.policy.counting import DEFAULTS, CountRule
from bounce_watcher.policy.limits import AlertSettings, FloodSettings, GuardSettings
from bounce_watcher.policy.settings import PolicySettings, Threshold

SHORTEST_KEY = 16
"""In characters; RFC 2104 section 3 wants a key as long as the digest, and fewer than these are guessed."""

_PORTS = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}


def build(file: ConfigFile, notes: Notes) -> Settings:
    """The settings that a faultless file stands for. What a person should know of them goes to `notes`."""
    settings = Settings(
        database_url=file.database.url,
        raw_retention=file.database.raw_retention,
        raw_quota=file.database.raw_quota,
        sent_retention=file.database.sent_retention,
        event_retention=file.database.event_retention,
        outbox_retention=file.database.outbox_retention,
        mailboxes=tuple(_mailbox(table) for table in file.mailbox),
        webhooks=tuple(
            _webhook(table, is_secret=notes.is_elsewhere(("webhook", index, "url")))
            for index, table in enumerate(file.webhook)
        ),
        notifiers=tuple(_notifier(table) for table in file.notify),
        policy=_policy(file.policy, has_tokens=file.attribution.token_key is not None),
        attribution=_attribution(file.attribution, file.mailbox),
        log_level=file.log.level,
        log_format=file.log.format,
        hashed_exports=file.privacy.hashed_exports,
        workers=file.service.workers,
        unread_after=file.service.unread_after,
        untold_after=file.service.untold_after,
        web=_web(file.web) if file.web else None,
    )
    _warn_of_silence(settings, notes)
    if settings.web is not None:
        _warn_of_access(settings.web, notes)
    return settings


def _mailbox(table: MailboxTable) -> ImapAccount:
    return ImapAccount(
        name=table.name,
        host=table.host,
        port=table.port or _PORTS[table.security],
        security=table.security,
        username=table.username,
        password=table.password,
        oauth2=_oauth2(table.oauth2) if table.oauth2 else None,
        auth=table.auth,
        ca_file=table.ca_file,
        folders=tuple(table.folder),
        processed_folder=table.processed_folder,
        review_folder=table.review_folder,
        quarantine_folder=table.quarantine_folder,
        stream=table.stream,
        poll_every=table.poll_every,
        idle=table.idle,
        timeout=table.timeout,
        pass_deadline=table.pass_deadline,
        max_message_bytes=table.max_message_bytes,
        page_messages=table.page_messages,
        page_bytes=table.page_bytes,
    )


def _oauth2(table: OAuth2Table) -> OAuth2Account:
    return OAuth2Account(
        grant=table.grant,
        token_url=table.token_url,
        client_id=table.client_id,
        client_secret=table.client_secret,
        refresh_token=table.refresh_token,
        scope=table.scope,
        mechanism=table.mechanism,
        ca_file=table.ca_file,
    )


def _webhook(table: WebhookTable, *, is_secret: bool) -> WebhookTarget:
    assert table.url is not None, "the schema refuses it"
    secrets = (table.secret, *table.old_secrets)
    return WebhookTarget(
        name=table.name,
        url=table.url.get_secret_value(),
        url_is_secret=is_secret,
        secrets=tuple(secret for secret in secrets if secret is not None),
        types=frozenset(table.events),
        timeout=table.timeout,
        ca_file=table.ca_file,
        allow_hosts=frozenset(table.allow_hosts),
        format=table.format,
        cloudevents_source=table.cloudevents_source,
        cloudevents_type_prefix=table.cloudevents_type_prefix,
    )


def _notifier(table: NotifyTable) -> Notifier:
    assert table.url is not None, "the schema refuses it"
    return Notifier(table.name, table.url, frozenset(table.alerts), table.every, table.timeout)


def _web(table: WebTable) -> WebSettings:
    host, port = split_listen(table.listen)
    return WebSettings(
        host, port, table.token, table.read_token, table.user_header, frozenset(table.trusted_proxies),
        frozenset(table.acting_users or ()),
    )


def _policy(table: PolicyTable, *, has_tokens: bool) -> PolicySettings:
    usual = Evidence.TOKEN if has_tokens else Evidence.REPORT
    return PolicySettings(
        mode=table.mode,
        evidence_hard=table.evidence.hard or usual,
        evidence_soft=table.evidence.soft or usual,
        evidence_complaint=table.evidence.complaint or usual,
        soft=_threshold(table.soft),
        confirm=_threshold(table.confirm),
        hard_expiry=table.expiry.hard,
        soft_expiry=table.expiry.soft,
        complaint_expiry=table.expiry.complaint,
        hard_scope=table.hard_scope,
        complaint_scope=table.complaint_scope,
        protected_addresses=frozenset(entry for entry in table.protected if not entry.startswith("@")),
        protected_domains=frozenset(entry[1:] for entry in table.protected if entry.startswith("@")),
        reasons=_changed(table.reasons),
        guard=_guard(table.guard),
        alerts=_alerts(table.alerts),
        flood=_flood(table.flood),
    )


def _changed(table: ReasonsTable) -> dict[Reason, CountRule]:
    rules = {reason: getattr(table, reason) for reason in DEFAULTS if reason in ReasonsTable.model_fields}
    return {reason: rule for reason, rule in rules.items() if rule is not DEFAULTS[reason]}


def _guard(table: GuardTable) -> GuardSettings:
    return GuardSettings(
        enabled=table.enabled, window=table.window, min_bounces=table.min_bounces, factor=table.factor,
        baseline=table.baseline, learning=table.learning, quiet=table.quiet, wait=table.wait,
        wait_min=table.wait_min, wait_from=table.wait_from,
    )


def _alerts(table: AlertsTable) -> AlertSettings:
    return AlertSettings(
        enabled=table.enabled, window=table.window, min_blocks=table.min_blocks, share=table.share, quiet=table.quiet
    )


def _flood(table: FloodTable) -> FloodSettings:
    return FloodSettings(
        enabled=table.enabled, report=table.report, source=table.source, hour=table.hour, day=table.day,
        month=table.month, factor=table.factor,
    )


def _threshold(table: SoftTable) -> Threshold:
    return Threshold(table.bounces, table.distinct_days, table.span, table.window)


def _attribution(table: AttributionTable, mailboxes: Sequence[MailboxTable]) -> AttributionSettings:
    keys = (table.token_key, *table.token_old_keys) if table.token_key else tuple(table.token_old_keys)
    return AttributionSettings(
        return_path=table.return_path,
        delimiter=table.return_path_delimiter,
        verp_paths=tuple(table.verp_paths),
        token_keys=tuple(_key(secret) for secret in keys),
        own_domains=frozenset(table.own_domains),
        token_max_age=table.token_max_age,
        token_header=table.token_header,
        headers=HeaderNames(table.headers.campaign, table.headers.stream, table.headers.user),
        dkim_keys=tuple((key.name, key.record) for key in table.dkim_key),
        dkim_dns=table.dkim_dns,
        authserv_ids=tuple(
            (each.name, frozenset(each.trusted_authserv_id)) for each in mailboxes if each.trusted_authserv_id
        ),
    )


def _key(secret: SecretStr) -> bytes:
    return secret.get_secret_value().encode()


# ── what should be known of a file that loads ───────────────────────────────────────────────────────────────────────

def _warn_of_silence(settings: Settings, notes: Notes) -> None:
    """Settings under which less happens than a person may expect."""
    if not settings.mailboxes:
        notes.warning(("mailbox",), "there is none, so nothing is polled", "add a [[mailbox]]")
    policy, keys = settings.policy, settings.attribution.token_keys
    grades = {"hard": policy.evidence_hard, "soft": policy.evidence_soft, "complaint": policy.evidence_complaint}
    for name, grade in grades.items():
        if grade is Evidence.TOKEN and not keys:
            notes.warning(("policy", "evidence", name), '"token" is asked for, and there is no attribution.token_key: '
                                                        "nothing of this type will ever count")
    if any(len(key) < SHORTEST_KEY for key in keys):
        notes.warning(("attribution", "token_key"), f"a key of less than {SHORTEST_KEY} characters can be guessed",
                      "make one with: openssl rand -base64 32")


def _warn_of_access(web: WebSettings, notes: Notes) -> None:
    """What is unsafe, or of no use, in who may ask over HTTP."""
    for name, token in (("token", web.token), ("read_token", web.read_token)):
        if token is not None and bits(token.get_secret_value()) < GOOD_BITS:
            notes.warning(("web", name), "does not look random, so it may be guessed", MAKE_ONE)
    if web.user_header is not None and not web.acting_users:
        notes.warning(("web", "acting_users"), "names nobody, so those whom the proxy lets in may look and not act",
                      'add acting_users = ["…"]')
    elif web.token is None and web.user_header is None:
        notes.warning(("web", "token"), "there is none, so nothing can be changed over HTTP, POST /api/v1/sent "
                                        "included, and only programs of this user on this machine may look",
                      'add token_file = "…"')
