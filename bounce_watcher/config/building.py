"""The last steps after all tables are read: effects of one table on another, and warnings."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bounce_watcher.config.problems import Notes
from bounce_watcher.config.settings import Settings, WebSettings
from bounce_watcher.config.strength import GOOD_BITS, MAKE_ONE, bits
from bounce_watcher.model.finding import Evidence
from bounce_watcher.policy.settings import PolicySettings

SHORTEST_KEY = 16
"""In characters. RFC 2104 section 3 asks for a key as long as the digest; one shorter than this can be guessed."""


def build(settings: Settings, data: Mapping[str, Any], notes: Notes) -> Settings:
    """Completes the settings of a file without faults. Warnings go to `notes`."""
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
    """With a token key, only reports proven by a token count unless the file says otherwise."""
    said = data.get("policy", {}).get("evidence", {})
    unsaid = {"hard", "soft", "complaint"} - set(said)
    grades: dict[str, Any] = {f"evidence_{name}": Evidence.TOKEN for name in unsaid}
    return replace(settings.policy, **grades)


# ── warnings ───────────────────────────────────────────────────────────────────────────────────────────────────────

def _warn_of_silence(settings: Settings, notes: Notes) -> None:
    """Warns of settings that make less happen than people may expect."""
    if not settings.mailboxes:
        notes.warning(("mailbox",), "none is configured, so nothing is polled", "add a [[mailbox]]")
    policy, keys = settings.policy, settings.attribution.token_keys
    grades = {"hard": policy.evidence_hard, "soft": policy.evidence_soft, "complaint": policy.evidence_complaint}
    for name, grade in grades.items():
        if grade is Evidence.TOKEN and not keys:
            notes.warning(("policy", "evidence", name), '"token" is required, but attribution.token_key is not set: '
                                                        "nothing of this type will count until you set it")
    if any(len(key) < SHORTEST_KEY for key in keys):
        notes.warning(("attribution", "token_key"), f"a key with fewer than {SHORTEST_KEY} characters can be guessed",
                      "make one with: openssl rand -base64 32")


def _warn_of_access(web: WebSettings, notes: Notes) -> None:
    """Warns of unsafe or useless settings for access over HTTP."""
    for name, token in (("token", web.token), ("read_token", web.read_token)):
        if token is not None and bits(token.get_secret_value()) < GOOD_BITS:
            notes.warning(("web", name), "does not look random, so it may be guessed", MAKE_ONE)
    if web.user_header is not None and not web.acting_users:
        notes.warning(("web", "acting_users"), "is empty, so users of the proxy can look but not act",
                      'add acting_users = ["…"]')
    elif web.token is None and web.user_header is None:
        notes.warning(("web", "token"), "none is set, so HTTP is read-only (POST /api/v1/sent included) and open only "
                                        "to programs of this user on this machine", 'add token_file = "…"')
