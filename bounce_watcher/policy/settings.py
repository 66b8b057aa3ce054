"""The numbers that a policy is made of. Defaults are those of the taxonomy and of config.example.toml."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from bounce_watcher.model.finding import Evidence
from bounce_watcher.model.ledger import Scope
from bounce_watcher.model.verdict import Reason
from bounce_watcher.policy.counting import CountRule
from bounce_watcher.policy.ladder import Ladder
from bounce_watcher.policy.limits import AlertSettings, FloodSettings, GuardSettings


class Mode(StrEnum):
    ENFORCE = "enforce"  # decide, record, tell the platform
    SHADOW = "shadow"    # decide and record, tell nobody


@dataclass(frozen=True, slots=True)
class Threshold:
    """So many bounces, on so many distinct days (UTC), at least `span` between first and last, all within `window`."""

    bounces: int
    distinct_days: int
    span: timedelta
    window: timedelta


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """`evidence_*`: the lowest grade that may count. `reasons`: those that count otherwise than by default."""

    mode: Mode = Mode.ENFORCE
    evidence_hard: Evidence = Evidence.REPORT
    evidence_soft: Evidence = Evidence.REPORT
    evidence_complaint: Evidence = Evidence.REPORT
    soft: Threshold = Threshold(bounces=3, distinct_days=3, span=timedelta(days=14), window=timedelta(days=60))
    confirm: Threshold = Threshold(bounces=2, distinct_days=2, span=timedelta(0), window=timedelta(days=60))
    hard_expiry: Ladder = (None,)
    soft_expiry: Ladder = (timedelta(days=7), timedelta(days=30), timedelta(days=180), None)
    complaint_expiry: Ladder = (None,)
    hard_scope: Scope = Scope.STREAM
    complaint_scope: Scope = Scope.GLOBAL
    protected_addresses: frozenset[str] = field(default_factory=frozenset)
    protected_domains: frozenset[str] = field(default_factory=frozenset)
    reasons: Mapping[Reason, CountRule] = field(default_factory=dict)
    guard: GuardSettings = field(default_factory=GuardSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    flood: FloodSettings = field(default_factory=FloodSettings)
