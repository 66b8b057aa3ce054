"""Turns a configuration's policy into the form that the ledger takes."""

from functools import partial

from bounce_watcher.config import Settings
from bounce_watcher.ledger.recording.reevaluate import DecisionContext
from bounce_watcher.policy.decide import decide
from bounce_watcher.policy.replay import Decide
from bounce_watcher.service.announcing import announcer


def decider(settings: Settings) -> Decide:
    return partial(decide, settings=settings.policy)


def judge(settings: Settings) -> DecisionContext:
    return DecisionContext(decider(settings), announcer(settings), settings.policy)
