"""Demonstrates the main job on one machine: an embedded IMAP server with bounces, the real service, a webhook receiver.

stage.py sets it up, samples.py holds the mail, letters.py writes reports as mail servers do, outcome.py compares the
result with what is expected.
"""

from bounce_watcher.service.demo.outcome import DemoOutcome, outcome
from bounce_watcher.service.demo.stage import Stage, stage

__all__ = ["DemoOutcome", "Stage", "outcome", "stage"]
