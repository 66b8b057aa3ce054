"""What a sender can do about refusals with causes on its own side, and where receivers publish more."""

from collections.abc import Mapping

from bounce_watcher.model.verdict import Reason

ADVICE: Mapping[Reason, str] = {
    Reason.SPAM: "Review the content, especially links, and how recipients were acquired.",
    Reason.VIRUS: "Check attachments and links; scan the sending system.",
    Reason.BLOCKLISTED: "Look up the IP or domain on the named list; fix the cause, then request removal.",
    Reason.BAD_REPUTATION: "Send less, only to engaged recipients, until complaints and bounces drop.",
    Reason.AUTH_FAILURE: "Check SPF, DKIM and DMARC of the From domain, and any new sending system.",
    Reason.MISSING_PTR: "Give the sending IP a reverse DNS name that resolves back to it.",
    Reason.POLICY: "Read the reply: it usually names the rule or a help page.",
    Reason.NOT_RFC_COMPLIANT: "Check headers, line lengths and encoding.",
    Reason.CONTENT_REJECTED: "Check attachments, links and message format.",
    Reason.MESSAGE_TOO_LARGE: "Send smaller mail: use links instead of attachments.",
    Reason.SENDER_REJECTED: "Check that the envelope sender and From exist and accept mail.",
    Reason.RELAY_DENIED: "Check the domain's MX and the route of the mail.",
    Reason.TOO_MANY_RECIPIENTS: "Use fewer recipients per transaction.",
    Reason.TLS_FAILURE: "Check the sending server's TLS versions and certificate.",
    Reason.SECURITY: "Read the reply: it names the requirement, such as a log-in.",
    Reason.PROTOCOL_ERROR: "Check the sending server's log for that transaction.",
    Reason.ALREADY_SUPPRESSED: "Remove the address from the relay's list, or stop mailing it.",
}
"""Advice in one line each, for reasons of `BounceType.BLOCK` only."""

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
"""Where a provider shows senders their own standing: title and address."""
