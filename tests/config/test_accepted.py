"""What a sound file means."""

import base64
import random
import uuid
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.attribution.settings import AttributionSettings, DkimKey, HeaderNames
from bounce_watcher.config import Settings, strength
from bounce_watcher.config.settings import WebSettings
from bounce_watcher.intake.imap.account import Grant, ImapAccount, Mechanism, OAuth2Account, Security
from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import NoticeType
from bounce_watcher.outbox.webhook.target import DEFAULT_TYPES, Format, WebhookTarget
from bounce_watcher.policy.guards.limits import AlertSettings, GuardSettings
from bounce_watcher.policy.settings import Mode, PolicySettings, Threshold
from tests.config.samples import (
    ACTING,
    LOOKING,
    MAILBOX,
    OLDER,
    PASSWORD,
    SIGNING,
    TOKEN_KEY,
    accepted,
    mailbox,
    oauth2,
    refused,
    rest,
    webhook,
)
from tests.families import for_each
from tests.servers.certificates import self_signed


def test_an_empty_file_has_all_defaults_and_says_that_nothing_is_polled() -> None:
    settings = accepted("")
    assert settings.database_url.get_secret_value() == "sqlite:////var/lib/bounce-watcher/ledger.db"
    assert settings == Settings(settings.database_url, warnings=settings.warnings)
    assert tuple(map(str, settings.warnings)) == (
        "mailbox: none is configured, so nothing is polled: add a [[mailbox]]",
    )


def test_a_mailbox_of_four_lines_has_the_defaults_of_the_account() -> None:
    [account] = accepted(MAILBOX).mailboxes
    assert account.password is not None
    assert account.password.get_secret_value() == PASSWORD
    assert account == ImapAccount(
        "returns", "imap.example.com", 993, Security.TLS, "bounces@example.com", account.password
    )


def test_a_mailbox_with_everything(tmp_path: Path) -> None:
    self_signed(tmp_path, "ca")
    [account] = accepted(mailbox(
        'security = "starttls"', "port = 1143", 'ca_file = "ca.pem"', 'folder = ["INBOX", "Returns/Old"]',
        'processed_folder = "Done"', 'review_folder = "Look"', 'quarantine_folder = "Broken"', 'stream = "invoices"',
        'poll_every = "2m"', "idle = false", 'timeout = "5s"', 'pass_deadline = "1h"', 'max_message_bytes = "64KiB"',
        "page_messages = 1000", "page_bytes = 1048576",
    ), folder=tmp_path).mailboxes
    assert account == ImapAccount(
        name="returns", host="imap.example.com", port=1143, security=Security.STARTTLS,
        username="bounces@example.com", password=account.password, ca_file=str(tmp_path / "ca.pem"),
        folders=("INBOX", "Returns/Old"), processed_folder="Done", review_folder="Look", quarantine_folder="Broken",
        stream="invoices", poll_every=timedelta(minutes=2), idle=False, timeout=timedelta(seconds=5),
        pass_deadline=timedelta(hours=1), max_message_bytes=65_536, page_messages=1000, page_bytes=1_048_576,
    )


@pytest.mark.parametrize(("security", "port"), [("tls", 993), ("starttls", 143), ("none", 143)])
def test_the_port_follows_the_security(security: str, port: int) -> None:
    [account] = accepted(mailbox('host = "localhost"', f'security = "{security}"')).mailboxes
    assert account.port == port


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "::1"])
def test_plain_text_is_taken_on_this_machine(host: str) -> None:
    [account] = accepted(mailbox(f'host = "{host}"', 'security = "none"')).mailboxes
    assert account.security is Security.NONE


@for_each("host", [
    "localhost.example.com", "127.0.0.1.example.com", "128.0.0.1", "::2", "0.0.0.0", "::", "::ffff:192.0.2.1",
    "10.0.0.1",
])
def test_plain_text_is_taken_nowhere_else(host: str) -> None:
    [problem] = refused(mailbox(f'host = "{host}"', 'security = "none"'))
    assert problem.startswith('line 6: mailbox[returns].security: "none" would send the password unencrypted')


def test_oauth2_for_one_service_with_client_credentials() -> None:
    [account] = accepted(oauth2('scope = "https://outlook.office365.com/.default"')).mailboxes
    assert account.password is None
    assert account.oauth2 is not None
    assert account.oauth2.client_secret is not None
    assert account.oauth2 == OAuth2Account(
        Grant.CLIENT_CREDENTIALS, "https://login.example.com/token", "4711", account.oauth2.client_secret,
        scope="https://outlook.office365.com/.default", mechanism=Mechanism.XOAUTH2,
    )


def test_oauth2_with_a_refresh_token_needs_no_client_secret() -> None:
    [account] = accepted(oauth2(
        'grant = "refresh_token"', "- client_secret", 'refresh_token = "1//refresh"', 'mechanism = "oauthbearer"',
        'token_url = "http://127.0.0.1:8080/token"',
    )).mailboxes
    assert account.oauth2 is not None
    assert account.oauth2.refresh_token is not None
    assert account.oauth2.refresh_token.get_secret_value() == "1//refresh"
    assert account.oauth2.mechanism is Mechanism.OAUTHBEARER


def test_two_mailboxes_may_share_a_host_and_an_account_but_not_a_folder() -> None:
    both = accepted(MAILBOX + mailbox('name = "older"', 'folder = "Older"')).mailboxes
    assert [account.folders for account in both] == [("INBOX",), ("Older",)]


def test_a_webhook_and_its_defaults() -> None:
    [target] = accepted(webhook()).webhooks
    assert target == WebhookTarget("platform", "https://platform.example.com/hooks", target.secrets, DEFAULT_TYPES)
    assert [secret.get_secret_value() for secret in target.secrets] == [SIGNING]


@for_each("host", [
    "10.1.2.3", "[fd00::1]", "127.0.0.1", "[::1]", "localhost", "hooks.internal.example", "hooks.example.com.",
    "bücher.example", "my_hooks.example.com",
])
def test_a_webhook_may_name_a_host_that_is_inside_or_may_be(host: str) -> None:
    [target] = accepted(webhook(f'url = "https://{host}/hooks"')).webhooks
    assert target.allow_hosts == frozenset()


def test_a_webhook_of_cloudevents() -> None:
    [target] = accepted(webhook(
        'format = "cloudevents-structured"', 'cloudevents_source = "https://bounces.example.com/eu?x=%20"',
        'cloudevents_type_prefix = "com.example.mail"',
    )).webhooks
    assert (target.format, target.cloudevents_source, target.cloudevents_type_prefix) == (
        Format.STRUCTURED, "https://bounces.example.com/eu?x=%20", "com.example.mail",
    )


def test_hosts_that_are_meant_are_kept_as_they_are_compared() -> None:
    [target] = accepted(webhook(
        'url = "https://169.254.169.254/hooks"',
        'allow_hosts = ["Hooks.Internal.Example.", "Bücher.example", "10.1.2.3", "FD00::1", "169.254.169.254"]',
    )).webhooks
    assert target.allow_hosts == {
        "hooks.internal.example", "xn--bcher-kva.example", "10.1.2.3", "fd00::1", "169.254.169.254",
    }


def test_a_webhook_whose_secret_rotates_signs_with_the_new_one_first() -> None:
    [target] = accepted(webhook(
        f'old_secrets = ["{OLDER}"]', 'events = ["bounce.recorded"]', 'timeout = "5s"',
        'url = "http://[::1]:8000/hooks"',
    )).webhooks
    assert [secret.get_secret_value() for secret in target.secrets] == [SIGNING, OLDER]
    assert target.types == {NoticeType.BOUNCE}
    assert target.timeout == timedelta(seconds=5)


def test_the_policy() -> None:
    policy = accepted(rest(
        "[policy]", 'mode = "shadow"', 'protected = ["CEO@Example.COM", "@Bücher.example"]',
        "[policy.evidence]", 'hard = "verp"', 'soft = "prose"', 'complaint = "signature"',
        "[policy.soft]", "bounces = 5", "distinct_days = 4", 'span = "7d"', 'window = "30d"',
        "[policy.confirm]", "bounces = 3", "distinct_days = 3", 'span = "1d"', 'window = "20d"',
        "[policy.expiry]", 'hard = "365d"', 'soft = "never"', 'complaint = "90d"',
    )).policy
    day = timedelta(days=1)
    assert policy == PolicySettings(
        mode=Mode.SHADOW, evidence_hard=Evidence.VERP, evidence_soft=Evidence.PROSE,
        evidence_complaint=Evidence.SIGNATURE, soft=Threshold(5, 4, 7 * day, 30 * day),
        confirm=Threshold(3, 3, day, 20 * day), hard_expiry=(365 * day,), soft_expiry=(None,),
            complaint_expiry=(90 * day,),
        protected_addresses=frozenset({"ceo@example.com"}), protected_domains=frozenset({"xn--bcher-kva.example"}),
    )


def test_one_bounce_may_be_enough() -> None:
    policy = accepted(rest("[policy.soft]", "bounces = 1", "distinct_days = 1", 'span = "0s"')).policy
    assert policy.soft == Threshold(1, 1, timedelta(0), timedelta(days=60))


DKIM_KEY = "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
"""RFC 8463 appendix A.2."""

TOKENS = ("[attribution]", f'token_key = "{TOKEN_KEY}"', 'return_path = "returns@bounces.example.com"')


def test_with_a_token_key_only_what_is_signed_counts() -> None:
    policy = accepted(rest(*TOKENS)).policy
    assert (policy.evidence_hard, policy.evidence_soft, policy.evidence_complaint) == (Evidence.TOKEN,) * 3


def test_with_a_token_key_a_grade_that_is_set_stays() -> None:
    policy = accepted(rest(*TOKENS, "[policy.evidence]", 'complaint = "report"')).policy
    assert (policy.evidence_hard, policy.evidence_complaint) == (Evidence.TOKEN, Evidence.REPORT)


def test_attribution() -> None:
    settings = accepted(rest(*TOKENS, 'token_old_keys = ["an older key of 32 characters..."]',
                             'own_domains = ["Example.com", "bücher.example."]'))
    assert settings.attribution == AttributionSettings(
        return_path="returns@bounces.example.com",
        token_keys=(TOKEN_KEY.encode(), b"an older key of 32 characters..."),
        own_domains=frozenset({"example.com", "xn--bcher-kva.example"}),
    )
    assert settings.warnings == ()


def test_return_paths_of_other_forms() -> None:
    settings = accepted(rest(*TOKENS, 'return_path_delimiter = "-"', 'verp_paths = ["*-bounces@lists.example.com"]'))
    assert settings.attribution.delimiter == "-"
    assert settings.attribution.verp_paths == ("*-bounces@lists.example.com",)


def test_whose_authentication_results_are_believed() -> None:
    one = mailbox('trusted_authserv_id = "MX.Example.com."')
    two = mailbox('name = "b"', 'folder = "B"', 'trusted_authserv_id = ["mx.bücher.example", "mx.example.com"]')
    three = mailbox('name = "c"', 'folder = "C"')
    assert accepted(one + two + three).attribution.authserv_ids == (
        ("returns", frozenset({"mx.example.com"})),
        ("b", frozenset({"mx.xn--bcher-kva.example", "mx.example.com"})),
    )


def test_what_is_known_of_mail_that_comes_back() -> None:
    settings = accepted(rest(
        *TOKENS, 'token_max_age = "never"', 'token_header = "X-Our-Token"', "dkim_dns = false",
        "[attribution.headers]", 'campaign = "X-C"', 'stream = "X-S"', 'user = "X-U"',
        "[[attribution.dkim_key]]", 'name = "S1._domainkey.Bücher.example"', f'record = "{DKIM_KEY}"',
    )).attribution
    assert settings == AttributionSettings(
        return_path="returns@bounces.example.com", token_keys=(TOKEN_KEY.encode(),), token_max_age=None,
        token_header="X-Our-Token", headers=HeaderNames("X-C", "X-S", "X-U"),
        dkim_keys=(DkimKey("s1._domainkey.xn--bcher-kva.example", DKIM_KEY),), dkim_dns=False,
    )


@for_each(("written", "meant"), [
    ("sqlite:////srv/ledger.db", "sqlite:////srv/ledger.db"),
    ("sqlite:///ledger.db", "sqlite:////etc/bw/ledger.db"),
    ("sqlite:///ledger.db?timeout=30", "sqlite:////etc/bw/ledger.db?timeout=30"),
    ("postgresql+psycopg://me@db/bounces", "postgresql+psycopg://me@db/bounces"),
    ("postgresql://me:p%40w@db:5433/bounces", "postgresql+psycopg://me:p%40w@db:5433/bounces"),
    ("postgres://db/bounces", "postgresql+psycopg://db/bounces"),
    ("postgresql:///bounces?host=/run/postgresql", "postgresql+psycopg:///bounces?host=/run/postgresql"),
])
def test_the_address_of_the_database(written: str, meant: str) -> None:
    settings = accepted(rest("[database]", f'url = "{written}"'), folder=Path("/etc/bw"))
    assert settings.database_url.get_secret_value() == meant


@for_each(("written", "meant"), [
    ("45s", timedelta(seconds=45)), ("10m", timedelta(minutes=10)), ("6h", timedelta(hours=6)),
    ("14d", timedelta(days=14)), ("0s", timedelta(0)), ("never", None),
])
def test_durations(written: str, meant: timedelta | None) -> None:
    assert accepted(rest("[database]", f'raw_retention = "{written}"')).raw_retention == meant


def test_the_web() -> None:
    assert accepted(rest()).web is None
    settings = accepted(rest("[web]"))
    assert settings.web == WebSettings("127.0.0.1", 8025)
    assert tuple(map(str, settings.warnings)) == (
        "web.token: none is set, so HTTP is read-only (POST /api/v1/sent included) and open only to programs of this "
        'user on this machine: add token_file = "…"',
    )
    settings = accepted(rest("[web]", 'listen = "[::]:80"', f'token = "{ACTING}"'))
    assert settings.web == WebSettings("::", 80, SecretStr(ACTING))
    assert settings.warnings == ()


def test_the_web_behind_a_proxy_that_signs_people_in() -> None:
    settings = accepted(rest("[web]", f'token = "{ACTING}"', f'read_token = "{LOOKING}"', 'user_header = "X-User"',
                             'trusted_proxies = ["10.0.0.1"]', 'acting_users = ["jo"]'))
    assert settings.web == WebSettings(
        "127.0.0.1", 8025, SecretStr(ACTING), SecretStr(LOOKING), "X-User", frozenset({"10.0.0.1"}), frozenset({"jo"}),
    )
    assert settings.warnings == ()
    assert tuple(map(str, accepted(rest("[web]", 'user_header = "X-User"')).warnings)) == (
        'web.acting_users: is empty, so users of the proxy can look but not act: add acting_users = '
        '["…"]',
    )


@for_each("size", [16, 24, 32])
@for_each("written", [
    bytes.hex, lambda it: base64.b64encode(it).decode(), lambda it: base64.urlsafe_b64encode(it).decode(),
    lambda it: str(uuid.UUID(bytes=it[:16])),
])
def test_a_token_that_is_random_is_taken_without_a_word(written: Callable[[bytes], str], size: int) -> None:
    chance = random.Random(7)
    for _ in range(500):
        token = written(chance.randbytes(size))
        assert strength.strong(token) == token
        assert strength.bits(token) >= strength.GOOD_BITS, token


@pytest.mark.parametrize("token", [
    "secret-token-for-tests", "a token of some length", "correct horse battery staple", "bouncewatchertoken",
    "Bounce Watcher Token of ours",
])
def test_a_token_made_of_words_is_warned_of(token: str) -> None:
    assert tuple(map(str, accepted(rest("[web]", f'token = "{token}"')).warnings)) == (
        "web.token: does not look random, so it may be guessed: make one with: openssl rand -base64 32",
    )


def test_log_and_service() -> None:
    settings = accepted(rest(
        "[log]", 'level = "debug"', 'format = "json"', "[privacy]", "hashed_exports = true", "[service]", "workers = 4",
    ))
    assert (settings.log_level, settings.log_format, settings.workers) == ("debug", "json", 4)
    assert settings.hashed_exports


@pytest.mark.parametrize(("lines", "warning"), [
    (("[policy.evidence]", 'soft = "token"'),
     'policy.evidence.soft: "token" is required, but attribution.token_key is not set: nothing of this type will '
     "count until you set it"),
    (("[attribution]", 'token_key = "short"', 'return_path = "r@example.com"'),
     "attribution.token_key: a key with fewer than 16 characters can be guessed: make one with: "
     "openssl rand -base64 32"),
])
def test_what_a_person_should_know(lines: tuple[str, ...], warning: str) -> None:
    assert tuple(map(str, accepted(rest(*lines)).warnings)) == (warning,)


def test_guard_and_alerts() -> None:
    policy = accepted(rest(
        "[policy.guard]", "enabled = false", 'window = "1h"', "min_bounces = 5", "factor = 2", 'baseline = "14d"',
        "learning = 1", 'quiet = "2h"', 'wait = "30m"', "wait_min = 2", "wait_from = 1",
        "[policy.alerts]", "enabled = false", 'window = "2h"', "min_blocks = 7", "share = 0.5", 'quiet = "3h"',
    )).policy
    hour = timedelta(hours=1)
    assert policy.guard == GuardSettings(False, hour, 5, 2.0, timedelta(days=14), 1, 2 * hour, hour / 2, 2, 1.0)
    assert policy.alerts == AlertSettings(False, 2 * hour, 7, 0.5, 3 * hour)
