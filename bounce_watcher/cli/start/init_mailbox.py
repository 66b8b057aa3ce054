"""The part of `init` that finds a mailbox and logs in to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import NoReturn

from pydantic import SecretStr

from bounce_watcher.cli.framework.asking import Asker, fits
from bounce_watcher.cli.framework.output import WrongUsage, complain
from bounce_watcher.config.values import is_loopback
from bounce_watcher.intake.imap.account import Grant, ImapAccount, Mechanism, OAuth2Account, Security
from bounce_watcher.intake.imap.oauth2 import TokenStore
from bounce_watcher.intake.mailbox_providers import LoginWith, MailboxProvider, OAuth2Way, provider_of_host
from bounce_watcher.model.errors import BounceWatcherError, PermanentFailure, TemporaryFailure
from bounce_watcher.model.keys import ValueKind
from bounce_watcher.service.setup.discovery import (
    USUAL_PORTS,
    Certificate,
    Greeting,
    Look,
    ServerCandidate,
    Untrusted,
    first_to_greet,
    greet,
    look,
    places,
    shown_certificate,
    trial_account,
)
from bounce_watcher.service.setup.writing import CERTIFICATE, ConfigDraft

NAME = "returns"
_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line gives. What is None is asked for, or its proposal is taken."""

    address: str | None
    host: str | None
    security: str | None
    username: str | None
    password_file: str | None
    ca_file: Path | None
    trust_certificate: str | None
    tenant: str | None
    token_url: str | None
    scope: str | None
    client_id: str | None
    client_secret_file: str | None
    refresh_token_file: str | None
    folder: str | None
    stream: str | None
    return_path: str | None
    sign: bool | None
    webhook: str | None
    platform: str | None
    platform_key: list[str]
    shadow: bool | None
    listen: str | None
    web: bool | None
    database: str | None
    systemd: bool | None
    systemd_dir: Path


@dataclass(frozen=True, slots=True)
class OpenedMailbox:
    """A mailbox that was logged in to. `address` is None if only a user name is known."""

    address: str | None
    account: ImapAccount
    look: Look


def ask_mailbox(ask: Asker, given: Options, draft: ConfigDraft) -> OpenedMailbox:
    """Finds the server, logs in, chooses the folder, and stores the settings."""
    if given.address is None and given.host and given.username and not ask.attended:
        address = None
    else:
        address = ask.text(
            "Mail address that receives bounces", "--address", given.address, None, fits(ValueKind.ADDRESS)
        )
    greeting, trust = _find_server(ask, given, address)
    account, seen = _log_in(ask, given, greeting, trust, address, draft)
    folder = _choose_folder(ask, given, seen, account)
    ca_file = trust.ca_file
    if trust.certificate is not None:
        draft.certificate, ca_file = trust.certificate.pem, CERTIFICATE
    draft.put(
        "mailbox", name=NAME, host=account.host,
        port=account.port if account.port != USUAL_PORTS[account.security] else None,
        security=account.security.value if account.security is not Security.TLS else None,
        username=account.username, ca_file=ca_file, folder=folder if folder != "INBOX" else None, stream=given.stream,
    )
    return OpenedMailbox(address, replace(account, folders=(folder,)), seen)


# ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────────

@dataclass(frozen=True, slots=True)
class _Trust:
    """How to trust the server's certificate: a file of authorities, or one certificate."""

    ca_file: str | None = None
    certificate: Certificate | None = None

    @contextmanager
    def file(self) -> Iterator[str | None]:
        if self.certificate is None:
            yield self.ca_file
            return
        with NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(self.certificate.pem)
            file.flush()
            yield file.name


def _find_server(ask: Asker, given: Options, address: str | None) -> tuple[Greeting, _Trust]:
    if given.host:
        try:
            place = _place(given.host, _security(given.security))
        except ValueError as error:
            raise WrongUsage(f"--host: {error}") from None
    else:
        place = _place_found(ask, given, (address or "").rpartition("@")[2])
    trust = _Trust(str(given.ca_file.absolute()) if given.ca_file else None)
    while True:
        _refuse_in_vain(ask, given, place)
        try:
            return _greeted(ask, given, place, trust)
        except BounceWatcherError as failure:
            if not ask.attended:
                raise _plainly(failure) from None
            complain(str(_plainly(failure)))
        place = _place_asked(ask, place)


def _greeted(ask: Asker, given: Options, place: ServerCandidate, trust: _Trust) -> tuple[Greeting, _Trust]:
    try:
        return greet(place, trust.ca_file), trust
    except Untrusted as failure:
        if trust.ca_file:
            raise
        trust = _Trust(certificate=_trusted_by_a_person(ask, given, failure))
    with trust.file() as path:
        return greet(place, path), trust


def _trusted_by_a_person(ask: Asker, given: Options, failure: Untrusted) -> Certificate:
    """Returns the server's self-signed certificate if its fingerprint was named or confirmed. Else raises `failure`."""
    host, shown = failure.account.host, shown_certificate(failure.account)
    if not shown.is_self_signed:
        raise failure
    named = given.trust_certificate
    if named is not None and named.replace(":", "").replace(" ", "").upper() == shown.sha256.replace(":", ""):
        return shown
    if named is not None or not ask.attended:
        raise PermanentFailure(
            f"{host}: its certificate is self-signed, with the SHA-256 fingerprint {shown.sha256}",
            "compare it at the server, then name it by --trust-certificate, or its authority by --ca-file"
        )
    ask.note(f"The certificate of {host} is self-signed: {shown.subject}, until {shown.until.date()}")
    ask.note(f"SHA-256 {shown.sha256}")
    if not ask.yes("Does this match the server's fingerprint?", None, proposal=False):
        raise failure
    return shown


def _plainly(failure: BounceWatcherError) -> BounceWatcherError:
    """Rewords a failure: without a mailbox name, as nobody has given one yet, and with options in place of keys."""
    fix = failure.advice.naming(OPTIONS) if failure.advice else failure.fix
    return (PermanentFailure if isinstance(failure, PermanentFailure) else TemporaryFailure)(failure.problem, fix)


OPTIONS: Mapping[str, str] = {
    "host": "--host", "port": "the port in --host", "place": "--host HOST:PORT", "security": "--security",
    "ca_file": "--ca-file", "username": "--username", "password": "the password", "oauth2": "OAuth2",
}


def _refuse_in_vain(ask: Asker, given: Options, place: ServerCandidate) -> None:
    """Shows what a provider can't do before asking for credentials."""
    provider = place.provider
    if provider is None:
        return
    if provider.access is LoginWith.NONE:
        raise PermanentFailure(f"{provider.name}: {provider.advice}")
    if provider.access is LoginWith.OAUTH2 and given.client_id is None and not ask.attended:
        _refuse_password(place.host, provider)


def _security(text: str | None) -> Security | None:
    if text is None:
        return None
    try:
        return Security(text)
    except ValueError:
        raise WrongUsage(f"--security: {text!r} must be tls, starttls or none") from None


def _place(text: str, security: Security | None = None) -> ServerCandidate:
    """Parses HOST or HOST:PORT. Raises ValueError for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon or (":" in host and not host.startswith("[")):
        host, port = text, ""
    host = fits(ValueKind.HOST)(host.strip("[]"))
    if port and not (port.isdecimal() and 1 <= int(port) <= 65535):
        raise ValueError(f"{port} is not a port: from 1 to 65535")
    if security is Security.NONE and not is_loopback(host):
        raise ValueError("without encryption others can read the password; none is allowed for this machine only")
    number = int(port) if port else None
    usual = {port: kind for kind, port in USUAL_PORTS.items() if kind is not Security.NONE}
    likely = usual.get(number or 0) if not is_loopback(host) else None
    return ServerCandidate(host, "as you said", number, security or likely, provider_of_host(host))


def _is_place(text: str) -> str:
    _place(text)
    return text


def _place_found(ask: Asker, given: Options, domain: str) -> ServerCandidate:
    found = places(domain)
    provider = found[0].provider
    if provider is not None:
        ask.note(f"{found[0].because}: {provider.host or 'no IMAP server'}")
        return found[0]
    candidates = found if ask.attended else [each for each in found if each.is_sure]
    greeting = first_to_greet(candidates)
    if greeting is None and not ask.attended:
        raise PermanentFailure(f"{domain}: no IMAP server found", "name it with --host HOST or --host HOST:PORT")
    place = found[0] if greeting is None else replace(
        greeting.place, port=greeting.port, security=_security(given.security) or greeting.security
    )
    if greeting is None:
        ask.note(f"No IMAP server found at the usual hosts of {domain}.")
    else:
        ask.note(f"An IMAP server answers at {place.host}:{place.port} ({place.because})")
    return _place_asked(ask, place) if ask.attended else place


def _place_asked(ask: Asker, before: ServerCandidate) -> ServerCandidate:
    proposal = f"{before.host}:{before.port}" if before.port else before.host
    answer = ask.text("IMAP server", "--host", None, proposal, _is_place)
    return before if answer == proposal and before.port else _place(answer)


# ── the log-in ──────────────────────────────────────────────────────────────────────────────────────────────────────

def _log_in(
    ask: Asker, given: Options, greeting: Greeting, trust: _Trust, address: str | None, draft: ConfigDraft
) -> tuple[ImapAccount, Look]:
    place, provider = greeting.place, greeting.place.provider
    by_token = given.client_id is not None or (
        provider is not None and provider.access is LoginWith.OAUTH2
    ) or LoginWith.PASSWORD not in greeting.access
    if provider is not None and provider.advice:
        ask.note(f"{provider.name}: {provider.advice}")
    while True:
        username = ask.text("User name", "--username", given.username, address, fits(None))
        account = trial_account(place.host, greeting.port, greeting.security, username)
        if by_token:
            account = _with_oauth2(ask, given, account, provider, draft)
        else:
            secret = ask.secret("Password", "--password-file", given.password_file)
            account = replace(account, password=SecretStr(secret))
        try:
            with trust.file() as path:
                seen = look(replace(account, ca_file=path), TokenStore())
        except BounceWatcherError as failure:
            plain = _plainly(failure)
            if not ask.attended or given.password_file or given.client_secret_file or given.refresh_token_file:
                if provider is not None and provider.advice:
                    advice = f"{provider.name}: {provider.advice}"
                    plain = PermanentFailure(plain.problem, ". ".join(filter(None, (plain.fix, advice))))
                raise plain from None
            complain(str(plain))
            continue
        abilities = ", ".join(seen.abilities) or "none of MOVE, UIDPLUS, IDLE"
        ask.note(f"Logged in at {place.host}:{greeting.port} ({greeting.security}). The server can: {abilities}.")
        if account.password is not None:
            draft.keep("mailbox", "password", "imap-password", account.password.get_secret_value())
        return account, seen


def _with_oauth2(
    ask: Asker, given: Options, account: ImapAccount, provider: MailboxProvider | None, draft: ConfigDraft
) -> ImapAccount:
    way = provider.oauth2 if provider else None
    if given.client_id is None and not ask.attended:
        _refuse_password(account.host, provider)
    client_id = ask.text("Client id", "--client-id", given.client_id, None, fits(None))
    grant = Grant(way.grant) if way and not given.token_url else (
        Grant.REFRESH_TOKEN if given.refresh_token_file else Grant.CLIENT_CREDENTIALS
    )
    token_url = _token_url(ask, given, way)
    oauth2 = OAuth2Account(grant, token_url, client_id, scope=given.scope or (way.scope if way else None),
                           mechanism=Mechanism.XOAUTH2)
    draft.put("mailbox.oauth2", grant=grant.value, token_url=token_url, client_id=client_id, scope=oauth2.scope)
    if grant is Grant.CLIENT_CREDENTIALS or given.client_secret_file:
        secret = ask.secret("Client secret", "--client-secret-file", given.client_secret_file)
        draft.keep("mailbox.oauth2", "client_secret", "imap-client-secret", secret)
        oauth2 = replace(oauth2, client_secret=SecretStr(secret))
    if grant is Grant.REFRESH_TOKEN:
        token = ask.secret("Refresh token", "--refresh-token-file", given.refresh_token_file)
        draft.keep("mailbox.oauth2", "refresh_token", "imap-refresh-token", token)
        oauth2 = replace(oauth2, refresh_token=SecretStr(token))
    return replace(account, oauth2=oauth2)


def _refuse_password(host: str, provider: MailboxProvider | None) -> NoReturn:
    advice = f"; {provider.advice}" if provider and provider.advice else ""
    way = provider.oauth2 if provider else None
    where = "" if way and "{tenant}" not in way.token_url else "--tenant, " if way else "--token-url, "
    which = "--refresh-token-file" if way and way.grant == Grant.REFRESH_TOKEN.value else "--client-secret-file"
    raise PermanentFailure(
        f"{host} does not accept passwords from programs, only OAuth2{advice}. Then run this again with "
        f"{where}--client-id and {which}"
    )


def _token_url(ask: Asker, given: Options, way: OAuth2Way | None) -> str:
    if given.token_url or way is None:
        return ask.text("Token endpoint (https://…)", "--token-url", given.token_url, None, fits(ValueKind.URL))
    if "{tenant}" not in way.token_url:
        return way.token_url
    tenant = ask.text("Tenant (its id or one of its domains)", "--tenant", given.tenant, None, fits(ValueKind.HOST))
    return way.token_url.format(tenant=tenant)


# ── the folder ──────────────────────────────────────────────────────────────────────────────────────────────────────

def _choose_folder(ask: Asker, given: Options, seen: Look, account: ImapAccount) -> str:
    ours = (account.processed_folder, account.review_folder, account.quarantine_folder)
    shown = [f"{each.name} ({each.messages})" if each.messages is not None else each.name
             for each in seen.folders[:_SHOWN]]
    more = f" and {len(seen.folders) - _SHOWN} more" if len(seen.folders) > _SHOWN else ""
    ask.note(f"Folders, with their messages: {', '.join(shown)}{more}")

    def there(text: str) -> str:
        name = fits(ValueKind.FOLDER)(text)
        if name not in {each.name for each in seen.folders}:
            raise ValueError(f"no folder of that name; there are {', '.join(e.name for e in seen.folders)}")
        if name in ours:
            raise ValueError("processed mail goes there; name another")
        return name

    while True:
        folder = ask.text("Folder to watch", "--folder", given.folder, seen.proposed(ours), there)
        waiting = seen.messages_in(folder)
        ask.note(f"All mail in {folder} is read and then moved to {ours[0]}, or to {ours[1]} if a person should look "
                 "at it.")
        if given.folder or not waiting or ask.yes(
            f"It has {waiting} messages now. Is this mailbox or folder only for bounces?", None, proposal=True
        ):
            return folder
        ask.note("Use a filter on the server to move bounces into a folder of their own, and watch that one.")
