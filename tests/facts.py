"""Facts for tests that need one and do not care which."""

from datetime import UTC, datetime

from bounce_watcher.ledger.recording.alerts import alert_on
from bounce_watcher.model.finding import Doubt, DoubtKind, Evidence
from bounce_watcher.model.grounds import Excluded, ExclusionKind, MailboxFails, MailboxFault, Subject, SubjectKind
from bounce_watcher.model.ledger import Actor, Alert, AlertKind
from bounce_watcher.model.verdict import Reason

DOUBT = Doubt(DoubtKind.OTHER_RECIPIENT, Evidence.TOKEN)
_REASONS = {each.value: each for each in Reason}
BY = Actor("jo", datetime(2026, 3, 1, 12, tzinfo=UTC), "as they asked")
EXCLUDED = Excluded(ExclusionKind.UNDETERMINED)


def about(text: str) -> Subject:
    """As `words.grounds.subject` writes it: `provider google.com`, `wording RULE WORDS`; else a mailbox's name."""
    kind, _, name = text.partition(" ")
    if kind == "wording":
        rule, _, words = name.partition(" ")
        return Subject(SubjectKind.WORDING, words, rule=rule)
    if kind == "block":
        provider, reason, ip = name.split()
        return Subject(SubjectKind.PROVIDER, provider, _REASONS[reason], None if ip == "-" else ip)
    return Subject(SubjectKind.PROVIDER, name) if kind == "provider" else Subject(SubjectKind.MAILBOX, text)


def an_alert(
    kind: AlertKind, subject: str, since: datetime, *, quote: str | None = None, count: int = 1
) -> Alert:
    grounds = MailboxFails(subject, MailboxFault.UNREAD, since)
    return alert_on(kind, about(subject), since, grounds, quote=quote, count=count)
