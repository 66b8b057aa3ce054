"""Troubles of a running service."""

from datetime import datetime

from bounce_watcher.model.faults import ErrorRaised
from bounce_watcher.service.state import Trouble


def failed(problem: str, since: datetime) -> Trouble:
    return Trouble(ErrorRaised("TemporaryFailure", problem), since)
