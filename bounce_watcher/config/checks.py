"""How the keys of one table must fit together. Each check is a function of the fields that it compares; it runs if all
of them are valid, and raises ValueError with what is wrong with the first and how to fix it.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from inspect import signature
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from bounce_watcher.attribution.rewriting import DELIMITERS
from bounce_watcher.attribution.settings import AttributionSettings
from bounce_watcher.config.settings import Settings, WebSettings
from bounce_watcher.config.values import is_loopback, known, quoted, spell
from bounce_watcher.intake.imap.account import Grant, ImapAccount, OAuth2Account, Security
from bounce_watcher.model.keys import DAY
from bounce_watcher.outbox.http.reach import ForbiddenHost, Reach
from bounce_watcher.outbox.notifier import Notifier
from bounce_watcher.outbox.webhook.target import CLOUDEVENTS_SOURCE, Format, WebhookTarget
from bounce_watcher.policy.guards.limits import AlertSettings, FloodSettings, GuardSettings
from bounce_watcher.policy.settings import PolicySettings, Threshold

_PORTS: Final = {Security.TLS: 993, Security.STARTTLS: 143, Security.NONE: 143}
USUAL: Final[Mapping[type, Mapping[str, Callable[[Mapping[str, Any]], Any]]]] = {
    ImapAccount: {
        "security": lambda _: Security.TLS,
        "port": lambda values: _PORTS[values.get("security", Security.TLS)],
    },
}
"""The values of optional keys whose fields have no default."""

MISSING_FOR: Final[Mapping[tuple[type, str], str]] = {
    (WebhookTarget, "url"): 'add url = "https://platform.example.com/hooks/bounces", or url_file = "…" where it is a '
                            "secret",
    (WebhookTarget, "secret"): 'every webhook is signed; add secret_file = "…". Make one with: echo "whsec_$(openssl '
                               'rand -base64 32)"',
    (Notifier, "url"): 'add the Apprise URL of a mailbox or chat, as url_file = "…"; see '
                       "https://appriseit.com/services/",
}
"""How to add a required key, if config.example.toml does not show it."""

F = TypeVar("F", bound=Callable[..., None])
_CHECKS: Final[list[tuple[type, tuple[str, ...], Callable[..., None]]]] = []


def _of(settings: type, *names: str, **others: object) -> Callable[[F], F]:
    """Registers a check of the fields with these names, by default those of its parameters; `others` are constants."""
    def add(check: F) -> F:
        _CHECKS.append((settings, names or tuple(signature(check).parameters), partial(check, **others)))
        return check

    return add


def broken(settings: type, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yields each failed check of a table: the field at fault, and why."""
    for owner, names, check in _CHECKS:
        if issubclass(settings, owner) and all(name in values for name in names):
            try:
                check(*(values[name] for name in names))
            except ValueError as fault:
                yield names[0], str(fault)


# ── mailboxes ───────────────────────────────────────────────────────────────────────────────────────────────────────

@_of(OAuth2Account, "refresh_token", "grant", needing=Grant.REFRESH_TOKEN, key="refresh_token_file")
@_of(OAuth2Account, "client_secret", "grant", needing=Grant.CLIENT_CREDENTIALS, key="client_secret_file")
def _has_what_its_grant_needs(secret: SecretStr | None, grant: Grant, needing: Grant, key: str) -> None:
    if secret is None and grant is needing:
        raise ValueError(f'missing: grant = "{grant}" needs it; add {key} = "…"')


@_of(ImapAccount)
def _encrypts(security: Security, host: str) -> None:
    if security is Security.NONE and not is_loopback(host):
        raise ValueError(
            '"none" would send the password unencrypted; it is allowed only for this machine '
            '(127.0.0.1, ::1, localhost): use "tls" or "starttls"'
        )


@_of(ImapAccount)
def _logs_in_one_way(password: SecretStr | None, oauth2: OAuth2Account | None) -> None:
    if password is None and oauth2 is None:
        raise ValueError('missing: add password_file = "…", or a [mailbox.oauth2] table')
    if password is not None and oauth2 is not None:
        raise ValueError("is set together with [mailbox.oauth2]: keep only one way to log in")


@_of(ImapAccount, "quarantine_folder", "folders")
@_of(ImapAccount, "review_folder", "folders")
@_of(ImapAccount, "processed_folder", "folders")
def _is_not_watched(folder: str, folders: tuple[str, ...]) -> None:
    if folder in folders:
        raise ValueError(f"{quoted(folder)} is also in `folder`, so settled mail would be read again: use another "
                         "folder")


@_of(ImapAccount, "quarantine_folder", "processed_folder", "review_folder")
@_of(ImapAccount, "review_folder", "processed_folder")
def _is_apart(folder: str, processed_folder: str, review_folder: str | None = None) -> None:
    for key, other in (("processed_folder", processed_folder), ("review_folder", review_folder)):
        if folder == other:
            raise ValueError(f"{quoted(folder)} is already the {key}: use another folder")


@_of(ImapAccount)
def _outlasts_timeout(pass_deadline: timedelta, timeout: timedelta) -> None:
    if pass_deadline < timeout:
        raise ValueError(f"{spell(pass_deadline)} for a whole pass is shorter than timeout ({spell(timeout)}) for one "
                         "answer: make it longer")


# ── attribution and policy ──────────────────────────────────────────────────────────────────────────────────────────

@_of(AttributionSettings)
def _outlasts_bounces(token_max_age: timedelta | None) -> None:
    if token_max_age is not None and token_max_age < 7 * DAY:
        raise ValueError(f'{spell(token_max_age)} is too short, as servers take about five days to report a failure: '
                         'use at least "7d", or "never"')


@_of(AttributionSettings)
def _carries_tokens(return_path: str | None, token_key: bytes | None) -> None:
    if return_path is None and token_key is not None:
        raise ValueError('missing: with token_key set, add the return path that carries the tokens, such as '
                         'return_path = "returns@bounces.example.com"')


@_of(AttributionSettings)
def _is_a_delimiter(delimiter: str) -> None:
    known(delimiter, DELIMITERS)


@_of(Threshold)
def _days_have_bounces(distinct_days: int, bounces: int) -> None:
    if distinct_days > bounces:
        raise ValueError(f"{distinct_days} distinct days are impossible with bounces = {bounces}: "
                         f"set distinct_days to {bounces} or less, or bounces to {distinct_days} or more")


@_of(Threshold)
def _span_has_ends(span: timedelta, bounces: int) -> None:
    if span and bounces == 1:
        raise ValueError(f'one bounce (bounces = 1) has no span of {spell(span)}: set span = "0s", or raise bounces')


@_of(Threshold)
def _window_holds_the_span(window: timedelta, span: timedelta) -> None:
    if span > window:
        raise ValueError(f"{spell(window)} is shorter than span ({spell(span)}): the threshold could never be reached; "
                         "make it longer")


@_of(Threshold)
def _window_holds_the_days(window: timedelta, distinct_days: int) -> None:
    if distinct_days > window.days + 1:
        raise ValueError(f"{spell(window)} is too short for distinct_days = {distinct_days}: make it longer")


@_of(AlertSettings, "quiet", "window", two="alerts")
@_of(GuardSettings, "quiet", "window", two="outages")
def _outlasts_window(quiet: timedelta, window: timedelta, two: str) -> None:
    if quiet < window:
        raise ValueError(f"{spell(quiet)} is shorter than window ({spell(window)}): one window could count as two "
                         f"{two}; make it longer")


@_of(FloodSettings, "month", "day", name="day")
@_of(FloodSettings, "day", "hour", name="hour")
def _has_effect(most: int, shorter: int, name: str) -> None:
    if most < shorter:
        raise ValueError(f"{most} is less than {name} ({shorter}), which would then have no effect: lower {name} first")


# ── targets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

@_of(WebhookTarget, "cloudevents_type_prefix", "format", unset=None)
@_of(WebhookTarget, "cloudevents_source", "format", unset=CLOUDEVENTS_SOURCE)
def _is_of_a_cloudevent(value: str | None, format: Format, unset: str | None) -> None:
    if value != unset and format is Format.STANDARD:
        raise ValueError(f'has no effect with format = "{Format.STANDARD}": add format = "{Format.STRUCTURED}" or '
                         f'"{Format.BINARY}", or remove it')


@_of(WebhookTarget)
def _reaches_its_url(allow_hosts: frozenset[str], url: str) -> None:
    try:
        Reach(allow_hosts).check_unresolved(urlsplit(url).hostname or "localhost")
    except ForbiddenHost as refusal:
        raise ValueError(f"{refusal}, or correct url") from None


# ── the program ─────────────────────────────────────────────────────────────────────────────────────────────────────

@_of(Settings)
def _outlasts_tries(outbox_retention: timedelta | None) -> None:
    if outbox_retention is not None and outbox_retention < 7 * DAY:
        raise ValueError(f'{spell(outbox_retention)} is too short to investigate failures: use at least "7d", or '
                         '"never"')


@_of(Settings)
def _outlasts_raw_mail(event_retention: timedelta | None, raw_retention: timedelta | None) -> None:
    if event_retention is not None and (raw_retention is None or raw_retention > event_retention):
        other = spell(raw_retention) if raw_retention else "never"
        raise ValueError(f"{spell(event_retention)} is shorter than raw_retention ({other}): mail that is still kept "
                         "would create the events again; shorten raw_retention first")


@_of(Settings)
def _outlasts_counting(event_retention: timedelta | None, policy: PolicySettings) -> None:
    """A bounce must be kept as long as it can count, and until an outage around it is over."""
    needed = {"policy.soft.window": policy.soft.window, "policy.confirm.window": policy.confirm.window,
              "policy.guard.baseline": policy.guard.baseline}
    name, longest = max(needed.items(), key=lambda each: each[1])
    if event_retention is not None and event_retention < longest:
        raise ValueError(f"{spell(event_retention)} is shorter than {name} ({spell(longest)}): bounces would go while "
                         "they may still count; make it longer")


@_of(WebSettings)
def _is_beside_a_token(read_token: SecretStr | None, token: SecretStr | None) -> None:
    if read_token is not None and token is None:
        raise ValueError("has no effect without token: set token as well")
    if read_token is not None and read_token == token:
        raise ValueError("is the same as token: use another, or remove it")


@_of(WebSettings)
def _has_a_header(acting_users: frozenset[str], user_header: str | None) -> None:
    if acting_users and user_header is None:
        raise ValueError('has no effect without user_header: add user_header = "X-Forwarded-User", or remove it')


@_of(WebSettings)
def _is_guarded(host: str, port: int, token: SecretStr | None) -> None:
    if token is None and not is_loopback(host):
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        raise ValueError(f'{quoted(where)} is open to other machines and needs a token: add token_file = "…", or '
                         "listen on 127.0.0.1")
