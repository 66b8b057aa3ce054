"""One mailbox on an IMAP server: what it takes to log in and where settled mail goes."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from pydantic import SecretStr

from bounce_watcher.model.about import About, AboutKind


class Security(StrEnum):
    TLS = "tls"
    STARTTLS = "starttls"
    NONE = "none"  # config.py lets it through for loopback only


class Mechanism(StrEnum):
    """SASL mechanisms that carry an OAuth2 access token (RFC 7628; XOAUTH2 is Google's and Microsoft's)."""

    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


class PasswordLogin(StrEnum):
    """How a password is shown to the server."""

    PLAIN = "plain"  # AUTHENTICATE PLAIN, RFC 4616
    LOGIN = "login"  # the command LOGIN, RFC 3501 section 6.2.3; AUTHENTICATE LOGIN where the server forbids that


class Grant(StrEnum):
    """RFC 6749 sections 4.4 and 6."""

    CLIENT_CREDENTIALS = "client_credentials"  # Microsoft 365
    REFRESH_TOKEN = "refresh_token"            # Google


@dataclass(frozen=True, slots=True)
class OAuth2Account:
    grant: Grant
    token_url: str
    client_id: str
    client_secret: SecretStr | None = None  # public clients have none
    refresh_token: SecretStr | None = None  # needed by Grant.REFRESH_TOKEN
    scope: str | None = None
    mechanism: Mechanism = Mechanism.XOAUTH2
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class ImapAccount:
    """Just one of `password` and `oauth2` is set. Times are timedeltas, sizes bytes.

    `folders` are watched; the three others take settled mail and are created when missing. Their names are written
    with "/" between levels and translated to the server's hierarchy delimiter.
    `auth`: None = what the server offers; where that does not work and not for the password, the other way once.
    `timeout` bounds one answer of the server, `pass_deadline` a whole pass.
    """

    name: str
    host: str
    port: int
    security: Security
    username: str
    password: SecretStr | None = None
    oauth2: OAuth2Account | None = None
    auth: PasswordLogin | None = None
    ca_file: str | None = None
    folders: tuple[str, ...] = ("INBOX",)
    processed_folder: str = "Bounces/Processed"
    review_folder: str = "Bounces/Review"
    quarantine_folder: str = "Bounces/Quarantine"
    stream: str = "default"
    poll_every: timedelta = timedelta(seconds=60)
    idle: bool = True
    timeout: timedelta = timedelta(seconds=30)
    pass_deadline: timedelta = timedelta(minutes=5)
    max_message_bytes: int = 1024 * 1024
    page_messages: int = 500
    page_bytes: int = 16 * 1024 * 1024

    @property
    def about(self) -> About:
        return About(AboutKind.MAILBOX, self.name)
