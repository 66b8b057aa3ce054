"""Trouble of our own that a person should know about: blocks, which never affect a recipient, and forged reports.

Blocks are counted by receiving provider, reason and, if the reply names it, sending IP. Pure.
"""

import ipaddress
import re

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.grounds import Blocks, Forgeries, Subject, SubjectKind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guards.limits import AlertSettings, in_hours
from bounce_watcher.policy.guards.outages import provider
from bounce_watcher.policy.guards.spells import Spell, SpellThreshold, Window

FORGED = Subject(SubjectKind.FORGED)  # the subject for all reports in doubt
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}(?![\w:])", re.IGNORECASE)


def reports_series(event: BounceEvent) -> str | None:
    """Returns the series of a provider's failures and delays, of which blocks are a share; None for other events."""
    is_report = event.kind in (Kind.BOUNCE, Kind.DELAY) and event.action in (Action.FAILED, Action.DELAYED)
    return reports_of(provider(event)) if is_report else None


def reports_of(receiver: str) -> str:
    """Returns the series of all reports of a provider."""
    return f"reports {receiver}"


def block_subject(event: BounceEvent) -> Subject | None:
    """Returns the provider, the reason and the sending IP; None if the event is no block."""
    if event.bounce_type is not BounceType.BLOCK or event.kind not in (Kind.BOUNCE, Kind.DELAY):
        return None
    return Subject(SubjectKind.PROVIDER, provider(event), event.reason, sending_ip(event.diagnostic or ""))


def sending_ip(reply: str) -> str | None:
    """Returns the first IP address in a reply, as receivers name the one that they refuse; None if it has none."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(reply[:1000]):
            try:
                return str(ipaddress.ip_address(match[0]))
            except ValueError:
                continue
    return None


def limit(window: Window, reports: int, settings: AlertSettings) -> SpellThreshold | None:
    """Returns the threshold; None if the blocks are too small a share of `reports`, the provider's in the window.

    Its `usual` is the number of those reports.
    """
    if window.count < settings.share * reports:
        return None
    return SpellThreshold(settings.min_blocks, reports)


def forged_grounds(spell: Spell, settings: AlertSettings) -> Forgeries:
    return Forgeries(spell.peak, in_hours(settings.window), spell.since)


def blocks_grounds(
    subject: Subject, spell: Spell, settings: AlertSettings, *, blocked: int, reports: int, sent: int
) -> Blocks:
    """Returns the grounds: `blocked` in the spell so far, of the provider's `reports` in it and `sent` mails to it.

    Sent mails are counted by domain, so a customer's own domain at a provider is in no provider's figure.
    """
    return Blocks(
        subject, spell.peak, in_hours(settings.window), blocked, reports, sent, spell.limit.count, spell.since
    )
