"""The ledger behind a configuration, with its schema brought up to date."""

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger


def open_ledger(settings: Settings) -> Ledger:
    """Connects, applies pending migrations and makes the webhooks known. The caller closes it.

    Raises TemporaryFailure while the server is away, PermanentFailure for what a person must fix.
    """
    ledger = open_to_look(settings)
    try:
        ledger.outbox.enroll({target.name: target.fingerprint for target in settings.webhooks})
    except BaseException:
        ledger.close()
        raise
    return ledger


def open_to_look(settings: Settings) -> Ledger:
    """As `open_ledger`, for those who only look: the webhooks do not change by it."""
    ledger = Ledger.connect(settings.database_url.get_secret_value())
    try:
        ledger.upgrade()
    except BaseException:
        ledger.close()
        raise
    return ledger
