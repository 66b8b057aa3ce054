"""Own trouble: blocks, which never touch a recipient, and forged reports, as something that a person should hear of.

Blocks are counted by receiving provider, reason and sending IP where the reply tells it. Pure.
"""

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from bounce_watcher.model.fields import Action
from bounce_watcher.model.finding import Kind
from bounce_watcher.model.ledger import BounceEvent
from bounce_watcher.model.verdict import BounceType
from bounce_watcher.policy.guard import provider
from bounce_watcher.policy.limits import AlertSettings
from bounce_watcher.policy.spells import Limit, Spell, Window
from bounce_watcher.policy.words import day

FORGED = "forged"
"""The series of reports that are in doubt."""

_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.]\d)")
_IPV6 = re.compile(r"(?<![\w:])(?:[0-9a-f]{1,4}:){2,7}(?::?[0-9a-f]{1,4}){1,6}(?![\w:])", re.IGNORECASE)


def reports_series(event: BounceEvent) -> str | None:
    """All failures and delays that a provider reported: what blocks are a share of."""
    is_report = event.kind in (Kind.BOUNCE, Kind.DELAY) and event.action in (Action.FAILED, Action.DELAYED)
    return f"reports {provider(event)}" if is_report else None


def block_series(event: BounceEvent) -> str | None:
    """`block google.com bad_reputation 192.0.2.1`; `-` where no IP is told. None for what is no block."""
    if event.bounce_type is not BounceType.BLOCK or event.kind not in (Kind.BOUNCE, Kind.DELAY):
        return None
    return f"block {provider(event)} {event.reason} {sending_ip(event.diagnostic or '') or '-'}"


def sending_ip(reply: str) -> str | None:
    """The first IP address in a reply: receivers name the one that they refuse."""
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(reply[:1000]):
            try:
                return str(ipaddress.ip_address(match[0]))
            except ValueError:
                continue
    return None


def limit(window: Window, reports: int, settings: AlertSettings) -> Limit | None:
    """None where the blocks are too small a share of `reports`, all that the provider reported in the window.

    What is usual about it are those reports.
    """
    if window.count < settings.share * reports:
        return None
    return Limit(settings.min_blocks, reports)


def reports_of(block: str) -> str:
    """The series of reports that a series of blocks is a share of."""
    return f"reports {provider_of_blocks(block)}"


def provider_of_blocks(block: str) -> str:
    return block.split()[1]


@dataclass(frozen=True, slots=True)
class Share:
    """How much of a provider's mail is blocked: `blocks` in a spell so far, of `reports` of the provider in it.

    `sent`: mails that the platform says it sent to the provider's domains from the day of `since` on (UTC); 0 = it told
    of none. That is told by domain, so a domain of one's own at a provider is in no provider's figure.
    """

    blocks: int
    reports: int
    sent: int
    since: datetime

    def words(self) -> str:
        """Of what was sent where that is known; where less is known than was blocked, it is not."""
        if self.sent >= self.blocks:
            return f"{_percent(self.blocks, self.sent)} of {self.sent} mails sent to it since {day(self.since)}"
        return f"share of bounces {_percent(self.blocks, self.reports)}: {self.blocks} of {self.reports}"


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / max(whole, 1):.3g} %"


def blocks_because(series: str, spell: Spell, share: Share, settings: AlertSettings) -> str:
    """`40 blocks of google.com within 1 h: bad_reputation, sending IP 192.0.2.1; share of bounces 77 %: 40 of 52; …`"""
    _, receiver, reason, ip = series.split()
    sender = f", sending IP {ip}" if ip != "-" else ""
    return (
        f"{spell.peak} blocks of {receiver} within {_hours(settings)}: {reason}{sender}; {share.words()}; alarm from "
        f"{spell.limit.count}; since {day(spell.since)} {spell.since:%H:%M} UTC"
    )


def forged_because(series: str, spell: Spell, settings: AlertSettings) -> str:
    return (
        f"{spell.peak} reports within {_hours(settings)} contradict their own token, or are not from whom they say: "
        f"forged or mixed up; since {day(spell.since)} {spell.since:%H:%M} UTC"
    )


def _hours(settings: AlertSettings) -> str:
    return f"{settings.window / timedelta(hours=1):g} h"
