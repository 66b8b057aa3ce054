"""One mailbox on an IMAP server: how to log in, and where settled mail goes."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import SecretStr

from bounce_watcher.model.about import About, AboutKind
from bounce_watcher.model.keys import DAY, KIB, MIB, MINUTE, SECOND, Between, Key, KeyMark, ValueKind


class Security(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"  # the configuration allows it for loopback only


class Mechanism(StrEnum):
    """SASL mechanisms that carry an OAuth2 access token (RFC 7628; XOAUTH2 is Google's and Microsoft's)."""

    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


class PasswordLogin(StrEnum):
    """How a password is sent to the server."""

    PLAIN = "plain"  # AUTHENTICATE PLAIN, RFC 4616
    LOGIN = "login"  # the command LOGIN, RFC 3501 section 6.2.3; AUTHENTICATE LOGIN if the server forbids that


class Grant(StrEnum):
    """An OAuth2 grant: RFC 6749 sections 4.4 and 6."""

    CLIENT_CREDENTIALS = "client_credentials"  # Microsoft 365
    REFRESH_TOKEN = "refresh_token"            # Google


@dataclass(frozen=True, slots=True)
class OAuth2Account:
    grant: Grant
    token_url: Annotated[str, ValueKind.URL]
    client_id: str
    client_secret: SecretStr | None = None  # public clients have none
    refresh_token: SecretStr | None = None  # needed by Grant.REFRESH_TOKEN
    scope: str | None = None
    mechanism: Mechanism = Mechanism.XOAUTH2
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """One mailbox. Exactly one of `password` and `oauth2` is set. Times are timedeltas, sizes are in bytes.

    `folders` are watched. The three others take settled mail and are created when missing. Their names have "/" between
    levels, which is translated to the server's hierarchy delimiter.
    `auth`: None = what the server offers. If that fails for another cause than the password, the other way is tried
    once.
    `timeout` limits one answer of the server, `pass_deadline` a whole pass.
    `trusted_servers` are those whose Authentication-Results we believe.
    """

    name: Annotated[str, ValueKind.NAME]
    host: Annotated[str, ValueKind.HOST]
    port: Annotated[int, Between(1, 65535)]
    security: Security
    username: str
    password: SecretStr | None = None
    oauth2: OAuth2Account | None = None
    auth: PasswordLogin | None = None
    ca_file: Annotated[str | None, ValueKind.CA_FILE] = None
    folders: Annotated[
        tuple[str, ...], Key("folder"), ValueKind.FOLDER, KeyMark.SINGLE, KeyMark.FILLED, KeyMark.ONCE
    ] = ("INBOX",)
    processed_folder: Annotated[str, ValueKind.FOLDER] = "Bounces/Processed"
    review_folder: Annotated[str, ValueKind.FOLDER] = "Bounces/Review"
    quarantine_folder: Annotated[str, ValueKind.FOLDER] = "Bounces/Quarantine"
    stream: str = "default"
    poll_every: Annotated[timedelta, Between(SECOND, DAY)] = timedelta(seconds=60)
    idle: bool = True
    timeout: Annotated[timedelta, Between(SECOND, 10 * MINUTE)] = timedelta(seconds=30)
    pass_deadline: Annotated[timedelta, Between(SECOND, DAY)] = timedelta(minutes=5)
    max_message_bytes: Annotated[int, KeyMark.SIZE, Between(64 * KIB, 256 * MIB)] = MIB
    page_messages: Annotated[int, Between(1, 1000)] = 500
    page_bytes: Annotated[int, KeyMark.SIZE, Between(64 * KIB, 1024 * MIB)] = 16 * MIB
    trusted_servers: Annotated[
        frozenset[str], Key("trusted_authserv_id"), ValueKind.AUTHSERV_ID, KeyMark.SINGLE, KeyMark.FILLED, KeyMark.ONCE
    ] = frozenset()

    @property
    def about(self) -> About:
        return About(AboutKind.MAILBOX, self.name)
