"""Opens the ledger of a configuration and brings its schema up to date."""

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger


def open_ledger(settings: Settings) -> Ledger:
    """Connects, applies pending migrations and registers the webhooks. The caller closes the ledger.

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
    """Opens the ledger like `open_ledger`, for callers that only read: it does not change the registered webhooks."""
    ledger = Ledger.connect(settings.database_url.get_secret_value())
    try:
        ledger.upgrade()
    except BaseException:
        ledger.close()
        raise
    return ledger
