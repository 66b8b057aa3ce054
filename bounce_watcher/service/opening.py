"""Opens the ledger of a configuration and brings its schema up to date."""

from bounce_watcher.config import Settings
from bounce_watcher.ledger.store import Ledger


def open_ledger(settings: Settings, *, to_look: bool = False) -> Ledger:
    """Connects, applies pending migrations and registers the webhooks. The caller closes the ledger.

    `to_look`: the caller only reads, so the registered webhooks are not changed. Raises TemporaryFailure while the
    server is away, PermanentFailure for what a person must fix.
    """
    ledger = Ledger.connect(settings.database_url.get_secret_value())
    try:
        ledger.upgrade()
        if not to_look:
            ledger.outbox.enroll({target.name: target.fingerprint for target in settings.webhooks})
    except BaseException:
        ledger.close()
        raise
    return ledger
