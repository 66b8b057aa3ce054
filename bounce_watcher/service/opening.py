"""The ledger behind a configuration, with its schema brought up to date."""

from typing import TYPE_CHECKING, TypeVar

from bounce_watcher.config import Settings
from bounce_watcher.ledger.lists.reading import Lists

if TYPE_CHECKING:
    from bounce_watcher.ledger.store import Ledger

L = TypeVar("L", bound=Lists)


def open_ledger(settings: Settings) -> "Ledger":
    """Connects, applies pending migrations and makes the webhooks known. The caller closes it.

    Raises TemporaryFailure while the server is away, PermanentFailure for what a person must mend.
    """
    from bounce_watcher.ledger.store import Ledger  # noqa: PLC0415 - who only looks does not wait for what writes

    ledger = _opened(Ledger, settings)
    try:
        ledger.enroll({target.name: target.fingerprint for target in settings.webhooks})
    except BaseException:
        ledger.close()
        raise
    return ledger


def open_lists(settings: Settings) -> Lists:
    """As `open_ledger`, for those who only look: the webhooks do not change by it."""
    return _opened(Lists, settings)


def _opened(kind: type[L], settings: Settings) -> L:
    ledger = kind.connect(settings.database_url.get_secret_value())
    try:
        ledger.upgrade()
    except BaseException:
        ledger.close()
        raise
    return ledger
