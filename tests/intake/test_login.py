"""Logging in to a real Dovecot: TLS, STARTTLS, passwords, OAuth2 tokens from a local token endpoint."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from bounce_watcher.intake.imap.account import Grant, ImapAccount, Mechanism, OAuth2Account, Security
from bounce_watcher.intake.imap.oauth2 import LEEWAY, TokenStore
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from tests.intake.conftest import Account, account_on
from tests.intake.passes import NOON, bounces, read, session_of
from tests.servers.authorization import TokenEndpoint
from tests.servers.certificates import self_signed
from tests.servers.dovecot import PASSWORD, Dovecot, Layout

TRANSPORTS = [Security.TLS, Security.STARTTLS, Security.NONE]


def _port(server: Dovecot, security: Security) -> int:
    return server.imaps_port if security is Security.TLS else server.imap_port


def _over(server: Dovecot, security: Security, **changes: object) -> ImapAccount:
    values = {"security": security, "port": _port(server, security), "ca_file": str(server.certificate.certificate)}
    return account_on(server, **values | changes)


def _failure(account: ImapAccount, tokens: TokenStore | None = None) -> BounceWatcherError:
    with pytest.raises(BounceWatcherError) as caught, session_of(account, tokens):
        pass
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize("security", TRANSPORTS)
def test_each_transport_carries_mail(dovecot: Dovecot, security: Security) -> None:
    dovecot.deliver("bounces", bounces(2))
    assert len(read(_over(dovecot, security))) == 2


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_the_certificate_is_checked_against_the_host(dovecot: Dovecot, security: Security, host: str) -> None:
    assert read(_over(dovecot, security, host=host)) == []


@pytest.mark.parametrize("security", [Security.TLS, Security.STARTTLS])
def test_an_unknown_authority_is_refused_with_the_mend(dovecot: Dovecot, security: Security, tmp_path: Path) -> None:
    other = str(self_signed(tmp_path, "other").certificate)
    for ca_file in (other, None):
        failure = _failure(_over(dovecot, security, ca_file=ca_file))
        assert isinstance(failure, PermanentFailure)
        assert "certificate is not trusted" in str(failure)
        assert "set ca_file" in str(failure)


def test_a_certificate_that_has_run_out_is_refused(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout())
    server.stop()
    server.certificate = self_signed(server.root, lifetime=timedelta(days=-1))
    server.start()
    assert "expired" in str(_failure(_over(server, Security.TLS)))


def test_a_ca_file_that_is_not_there_is_named(dovecot: Dovecot, tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("no certificate\n")
    for name in ("absent.pem", "empty.pem"):
        failure = _failure(_over(dovecot, Security.TLS, ca_file=str(tmp_path / name)))
        assert isinstance(failure, PermanentFailure)
        assert name in str(failure)


def test_tls_to_a_port_that_speaks_none_says_what_to_check(dovecot: Dovecot) -> None:
    failure = _failure(_over(dovecot, Security.TLS, port=dovecot.imap_port))
    assert isinstance(failure, PermanentFailure)
    assert "check `port` and `security`" in str(failure)


def test_a_server_without_starttls_is_never_talked_to_in_clear(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout(tls=False))
    failure = _failure(_over(server, Security.STARTTLS))
    assert isinstance(failure, PermanentFailure)
    assert "offers no STARTTLS" in str(failure)
    assert "method=" not in server.log()


def test_a_wrong_password_is_permanent_and_not_told(dovecot: Dovecot) -> None:
    failure = _failure(_over(dovecot, Security.TLS, password=SecretStr("swordfish-17")))
    assert isinstance(failure, PermanentFailure)
    assert "the log-in was refused" in str(failure)
    assert "check username and password" in str(failure)
    assert "swordfish" not in str(failure) + repr(failure.__cause__)


def test_a_server_that_takes_passwords_over_tls_only_says_what_to_do(
    start_dovecot: Callable[[Layout], Dovecot],
) -> None:
    """LOGINDISABLED."""
    server = start_dovecot(Layout(cleartext_login=False, address="127.0.0.2"))
    failure = _failure(_over(server, Security.NONE, host="127.0.0.2"))
    assert isinstance(failure, PermanentFailure)
    assert "set `security` to tls or starttls" in str(failure)
    assert read(_over(server, Security.STARTTLS, host="127.0.0.2")) == []


def test_a_server_with_sasl_login_only(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout(mechanisms="login"))
    assert read(_over(server, Security.TLS)) == []
    failure = _failure(_over(server, Security.TLS, password=SecretStr("pässwörd")))
    assert isinstance(failure, PermanentFailure)


def test_a_password_beyond_ascii(start_dovecot: Callable[[Layout], Dovecot]) -> None:
    server = start_dovecot(Layout())
    (server.root / "passwords").write_text("bounces:{PLAIN}pässwörd\n", "utf-8")
    assert read(_over(server, Security.TLS, password=SecretStr("pässwörd"))) == []


def test_nobody_listens(dovecot: Dovecot, account: Account) -> None:
    failure = _failure(account(port=1))
    assert isinstance(failure, TemporaryFailure)
    assert str(failure).startswith("mailbox returns: connecting: ")


# OAuth2


@pytest.fixture
def oauth2(token_endpoint: TokenEndpoint) -> OAuth2Account:
    return OAuth2Account(
        Grant.CLIENT_CREDENTIALS, token_endpoint.url, "client-1", SecretStr("client-secret-xyz"), scope="imap.read",
    )


@pytest.mark.parametrize("mechanism", Mechanism)
def test_a_token_logs_in(
    dovecot: Dovecot, token_endpoint: TokenEndpoint, oauth2: OAuth2Account, mechanism: Mechanism
) -> None:
    token_endpoint.grants("token-1")
    dovecot.set_token("bounces", "token-1")
    assert read(account_on(dovecot, password=None, oauth2=replace(oauth2, mechanism=mechanism))) == []
    assert token_endpoint.requests == [{
        "grant_type": "client_credentials", "client_id": "client-1", "client_secret": "client-secret-xyz",
        "scope": "imap.read",
    }]


@pytest.mark.parametrize("mechanism", Mechanism)
def test_a_refused_token_is_fetched_anew_once(
    dovecot: Dovecot, token_endpoint: TokenEndpoint, oauth2: OAuth2Account, mechanism: Mechanism
) -> None:
    account = account_on(dovecot, password=None, oauth2=replace(oauth2, mechanism=mechanism))
    tokens = TokenStore()
    token_endpoint.grants("token-1", "token-2", "token-3")
    dovecot.set_token("bounces", "token-1")
    with session_of(account, tokens):
        pass
    dovecot.set_token("bounces", "token-2")
    with session_of(account, tokens):
        pass
    assert len(token_endpoint.requests) == 2
    dovecot.set_token("bounces", "another")
    failure = _failure(account, tokens)
    assert len(token_endpoint.requests) == 3
    assert isinstance(failure, PermanentFailure)
    assert "the log-in was refused" in str(failure)
    assert "token-" not in str(failure)


def test_a_token_is_kept_until_shortly_before_it_expires(
    dovecot: Dovecot, token_endpoint: TokenEndpoint, oauth2: OAuth2Account
) -> None:
    account = account_on(dovecot, password=None, oauth2=oauth2)
    tokens = TokenStore()
    token_endpoint.grants("token-1", "token-2", expires_in=3600)
    dovecot.set_token("bounces", "token-1")
    almost = NOON + timedelta(hours=1) - LEEWAY
    for now in (NOON, NOON + timedelta(minutes=30), almost - timedelta(seconds=1)):
        with session_of(account, tokens, now):
            pass
    assert len(token_endpoint.requests) == 1
    dovecot.set_token("bounces", "token-2")
    with session_of(account, tokens, almost):
        pass
    assert len(token_endpoint.requests) == 2


def test_a_refresh_token_is_used_and_followed_when_it_rotates(
    token_endpoint: TokenEndpoint, oauth2: OAuth2Account
) -> None:
    account = replace(oauth2, grant=Grant.REFRESH_TOKEN, refresh_token=SecretStr("refresh-1"), client_secret=None)
    token_endpoint.answers = [
        (200, {"access_token": "token-1", "expires_in": 60, "refresh_token": "refresh-2"}),
        (200, {"access_token": "token-2", "expires_in": 60}),
    ]
    tokens = TokenStore()
    values = [tokens.token(account, NOON, timedelta(seconds=5)).value for _ in range(3)]
    assert values == ["token-1", "token-2", "token-2"]
    assert [form["refresh_token"] for form in token_endpoint.requests] == ["refresh-1", "refresh-2", "refresh-2"]
    assert {form["client_id"] for form in token_endpoint.requests} == {"client-1"}
    assert not any("client_secret" in form for form in token_endpoint.requests)


@pytest.mark.parametrize(("status", "body", "kind", "words"), [
    (401, {"error": "invalid_client", "error_description": "bad client-secret-xyz"}, PermanentFailure, "client_secret"),
    (400, {"error": "invalid_grant", "error_description": "Token revoked."}, PermanentFailure, "authorise"),
    (400, {"error": "invalid_scope"}, PermanentFailure, "check scope"),
    (400, {"error": "temporarily_unavailable"}, TemporaryFailure, "temporarily_unavailable"),
    (404, b"<html>", PermanentFailure, "check token_url"),
    (429, b"slow down", TemporaryFailure, "429"),
    (500, {"error": "invalid_client"}, TemporaryFailure, "500"),
    (302, b"", TemporaryFailure, ""),
    (200, b"<html>", TemporaryFailure, ""),
    (200, [], TemporaryFailure, ""),
    (200, {}, TemporaryFailure, "no access_token"),
    (200, {"access_token": 7}, TemporaryFailure, "no access_token"),
    (200, {"access_token": "a\r\nb"}, TemporaryFailure, "no access_token"),
])
def test_what_the_provider_refuses_is_told_with_the_mend_and_no_secret(
    token_endpoint: TokenEndpoint, oauth2: OAuth2Account, status: int, body: object,
    kind: type[BounceWatcherError], words: str,
) -> None:
    token_endpoint.refuses(status, body)
    with pytest.raises(BounceWatcherError) as caught:
        TokenStore().token(oauth2, NOON, timedelta(seconds=5))
    assert type(caught.value) is kind
    text = str(caught.value)
    assert text.startswith("OAuth2 at 127.0.0.1: ")
    assert words in text
    assert "\n" not in text
    assert "client-secret-xyz" not in text


@pytest.mark.parametrize("expires_in", [None, "soon", -5, 10**12])
def test_a_strange_lifetime_breaks_nothing(
    token_endpoint: TokenEndpoint, oauth2: OAuth2Account, expires_in: object
) -> None:
    token_endpoint.answers = [(200, {"access_token": "token-1", "expires_in": expires_in})]
    try:
        assert TokenStore().token(oauth2, NOON, timedelta(seconds=5)).value == "token-1"
    except TemporaryFailure as failure:
        assert expires_in == "soon", failure  # authlib refuses it


def test_a_provider_that_is_away_is_a_temporary_failure(oauth2: OAuth2Account) -> None:
    with pytest.raises(TemporaryFailure, match=r"OAuth2 at 127\.0\.0\.1: "):
        TokenStore().token(replace(oauth2, token_url="http://127.0.0.1:1/token"), NOON, timedelta(seconds=5))


def test_a_server_that_offers_no_oauth2_says_so(
    start_dovecot: Callable[[Layout], Dovecot], token_endpoint: TokenEndpoint, oauth2: OAuth2Account
) -> None:
    server = start_dovecot(Layout(mechanisms="plain"))
    failure = _failure(account_on(server, password=None, oauth2=oauth2))
    assert isinstance(failure, PermanentFailure)
    assert "offers no XOAUTH2" in str(failure)
    assert token_endpoint.requests == []


def test_no_secret_shows_in_a_repr(dovecot: Dovecot, oauth2: OAuth2Account) -> None:
    text = repr(account_on(dovecot, oauth2=replace(oauth2, refresh_token=SecretStr("refresh-1"))))
    assert not any(secret in text for secret in (PASSWORD, "client-secret-xyz", "refresh-1"))
