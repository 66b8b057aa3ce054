"""The settings of a policy. The defaults are those of the taxonomy and of config.example.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.keys import DAY, HOUR, Between, Choices, Key, KeyMark, ValueKind
from bounce_watcher.model.ledger import Scope
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.counting import CHOICES, DEFAULTS, CountRule
from bounce_watcher.policy.guards.limits import PROVEN, AlertSettings, FloodSettings, GuardSettings

Ladder = Annotated[tuple[timedelta | None, ...], Between(HOUR), KeyMark.SINGLE, KeyMark.FILLED, KeyMark.RISING]
"""How long a suppression lasts: the first of a recipient, the second and so on; the last duration applies to all
further ones. None = for good."""


class Mode(StrEnum):
    ENFORCE = "enforce"  # decide, record, tell the platform
    SHADOW = "shadow"    # decide and record, tell nobody


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number of bounces on a number of distinct days (UTC), all within `window`, the last `span` after the first."""

    bounces: Annotated[int, Between(1, 1000)]
    distinct_days: Annotated[int, Between(1, 1000)]
    span: timedelta
    window: Annotated[timedelta, Between(DAY, 3650 * DAY)]


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """The settings. `evidence_*` is the lowest grade that may count. `reasons` overrides how reasons count."""

    mode: Mode = Mode.ENFORCE
    evidence_hard: Annotated[Evidence, Key("evidence.hard")] = Evidence.REPORT
    evidence_soft: Annotated[Evidence, Key("evidence.soft")] = Evidence.REPORT
    evidence_complaint: Annotated[Evidence, Key("evidence.complaint")] = Evidence.REPORT
    soft: Threshold = Threshold(bounces=3, distinct_days=3, span=timedelta(days=14), window=timedelta(days=60))
    confirm: Threshold = Threshold(bounces=2, distinct_days=2, span=timedelta(0), window=timedelta(days=60))
    hard_expiry: Annotated[Ladder, Key("expiry.hard")] = (None,)
    soft_expiry: Annotated[Ladder, Key("expiry.soft")] = (7 * DAY, 30 * DAY, 180 * DAY, None)
    complaint_expiry: Annotated[Ladder, Key("expiry.complaint")] = (None,)
    hard_scope: Scope = Scope.STREAM
    complaint_scope: Scope = Scope.GLOBAL
    protected_addresses: Annotated[frozenset[str], Key("protected"), ValueKind.PROTECTED_ADDRESS] = frozenset()
    protected_domains: Annotated[frozenset[str], Key("protected"), ValueKind.PROTECTED_DOMAIN] = frozenset()
    reasons: Annotated[Mapping[Reason, CountRule], Choices(CHOICES, DEFAULTS)] = field(default_factory=dict)
    guard: GuardSettings = field(default_factory=GuardSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    flood: FloodSettings = field(default_factory=FloodSettings)

    @property
    def counts_unproven(self) -> bool:
        """Whether any unproven report may count."""
        asked = (self.evidence_hard, self.evidence_soft, self.evidence_complaint)
        return not all(grade.at_least(PROVEN) for grade in asked)
