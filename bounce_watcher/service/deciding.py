"""The policy of a configuration as the ledger takes it."""

from functools import partial

from bounce_watcher.config import Settings
from bounce_watcher.ledger.course import Decide
from bounce_watcher.policy.decide import decide


def decider(settings: Settings) -> Decide:
    return partial(decide, settings=settings.policy)
