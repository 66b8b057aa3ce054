"""Which reports an undo of an incident excludes, and of which time. Pure."""

from dataclasses import dataclass
from datetime import datetime

from bounce_watcher.model.grounds import Scene, Subject, SubjectKind
from bounce_watcher.model.ledger import Alert, AlertKind
from bounce_watcher.model.times import start_of_day


@dataclass(frozen=True, slots=True)
class Incident:
    """Events of `since` <= at <= `until`, narrowed by each other field that is not None.

    `domain` is the recipient's. `provider` is the organisation that took the mail, as the guard names it. `wording` is
    the wording that the reports share. `only_hard` leaves out soft bounces and complaints. `only_unproven` leaves out
    reports that a token or a signature of ours proves.
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
        """Returns the events of an alert: the hard bounces of an outage, or all of a provider while it blocked us.

        For a flood, all unproven reports from the beginning of its first day, including those that passed. None for an
        alert on events that never count.
        """
        if alert.ends_at is None:
            return None
        if alert.kind is AlertKind.OUTAGE:
            about = alert.subject
            if about.kind is SubjectKind.WORDING:
                return cls(alert.since, alert.ends_at, wording=about, only_hard=True)
            return cls(alert.since, alert.ends_at, provider=about.name, only_hard=True)
        if alert.kind is AlertKind.FLOOD:
            return cls(start_of_day(alert.since), alert.ends_at, only_unproven=True)  # those that passed came first
        if alert.kind is AlertKind.BLOCKS:
            return cls(alert.since, alert.ends_at, provider=alert.subject.name)
        return None

    @property
    def scene(self) -> Scene:
        wording = None if self.wording is None else self.wording.name
        return Scene(self.since, self.until, self.provider, wording, self.domain, self.reason)
