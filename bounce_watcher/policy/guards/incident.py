"""What is struck out when an incident is undone: which reports, of which time. Pure."""

from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.model.grounds import Scene, Subject, SubjectKind
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.policy.days import start_of_day


@dataclass(frozen=True, slots=True)
class Incident:
    """Events of `since` <= at <= `until`, narrowed by what is not None of the others.

    `domain` is the recipient's, `provider` the organisation that took the mail, as the guard names it; `wording` is
    what was said alike. With `only_hard` soft bounces and complaints are none of it,
    with `only_unproven` nothing that a token or a signature of ours proves.
    """

    since: datetime
    until: datetime
    domain: str | None = None
    reason: str | None = None
    provider: str | None = None
    wording: Subject | None = None
    only_hard: bool = False
    only_unproven: bool = False

    @classmethod
    def of(cls, alert: Alert) -> "Incident | None":
        """What an alert is about: the hard bounces of an outage, or all that came of a provider while it blocked us.

        Of a flood it is all unproven reports from the beginning of its first day, those that passed among them.
        None for an alert on what never counts anyway.
        """
        if alert.ends_at is None:
            return None
        if alert.kind is AlertKind.OUTAGE:
            about = alert.subject
            if about.kind is SubjectKind.WORDING:
                return cls(alert.since, alert.ends_at, wording=about, only_hard=True)
            return cls(alert.since, alert.ends_at, provider=about.name, only_hard=True)
        if alert.kind is AlertKind.FLOOD:
            return cls(start_of_day(alert.since), alert.ends_at, only_unproven=True)  # first came what passed
        if alert.kind is AlertKind.BLOCKS:
            return cls(alert.since, alert.ends_at, provider=alert.subject.name)
        return None

    @property
    def scene(self) -> Scene:
        wording = None if self.wording is None else self.wording.name
        return Scene(self.since, self.until, self.provider, wording, self.domain, self.reason)
