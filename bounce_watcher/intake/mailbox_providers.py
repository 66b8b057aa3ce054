"""The IMAP servers of known mailbox providers, and how a program logs in there.

Each row names the page of the provider's own help. All of them use TLS from the start, on port 993 (RFC 8314).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

IMAPS_PORT = 993


class LoginWith(StrEnum):
    """What a program logs in with."""

    PASSWORD = "password"
    APP_PASSWORD = "app password"  # one made for a program; the provider refuses the account's own
    OAUTH2 = "OAuth2"
    NONE = "none"                  # no IMAP from outside


@dataclass(frozen=True, slots=True)
class OAuth2Way:
    """How to get tokens from a provider: a grant, the token URL (with {tenant} to fill in) and the scope."""

    grant: str
    token_url: str
    scope: str | None


@dataclass(frozen=True, slots=True)
class MailboxProvider:
    """A provider. `domains` are those of its own addresses. `exchangers` are the ends of its customers' MX names.

    `advice` says what to do before a program can log in.
    """

    name: str
    host: str
    source: str
    domains: tuple[str, ...] = ()
    exchangers: tuple[str, ...] = ()
    access: LoginWith = LoginWith.PASSWORD
    advice: str = ""
    oauth2: OAuth2Way | None = None


_GOOGLE_OAUTH2 = OAuth2Way("refresh_token", "https://oauth2.googleapis.com/token", None)
_MICROSOFT_365_OAUTH2 = OAuth2Way(
    "client_credentials", "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/token",
    "https://outlook.office365.com/.default",
)
_OUTLOOK_OAUTH2 = OAuth2Way(
    "refresh_token", "https://login.microsoftonline.com/consumers/oauth2/v2.0/token",
    "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
)

PROVIDERS: tuple[MailboxProvider, ...] = (
    MailboxProvider(
        "Gmail", "imap.gmail.com", "support.google.com/mail/answer/7126229",
        ("gmail.com", "googlemail.com"), ("google.com", "googlemail.com"), LoginWith.APP_PASSWORD,
        "turn on 2-step verification, then make an app password at https://myaccount.google.com/apppasswords",
        _GOOGLE_OAUTH2,
    ),
    MailboxProvider(
        "Outlook.com", "outlook.office365.com", "support.microsoft.com: POP, IMAP, and SMTP settings for Outlook.com",
        ("outlook.com", "hotmail.com", "live.com", "msn.com"), ("olc.protection.outlook.com",), LoginWith.OAUTH2,
        "a personal mailbox takes no password from programs: register an app for personal accounts, and get a refresh "
        "token for the scope IMAP.AccessAsUser.All; a mailbox elsewhere is less trouble",
        _OUTLOOK_OAUTH2,
    ),
    MailboxProvider(
        "Microsoft 365", "outlook.office365.com",
        "learn.microsoft.com/exchange/client-developer/legacy-protocols/"
        "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
        ("onmicrosoft.com",), ("mail.protection.outlook.com", "mx.microsoft"), LoginWith.OAUTH2,
        "it takes no password from programs: in Entra register an app with the application permission "
        "IMAP.AccessAsApp and grant admin consent, make a client secret, then in Exchange Online PowerShell "
        "New-ServicePrincipal and Add-MailboxPermission -AccessRights FullAccess on this mailbox",
        _MICROSOFT_365_OAUTH2,
    ),
    MailboxProvider(
        "Fastmail", "imap.fastmail.com", "fastmail.help: Server names and ports", ("fastmail.com", "fastmail.fm"),
        ("messagingengine.com",), LoginWith.APP_PASSWORD,
        "make an app password with IMAP access under Settings, Privacy & Security",
    ),
    MailboxProvider(
        "iCloud", "imap.mail.me.com", "support.apple.com/102525", ("icloud.com", "me.com", "mac.com"),
        ("mail.icloud.com",), LoginWith.APP_PASSWORD,
        "make an app-specific password at https://account.apple.com; the user name is what stands before the @ of the "
        "iCloud address",
    ),
    MailboxProvider(
        "Yahoo", "imap.mail.yahoo.com", "help.yahoo.com/kb/SLN4075", ("yahoo.com", "ymail.com", "rocketmail.com"),
        ("yahoodns.net",), LoginWith.APP_PASSWORD, "make an app password under Account security",
    ),
    MailboxProvider(
        "AOL", "imap.aol.com", "help.aol.com/articles/how-do-i-use-other-email-applications-to-send-and-receive-my-"
        "aol-mail", ("aol.com", "aim.com"), (), LoginWith.APP_PASSWORD, "make an app password under Account security",
    ),
    MailboxProvider(
        "mailbox.org", "imap.mailbox.org", "kb.mailbox.org", ("mailbox.org",), ("mailbox.org",),
    ),
    MailboxProvider(
        "IONOS", "imap.ionos.com", "ionos.com/help/email", (), ("ionos.com", "perfora.net", "1and1.com"),
    ),
    MailboxProvider("IONOS", "imap.ionos.de", "ionos.de/hilfe/e-mail", (), ("ionos.de", "kundenserver.de")),
    MailboxProvider("IONOS", "imap.ionos.co.uk", "ionos.co.uk/help/email", (), ("ionos.co.uk",)),
    MailboxProvider("IONOS", "imap.ionos.fr", "ionos.fr/assistance/email", (), ("ionos.fr",)),
    MailboxProvider("IONOS", "imap.ionos.es", "ionos.es/ayuda/correo", (), ("ionos.es",)),
    MailboxProvider("IONOS", "imap.ionos.it", "ionos.it/aiuto/email", (), ("ionos.it",)),
    *(
        MailboxProvider(
            "Zoho", f"{host}.zoho.{place}", "zoho.com/mail/help/imap-access.html", domains, exchangers,
            LoginWith.APP_PASSWORD,
            "turn on IMAP under Settings, Mail Accounts, and make an application-specific password if two-factor "
            "sign-in is on",
        )
        for place, host, domains, exchangers in (
            ("com", "imap", ("zohomail.com", "zoho.com"), ()), ("eu", "imap", ("zohomail.eu", "zoho.eu"), ()),
            ("com", "imappro", (), ("zoho.com",)), ("eu", "imappro", (), ("zoho.eu",)),
            ("in", "imappro", (), ("zoho.in",)), ("com.au", "imappro", (), ("zoho.com.au",)),
        )
    ),
    *(
        MailboxProvider(name, host, source, domains, advice="allow POP3 and IMAP in the settings of the mailbox")
        for name, host, source, domains in (
            ("GMX", "imap.gmx.net", "hilfe.gmx.net/pop-imap", ("gmx.net", "gmx.de", "gmx.at", "gmx.ch")),
            ("GMX", "imap.gmx.com", "support.gmx.com/pop-imap", ("gmx.com",)),
            ("WEB.DE", "imap.web.de", "hilfe.web.de/pop-imap", ("web.de",)),
        )
    ),
    MailboxProvider(
        "T-Online", "secureimap.t-online.de", "telekom.de/hilfe", ("t-online.de", "magenta.de"), (),
        LoginWith.APP_PASSWORD, "set a password for e-mail programs in the customer centre",
    ),
    MailboxProvider("Posteo", "posteo.de", "posteo.de/hilfe", ("posteo.de", "posteo.net"), ("posteo.de",)),
    MailboxProvider("Migadu", "imap.migadu.com", "migadu.com/guides", (), ("migadu.com",)),
    MailboxProvider("Infomaniak", "mail.infomaniak.com", "infomaniak.com/support", ("ik.me",), ("infomaniak.ch",)),
    MailboxProvider("OVHcloud", "ssl0.ovh.net", "help.ovhcloud.com", (), ("mail.ovh.net",)),
    MailboxProvider("Gandi", "mail.gandi.net", "docs.gandi.net", (), ("mail.gandi.net",)),
    MailboxProvider("Hetzner", "mail.your-server.de", "docs.hetzner.com/konsoleh", (), ("your-server.de",)),
    MailboxProvider("STRATO", "imap.strato.de", "strato.de/faq", (), ("rzone.de",)),
    MailboxProvider("Hostinger", "imap.hostinger.com", "hostinger.com/support", (), ("hostinger.com",)),
    MailboxProvider("Namecheap", "mail.privateemail.com", "namecheap.com/support", (), ("privateemail.com",)),
    MailboxProvider("Rackspace", "secure.emailsrvr.com", "docs.rackspace.com", (), ("emailsrvr.com",)),
    MailboxProvider(
        "Proton Mail", "", "proton.me/support/imap-smtp-and-pop3-setup", ("proton.me", "protonmail.com"),
        ("protonmail.ch",), LoginWith.NONE,
        "it is reached through Proton Mail Bridge only, which runs on a desktop: let bounces come to a mailbox "
        "elsewhere",
    ),
    MailboxProvider(
        "Tuta", "", "tuta.com/support", ("tuta.com", "tutanota.com"), ("tutanota.de",), LoginWith.NONE,
        "it has no IMAP: let bounces come to a mailbox elsewhere",
    ),
)


def provider_of_domain(domain: str) -> MailboxProvider | None:
    """Returns the provider whose own addresses have this domain, or a domain above it, as for onmicrosoft.com."""
    return next((each for each in PROVIDERS if any(_is_below(domain, name) for name in each.domains)), None)


def provider_of_exchangers(hosts: Iterable[str]) -> MailboxProvider | None:
    """Returns the provider by the MX of a customer's domain; the most specific name wins."""
    found = [
        (len(ending), each)
        for host in hosts for each in PROVIDERS for ending in each.exchangers if _is_below(host, ending)
    ]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def provider_of_host(host: str) -> MailboxProvider | None:
    """Returns the provider by its IMAP server. Of several there, prefers Microsoft 365, which has customer domains."""
    at_host = (each for each in PROVIDERS if each.host == host.casefold())
    return max(at_host, key=lambda each: each.oauth2 is _MICROSOFT_365_OAUTH2, default=None)


def _is_below(name: str, domain: str) -> bool:
    name = name.casefold().rstrip(".")
    return name == domain or name.endswith(f".{domain}")
