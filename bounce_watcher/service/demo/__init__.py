"""Demonstrates the main job on one machine: an embedded IMAP server with bounces, the real service, a webhook receiver.

stage.py sets it up and compares the result with what is expected, servers.py runs the servers, samples.py writes the
mail.
"""

from bounce_watcher.service.demo.stage import DemoOutcome, Stage, outcome, stage

__all__ = ["DemoOutcome", "Stage", "outcome", "stage"]
