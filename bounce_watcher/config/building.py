"""What is left to do when all tables are read: what one of them says on another, and what a person should know."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bounce_watcher.config.problems import Notes
from bounce_watcher.config.settings import Settings, WebSettings
from bounce_watcher.config.strength import GOOD_BITS, MAKE_ONE, bits
from bounce_watcher.model.finding import Evidence
from bounce_watcher.policy.settings import PolicySettings

SHORTEST_KEY = 16
"""In characters; RFC 2104 section 3 wants a key as long as the digest, and fewer than these are guessed."""


def build(settings: Settings, data: Mapping[str, Any], notes: Notes) -> Settings:
    """The settings of a faultless file as a whole. What a person should know of them goes to `notes`."""
    settings = replace(
        settings,
        webhooks=tuple(
            replace(webhook, url_is_secret=notes.is_elsewhere(("webhook", index, "url")))
            for index, webhook in enumerate(settings.webhooks)
        ),
        attribution=replace(settings.attribution, authserv_ids=tuple(
            (mailbox.name, mailbox.trusted_servers) for mailbox in settings.mailboxes if mailbox.trusted_servers
        )),
    )
    if settings.attribution.token_keys:
        settings = replace(settings, policy=_asking_for_tokens(settings, data))
    _warn_of_silence(settings, notes)
    if settings.web is not None:
        _warn_of_access(settings.web, notes)
    return settings


def _asking_for_tokens(settings: Settings, data: Mapping[str, Any]) -> PolicySettings:
    """Where tokens prove a report, nothing less counts unless the file says so."""
    said = data.get("policy", {}).get("evidence", {})
    unsaid = {"hard", "soft", "complaint"} - set(said)
    grades: dict[str, Any] = {f"evidence_{name}": Evidence.TOKEN for name in unsaid}
    return replace(settings.policy, **grades)


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
