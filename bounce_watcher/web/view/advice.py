"""What a sender can do about refusals that are its own trouble, and where receivers tell more of it themselves."""

from collections.abc import Mapping

from bounce_watcher.model.verdict import Reason

ADVICE: Mapping[Reason, str] = {
    Reason.SPAM: "Look at what was mailed, its links above all, and at how the recipients were gained.",
    Reason.VIRUS: "Look for what was attached or linked; scan the system that sends.",
    Reason.BLOCKLISTED: "Look the IP or domain up at the list that is named; mend the cause, then ask for removal.",
    Reason.BAD_REPUTATION: "Mail less and only those who read it, until complaints and bounces are few again.",
    Reason.AUTH_FAILURE: "Check SPF, DKIM and DMARC of the From domain, and whether a new system sends without them.",
    Reason.MISSING_PTR: "Give the sending IP a reverse DNS name that resolves back to it.",
    Reason.POLICY: "Read the reply: it most often names the rule or a page that explains it.",
    Reason.NOT_RFC_COMPLIANT: "Check headers, line lengths and encoding of what is sent.",
    Reason.CONTENT_REJECTED: "Look at attachments, links and the form of the mail.",
    Reason.MESSAGE_TOO_LARGE: "Send smaller mail: links in place of attachments.",
    Reason.SENDER_REJECTED: "Check that the envelope sender and From exist and take mail.",
    Reason.RELAY_DENIED: "Check the MX of the domain and the route that the mail took.",
    Reason.TOO_MANY_RECIPIENTS: "Put fewer recipients into one transaction.",
    Reason.TLS_FAILURE: "Check which TLS versions the sending server offers, and its certificate.",
    Reason.SECURITY: "Read the reply: it names what is demanded, such as a log-in.",
    Reason.PROTOCOL_ERROR: "Look at the log of the sending server for that transaction.",
    Reason.ALREADY_SUPPRESSED: "Take the address off the list of the relay in between, or stop mailing it.",
}
"""In one line each. Of reasons of `BounceType.BLOCK` only."""

PAGES: Mapping[str, tuple[str, str]] = {
    "google.com": ("Google Postmaster Tools", "https://postmaster.google.com/"),
    "outlook.com": ("Outlook.com Postmaster", "https://sendersupport.olc.protection.outlook.com/pm/"),
    "yahoo.com": ("Yahoo Sender Hub", "https://senders.yahooinc.com/"),
    "icloud.com": ("Apple: postmaster information", "https://support.apple.com/en-us/102322"),
    "gmx.net": ("GMX and WEB.DE Postmaster", "https://postmaster.gmx.net/en/"),
    "mail.ru": ("Mail.ru Postmaster", "https://postmaster.mail.ru/"),
    "yandex.ru": ("Yandex Postmaster", "https://postmaster.yandex.com/"),
    "t-online.de": ("Telekom Postmaster", "https://postmaster.t-online.de/"),
}
"""Where a provider tells senders of themselves: title and address."""
