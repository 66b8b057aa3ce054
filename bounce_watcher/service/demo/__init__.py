"""The main job on one machine: an embedded IMAP server with sample bounces, the real service, a webhook receiver.

stage.py sets it up, samples.py is the mail in it, letters.py writes reports as mail servers do, outcome.py holds what
came of it against what must come.
"""

from bounce_watcher.service.demo.outcome import DemoOutcome, outcome
from bounce_watcher.service.demo.stage import Stage, stage

__all__ = ["DemoOutcome", "Stage", "outcome", "stage"]
